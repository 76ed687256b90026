use std::{
    collections::HashMap,
    env,
    future::Future,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, SystemTime},
};

use tokio::{runtime, sync::watch};

use crate::{
    backoff::Backoff,
    dial::{transport_to, Key},
    errors::Error,
    failure::Classify,
    forms::is_token,
    options::{Options, RunOptions},
    queue::{lock, Item, Queue},
    receipt::Receipt,
    run::Run,
    uploader::{Phase, Uploader},
    v1::{self, ingest_service_client::IngestServiceClient},
};

const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(60);

/// Records the runs of one agent. Clones record to the same queue.
#[derive(Clone)]
pub struct Tracer(Arc<Inner>);

struct Inner {
    recorder: Arc<Recorder>,
    sender: Option<Sender>,
}

/// The thread that sends.
struct Sender {
    runtime: runtime::Handle,
    phase: watch::Sender<Phase>,
    /// Closed when the thread has ended.
    ended: watch::Receiver<()>,
}

/// What runs and steps write to.
pub(crate) struct Recorder {
    pub(crate) options: Options,
    queue: Option<Arc<Queue>>,
    /// The open runs as they started, by their ids.
    open: Mutex<HashMap<String, v1::Run>>,
}

impl Tracer {
    /// Returns a tracer; its thread connects when there is something to send. With `AGENTTRACE_DISABLED=1` it records
    /// nothing.
    ///
    /// # Errors
    /// For an option that can not be: an `agent_id` that is no token, a certificate that can not be read.
    pub fn new(options: Options) -> Result<Self, Error> {
        let options = options.checked()?;
        if env::var("AGENTTRACE_DISABLED").is_ok_and(|told| told == "1") {
            return Ok(Tracer(Arc::new(Inner { recorder: Recorder::new(options, None), sender: None })));
        }
        let queue = Arc::new(Queue::new(options.queue_items, options.wait_when_full));
        let recorder = Recorder::new(options, Some(queue.clone()));
        let sender = Sender::start(queue, recorder.clone())?;
        Ok(Tracer(Arc::new(Inner { recorder, sender: Some(sender) })))
    }

    /// Opens a run. End it with [`Run::end`] or [`Run::end_failed`]; a run that is dropped open ends as a failure.
    pub fn start_run(&self, options: RunOptions) -> Run {
        Run::start(self.0.recorder.clone(), options)
    }

    /// Does work as a run: it ends with what the work returns. A panic ends it as a failure and goes on; where the future is
    /// dropped, the run is cancelled.
    ///
    /// # Errors
    /// What the work returns.
    pub async fn run<T, E, F, Fut>(&self, options: RunOptions, work: F) -> Result<T, E>
    where
        E: Classify,
        F: FnOnce(Run) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.start_run(options).within(work).await
    }

    /// Waits until everything recorded so far is acknowledged, at most so long; `pending` of the receipt says what is not.
    pub async fn flush(&self, timeout: Duration) -> Receipt {
        let (Some(queue), Some(sender)) = (&self.0.recorder.queue, &self.0.sender) else {
            return Receipt::default();
        };
        let waited_for = queue.clone();
        // On the runtime of the sender: the caller's may have no clock, or may be none of tokio.
        let waiting = sender.runtime.spawn(async move {
            let _ = tokio::time::timeout(timeout, waited_for.flushed()).await;
        });
        let _ = waiting.await; // an error says that the sender has ended, and then there is nothing to wait for
        queue.receipt()
    }

    /// Flushes and ends the tracer; what is not acknowledged then is dropped and counted. What is recorded afterwards is
    /// dropped. It may be called again.
    pub async fn close(&self, timeout: Duration) -> Receipt {
        let (Some(queue), Some(sender)) = (&self.0.recorder.queue, &self.0.sender) else {
            return Receipt::default();
        };
        let receipt = self.flush(timeout).await;
        queue.close();
        sender.phase.send_replace(if receipt.pending > 0 { Phase::GivenUp } else { Phase::Closing });
        let mut ended = sender.ended.clone();
        while ended.changed().await.is_ok() {}
        queue.receipt()
    }

    /// What became of everything recorded so far.
    pub fn receipt(&self) -> Receipt {
        self.0.recorder.queue.as_ref().map(|queue| queue.receipt()).unwrap_or_default()
    }
}

impl Sender {
    fn start(queue: Arc<Queue>, recorder: Arc<Recorder>) -> Result<Self, Error> {
        let endpoint = transport_to(&recorder.options.endpoint)?;
        let key = Key::new(&recorder.options.api_key)?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (phase, seen) = watch::channel(Phase::Open);
        let (alive, ended) = watch::channel(());
        // A thread of its own: it goes on while the host's runtime is blocked, and after it has ended.
        thread::Builder::new().name("agenttrace".to_owned()).spawn(move || {
            let _alive = alive;
            runtime.block_on(async move {
                let service = IngestServiceClient::with_interceptor(endpoint.connect_lazy(), key);
                let uploader = Uploader { queue, service, phase: seen, backoff: Backoff::default() };
                tokio::select! {
                    () = uploader.run() => {},
                    () = recorder.beat_for_ever() => {},
                }
            });
        })?;
        Ok(Sender { runtime: handle, phase, ended })
    }
}

impl Recorder {
    pub(crate) fn new(options: Options, queue: Option<Arc<Queue>>) -> Arc<Self> {
        Arc::new(Recorder { options, queue, open: Mutex::default() })
    }

    pub(crate) fn record(&self, item: Item) {
        if let Some(queue) = &self.queue {
            queue.add(item);
        }
    }

    pub(crate) fn corrected(&self) {
        if let Some(queue) = &self.queue {
            queue.correct();
        }
    }

    /// Returns a token that has to be there; `invalid_name` for what is none.
    pub(crate) fn name(&self, text: &str) -> String {
        if is_token(text) {
            return text.to_owned();
        }
        self.corrected();
        "invalid_name".to_owned()
    }

    /// Returns a text that has the form, or nothing for what has not.
    pub(crate) fn optional(&self, is_one: impl Fn(&str) -> bool, text: String) -> String {
        if text.is_empty() || is_one(&text) {
            return text;
        }
        self.corrected();
        String::new()
    }

    pub(crate) fn opened(&self, run: &v1::Run) {
        if self.queue.is_some() {
            lock(&self.open).insert(run.run_id.clone(), run.clone());
        }
    }

    pub(crate) fn ended(&self, run_id: &str) {
        lock(&self.open).remove(run_id);
    }

    /// Says of open runs that they are alive.
    async fn beat_for_ever(&self) {
        loop {
            tokio::time::sleep(HEARTBEAT_INTERVAL).await;
            self.beat(SystemTime::now());
        }
    }

    pub(crate) fn beat(&self, now: SystemTime) {
        let open: Vec<v1::Run> = lock(&self.open).values().cloned().collect();
        // Where recording waits for room, this thread must not: it is the one that makes room.
        for run in open.into_iter().filter(|_| !self.options.wait_when_full) {
            self.record(Item::Run(v1::Run { heartbeat_time: Some(now.into()), ..run }));
        }
    }
}
