package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	pb "github.com/agenttrace/agenttrace/clients/go/agenttrace/v1"
)

// It breaks once; a service that is away would break for ever.
const mostBreaks = 3

func getRun(c *testCase, services *services) (any, error) {
	ctx, cancel := services.call(c)
	defer cancel()
	answer, err := getRunAnswer(ctx, c, services)
	if err != nil {
		return nil, err
	}
	run := answer.GetRun()
	var steps, failures [][]any
	for _, step := range answer.GetSteps() {
		steps = append(steps, []any{step.GetName(), step.GetType(), step.GetStatus(), step.GetAttempt()})
	}
	for _, f := range answer.GetFailures() {
		failures = append(failures, []any{f.GetFailure().GetCode(), f.GetFailure().GetType(), f.GetRecovered(), f.GetRoot()})
	}
	return object{
		"status": run.GetRun().GetStatus(), "complete": answer.GetCompleteness().GetComplete(),
		"step_count": run.GetStepCount(), "failed_step_count": run.GetFailedStepCount(),
		"retry_count": run.GetRetryCount(), "failure_count": run.GetFailureCount(),
		"input_tokens": run.GetInputTokens(), "cost_micro_usd": run.GetCostMicroUsd(), "steps": steps, "failures": failures,
	}, nil
}

func getRunAnswer(ctx context.Context, c *testCase, services *services) (*pb.GetRunResponse, error) {
	stub, err := services.query(c.To)
	if err != nil {
		return nil, err
	}
	request, err := read(c.Request, &pb.GetRunRequest{})
	if err != nil {
		return nil, err
	}
	return stub.GetRun(ctx, request)
}

// failingQuery makes a call that fails, a listing when it is read.
func failingQuery(ctx context.Context, c *testCase, services *services) error {
	switch c.Method {
	case "GetRun":
		_, err := getRunAnswer(ctx, c, services)
		return err
	case "ListRuns":
		request, err := read(c.Request, &pb.ListRunsRequest{})
		if err != nil {
			return err
		}
		return eachChunk(ctx, c, services, request, func(*pb.ListRunsResponse) {})
	}
	return fmt.Errorf("not known: %s", c.Method)
}

// eachChunk reads one stream of a listing to its end.
func eachChunk(
	ctx context.Context, c *testCase, services *services, request *pb.ListRunsRequest, take func(*pb.ListRunsResponse),
) error {
	stub, err := services.query(c.To)
	if err != nil {
		return err
	}
	stream, err := stub.ListRuns(ctx, request)
	if err != nil {
		return err
	}
	for {
		chunk, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		take(chunk)
	}
}

func listRuns(c *testCase, services *services) (any, error) {
	ctx, cancel := services.call(c)
	defer cancel()
	request, err := read(c.Request, &pb.ListRunsRequest{})
	if err != nil {
		return nil, err
	}
	var runIDs []string
	var sizes []int
	err = eachChunk(ctx, c, services, request, func(chunk *pb.ListRunsResponse) {
		runIDs = append(runIDs, idsOf(chunk.GetRuns())...)
		if len(chunk.GetRuns()) > 0 {
			sizes = append(sizes, len(chunk.GetRuns()))
		}
	})
	return object{"run_ids": runIDs, "chunk_sizes": sizes}, err
}

func listResuming(c *testCase, services *services) (any, error) {
	ctx, cancel := services.call(c)
	defer cancel()
	request, err := read(c.Request, &pb.ListRunsRequest{})
	if err != nil {
		return nil, err
	}
	var runIDs []string
	for broken := 0; ; broken++ {
		err := eachChunk(ctx, c, services, request, func(chunk *pb.ListRunsResponse) {
			runIDs = append(runIDs, idsOf(chunk.GetRuns())...)
			request.PageToken = chunk.GetNextPageToken()
		})
		if err == nil {
			return object{"run_ids": runIDs, "broken_streams": broken}, nil
		}
		if broken == mostBreaks {
			return nil, err
		}
	}
}

func watch(c *testCase, services *services) (any, error) {
	ctx, cancel := services.call(c)
	defer cancel()
	stub, err := services.query(c.To)
	if err != nil {
		return nil, err
	}
	request, err := read(c.Request, &pb.WatchRunsRequest{})
	if err != nil {
		return nil, err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	stream, err := stub.WatchRuns(watching, request)
	if err != nil {
		return nil, err
	}
	beginning, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	if _, err := record(ctx, services, c.RecordTo, c.First); err != nil {
		return nil, err
	}
	if request.ResumeToken, err = follow(stream, c.RunIDs[0]); err != nil {
		return nil, err
	}
	stop()
	if _, err := record(ctx, services, c.RecordTo, c.Second); err != nil {
		return nil, err
	}
	if stream, err = stub.WatchRuns(ctx, request); err != nil {
		return nil, err
	}
	if _, err := follow(stream, c.RunIDs[1]); err != nil {
		return nil, err
	}
	checkpoint := len(beginning.GetRuns()) == 0 && beginning.GetResumeToken() != ""
	return object{"checkpoint_first": checkpoint, "first": true, "second": true}, nil
}

// follow reads a watch until it has told of a run, and returns where the watch goes on.
func follow(stream grpc.ServerStreamingClient[pb.WatchRunsResponse], runID string) (string, error) {
	for {
		event, err := stream.Recv()
		if err == io.EOF {
			return "", errors.New("the watch ended before it told of the run")
		}
		if err != nil {
			return "", err
		}
		for _, id := range idsOf(event.GetRuns()) {
			if id == runID {
				return event.GetResumeToken(), nil
			}
		}
	}
}

func idsOf(runs []*pb.RunSummary) []string {
	var ids []string
	for _, summary := range runs {
		ids = append(ids, summary.GetRun().GetRunId())
	}
	return ids
}
