//! When a step stops itself, well before Lambda would stop it.

use std::time::{Duration, SystemTime};

use lambda_runtime::Context;
use tokio::time::Instant;

/// What a step keeps between its own end and Lambda's: a write is one attempt, and begun before the deadline it has
/// ended [`crate::sdk::ATTEMPT_TIMEOUT`] later; the same again for a second one with fewer tags; and the time to answer.
pub const MARGIN: Duration = Duration::from_secs(45);

/// The moment after which a step sends nothing new.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    began: Instant,
    ends: Instant,
}

impl Deadline {
    /// The deadline of an invocation: Lambda's own less [`MARGIN`], or at half time where the function's time-out is
    /// shorter than twice the margin.
    #[must_use]
    pub fn of(context: &Context) -> Self {
        let end = SystemTime::UNIX_EPOCH + Duration::from_millis(context.deadline);
        let left = end.duration_since(SystemTime::now()).unwrap_or_default();
        Self::after(left.saturating_sub(MARGIN).max(left / 2))
    }

    /// The deadline that is `left` from now.
    #[must_use]
    pub fn after(left: Duration) -> Self {
        let began = Instant::now();
        Self { began, ends: began + left }
    }

    /// Whether it has passed.
    #[must_use]
    pub fn passed(self) -> bool {
        Instant::now() >= self.ends
    }

    /// The moment itself, for `tokio::time::timeout_at`.
    #[must_use]
    pub fn instant(self) -> Instant {
        self.ends
    }

    /// How long the step has been at work.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.began.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(left: Duration) -> Context {
        let mut context = Context::default();
        let end = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + left;
        context.deadline = u64::try_from(end.as_millis()).unwrap();
        context
    }

    #[test]
    fn a_step_stops_a_whole_call_before_lambda_does() {
        let lambda_stops = Instant::now() + Duration::from_secs(300);
        let deadline = Deadline::of(&context(Duration::from_secs(300))).instant();
        assert!(deadline <= lambda_stops - MARGIN + Duration::from_secs(1));
        assert!(deadline >= lambda_stops - MARGIN - Duration::from_secs(5));
    }

    #[test]
    fn an_invocation_without_time_left_begins_nothing() {
        assert!(Deadline::of(&context(Duration::ZERO)).passed());
    }
}
