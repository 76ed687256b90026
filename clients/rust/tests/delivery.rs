//! Recording and reading over sockets. What needs a running product takes it from AGENTTRACE_ENDPOINT and
//! AGENTTRACE_QUERY_ENDPOINT, and says so where there is none.

use std::{
    env,
    io::{self, Write as _},
    pin::pin,
    sync::{
        atomic::{AtomicUsize, Ordering},
        Arc,
    },
    time::Duration,
};

use agenttrace::{explain, v1, Options, QueryClient, QueryOptions, Retry, RunOptions, RunStatus, StepType, Tracer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_stream::StreamExt as _;

const WITHIN: Duration = Duration::from_secs(60);

/// Returns where a product runs, or says that there is none.
fn product() -> Option<(String, String)> {
    let told = |name| env::var(name).ok().filter(|text| !text.is_empty());
    let found = told("AGENTTRACE_ENDPOINT").zip(told("AGENTTRACE_QUERY_ENDPOINT"));
    if found.is_none() {
        // Written past the capture of the harness, which knows no skipping.
        let _ = writeln!(io::stderr(), "skipped: AGENTTRACE_ENDPOINT and AGENTTRACE_QUERY_ENDPOINT name no product");
    }
    found
}

fn tracer(endpoint: &str) -> Tracer {
    Tracer::new(Options { agent_id: "support".into(), endpoint: endpoint.into(), ..Options::default() }).unwrap()
}

fn client(endpoint: &str) -> QueryClient {
    QueryClient::new(QueryOptions { endpoint: endpoint.into(), ..QueryOptions::default() }).unwrap()
}

fn session() -> String {
    format!("rust-{:016x}", fastrand::u64(..))
}

/// Forwards connections, and cuts the first ones off after so many bytes of answers or requests.
struct Cutting {
    address: String,
    cuts: Arc<AtomicUsize>,
}

impl Cutting {
    async fn new(target: &str, bytes: usize, most: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (cuts, target) = (Arc::new(AtomicUsize::new(0)), target.to_owned());
        let counted = cuts.clone();
        tokio::spawn(async move {
            while let Ok((inner, _)) = listener.accept().await {
                let outer = TcpStream::connect(&target).await.unwrap();
                let left = if counted.load(Ordering::SeqCst) < most { bytes } else { usize::MAX };
                tokio::spawn(forward(inner, outer, left, counted.clone()));
            }
        });
        Cutting { address, cuts }
    }
}

async fn forward(inner: TcpStream, outer: TcpStream, left: usize, cuts: Arc<AtomicUsize>) {
    let ((from, to), (back, onward)) = (inner.into_split(), outer.into_split());
    let ended = tokio::select! {
        ended = pass(from, onward, left) => ended,
        ended = pass(back, to, left) => ended,
    };
    if ended.is_ok_and(|cut| cut) {
        cuts.fetch_add(1, Ordering::SeqCst);
    }
}

/// Passes bytes on until so many have gone through; tells whether that was why it ended.
async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut left: usize,
) -> io::Result<bool> {
    let mut buffer = vec![0; 4096];
    while left > 0 {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(false);
        }
        to.write_all(&buffer[..count]).await?;
        left = left.saturating_sub(count);
    }
    Ok(true)
}

#[tokio::test]
async fn without_a_server_nothing_waits_and_what_is_lost_is_counted() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap(); // closed again at once
    let tracer = tracer(&unused.to_string());
    tracer.start_run(RunOptions::default()).end();
    let flushed = tracer.flush(Duration::from_millis(50)).await;

    let closed = tracer.close(Duration::from_millis(50)).await;
    tracer.start_run(RunOptions::default()).end();
    let again = tracer.close(WITHIN).await;

    assert_eq!((flushed.pending, flushed.dropped), (2, 0));
    assert_eq!((closed.pending, closed.dropped), (0, 2));
    assert_eq!((again.pending, again.dropped), (0, 4));
}

#[test]
fn a_host_without_a_runtime_records_too() {
    let tracer = tracer("127.0.0.1:1");

    tracer.start_run(RunOptions::default()).end();

    assert_eq!(tracer.receipt().pending, 2);
}

#[test]
fn options_that_can_not_be_are_errors() {
    assert!(Tracer::new(Options { agent_id: "two words".into(), ..Options::default() }).is_err());
    assert!(QueryClient::new(QueryOptions::default()).is_err(), "there is no runtime here");
}

#[tokio::test]
async fn a_recorded_run_is_read_back() {
    let Some((ingest, query)) = product() else { return };
    let tracer = tracer(&ingest);
    let run = tracer.start_run(RunOptions { session_id: session(), ..RunOptions::default() });
    let mut fails = true;
    let attempts = run.retry(StepType::Tool, "search", Retry::attempts(2), |step| {
        let outcome = if std::mem::take(&mut fails) { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) };
        async move {
            step.set("rows", 3);
            outcome as io::Result<()>
        }
    });
    attempts.await.unwrap();
    run.end();
    let receipt = tracer.close(WITHIN).await;

    let read = client(&query).run(run.id()).await.unwrap();

    let summary = read.run.unwrap();
    assert!(receipt.complete(), "{receipt:?}");
    assert_eq!(summary.run.unwrap().status(), RunStatus::Success);
    assert_eq!((summary.step_count, summary.retry_count, read.failures.len()), (2, 1, 1));
    assert!(read.completeness.unwrap().complete && read.failures[0].recovered);
}

#[tokio::test]
async fn what_a_broken_connection_swallowed_is_sent_again() {
    let Some((ingest, query)) = product() else { return };
    let proxy = Cutting::new(&ingest, 20_000, 2).await;
    let tracer = tracer(&proxy.address);
    let run = tracer.start_run(RunOptions { session_id: session(), ..RunOptions::default() });
    (0..2000).for_each(|_| run.start_step(StepType::Tool, "lookup").end());
    run.end();

    let receipt = tracer.close(WITHIN).await;

    let read = client(&query).run(run.id()).await.unwrap();
    assert_eq!(proxy.cuts.load(Ordering::SeqCst), 2);
    assert!(receipt.complete(), "{receipt:?}");
    assert_eq!(receipt.accepted + receipt.duplicate, 2002);
    assert_eq!((read.run.unwrap().step_count, read.completeness.unwrap().complete), (2000, true));
}

#[tokio::test]
async fn a_listing_that_breaks_goes_on_where_it_was_and_keeps_its_limit() {
    let Some((ingest, query)) = product() else { return };
    let (tracer, session) = (tracer(&ingest), session());
    let record = || tracer.start_run(RunOptions { session_id: session.clone(), ..RunOptions::default() });
    (0..120).for_each(|_| record().end());
    assert!(tracer.close(WITHIN).await.complete());
    let proxy = Cutting::new(&query, 6_000, 1).await;
    let filter = v1::RunFilter { session_id: session.clone(), ..Default::default() };
    let request = v1::ListRunsRequest { filter: Some(filter), page_size: 2, limit: 100, ..Default::default() };

    let listed: Result<Vec<_>, _> = client(&proxy.address).runs(request).collect().await;

    let mut ids: Vec<_> = listed.unwrap().into_iter().filter_map(|summary| summary.run).map(|run| run.run_id).collect();
    assert_eq!((ids.len(), proxy.cuts.load(Ordering::SeqCst)), (100, 1));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 100);
}

#[tokio::test]
async fn a_watch_goes_on_after_its_connection_broke() {
    let Some((ingest, query)) = product() else { return };
    let (tracer, session) = (tracer(&ingest), session());
    let proxy = Cutting::new(&query, 2_000, 1).await;
    let filter = v1::RunFilter { session_id: session.clone(), ..Default::default() };
    let reader = client(&proxy.address);
    let mut events = pin!(reader.watch(v1::WatchRunsRequest { filter: Some(filter), ..Default::default() }));
    assert!(events.next().await.unwrap().unwrap().runs.is_empty(), "a checkpoint comes first");

    while proxy.cuts.load(Ordering::SeqCst) == 0 {
        let run = tracer.start_run(RunOptions { session_id: session.clone(), ..RunOptions::default() });
        tracer.flush(WITHIN).await;
        told_of(&mut events, run.id()).await;
    }
    let run = tracer.start_run(RunOptions { session_id: session.clone(), ..RunOptions::default() });
    tracer.flush(WITHIN).await;

    told_of(&mut events, run.id()).await;
}

async fn told_of<S>(events: &mut std::pin::Pin<&mut S>, run_id: &str)
where
    S: tokio_stream::Stream<Item = Result<v1::WatchRunsResponse, tonic::Status>>,
{
    let is_it = |summary: &v1::RunSummary| summary.run.as_ref().is_some_and(|run| run.run_id == run_id);
    while !events.next().await.unwrap().unwrap().runs.iter().any(is_it) {}
}

#[tokio::test]
async fn an_error_is_explained() {
    let Some((_, query)) = product() else { return };
    let request = v1::ListRunsRequest { page_size: -1, ..Default::default() };

    let failed = client(&query).runs(request).collect::<Result<Vec<_>, _>>().await.unwrap_err();

    let details = explain(&failed);
    assert_eq!(details.reason, "INVALID_REQUEST");
    assert_eq!(details.fields.keys().collect::<Vec<_>>(), ["page_size"]);
}
