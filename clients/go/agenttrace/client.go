package agenttrace

import (
	"context"
	"iter"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	pb "github.com/agenttrace/agenttrace/clients/go/agenttrace/v1"
)

// ClientOptions say where to read. What is empty comes from the environment.
type ClientOptions struct {
	// Endpoint is the query service; else AGENTTRACE_QUERY_ENDPOINT, else 127.0.0.1:50052. Beyond this
	// machine it takes TLS, or http://host:port for plaintext.
	Endpoint string
	// APIKey is the key; else AGENTTRACE_API_KEY.
	APIKey string
	// DialOptions are added to those of the connection.
	DialOptions []grpc.DialOption
}

// Client reads what was recorded. It is safe for use by several goroutines.
type Client struct {
	// Service is the plain stub, for what has no method here.
	Service pb.QueryServiceClient
	conn    *grpc.ClientConn
}

// NewClient returns a client; it connects at the first call.
func NewClient(options ClientOptions) (*Client, error) {
	endpoint := firstOf(options.Endpoint, os.Getenv("AGENTTRACE_QUERY_ENDPOINT"), "127.0.0.1:50052")
	conn, err := dial(endpoint, firstOf(options.APIKey, os.Getenv("AGENTTRACE_API_KEY")), options.DialOptions)
	if err != nil {
		return nil, err
	}
	return &Client{Service: pb.NewQueryServiceClient(conn), conn: conn}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Run returns a run with its failures and its first 1,000 steps; Steps has them all.
func (c *Client) Run(ctx context.Context, runID string) (*pb.GetRunResponse, error) {
	return c.Service.GetRun(ctx, &pb.GetRunRequest{RunId: runID})
}

// Stats returns statistics.
func (c *Client) Stats(ctx context.Context, request *pb.GetStatsRequest) (*pb.GetStatsResponse, error) {
	return c.Service.GetStats(ctx, request)
}

// Runs lists runs, newest first. A listing that breaks goes on where it was; its error, if it comes to one, is the last
// pair. The request may be nil.
func (c *Client) Runs(ctx context.Context, request *pb.ListRunsRequest) iter.Seq2[*pb.RunSummary, error] {
	return listing(ctx, request.GetLimit(), request.GetPageToken(),
		func(ctx context.Context, token string, limit int64) (grpc.ServerStreamingClient[pb.ListRunsResponse], error) {
			again := proto.CloneOf(request)
			if again == nil {
				again = &pb.ListRunsRequest{}
			}
			again.PageToken, again.Limit = token, limitOf(request.GetLimit(), limit)
			return c.Service.ListRuns(ctx, again)
		},
		func(m *pb.ListRunsResponse) page[*pb.RunSummary] {
			return page[*pb.RunSummary]{m.Runs, m.NextPageToken}
		})
}

// Steps lists steps: of one run in their order, or across runs. It goes on as Runs does.
func (c *Client) Steps(ctx context.Context, request *pb.ListStepsRequest) iter.Seq2[*pb.Step, error] {
	return listing(ctx, request.GetLimit(), request.GetPageToken(),
		func(ctx context.Context, token string, limit int64) (grpc.ServerStreamingClient[pb.ListStepsResponse], error) {
			again := proto.CloneOf(request)
			if again == nil {
				again = &pb.ListStepsRequest{}
			}
			again.PageToken, again.Limit = token, limitOf(request.GetLimit(), limit)
			return c.Service.ListSteps(ctx, again)
		},
		func(m *pb.ListStepsResponse) page[*pb.Step] { return page[*pb.Step]{m.Steps, m.NextPageToken} })
}

// Failures lists failures, latest first. It goes on as Runs does.
func (c *Client) Failures(ctx context.Context, request *pb.ListFailuresRequest) iter.Seq2[*pb.FailureDetail, error] {
	return listing(ctx, request.GetLimit(), request.GetPageToken(),
		func(ctx context.Context, token string, limit int64) (grpc.ServerStreamingClient[pb.ListFailuresResponse], error) {
			again := proto.CloneOf(request)
			if again == nil {
				again = &pb.ListFailuresRequest{}
			}
			again.PageToken, again.Limit = token, limitOf(request.GetLimit(), limit)
			return c.Service.ListFailures(ctx, again)
		},
		func(m *pb.ListFailuresResponse) page[*pb.FailureDetail] {
			return page[*pb.FailureDetail]{m.Failures, m.NextPageToken}
		})
}

// Watch tells of runs as they start, progress and end, until the context is done: answers with runs, or checkpoints
// without. A watch that breaks goes on at its last resume token, for as long as its server is away.
func (c *Client) Watch(ctx context.Context, request *pb.WatchRunsRequest) iter.Seq2[*pb.WatchRunsResponse, error] {
	return func(yield func(*pb.WatchRunsResponse, error) bool) {
		again := proto.CloneOf(request)
		if again == nil {
			again = &pb.WatchRunsRequest{}
		}
		state := resumption{}
		take := func(answer *pb.WatchRunsResponse) error {
			state.progress()
			again.ResumeToken = answer.GetResumeToken()
			if !yield(answer, nil) {
				return errStopped
			}
			return nil
		}
		for {
			err := stream(ctx, func(ctx context.Context) (grpc.ServerStreamingClient[pb.WatchRunsResponse], error) {
				return c.Service.WatchRuns(ctx, again)
			}, take)
			if err == errStopped {
				return
			}
			if err != nil {
				err = state.pause(ctx, err)
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// limitOf returns what is left of a limit; 0 means all.
func limitOf(told, left int64) int64 {
	if told <= 0 {
		return 0
	}
	return left
}
