use std::{error::Error, io, time::SystemTime};

use tonic::{Code, Status};

use crate::{
    forms::{is_token, new_id},
    v1::{Failure, FailureType, StepType},
};

const UNCAUGHT: &str = "uncaught_exception";

/// What an error tells of itself when it ends a step or a run. Its text is never read.
///
/// `impl Classify for MyError {}` is enough; `failure_code` says what people then search for.
pub trait Classify {
    /// The code of the failure, such as `timeout`: a token. `cancelled` ends a run as cancelled.
    fn failure_code(&self) -> &str {
        UNCAUGHT
    }

    /// The name of the error's type.
    fn exception_type(&self) -> &str {
        std::any::type_name::<Self>()
    }

    /// The status of the gRPC call that failed, where one did.
    fn grpc_status(&self) -> Option<Code> {
        None
    }

    /// The status of the HTTP request that failed, where one did.
    fn http_status(&self) -> Option<u16> {
        None
    }
}

impl Classify for io::Error {
    fn failure_code(&self) -> &str {
        use io::ErrorKind::*;
        match self.kind() {
            TimedOut => "timeout",
            NotFound => "not_found",
            PermissionDenied => "permission_denied",
            ConnectionRefused | ConnectionReset | ConnectionAborted | NotConnected | BrokenPipe | HostUnreachable
            | NetworkUnreachable => "connection_failed",
            InvalidData => "schema_invalid",
            InvalidInput => "invalid_arguments",
            _ => UNCAUGHT,
        }
    }
}

impl Classify for Status {
    fn failure_code(&self) -> &str {
        match self.code() {
            Code::Cancelled => "cancelled",
            Code::DeadlineExceeded => "timeout",
            Code::NotFound | Code::Unimplemented => "not_found",
            Code::PermissionDenied | Code::Unauthenticated => "permission_denied",
            Code::ResourceExhausted => "rate_limited",
            Code::InvalidArgument | Code::AlreadyExists | Code::FailedPrecondition | Code::OutOfRange => {
                "invalid_arguments"
            }
            Code::Aborted | Code::Internal | Code::Unavailable => "unavailable",
            Code::Ok | Code::Unknown | Code::DataLoss => UNCAUGHT,
        }
    }

    fn grpc_status(&self) -> Option<Code> {
        Some(self.code())
    }
}

impl Classify for tokio::time::error::Elapsed {
    fn failure_code(&self) -> &str {
        "timeout"
    }
}

macro_rules! of_wrong_shape {
    ($($error:ty),+) => {$(
        impl Classify for $error {
            fn failure_code(&self) -> &str {
                "schema_invalid"
            }
        }
    )+};
}

of_wrong_shape!(std::str::Utf8Error, std::string::FromUtf8Error, std::num::ParseIntError, std::num::ParseFloatError);

/// An error of any type tells what the first one in its chain does that is known here.
impl Classify for Box<dyn Error + Send + Sync> {
    fn failure_code(&self) -> &str {
        known(self.as_ref()).map_or(UNCAUGHT, Classify::failure_code)
    }

    fn exception_type(&self) -> &str {
        known(self.as_ref()).map_or("", Classify::exception_type)
    }

    fn grpc_status(&self) -> Option<Code> {
        known(self.as_ref()).and_then(Classify::grpc_status)
    }
}

fn known<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a dyn Classify> {
    let mut next = Some(error);
    while let Some(error) = next {
        let found = error.downcast_ref::<io::Error>().map(|it| it as &'a dyn Classify);
        let found = found.or_else(|| error.downcast_ref::<Status>().map(|it| it as &'a dyn Classify));
        let found = found.or_else(|| error.downcast_ref::<tokio::time::error::Elapsed>().map(|it| it as _));
        if found.is_some() {
            return found;
        }
        next = error.source();
    }
    None
}

/// How a scope was left without a result.
pub(crate) struct Left {
    code: &'static str,
    name: &'static str,
}

impl Left {
    /// A panic goes through, or else: the future of a scope was dropped, or a guard was not ended.
    pub(crate) fn now(scoped: bool) -> Self {
        if std::thread::panicking() {
            return Left { code: UNCAUGHT, name: "panic" };
        }
        let code = if scoped { "cancelled" } else { UNCAUGHT };
        Left { code, name: "" }
    }
}

impl Classify for Left {
    fn failure_code(&self) -> &str {
        self.code
    }

    fn exception_type(&self) -> &str {
        self.name
    }
}

pub(crate) fn new_failure(run_id: &str, failure_type: FailureType, code: String) -> Failure {
    Failure {
        failure_id: new_id(),
        run_id: run_id.to_owned(),
        r#type: failure_type.into(),
        code,
        occur_time: Some(SystemTime::now().into()),
        ..Failure::default()
    }
}

/// Returns an error's code; what is no token is as good as none.
pub(crate) fn code_of(error: &dyn Classify) -> String {
    let code = error.failure_code();
    if is_token(code) { code } else { UNCAUGHT }.to_owned()
}

/// Tells of an error what may be told.
pub(crate) fn describe(failure: &mut Failure, error: &dyn Classify) {
    let name = error.exception_type();
    let name = name.split('<').next().unwrap_or_default();
    if is_token(name) {
        failure.exception_type = name.to_owned();
    }
    failure.grpc_status = error.grpc_status().filter(|code| *code != Code::Ok).map(i32::from);
    failure.http_status = error.http_status().map(i32::from);
}

pub(crate) fn failure_type_of(step_type: StepType) -> FailureType {
    match step_type {
        StepType::Tool => FailureType::Tool,
        StepType::Retrieve => FailureType::Retrieval,
        StepType::Model | StepType::Respond => FailureType::Model,
        _ => FailureType::Orchestration,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(error: impl Into<Box<dyn Error + Send + Sync>>) -> String {
        code_of(&error.into())
    }

    #[test]
    fn known_errors_have_codes_of_their_own() {
        assert_eq!(code(io::Error::from(io::ErrorKind::TimedOut)), "timeout");
        assert_eq!(code(io::Error::from(io::ErrorKind::ConnectionRefused)), "connection_failed");
        assert_eq!(code(Status::resource_exhausted("")), "rate_limited");
        assert_eq!(code("a text"), "uncaught_exception");
        assert_eq!(code_of(&"x".parse::<i32>().unwrap_err()), "schema_invalid");
    }

    #[test]
    fn an_error_that_wraps_a_known_one_is_told_by_it() {
        let wrapped: Box<dyn Error + Send + Sync> = Box::new(crate::Error::Io(io::ErrorKind::NotFound.into()));

        assert_eq!(code_of(&wrapped), "not_found");
    }

    #[test]
    fn of_an_error_its_type_and_status_are_told_and_never_its_text() {
        let mut failure = Failure::default();

        describe(&mut failure, &Status::not_found("the secret"));

        let told =
            Failure { grpc_status: Some(5), exception_type: failure.exception_type.clone(), ..Failure::default() };
        assert_eq!(failure, told);
        assert!(failure.exception_type.ends_with("Status"), "{}", failure.exception_type);
    }

    #[test]
    fn a_code_that_is_no_token_is_not_told() {
        struct Wordy;
        impl Classify for Wordy {
            fn failure_code(&self) -> &str {
                "the customer said so"
            }
        }

        assert_eq!(code_of(&Wordy), "uncaught_exception");
    }
}
