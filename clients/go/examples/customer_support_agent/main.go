// A customer-support agent, recorded from end to end; no network and no language model needed.
//
// It plans, looks its help articles up, calls tools - a carrier that is sometimes too slow, a refund that
// needs a supervisor - tries again, and answers. Some runs end partial or in failure, as in life. Start a
// server first (agenttrace-server up), then: go run ./examples/customer_support_agent -runs 12
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/agenttrace/agenttrace/clients/go/agenttrace"
	pb "github.com/agenttrace/agenttrace/clients/go/agenttrace/v1"
)

const carrierLimit = 80 * time.Millisecond

var (
	errSupervisorNeeded = errors.New("the refund is above what the agent may grant by itself")
	errOrderNotFound    = errors.New("no order has this number")

	articles = map[string]string{
		"refund-policy":  "refunds are made within thirty days of delivery to the original payment method",
		"shipping-times": "parcels ship within two days and arrive within five days of the order",
		"lost-parcel":    "a parcel is lost when its tracking has not moved for ten days",
		"warranty":       "devices carry a warranty of two years against defects",
	}
	questions = [][2]string{
		{"refund", "how long do refunds take to the payment method"},
		{"delivery", "when will my parcel arrive after the order"},
		{"lost", "tracking of the parcel has not moved for days"},
		{"cancel", "xylophone subscription"},
	}
)

// ticket is what a customer wants. Its text stays in this process: only tokens and numbers are recorded.
type ticket struct {
	number           int
	intent, question string
}

func (t ticket) price() int { return 19 + 17*(t.number%12) }

func handle(ctx context.Context, t ticket) error {
	if err := agenttrace.Do(ctx, agenttrace.Plan, "classify_ticket", t.plan); err != nil {
		return err
	}
	if err := agenttrace.Do(ctx, agenttrace.Retrieve, "search_articles", t.lookUp); err != nil {
		return err
	}
	if err := agenttrace.Retry(ctx, agenttrace.Tool, "find_order", agenttrace.RetryOptions{MaxAttempts: 2}, t.findOrder()); err != nil {
		return err
	}
	if t.intent == "refund" {
		if err := agenttrace.Do(ctx, agenttrace.Tool, "refund", t.refund); err != nil {
			return err
		}
	} else if t.number%3 == 1 {
		// It answers without the carrier's status: the run ends partial.
		_ = agenttrace.Retry(ctx, agenttrace.Tool, "shipping_status", agenttrace.RetryOptions{MaxAttempts: 3}, shippingStatus)
	}
	return agenttrace.Do(ctx, agenttrace.Respond, "answer", t.respond)
}

func (t ticket) plan(ctx context.Context, _ *agenttrace.Step) error {
	return agenttrace.Do(ctx, agenttrace.Model, "choose_tools", func(_ context.Context, step *agenttrace.Step) error {
		time.Sleep(time.Duration(5+rand.N(15)) * time.Millisecond)
		step.SetModel(modelCall(80+len(t.question), 8+rand.N(16), 90))
		return nil
	})
}

func (t ticket) lookUp(_ context.Context, step *agenttrace.Step) error {
	best, found := 0, 0
	for _, text := range articles {
		score := 0
		for _, word := range strings.Fields(t.question) {
			if len(word) > 3 && strings.Contains(text, word) {
				score++
			}
		}
		best = max(best, score)
		if score > 0 {
			found++
		}
	}
	step.SetRetrieval("help_articles", int64(found))
	step.Set("best_score", best)
	if found == 0 {
		step.Fail("empty_retrieval") // it can still answer, but not well: the run ends partial
	}
	return nil
}

// findOrder returns the look-up of an order; one ticket in six names a wrong one first.
func (t ticket) findOrder() func(context.Context, *agenttrace.Step) error {
	known := t.number%6 != 5
	return func(_ context.Context, step *agenttrace.Step) error {
		if !known {
			known = true
			step.Set("rows", 0)
			return errOrderNotFound
		}
		step.Set("rows", 1)
		return nil
	}
}

func (t ticket) refund(context.Context, *agenttrace.Step) error {
	time.Sleep(10 * time.Millisecond)
	if t.price() > 100 {
		return errSupervisorNeeded
	}
	return nil
}

// shippingStatus asks the carrier, which is sometimes slower than we wait.
func shippingStatus(ctx context.Context, step *agenttrace.Step) error {
	ctx, cancel := context.WithTimeout(ctx, carrierLimit)
	defer cancel()
	select {
	case <-time.After(time.Duration(20+rand.N(120)) * time.Millisecond):
		step.Set("http_status", 200)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t ticket) respond(_ context.Context, step *agenttrace.Step) error {
	time.Sleep(time.Duration(10+rand.N(30)) * time.Millisecond)
	call := modelCall(200+len(t.question), 40+rand.N(80), 310)
	call.FinishReason = "stop"
	step.SetModel(call)
	return nil
}

func modelCall(input, output int, cost int64) *pb.ModelCall {
	usage := &pb.Usage{InputTokens: proto.Int64(int64(input)), OutputTokens: proto.Int64(int64(output))}
	return &pb.ModelCall{Provider: "example", RequestModel: "rules-1", Usage: usage, CostMicroUsd: proto.Int64(cost)}
}

func classify(err error) string {
	switch {
	case errors.Is(err, errSupervisorNeeded):
		return "supervisor_needed"
	case errors.Is(err, errOrderNotFound):
		return "not_found"
	}
	return "" // what kind of error it is says enough
}

func main() {
	runs := flag.Int("runs", 12, "how many tickets")
	flag.Parse()
	ctx := context.Background()
	tracer, err := agenttrace.NewTracer(agenttrace.Options{
		AgentID: "customer-support", AgentVersion: "1.4.0", Environment: "demo", Classify: classify,
	})
	if err != nil {
		log.Fatal(err)
	}
	for number := range *runs {
		record(ctx, tracer, ticket{number, questions[number%4][0], questions[number%4][1]})
	}
	within, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	receipt, err := tracer.Close(within)
	fmt.Printf("\n%d runs recorded: %d items stored, %d known already, %d rejected, %d dropped\n",
		*runs, receipt.Accepted, receipt.Duplicate, receipt.Rejected, receipt.Dropped)
	if err != nil || !receipt.Complete() {
		log.Fatal("not everything is stored: ", err)
	}
	if err := list(within, int64(*runs)); err != nil {
		log.Fatal(err)
	}
}

func record(ctx context.Context, tracer *agenttrace.Tracer, t ticket) {
	options := agenttrace.RunOptions{SessionID: fmt.Sprintf("ticket-%d", t.number), Tags: []string{"example", t.intent, "go"}}
	ctx, run := tracer.StartRun(ctx, options)
	run.End(handle(ctx, t)) // a run that failed says why; the agent goes on with the next ticket
	status := strings.TrimPrefix(run.Status().String(), "RUN_STATUS_")
	fmt.Printf("%s  %-9s  ticket-%-3d %s\n", run.ID(), status, t.number, t.intent)
}

// list reads the newest runs back.
func list(ctx context.Context, count int64) error {
	client, err := agenttrace.NewClient(agenttrace.ClientOptions{})
	if err != nil {
		return err
	}
	defer client.Close()
	steps, retries, failures := int64(0), int64(0), int64(0)
	filter := &pb.RunFilter{AgentIds: []string{"customer-support"}, Tags: []string{"go"}}
	for summary, err := range client.Runs(ctx, &pb.ListRunsRequest{Filter: filter, Limit: count}) {
		if err != nil {
			return err
		}
		steps += summary.GetStepCount()
		retries += summary.GetRetryCount()
		failures += summary.GetFailureCount()
	}
	fmt.Printf("they have %d steps, %d of them retries, and %d failures\n", steps, retries, failures)
	return nil
}
