package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	pb "github.com/agenttrace/agenttrace/clients/go/agenttrace/v1"
)

const timeout = 30 * time.Second

// object is what is told of one case.
type object = map[string]any

// testCase is one case of the plan; which fields it has is said by what it does.
type testCase struct {
	ID             string
	Do             string
	Type           string
	Bytes          []byte
	Expect         map[string]json.RawMessage
	Examples       []struct{ Form, Text string }
	To             string
	RecordTo       string `json:"record_to"`
	Key            string
	Method         string
	Services       []string
	Count          int64
	TimeoutSeconds float64 `json:"timeout_seconds"`
	Message        *message
	Request        *message
	Before         *message
	First          *message
	Second         *message
	Streams        [][]*message
	RunIDs         []string `json:"run_ids"`
}

// message is a message of the plan, as ProtoJSON and as bytes.
type message struct {
	Type  string
	JSON  json.RawMessage
	Bytes []byte
}

// empty returns a new message of a type.
func empty(name string) (proto.Message, error) {
	found, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(name))
	if err != nil {
		return nil, err
	}
	return found.New().Interface(), nil
}

// made returns the message that the JSON describes.
func (m *message) made() (proto.Message, error) {
	made, err := empty(m.Type)
	if err != nil {
		return nil, err
	}
	return made, protojson.Unmarshal(m.JSON, made)
}

// read returns a message of the plan from its bytes.
func read[M proto.Message](m *message, into M) (M, error) {
	return into, proto.Unmarshal(m.Bytes, into)
}

// services are the services of the endpoints file, each with one connection.
type services struct {
	endpoints struct {
		Ingest        string
		Query         string
		BrokenQuery   string `json:"broken_query"`
		GuardedIngest string `json:"guarded_ingest"`
		GuardedQuery  string `json:"guarded_query"`
		Keys          map[string]string
	}
	connections map[string]*grpc.ClientConn
}

func (s *services) connection(name string) (*grpc.ClientConn, error) {
	if conn := s.connections[name]; conn != nil {
		return conn, nil
	}
	told := s.endpoints
	address := map[string]string{
		"ingest": told.Ingest, "query": told.Query, "broken_query": told.BrokenQuery,
		"guarded_ingest": told.GuardedIngest, "guarded_query": told.GuardedQuery,
	}[name]
	if address == "" {
		return nil, fmt.Errorf("no service %s", name)
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry())
	if err == nil {
		s.connections[name] = conn
	}
	return conn, err
}

func (s *services) ingest(name string) (pb.IngestServiceClient, error) {
	conn, err := s.connection(name)
	return pb.NewIngestServiceClient(conn), err
}

func (s *services) query(name string) (pb.QueryServiceClient, error) {
	conn, err := s.connection(name)
	return pb.NewQueryServiceClient(conn), err
}

// call returns a context for a call of a case: its deadline, and its key.
func (s *services) call(c *testCase) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	if c.Key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+s.endpoints.Keys[c.Key])
	}
	return ctx, cancel
}
