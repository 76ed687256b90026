//! Listings and watches that go on where they broke.

use std::{collections::VecDeque, future::Future, time::Duration};

use futures_util::{stream, Stream};
use tonic::{Code, Response, Status, Streaming};

use crate::{
    backoff::jittered,
    errors::{explain, ErrorDetails},
};

const LISTING_TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A message of a stream that can be opened again.
pub(crate) trait Chunk {
    type Item;
    /// Returns its items and the token at which the stream goes on.
    fn into_parts(self) -> (Vec<Self::Item>, String);
    /// Whether the stream has no end: it goes on for as long as its server is away.
    const ENDLESS: bool = false;
}

/// Where a stream is opened: at this token, for so many items (0: all).
pub(crate) struct From {
    pub(crate) token: String,
    pub(crate) limit: i64,
}

struct Reading<C: Chunk, Open> {
    open: Open,
    messages: Option<Streaming<C>>,
    waiting: VecDeque<C::Item>,
    token: String,
    limit: i64,
    left: i64,
    over: bool,
    progressed: bool,
    tries: u32,
}

/// Returns the items of as many streams as it takes. An error, if it comes to one, is the last element.
pub(crate) fn reading<C, Open, Fut>(from: From, open: Open) -> impl Stream<Item = Result<C::Item, Status>>
where
    C: Chunk,
    Open: FnMut(From) -> Fut,
    Fut: Future<Output = Result<Response<Streaming<C>>, Status>>,
{
    let begin = Reading {
        open,
        messages: None,
        waiting: VecDeque::new(),
        token: from.token,
        limit: from.limit.max(0),
        left: from.limit.max(0),
        over: false,
        progressed: false,
        tries: 0,
    };
    stream::try_unfold(begin, |mut reading| async move { Ok(reading.next().await?.map(|item| (item, reading))) })
}

impl<C, Open, Fut> Reading<C, Open>
where
    C: Chunk,
    Open: FnMut(From) -> Fut,
    Fut: Future<Output = Result<Response<Streaming<C>>, Status>>,
{
    async fn next(&mut self) -> Result<Option<C::Item>, Status> {
        loop {
            if let Some(item) = self.waiting.pop_front() {
                return Ok(Some(item));
            }
            if self.over {
                return Ok(None);
            }
            match self.message().await {
                Ok(Some(chunk)) => self.take(chunk),
                Ok(None) if C::ENDLESS => self.broke(Status::unavailable("the server ended the stream")).await?,
                Ok(None) => self.over = true,
                Err(status) => self.broke(status).await?,
            }
        }
    }

    async fn message(&mut self) -> Result<Option<C>, Status> {
        if self.messages.is_none() {
            let opened = (self.open)(From { token: self.token.clone(), limit: self.left }).await?;
            self.messages = Some(opened.into_inner());
        }
        match &mut self.messages {
            Some(messages) => messages.message().await,
            None => Ok(None),
        }
    }

    fn take(&mut self, chunk: C) {
        let (items, token) = chunk.into_parts();
        (self.progressed, self.tries) = (true, 0);
        self.token = token;
        self.left = (self.left - items.len() as i64).max(0);
        self.waiting.extend(items);
        // At the end there is nothing to go on with: whatever the stream says afterwards.
        self.over = !C::ENDLESS && (self.token.is_empty() || (self.limit > 0 && self.left == 0));
    }

    /// Waits before the stream is opened again; returns the error where it should not be.
    async fn broke(&mut self, status: Status) -> Result<(), Status> {
        self.messages = None;
        let details = explain(&status);
        let tried = !C::ENDLESS && self.tries >= LISTING_TRIES;
        if tried || !passes(&details) || !(self.progressed || details.retry_after.is_some()) {
            return Err(status);
        }
        self.tries += 1;
        let longest = LONGEST_PAUSE.min(FIRST_PAUSE * 2u32.pow(self.tries.min(10)));
        tokio::time::sleep(jittered(longest).max(details.retry_after.unwrap_or_default())).await;
        Ok(())
    }
}

/// Tells whether the same call can succeed later: an outage, or a connection that broke.
fn passes(details: &ErrorDetails) -> bool {
    match details.code {
        Code::ResourceExhausted => details.retry_after.is_some(),
        Code::Unavailable => true,
        // Something on the way cut it off, rather than a server of ours.
        Code::Cancelled | Code::Unknown | Code::Internal | Code::Aborted => details.reason.is_empty(),
        _ => false,
    }
}
