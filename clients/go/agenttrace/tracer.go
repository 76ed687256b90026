package agenttrace

import (
	"context"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"

	pb "github.com/agenttrace/agenttrace/clients/go/agenttrace/v1"
)

// Tracer records the runs of one agent. It is safe for use by several goroutines.
type Tracer struct {
	options Options
	queue   *queue
	conn    *grpc.ClientConn
	beats   *heartbeats
	giveUp  context.CancelFunc
	closing chan struct{}
	ended   chan struct{} // closed when the uploader has ended
	once    sync.Once
}

// NewTracer returns a tracer; its goroutine connects when there is something to send. With
// AGENTTRACE_DISABLED=1 it records nothing.
//
// It returns an error for an option that can not be: an AgentID that is no token, a certificate that can not be read.
func NewTracer(options Options) (*Tracer, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if os.Getenv("AGENTTRACE_DISABLED") == "1" {
		return &Tracer{options: options, beats: newHeartbeats(nil)}, nil
	}
	conn, err := dial(options.Endpoint, options.APIKey, options.DialOptions)
	if err != nil {
		return nil, err
	}
	giveUp, cancel := context.WithCancel(context.Background())
	tracer := &Tracer{
		options: options, queue: newQueue(options.QueueItems, options.WaitWhenFull), conn: conn, giveUp: cancel,
		closing: make(chan struct{}), ended: make(chan struct{}),
	}
	tracer.beats = newHeartbeats(tracer.queue)
	sender := &uploader{
		queue: tracer.queue, service: pb.NewIngestServiceClient(conn), giveUp: giveUp, closing: tracer.closing,
	}
	go func() {
		defer close(tracer.ended)
		sender.run()
	}()
	go tracer.beats.run(heartbeatInterval, tracer.closing)
	return tracer, nil
}

// Flush waits until everything recorded so far is acknowledged, at most until the context is done; its
// error is the context's.
func (t *Tracer) Flush(ctx context.Context) (Receipt, error) {
	if t.queue == nil {
		return Receipt{}, nil
	}
	return t.queue.flushed(ctx)
}

// Close flushes and ends the tracer; what is not acknowledged when the context is done is dropped and
// counted. What is recorded afterwards is dropped. It may be called again.
func (t *Tracer) Close(ctx context.Context) (Receipt, error) {
	if t.queue == nil {
		return Receipt{}, nil
	}
	_, err := t.queue.flushed(ctx)
	t.once.Do(func() {
		t.queue.close()
		if err != nil {
			t.giveUp()
		}
		close(t.closing)
		<-t.ended
		t.giveUp()
		t.conn.Close()
	})
	receipt, _ := t.queue.snapshot()
	return receipt, err
}

const (
	heartbeatInterval = time.Minute
	leaseDuration     = 5 * time.Minute
)

// heartbeats say of open runs that they are alive.
type heartbeats struct {
	queue *queue
	mutex sync.Mutex
	open  map[*Run]struct{}
}

func newHeartbeats(queue *queue) *heartbeats {
	return &heartbeats{queue: queue, open: map[*Run]struct{}{}}
}

func (h *heartbeats) opened(run *Run) {
	h.mutex.Lock()
	h.open[run] = struct{}{}
	h.mutex.Unlock()
}

func (h *heartbeats) ended(run *Run) {
	h.mutex.Lock()
	delete(h.open, run)
	h.mutex.Unlock()
}

func (h *heartbeats) run(interval time.Duration, closing <-chan struct{}) {
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	for {
		select {
		case <-closing:
			return
		case now := <-ticks.C:
			h.beat(now)
		}
	}
}

func (h *heartbeats) beat(now time.Time) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for run := range h.open {
		h.queue.add(run.heartbeat(now))
	}
}
