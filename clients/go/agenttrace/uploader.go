package agenttrace

import (
	"context"
	"io"
	"time"

	pb "github.com/agenttrace/agenttrace/clients/go/agenttrace/v1"
)

const (
	lingerTime    = time.Second // how long an item waits for others
	uploadTimeout = 30 * time.Second
	// Below the contract's limit for one stream.
	streamBytes    = 6 << 20
	streamMessages = 500
)

// uploader is the goroutine that sends, and sends again what was not acknowledged.
type uploader struct {
	queue   *queue
	service pb.IngestServiceClient
	backoff backoff
	// Done when Close has given up waiting: what is left then is dropped.
	giveUp  context.Context
	closing <-chan struct{}
}

func (u *uploader) run() {
	ticks := time.NewTicker(lingerTime)
	defer ticks.Stop()
	for {
		over := false
		select {
		case <-u.queue.wake:
		case <-ticks.C:
		case <-u.closing:
			over = true
		}
		u.deliver(u.queue.take())
		if over {
			return
		}
	}
}

// deliver sends batches until each is acknowledged or given up.
func (u *uploader) deliver(batches []*batch) {
	for len(batches) > 0 {
		if u.giveUp.Err() != nil {
			u.drop(batches)
			return
		}
		stream := head(batches)
		receipt, err := u.upload(stream)
		if err != nil {
			batches = u.failed(err, batches)
			continue
		}
		taken := int(min(receipt.GetAcknowledgedMessageCount(), int64(len(stream))))
		u.settle(receipt.GetCounts(), batches[:taken])
		batches = batches[taken:]
		if taken > 0 {
			u.backoff.succeeded()
		} else {
			u.pause(u.backoff.delay(0))
		}
	}
}

func (u *uploader) upload(batches []*batch) (*pb.UploadStepsResponse, error) {
	ctx, cancel := context.WithTimeout(u.giveUp, uploadTimeout)
	defer cancel()
	defer func() {
		for _, batch := range batches {
			batch.message.Resend = true // should it be sent again
		}
	}()
	stream, err := u.service.UploadSteps(ctx)
	if err != nil {
		return nil, err
	}
	for _, batch := range batches {
		if err := stream.Send(batch.message); err == io.EOF {
			break // the server has answered already, and its answer says how much it took
		} else if err != nil {
			return nil, err
		}
	}
	return stream.CloseAndRecv()
}

// failed decides what to do with batches whose stream failed, and returns those to send again.
func (u *uploader) failed(err error, batches []*batch) []*batch {
	details := Explain(err)
	if u.backoff.givesUp(details) {
		u.drop(batches[:1])
		return batches[1:]
	}
	u.pause(u.backoff.delay(details.RetryAfter))
	return batches
}

func (u *uploader) settle(counts *pb.RecordCounts, batches []*batch) {
	var items int64
	for _, batch := range batches {
		items += batch.items
	}
	became := Receipt{RejectedAttributes: counts.GetRejectedAttributeCount()}
	for _, kind := range []*pb.ItemCounts{counts.GetRuns(), counts.GetSteps(), counts.GetFailures()} {
		became.Accepted += kind.GetAccepted()
		became.Duplicate += kind.GetDuplicate()
	}
	// What was neither accepted nor known was refused, alone or with its whole message.
	became.Rejected = items - became.Accepted - became.Duplicate
	u.queue.settle(items, became)
}

func (u *uploader) drop(batches []*batch) {
	for _, batch := range batches {
		u.queue.settle(batch.items, Receipt{Dropped: batch.items})
	}
}

func (u *uploader) pause(wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-u.giveUp.Done():
	}
}

// head returns the first batches, as many as one stream may carry.
func head(batches []*batch) []*batch {
	total := 0
	for i, batch := range batches {
		total += batch.bytes
		if i == streamMessages || (i > 0 && total > streamBytes) {
			return batches[:i]
		}
	}
	return batches
}
