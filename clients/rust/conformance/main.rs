//! Does the cases of tests/conformance/plan.json on the plain generated stubs and reports what it saw.

mod bytes;
mod ingest;
mod query;
mod services;

use std::{env, error::Error, fs};

use serde_json::{json, Value};

use services::Services;

type Observed = Result<Value, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let plan: Value = serde_json::from_str(&fs::read_to_string(argument("--plan")?)?)?;
    let services = Services::new(serde_json::from_str(&fs::read_to_string(argument("--endpoints")?)?)?);
    let mut entries = Vec::new();
    for case in services::list(&plan["cases"]) {
        entries.push(match act(case, &services).await {
            Ok(observed) => json!({"id": case["id"], "ok": true, "detail": "", "observed": observed}),
            Err(error) => json!({"id": case["id"], "ok": false, "detail": format!("{error:?}"), "observed": {}}),
        });
    }
    let versions =
        json!({"rust": env!("CARGO_PKG_RUST_VERSION"), "tonic": version("tonic"), "prost": version("prost")});
    let report = json!({"language": "rust", "versions": versions, "cases": entries});
    fs::write(argument("--report")?, serde_json::to_string_pretty(&report)?)?;
    Ok(())
}

async fn act(case: &Value, services: &Services) -> Observed {
    match services::text(&case["do"]) {
        "encode" => bytes::encode(case),
        "decode" => bytes::decode(case),
        "decode_runs" => bytes::decode_runs(case),
        "refuse" => bytes::refuse(case),
        "limits" => Ok(bytes::limits()),
        "forms" => bytes::forms(case),
        "health" => ingest::health(case, services).await,
        "record_batch" => ingest::record_batch(case, services).await,
        "upload_steps" => ingest::upload_steps(case, services).await,
        "upload_many" => ingest::upload_many(case, services).await,
        "deadline" => ingest::deadline(case, services).await,
        "error" => ingest::failing_call(case, services).await,
        "get_run" => query::get_run(case, services).await,
        "list_runs" => query::list_runs(case, services).await,
        "list_resuming" => query::list_resuming(case, services).await,
        "watch" => query::watch(case, services).await,
        other => Err(format!("not known: {other}").into()),
    }
}

fn argument(name: &str) -> Result<String, Box<dyn Error>> {
    let mut arguments = env::args().skip_while(|argument| argument != name);
    arguments.nth(1).ok_or_else(|| format!("{name} FILE is missing").into())
}

/// Returns the version of a package as the lock file has it.
fn version(package: &str) -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let entry = lock.split_once(&format!("name = \"{package}\"\nversion = \"")).map(|(_, rest)| rest);
    entry.and_then(|rest| rest.split('"').next()).unwrap_or_default()
}
