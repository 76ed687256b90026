package agenttrace

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const errorDomain = "agenttrace"

// ErrorDetails is what the services tell of a call that failed.
type ErrorDetails struct {
	// Code is the gRPC status.
	Code codes.Code
	// Reason is a value of ErrorReason without its prefix, such as "RUN_NOT_FOUND"; empty when the error is not the services'.
	Reason string
	// Facts go with the reason, such as the scope that a key lacks.
	Facts map[string]string
	// Fields are the fields of the request that are wrong, with what they must be.
	Fields map[string]string
	// RetryAfter is when to try again; 0 when not told.
	RetryAfter time.Duration
}

// Explain returns the details of an error of a call.
func Explain(err error) ErrorDetails {
	told := status.Convert(err)
	details := ErrorDetails{Code: told.Code(), Facts: map[string]string{}, Fields: map[string]string{}}
	for _, detail := range told.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if detail.GetDomain() == errorDomain {
				details.Reason, details.Facts = detail.GetReason(), detail.GetMetadata()
			}
		case *errdetails.BadRequest:
			for _, violation := range detail.GetFieldViolations() {
				details.Fields[violation.GetField()] = violation.GetDescription()
			}
		case *errdetails.RetryInfo:
			details.RetryAfter = detail.GetRetryDelay().AsDuration()
		}
	}
	return details
}
