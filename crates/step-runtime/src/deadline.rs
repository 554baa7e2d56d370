//! When a step stops itself, well before Lambda would stop it.

use std::future::Future;
use std::time::{Duration, SystemTime};

use lambda_runtime::Context;
use tokio::time::Instant;

use crate::sdk::ATTEMPT_TIMEOUT;

/// What a step keeps between its own end and Lambda's. A write is one attempt: begun before the deadline, it has ended
/// [`ATTEMPT_TIMEOUT`] later; as much again to answer, and as much for a machine that is slow.
pub const MARGIN: Duration = ATTEMPT_TIMEOUT.saturating_mul(3);

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
        Self::within(end.duration_since(SystemTime::now()).unwrap_or_default())
    }

    /// The deadline of an invocation that Lambda stops when `left` has passed.
    #[must_use]
    pub fn within(left: Duration) -> Self {
        Self::after(left.saturating_sub(MARGIN).max(left / 2))
    }

    /// The deadline that is `left` from now.
    #[must_use]
    pub fn after(left: Duration) -> Self {
        let began = Instant::now();
        Self { began, ends: began + left }
    }

    /// The sooner of this deadline and the moment that is `left` from now.
    #[must_use]
    pub fn no_later_than(self, left: Duration) -> Self {
        Self { ends: self.ends.min(Instant::now() + left), ..self }
    }

    /// Whether it has passed.
    #[must_use]
    pub fn passed(self) -> bool {
        Instant::now() >= self.ends
    }

    /// Waits for `turn`, but never past the deadline: `Some` when something may still be begun. What is waited for must
    /// be safe to let go of.
    pub async fn allows<T>(self, turn: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout_at(self.ends, turn).await.ok().filter(|_| !self.passed())
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
        let deadline = Deadline::of(&context(Duration::from_secs(300))).ends;
        assert!(deadline <= lambda_stops - MARGIN + Duration::from_secs(1));
        assert!(deadline >= lambda_stops - MARGIN - Duration::from_secs(5));
    }

    #[test]
    fn an_invocation_without_time_left_begins_nothing() {
        assert!(Deadline::of(&context(Duration::ZERO)).passed());
    }

    #[tokio::test]
    async fn nothing_is_waited_for_past_the_deadline() {
        let soon = Deadline::after(Duration::from_millis(20));
        assert_eq!(soon.allows(async { 7 }).await, Some(7));
        assert_eq!(soon.allows(std::future::pending::<()>()).await, None);
        assert_eq!(soon.allows(async { 7 }).await, None, "it has passed");
    }
}
