/// What became of everything recorded so far, in items: runs (twice each), steps and failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Stored, or changed what is stored.
    pub accepted: i64,
    /// Known already: sent twice because an answer was lost.
    pub duplicate: i64,
    /// Refused for good.
    pub rejected: i64,
    /// Attributes that the server left out.
    pub rejected_attributes: i64,
    /// Given up: the queue was full, or no server took them before `close` gave up.
    pub dropped: i64,
    /// Names and attributes that were no tokens: recorded as `invalid_name`, or left out.
    pub corrected: i64,
    /// Not acknowledged yet.
    pub pending: i64,
}

impl Receipt {
    /// Whether everything recorded is stored.
    pub fn complete(&self) -> bool {
        self.rejected == 0 && self.dropped == 0 && self.pending == 0
    }
}
