//! Messages to bytes and back, and the table of limits.

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use regex_lite::Regex;
use serde_json::{json, Map, Value};

use agenttrace::{limits as table, v1};

use crate::{
    services::{bytes_of, in_base64, list, text, Failed},
    Observed,
};

/// Calls a generic function with the message type of a name.
macro_rules! of_type {
    ($name:expr, $function:ident($argument:expr), $($message:ident),+) => {
        match $name {
            $(concat!("agenttrace.v1.", stringify!($message)) => $function::<v1::$message>($argument),)+
            other => Err(format!("not known: {other}").into()),
        }
    };
}

macro_rules! of_plan {
    ($name:expr, $function:ident($argument:expr)) => {
        of_type!(
            $name,
            $function($argument),
            Run,
            Step,
            Failure,
            UploadStepsRequest,
            UploadStepsResponse,
            RecordBatchRequest,
            RecordBatchResponse,
            GetRunRequest,
            ListRunsRequest,
            ListRunsResponse,
            ListStepsRequest,
            ListFailuresRequest,
            GetStatsRequest,
            WatchRunsRequest,
            WatchRunsResponse
        )
    };
}

pub fn encode(case: &Value) -> Observed {
    let told = &case["message"];
    let made = of_plan!(text(&told["type"]), written_from_json(told))?;
    Ok(json!({"bytes": in_base64(&made)}))
}

/// prost reads no ProtoJSON: the descriptors do. The message itself is prost's, and so are the bytes.
fn written_from_json<M: Message + Default>(told: &Value) -> Result<Vec<u8>, Failed> {
    let pool = DescriptorPool::decode(v1::DESCRIPTORS)?;
    let descriptor = pool.get_message_by_name(text(&told["type"])).ok_or("no such message")?;
    let message: M = DynamicMessage::deserialize(descriptor, told["json"].clone())?.transcode_to()?;
    Ok(message.encode_to_vec())
}

pub fn decode(case: &Value) -> Observed {
    let read = of_plan!(text(&case["type"]), written_again(&bytes_of(&case["bytes"])?))?;
    let name = if text(&case["id"]).starts_with("released/") { "message" } else { "bytes" };
    Ok(json!({name: in_base64(&read)}))
}

fn written_again<M: Message + Default>(bytes: &[u8]) -> Result<Vec<u8>, Failed> {
    Ok(M::decode(bytes)?.encode_to_vec())
}

pub fn refuse(case: &Value) -> Observed {
    let refused = of_plan!(text(&case["type"]), is_refused(&bytes_of(&case["bytes"])?))?;
    Ok(json!({"refused": refused}))
}

fn is_refused<M: Message + Default>(bytes: &[u8]) -> Result<bool, Failed> {
    Ok(M::decode(bytes).is_err())
}

pub fn decode_runs(case: &Value) -> Observed {
    let answer = v1::ListRunsResponse::decode(bytes_of(&case["bytes"])?.as_slice())?;
    let runs: Vec<Value> = answer.runs.iter().map(summary).collect();
    Ok(json!({"next_page_token": answer.next_page_token, "runs": runs}))
}

fn summary(told: &v1::RunSummary) -> Value {
    let run = told.run.clone().unwrap_or_default();
    json!({
        "run_id": run.run_id, "status": run.status, "step_count": told.step_count, "failure_types": told.failure_types,
    })
}

pub fn limits() -> Value {
    let told: Map<String, Value> = table::ALL.iter().map(|(name, value)| (name.to_string(), json!(value))).collect();
    json!({"limits": told})
}

pub fn forms(case: &Value) -> Observed {
    let mut matches = Vec::new();
    for example in list(&case["examples"]) {
        let form = table::FORMS.iter().find(|(name, _)| *name == text(&example["form"])).ok_or("no such form")?;
        matches.push(Regex::new(form.1)?.is_match(text(&example["text"])));
    }
    Ok(json!({"matches": matches}))
}
