//! Records steps as fast as it can and says how long that took.

use std::{
    env,
    error::Error,
    fs,
    time::{Duration, Instant},
};

use agenttrace::{Options, RunOptions, StepType, Tracer};
use serde_json::json;

const STEPS_PER_RUN: usize = 100;
const NAMES: [&str; 8] = ["tool-0", "tool-1", "tool-2", "tool-3", "tool-4", "tool-5", "tool-6", "tool-7"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let steps: usize = argument("--steps").map_or(Ok(50_000), |text| text.parse())?;
    let report = argument("--report").ok_or("--report FILE is missing")?;
    let options = Options { agent_id: "bench".into(), wait_when_full: true, ..Options::default() };
    let tracer = Tracer::new(options)?;
    let began = Instant::now();
    for first in (0..steps).step_by(STEPS_PER_RUN) {
        record(&tracer, STEPS_PER_RUN.min(steps - first));
    }
    let recorded = began.elapsed();
    let receipt = tracer.close(Duration::from_secs(300)).await;
    let figures = json!({
        "steps": steps, "record_seconds": recorded.as_secs_f64(), "total_seconds": began.elapsed().as_secs_f64(),
        "accepted": receipt.accepted, "duplicate": receipt.duplicate, "rejected": receipt.rejected,
        "dropped": receipt.dropped,
    });
    fs::write(report, figures.to_string())?;
    Ok(())
}

fn record(tracer: &Tracer, steps: usize) {
    let run = tracer.start_run(RunOptions::default());
    for number in 0..steps {
        run.start_step(StepType::Tool, NAMES[number % NAMES.len()]).end();
    }
    run.end();
}

fn argument(name: &str) -> Option<String> {
    env::args().skip_while(|argument| argument != name).nth(1)
}
