package agenttrace

import (
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

const (
	listingTries = 8
	longestPause = 5 * time.Second
)

// errStopped says that the reader of an iterator has seen enough.
var errStopped = errors.New("stopped")

// resumption decides whether and when a broken stream is opened again: if anything came before or the
// server says when, at most so many times in a row without progress.
type resumption struct {
	progressed bool
	tries      int
	most       int // 0: no bound
}

func (r *resumption) progress() { r.progressed, r.tries = true, 0 }

// pause waits before the next try; it returns the error where there is none.
func (r *resumption) pause(ctx context.Context, err error) error {
	details := Explain(err)
	tried := r.most > 0 && r.tries >= r.most
	if ctx.Err() != nil || !passes(details) || tried || !(r.progressed || details.RetryAfter > 0) {
		return err
	}
	r.tries++
	longest := min(longestPause, 100*time.Millisecond<<min(r.tries, 10))
	// Jitter, so that the readers of a server that restarts do not come back in the same moment.
	wait(ctx, max(details.RetryAfter, longest/2+rand.N(longest/2)))
	return ctx.Err()
}

// passes tells whether the same call can succeed later: an outage, or a connection that broke.
func passes(details ErrorDetails) bool {
	switch details.Code {
	case codes.ResourceExhausted:
		return details.RetryAfter > 0
	case codes.Unavailable:
		return true
	case codes.Canceled, codes.Unknown, codes.Internal:
		return details.Reason == "" // something on the way cut it off, rather than a server of ours
	}
	return false
}

// stream reads a stream's messages until it ends; take returns errStopped to end it.
func stream[M any](
	ctx context.Context, open func(context.Context) (grpc.ServerStreamingClient[M], error), take func(*M) error,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	messages, err := open(ctx)
	if err != nil {
		return err
	}
	for {
		message, err := messages.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := take(message); err != nil {
			return err
		}
	}
}

// page is one chunk of a listing.
type page[T any] struct {
	items []T
	next  string
}

// listing yields the items of a listing over as many streams as it takes. open begins at a page token with a limit.
func listing[M, T any](
	ctx context.Context, limit int64, token string,
	open func(ctx context.Context, token string, limit int64) (grpc.ServerStreamingClient[M], error),
	chunk func(*M) page[T],
) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		state := resumption{most: listingTries}
		left, token := limit, token
		take := func(message *M) error {
			read := chunk(message)
			state.progress()
			token = read.next
			left -= int64(len(read.items))
			for _, item := range read.items {
				if !yield(item, nil) {
					return errStopped
				}
			}
			return nil
		}
		for {
			err := stream(ctx, func(ctx context.Context) (grpc.ServerStreamingClient[M], error) {
				return open(ctx, token, left)
			}, take)
			over := state.progressed && (token == "" || (limit > 0 && left <= 0))
			if err == nil || err == errStopped || over {
				return
			}
			if err = state.pause(ctx, err); err != nil {
				var none T
				yield(none, err)
				return
			}
		}
	}
}
