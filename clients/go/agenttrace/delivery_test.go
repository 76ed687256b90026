package agenttrace

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/agenttrace/agenttrace/clients/go/agenttrace/v1"
)

// answer is what a scripted server does with one stream: read so many messages, then acknowledge them or fail.
type answer struct {
	messages int64
	err      error
}

// scripted is a server on a socket that answers streams as it is told, then takes everything: what a server of
// ours does rarely, when it drains or is out of breath.
type scripted struct {
	pb.UnimplementedIngestServiceServer
	mutex   sync.Mutex
	script  []answer
	resends []bool // of every message that was acknowledged
	times   []time.Time
}

func (s *scripted) UploadSteps(stream grpc.ClientStreamingServer[pb.UploadStepsRequest, pb.UploadStepsResponse]) error {
	s.mutex.Lock()
	next := answer{messages: -1}
	if len(s.script) > 0 {
		next, s.script = s.script[0], s.script[1:]
	}
	s.times = append(s.times, time.Now())
	s.mutex.Unlock()
	if next.err != nil {
		return next.err
	}
	counts := &pb.RecordCounts{Runs: &pb.ItemCounts{}, Steps: &pb.ItemCounts{}, Failures: &pb.ItemCounts{}}
	taken := int64(0)
	for ; taken != next.messages; taken++ {
		message, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		counts.Runs.Accepted += int64(len(message.Runs))
		counts.Steps.Accepted += int64(len(message.Steps))
		s.mutex.Lock()
		s.resends = append(s.resends, message.Resend)
		s.mutex.Unlock()
	}
	return stream.SendAndClose(&pb.UploadStepsResponse{AcknowledgedMessageCount: taken, Counts: counts})
}

func serve(t *testing.T, script ...answer) (*scripted, *Tracer) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	service := &scripted{script: script}
	server := grpc.NewServer()
	pb.RegisterIngestServiceServer(server, service)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	tracer, err := NewTracer(Options{AgentID: "support", Endpoint: listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	return service, tracer
}

func closed(t *testing.T, tracer *Tracer) Receipt {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	receipt, err := tracer.Close(ctx)
	if err != nil {
		t.Fatalf("%v: %+v", err, receipt)
	}
	return receipt
}

func TestWhatAnEarlyAnswerDidNotAcknowledgeIsSentAgain(t *testing.T) {
	service, tracer := serve(t, answer{messages: 1})
	batches := []*batch{}
	for range 3 {
		one := &batch{message: &pb.UploadStepsRequest{}}
		one.add(&pb.Step{}, 0)
		batches = append(batches, one)
	}
	tracer.queue.added = 3
	sender := &uploader{queue: tracer.queue, service: pb.NewIngestServiceClient(tracer.conn), giveUp: context.Background()}
	sender.deliver(batches)

	if got := service.resends; len(got) != 3 || got[0] || !got[1] || !got[2] {
		t.Errorf("resend of the acknowledged messages: %v", got)
	}
	if receipt := closed(t, tracer); receipt.Accepted != 3 || !receipt.Complete() {
		t.Errorf("receipt %+v", receipt)
	}
}

func TestAServerThatIsAwayForAWhileLosesNothing(t *testing.T) {
	service, tracer := serve(t, answer{err: status.Error(codes.Unavailable, "draining")})
	_ = tracer.Run(context.Background(), RunOptions{}, func(ctx context.Context, _ *Run) error { return Do(ctx, Tool, "a", nothing) })
	if receipt := closed(t, tracer); receipt.Accepted != 3 || !receipt.Complete() {
		t.Errorf("receipt %+v", receipt)
	}
	if len(service.resends) != 1 || !service.resends[0] {
		t.Errorf("resend: %v", service.resends)
	}
}

func TestTheServersDelayIsWaitedFor(t *testing.T) {
	const asked = 700 * time.Millisecond
	limited, err := status.New(codes.ResourceExhausted, "slow down").WithDetails(
		&errdetails.RetryInfo{RetryDelay: durationpb.New(asked)})
	if err != nil {
		t.Fatal(err)
	}
	service, tracer := serve(t, answer{err: limited.Err()})
	_ = tracer.Run(context.Background(), RunOptions{}, func(ctx context.Context, _ *Run) error { return nil })
	receipt := closed(t, tracer)
	if !receipt.Complete() || service.times[1].Sub(service.times[0]) < asked {
		t.Errorf("tried again after %v: %+v", service.times[1].Sub(service.times[0]), receipt)
	}
}

func TestABatchThatIsRefusedForGoodHoldsUpNoOther(t *testing.T) {
	_, tracer := serve(t, answer{err: status.Error(codes.InvalidArgument, "bad")})
	_ = tracer.Run(context.Background(), RunOptions{}, func(ctx context.Context, _ *Run) error { return nil })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if receipt, err := tracer.Flush(ctx); err != nil || receipt.Dropped != 2 {
		t.Errorf("%v: %+v", err, receipt)
	}
	_ = tracer.Run(context.Background(), RunOptions{}, func(ctx context.Context, _ *Run) error { return nil })
	if receipt := closed(t, tracer); receipt.Dropped != 2 || receipt.Accepted != 2 {
		t.Errorf("receipt %+v", receipt)
	}
}

func TestCloseGivesUpWhenItsContextDoes(t *testing.T) {
	tracer, err := NewTracer(Options{AgentID: "support", Endpoint: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	_ = tracer.Run(context.Background(), RunOptions{}, func(ctx context.Context, _ *Run) error { return nil })
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	receipt, err := tracer.Close(ctx)
	if err != context.DeadlineExceeded || receipt.Dropped != 2 || receipt.Pending != 0 {
		t.Errorf("%v: %+v", err, receipt)
	}
	if again, _ := tracer.Close(context.Background()); again != receipt {
		t.Errorf("closed again: %+v", again)
	}
}

func TestAStreamCarriesNoMoreThanItMay(t *testing.T) {
	large := &batch{bytes: streamBytes/2 + 1}
	if got := head([]*batch{large, large, large}); len(got) != 1 {
		t.Errorf("%d batches of half a stream", len(got))
	}
	small := make([]*batch, streamMessages+10)
	for i := range small {
		small[i] = &batch{bytes: 1}
	}
	if got := head(small); len(got) != streamMessages {
		t.Errorf("%d small batches", len(got))
	}
}
