#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod attribute;
mod backoff;
mod dial;
mod errors;
mod failure;
mod forms;
#[rustfmt::skip] // generated
pub mod limits;
mod listing;
mod options;
mod query;
mod queue;
mod receipt;
#[cfg(test)]
mod recording_tests;
mod retry;
mod run;
mod step;
mod tracer;
mod uploader;

pub use errors::{explain, Error, ErrorDetails};
pub use failure::Classify;
pub use forms::user_key;
pub use options::{Options, QueryOptions, RunOptions};
pub use query::QueryClient;
pub use receipt::Receipt;
pub use retry::Retry;
pub use run::Run;
pub use step::Step;
pub use tracer::Tracer;
pub use v1::{FailureType, RunStatus, StepType};

/// The messages and stubs of the contract, `agenttrace.v1`.
#[allow(missing_docs, clippy::all, rustdoc::all)]
pub mod v1 {
    tonic::include_proto!("agenttrace.v1");

    /// The compiled files of the contract, a `google.protobuf.FileDescriptorSet`.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/agenttrace.v1.binpb"));
}
