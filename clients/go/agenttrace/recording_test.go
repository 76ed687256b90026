package agenttrace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	pb "github.com/agenttrace/agenttrace/clients/go/agenttrace/v1"
	"github.com/agenttrace/agenttrace/clients/go/internal/limits"
)

var errSecret = errors.New("the customer's card is 4111 1111 1111 1111")

// keeping returns a tracer that keeps what it records, for recorded to look at.
func keeping(options Options) *Tracer {
	options.AgentID = "support"
	queue := newQueue(1000, false)
	return &Tracer{options: options, queue: queue, beats: newHeartbeats(queue)}
}

func recorded(t *Tracer) *pb.UploadStepsRequest {
	all := &pb.UploadStepsRequest{}
	for _, batch := range t.queue.take() {
		all.Runs = append(all.Runs, batch.message.Runs...)
		all.Steps = append(all.Steps, batch.message.Steps...)
		all.Failures = append(all.Failures, batch.message.Failures...)
	}
	return all
}

func nothing(context.Context, *Step) error { return nil }

func TestARunEndsAsItsWorkDoes(t *testing.T) {
	tests := map[string]struct {
		work func(context.Context, *Run) error
		want string
	}{
		"nothing failed": {func(ctx context.Context, _ *Run) error { return Do(ctx, Tool, "a", nothing) }, "SUCCESS"},
		"an error leaves it": {func(ctx context.Context, _ *Run) error {
			return Do(ctx, Tool, "a", func(context.Context, *Step) error { return errSecret })
		}, "FAILURE"},
		"an error was swallowed": {func(ctx context.Context, _ *Run) error {
			_ = Do(ctx, Tool, "a", func(context.Context, *Step) error { return errSecret })
			return nil
		}, "PARTIAL"},
		"a step told of a failure": {func(ctx context.Context, _ *Run) error {
			return Do(ctx, Retrieve, "a", func(_ context.Context, step *Step) error { step.Fail("empty_retrieval"); return nil })
		}, "PARTIAL"},
		"the run told of one": {func(_ context.Context, run *Run) error {
			run.Fail(pb.FailureType_FAILURE_TYPE_MODEL, "truncated")
			return nil
		}, "PARTIAL"},
		"a later attempt made it good": {func(ctx context.Context, _ *Run) error {
			return Retry(ctx, Tool, "a", RetryOptions{}, failing(1, nil))
		}, "SUCCESS"},
		"it was cancelled": {func(context.Context, *Run) error { return fmt.Errorf("wrapped: %w", context.Canceled) }, "CANCELLED"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tracer := keeping(Options{})
			_ = tracer.Run(context.Background(), RunOptions{}, test.work)
			runs := recorded(tracer).Runs
			if got := strings.TrimPrefix(runs[len(runs)-1].Status.String(), "RUN_STATUS_"); got != test.want {
				t.Errorf("ended %s, want %s", got, test.want)
			}
		})
	}
}

// failing returns work that fails so many times, each time after work of its own within.
func failing(times int, within func(context.Context) error) func(context.Context, *Step) error {
	return func(ctx context.Context, _ *Step) error {
		times--
		if within != nil {
			if err := within(ctx); err != nil {
				return err
			}
		}
		if times >= 0 {
			return errSecret
		}
		return nil
	}
}

func TestEachAttemptIsItsOwnStep(t *testing.T) {
	tracer := keeping(Options{})
	_ = tracer.Run(context.Background(), RunOptions{}, func(ctx context.Context, _ *Run) error {
		return Retry(ctx, Tool, "search", RetryOptions{MaxAttempts: 3}, failing(2, nil))
	})
	all := recorded(tracer)
	first := all.Steps[0].StepId
	for i, step := range all.Steps {
		if step.Attempt != int32(i+1) || (i > 0) != (step.RetryOfStepId == first) {
			t.Errorf("step %d: attempt %d of %q", i, step.Attempt, step.RetryOfStepId)
		}
	}
	if len(all.Steps) != 3 || len(all.Failures) != 2 {
		t.Errorf("%d steps and %d failures, want 3 and 2", len(all.Steps), len(all.Failures))
	}
}

func TestAStepWithinAnAttemptThatRepeatsAFailedOneIsItsNextAttempt(t *testing.T) {
	tracer := keeping(Options{})
	inner := failing(1, nil)
	_ = tracer.Run(context.Background(), RunOptions{}, func(ctx context.Context, _ *Run) error {
		return Retry(ctx, Tool, "outer", RetryOptions{}, failing(0, func(ctx context.Context) error {
			return Do(ctx, Model, "inner", inner)
		}))
	})
	all := recorded(tracer)
	if got := all.Steps[2]; got.Name != "inner" || got.Attempt != 2 || got.RetryOfStepId != all.Steps[0].StepId {
		t.Errorf("the second inner step is attempt %d of %q", got.Attempt, got.RetryOfStepId)
	}
	if got := all.Runs[1].Status; got != pb.RunStatus_RUN_STATUS_SUCCESS {
		t.Errorf("the run ended %v", got)
	}
}

func TestRetryGivesUpWhereItIsTold(t *testing.T) {
	tracer := keeping(Options{})
	_ = tracer.Run(context.Background(), RunOptions{}, func(ctx context.Context, _ *Run) error {
		never := RetryOptions{RetryIf: func(error) bool { return false }}
		return Retry(ctx, Tool, "search", never, failing(2, nil))
	})
	if steps := recorded(tracer).Steps; len(steps) != 1 {
		t.Errorf("%d attempts, want 1", len(steps))
	}
}

func TestAFailureNamesWhatCausedIt(t *testing.T) {
	tracer := keeping(Options{})
	_ = tracer.Run(context.Background(), RunOptions{}, func(ctx context.Context, _ *Run) error {
		return Do(ctx, Plan, "outer", func(ctx context.Context, _ *Step) error {
			return fmt.Errorf("wrapped: %w", Do(ctx, Tool, "inner", func(context.Context, *Step) error { return errSecret }))
		})
	})
	failures := recorded(tracer).Failures
	if len(failures) != 2 || failures[1].CausedByFailureId != failures[0].FailureId {
		t.Errorf("recorded %v", failures)
	}
}

func TestAnErrorBesideEveryStepIsAFailureOfTheRun(t *testing.T) {
	tracer := keeping(Options{})
	_ = tracer.Run(context.Background(), RunOptions{}, func(context.Context, *Run) error { return errSecret })
	failures := recorded(tracer).Failures
	if len(failures) != 1 || failures[0].StepId != "" || failures[0].Type != pb.FailureType_FAILURE_TYPE_ORCHESTRATION {
		t.Errorf("recorded %v", failures)
	}
}

func TestAPanicIsRecordedAndGoesOn(t *testing.T) {
	tracer := keeping(Options{})
	func() {
		defer func() {
			if recover() != errSecret {
				t.Error("the panic did not go on as it was")
			}
		}()
		_ = tracer.Run(context.Background(), RunOptions{}, func(ctx context.Context, _ *Run) error {
			return Do(ctx, Tool, "a", func(context.Context, *Step) error { panic(errSecret) })
		})
	}()
	all := recorded(tracer)
	if len(all.Failures) != 1 || all.Failures[0].ExceptionType != "panic" || all.Runs[1].Status != pb.RunStatus_RUN_STATUS_FAILURE {
		t.Errorf("recorded %v", all)
	}
}

func TestWhatIsNoTokenIsLeftOutAndCounted(t *testing.T) {
	tracer := keeping(Options{})
	_ = tracer.Run(context.Background(), RunOptions{SessionID: "two words", Tags: []string{"ok", "not ok"}}, func(ctx context.Context, _ *Run) error {
		return Do(ctx, Tool, "two words", func(_ context.Context, step *Step) error {
			step.Set("region", "eu-1")
			step.Set("region2", "as it is written")
			step.Set("user_prompt", "hello")
			step.Set("Upper", 1)
			step.Set("a_list", []int{1})
			return nil
		})
	})
	all := recorded(tracer)
	step := all.Steps[0]
	if step.Name != "invalid_name" || len(step.Attributes) != 1 || all.Runs[0].SessionId != "" || len(all.Runs[0].Tags) != 1 {
		t.Errorf("recorded %v", all)
	}
	if receipt, _ := tracer.queue.snapshot(); receipt.Corrected != 7 {
		t.Errorf("%d corrected, want 7", receipt.Corrected)
	}
}

func TestAStepWithoutARunIsNothing(t *testing.T) {
	err := Do(context.Background(), Tool, "a", func(_ context.Context, step *Step) error {
		step.Set("a", 1)
		step.Fail("timeout")
		return errSecret
	})
	if err != errSecret {
		t.Errorf("returned %v", err)
	}
}

func TestAnOpenRunSaysThatItIsAlive(t *testing.T) {
	tracer := keeping(Options{})
	_, run := tracer.StartRun(context.Background(), RunOptions{})
	now := time.Now()
	tracer.beats.beat(now)
	run.End(nil)
	tracer.beats.beat(now)
	runs := recorded(tracer).Runs
	if len(runs) != 3 || !runs[1].HeartbeatTime.AsTime().Equal(now) || runs[1].EndTime != nil {
		t.Errorf("recorded %v", runs)
	}
}

func TestWhatDoesNotFitIsDroppedAndCounted(t *testing.T) {
	tracer := keeping(Options{})
	tracer.queue.capacity = 2
	_ = tracer.Run(context.Background(), RunOptions{}, func(ctx context.Context, _ *Run) error {
		for range 5 {
			_ = Do(ctx, Tool, "a", nothing)
		}
		return nil
	})
	if receipt, _ := tracer.queue.snapshot(); receipt.Dropped != 5 || receipt.Pending != 2 {
		t.Errorf("receipt %+v", receipt)
	}
}

func TestDisabledItDoesNothing(t *testing.T) {
	t.Setenv("AGENTTRACE_DISABLED", "1")
	tracer, err := NewTracer(Options{AgentID: "support"})
	if err != nil {
		t.Fatal(err)
	}
	_ = tracer.Run(context.Background(), RunOptions{SessionID: "two words"}, func(ctx context.Context, run *Run) error {
		return Do(ctx, Tool, "a", nothing)
	})
	if receipt, err := tracer.Close(context.Background()); err != nil || receipt != (Receipt{}) {
		t.Errorf("%+v, %v", receipt, err)
	}
}

func TestIDsAreCanonicalAndInOrderOfTime(t *testing.T) {
	first := newID()
	time.Sleep(2 * time.Millisecond)
	second := newID()
	if !limits.Forms["uuid"].MatchString(first) || first[14] != '7' || first >= second {
		t.Errorf("%s, then %s", first, second)
	}
}

func TestAUserKeyIsThatOfEveryClient(t *testing.T) {
	const want = "e286b7b944100ab478fe553b39122922de0000aee1d04087dc3e96eefc3a8d47"
	if got := UserKey("user-42", []byte("secret")); got != want {
		t.Errorf("key %s", got)
	}
}

func TestAnAgentIDThatIsNoTokenIsRefused(t *testing.T) {
	for _, id := range []string{"", "two words"} {
		if _, err := NewTracer(Options{AgentID: id}); err == nil {
			t.Errorf("%q is taken", id)
		}
	}
}

func TestMain(m *testing.M) {
	if os.Getenv("AGENTTRACE_ENDPOINT") == "" {
		fmt.Println("tests against a server are skipped: AGENTTRACE_ENDPOINT names none")
	}
	os.Exit(m.Run())
}
