//! Uploads, their errors, and health.

use std::time::Duration;

use futures_util::{stream, StreamExt as _};
use serde_json::{json, Value};
use tonic::{Request, Response, Status};
use tonic_health::pb::{health_client::HealthClient, HealthCheckRequest};
use tonic_types::StatusExt as _;

use agenttrace::v1::{self, RecordCounts, Rejection, UploadStepsRequest, UploadStepsResponse};

use crate::{
    query,
    services::{list, read, status_of, text, Failed, Services},
    Observed,
};

pub async fn record_batch(case: &Value, services: &Services) -> Observed {
    let answer = record(case, services, &case["to"], &case["request"]).await??.into_inner();
    Ok(outcome(answer.counts.as_ref(), &answer.rejections))
}

/// Records a batch; the outer error says that the call could not be made.
pub async fn record(
    case: &Value,
    services: &Services,
    to: &Value,
    told: &Value,
) -> Result<Result<Response<v1::RecordBatchResponse>, Status>, Failed> {
    let request = services.request(case, read::<v1::RecordBatchRequest>(told)?)?;
    Ok(services.ingest(to)?.record_batch(request).await)
}

fn outcome(counts: Option<&RecordCounts>, rejections: &[Rejection]) -> Value {
    let counts = counts.copied().unwrap_or_default();
    let rejections: Vec<[i64; 5]> = rejections
        .iter()
        .map(|r| [r.message_index, r.kind.into(), r.item_index.into(), r.reason.into(), r.field.into()])
        .collect();
    json!({"rejections": rejections, "counts": {
        "runs": numbers(counts.runs), "steps": numbers(counts.steps), "failures": numbers(counts.failures),
        "rejected_attributes": counts.rejected_attribute_count, "rejected_messages": counts.rejected_message_count,
        "unknown_fields": counts.unknown_field_count,
    }})
}

fn numbers(counts: Option<v1::ItemCounts>) -> [i64; 3] {
    let counts = counts.unwrap_or_default();
    [counts.accepted, counts.duplicate, counts.rejected]
}

pub async fn upload_steps(case: &Value, services: &Services) -> Observed {
    let mut streams = Vec::new();
    for told in list(&case["streams"]) {
        let messages = list(told).iter().map(read).collect::<Result<Vec<UploadStepsRequest>, Failed>>()?;
        let answer = upload(case, services, messages).await??;
        let mut observed = outcome(answer.counts.as_ref(), &answer.rejections);
        observed["acknowledged"] = json!(answer.acknowledged_message_count);
        observed["close_reason"] = json!(answer.close_reason);
        streams.push(observed);
    }
    Ok(json!({"streams": streams}))
}

async fn upload(
    case: &Value,
    services: &Services,
    messages: Vec<UploadStepsRequest>,
) -> Result<Result<UploadStepsResponse, Status>, Failed> {
    let request = services.request(case, stream::iter(messages))?;
    Ok(services.ingest(&case["to"])?.upload_steps(request).await.map(Response::into_inner))
}

pub async fn upload_many(case: &Value, services: &Services) -> Observed {
    let one: UploadStepsRequest = read(&case["message"])?;
    let mut left = case["count"].as_i64().unwrap_or_default();
    let (mut streams, mut runs) = (Vec::new(), [0; 3]);
    while left > 0 {
        let answer = upload(case, services, vec![one.clone(); left as usize]).await??;
        let counted = numbers(answer.counts.unwrap_or_default().runs);
        runs.iter_mut().zip(counted).for_each(|(sum, count)| *sum += count);
        left -= answer.acknowledged_message_count;
        streams.push(json!({"acknowledged": answer.acknowledged_message_count, "close_reason": answer.close_reason}));
    }
    Ok(json!({"streams": streams, "runs": runs}))
}

pub async fn deadline(case: &Value, services: &Services) -> Observed {
    let mut one: UploadStepsRequest = read(&case["message"])?;
    let unended = stream::iter([one.clone()]).chain(stream::pending());
    let mut request = Request::new(unended);
    request.set_timeout(Duration::from_secs_f64(case["timeout_seconds"].as_f64().unwrap_or_default()));
    let ended = services.ingest(&case["to"])?.upload_steps(request).await;
    let status = ended.err().map_or(0, |status| status_of(&status));
    one.resend = true;
    let answer = upload(case, services, vec![one]).await??;
    let [accepted, duplicate, _] = numbers(answer.counts.unwrap_or_default().runs);
    Ok(json!({"status": status, "stored": accepted + duplicate}))
}

pub async fn failing_call(case: &Value, services: &Services) -> Observed {
    if !case["before"].is_null() {
        record(case, services, &case["to"], &case["before"]).await??;
    }
    let failed = match text(&case["method"]) {
        "RecordBatch" => record(case, services, &case["to"], &case["request"]).await?.err(),
        "UploadSteps" => upload(case, services, vec![read(&case["request"])?]).await?.err(),
        "GetRun" => query::get(case, services).await?.err(),
        "ListRuns" => query::each_chunk(case, services, &read(&case["request"])?, |_| ()).await?.err(),
        other => return Err(format!("not known: {other}").into()),
    };
    Ok(explained(&failed.ok_or("it did not fail")?))
}

fn explained(status: &Status) -> Value {
    let told = status.get_error_details();
    let (reason, domain, metadata) = told
        .error_info()
        .map(|info| (info.reason.as_str(), info.domain.as_str(), json!(info.metadata)))
        .unwrap_or(("", "", json!({})));
    let wrong = told.bad_request().map(|wrong| wrong.field_violations.as_slice()).unwrap_or_default();
    let violations: Vec<&str> = wrong.iter().map(|violation| violation.field.as_str()).collect();
    let delay = told.retry_info().and_then(|info| info.retry_delay).unwrap_or_default();
    json!({
        "status": status_of(status), "reason": reason, "domain": domain, "metadata": metadata, "violations": violations,
        "has_retry_delay": !delay.is_zero(),
    })
}

pub async fn health(case: &Value, services: &Services) -> Observed {
    let mut client = HealthClient::new(services.channel(&case["to"])?);
    let mut answers = Vec::new();
    for service in list(&case["services"]) {
        let request = services.request(case, HealthCheckRequest { service: text(service).to_owned() })?;
        answers.push(match client.check(request).await {
            Ok(answer) => answer.into_inner().status().as_str_name().to_owned(),
            Err(status) if status.code() == tonic::Code::NotFound => "NOT_FOUND".to_owned(),
            Err(status) => format!("{:?}", status.code()),
        });
    }
    Ok(json!({"answers": answers}))
}
