package main

import (
	"context"
	"io"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	pb "github.com/agenttrace/agenttrace/clients/go/agenttrace/v1"
)

// receipt is what both uploads answer with.
type receipt interface {
	GetCounts() *pb.RecordCounts
	GetRejections() []*pb.Rejection
}

func recordBatch(c *testCase, services *services) (any, error) {
	ctx, cancel := services.call(c)
	defer cancel()
	answer, err := record(ctx, services, c.To, c.Request)
	return outcome(answer), err
}

func record(ctx context.Context, services *services, to string, told *message) (*pb.RecordBatchResponse, error) {
	stub, err := services.ingest(to)
	if err != nil {
		return nil, err
	}
	request, err := read(told, &pb.RecordBatchRequest{})
	if err != nil {
		return nil, err
	}
	return stub.RecordBatch(ctx, request)
}

func outcome(answer receipt) object {
	counts := answer.GetCounts()
	rejections := [][]int64{}
	for _, r := range answer.GetRejections() {
		rejections = append(rejections, []int64{
			r.GetMessageIndex(), int64(r.GetKind()), int64(r.GetItemIndex()), int64(r.GetReason()), int64(r.GetField()),
		})
	}
	return object{"rejections": rejections, "counts": object{
		"runs": numbers(counts.GetRuns()), "steps": numbers(counts.GetSteps()), "failures": numbers(counts.GetFailures()),
		"rejected_attributes": counts.GetRejectedAttributeCount(), "rejected_messages": counts.GetRejectedMessageCount(),
		"unknown_fields": counts.GetUnknownFieldCount(),
	}}
}

func numbers(counts *pb.ItemCounts) []int64 {
	return []int64{counts.GetAccepted(), counts.GetDuplicate(), counts.GetRejected()}
}

func uploadSteps(c *testCase, services *services) (any, error) {
	streams := []object{}
	for _, told := range c.Streams {
		var messages []*pb.UploadStepsRequest
		for _, one := range told {
			message, err := read(one, &pb.UploadStepsRequest{})
			if err != nil {
				return nil, err
			}
			messages = append(messages, message)
		}
		answer, err := upload(c, services, messages)
		if err != nil {
			return nil, err
		}
		observed := outcome(answer)
		observed["acknowledged"], observed["close_reason"] = answer.GetAcknowledgedMessageCount(), answer.GetCloseReason()
		streams = append(streams, observed)
	}
	return object{"streams": streams}, nil
}

func upload(c *testCase, services *services, messages []*pb.UploadStepsRequest) (*pb.UploadStepsResponse, error) {
	ctx, cancel := services.call(c)
	defer cancel()
	stub, err := services.ingest(c.To)
	if err != nil {
		return nil, err
	}
	stream, err := stub.UploadSteps(ctx)
	if err != nil {
		return nil, err
	}
	for _, message := range messages {
		if err := stream.Send(message); err == io.EOF {
			break // the server has answered already
		} else if err != nil {
			return nil, err
		}
	}
	return stream.CloseAndRecv()
}

func uploadMany(c *testCase, services *services) (any, error) {
	one, err := read(c.Message, &pb.UploadStepsRequest{})
	if err != nil {
		return nil, err
	}
	streams, runs := []object{}, []int64{0, 0, 0}
	for left := c.Count; left > 0; {
		messages := make([]*pb.UploadStepsRequest, left)
		for i := range messages {
			messages[i] = one
		}
		answer, err := upload(c, services, messages)
		if err != nil {
			return nil, err
		}
		for i, number := range numbers(answer.GetCounts().GetRuns()) {
			runs[i] += number
		}
		left -= answer.GetAcknowledgedMessageCount()
		streams = append(streams, object{
			"acknowledged": answer.GetAcknowledgedMessageCount(), "close_reason": answer.GetCloseReason(),
		})
	}
	return object{"streams": streams, "runs": runs}, nil
}

func deadline(c *testCase, services *services) (any, error) {
	one, err := read(c.Message, &pb.UploadStepsRequest{})
	if err != nil {
		return nil, err
	}
	stub, err := services.ingest(c.To)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(c.TimeoutSeconds*float64(time.Second)))
	defer cancel()
	stream, err := stub.UploadSteps(ctx)
	if err != nil {
		return nil, err
	}
	if err := stream.Send(one); err != nil {
		return nil, err
	}
	ended := stream.RecvMsg(&pb.UploadStepsResponse{})
	one.Resend = true
	answer, err := upload(c, services, []*pb.UploadStepsRequest{one})
	runs := answer.GetCounts().GetRuns()
	return object{"status": status.Code(ended), "stored": runs.GetAccepted() + runs.GetDuplicate()}, err
}

func failingCall(c *testCase, services *services) (any, error) {
	ctx, cancel := services.call(c)
	defer cancel()
	if c.Before != nil {
		if _, err := record(ctx, services, c.To, c.Before); err != nil {
			return nil, err
		}
	}
	switch c.Method {
	case "RecordBatch":
		_, err := record(ctx, services, c.To, c.Request)
		return explained(err), nil
	case "UploadSteps":
		one, err := read(c.Request, &pb.UploadStepsRequest{})
		if err == nil {
			_, err = upload(c, services, []*pb.UploadStepsRequest{one})
		}
		return explained(err), nil
	}
	return explained(failingQuery(ctx, c, services)), nil
}

func explained(err error) object {
	told := status.Convert(err)
	observed := object{
		"status": told.Code(), "reason": "", "domain": "", "metadata": object{}, "violations": []string{}, "has_retry_delay": false,
	}
	for _, detail := range told.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			observed["reason"], observed["domain"] = detail.GetReason(), detail.GetDomain()
			if detail.GetMetadata() != nil {
				observed["metadata"] = detail.GetMetadata()
			}
		case *errdetails.BadRequest:
			var fields []string
			for _, violation := range detail.GetFieldViolations() {
				fields = append(fields, violation.GetField())
			}
			observed["violations"] = fields
		case *errdetails.RetryInfo:
			observed["has_retry_delay"] = detail.GetRetryDelay().AsDuration() > 0
		}
	}
	return observed
}

func health(c *testCase, services *services) (any, error) {
	conn, err := services.connection(c.To)
	if err != nil {
		return nil, err
	}
	var answers []string
	for _, service := range c.Services {
		ctx, cancel := services.call(c)
		answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
		cancel()
		if status.Code(err) == codes.NotFound {
			answers = append(answers, "NOT_FOUND")
		} else if err != nil {
			answers = append(answers, status.Code(err).String())
		} else {
			answers = append(answers, answer.GetStatus().String())
		}
	}
	return object{"answers": answers}, nil
}
