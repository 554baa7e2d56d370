//! The simulator's own time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// A clock that can be set, moved forward and sped up.
///
/// It runs on tokio's time: in a runtime whose time is paused, a night passes as soon as everybody waits for its end; in
/// any other, it follows the real clock, times [`Clock::speed`].
#[derive(Debug)]
pub struct Clock {
    pace: Mutex<Pace>,
}

#[derive(Debug, Clone, Copy)]
struct Pace {
    /// The simulated time at `since`.
    base: DateTime<Utc>,
    since: Instant,
    speed: f64,
}

impl Pace {
    fn now(self) -> DateTime<Utc> {
        let passed = self.since.elapsed().mul_f64(self.speed);
        self.base + TimeDelta::from_std(passed).unwrap_or(TimeDelta::MAX)
    }
}

impl Clock {
    /// A clock that shows `start` and goes as fast as tokio's.
    #[must_use]
    pub fn new(start: DateTime<Utc>) -> Self {
        Self { pace: Mutex::new(Pace { base: start, since: Instant::now(), speed: 1.0 }) }
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.pace().now()
    }

    /// Sets it.
    pub fn set(&self, to: DateTime<Utc>) {
        self.change(|pace| pace.base = to);
    }

    /// Moves it forward.
    pub fn advance(&self, by: TimeDelta) {
        self.change(|pace| pace.base += by);
    }

    /// How many simulated seconds pass in one.
    #[must_use]
    pub fn speed(&self) -> f64 {
        self.pace().speed
    }

    /// Makes it go `speed` times as fast as tokio's; what is not a positive number is left as it was.
    pub fn set_speed(&self, speed: f64) {
        if speed.is_finite() && speed > 0.0 {
            self.change(|pace| pace.speed = speed);
        }
    }

    /// Waits while the simulated time `simulated` passes.
    pub async fn sleep(&self, simulated: Duration) {
        if !simulated.is_zero() {
            tokio::time::sleep(simulated.div_f64(self.speed())).await;
        }
    }

    fn pace(&self) -> Pace {
        *self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Pace)) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        *pace = Pace { base: pace.now(), since: Instant::now(), ..*pace };
        change(&mut pace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_set_moved_and_sped_up() {
        let start: DateTime<Utc> = "2026-11-23T02:00:00Z".parse().unwrap();
        let clock = Clock::new(start);
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(clock.now(), start + TimeDelta::seconds(10));
        clock.set_speed(60.0);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(clock.now(), start + TimeDelta::seconds(70));
        clock.sleep(Duration::from_secs(60)).await;
        assert_eq!(clock.now(), start + TimeDelta::seconds(130));
        clock.advance(TimeDelta::days(1));
        clock.set_speed(0.0);
        assert_eq!((clock.now(), clock.speed()), (start + TimeDelta::seconds(86_530), 60.0));
        clock.set(start);
        assert_eq!(clock.now(), start);
    }
}
