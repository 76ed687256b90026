use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use crate::{
    failure::{code_of, describe, failure_type_of, new_failure, Classify, Left},
    forms::{is_attribute_key, is_token, new_id},
    limits,
    queue::{lock, Item},
    retry::{retry, Retry},
    run::{after, Run},
    v1::{self, attribute_value::Value, AttributeValue, Failure, StepStatus, StepType},
};

/// One atomic step of a run; each retry is its own. Clones are the same step; the last one that is dropped ends a step that is
/// still open as an error.
#[derive(Clone)]
pub struct Step(Arc<Inner>);

struct Inner {
    run: Run,
    parent: Option<Step>,
    step_type: StepType,
    name: String,
    id: String,
    /// The first attempt's step id.
    first: String,
    attempt: i32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What is told when the step ends; `None` afterwards.
    message: Option<v1::Step>,
    failure: Option<Failure>,
    /// The failure of the nested step that ended last, where it failed and none began since.
    cause: Option<String>,
    /// In an attempt: the steps within that failed, and those that failed within the attempt before.
    failed_inside: HashMap<Work, Before>,
    to_repeat: HashMap<Work, Before>,
}

/// What a step within an attempt is recognized by in the next attempt.
type Work = (StepType, String);

/// An attempt that failed.
#[derive(Clone)]
pub(crate) struct Before {
    first: String,
    attempt: i32,
    failed_inside: HashMap<Work, Before>,
}

/// Opens a step; `before` is the attempt before, if there was one.
pub(crate) fn start(run: &Run, parent: Option<&Step>, step_type: StepType, name: &str, before: Option<Before>) -> Step {
    let (id, name) = (new_id(), run.recorder().name(name));
    let before = match parent {
        Some(parent) => parent.began(before, &(step_type, name.clone())),
        None => {
            run.set_cause(None);
            before
        }
    };
    let (first, attempt, to_repeat) = match before {
        Some(before) => (before.first, before.attempt.saturating_add(1), before.failed_inside),
        None => (id.clone(), 1, HashMap::new()),
    };
    let message = v1::Step {
        run_id: run.id().to_owned(),
        step_id: id.clone(),
        parent_step_id: parent.map(|step| step.id().to_owned()).unwrap_or_default(),
        sequence: run.next_sequence(),
        r#type: step_type.into(),
        name: name.clone(),
        attempt,
        retry_of_step_id: if attempt > 1 { first.clone() } else { String::new() },
        start_time: Some(SystemTime::now().into()),
        ..v1::Step::default()
    };
    let state = Mutex::new(State { message: Some(message), to_repeat, ..State::default() });
    Step(Arc::new(Inner { run: run.clone(), parent: parent.cloned(), step_type, name, id, first, attempt, state }))
}

/// Does work as this step.
pub(crate) async fn within<T, E, F, Fut>(step: Step, act: F) -> Result<T, E>
where
    E: Classify,
    F: FnOnce(Step) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let scope = Scope(step);
    let result = act(scope.0.clone()).await;
    scope.0 .0.finish(result.as_ref().err().map(|error| error as &dyn Classify));
    result
}

impl Step {
    /// The step's id, a UUIDv7.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Tells an attribute: a token, a whole number, a finite number, or a bool. Others are left out and counted, and so are
    /// strings under keys that name content.
    pub fn set(&self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        let told = match &value {
            Value::StringValue(text) => is_token(text) && !limits::is_content_key(key),
            Value::DoubleValue(number) => number.is_finite(),
            Value::IntValue(_) | Value::BoolValue(_) => true,
        };
        self.change(|message| {
            let attributes = &mut message.attributes;
            let room = attributes.len() < limits::ATTRIBUTES as usize || attributes.contains_key(key);
            if told && room && is_attribute_key(key) {
                attributes.insert(key.to_owned(), AttributeValue { value: Some(value) });
            } else {
                self.0.run.recorder().corrected();
            }
        });
    }

    /// Tells the facts of a call of a model.
    pub fn set_model(&self, call: v1::ModelCall) {
        self.change(|message| message.model = Some(call));
    }

    /// Tells the facts of a call of a tool; the step's name is the tool's name where it tells none.
    pub fn set_tool(&self, call: v1::ToolCall) {
        self.change(|message| message.tool = Some(call));
    }

    /// Tells the collection that was asked, and how many records came back.
    pub fn set_retrieval(&self, source: &str, results: usize) {
        let source = self.0.run.recorder().optional(is_token, source.to_owned());
        let result_count = i64::try_from(results).ok();
        self.change(|message| message.retrieval = Some(v1::Retrieval { source, result_count }));
    }

    /// Tells a failure with a code, such as `empty_retrieval`: the step ends as an error whatever it returns.
    pub fn fail(&self, code: &str) {
        let run = &self.0.run;
        let failure = new_failure(run.id(), failure_type_of(self.0.step_type), run.recorder().name(code));
        lock(&self.0.state).failure = Some(failure);
    }

    /// Opens a nested step. End it as [`Run::start_step`] says.
    pub fn start_step(&self, step_type: StepType, name: &str) -> Step {
        start(&self.0.run, Some(self), step_type, name, None)
    }

    /// Does work as a nested step, as [`Run::step`] does.
    ///
    /// # Errors
    /// What the work returns.
    pub async fn step<T, E, F, Fut>(&self, step_type: StepType, name: &str, act: F) -> Result<T, E>
    where
        E: Classify,
        F: FnOnce(Step) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        within(self.start_step(step_type, name), act).await
    }

    /// Does work in nested steps until an attempt succeeds, as [`Run::retry`] does.
    ///
    /// # Errors
    /// What the last attempt returns.
    pub async fn retry<T, E, F, Fut>(&self, step_type: StepType, name: &str, attempts: Retry<E>, act: F) -> Result<T, E>
    where
        E: Classify,
        F: FnMut(Step) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        retry(&self.0.run, Some(self), (step_type, name), attempts, act).await
    }

    /// Ends the step: as an error if [`Step::fail`] was called. Once; later calls do nothing.
    pub fn end(&self) {
        self.0.finish(None);
    }

    /// Ends the step with the error that leaves it.
    pub fn end_failed(&self, error: &dyn Classify) {
        self.0.finish(Some(error));
    }

    /// What the next attempt has to know of this one.
    pub(crate) fn as_before(&self) -> Before {
        self.0.as_before(&lock(&self.0.state))
    }

    fn change(&self, change: impl FnOnce(&mut v1::Step)) {
        if let Some(message) = &mut lock(&self.0.state).message {
            change(message);
        }
    }

    /// A step begins within this one; returns the attempt before it, if it is told or known.
    fn began(&self, before: Option<Before>, work: &Work) -> Option<Before> {
        let mut state = lock(&self.0.state);
        state.cause = None;
        before.or_else(|| state.to_repeat.remove(work))
    }

    fn nested_failed(&self, work: Work, attempt: Before, failure_id: String) {
        let mut state = lock(&self.0.state);
        state.cause = Some(failure_id);
        state.failed_inside.insert(work, attempt);
    }
}

impl Inner {
    fn finish(&self, error: Option<&dyn Classify>) {
        let mut state = lock(&self.state);
        let Some(mut message) = state.message.take() else {
            return;
        };
        message.end_time = Some(after(message.start_time));
        let failure = self.failure(&mut state, error);
        let before = self.as_before(&state);
        drop(state);
        message.set_status(if failure.is_some() { StepStatus::Error } else { StepStatus::Ok });
        self.run.took(&self.first, self.attempt, failure.is_some());
        self.run.recorder().record(Item::Step(message));
        if let Some(failure) = failure {
            match &self.parent {
                Some(parent) => {
                    parent.nested_failed((self.step_type, self.name.clone()), before, failure.failure_id.clone())
                }
                None => self.run.set_cause(Some(failure.failure_id.clone())),
            }
            self.run.recorder().record(Item::Failure(failure));
        }
    }

    /// Returns the failure that was told, or the one that the error is, with what is known of it at the end.
    fn failure(&self, state: &mut State, error: Option<&dyn Classify>) -> Option<Failure> {
        let made = || error.map(|error| new_failure(self.run.id(), failure_type_of(self.step_type), code_of(error)));
        let mut failure = state.failure.take().or_else(made)?;
        failure.step_id = self.id.clone();
        if let Some(error) = error {
            describe(&mut failure, error);
            failure.caused_by_failure_id = state.cause.take().unwrap_or_default();
        }
        Some(failure)
    }

    fn as_before(&self, state: &State) -> Before {
        Before { first: self.first.clone(), attempt: self.attempt, failed_inside: state.failed_inside.clone() }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.finish(Some(&Left::now(false)));
    }
}

/// Ends a step whose work was left without a result.
struct Scope(Step);

impl Drop for Scope {
    fn drop(&mut self) {
        self.0 .0.finish(Some(&Left::now(true)));
    }
}
