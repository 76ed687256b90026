package agenttrace

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
)

type quota struct{}

func (quota) Error() string       { return errSecret.Error() }
func (quota) FailureCode() string { return "quota_exceeded" }

func TestAnErrorIsToldByItsKindAndNeverByItsText(t *testing.T) {
	tests := map[string]error{
		"timeout":            fmt.Errorf("%w: %w", errSecret, context.DeadlineExceeded),
		"not_found":          &fs.PathError{Op: "open", Path: "/secret", Err: fs.ErrNotExist},
		"rate_limited":       status.Error(codes.ResourceExhausted, errSecret.Error()),
		"quota_exceeded":     fmt.Errorf("wrapped: %w", quota{}),
		"uncaught_exception": errSecret,
	}
	for want, err := range tests {
		tracer := keeping(Options{})
		_ = tracer.Run(context.Background(), RunOptions{}, func(ctx context.Context, _ *Run) error {
			return Do(ctx, Tool, "a", func(context.Context, *Step) error { return err })
		})
		all := recorded(tracer)
		if got := all.Failures[0].Code; got != want {
			t.Errorf("%T has code %s, want %s", err, got, want)
		}
		if text := prototext.Format(all); strings.Contains(text, "4111") || strings.Contains(text, "/secret") {
			t.Errorf("the text of an error was recorded: %s", text)
		}
	}
}

func TestOwnCodesComeFirst(t *testing.T) {
	tracer := keeping(Options{Classify: func(error) string { return "supervisor_needed" }})
	if got := tracer.code(context.DeadlineExceeded); got != "supervisor_needed" {
		t.Errorf("code %s", got)
	}
	tracer = keeping(Options{Classify: func(error) string { return "no token" }})
	if got := tracer.code(context.DeadlineExceeded); got != "timeout" {
		t.Errorf("code %s", got)
	}
}
