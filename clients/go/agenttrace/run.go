package agenttrace

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/agenttrace/agenttrace/clients/go/agenttrace/v1"
	"github.com/agenttrace/agenttrace/clients/go/internal/limits"
)

// RunOptions are facts about a run, told with its start. Strings are tokens; all are optional.
type RunOptions struct {
	// SessionID is the conversation, ticket or job the run belongs to.
	SessionID string
	// UserKey is the user the run served: the hash that UserKey makes, never an id.
	UserKey string
	// ParentRunID is the run that started this one.
	ParentRunID string
	// Tags are labels, at most 32.
	Tags []string
}

// Run is one execution of an agent. It is safe for use by several goroutines.
type Run struct {
	tracer *Tracer
	base   *pb.Run

	mutex     sync.Mutex
	sequence  int32
	steps     int32
	failed    map[string]int32 // the last attempt that failed, by the first attempt's step id
	succeeded map[string]int32
	unmade    bool // a failure of the run as a whole: no attempt can make it good
	child     childFailure
	status    pb.RunStatus
	ended     bool
}

// childFailure is the last failure within a scope, to find out whether an error that leaves it was told already.
type childFailure struct {
	err error
	id  string
}

type scopeKey struct{}

// scope is where a new step belongs.
type scope struct {
	run  *Run
	step *Step // nil at the run itself
}

// StartRun opens a run; the returned context carries it to the steps within. End it with Run.End.
func (t *Tracer) StartRun(ctx context.Context, options RunOptions) (context.Context, *Run) {
	run := &Run{tracer: t, failed: map[string]int32{}, succeeded: map[string]int32{}}
	run.base = &pb.Run{
		RunId: newID(), AgentId: t.options.AgentID, AgentVersion: t.options.AgentVersion, Environment: t.options.Environment,
		Status: pb.RunStatus_RUN_STATUS_RUNNING, StartTime: timestamppb.Now(), LeaseDuration: durationpb.New(leaseDuration),
		SessionId: t.optionalToken(options.SessionID), UserKey: t.form("user_key", options.UserKey),
		ParentRunId: t.form("uuid", options.ParentRunID),
	}
	for _, tag := range options.Tags {
		if told := t.optionalToken(tag); told != "" && len(run.base.Tags) < limits.Tags {
			run.base.Tags = append(run.base.Tags, told)
		}
	}
	t.record(proto.CloneOf(run.base))
	t.beats.opened(run)
	return context.WithValue(ctx, scopeKey{}, scope{run: run}), run
}

// Run does work as a run: it ends with what the work returns. A panic ends it as a failure and goes on.
func (t *Tracer) Run(ctx context.Context, options RunOptions, work func(context.Context, *Run) error) (err error) {
	ctx, run := t.StartRun(ctx, options)
	err = error(panicked{})
	defer func() { run.End(err) }()
	err = work(ctx, run)
	return err
}

// ID returns the run's id.
func (r *Run) ID() string { return r.base.RunId }

// Status returns how the run ended, RUNNING before.
func (r *Run) Status() pb.RunStatus {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if !r.ended {
		return pb.RunStatus_RUN_STATUS_RUNNING
	}
	return r.status
}

// Fail tells of a failure of the run as a whole, which ends it partial at best.
func (r *Run) Fail(failureType pb.FailureType, code string) {
	r.mutex.Lock()
	r.unmade = true
	r.mutex.Unlock()
	failure := newFailure(r, failureType, r.tracer.name(code))
	r.tracer.record(failure)
}

// End ends the run: a failure if err is not nil (cancelled for context.Canceled), partial if a failure
// stayed that no later attempt made good, else a success. Once; later calls do nothing.
func (r *Run) End(err error) {
	r.mutex.Lock()
	if r.ended {
		r.mutex.Unlock()
		return
	}
	r.ended = true
	r.status = r.outcome(err)
	untold := err != nil && r.status == pb.RunStatus_RUN_STATUS_FAILURE && !r.child.tells(err)
	end := proto.CloneOf(r.base)
	end.Status, end.EndTime = r.status, timestamppb.Now()
	end.ExpectedStepCount = proto.Int32(min(r.steps, limits.StepsPerRun))
	r.mutex.Unlock()

	r.tracer.beats.ended(r)
	if untold {
		failure := newFailure(r, pb.FailureType_FAILURE_TYPE_ORCHESTRATION, r.tracer.code(err))
		describe(failure, err)
		r.tracer.record(failure)
	}
	r.tracer.record(end)
}

func (r *Run) outcome(err error) pb.RunStatus {
	switch {
	case errors.Is(err, context.Canceled):
		return pb.RunStatus_RUN_STATUS_CANCELLED
	case err != nil:
		return pb.RunStatus_RUN_STATUS_FAILURE
	case r.unmade || !r.recovered():
		return pb.RunStatus_RUN_STATUS_PARTIAL
	}
	return pb.RunStatus_RUN_STATUS_SUCCESS
}

// recovered tells whether a later attempt succeeded wherever a step failed, as the server reads it.
func (r *Run) recovered() bool {
	for first, attempt := range r.failed {
		if r.succeeded[first] <= attempt {
			return false
		}
	}
	return true
}

func (r *Run) heartbeat(now time.Time) *pb.Run {
	beat := proto.CloneOf(r.base)
	beat.HeartbeatTime = timestamppb.New(now)
	return beat
}

func (r *Run) nextSequence() int32 {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.sequence++
	return r.sequence - 1
}

// took counts a step that has ended.
func (r *Run) took(step *Step, failed bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.steps++
	attempts := r.succeeded
	if failed {
		attempts = r.failed
	}
	attempts[step.first] = max(attempts[step.first], step.message.Attempt)
}

func (c childFailure) tells(err error) bool {
	return c.err != nil && errors.Is(err, c.err)
}

func (t *Tracer) record(item proto.Message) {
	if t.queue != nil {
		t.queue.add(item)
	}
}

func (t *Tracer) corrected() {
	if t.queue != nil {
		t.queue.correct()
	}
}

// name returns a token that has to be there; invalid_name for what is none.
func (t *Tracer) name(text string) string {
	if isToken(text) {
		return text
	}
	t.corrected()
	return "invalid_name"
}

// optionalToken returns a token, or nothing for what is none.
func (t *Tracer) optionalToken(text string) string { return t.form("token", text) }

func (t *Tracer) form(name, text string) string {
	if text == "" || limits.Forms[name].MatchString(text) {
		return text
	}
	t.corrected()
	return ""
}
