use futures_util::Stream;
use tonic::Status;

use crate::{
    dial::{transport_to, Connection, Key},
    errors::Error,
    listing::{reading, Chunk, From},
    options::QueryOptions,
    v1::{self, query_service_client::QueryServiceClient},
};

/// Reads what was recorded. Clones share a connection.
#[derive(Clone)]
pub struct QueryClient(QueryServiceClient<Connection>);

impl QueryClient {
    /// Returns a client; it connects at the first call.
    ///
    /// # Errors
    /// Outside of a tokio runtime, and for an endpoint or certificate that can not be.
    pub fn new(options: QueryOptions) -> Result<Self, Error> {
        let options = options.completed();
        let (endpoint, key) = (transport_to(&options.endpoint)?, Key::new(&options.api_key)?);
        tokio::runtime::Handle::try_current().map_err(|_| Error::NoRuntime)?;
        Ok(QueryClient(QueryServiceClient::with_interceptor(endpoint.connect_lazy(), key)))
    }

    /// Returns a run with its failures and its first 1,000 steps; [`steps`](Self::steps) has them all.
    ///
    /// # Errors
    /// What [`explain`](crate::explain) explains.
    pub async fn run(&self, run_id: &str) -> Result<v1::GetRunResponse, Status> {
        let request = v1::GetRunRequest { run_id: run_id.to_owned() };
        Ok(self.0.clone().get_run(request).await?.into_inner())
    }

    /// Returns statistics.
    ///
    /// # Errors
    /// What [`explain`](crate::explain) explains.
    pub async fn stats(&self, request: v1::GetStatsRequest) -> Result<v1::GetStatsResponse, Status> {
        Ok(self.0.clone().get_stats(request).await?.into_inner())
    }

    /// Returns the catalogue of failure codes: their titles and remedies.
    ///
    /// # Errors
    /// What [`explain`](crate::explain) explains.
    pub async fn failure_codes(&self) -> Result<Vec<v1::FailureCode>, Status> {
        let answer = self.0.clone().list_failure_codes(v1::ListFailureCodesRequest {}).await?;
        Ok(answer.into_inner().failure_codes)
    }

    /// Lists runs, newest first. A listing that breaks goes on where it was; an error ends it.
    pub fn runs(&self, request: v1::ListRunsRequest) -> impl Stream<Item = Result<v1::RunSummary, Status>> {
        let service = self.0.clone();
        reading(From { token: request.page_token.clone(), limit: request.limit }, move |from| {
            let mut service = service.clone();
            let again = v1::ListRunsRequest { page_token: from.token, limit: from.limit, ..request.clone() };
            async move { service.list_runs(again).await }
        })
    }

    /// Lists steps: of one run in their order, or across runs. It goes on as [`runs`](Self::runs) does.
    pub fn steps(&self, request: v1::ListStepsRequest) -> impl Stream<Item = Result<v1::Step, Status>> {
        let service = self.0.clone();
        reading(From { token: request.page_token.clone(), limit: request.limit }, move |from| {
            let mut service = service.clone();
            let again = v1::ListStepsRequest { page_token: from.token, limit: from.limit, ..request.clone() };
            async move { service.list_steps(again).await }
        })
    }

    /// Lists failures, latest first. It goes on as [`runs`](Self::runs) does.
    pub fn failures(&self, request: v1::ListFailuresRequest) -> impl Stream<Item = Result<v1::FailureDetail, Status>> {
        let service = self.0.clone();
        reading(From { token: request.page_token.clone(), limit: request.limit }, move |from| {
            let mut service = service.clone();
            let again = v1::ListFailuresRequest { page_token: from.token, limit: from.limit, ..request.clone() };
            async move { service.list_failures(again).await }
        })
    }

    /// Tells of runs as they start, progress and end, until it is dropped: answers with runs, or checkpoints without. A watch
    /// that breaks goes on at its last resume token, for as long as its server is away.
    pub fn watch(&self, request: v1::WatchRunsRequest) -> impl Stream<Item = Result<v1::WatchRunsResponse, Status>> {
        let service = self.0.clone();
        reading(From { token: request.resume_token.clone(), limit: 0 }, move |from| {
            let mut service = service.clone();
            let again = v1::WatchRunsRequest { resume_token: from.token, ..request.clone() };
            async move { service.watch_runs(again).await }
        })
    }
}

impl Chunk for v1::ListRunsResponse {
    type Item = v1::RunSummary;
    fn into_parts(self) -> (Vec<Self::Item>, String) {
        (self.runs, self.next_page_token)
    }
}

impl Chunk for v1::ListStepsResponse {
    type Item = v1::Step;
    fn into_parts(self) -> (Vec<Self::Item>, String) {
        (self.steps, self.next_page_token)
    }
}

impl Chunk for v1::ListFailuresResponse {
    type Item = v1::FailureDetail;
    fn into_parts(self) -> (Vec<Self::Item>, String) {
        (self.failures, self.next_page_token)
    }
}

impl Chunk for v1::WatchRunsResponse {
    type Item = v1::WatchRunsResponse;
    const ENDLESS: bool = true;
    fn into_parts(self) -> (Vec<Self::Item>, String) {
        let token = self.resume_token.clone();
        (vec![self], token)
    }
}
