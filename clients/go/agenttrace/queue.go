package agenttrace

import (
	"context"
	"sync"

	"google.golang.org/protobuf/proto"

	pb "github.com/agenttrace/agenttrace/clients/go/agenttrace/v1"
)

const (
	batchItems = 512
	// Far below the 4 MiB of a message: the one item that passes it may be a large one.
	batchBytes = 1 << 20
)

// queue holds items until they are taken into batches, and counts all until they are settled.
type queue struct {
	mutex    sync.Mutex
	items    []proto.Message
	capacity int
	added    int64         // items ever taken in
	settled  int64         // of these, acknowledged or given up
	receipt  Receipt       // without Pending
	changed  chan struct{} // closed and made anew whenever settled grows
	wake     chan struct{} // has one element where a full batch waits, or somebody who flushes
	wait     bool          // whether add waits for room
	closed   bool
}

func newQueue(capacity int, wait bool) *queue {
	return &queue{capacity: capacity, wait: wait, changed: make(chan struct{}), wake: make(chan struct{}, 1)}
}

// add takes an item; it is dropped and counted where there is no room.
func (q *queue) add(item proto.Message) {
	q.mutex.Lock()
	for q.wait && !q.closed && q.added-q.settled >= int64(q.capacity) {
		changed := q.changed
		q.mutex.Unlock()
		q.hurry()
		<-changed
		q.mutex.Lock()
	}
	if q.closed || q.added-q.settled >= int64(q.capacity) {
		q.receipt.Dropped++
		q.mutex.Unlock()
		return
	}
	q.items = append(q.items, item)
	q.added++
	full := len(q.items) >= batchItems
	q.mutex.Unlock()
	if full {
		q.hurry()
	}
}

// hurry lets the uploader take what waits at once.
func (q *queue) hurry() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) correct() {
	q.mutex.Lock()
	q.receipt.Corrected++
	q.mutex.Unlock()
}

// take returns everything that waits, in batches.
func (q *queue) take() []*batch {
	q.mutex.Lock()
	items := q.items
	q.items = nil
	q.mutex.Unlock()
	var batches []*batch
	current := &batch{message: &pb.UploadStepsRequest{}}
	for _, item := range items {
		if size := proto.Size(item); current.add(item, size) {
			batches = append(batches, current)
			current = &batch{message: &pb.UploadStepsRequest{}}
		}
	}
	if current.items > 0 {
		batches = append(batches, current)
	}
	return batches
}

// settle counts what became of so many items.
func (q *queue) settle(items int64, became Receipt) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.settled += items
	q.receipt.Accepted += became.Accepted
	q.receipt.Duplicate += became.Duplicate
	q.receipt.Rejected += became.Rejected
	q.receipt.RejectedAttributes += became.RejectedAttributes
	q.receipt.Dropped += became.Dropped
	close(q.changed)
	q.changed = make(chan struct{})
}

func (q *queue) close() {
	q.mutex.Lock()
	q.closed = true
	q.mutex.Unlock()
	q.settle(0, Receipt{}) // who waits for room waits no more
}

func (q *queue) snapshot() (Receipt, chan struct{}) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	receipt := q.receipt
	receipt.Pending = q.added - q.settled
	return receipt, q.changed
}

// flushed waits until everything that was added before is settled.
func (q *queue) flushed(ctx context.Context) (Receipt, error) {
	q.mutex.Lock()
	wanted := q.added
	q.mutex.Unlock()
	for {
		q.hurry()
		receipt, changed := q.snapshot()
		q.mutex.Lock()
		done := q.settled >= wanted
		q.mutex.Unlock()
		if done {
			return receipt, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return receipt, ctx.Err()
		}
	}
}

// batch is one message of an upload stream.
type batch struct {
	message *pb.UploadStepsRequest
	items   int64
	bytes   int
}

// add takes an item and tells whether the batch is full with it.
func (b *batch) add(item proto.Message, size int) bool {
	switch item := item.(type) {
	case *pb.Run:
		b.message.Runs = append(b.message.Runs, item)
	case *pb.Step:
		b.message.Steps = append(b.message.Steps, item)
	case *pb.Failure:
		b.message.Failures = append(b.message.Failures, item)
	}
	b.items++
	b.bytes += size + 4 // its tag and length
	return b.items >= batchItems || b.bytes >= batchBytes
}
