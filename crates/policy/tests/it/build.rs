//! Snapshots for tests.

use chrono::{DateTime, TimeDelta, Utc};
use contract::{Retention, RunId, SnapshotId, VolumeId};
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
    Retention::new(days, last).unwrap()
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
    }
}
