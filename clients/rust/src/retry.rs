use std::{future::Future, time::Duration};

use crate::{
    failure::Classify,
    run::Run,
    step::{start, within, Step},
    v1::StepType,
};

type Worth<E> = Box<dyn Fn(&E) -> bool + Send + Sync>;
type Delay = Box<dyn Fn(u32) -> Duration + Send + Sync>;

/// When work is tried again.
pub struct Retry<E> {
    attempts: u32,
    worth: Worth<E>,
    delay: Option<Delay>,
}

impl<E> Retry<E> {
    /// It is tried at most so often, whatever the error, without a pause.
    pub fn attempts(attempts: u32) -> Self {
        Retry { attempts, worth: Box::new(|_| true), delay: None }
    }

    /// Only these errors are worth another attempt.
    #[must_use]
    pub fn when(mut self, worth: impl Fn(&E) -> bool + Send + Sync + 'static) -> Self {
        self.worth = Box::new(worth);
        self
    }

    /// How long to wait after an attempt (1, 2 ...).
    #[must_use]
    pub fn delay(mut self, delay: impl Fn(u32) -> Duration + Send + Sync + 'static) -> Self {
        self.delay = Some(Box::new(delay));
        self
    }
}

/// Does work until an attempt succeeds. Each attempt is a step of its own.
pub(crate) async fn retry<T, E, F, Fut>(
    run: &Run,
    parent: Option<&Step>,
    (step_type, name): (StepType, &str),
    retry: Retry<E>,
    mut act: F,
) -> Result<T, E>
where
    E: Classify,
    F: FnMut(Step) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let mut before = None;
    let mut attempt = 1;
    loop {
        let step = start(run, parent, step_type, name, before);
        let result = within(step.clone(), &mut act).await;
        match &result {
            Err(error) if attempt < retry.attempts && (retry.worth)(error) => {}
            _ => return result,
        }
        drop(result);
        if let Some(delay) = &retry.delay {
            tokio::time::sleep(delay(attempt)).await;
        }
        before = Some(step.as_before());
        attempt += 1;
    }
}
