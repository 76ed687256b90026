use std::{collections::BTreeMap, fmt, io, time::Duration};

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

const ERROR_DOMAIN: &str = "agenttrace";

/// What keeps a tracer or a client from being made.
#[derive(Debug)]
pub enum Error {
    /// This option must be a token: letters, digits and `. _ : / @ + | -`, at most 128 characters.
    NotAToken(&'static str),
    /// A key that can not go into a header.
    ApiKey,
    /// A [`QueryClient`](crate::QueryClient) is made outside of a tokio runtime.
    NoRuntime,
    /// A file of certificates that can not be read, or the uploader's thread that can not be started.
    Io(io::Error),
    /// An endpoint that is no `host:port`, or certificates that are none.
    Transport(tonic::transport::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotAToken(name) => write!(out, "{name} must be a token: letters, digits and . _ : / @ + | -"),
            Error::ApiKey => write!(out, "the API key has characters that can not be sent"),
            Error::NoRuntime => write!(out, "a client is made within a tokio runtime"),
            Error::Io(_) => write!(out, "a certificate can not be read, or a thread not started"),
            Error::Transport(_) => write!(out, "the endpoint or a certificate is malformed"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(error) => Some(error),
            Error::Transport(error) => Some(error),
            Error::NotAToken(_) | Error::ApiKey | Error::NoRuntime => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Io(error)
    }
}

impl From<tonic::transport::Error> for Error {
    fn from(error: tonic::transport::Error) -> Self {
        Error::Transport(error)
    }
}

/// What the services tell of a call that failed.
#[derive(Clone, Debug)]
pub struct ErrorDetails {
    /// The gRPC status.
    pub code: Code,
    /// A value of `ErrorReason` without its prefix, such as `RUN_NOT_FOUND`; empty when the error is not the services'.
    pub reason: String,
    /// What goes with the reason, such as the scope that a key lacks.
    pub facts: BTreeMap<String, String>,
    /// The fields of the request that are wrong, with what they must be.
    pub fields: BTreeMap<String, String>,
    /// When to try again, where that is told.
    pub retry_after: Option<Duration>,
}

/// Returns the details of the error of a call.
pub fn explain(status: &Status) -> ErrorDetails {
    let told = status.get_error_details();
    let info = told.error_info().filter(|info| info.domain == ERROR_DOMAIN);
    let violations = told.bad_request().map(|wrong| wrong.field_violations.as_slice()).unwrap_or_default();
    ErrorDetails {
        code: status.code(),
        reason: info.map(|info| info.reason.clone()).unwrap_or_default(),
        facts: info.map(|info| info.metadata.clone().into_iter().collect()).unwrap_or_default(),
        fields: violations.iter().map(|wrong| (wrong.field.clone(), wrong.description.clone())).collect(),
        retry_after: told.retry_info().and_then(|info| info.retry_delay).filter(|delay| !delay.is_zero()),
    }
}
