package agenttrace

import (
	"context"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	pb "github.com/agenttrace/agenttrace/clients/go/agenttrace/v1"
)

// products returns where a product runs, or skips.
func products(t *testing.T) (ingest, query string) {
	t.Helper()
	ingest, query = os.Getenv("AGENTTRACE_ENDPOINT"), os.Getenv("AGENTTRACE_QUERY_ENDPOINT")
	if ingest == "" || query == "" {
		t.Skip("AGENTTRACE_ENDPOINT and AGENTTRACE_QUERY_ENDPOINT name no running product")
	}
	return ingest, query
}

func opened(t *testing.T, endpoint string) *Client {
	t.Helper()
	client, err := NewClient(ClientOptions{Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// recordRuns records so many runs of a session.
func recordRuns(t *testing.T, session string, count int, work func(context.Context, *Run) error) []string {
	t.Helper()
	ingest, _ := products(t)
	tracer, err := NewTracer(Options{AgentID: "support", Endpoint: ingest})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for range count {
		_ = tracer.Run(context.Background(), RunOptions{SessionID: session}, func(ctx context.Context, run *Run) error {
			ids = append(ids, run.ID())
			return work(ctx, run)
		})
	}
	if receipt := closed(t, tracer); !receipt.Complete() || receipt.Corrected > 0 {
		t.Fatalf("receipt %+v", receipt)
	}
	return ids
}

func TestARecordedRunIsReadBack(t *testing.T) {
	_, query := products(t)
	ids := recordRuns(t, newID(), 1, func(ctx context.Context, _ *Run) error {
		_ = Do(ctx, Plan, "decide", func(ctx context.Context, _ *Step) error { return Do(ctx, Model, "choose", nothing) })
		return Retry(ctx, Tool, "search", RetryOptions{}, failing(1, nil))
	})
	read, err := opened(t, query).Run(within(t), ids[0])
	if err != nil {
		t.Fatal(err)
	}
	run := read.GetRun()
	if run.GetRun().GetStatus() != pb.RunStatus_RUN_STATUS_SUCCESS || run.GetStepCount() != 4 || run.GetRetryCount() != 1 {
		t.Errorf("read %v", run)
	}
	if !read.GetCompleteness().GetComplete() || len(read.GetFailures()) != 1 || !read.GetFailures()[0].GetRecovered() {
		t.Errorf("read %v", read)
	}
}

func TestAListingThatBreaksGoesOnWhereItWas(t *testing.T) {
	_, query := products(t)
	session := newID()
	ids := recordRuns(t, session, 120, func(context.Context, *Run) error { return nil })
	proxy := cutting(t, query, 6000)
	seen := map[string]int{}
	request := &pb.ListRunsRequest{Filter: &pb.RunFilter{SessionId: session}, PageSize: 2}
	for summary, err := range opened(t, proxy.address).Runs(within(t), request) {
		if err != nil {
			t.Fatal(err)
		}
		seen[summary.GetRun().GetRunId()]++
	}
	if len(seen) != len(ids) || proxy.cuts.Load() == 0 {
		t.Errorf("%d runs of %d, %d cuts", len(seen), len(ids), proxy.cuts.Load())
	}
	for id, times := range seen {
		if times != 1 {
			t.Errorf("run %s came %d times", id, times)
		}
	}
}

func TestALimitHoldsAndAReaderMayStop(t *testing.T) {
	_, query := products(t)
	session := newID()
	recordRuns(t, session, 10, func(context.Context, *Run) error { return nil })
	client, count := opened(t, query), 0
	request := &pb.ListRunsRequest{Filter: &pb.RunFilter{SessionId: session}, PageSize: 2, Limit: 5}
	for _, err := range client.Runs(within(t), request) {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	for range client.Runs(within(t), request) {
		break
	}
	if count != 5 {
		t.Errorf("%d runs, want 5", count)
	}
}

func TestAWatchTellsOfWhatCameWhileItWasAway(t *testing.T) {
	_, query := products(t)
	session := newID()
	client := opened(t, query)
	request := &pb.WatchRunsRequest{Filter: &pb.RunFilter{SessionId: session}}
	for answer, err := range client.Watch(within(t), request) {
		if err != nil {
			t.Fatal(err)
		}
		request.ResumeToken = answer.GetResumeToken()
		break
	}
	ids := recordRuns(t, session, 1, func(context.Context, *Run) error { return nil })
	for answer, err := range client.Watch(within(t), request) {
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.GetRuns()) > 0 {
			if got := answer.GetRuns()[0].GetRun().GetRunId(); got != ids[0] {
				t.Errorf("told of %s, want %s", got, ids[0])
			}
			return
		}
	}
}

func TestAnErrorIsExplained(t *testing.T) {
	_, query := products(t)
	client := opened(t, query)
	_, err := client.Run(within(t), newID())
	if details := Explain(err); details.Code != codes.NotFound || details.Reason != "RUN_NOT_FOUND" {
		t.Errorf("explained %+v", details)
	}
	for _, err := range client.Runs(within(t), &pb.ListRunsRequest{PageSize: -1}) {
		if details := Explain(err); details.Reason != "INVALID_REQUEST" || details.Fields["page_size"] == "" {
			t.Errorf("explained %+v", details)
		}
	}
}

// proxy forwards connections and breaks the first over which so many bytes of answers came.
type proxy struct {
	address string
	cuts    atomic.Int32
}

func cutting(t *testing.T, target string, afterBytes int) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	made := &proxy{address: listener.Addr().String()}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", target)
			if err != nil {
				near.Close()
				continue
			}
			go made.pump(near, far, -1)
			go made.pump(far, near, afterBytes)
		}
	}()
	return made
}

func (p *proxy) pump(from, to net.Conn, afterBytes int) {
	defer from.Close()
	defer to.Close()
	buffer, passed := make([]byte, 1024), 0
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		passed += n
		if afterBytes >= 0 && passed > afterBytes && p.cuts.CompareAndSwap(0, 1) {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
