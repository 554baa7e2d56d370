//! How the simulated EC2 behaves: by default as it is documented.

use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::chance;

/// How EC2 behaves where it may behave one way or another. Fields that are left out have the documented default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Behaviour {
    /// What every chance is drawn from.
    pub seed: u64,
    /// How long a call takes.
    pub latency: Latency,
    /// Whether the request buckets of [`crate::bucket`] are kept to.
    pub throttling: bool,
    /// Listings show a change at the latest after so many milliseconds; each resource has a delay of its own up to it.
    /// EC2 documents that its listings are eventually consistent, and gives no bound.
    pub listing_delay_ms: u32,
    /// How long a snapshot is pending.
    pub completion: Completion,
    /// How long a volume is `creating`, in milliseconds: a few seconds, and EC2 promises nothing.
    pub volume_creation_ms: u32,
    /// How long an attachment is `attaching`, in milliseconds: a few seconds, and EC2 promises nothing.
    pub attaching_ms: u32,
    /// How long an attachment is `detaching`, in milliseconds: a few seconds where the device is not mounted, and EC2
    /// promises nothing.
    pub detaching_ms: u32,
    /// Snapshots of one volume that may be pending at once (EBS quotas: 5; st1 and sc1: 1). `null`: any number.
    pub pending_per_volume: Option<u32>,
    /// Snapshots of one region that may be pending at once (EBS quotas: 100). `null`: any number.
    pub pending_per_region: Option<u32>,
    /// Seconds that must pass between two snapshots of one volume (EBS quotas: 15).
    pub seconds_between_snapshots: u32,
    /// Snapshots that a region may have (EBS quotas: 100,000).
    pub snapshots_per_region: u32,
    /// Tags that a resource may have, those of AWS not counted (EC2, "Tag restrictions": 50).
    pub tags_per_resource: usize,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            seed: 0,
            latency: Latency::default(),
            throttling: true,
            listing_delay_ms: 5_000,
            completion: Completion::default(),
            volume_creation_ms: 3_000,
            attaching_ms: 2_000,
            detaching_ms: 2_000,
            pending_per_volume: Some(5),
            pending_per_region: Some(100),
            seconds_between_snapshots: 15,
            snapshots_per_region: 100_000,
            tags_per_resource: 50,
        }
    }
}

/// How long a call takes: a log-normal distribution, which is what latencies of services look like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Latency {
    /// Half of the calls take less, in milliseconds.
    pub median_ms: f64,
    /// 99 of 100 calls take less, in milliseconds; the median itself makes all calls take the same time.
    pub p99_ms: f64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { median_ms: 50.0, p99_ms: 50.0 }
    }
}

impl Latency {
    /// Every call takes this long.
    #[must_use]
    pub fn always(ms: f64) -> Self {
        Self { median_ms: ms, p99_ms: ms }
    }

    /// What the call number `call` takes.
    #[must_use]
    pub fn of(self, seed: u64, call: u64) -> Duration {
        /// The 99th percentile of the standard normal distribution.
        const Z99: f64 = 2.326;
        let ms = if self.p99_ms > self.median_ms && self.median_ms > 0.0 {
            let sigma = (self.p99_ms / self.median_ms).ln() / Z99;
            // Box and Muller: two even fractions make one normal number.
            let (a, b) = (chance::fraction(seed, ("latency a", call)), chance::fraction(seed, ("latency b", call)));
            let normal = (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos();
            self.median_ms * (sigma * normal).exp()
        } else {
            self.median_ms
        };
        Duration::try_from_secs_f64(ms / 1_000.0).unwrap_or_default()
    }
}

/// How long a snapshot is pending: it depends on how much has changed, and EC2 promises nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Completion {
    /// Seconds for any snapshot.
    pub seconds: u32,
    /// Milliseconds more for each GiB of its volume.
    pub ms_per_gib: u32,
}

impl Default for Completion {
    fn default() -> Self {
        Self { seconds: 10, ms_per_gib: 100 }
    }
}

impl Completion {
    /// How long a snapshot of a volume of so many GiB is pending.
    #[must_use]
    pub fn of(self, size_gib: u32) -> TimeDelta {
        TimeDelta::seconds(self.seconds.into())
            + TimeDelta::milliseconds(i64::from(self.ms_per_gib) * i64::from(size_gib))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_keep_to_their_median_and_their_99th_percentile() {
        let latency = Latency { median_ms: 50.0, p99_ms: 500.0 };
        let mut taken: Vec<Duration> = (0..10_000).map(|call| latency.of(3, call)).collect();
        taken.sort();
        let ms = |nth: usize| taken[nth].as_secs_f64() * 1_000.0;
        assert!((45.0..55.0).contains(&ms(5_000)), "{} ms", ms(5_000));
        assert!((400.0..620.0).contains(&ms(9_900)), "{} ms", ms(9_900));
        assert_eq!(Latency::always(50.0).of(3, 1), Duration::from_millis(50));
    }

    #[test]
    fn a_misspelt_field_is_refused_and_a_missing_one_has_its_default() {
        assert!(serde_json::from_str::<Behaviour>(r#"{"throtling":false}"#).is_err());
        let short: Behaviour = serde_json::from_str(r#"{"pendingPerRegion":null}"#).unwrap();
        assert_eq!(short, Behaviour { pending_per_region: None, ..Behaviour::default() });
    }
}
