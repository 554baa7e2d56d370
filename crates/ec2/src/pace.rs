//! The pace of calls: below EC2's own buckets, and slower when told to.
//!
//! EC2 gives every API a token bucket per account and region; other tools of the account draw from the same ones. A run
//! takes a share of each bucket and of its refill. When EC2 throttles all the same, somebody else is drawing: each call
//! then costs twice as much, up to [`MAX_COST`], and half again after a while without trouble.
//!
//! A run goes from function to function, and so from container to container. What it has drawn goes with it
//! ([`Pacer::drawn`], [`Pacer::go_on_from`]).

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use contract::Pace;
use contract::tally::BucketState;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

/// How much a call may cost at most, in tokens, after repeated throttling.
pub const MAX_COST: u32 = 8;
/// Writes that a step has under way at once. The pace is the pacer's; this only has to keep it busy: four calls a second,
/// half a second each.
pub const WRITES_AT_ONCE: usize = 4;
/// Calls without throttling after which they cost half as much again.
const CALM: u32 = 40;

/// A group of APIs that EC2 counts together or alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `Describe*`, filtered or paged.
    Describe,
    /// `CreateSnapshot`.
    CreateSnapshot,
    /// `DeleteSnapshot`.
    DeleteSnapshot,
    /// `CreateTags`.
    CreateTags,
    /// `CreateVolume`.
    CreateVolume,
    /// Other mutating actions: `AttachVolume`, `DetachVolume`, `DeleteVolume`.
    OtherWrites,
}

impl Api {
    /// EC2's documented bucket for this API: how many calls it holds, and how many come back each second (EC2 user guide,
    /// "Request throttling": non-mutating actions 100 and 20; `CreateSnapshot`, `DeleteSnapshot` and `CreateVolume` 100 and 5;
    /// `CreateTags` 100 and 10; other mutating actions 50 and 5).
    #[must_use]
    pub fn bucket(self) -> (u32, u32) {
        match self {
            Self::Describe => (100, 20),
            Self::CreateSnapshot | Self::DeleteSnapshot | Self::CreateVolume => (100, 5),
            Self::CreateTags => (100, 10),
            Self::OtherWrites => (50, 5),
        }
    }
}

/// The time that the limiter goes by: tokio's, as with everything else that waits here. So a whole night can be played in
/// a runtime whose time is paused.
#[derive(Debug, Clone, Copy)]
struct RuntimeClock {
    since: Instant,
}

impl Clock for RuntimeClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.since.elapsed()
    }
}

/// The state of the limiter: when the share of the bucket is full again, in nanoseconds of its clock.
///
/// The limiter keeps no more than that. Its own store hides it; this one lets a pacer say it, and be told it.
#[derive(Debug, Clone, Default)]
struct FullAt(Arc<AtomicU64>);

impl StateStore for FullAt {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _key: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut full_at = self.0.load(Ordering::Acquire);
        loop {
            let (answer, next) = decide(Some(Nanos::new(full_at)))?;
            match self.0.compare_exchange_weak(full_at, next.as_u64(), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(answer),
                Err(now) => full_at = now,
            }
        }
    }
}

/// Lets calls of one API in one region through at the right pace.
#[derive(Debug)]
pub struct Pacer {
    limiter: RateLimiter<NotKeyed, FullAt, RuntimeClock, NoOpMiddleware<Duration>>,
    full_at: FullAt,
    clock: RuntimeClock,
    burst: u32,
    from_empty: Duration,
    cost: AtomicU32,
    calm: AtomicU32,
}

impl Pacer {
    /// A pacer that takes the share `pace` of the bucket of `api`.
    #[must_use]
    pub fn new(api: Api, pace: Pace) -> Self {
        let (bucket, refill) = api.bucket();
        let share = |whole: u32| whole * pace.share_percent / 100;
        let burst = NonZeroU32::new(share(bucket)).unwrap_or(NonZeroU32::MIN);
        let period = Duration::from_secs(100) / (refill * pace.share_percent).max(1);
        let quota = Quota::with_period(period).unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(burst);
        let clock = RuntimeClock { since: Instant::now() };
        let full_at = FullAt::default();
        Self {
            limiter: RateLimiter::new(quota, full_at.clone(), clock),
            full_at,
            clock,
            burst: burst.get(),
            from_empty: period * burst.get(),
            cost: AtomicU32::new(1),
            calm: AtomicU32::new(0),
        }
    }

    /// What was drawn so far, as of `now`.
    #[must_use]
    pub fn drawn(&self, now: DateTime<Utc>) -> BucketState {
        let full_at = Duration::from_nanos(self.full_at.0.load(Ordering::Acquire));
        let until_full = TimeDelta::from_std(full_at.saturating_sub(self.clock.now())).unwrap_or_default();
        // Rounded, as it travels; up, so that nobody gets a token too many.
        let full_at = (until_full > TimeDelta::zero()).then_some(now + until_full);
        let full_at = full_at.and_then(|at| at.duration_round_up(TimeDelta::milliseconds(1)).ok());
        BucketState { full_at, cost: self.cost() }
    }

    /// Goes on, as of `now`, where another container left off. What this one has drawn itself is not forgotten.
    pub fn go_on_from(&self, drawn: BucketState, now: DateTime<Utc>) {
        if let Some(full_at) = drawn.full_at {
            // It is never longer until the share is full than from when it was empty, whatever another clock said.
            let until_full = (full_at - now).to_std().unwrap_or_default().min(self.from_empty);
            let full_at = u64::try_from((self.clock.now() + until_full).as_nanos()).unwrap_or_default();
            self.full_at.0.fetch_max(full_at, Ordering::AcqRel);
        }
        if drawn.cost > 0 {
            self.cost.store(drawn.cost.min(MAX_COST), Ordering::Relaxed);
        }
    }

    /// Waits until the next call may be sent.
    pub async fn ready(&self) {
        // Never more than the bucket holds, which would never be there.
        let cost = NonZeroU32::new(self.cost().min(self.burst)).unwrap_or(NonZeroU32::MIN);
        while let Ok(Err(not_yet)) = self.limiter.check_n(cost) {
            tokio::time::sleep(not_yet.wait_time_from(self.clock.now())).await;
        }
    }

    /// EC2 throttled a call: everybody slows down.
    pub fn throttled(&self) {
        self.calm.store(0, Ordering::Relaxed);
        let cost = (self.cost() * 2).min(MAX_COST);
        self.cost.store(cost, Ordering::Relaxed);
    }

    /// A call was not throttled: after [`CALM`] of them the pace picks up.
    pub fn went_through(&self) {
        if self.cost() > 1 && self.calm.fetch_add(1, Ordering::Relaxed) + 1 >= CALM {
            self.calm.store(0, Ordering::Relaxed);
            self.cost.store(self.cost() / 2, Ordering::Relaxed);
        }
    }

    /// What a call costs now, in tokens.
    #[must_use]
    pub fn cost(&self) -> u32 {
        self.cost.load(Ordering::Relaxed).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken_at_once(pacer: &Pacer) -> u32 {
        (0..1_000).take_while(|_| pacer.limiter.check().is_ok()).count().try_into().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_takes_its_share_of_the_bucket_and_no_more() {
        for (api, share, burst) in [
            (Api::CreateSnapshot, 80, 80),
            (Api::DeleteSnapshot, 50, 50),
            (Api::Describe, 80, 80),
            (Api::CreateSnapshot, 1, 1),
        ] {
            let taken = taken_at_once(&Pacer::new(api, Pace { share_percent: share }));
            assert_eq!(taken, burst, "{api:?} at {share} %");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_burst_calls_go_at_the_share_of_the_refill() {
        for (api, share, per_second) in [(Api::CreateSnapshot, 80, 4.0), (Api::Describe, 50, 10.0)] {
            let pacer = Pacer::new(api, Pace { share_percent: share });
            taken_at_once(&pacer);
            let began = Instant::now();
            for _ in 0..200 {
                pacer.ready().await;
            }
            let rate = 200.0 / began.elapsed().as_secs_f64();
            assert!((per_second * 0.98..=per_second).contains(&rate), "{api:?} at {share} %: {rate} a second");
        }
    }

    #[tokio::test]
    async fn throttling_makes_calls_dearer_up_to_a_bound_and_calm_makes_them_cheaper() {
        let pacer = Pacer::new(Api::CreateSnapshot, Pace::default());
        (0..10).for_each(|_| pacer.throttled());
        assert_eq!(pacer.cost(), MAX_COST);
        (0..CALM).for_each(|_| pacer.went_through());
        assert_eq!(pacer.cost(), MAX_COST / 2);
        (0..CALM * 10).for_each(|_| pacer.went_through());
        assert_eq!(pacer.cost(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_container_goes_on_where_the_one_before_it_left_off() {
        let now: DateTime<Utc> = "2026-11-23T02:00:00Z".parse().unwrap();
        let first = Pacer::new(Api::CreateSnapshot, Pace::default());
        assert_eq!(first.drawn(now), BucketState { full_at: None, cost: 1 }, "nothing is drawn");
        taken_at_once(&first);
        first.throttled();
        let drawn = first.drawn(now);
        assert_eq!(drawn, BucketState { full_at: Some(now + TimeDelta::seconds(20)), cost: 2 });

        for (later, left) in [(0, 0), (5, 20), (19, 76), (20, 80), (90, 80), (-3_600, 0)] {
            let next = Pacer::new(Api::CreateSnapshot, Pace::default());
            next.go_on_from(drawn, now + TimeDelta::seconds(later));
            assert_eq!((taken_at_once(&next), next.cost()), (left, 2), "{later} seconds later");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_container_does_not_forget_what_it_has_drawn_itself() {
        let now: DateTime<Utc> = "2026-11-23T02:00:00Z".parse().unwrap();
        let pacer = Pacer::new(Api::CreateSnapshot, Pace::default());
        taken_at_once(&pacer);
        pacer.go_on_from(BucketState::default(), now);
        pacer.go_on_from(BucketState { full_at: Some(now + TimeDelta::seconds(1)), cost: 1 }, now);
        assert_eq!(taken_at_once(&pacer), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_dearer_than_the_whole_burst_still_goes_through() {
        let pacer = Pacer::new(Api::CreateSnapshot, Pace { share_percent: 1 });
        (0..10).for_each(|_| pacer.throttled());
        taken_at_once(&pacer);
        assert!(tokio::time::timeout(Duration::from_secs(60), pacer.ready()).await.is_ok());
    }
}
