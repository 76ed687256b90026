package main

import (
	"google.golang.org/protobuf/proto"

	pb "github.com/agenttrace/agenttrace/clients/go/agenttrace/v1"
	"github.com/agenttrace/agenttrace/clients/go/internal/limits"
)

var deterministic = proto.MarshalOptions{Deterministic: true}

func encode(c *testCase, _ *services) (any, error) {
	made, err := c.Message.made()
	if err != nil {
		return nil, err
	}
	return written(made)
}

func decode(c *testCase, _ *services) (any, error) {
	read, err := empty(c.Type)
	if err != nil {
		return nil, err
	}
	if err := proto.Unmarshal(c.Bytes, read); err != nil {
		return nil, err
	}
	observed, err := written(read)
	if _, wanted := c.Expect["message"]; wanted {
		return object{"message": observed["bytes"]}, err
	}
	return observed, err
}

func written(m proto.Message) (object, error) {
	data, err := deterministic.Marshal(m)
	if data == nil {
		data = []byte{} // which is "" in JSON, where nil is null
	}
	return object{"bytes": data}, err
}

func decodeRuns(c *testCase, _ *services) (any, error) {
	answer := &pb.ListRunsResponse{}
	if err := proto.Unmarshal(c.Bytes, answer); err != nil {
		return nil, err
	}
	var runs []object
	for _, summary := range answer.GetRuns() {
		runs = append(runs, object{
			"run_id": summary.GetRun().GetRunId(), "status": summary.GetRun().GetStatus(),
			"step_count": summary.GetStepCount(), "failure_types": summary.GetFailureTypes(),
		})
	}
	return object{"next_page_token": answer.GetNextPageToken(), "runs": runs}, nil
}

func refuse(c *testCase, _ *services) (any, error) {
	read, err := empty(c.Type)
	if err != nil {
		return nil, err
	}
	return object{"refused": proto.Unmarshal(c.Bytes, read) != nil}, nil
}

func constants(*testCase, *services) (any, error) {
	return object{"limits": limits.All}, nil
}

func forms(c *testCase, _ *services) (any, error) {
	var matches []bool
	for _, example := range c.Examples {
		matches = append(matches, limits.Forms[example.Form].MatchString(example.Text))
	}
	return object{"matches": matches}, nil
}
