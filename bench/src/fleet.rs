//! What there is to back up: the same for everybody.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use contract::selector::{POLICY_TAG, RUN_TAG, VOLUME_TAG};
use ec2_sim::geography::REGIONS;
use ec2_sim::model::{Seed, Snapshot, Volume};
use ec2_sim::{Behaviour, Completion, Latency, Sim};
use serde::Serialize;

/// The account; its number is its key, too.
pub const ACCOUNT: &str = ec2_sim::server::DEFAULT_ACCOUNT;

/// How large a fleet is.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fleet {
    /// Regions.
    pub regions: usize,
    /// Tagged volumes in each.
    pub volumes: usize,
    /// Expired snapshots in each.
    pub expired: usize,
    /// Milliseconds that a call takes.
    pub latency_ms: f64,
    /// Whether EC2's request buckets are there.
    pub throttling: bool,
}

impl Fleet {
    /// The regions' names.
    pub fn regions(&self) -> Vec<String> {
        REGIONS.iter().take(self.regions).map(|(name, _)| (*name).to_owned()).collect()
    }

    /// An EC2 with this fleet in it. Snapshots complete within two seconds, so that nobody meets the limit of a hundred
    /// pending ones: what is compared is how calls are made.
    pub fn ec2(&self, now: DateTime<Utc>) -> Arc<Sim> {
        let behaviour = Behaviour {
            latency: Latency::always(self.latency_ms),
            throttling: self.throttling,
            completion: Completion { seconds: 2, ms_per_gib: 0 },
            snapshots_per_region: u32::MAX,
            ..Behaviour::default()
        };
        let sim = Arc::new(Sim::new(now, behaviour));
        for region in self.regions() {
            sim.opt_in(ACCOUNT, &region);
            sim.seed(ACCOUNT, &region, self.seed(now));
        }
        sim
    }

    fn seed(&self, now: DateTime<Utc>) -> Seed {
        let volume_id = |n: usize| format!("vol-{n:017x}");
        let volumes = (0..self.volumes).map(|n| {
            let mut volume = Volume::new(volume_id(n)).tag("Backup", "").tag("Name", "data").tag("team", "database");
            volume.attachment = Some((format!("i-{n:017x}"), "/dev/sdf".to_owned()));
            "in-use".clone_into(&mut volume.state);
            volume
        });
        // Each bears what any of the contenders selects by.
        let snapshots = (0..self.expired).map(|n| {
            let volume = volume_id(n % self.volumes.max(1));
            Snapshot::new(format!("snap-{:017x}", 0xe_0000_0000_usize + n), &volume, now - TimeDelta::days(10))
                .tag("Name", &format!("{volume}-20261113020000"))
                .tag("Backup", &format!("{volume}-20261113020000"))
                .tag(POLICY_TAG, "daily")
                .tag(RUN_TAG, &format!("daily-old-{}", n / self.volumes.max(1)))
                .tag(VOLUME_TAG, &volume)
                .tag("team", "database")
        });
        Seed { volumes: volumes.collect(), snapshots: snapshots.collect(), ..Seed::default() }
    }
}
