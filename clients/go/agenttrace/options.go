package agenttrace

import (
	"fmt"
	"os"

	"google.golang.org/grpc"

	"github.com/agenttrace/agenttrace/clients/go/internal/limits"
)

// Options say who records, and where to. What is empty comes from the environment.
type Options struct {
	// AgentID is the agent: a token (letters, digits and . _ : / @ + | -, no space). Required.
	AgentID string
	// AgentVersion is its version: a token. Optional.
	AgentVersion string
	// Environment is where it runs: a token. Optional; read as "production" when never told.
	Environment string
	// Endpoint is the ingest service; else AGENTTRACE_ENDPOINT, else 127.0.0.1:50051. Beyond this
	// machine it takes TLS, or http://host:port for plaintext.
	Endpoint string
	// APIKey is the key; else AGENTTRACE_API_KEY.
	APIKey string
	// Classify returns the code of an error's failure, such as "timeout"; empty for the usual one.
	Classify func(error) string
	// QueueItems is how many items may wait to be acknowledged before new ones are dropped; 50,000 when 0.
	QueueItems int
	// WaitWhenFull, if true, lets a call that records wait for room rather than drop: for replays and benchmarks.
	WaitWhenFull bool
	// DialOptions are added to those of the connection.
	DialOptions []grpc.DialOption
}

func (o Options) withDefaults() (Options, error) {
	if !isToken(o.AgentID) {
		return o, fmt.Errorf("agenttrace: AgentID must be a token: letters, digits and . _ : / @ + | -, at most 128 characters")
	}
	for name, value := range map[string]string{"AgentVersion": o.AgentVersion, "Environment": o.Environment} {
		if value != "" && !isToken(value) {
			return o, fmt.Errorf("agenttrace: %s must be a token or empty", name)
		}
	}
	o.Endpoint = firstOf(o.Endpoint, os.Getenv("AGENTTRACE_ENDPOINT"), "127.0.0.1:50051")
	o.APIKey = firstOf(o.APIKey, os.Getenv("AGENTTRACE_API_KEY"))
	if o.QueueItems <= 0 {
		o.QueueItems = 50_000
	}
	return o, nil
}

func firstOf(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}

func isToken(text string) bool { return limits.Forms["token"].MatchString(text) }
