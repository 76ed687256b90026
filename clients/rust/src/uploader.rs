use std::{sync::Arc, time::Duration};

use futures_util::stream;
use tokio::{sync::watch, time::sleep};
use tonic::{Request, Status};

use crate::{
    backoff::Backoff,
    dial::Connection,
    errors::explain,
    queue::{Batch, Queue},
    receipt::Receipt,
    v1::{ingest_service_client::IngestServiceClient, RecordCounts, UploadStepsRequest, UploadStepsResponse},
};

/// How long an item waits for others.
const LINGER_TIME: Duration = Duration::from_secs(1);
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Below the contract's limits for one stream.
const STREAM_BYTES: usize = 6 << 20;
const STREAM_MESSAGES: usize = 500;

/// Where a tracer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Open,
    /// What waits is still sent.
    Closing,
    /// What waits is dropped.
    GivenUp,
}

/// Sends, and sends again what was not acknowledged.
pub(crate) struct Uploader {
    pub(crate) queue: Arc<Queue>,
    pub(crate) service: IngestServiceClient<Connection>,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) backoff: Backoff,
}

impl Uploader {
    pub(crate) async fn run(mut self) {
        loop {
            let mut phase = self.phase.clone();
            let over = tokio::select! {
                () = self.queue.wake.notified() => false,
                () = sleep(LINGER_TIME) => false,
                // Also where the tracer is gone.
                _ = phase.wait_for(|phase| *phase > Phase::Open) => true,
            };
            self.deliver(self.queue.take()).await;
            if over {
                return;
            }
        }
    }

    /// Sends batches until each is acknowledged or given up.
    async fn deliver(&mut self, mut batches: Vec<Batch>) {
        while !batches.is_empty() {
            if *self.phase.borrow() == Phase::GivenUp {
                self.drop(batches.drain(..));
                return;
            }
            let count = head(&batches);
            let mut phase = self.phase.clone();
            let sent = tokio::select! {
                sent = self.service.upload_steps(stream_of(&batches[..count])) => sent,
                () = given_up(&mut phase) => continue,
            };
            match sent {
                Ok(answer) => self.acknowledged(answer.into_inner(), &mut batches, count).await,
                Err(status) => self.failed(&status, &mut batches).await,
            }
        }
    }

    async fn acknowledged(&mut self, answer: UploadStepsResponse, batches: &mut Vec<Batch>, sent: usize) {
        let taken = usize::try_from(answer.acknowledged_message_count).unwrap_or_default().min(sent);
        mark_resend(&mut batches[taken..sent]);
        let items = batches.drain(..taken).map(|batch| batch.items).sum();
        self.queue.settle(items, became(items, &answer.counts.unwrap_or_default()));
        if taken > 0 {
            self.backoff.succeeded();
        } else {
            self.pause(None).await;
        }
    }

    /// Decides what to do with batches whose stream failed, and leaves those to send again.
    async fn failed(&mut self, status: &Status, batches: &mut Vec<Batch>) {
        let details = explain(status);
        mark_resend(batches);
        if self.phase.has_changed().is_err() {
            self.drop(batches.drain(..)); // the tracer is gone without a close: nobody waits, and this must end
        } else if self.backoff.gives_up(&details) {
            self.drop(batches.drain(..1));
        } else {
            self.pause(details.retry_after).await;
        }
    }

    fn drop(&self, batches: impl Iterator<Item = Batch>) {
        for batch in batches {
            self.queue.settle(batch.items, Receipt { dropped: batch.items, ..Receipt::default() });
        }
    }

    async fn pause(&mut self, asked: Option<Duration>) {
        let delay = self.backoff.delay(asked);
        tokio::select! {
            () = sleep(delay) => {},
            () = given_up(&mut self.phase) => {},
        }
    }
}

async fn given_up(phase: &mut watch::Receiver<Phase>) {
    if phase.wait_for(|phase| *phase == Phase::GivenUp).await.is_err() {
        std::future::pending().await // the tracer is gone: what is on its way may arrive
    }
}

/// Returns how many of the first batches one stream may carry.
fn head(batches: &[Batch]) -> usize {
    let mut bytes = 0;
    for (index, batch) in batches.iter().enumerate() {
        bytes += batch.bytes;
        if index == STREAM_MESSAGES || (index > 0 && bytes > STREAM_BYTES) {
            return index;
        }
    }
    batches.len()
}

/// Messages are copied one by one as they are written: they must outlive a stream that fails.
fn stream_of(batches: &[Batch]) -> Request<impl futures_util::Stream<Item = UploadStepsRequest>> {
    let messages: Vec<Arc<UploadStepsRequest>> = batches.iter().map(|batch| batch.message.clone()).collect();
    let mut request = Request::new(stream::iter(messages.into_iter().map(|message| (*message).clone())));
    request.set_timeout(UPLOAD_TIMEOUT);
    request
}

fn mark_resend(batches: &mut [Batch]) {
    for batch in batches {
        if !batch.message.resend {
            Arc::make_mut(&mut batch.message).resend = true;
        }
    }
}

/// What became of so many items; what was neither accepted nor known was refused, alone or with its whole message.
fn became(items: i64, counts: &RecordCounts) -> Receipt {
    let kinds = [counts.runs, counts.steps, counts.failures].map(Option::unwrap_or_default);
    let accepted = kinds.iter().map(|kind| kind.accepted).sum();
    let duplicate = kinds.iter().map(|kind| kind.duplicate).sum();
    Receipt {
        accepted,
        duplicate,
        rejected: items - accepted - duplicate,
        rejected_attributes: counts.rejected_attribute_count,
        ..Receipt::default()
    }
}
