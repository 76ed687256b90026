use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use prost::Message as _;
use tokio::sync::{watch, Notify};

use crate::{
    receipt::Receipt,
    v1::{Failure, Run, Step, UploadStepsRequest},
};

const BATCH_ITEMS: i64 = 512;
/// Far below the 4 MiB of a message: the one item that passes it may be a large one.
const BATCH_BYTES: usize = 1 << 20;

pub(crate) enum Item {
    Run(Run),
    Step(Step),
    Failure(Failure),
}

/// Holds items until they are taken into batches, and counts all until they are settled.
pub(crate) struct Queue {
    state: Mutex<State>,
    capacity: i64,
    /// Whether `add` waits for room.
    wait: bool,
    room: Condvar,
    /// Told where a full batch waits, or somebody who flushes.
    pub(crate) wake: Notify,
    settled: watch::Sender<i64>,
}

#[derive(Default)]
struct State {
    items: Vec<Item>,
    added: i64,
    /// Of those added, acknowledged or given up.
    settled: i64,
    /// Without `pending`.
    receipt: Receipt,
    closed: bool,
}

/// Takes a lock. A panic of the host while it was held leaves nothing half done here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    pub(crate) fn new(capacity: usize, wait: bool) -> Self {
        Queue {
            state: Mutex::default(),
            capacity: i64::try_from(capacity).unwrap_or(i64::MAX),
            wait,
            room: Condvar::new(),
            wake: Notify::new(),
            settled: watch::Sender::new(0),
        }
    }

    /// Takes an item; it is dropped and counted where there is no room.
    pub(crate) fn add(&self, item: Item) {
        let mut state = lock(&self.state);
        while self.wait && !state.closed && state.added - state.settled >= self.capacity {
            self.wake.notify_one();
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed || state.added - state.settled >= self.capacity {
            state.receipt.dropped += 1;
            return;
        }
        state.items.push(item);
        state.added += 1;
        let full = state.items.len() as i64 == BATCH_ITEMS;
        drop(state);
        if full {
            self.wake.notify_one();
        }
    }

    pub(crate) fn correct(&self) {
        lock(&self.state).receipt.corrected += 1;
    }

    /// Returns everything that waits, in batches.
    pub(crate) fn take(&self) -> Vec<Batch> {
        let items = std::mem::take(&mut lock(&self.state).items);
        let mut batches = Vec::new();
        let mut message = UploadStepsRequest::default();
        let (mut count, mut bytes) = (0, 0);
        for item in items {
            count += 1;
            bytes += put(&mut message, item) + 4; // its tag and length
            if count >= BATCH_ITEMS || bytes >= BATCH_BYTES {
                batches.push(Batch { message: Arc::new(std::mem::take(&mut message)), items: count, bytes });
                (count, bytes) = (0, 0);
            }
        }
        if count > 0 {
            batches.push(Batch { message: Arc::new(message), items: count, bytes });
        }
        batches
    }

    /// Counts what became of so many items.
    pub(crate) fn settle(&self, items: i64, became: Receipt) {
        let mut state = lock(&self.state);
        state.settled += items;
        state.receipt.accepted += became.accepted;
        state.receipt.duplicate += became.duplicate;
        state.receipt.rejected += became.rejected;
        state.receipt.rejected_attributes += became.rejected_attributes;
        state.receipt.dropped += became.dropped;
        self.settled.send_replace(state.settled);
        self.room.notify_all();
    }

    /// Takes nothing any more.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.room.notify_all();
    }

    pub(crate) fn receipt(&self) -> Receipt {
        let state = lock(&self.state);
        Receipt { pending: state.added - state.settled, ..state.receipt }
    }

    /// Waits until everything that was added before is settled.
    pub(crate) async fn flushed(&self) {
        let wanted = lock(&self.state).added;
        let mut settled = self.settled.subscribe();
        self.wake.notify_one();
        // The sender lives as long as this queue: waiting can not fail.
        let _ = settled.wait_for(|settled| *settled >= wanted).await;
    }
}

fn put(message: &mut UploadStepsRequest, item: Item) -> usize {
    match item {
        Item::Run(run) => {
            let size = run.encoded_len();
            message.runs.push(run);
            size
        }
        Item::Step(step) => {
            let size = step.encoded_len();
            message.steps.push(step);
            size
        }
        Item::Failure(failure) => {
            let size = failure.encoded_len();
            message.failures.push(failure);
            size
        }
    }
}

/// One message of an upload stream.
pub(crate) struct Batch {
    pub(crate) message: Arc<UploadStepsRequest>,
    pub(crate) items: i64,
    pub(crate) bytes: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str) -> Item {
        Item::Step(Step { name: name.to_owned(), ..Step::default() })
    }

    #[test]
    fn beyond_its_capacity_items_are_dropped_and_counted() {
        let queue = Queue::new(2, false);

        (0..5).for_each(|_| queue.add(step("lookup")));

        assert_eq!(queue.receipt(), Receipt { dropped: 3, pending: 2, ..Receipt::default() });
    }

    #[test]
    fn room_comes_back_when_items_are_settled_and_not_when_they_are_taken() {
        let queue = Queue::new(1, false);
        queue.add(step("first"));
        let taken = queue.take();
        queue.add(step("no room"));
        queue.settle(taken[0].items, Receipt { accepted: 1, ..Receipt::default() });

        queue.add(step("second"));

        assert_eq!(queue.receipt(), Receipt { accepted: 1, dropped: 1, pending: 1, ..Receipt::default() });
    }

    #[test]
    fn batches_end_at_512_items_or_a_mebibyte() {
        let queue = Queue::new(10_000, false);
        (0..1100).for_each(|_| queue.add(step("lookup")));
        let counts: Vec<i64> = queue.take().iter().map(|batch| batch.items).collect();
        (0..3).for_each(|_| queue.add(step(&"x".repeat(600_000))));
        let sizes: Vec<i64> = queue.take().iter().map(|batch| batch.items).collect();

        assert_eq!((counts, sizes), (vec![512, 512, 76], vec![2, 1]));
    }

    #[test]
    fn a_closed_queue_drops_and_counts() {
        let queue = Queue::new(10, false);
        queue.close();

        queue.add(step("late"));

        assert_eq!(queue.receipt().dropped, 1);
    }
}
