//! EC2's request buckets: one per account, region and API.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

/// How many requests an API takes at once, and how many more each second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Requests that a full bucket holds.
    pub size: u32,
    /// Requests that come back each second.
    pub refill: u32,
}

impl Quota {
    /// The bucket of an API (EC2 developer guide, "Request throttling"). `narrow`: the call is filtered, paged or names
    /// ids; a Describe call that is none of these draws from a smaller bucket.
    #[must_use]
    pub fn of(action: &str, narrow: bool) -> Self {
        let (size, refill) = match action {
            "CreateSnapshot" | "CreateSnapshots" | "DeleteSnapshot" | "CreateVolume" => (100, 5),
            "CreateTags" | "DeleteTags" => (100, 10),
            _ if action.starts_with("Describe") && narrow => (100, 20),
            _ if action.starts_with("Describe") => (50, 10),
            _ => (50, 5),
        };
        Self { size, refill }
    }
}

/// Whose bucket: account, region, API, and whether it is the one for narrow calls.
type Key = (String, String, String, bool);

/// All buckets.
#[derive(Debug, Default)]
pub struct Buckets {
    levels: HashMap<Key, Level>,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    requests: f64,
    at: DateTime<Utc>,
}

impl Buckets {
    /// Takes a request out of a bucket, if there is one.
    pub fn take(&mut self, account: &str, region: &str, action: &str, narrow: bool, now: DateTime<Utc>) -> bool {
        let quota = Quota::of(action, narrow);
        let key = (account.to_owned(), region.to_owned(), action.to_owned(), narrow);
        let full = f64::from(quota.size);
        let level = self.levels.entry(key).or_insert(Level { requests: full, at: now });
        let passed = (now - level.at).as_seconds_f64().max(0.0);
        level.requests = (level.requests + passed * f64::from(quota.refill)).min(full);
        level.at = now;
        let there = level.requests >= 1.0;
        if there {
            level.requests -= 1.0;
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn a_bucket_gives_what_it_holds_and_then_what_comes_back() {
        let mut buckets = Buckets::default();
        let start = DateTime::UNIX_EPOCH;
        let mut taken = |region: &str, at| {
            (0..200).filter(|_| buckets.take("1", region, "CreateSnapshot", true, start + at)).count()
        };
        assert_eq!(taken("eu-west-1", TimeDelta::zero()), 100);
        assert_eq!(taken("eu-west-1", TimeDelta::seconds(4)), 20);
        assert_eq!(taken("us-east-1", TimeDelta::seconds(4)), 100, "another region has a bucket of its own");
        assert_eq!(taken("eu-west-1", TimeDelta::hours(1)), 100, "it holds no more than its size");
    }

    #[test]
    fn a_describe_call_that_asks_for_everything_draws_from_a_smaller_bucket() {
        assert_eq!(Quota::of("DescribeVolumes", true), Quota { size: 100, refill: 20 });
        assert_eq!(Quota::of("DescribeVolumes", false), Quota { size: 50, refill: 10 });
    }
}
