package agenttrace

import (
	"context"
	"math"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/agenttrace/agenttrace/clients/go/agenttrace/v1"
	"github.com/agenttrace/agenttrace/clients/go/internal/limits"
)

// The types of steps.
const (
	Plan      = pb.StepType_STEP_TYPE_PLAN
	Retrieve  = pb.StepType_STEP_TYPE_RETRIEVE
	Tool      = pb.StepType_STEP_TYPE_TOOL
	Model     = pb.StepType_STEP_TYPE_MODEL
	Respond   = pb.StepType_STEP_TYPE_RESPOND
	Handoff   = pb.StepType_STEP_TYPE_HANDOFF
	Guardrail = pb.StepType_STEP_TYPE_GUARDRAIL
	Other     = pb.StepType_STEP_TYPE_OTHER
)

// Step is one atomic step of a run; each retry is its own. Its methods do nothing on a nil Step, which
// StartStep returns where the context carries no run. It is for one goroutine at a time.
type Step struct {
	run     *Run
	parent  *Step
	message *pb.Step
	first   string // the first attempt's step id
	failure *pb.Failure
	child   childFailure
	ended   bool
	// In an attempt: the steps within that failed, and those that failed within the attempt before.
	failedInside, toRepeat map[work]*Step
}

// work is what a step within an attempt is recognized by in the next attempt.
type work struct {
	stepType pb.StepType
	name     string
}

// StartStep opens a step of the context's run, nested in the context's step. End it with Step.End.
func StartStep(ctx context.Context, stepType pb.StepType, name string) (context.Context, *Step) {
	return startStep(ctx, stepType, name, nil)
}

// Do does work as a step: it ends with what the work returns. A panic ends it as an error and goes on.
func Do(ctx context.Context, stepType pb.StepType, name string, act func(context.Context, *Step) error) error {
	ctx, step := StartStep(ctx, stepType, name)
	return step.do(ctx, act)
}

func (s *Step) do(ctx context.Context, act func(context.Context, *Step) error) (err error) {
	err = error(panicked{})
	defer func() { s.End(err) }()
	err = act(ctx, s)
	return err
}

// startStep opens a step; before is the attempt before, if there was one.
func startStep(ctx context.Context, stepType pb.StepType, name string, before *Step) (context.Context, *Step) {
	within, found := ctx.Value(scopeKey{}).(scope)
	if !found {
		return ctx, nil
	}
	id := newID()
	step := &Step{run: within.run, parent: within.step, first: id}
	step.message = &pb.Step{
		RunId: within.run.ID(), StepId: id, Sequence: within.run.nextSequence(), Type: stepType,
		Name: within.run.tracer.name(name), Attempt: 1, StartTime: timestamppb.Now(),
	}
	if within.step != nil {
		step.message.ParentStepId = within.step.message.StepId
	}
	if before == nil {
		before = step.doneBefore()
	}
	if before != nil {
		step.repeats(before)
	}
	return context.WithValue(ctx, scopeKey{}, scope{within.run, step}), step
}

// doneBefore returns the step of the same work that failed within the attempt before.
func (s *Step) doneBefore() *Step {
	if s.parent == nil {
		return nil
	}
	key := work{s.message.Type, s.message.Name}
	before := s.parent.toRepeat[key]
	delete(s.parent.toRepeat, key)
	return before
}

func (s *Step) repeats(before *Step) {
	s.first = before.first
	s.message.Attempt = before.message.Attempt + 1
	s.message.RetryOfStepId = before.first
	s.toRepeat = before.failedInside
}

// ID returns the step's id; empty for a nil step.
func (s *Step) ID() string {
	if s == nil {
		return ""
	}
	return s.message.StepId
}

// Set tells an attribute: a string that is a token, a whole number, a finite number, or a bool. Others are left out
// and counted, and so are strings under keys that name content.
func (s *Step) Set(key string, value any) {
	if s == nil {
		return
	}
	told := attribute(value)
	_, isText := value.(string)
	known := s.message.Attributes[key] != nil
	full := len(s.message.Attributes) >= limits.Attributes && !known
	if told == nil || full || !limits.Forms["attribute_key"].MatchString(key) || (isText && limits.IsContentKey(key)) {
		s.run.tracer.corrected()
		return
	}
	if s.message.Attributes == nil {
		s.message.Attributes = map[string]*pb.AttributeValue{}
	}
	s.message.Attributes[key] = told
}

func attribute(value any) *pb.AttributeValue {
	switch value := value.(type) {
	case string:
		if isToken(value) {
			return &pb.AttributeValue{Value: &pb.AttributeValue_StringValue{StringValue: value}}
		}
	case int:
		return &pb.AttributeValue{Value: &pb.AttributeValue_IntValue{IntValue: int64(value)}}
	case int64:
		return &pb.AttributeValue{Value: &pb.AttributeValue_IntValue{IntValue: value}}
	case float64:
		if !math.IsNaN(value) && !math.IsInf(value, 0) {
			return &pb.AttributeValue{Value: &pb.AttributeValue_DoubleValue{DoubleValue: value}}
		}
	case bool:
		return &pb.AttributeValue{Value: &pb.AttributeValue_BoolValue{BoolValue: value}}
	}
	return nil
}

// SetModel tells the facts of a call of a model.
func (s *Step) SetModel(call *pb.ModelCall) {
	if s != nil {
		s.message.Model = call
	}
}

// SetTool tells the facts of a call of a tool; the step's name is the tool's name where it tells none.
func (s *Step) SetTool(call *pb.ToolCall) {
	if s != nil {
		s.message.Tool = call
	}
}

// SetRetrieval tells the collection that was asked, and how many records came back.
func (s *Step) SetRetrieval(source string, results int64) {
	if s != nil {
		s.message.Retrieval = &pb.Retrieval{Source: s.run.tracer.optionalToken(source), ResultCount: proto.Int64(results)}
	}
}

// Fail tells a failure with a code, such as "empty_retrieval": the step ends as an error whatever it returns.
func (s *Step) Fail(code string) {
	if s != nil {
		s.failure = newFailure(s.run, failureTypeOf(s.message.Type), s.run.tracer.name(code))
	}
}

// End ends the step: as an error if err is not nil, or if Fail was called. Once; later calls do nothing.
func (s *Step) End(err error) {
	if s == nil || s.ended {
		return
	}
	s.ended = true
	s.message.EndTime = timestamppb.Now()
	if s.message.EndTime.AsTime().Before(s.message.StartTime.AsTime()) {
		s.message.EndTime = s.message.StartTime // the clock was set back
	}
	if err != nil && s.failure == nil {
		s.failure = newFailure(s.run, failureTypeOf(s.message.Type), s.run.tracer.code(err))
	}
	s.message.Status = pb.StepStatus_STEP_STATUS_OK
	if s.failure != nil {
		s.message.Status = pb.StepStatus_STEP_STATUS_ERROR
		s.complete(err)
	}
	s.run.took(s, s.failure != nil)
	s.run.tracer.record(s.message)
	if s.failure != nil {
		s.run.tracer.record(s.failure)
	}
}

// complete gives the failure what is known of it at the end, and lets the scope around know it.
func (s *Step) complete(err error) {
	s.failure.StepId = s.message.StepId
	describe(s.failure, err)
	if s.child.tells(err) {
		s.failure.CausedByFailureId = s.child.id
	}
	told := childFailure{err, s.failure.FailureId}
	if s.parent == nil {
		s.run.mutex.Lock()
		s.run.child = told
		s.run.mutex.Unlock()
		return
	}
	s.parent.child = told
	if s.parent.failedInside == nil {
		s.parent.failedInside = map[work]*Step{}
	}
	s.parent.failedInside[work{s.message.Type, s.message.Name}] = s
}
