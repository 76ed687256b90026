package agenttrace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/agenttrace/agenttrace/clients/go/agenttrace/v1"
)

// panicked stands for the panic that leaves a step or run.
type panicked struct{}

func (panicked) Error() string { return "panic" }

func newFailure(run *Run, failureType pb.FailureType, code string) *pb.Failure {
	return &pb.Failure{
		FailureId: newID(), RunId: run.ID(), Type: failureType, Code: code, OccurTime: timestamppb.Now(),
	}
}

func failureTypeOf(stepType pb.StepType) pb.FailureType {
	switch stepType {
	case Tool:
		return pb.FailureType_FAILURE_TYPE_TOOL
	case Retrieve:
		return pb.FailureType_FAILURE_TYPE_RETRIEVAL
	case Model, Respond:
		return pb.FailureType_FAILURE_TYPE_MODEL
	}
	return pb.FailureType_FAILURE_TYPE_ORCHESTRATION
}

// code returns the code of an error: what Options.Classify says, what the error says by a method
// FailureCode() string, or what kind of error it is. Its text is not read.
func (t *Tracer) code(err error) string {
	if t.options.Classify != nil {
		if told := t.options.Classify(err); isToken(told) {
			return told
		}
	}
	var own interface{ FailureCode() string }
	if errors.As(err, &own) && isToken(own.FailureCode()) {
		return own.FailureCode()
	}
	return codeOf(err)
}

func codeOf(err error) string {
	var timeout interface{ Timeout() bool }
	var network net.Error
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	switch {
	case grpcCodes[grpcStatusOf(err)] != "":
		return grpcCodes[grpcStatusOf(err)]
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, fs.ErrNotExist):
		return "not_found"
	case errors.Is(err, fs.ErrPermission):
		return "permission_denied"
	case errors.As(err, &network):
		return "connection_failed"
	case errors.As(err, &syntax), errors.As(err, &mismatch):
		return "schema_invalid"
	}
	return "uncaught_exception"
}

var grpcCodes = map[codes.Code]string{
	codes.Canceled:           "cancelled",
	codes.InvalidArgument:    "invalid_arguments",
	codes.DeadlineExceeded:   "timeout",
	codes.NotFound:           "not_found",
	codes.AlreadyExists:      "invalid_arguments",
	codes.PermissionDenied:   "permission_denied",
	codes.ResourceExhausted:  "rate_limited",
	codes.FailedPrecondition: "invalid_arguments",
	codes.Aborted:            "unavailable",
	codes.OutOfRange:         "invalid_arguments",
	codes.Unimplemented:      "not_found",
	codes.Internal:           "unavailable",
	codes.Unavailable:        "unavailable",
	codes.Unauthenticated:    "permission_denied",
}

func grpcStatusOf(err error) codes.Code {
	var carrier interface{ GRPCStatus() *status.Status }
	if errors.As(err, &carrier) {
		return carrier.GRPCStatus().Code()
	}
	return codes.OK
}

// describe tells of an error what may be told: the name of its type, and its gRPC status.
func describe(failure *pb.Failure, err error) {
	if err == nil {
		return
	}
	failure.ExceptionType = typeName(err)
	if code := grpcStatusOf(err); code != codes.OK && code <= codes.Unauthenticated {
		failure.GrpcStatus = proto.Int32(int32(code))
	}
}

// typeName returns the name of an error's type, of what fmt.Errorf has wrapped that of the wrapped one; empty
// where it is no token.
func typeName(err error) string {
	if _, panics := err.(panicked); panics {
		return "panic"
	}
	name := strings.TrimPrefix(fmt.Sprintf("%T", err), "*")
	for name == "fmt.wrapError" {
		err = errors.Unwrap(err)
		name = strings.TrimPrefix(fmt.Sprintf("%T", err), "*")
	}
	if !isToken(name) {
		return ""
	}
	return name
}
