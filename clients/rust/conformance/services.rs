//! The services of the endpoints file, and the values of a case.

use std::{error::Error, time::Duration};

use base64::{prelude::BASE64_STANDARD, Engine as _};
use prost::Message;
use serde_json::Value;
use tonic::{
    transport::{Channel, Endpoint},
    Request, Status,
};

use agenttrace::v1::{ingest_service_client::IngestServiceClient, query_service_client::QueryServiceClient};

const TIMEOUT: Duration = Duration::from_secs(30);

pub type Failed = Box<dyn Error>;

pub struct Services {
    endpoints: Value,
}

impl Services {
    pub fn new(endpoints: Value) -> Self {
        Services { endpoints }
    }

    pub fn channel(&self, to: &Value) -> Result<Channel, Failed> {
        let address = text(&self.endpoints[text(to)]);
        Ok(Endpoint::from_shared(format!("http://{address}"))?.connect_lazy())
    }

    pub fn ingest(&self, to: &Value) -> Result<IngestServiceClient<Channel>, Failed> {
        Ok(IngestServiceClient::new(self.channel(to)?))
    }

    pub fn query(&self, to: &Value) -> Result<QueryServiceClient<Channel>, Failed> {
        Ok(QueryServiceClient::new(self.channel(to)?))
    }

    /// Returns a request of a case: with its deadline, and its key.
    pub fn request<M>(&self, case: &Value, message: M) -> Result<Request<M>, Failed> {
        let mut request = Request::new(message);
        request.set_timeout(TIMEOUT);
        if let Some(key) = case["key"].as_str() {
            let header = format!("Bearer {}", text(&self.endpoints["keys"][key]));
            request.metadata_mut().insert("authorization", header.parse()?);
        }
        Ok(request)
    }
}

/// tonic calls a deadline that passes in the client CANCELLED.
pub fn status_of(status: &Status) -> i32 {
    let mut cause: Option<&(dyn Error + 'static)> = Error::source(status);
    while let Some(error) = cause {
        if error.is::<tonic::TimeoutExpired>() {
            return tonic::Code::DeadlineExceeded.into();
        }
        cause = error.source();
    }
    status.code().into()
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

pub fn bytes_of(value: &Value) -> Result<Vec<u8>, Failed> {
    Ok(BASE64_STANDARD.decode(text(value))?)
}

pub fn in_base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// Returns a message of the plan from its bytes.
pub fn read<M: Message + Default>(told: &Value) -> Result<M, Failed> {
    Ok(M::decode(bytes_of(&told["bytes"])?.as_slice())?)
}
