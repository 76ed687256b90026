use std::env;

use crate::{errors::Error, forms::is_token};

/// Who records, and where to. What is empty comes from the environment.
#[derive(Clone, Debug)]
pub struct Options {
    /// The agent: a token (letters, digits and `. _ : / @ + | -`, no space). Required.
    pub agent_id: String,
    /// Its version: a token. Optional.
    pub agent_version: String,
    /// Where it runs: a token. Optional; read as `production` when never told.
    pub environment: String,
    /// The ingest service; else `AGENTTRACE_ENDPOINT`, else 127.0.0.1:50051. Beyond this machine it takes TLS, or
    /// `http://host:port` for plaintext.
    pub endpoint: String,
    /// The key; else `AGENTTRACE_API_KEY`.
    pub api_key: String,
    /// How many items may wait to be acknowledged before new ones are dropped.
    pub queue_items: usize,
    /// Lets a call that records block its thread until there is room, rather than drop: for replays and benchmarks.
    pub wait_when_full: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            agent_id: String::new(),
            agent_version: String::new(),
            environment: String::new(),
            endpoint: String::new(),
            api_key: String::new(),
            queue_items: 50_000,
            wait_when_full: false,
        }
    }
}

impl Options {
    pub(crate) fn checked(mut self) -> Result<Self, Error> {
        if !is_token(&self.agent_id) {
            return Err(Error::NotAToken("agent_id"));
        }
        for (name, text) in [("agent_version", &self.agent_version), ("environment", &self.environment)] {
            if !text.is_empty() && !is_token(text) {
                return Err(Error::NotAToken(name));
            }
        }
        self.endpoint = told(self.endpoint, "AGENTTRACE_ENDPOINT", "127.0.0.1:50051");
        self.api_key = told(self.api_key, "AGENTTRACE_API_KEY", "");
        Ok(self)
    }
}

/// Where to read. What is empty comes from the environment.
#[derive(Clone, Debug, Default)]
pub struct QueryOptions {
    /// The query service; else `AGENTTRACE_QUERY_ENDPOINT`, else 127.0.0.1:50052. Beyond this machine it takes TLS, or
    /// `http://host:port` for plaintext.
    pub endpoint: String,
    /// The key; else `AGENTTRACE_API_KEY`.
    pub api_key: String,
}

impl QueryOptions {
    pub(crate) fn completed(self) -> Self {
        QueryOptions {
            endpoint: told(self.endpoint, "AGENTTRACE_QUERY_ENDPOINT", "127.0.0.1:50052"),
            api_key: told(self.api_key, "AGENTTRACE_API_KEY", ""),
        }
    }
}

/// Facts about a run, told with its start. Strings are tokens; all are optional.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The conversation, ticket or job the run belongs to.
    pub session_id: String,
    /// The user the run served: the hash that [`user_key`](crate::user_key) makes, never an id.
    pub user_key: String,
    /// The run that started this one.
    pub parent_run_id: String,
    /// Labels, at most 32.
    pub tags: Vec<String>,
}

fn told(option: String, variable: &str, otherwise: &str) -> String {
    if !option.is_empty() {
        return option;
    }
    env::var(variable).ok().filter(|text| !text.is_empty()).unwrap_or_else(|| otherwise.to_owned())
}
