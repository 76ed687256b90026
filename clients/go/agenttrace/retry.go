package agenttrace

import (
	"context"
	"time"

	pb "github.com/agenttrace/agenttrace/clients/go/agenttrace/v1"
)

// RetryOptions say when work is tried again.
type RetryOptions struct {
	// MaxAttempts is how often it is tried at most; 3 when 0.
	MaxAttempts int
	// RetryIf tells whether an error is worth another attempt; nil: every one is.
	RetryIf func(error) bool
	// Delay returns how long to wait after an attempt (1, 2 ...); nil: not at all.
	Delay func(attempt int) time.Duration
}

// Retry does work until an attempt succeeds, and returns what the last one returned. Each attempt is its own
// step; a failure that a later attempt made good is recovered.
func Retry(
	ctx context.Context, stepType pb.StepType, name string, options RetryOptions, act func(context.Context, *Step) error,
) error {
	if options.MaxAttempts <= 0 {
		options.MaxAttempts = 3
	}
	var before *Step
	for attempt := 1; ; attempt++ {
		within, step := startStep(ctx, stepType, name, before)
		err := step.do(within, act)
		if err == nil || attempt >= options.MaxAttempts || ctx.Err() != nil || (options.RetryIf != nil && !options.RetryIf(err)) {
			return err
		}
		before = step
		if options.Delay != nil {
			wait(ctx, options.Delay(attempt))
		}
	}
}

// wait waits, or until the context is done.
func wait(ctx context.Context, duration time.Duration) {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
