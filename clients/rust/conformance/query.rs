//! Reading: one run, listings, and watches.

use serde_json::{json, Value};
use tonic::{Response, Status, Streaming};

use agenttrace::v1::{
    GetRunResponse, ListRunsRequest, ListRunsResponse, RunSummary, WatchRunsRequest, WatchRunsResponse,
};

use crate::{
    ingest::record,
    services::{list, read, text, Failed, Services},
    Observed,
};

/// It breaks once; a service that is away would break for ever.
const MOST_BREAKS: u32 = 3;

pub async fn get(case: &Value, services: &Services) -> Result<Result<Response<GetRunResponse>, Status>, Failed> {
    let request = services.request(case, read(&case["request"])?)?;
    Ok(services.query(&case["to"])?.get_run(request).await)
}

pub async fn get_run(case: &Value, services: &Services) -> Observed {
    let answer = get(case, services).await??.into_inner();
    let run = answer.run.unwrap_or_default();
    let steps: Vec<Value> =
        answer.steps.iter().map(|step| json!([step.name, step.r#type, step.status, step.attempt])).collect();
    let failures: Vec<Value> = answer
        .failures
        .iter()
        .map(|told| {
            let failure = told.failure.clone().unwrap_or_default();
            json!([failure.code, failure.r#type, told.recovered, told.root])
        })
        .collect();
    Ok(json!({
        "status": run.run.unwrap_or_default().status, "complete": answer.completeness.unwrap_or_default().complete,
        "step_count": run.step_count, "failed_step_count": run.failed_step_count, "retry_count": run.retry_count,
        "failure_count": run.failure_count, "input_tokens": run.input_tokens, "cost_micro_usd": run.cost_micro_usd,
        "steps": steps, "failures": failures,
    }))
}

/// Reads one stream of a listing to its end.
pub async fn each_chunk(
    case: &Value,
    services: &Services,
    request: &ListRunsRequest,
    mut take: impl FnMut(ListRunsResponse),
) -> Result<Result<(), Status>, Failed> {
    let request = services.request(case, request.clone())?;
    let mut chunks = match services.query(&case["to"])?.list_runs(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return Ok(Err(status)),
    };
    loop {
        match chunks.message().await {
            Ok(Some(chunk)) => take(chunk),
            Ok(None) => return Ok(Ok(())),
            Err(status) => return Ok(Err(status)),
        }
    }
}

pub async fn list_runs(case: &Value, services: &Services) -> Observed {
    let (mut run_ids, mut sizes) = (Vec::new(), Vec::new());
    let request = read(&case["request"])?;
    each_chunk(case, services, &request, |chunk| {
        run_ids.extend(ids_of(&chunk.runs));
        sizes.extend(Some(chunk.runs.len()).filter(|size| *size > 0));
    })
    .await??;
    Ok(json!({"run_ids": run_ids, "chunk_sizes": sizes}))
}

pub async fn list_resuming(case: &Value, services: &Services) -> Observed {
    let mut run_ids = Vec::new();
    let mut request: ListRunsRequest = read(&case["request"])?;
    let mut broken = 0;
    loop {
        let mut token = request.page_token.clone();
        let read = each_chunk(case, services, &request, |chunk| {
            run_ids.extend(ids_of(&chunk.runs));
            token = chunk.next_page_token;
        });
        match read.await? {
            Ok(()) => return Ok(json!({"run_ids": run_ids, "broken_streams": broken})),
            Err(status) if broken == MOST_BREAKS => return Err(status.into()),
            Err(_) => request.page_token = token,
        }
        broken += 1;
    }
}

pub async fn watch(case: &Value, services: &Services) -> Observed {
    let mut stub = services.query(&case["to"])?;
    let mut request: WatchRunsRequest = read(&case["request"])?;
    let run_ids = list(&case["run_ids"]);
    let mut events = stub.watch_runs(services.request(case, request.clone())?).await?.into_inner();
    let beginning = events.message().await?.ok_or("the watch ended at once")?;
    record(case, services, &case["record_to"], &case["first"]).await??;
    request.resume_token = follow(&mut events, text(&run_ids[0])).await?;
    drop(events);
    record(case, services, &case["record_to"], &case["second"]).await??;
    let mut events = stub.watch_runs(services.request(case, request)?).await?.into_inner();
    follow(&mut events, text(&run_ids[1])).await?;
    let checkpoint = beginning.runs.is_empty() && !beginning.resume_token.is_empty();
    Ok(json!({"checkpoint_first": checkpoint, "first": true, "second": true}))
}

/// Reads a watch until it has told of a run, and returns where the watch goes on.
async fn follow(events: &mut Streaming<WatchRunsResponse>, run_id: &str) -> Result<String, Failed> {
    loop {
        let event = events.message().await?.ok_or("the watch ended before it told of the run")?;
        if ids_of(&event.runs).any(|id| id == run_id) {
            return Ok(event.resume_token);
        }
    }
}

fn ids_of(runs: &[RunSummary]) -> impl Iterator<Item = String> + '_ {
    runs.iter().filter_map(|summary| summary.run.as_ref()).map(|run| run.run_id.clone())
}
