//! A customer-support agent, recorded from end to end; no network and no language model needed.
//!
//! It plans, looks its help articles up, calls tools - a carrier that is sometimes too slow, a refund that needs a
//! supervisor - tries again, and answers. Some runs end partial or in failure, as in life. Start a server first
//! (`agenttrace-server up`), then: `cargo run --example customer_support_agent -- --runs 12`

use std::{
    env,
    error::Error,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use agenttrace::{v1, Classify, Options, QueryClient, QueryOptions, Retry, Run, RunOptions, Step, StepType, Tracer};
use tokio::time::{error::Elapsed, sleep, timeout};
use tokio_stream::StreamExt as _;

const CARRIER_LIMIT: Duration = Duration::from_millis(80);
const ARTICLES: [&str; 4] = [
    "refunds are made within thirty days of delivery to the original payment method",
    "parcels ship within two days and arrive within five days of the order",
    "a parcel is lost when its tracking has not moved for ten days",
    "devices carry a warranty of two years against defects",
];
const QUESTIONS: [(&str, &str); 4] = [
    ("refund", "how long do refunds take to the payment method"),
    ("delivery", "when will my parcel arrive after the order"),
    ("lost", "tracking of the parcel has not moved for days"),
    ("cancel", "xylophone subscription"),
];

/// What can go wrong.
#[derive(Debug)]
enum AgentError {
    /// The refund is above what the agent may grant by itself.
    SupervisorNeeded,
    /// No order has this number.
    OrderNotFound,
    /// The carrier was slower than the agent waits.
    CarrierTooSlow(Elapsed),
}

impl Classify for AgentError {
    fn failure_code(&self) -> &str {
        match self {
            AgentError::SupervisorNeeded => "supervisor_needed",
            AgentError::OrderNotFound => "not_found",
            AgentError::CarrierTooSlow(elapsed) => elapsed.failure_code(),
        }
    }
}

/// What a customer wants. Its text stays in this process: only tokens and numbers are recorded.
#[derive(Clone, Copy)]
struct Ticket {
    number: usize,
    intent: &'static str,
    question: &'static str,
}

impl Ticket {
    fn new(number: usize) -> Self {
        let (intent, question) = QUESTIONS[number % QUESTIONS.len()];
        Ticket { number, intent, question }
    }

    async fn handle(self, run: Run) -> Result<(), AgentError> {
        run.step(StepType::Plan, "classify_ticket", |step| self.plan(step)).await?;
        run.step(StepType::Retrieve, "search_articles", |step| self.look_up(step)).await?;
        let known = AtomicBool::new(self.number % 6 != 5); // one ticket in six names a wrong order first
        run.retry(StepType::Tool, "find_order", Retry::attempts(2), |step| find_order(step, &known)).await?;
        if self.intent == "refund" {
            run.step(StepType::Tool, "refund", |_| self.refund()).await?;
        } else if self.number % 3 == 1 {
            // It answers without the carrier's status: the run ends partial.
            let _ = run.retry(StepType::Tool, "shipping_status", Retry::attempts(3), shipping_status).await;
        }
        run.step(StepType::Respond, "answer", |step| self.respond(step)).await
    }

    async fn plan(self, step: Step) -> Result<(), AgentError> {
        let choose = |step: Step| async move {
            sleep(Duration::from_millis(fastrand::u64(5..20))).await;
            step.set_model(model_call(80 + self.question.len(), fastrand::i64(8..24), 90));
            Ok(())
        };
        step.step(StepType::Model, "choose_tools", choose).await
    }

    async fn look_up(self, step: Step) -> Result<(), AgentError> {
        let words: Vec<&str> = self.question.split(' ').filter(|word| word.len() > 3).collect();
        let score = |text: &&str| words.iter().filter(|word| text.contains(**word)).count();
        let scores: Vec<usize> = ARTICLES.iter().map(score).filter(|score| *score > 0).collect();
        step.set_retrieval("help_articles", scores.len());
        step.set("best_score", scores.iter().copied().max().unwrap_or_default());
        if scores.is_empty() {
            step.fail("empty_retrieval"); // it can still answer, but not well: the run ends partial
        }
        Ok(())
    }

    async fn refund(self) -> Result<(), AgentError> {
        sleep(Duration::from_millis(10)).await;
        let price = 19 + 17 * (self.number % 12);
        if price > 100 {
            return Err(AgentError::SupervisorNeeded);
        }
        Ok(())
    }

    async fn respond(self, step: Step) -> Result<(), AgentError> {
        sleep(Duration::from_millis(fastrand::u64(10..40))).await;
        let call = model_call(200 + self.question.len(), fastrand::i64(40..120), 310);
        step.set_model(v1::ModelCall { finish_reason: "stop".into(), ..call });
        Ok(())
    }
}

async fn find_order(step: Step, known: &AtomicBool) -> Result<(), AgentError> {
    if !known.swap(true, Ordering::Relaxed) {
        step.set("rows", 0);
        return Err(AgentError::OrderNotFound);
    }
    step.set("rows", 1);
    Ok(())
}

/// Asks the carrier, which is sometimes slower than we wait.
async fn shipping_status(step: Step) -> Result<(), AgentError> {
    let answer = sleep(Duration::from_millis(fastrand::u64(20..140)));
    timeout(CARRIER_LIMIT, answer).await.map_err(AgentError::CarrierTooSlow)?;
    step.set("http_status", 200);
    Ok(())
}

fn model_call(input: usize, output: i64, cost: i64) -> v1::ModelCall {
    let usage =
        v1::Usage { input_tokens: i64::try_from(input).ok(), output_tokens: Some(output), ..Default::default() };
    v1::ModelCall {
        provider: "example".into(),
        request_model: "rules-1".into(),
        usage: Some(usage),
        cost_micro_usd: Some(cost),
        ..Default::default()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let runs: usize =
        env::args().skip_while(|argument| argument != "--runs").nth(1).map_or(Ok(12), |text| text.parse())?;
    let tracer = Tracer::new(Options {
        agent_id: "customer-support".into(),
        agent_version: "1.4.0".into(),
        environment: "demo".into(),
        ..Options::default()
    })?;
    for number in 0..runs {
        record(&tracer, Ticket::new(number)).await;
    }
    let receipt = tracer.close(Duration::from_secs(10)).await;
    println!(
        "\n{runs} runs recorded: {} items stored, {} known already, {} rejected, {} dropped",
        receipt.accepted, receipt.duplicate, receipt.rejected, receipt.dropped
    );
    if !receipt.complete() {
        return Err("not everything is stored".into());
    }
    list(runs).await
}

async fn record(tracer: &Tracer, ticket: Ticket) {
    let tags = ["example", ticket.intent, "rust"].map(String::from).to_vec();
    let session_id = format!("ticket-{}", ticket.number);
    let run = tracer.start_run(RunOptions { session_id, tags, ..RunOptions::default() });
    match ticket.handle(run.clone()).await {
        Ok(()) => run.end(),
        Err(error) => run.end_failed(&error), // the run says why; the agent goes on with the next ticket
    }
    let status = run.status().as_str_name().trim_start_matches("RUN_STATUS_");
    println!("{}  {status:<9}  ticket-{:<3} {}", run.id(), ticket.number, ticket.intent);
}

/// Reads the newest runs back.
async fn list(count: usize) -> Result<(), Box<dyn Error>> {
    let filter =
        v1::RunFilter { agent_ids: vec!["customer-support".into()], tags: vec!["rust".into()], ..Default::default() };
    let request = v1::ListRunsRequest { filter: Some(filter), limit: i64::try_from(count)?, ..Default::default() };
    let client = QueryClient::new(QueryOptions::default())?;
    let mut summaries = pin!(client.runs(request));
    let (mut steps, mut retries, mut failures) = (0, 0, 0);
    while let Some(summary) = summaries.next().await {
        let summary = summary?;
        steps += summary.step_count;
        retries += summary.retry_count;
        failures += summary.failure_count;
    }
    println!("they have {steps} steps, {retries} of them retries, and {failures} failures");
    Ok(())
}
