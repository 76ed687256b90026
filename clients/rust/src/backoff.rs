use std::time::Duration;

use tonic::Code;

use crate::errors::ErrorDetails;

const FIRST_DELAY: Duration = Duration::from_millis(250);
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// A fault of the server may lie in one batch: it must not hold up all others for good.
const TRIES_AT_FAULTS: u32 = 5;

/// Waits twice as long after each failure in a row, with jitter, and as long as the server asks.
#[derive(Default)]
pub(crate) struct Backoff {
    failures: u32,
    faults: u32,
}

impl Backoff {
    pub(crate) fn succeeded(&mut self) {
        *self = Backoff::default();
    }

    /// Tells whether sending again can not help: outages and wrong keys pass, wrong batches do not.
    pub(crate) fn gives_up(&mut self, details: &ErrorDetails) -> bool {
        let hopeless = match details.code {
            Code::InvalidArgument => true,
            Code::ResourceExhausted => details.retry_after.is_none(),
            Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Unauthenticated
            | Code::PermissionDenied
            | Code::Cancelled
            | Code::Aborted
            | Code::Unimplemented => false,
            _ => {
                self.faults += 1;
                self.faults >= TRIES_AT_FAULTS
            }
        };
        if hopeless {
            self.faults = 0;
        }
        hopeless
    }

    /// Returns how long to wait before the next try.
    pub(crate) fn delay(&mut self, asked: Option<Duration>) -> Duration {
        let longest = LONGEST_DELAY.min(FIRST_DELAY * 2u32.pow(self.failures));
        self.failures = (self.failures + 1).min(10);
        let jittered = jittered(longest);
        asked.map_or(jittered, |asked| asked + jittered / 4)
    }
}

/// Returns at least half of a duration, so that a thousand agents do not come back in the same moment.
pub(crate) fn jittered(longest: Duration) -> Duration {
    longest / 2 + longest.mul_f64(fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use tonic::Status;

    use super::*;
    use crate::errors::explain;

    #[test]
    fn pauses_grow_to_half_a_minute_and_begin_anew_after_success() {
        let mut backoff = Backoff::default();
        let pauses: Vec<Duration> = (0..12).map(|_| backoff.delay(None)).collect();
        backoff.succeeded();

        assert!(pauses[0] >= FIRST_DELAY / 2 && pauses[0] <= FIRST_DELAY);
        assert!(pauses[11] >= LONGEST_DELAY / 2 && pauses[11] <= LONGEST_DELAY);
        assert!(backoff.delay(None) <= FIRST_DELAY);
    }

    #[test]
    fn a_server_that_says_when_is_obeyed() {
        assert!(Backoff::default().delay(Some(Duration::from_secs(7))) >= Duration::from_secs(7));
    }

    #[test]
    fn outages_pass_and_wrong_batches_do_not() {
        let mut backoff = Backoff::default();
        let mut gives_up = |status| backoff.gives_up(&explain(&status));

        assert!(!(0..100).any(|_| gives_up(Status::unavailable(""))));
        assert!(gives_up(Status::invalid_argument("")));
        assert!(gives_up(Status::resource_exhausted("")));
        assert_eq!((1..=5).find(|_| gives_up(Status::internal(""))), Some(5));
    }
}
