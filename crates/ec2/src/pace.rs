//! The pace of calls: below EC2's own buckets, and slower when told to.
//!
//! EC2 gives every API a token bucket per account and region; other tools of the account draw from the same ones. A run
//! takes a share of each bucket and of its refill. When EC2 throttles all the same, somebody else is drawing: each call
//! then costs twice as much, up to [`MAX_COST`], and half again after a while without trouble.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use contract::Pace;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

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
}

impl Api {
    /// EC2's documented bucket for this API: how many calls it holds, and how many come back each second (EC2 user guide,
    /// "Request throttling": non-mutating actions 100 and 20; `CreateSnapshot` and `DeleteSnapshot` 100 and 5).
    #[must_use]
    pub fn bucket(self) -> (u32, u32) {
        match self {
            Self::Describe => (100, 20),
            Self::CreateSnapshot | Self::DeleteSnapshot => (100, 5),
        }
    }
}

/// Lets calls of one API in one region through at the right pace.
#[derive(Debug)]
pub struct Pacer {
    limiter: DefaultDirectRateLimiter,
    burst: u32,
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
        Self {
            limiter: RateLimiter::direct(quota),
            burst: burst.get(),
            cost: AtomicU32::new(1),
            calm: AtomicU32::new(0),
        }
    }

    /// Waits until the next call may be sent.
    pub async fn ready(&self) {
        let cost = NonZeroU32::new(self.cost().min(self.burst)).unwrap_or(NonZeroU32::MIN);
        if self.limiter.until_n_ready(cost).await.is_err() {
            self.limiter.until_ready().await;
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

    #[test]
    fn a_run_takes_its_share_of_the_bucket_and_no_more() {
        // A few may come back while the loop runs; the bucket itself holds 100.
        for (api, share, burst) in [
            (Api::CreateSnapshot, 80, 80),
            (Api::DeleteSnapshot, 50, 50),
            (Api::Describe, 80, 80),
            (Api::CreateSnapshot, 1, 1),
        ] {
            let taken = taken_at_once(&Pacer::new(api, Pace { share_percent: share }));
            assert!((burst..=burst + 2).contains(&taken), "{api:?} at {share} %: {taken}");
        }
    }

    #[test]
    fn throttling_makes_calls_dearer_up_to_a_bound_and_calm_makes_them_cheaper() {
        let pacer = Pacer::new(Api::CreateSnapshot, Pace::default());
        (0..10).for_each(|_| pacer.throttled());
        assert_eq!(pacer.cost(), MAX_COST);
        (0..CALM).for_each(|_| pacer.went_through());
        assert_eq!(pacer.cost(), MAX_COST / 2);
        (0..CALM * 10).for_each(|_| pacer.went_through());
        assert_eq!(pacer.cost(), 1);
    }

    #[tokio::test]
    async fn a_call_dearer_than_the_whole_burst_still_goes_through() {
        let pacer = Pacer::new(Api::CreateSnapshot, Pace { share_percent: 1 });
        (0..10).for_each(|_| pacer.throttled());
        assert!(tokio::time::timeout(Duration::from_secs(5), pacer.ready()).await.is_ok());
    }
}
