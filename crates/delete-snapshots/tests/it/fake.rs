//! EC2 in memory: the snapshots that this account owns, and what deletes answer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use contract::selector::{KEEP_TAG, POLICY_TAG};
use contract::{PolicyName, RunId, SnapshotId, VolumeId};
use ec2::Ec2Error;
use ec2::port::{DeleteSnapshot, ReadSnapshots, SnapshotNow};
use policy::model::{Snapshot, SnapshotState, Tags};

#[derive(Debug, Default)]
pub struct Fake {
    owned: Mutex<BTreeMap<SnapshotId, SnapshotNow>>,
    /// What the deletes of a snapshot answer, one after the other; then they succeed.
    script: Mutex<BTreeMap<SnapshotId, VecDeque<Ec2Error>>>,
    /// Every delete that was sent.
    pub sent: Mutex<Vec<SnapshotId>>,
    reads_fail_with: Option<&'static str>,
    /// The snapshot that an operator puts a hold on when the first delete is sent.
    held_at_first_delete: Option<SnapshotId>,
    delete_takes: Duration,
}

pub fn snapshot_id(n: usize) -> SnapshotId {
    SnapshotId::new(format!("snap-{n:017x}")).unwrap()
}

impl Fake {
    /// This many completed snapshots of the policy `daily`.
    pub fn with_snapshots(count: usize) -> Self {
        (0..count).fold(Self::default(), |fake, n| fake.owns(n, "completed", &[(POLICY_TAG, "daily")]))
    }

    /// Snapshot `n` is in this state and bears these tags.
    pub fn owns(self, n: usize, state: &str, tags: &[(&str, &str)]) -> Self {
        let now = SnapshotNow {
            id: snapshot_id(n),
            state: SnapshotState::named(state),
            started_at: crate::started_at() - chrono::TimeDelta::days(8),
            volume: Some(VolumeId::new("vol-0123456789abcdef0").unwrap()),
            tags: tags.iter().copied().collect::<Tags>(),
        };
        self.owned.lock().unwrap().insert(snapshot_id(n), now);
        self
    }

    /// Our tag on snapshot `n` names another volume than EC2 does, as on a copy.
    pub fn of_another_volume(self, n: usize) -> Self {
        self.owned.lock().unwrap().entry(snapshot_id(n)).and_modify(|snapshot| snapshot.volume = None);
        self
    }

    /// The deletes of snapshot `n` fail with these codes and messages, and then succeed.
    pub fn answers(self, n: usize, errors: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        let errors = errors.into_iter().map(|(code, message)| Ec2Error::coded(code, message)).collect();
        self.script.lock().unwrap().insert(snapshot_id(n), errors);
        self
    }

    pub fn unreadable(self, code: &'static str) -> Self {
        Self { reads_fail_with: Some(code), ..self }
    }

    pub fn holding_at_first_delete(self, n: usize) -> Self {
        Self { held_at_first_delete: Some(snapshot_id(n)), ..self }
    }

    /// Each delete takes so long.
    pub fn taking(self, delete_takes: Duration) -> Self {
        Self { delete_takes, ..self }
    }

    /// What is still there.
    pub fn left(&self) -> Vec<SnapshotId> {
        self.owned.lock().unwrap().keys().cloned().collect()
    }
}

impl ReadSnapshots for Fake {
    async fn of_run(&self, _: &PolicyName, _: &RunId, _: &[VolumeId]) -> Result<Vec<Snapshot>, Ec2Error> {
        unreachable!("the ids come with the request")
    }

    async fn managed(&self, _: &PolicyName) -> Result<Vec<Snapshot>, Ec2Error> {
        unreachable!("the ids come with the request")
    }

    async fn now(&self, ids: &[SnapshotId]) -> Result<Vec<SnapshotNow>, Ec2Error> {
        if let Some(code) = self.reads_fail_with {
            return Err(Ec2Error::coded(code, "no"));
        }
        Ok(self.owned.lock().unwrap().values().rev().filter(|snapshot| ids.contains(&snapshot.id)).cloned().collect())
    }
}

impl DeleteSnapshot for Fake {
    async fn delete(&self, snapshot: &SnapshotId) -> Result<(), Ec2Error> {
        self.sent.lock().unwrap().push(snapshot.clone());
        if let Some(held) = &self.held_at_first_delete {
            let tags = [(POLICY_TAG, "daily"), (KEEP_TAG, "")].into_iter().collect::<Tags>();
            self.owned.lock().unwrap().entry(held.clone()).and_modify(|snapshot| snapshot.tags = tags);
        }
        tokio::time::sleep(self.delete_takes).await;
        if let Some(error) = self.script.lock().unwrap().get_mut(snapshot).and_then(VecDeque::pop_front) {
            return Err(error);
        }
        self.owned.lock().unwrap().remove(snapshot);
        Ok(())
    }
}
