//! EC2 in memory: what was made can be found, and each volume's creates answer as a script says.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use contract::selector::{POLICY_TAG, RUN_TAG, VOLUME_TAG};
use contract::{PolicyName, RunId, SnapshotId, TagSelector, VolumeId};
use ec2::Ec2Error;
use ec2::port::{CreateSnapshot, ReadSnapshots, ReadVolumes, SnapshotNow, VolumePage, VolumeStates};
use policy::model::{Snapshot, SnapshotState, Tags, Volume};
use policy::spec::VolumeSpec;

/// How one create goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// EC2 refuses it with this code; nothing is made.
    Refused(&'static str),
    /// The answer is lost; the snapshot was made.
    LostButDone,
    /// The request is lost; nothing was made.
    Lost,
}

#[derive(Debug, Default)]
pub struct Fake {
    pub volumes: Mutex<Vec<Volume>>,
    /// With the policy whose tag each bears.
    pub snapshots: Mutex<Vec<(String, Snapshot)>>,
    /// What the creates of a volume answer, one after the other; then they succeed.
    script: Mutex<BTreeMap<VolumeId, VecDeque<Answer>>>,
    /// The volumes whose last scripted answer is given for ever.
    stuck: Mutex<Vec<VolumeId>>,
    /// Every create that was sent.
    pub sent: Mutex<Vec<(VolumeId, String, Tags)>>,
    pub reads_fail_with: Mutex<Option<&'static str>>,
    /// After so many look-ups reads fail.
    reads_fail_after: Option<usize>,
    /// After so many look-ups reads never end.
    reads_hang_after: Option<usize>,
    /// How many creates had been sent at each look-up.
    pub looked_up: Mutex<Vec<usize>>,
    /// How long a create takes.
    create_takes: Duration,
    under_way: AtomicUsize,
    pub most_under_way: AtomicUsize,
}

pub fn volume_id(n: usize) -> VolumeId {
    VolumeId::new(format!("vol-{n:017x}")).unwrap()
}

pub fn volume(n: usize, tags: &[(&str, &str)]) -> Volume {
    Volume {
        id: volume_id(n),
        tags: tags.iter().copied().collect(),
        spec: VolumeSpec {
            volume_type: "gp3".into(),
            size_gib: 8,
            iops: Some(3_000),
            throughput_mibps: Some(125),
            zone: "eu-west-1a".into(),
            encrypted: false,
            attachment: None,
        },
    }
}

impl Fake {
    /// `count` volumes that bear the tag `Backup`.
    pub fn with_volumes(count: usize) -> Self {
        let volumes = (0..count).map(|n| volume(n, &[("Backup", "")])).collect();
        Self { volumes: Mutex::new(volumes), ..Self::default() }
    }

    /// The creates of volume `n` answer so, and then succeed.
    pub fn answers(self, n: usize, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.script.lock().unwrap().insert(volume_id(n), answers.into_iter().collect());
        self
    }

    /// The creates of volume `n` answer so, and go on with the last of it for ever.
    pub fn stuck(self, n: usize, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.stuck.lock().unwrap().push(volume_id(n));
        self.answers(n, answers)
    }

    pub fn failing_after(self, look_ups: usize) -> Self {
        Self { reads_fail_after: Some(look_ups), ..self }
    }

    pub fn hanging_after(self, look_ups: usize) -> Self {
        Self { reads_hang_after: Some(look_ups), ..self }
    }

    /// Each create takes so long.
    pub fn taking(self, create_takes: Duration) -> Self {
        Self { create_takes, ..self }
    }

    /// Volume `n` has a snapshot of this policy and run.
    pub fn has(self, n: usize, policy: &str, run: &str, state: SnapshotState) -> Self {
        self.add(policy, run, volume_id(n), state);
        self
    }

    fn add(&self, policy: &str, run: &str, volume: VolumeId, state: SnapshotState) -> SnapshotId {
        let mut snapshots = self.snapshots.lock().unwrap();
        let id = SnapshotId::new(format!("snap-{:017x}", snapshots.len())).unwrap();
        let snapshot = Snapshot {
            id: id.clone(),
            state,
            started_at: chrono::DateTime::UNIX_EPOCH,
            volume: Some(volume),
            run: Some(RunId::new(run).unwrap()),
            hold: false,
            own_retention: None,
        };
        snapshots.push((policy.to_owned(), snapshot));
        id
    }

    /// Snapshots of volume `n`, whatever run or state.
    pub fn snapshots_of(&self, n: usize) -> usize {
        let id = volume_id(n);
        self.snapshots.lock().unwrap().iter().filter(|(_, snapshot)| snapshot.volume.as_ref() == Some(&id)).count()
    }

    /// The volumes of the creates that were sent, in order.
    pub fn sent_for(&self) -> Vec<VolumeId> {
        self.sent.lock().unwrap().iter().map(|(volume, ..)| volume.clone()).collect()
    }

    fn next_answer(&self, volume: &VolumeId) -> Option<Answer> {
        let stuck = self.stuck.lock().unwrap().contains(volume);
        let mut script = self.script.lock().unwrap();
        let answers = script.get_mut(volume)?;
        if stuck && answers.len() == 1 { answers.front().cloned() } else { answers.pop_front() }
    }

    fn read(&self) -> Result<(), Ec2Error> {
        self.reads_fail_with.lock().unwrap().map_or(Ok(()), |code| Err(Ec2Error::coded(code, "no")))
    }
}

impl ReadVolumes for Fake {
    async fn tagged_page(&self, _: &TagSelector, _: VolumeStates, _: Option<String>) -> Result<VolumePage, Ec2Error> {
        unreachable!("the ids come with the request")
    }

    async fn volumes(&self, ids: &[VolumeId]) -> Result<Vec<Volume>, Ec2Error> {
        self.read()?;
        Ok(self.volumes.lock().unwrap().iter().rev().filter(|volume| ids.contains(&volume.id)).cloned().collect())
    }
}

impl ReadSnapshots for Fake {
    async fn of_run(&self, policy: &PolicyName, run: &RunId, volumes: &[VolumeId]) -> Result<Vec<Snapshot>, Ec2Error> {
        self.read()?;
        if self.reads_hang_after.is_some_and(|after| self.looked_up.lock().unwrap().len() >= after) {
            std::future::pending::<()>().await;
        }
        let mut looked_up = self.looked_up.lock().unwrap();
        if self.reads_fail_after.is_some_and(|after| looked_up.len() >= after) {
            return Err(Ec2Error::lost("connection closed"));
        }
        looked_up.push(self.sent.lock().unwrap().len());
        let snapshots = self.snapshots.lock().unwrap();
        let of_run = snapshots.iter().filter(|(of, snapshot)| {
            of == policy.as_str()
                && snapshot.run.as_ref() == Some(run)
                && snapshot.volume.as_ref().is_some_and(|volume| volumes.contains(volume))
        });
        Ok(of_run.map(|(_, snapshot)| snapshot.clone()).collect())
    }

    async fn managed(&self, _: &PolicyName) -> Result<Vec<Snapshot>, Ec2Error> {
        unreachable!("only this run's snapshots matter")
    }

    async fn now(&self, _: &[SnapshotId]) -> Result<Vec<SnapshotNow>, Ec2Error> {
        unreachable!("only this run's snapshots matter")
    }
}

impl CreateSnapshot for Fake {
    async fn create(&self, volume: &VolumeId, description: &str, tags: &Tags) -> Result<SnapshotId, Ec2Error> {
        self.sent.lock().unwrap().push((volume.clone(), description.to_owned(), tags.clone()));
        let under_way = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_under_way.fetch_max(under_way, Ordering::Relaxed);
        tokio::time::sleep(self.create_takes).await;
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        // Found again by its tags alone, as in EC2: a create without them would be an orphan.
        let make = || {
            let tag = |key| tags.get(key).unwrap_or_default();
            self.add(tag(POLICY_TAG), tag(RUN_TAG), VolumeId::new(tag(VOLUME_TAG)).unwrap(), SnapshotState::Pending)
        };
        match self.next_answer(volume) {
            None => Ok(make()),
            Some(Answer::Refused(code)) => Err(Ec2Error::coded(code, "no")),
            Some(Answer::Lost) => Err(Ec2Error::lost("connection closed")),
            Some(Answer::LostButDone) => {
                make();
                Err(Ec2Error::lost("connection closed"))
            }
        }
    }
}
