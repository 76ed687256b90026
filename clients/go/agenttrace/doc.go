// Package agenttrace records what AI agents do - runs, their ordered steps, classified failures - and
// never what they say, and reads it back.
//
//	tracer, err := agenttrace.NewTracer(agenttrace.Options{AgentID: "support", AgentVersion: "1.4.0"})
//	...
//	defer tracer.Close(context.Background())
//
//	err = tracer.Run(ctx, agenttrace.RunOptions{SessionID: "s-42"}, func(ctx context.Context, run *agenttrace.Run) error {
//		return agenttrace.Do(ctx, agenttrace.Tool, "search_orders", func(ctx context.Context, step *agenttrace.Step) error {
//			step.Set("rows", 3)
//			return nil
//		})
//	})
//
// It does not hurt its host: a goroutine sends, the queue is bounded, what does not fit is counted,
// and no call but NewTracer, NewClient and those that wait returns an error of its own. The text of
// an error is never read: a failure is told by its code and the name of its type.
//
// The messages are those of package agenttracev1, agenttrace/v1 beside this one.
package agenttrace
