// Bench records steps as fast as it can and says how long that took.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/agenttrace/agenttrace/clients/go/agenttrace"
)

const stepsPerRun = 100

func main() {
	steps := flag.Int("steps", 50_000, "how many steps, 100 a run")
	report := flag.String("report", "", "where the figures go")
	flag.Parse()
	tracer, err := agenttrace.NewTracer(agenttrace.Options{AgentID: "bench", WaitWhenFull: true})
	if err != nil {
		log.Fatal(err)
	}
	began := time.Now()
	for left := *steps; left > 0; left -= stepsPerRun {
		record(tracer, min(left, stepsPerRun))
	}
	recorded := time.Since(began)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	receipt, err := tracer.Close(ctx)
	if err != nil {
		log.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{
		"steps": *steps, "record_seconds": recorded.Seconds(), "total_seconds": time.Since(began).Seconds(),
		"accepted": receipt.Accepted, "duplicate": receipt.Duplicate, "rejected": receipt.Rejected, "dropped": receipt.Dropped,
	})
	if err == nil {
		err = os.WriteFile(*report, text, 0o644)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func record(tracer *agenttrace.Tracer, steps int) {
	ctx, run := tracer.StartRun(context.Background(), agenttrace.RunOptions{})
	for number := range steps {
		_, step := agenttrace.StartStep(ctx, agenttrace.Tool, fmt.Sprintf("tool-%d", number%8))
		step.End(nil)
	}
	run.End(nil)
}
