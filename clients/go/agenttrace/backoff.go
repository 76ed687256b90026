package agenttrace

import (
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
)

const (
	firstDelay   = 250 * time.Millisecond
	longestDelay = 30 * time.Second
	// A fault of the server may lie in one batch: it must not hold up all others for good.
	triesAtFaults = 5
)

// backoff waits twice as long after each failure in a row, with jitter, and as long as the server asks.
type backoff struct {
	failures, faults int
}

func (b *backoff) succeeded() { *b = backoff{} }

// givesUp tells whether sending again can not help: outages and wrong keys pass, wrong batches do not.
func (b *backoff) givesUp(details ErrorDetails) bool {
	switch details.Code {
	case codes.InvalidArgument:
		return b.giveUp()
	case codes.ResourceExhausted:
		return details.RetryAfter == 0 && b.giveUp()
	case codes.Unavailable, codes.DeadlineExceeded, codes.Unauthenticated, codes.PermissionDenied,
		codes.Canceled, codes.Aborted, codes.Unimplemented:
		return false
	}
	b.faults++
	return b.faults >= triesAtFaults && b.giveUp()
}

func (b *backoff) giveUp() bool {
	b.faults = 0
	return true
}

// delay returns how long to wait before the next try.
func (b *backoff) delay(asked time.Duration) time.Duration {
	longest := min(longestDelay, firstDelay<<b.failures)
	b.failures = min(b.failures+1, 10)
	// Jitter, so that a thousand agents do not come back in the same second.
	jitter := longest/2 + rand.N(longest/2)
	if asked > 0 {
		return asked + jitter/4
	}
	return jitter
}
