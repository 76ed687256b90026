use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use crate::{
    failure::{code_of, describe, new_failure, Classify, Left},
    forms::{is_token, is_user_key, is_uuid, new_id},
    limits,
    options::RunOptions,
    queue::{lock, Item},
    retry::{retry, Retry},
    step::{self, Step},
    tracer::Recorder,
    v1::{self, FailureType, RunStatus, StepType},
};

const LEASE_SECONDS: i64 = 300;

/// One execution of an agent. Clones are the same run; the last one that is dropped ends a run that is still open as a failure.
#[derive(Clone)]
pub struct Run(Arc<Inner>);

struct Inner {
    recorder: Arc<Recorder>,
    base: v1::Run,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sequence: i32,
    steps: i32,
    /// The last attempt that failed, and the last that succeeded, by the first attempt's step id.
    failed: HashMap<String, i32>,
    succeeded: HashMap<String, i32>,
    /// A failure of the run as a whole: no attempt can make it good.
    unmade: bool,
    /// The failure of the step that ended last, where it failed and none began since.
    cause: Option<String>,
    status: Option<RunStatus>,
}

impl Run {
    pub(crate) fn start(recorder: Arc<Recorder>, options: RunOptions) -> Self {
        let tags = options.tags.into_iter().map(|tag| recorder.optional(is_token, tag));
        let mut tags: Vec<String> = tags.filter(|tag| !tag.is_empty()).collect();
        tags.truncate(limits::TAGS as usize);
        let base = v1::Run {
            run_id: new_id(),
            agent_id: recorder.options.agent_id.clone(),
            agent_version: recorder.options.agent_version.clone(),
            environment: recorder.options.environment.clone(),
            status: RunStatus::Running.into(),
            start_time: Some(SystemTime::now().into()),
            lease_duration: Some(prost_types::Duration { seconds: LEASE_SECONDS, nanos: 0 }),
            session_id: recorder.optional(is_token, options.session_id),
            user_key: recorder.optional(is_user_key, options.user_key),
            parent_run_id: recorder.optional(is_uuid, options.parent_run_id),
            tags,
            ..v1::Run::default()
        };
        recorder.record(Item::Run(base.clone()));
        recorder.opened(&base);
        Run(Arc::new(Inner { recorder, base, state: Mutex::default() }))
    }

    /// The run's id, a UUIDv7.
    pub fn id(&self) -> &str {
        &self.0.base.run_id
    }

    /// How the run ended, `Running` before.
    pub fn status(&self) -> RunStatus {
        lock(&self.0.state).status.unwrap_or(RunStatus::Running)
    }

    /// Opens a step. End it with [`Step::end`] or [`Step::end_failed`]; a step that is dropped open ends as an error.
    pub fn start_step(&self, step_type: StepType, name: &str) -> Step {
        step::start(self, None, step_type, name, None)
    }

    /// Does work as a step: it ends with what the work returns. A panic ends it as an error and goes on.
    ///
    /// # Errors
    /// What the work returns.
    pub async fn step<T, E, F, Fut>(&self, step_type: StepType, name: &str, act: F) -> Result<T, E>
    where
        E: Classify,
        F: FnOnce(Step) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        step::within(self.start_step(step_type, name), act).await
    }

    /// Does work until an attempt succeeds, and returns what the last one returned. Each attempt is its own step; a failure
    /// that a later attempt made good is recovered.
    ///
    /// # Errors
    /// What the last attempt returns.
    pub async fn retry<T, E, F, Fut>(&self, step_type: StepType, name: &str, attempts: Retry<E>, act: F) -> Result<T, E>
    where
        E: Classify,
        F: FnMut(Step) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        retry(self, None, (step_type, name), attempts, act).await
    }

    /// Tells of a failure of the run as a whole, which ends it partial at best.
    pub fn fail(&self, failure_type: FailureType, code: &str) {
        lock(&self.0.state).unmade = true;
        let failure = new_failure(self.id(), failure_type, self.recorder().name(code));
        self.recorder().record(Item::Failure(failure));
    }

    /// Ends the run: partial if a failure stayed that no later attempt made good, else a success. Once; later calls do nothing.
    pub fn end(&self) {
        self.0.finish(None);
    }

    /// Ends the run with the error that leaves it: a failure, or cancelled where the error's code says so.
    ///
    /// An error that leaves the run right after a step failed is taken for that step's; else it is told as a failure of its own.
    pub fn end_failed(&self, error: &dyn Classify) {
        self.0.finish(Some(error));
    }

    pub(crate) async fn within<T, E, F, Fut>(self, work: F) -> Result<T, E>
    where
        E: Classify,
        F: FnOnce(Run) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let scope = Scope(self);
        let result = work(scope.0.clone()).await;
        scope.0 .0.finish(result.as_ref().err().map(|error| error as &dyn Classify));
        result
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.0.recorder
    }

    pub(crate) fn next_sequence(&self) -> i32 {
        let mut state = lock(&self.0.state);
        state.sequence = state.sequence.saturating_add(1);
        state.sequence - 1
    }

    pub(crate) fn set_cause(&self, failure_id: Option<String>) {
        lock(&self.0.state).cause = failure_id;
    }

    /// Counts a step that has ended.
    pub(crate) fn took(&self, first: &str, attempt: i32, failed: bool) {
        let mut state = lock(&self.0.state);
        state.steps = state.steps.saturating_add(1);
        // A first attempt that succeeds needs no entry: nothing asks for it.
        if failed {
            state.failed.insert(first.to_owned(), attempt);
        } else if attempt > 1 {
            state.succeeded.insert(first.to_owned(), attempt);
        }
    }
}

impl Inner {
    fn finish(&self, error: Option<&dyn Classify>) {
        let mut state = lock(&self.state);
        if state.status.is_some() {
            return;
        }
        let status = state.outcome(error);
        state.status = Some(status);
        let untold = error.filter(|_| status == RunStatus::Failure && state.cause.is_none());
        let end = v1::Run {
            status: status.into(),
            end_time: Some(after(self.base.start_time)),
            expected_step_count: Some(state.steps.min(limits::STEPS_PER_RUN as i32)),
            ..self.base.clone()
        };
        drop(state);
        self.recorder.ended(&self.base.run_id);
        if let Some(error) = untold {
            let mut failure = new_failure(&self.base.run_id, FailureType::Orchestration, code_of(error));
            describe(&mut failure, error);
            self.recorder.record(Item::Failure(failure));
        }
        self.recorder.record(Item::Run(end));
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.finish(Some(&Left::now(false)));
    }
}

impl State {
    fn outcome(&self, error: Option<&dyn Classify>) -> RunStatus {
        match error {
            Some(error) if error.failure_code() == "cancelled" => RunStatus::Cancelled,
            Some(_) => RunStatus::Failure,
            None if self.unmade || !self.recovered() => RunStatus::Partial,
            None => RunStatus::Success,
        }
    }

    /// Tells whether a later attempt succeeded wherever a step failed, as the server reads it.
    fn recovered(&self) -> bool {
        self.failed.iter().all(|(first, attempt)| self.succeeded.get(first).is_some_and(|later| later > attempt))
    }
}

/// Returns now, or the start where the clock was set back.
pub(crate) fn after(start: Option<prost_types::Timestamp>) -> prost_types::Timestamp {
    let now = prost_types::Timestamp::from(SystemTime::now());
    match start {
        Some(start) if (now.seconds, now.nanos) < (start.seconds, start.nanos) => start,
        _ => now,
    }
}

/// Ends a run whose work was left without a result.
struct Scope(Run);

impl Drop for Scope {
    fn drop(&mut self) {
        self.0 .0.finish(Some(&Left::now(true)));
    }
}
