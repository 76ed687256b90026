package agenttrace

// Receipt says what became of everything recorded so far.
type Receipt struct {
	// Accepted is how many items were stored, or changed what is stored.
	Accepted int64
	// Duplicate is how many were known already: sent twice because an answer was lost.
	Duplicate int64
	// Rejected is how many were refused for good.
	Rejected int64
	// RejectedAttributes is how many attributes the server left out.
	RejectedAttributes int64
	// Dropped is how many items were given up: the queue was full, or no server took them before Close gave up.
	Dropped int64
	// Corrected is how many names and attributes were no tokens: recorded as invalid_name, or left out.
	Corrected int64
	// Pending is how many items are not acknowledged yet.
	Pending int64
}

// Complete tells whether everything recorded is stored.
func (r Receipt) Complete() bool { return r.Rejected == 0 && r.Dropped == 0 && r.Pending == 0 }
