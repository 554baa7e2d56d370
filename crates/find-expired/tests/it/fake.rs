//! EC2 in memory: volumes in pages, snapshots by policy.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use contract::{PolicyName, RunId, SnapshotId, TagSelector, VolumeId};
use ec2::Ec2Error;
use ec2::port::{ReadSnapshots, ReadVolumes, SnapshotNow, VolumePage, VolumeStates};
use policy::model::{Snapshot, SnapshotState, Tags, Volume};
use policy::spec::VolumeSpec;

/// Volumes in one page: few, so that every test with some volumes has several pages.
const PER_PAGE: usize = 3;

/// The run that the jobs of these tests belong to, and its start.
pub const RUN: &str = "daily-2026-11-23T02:00:00Z";
pub const STARTED: &str = "2026-11-23T02:00:07Z";

pub fn volume_id(n: usize) -> VolumeId {
    VolumeId::new(format!("vol-{n:017x}")).unwrap()
}

pub fn snapshot_id(n: usize) -> SnapshotId {
    SnapshotId::new(format!("snap-{n:017x}")).unwrap()
}

/// Snapshot `n` of a volume, completed, `hours` old when the run starts, and made by a run of its own.
pub fn snapshot(n: usize, volume: usize, hours: i64) -> Snapshot {
    let started: DateTime<Utc> = STARTED.parse().unwrap();
    Snapshot {
        id: snapshot_id(n),
        state: SnapshotState::Completed,
        started_at: started - TimeDelta::hours(hours),
        volume: Some(volume_id(volume)),
        run: Some(RunId::new(format!("run-{n}")).unwrap()),
        hold: false,
        own_retention: None,
    }
}

/// The snapshot that this run made of a volume: minutes old, still on its way.
pub fn of_this_run(n: usize, volume: usize) -> Snapshot {
    let this_run = RunId::new(RUN).unwrap();
    Snapshot { run: Some(this_run), state: SnapshotState::Pending, ..snapshot(n, volume, 0) }
}

#[derive(Debug, Default)]
pub struct Fake {
    /// The volumes that bear the tag `Backup`.
    pub volumes: Vec<(VolumeId, Tags)>,
    /// Volumes that the policy does not select, where their tags matter.
    pub others: Vec<(VolumeId, Tags)>,
    /// Volumes that are no longer there.
    pub gone: Vec<VolumeId>,
    /// By the value of their policy tag.
    pub snapshots: Mutex<BTreeMap<String, Vec<Snapshot>>>,
    pub fails_with: Option<&'static str>,
    /// Pages of volumes that were read.
    pub pages_read: AtomicUsize,
}

impl Fake {
    pub fn new(volumes: impl IntoIterator<Item = usize>, snapshots: impl IntoIterator<Item = Snapshot>) -> Self {
        let volumes = volumes.into_iter().map(|n| (volume_id(n), Tags::from_iter([("Backup", "")]))).collect();
        let fake = Self { volumes, ..Self::default() };
        fake.add("daily", snapshots);
        fake
    }

    pub fn add(&self, policy: &str, snapshots: impl IntoIterator<Item = Snapshot>) {
        self.snapshots.lock().unwrap().entry(policy.to_owned()).or_default().extend(snapshots);
    }

    pub fn delete(&self, ids: &[SnapshotId]) {
        self.snapshots.lock().unwrap().values_mut().for_each(|of| of.retain(|snapshot| !ids.contains(&snapshot.id)));
    }
}

impl ReadVolumes for Fake {
    async fn tagged_page(
        &self,
        _: &TagSelector,
        states: VolumeStates,
        cursor: Option<String>,
    ) -> Result<VolumePage, Ec2Error> {
        assert_eq!(states, VolumeStates::Any, "S4: a volume in the state error has lost its data, not its backups");
        self.pages_read.fetch_add(1, Ordering::Relaxed);
        let from: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let to = self.volumes.len().min(from + PER_PAGE);
        let cursor = (to < self.volumes.len()).then(|| to.to_string());
        Ok(VolumePage { volumes: self.volumes[from..to].to_vec(), cursor })
    }

    async fn volumes(&self, ids: &[VolumeId]) -> Result<Vec<Volume>, Ec2Error> {
        let there = ids.iter().filter(|id| !self.gone.contains(id));
        let tags = |id: &VolumeId| self.others.iter().find(|(other, _)| other == id).map(|(_, tags)| tags.clone());
        Ok(there
            .map(|id| Volume { id: id.clone(), tags: tags(id).unwrap_or_default(), spec: VolumeSpec::default() })
            .collect())
    }
}

impl ReadSnapshots for Fake {
    async fn of_run(&self, _: &PolicyName, _: &RunId, _: &[VolumeId]) -> Result<Vec<Snapshot>, Ec2Error> {
        unreachable!("a plan is made of all snapshots of the policy")
    }

    async fn managed(&self, policy: &PolicyName) -> Result<Vec<Snapshot>, Ec2Error> {
        match self.fails_with {
            Some(code) => Err(Ec2Error::coded(code, "no")),
            None => Ok(self.snapshots.lock().unwrap().get(policy.as_str()).cloned().unwrap_or_default()),
        }
    }

    async fn now(&self, _: &[SnapshotId]) -> Result<Vec<SnapshotNow>, Ec2Error> {
        unreachable!("looking again is the deleting step's work")
    }
}
