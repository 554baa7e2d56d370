//! Snapshots for tests.

use chrono::{DateTime, TimeDelta, Utc};
use contract::config::Floor;
use contract::{
    JobPolicy, KeepRules, Orphans, PurgeGuard, Retention, RunId, SnapshotId, Span, TagKey, TagSelector, TimeZone,
    VolumeId,
};
use policy::model::{Snapshot, SnapshotState};

pub fn now() -> DateTime<Utc> {
    "2026-11-23T02:00:00Z".parse().unwrap()
}

pub fn id(n: u32) -> SnapshotId {
    SnapshotId::new(format!("snap-{n:08x}")).unwrap()
}

pub fn volume(n: u32) -> VolumeId {
    VolumeId::new(format!("vol-{n:08x}")).unwrap()
}

pub fn run(name: &str) -> RunId {
    RunId::new(name).unwrap()
}

pub fn keep(days: Option<u32>, last: Option<u32>) -> Retention {
    let keep_within = days.map(|days| Span::of_days(days).unwrap());
    Retention::new(KeepRules { keep_within, keep_last: last, ..KeepRules::default() }).unwrap()
}

/// Rules as a volume's tag writes them.
pub fn rules(text: &str) -> Retention {
    text.parse().unwrap()
}

/// A policy with these rules, a floor, and what a configuration leaves out.
pub fn policy(retention: Retention, floor: u32) -> JobPolicy {
    JobPolicy {
        name: "daily".parse().unwrap(),
        tag: TagSelector { key: TagKey::new("Backup").unwrap(), value: None },
        retention,
        floor: Floor::new(floor).unwrap(),
        purge_guard: PurgeGuard::default(),
        minimum: None,
        orphans: Orphans::default(),
        time_zone: TimeZone::default(),
        adopt: false,
        advice: false,
    }
}

/// A completed snapshot of volume 1, so many hours old, of a run of its own.
pub fn snapshot(n: u32, hours: i64) -> Snapshot {
    Snapshot {
        id: id(n),
        state: SnapshotState::Completed,
        started_at: now() - TimeDelta::hours(hours),
        volume: Some(volume(1)),
        run: Some(run(&format!("run-{n}"))),
        hold: false,
        own_retention: None,
    }
}
