// Conformance does the cases of tests/conformance/plan.json on the plain generated stubs and reports what it saw.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"runtime/debug"

	"google.golang.org/grpc"
)

// entry is what the report says of one case.
type entry struct {
	ID       string `json:"id"`
	OK       bool   `json:"ok"`
	Detail   string `json:"detail"`
	Observed any    `json:"observed"`
}

var cases = map[string]func(*testCase, *services) (any, error){
	"encode": encode, "decode": decode, "decode_runs": decodeRuns, "refuse": refuse, "limits": constants, "forms": forms,
	"health": health, "record_batch": recordBatch, "upload_steps": uploadSteps, "upload_many": uploadMany,
	"deadline": deadline, "error": failingCall, "get_run": getRun, "list_runs": listRuns, "list_resuming": listResuming,
	"watch": watch,
}

func main() {
	planFile := flag.String("plan", "", "the cases")
	endpointsFile := flag.String("endpoints", "", "where the services are")
	reportFile := flag.String("report", "", "where the report goes")
	flag.Parse()
	if err := run(*planFile, *endpointsFile, *reportFile); err != nil {
		log.Fatal(err)
	}
}

func run(planFile, endpointsFile, reportFile string) error {
	var plan struct{ Cases []*testCase }
	if err := readJSON(planFile, &plan); err != nil {
		return err
	}
	services := &services{connections: map[string]*grpc.ClientConn{}}
	if err := readJSON(endpointsFile, &services.endpoints); err != nil {
		return err
	}
	var entries []entry
	for _, c := range plan.Cases {
		entries = append(entries, do(c, services))
	}
	report := map[string]any{"language": "go", "versions": versions(), "cases": entries}
	text, err := json.MarshalIndent(report, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(reportFile, text, 0o644)
}

func do(c *testCase, services *services) entry {
	act, known := cases[c.Do]
	if !known {
		return entry{c.ID, false, "not known: " + c.Do, struct{}{}}
	}
	observed, err := act(c, services)
	if err != nil {
		return entry{c.ID, false, fmt.Sprintf("%T: %v", err, err), struct{}{}}
	}
	return entry{c.ID, true, "", observed}
}

func versions() map[string]string {
	told := map[string]string{"go": runtime.Version(), "grpc": grpc.Version}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "google.golang.org/protobuf" {
				told["protobuf"] = module.Version
			}
		}
	}
	return told
}

func readJSON(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
