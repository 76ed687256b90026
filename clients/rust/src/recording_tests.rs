//! What is recorded of runs and steps, read from the queue before it is sent.

use std::{
    io,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    options::{Options, RunOptions},
    queue::Queue,
    retry::Retry,
    run::Run,
    tracer::Recorder,
    v1::{FailureType, RunStatus, Step, StepStatus, StepType, UploadStepsRequest},
};

struct Recorded {
    queue: Arc<Queue>,
    recorder: Arc<Recorder>,
}

impl Recorded {
    fn new() -> Self {
        let queue = Arc::new(Queue::new(1000, false));
        let options = Options { agent_id: "support".into(), ..Options::default() };
        Recorded { recorder: Recorder::new(options, Some(queue.clone())), queue }
    }

    fn run(&self) -> Run {
        Run::start(self.recorder.clone(), RunOptions::default())
    }

    fn sent(&self) -> UploadStepsRequest {
        let batches = self.queue.take();
        batches.first().map(|batch| (*batch.message).clone()).unwrap_or_default()
    }
}

fn timed_out<T>() -> io::Result<T> {
    Err(io::ErrorKind::TimedOut.into())
}

fn names(steps: &[Step]) -> Vec<(&str, StepStatus, i32)> {
    steps.iter().map(|step| (step.name.as_str(), step.status(), step.attempt)).collect()
}

#[tokio::test]
async fn steps_nest_and_have_their_order() {
    let recorded = Recorded::new();
    let run = recorded.run();
    let nested = run.step(StepType::Plan, "decide", |step| async move {
        step.step(StepType::Model, "choose", |step| async move {
            step.set("rows", 3);
            Ok::<_, io::Error>(())
        })
        .await
    });
    nested.await.unwrap();
    run.end();

    let sent = recorded.sent();

    let [inner, outer] = sent.steps.as_slice() else { panic!("{sent:?}") };
    assert_eq!((outer.sequence, inner.sequence), (0, 1));
    assert_eq!(inner.parent_step_id, outer.step_id);
    assert_eq!(inner.attributes.len(), 1);
    assert_eq!(sent.runs.iter().map(|run| run.status()).collect::<Vec<_>>(), [RunStatus::Running, RunStatus::Success]);
    assert_eq!(sent.runs[1].expected_step_count, Some(2));
}

#[tokio::test]
async fn each_attempt_is_a_step_and_a_later_success_makes_the_run_one() {
    let recorded = Recorded::new();
    let run = recorded.run();
    let mut left = 2;
    let attempts = Retry::attempts(3).delay(|_| Duration::from_millis(1));
    let done = run.retry(StepType::Tool, "search", attempts, |_| {
        left -= 1;
        let fails = left >= 0;
        async move {
            if fails {
                timed_out()
            } else {
                Ok(7)
            }
        }
    });
    let value = done.await.unwrap();
    run.end();

    let sent = recorded.sent();

    use StepStatus::{Error, Ok as Okay};
    assert_eq!(value, 7);
    assert_eq!(names(&sent.steps), [("search", Error, 1), ("search", Error, 2), ("search", Okay, 3)]);
    let first = sent.steps[0].step_id.as_str();
    assert_eq!(sent.steps.iter().map(|step| step.retry_of_step_id.as_str()).collect::<Vec<_>>(), ["", first, first]);
    assert_eq!(sent.failures.iter().map(|failure| failure.code.as_str()).collect::<Vec<_>>(), ["timeout", "timeout"]);
    assert_eq!(run.status(), RunStatus::Success);
}

#[tokio::test]
async fn an_error_that_is_not_worth_it_is_not_tried_again() {
    let recorded = Recorded::new();
    let run = recorded.run();
    let attempts = Retry::attempts(3).when(|error: &io::Error| error.kind() != io::ErrorKind::TimedOut);

    let failed = run.retry(StepType::Tool, "search", attempts, |_| async { timed_out::<()>() }).await;

    assert!(failed.is_err());
    assert_eq!(recorded.sent().steps.len(), 1);
}

#[tokio::test]
async fn a_step_inside_an_attempt_is_tried_again_with_it() {
    let recorded = Recorded::new();
    let run = recorded.run();
    let mut attempt = 0;
    let done = run.retry(StepType::Plan, "work", Retry::attempts(2), |step| {
        attempt += 1;
        let fails = attempt == 1;
        async move {
            step.step(StepType::Tool, "search", |_| async {
                if fails {
                    timed_out()
                } else {
                    Ok(())
                }
            })
            .await
        }
    });
    done.await.unwrap();
    run.end();

    let sent = recorded.sent();

    use StepStatus::{Error, Ok as Okay};
    assert_eq!(names(&sent.steps), [("search", Error, 1), ("work", Error, 1), ("search", Okay, 2), ("work", Okay, 2)]);
    assert_eq!(sent.failures[1].caused_by_failure_id, sent.failures[0].failure_id);
    assert_eq!(run.status(), RunStatus::Success);
}

#[tokio::test]
async fn an_error_that_leaves_the_run_is_told_once() {
    let recorded = Recorded::new();
    let of_a_step = recorded
        .run()
        .within(|run| async move { run.step(StepType::Tool, "search", |_| async { timed_out::<()>() }).await });
    of_a_step.await.unwrap_err();
    let told_by_the_step = recorded.sent();
    recorded.run().within(|_| async { timed_out::<()>() }).await.unwrap_err();
    let told_by_the_run = recorded.sent();

    for sent in [&told_by_the_step, &told_by_the_run] {
        assert_eq!((sent.failures.len(), sent.runs[1].status()), (1, RunStatus::Failure));
    }
    assert_eq!(told_by_the_step.failures[0].r#type(), FailureType::Tool);
    assert_eq!(told_by_the_run.failures[0].r#type(), FailureType::Orchestration);
    assert_eq!(told_by_the_run.failures[0].step_id, "");
}

#[tokio::test]
async fn a_failure_without_an_error_ends_a_run_partial() {
    let recorded = Recorded::new();
    let run = recorded.run();
    let step = run.start_step(StepType::Retrieve, "search_articles");
    step.set_retrieval("help_articles", 0);
    step.fail("empty_retrieval");
    step.end();
    run.end();

    let sent = recorded.sent();

    assert_eq!((sent.failures[0].code.as_str(), run.status()), ("empty_retrieval", RunStatus::Partial));
    assert_eq!(sent.failures[0].step_id, sent.steps[0].step_id);
}

#[tokio::test]
async fn what_is_dropped_open_ends_as_an_error() {
    let recorded = Recorded::new();
    let run = recorded.run();
    drop(run.start_step(StepType::Tool, "search"));
    drop(run);

    let sent = recorded.sent();

    assert_eq!(names(&sent.steps), [("search", StepStatus::Error, 1)]);
    assert_eq!(sent.failures[0].code, "uncaught_exception");
    assert_eq!(sent.runs[1].status(), RunStatus::Failure);
}

#[tokio::test]
async fn a_panic_is_recorded_and_goes_on() {
    let recorded = Recorded::new();
    let run = recorded.run();
    let panics = tokio::spawn(run.within(|run| async move {
        run.step(StepType::Tool, "search", |_| async { panic!("the secret") as io::Result<()> }).await
    }));

    let ended = panics.await;

    let sent = recorded.sent();
    assert!(ended.unwrap_err().is_panic());
    assert_eq!(names(&sent.steps), [("search", StepStatus::Error, 1)]);
    assert_eq!((sent.failures[0].exception_type.as_str(), sent.runs[1].status()), ("panic", RunStatus::Failure));
    assert_eq!(sent.failures.len(), 1);
    assert!(!format!("{sent:?}").contains("secret"));
}

#[tokio::test]
async fn a_run_whose_future_is_dropped_is_cancelled() {
    let recorded = Recorded::new();
    let work = recorded.run().within(|run| async move {
        run.step(StepType::Tool, "search", |_| std::future::pending::<io::Result<()>>()).await
    });

    tokio::time::timeout(Duration::from_millis(1), work).await.unwrap_err();

    let sent = recorded.sent();
    assert_eq!((sent.failures[0].code.as_str(), sent.runs[1].status()), ("cancelled", RunStatus::Cancelled));
}

#[tokio::test]
async fn what_is_no_token_is_left_out_and_counted() {
    let recorded = Recorded::new();
    let run = recorded.run();
    let step = run.start_step(StepType::Tool, "two words");
    step.set("rows", "two words");
    step.set("prompt", "hello");
    step.set("Not A Key", 1);
    step.set("ratio", f64::NAN);
    step.set("fine", "token");
    step.end();

    let sent = recorded.sent();

    assert_eq!(sent.steps[0].name, "invalid_name");
    assert_eq!(sent.steps[0].attributes.keys().collect::<Vec<_>>(), ["fine"]);
    assert_eq!(recorded.queue.receipt().corrected, 5);
}

#[tokio::test]
async fn an_open_run_says_that_it_is_alive_and_an_ended_one_does_not() {
    let recorded = Recorded::new();
    let (open, ended) = (recorded.run(), recorded.run());
    ended.end();
    recorded.sent();

    recorded.recorder.beat(SystemTime::now());

    let beats = recorded.sent().runs;
    assert_eq!(beats.iter().map(|beat| beat.run_id.as_str()).collect::<Vec<_>>(), [open.id()]);
    assert!(beats[0].heartbeat_time.is_some());
}
