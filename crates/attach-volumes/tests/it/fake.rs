//! A small EC2: volumes and one instance, whose attachments really change, and take their time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;

use chrono::{DateTime, Utc};
use contract::{Device, InstanceId, RestoreId, SnapshotId, VolumeId};
use ec2::Ec2Error;
use ec2::port::{CreateSnapshot, MoveVolume, SeeVolumes};
use policy::model::{SnapshotState, Tags};
use policy::restore::seen::{SeenAttachment, SeenVolume};
use policy::restore_point::Candidate;

/// How one write goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// EC2 refuses it with this code; nothing is done.
    Refused(&'static str),
    /// The answer is lost; it was done.
    LostButDone,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Attachment {
    device: Device,
    state: &'static str,
    /// Looks until it is attached, or gone.
    looks: u32,
}

#[derive(Debug, Default)]
struct World {
    /// Every volume that exists.
    volumes: BTreeMap<VolumeId, Option<Attachment>>,
    snapshots: Vec<Candidate>,
    /// What the writes of a kind for a volume answer, one after the other; then they succeed.
    script: BTreeMap<(&'static str, VolumeId), VecDeque<Answer>>,
    /// Volumes that never let go of their device.
    mounted: BTreeSet<VolumeId>,
    /// Looks that attaching and detaching take.
    slow: u32,
    /// All that was done: `snapshot`, `detach`, `attach` and the volume.
    done: Vec<(&'static str, VolumeId)>,
    /// All that was sent.
    sent: Vec<(&'static str, VolumeId)>,
    looks: u32,
}

#[derive(Debug, Default)]
pub struct Fake(Mutex<World>);

pub fn instance() -> InstanceId {
    InstanceId::new("i-0123456789abcdef0").unwrap()
}

pub fn volume_id(n: usize) -> VolumeId {
    VolumeId::new(format!("vol-{n:08x}")).unwrap()
}

pub fn device(n: usize) -> Device {
    Device::new(["/dev/sdf", "/dev/sdg", "/dev/sdh"][n]).unwrap()
}

impl Fake {
    fn with(mut self, change: impl FnOnce(&mut World)) -> Self {
        change(self.0.get_mut().unwrap());
        self
    }

    /// Volume `n`, attached nowhere.
    pub fn free(self, n: usize) -> Self {
        self.with(|world| drop(world.volumes.insert(volume_id(n), None)))
    }

    /// Volume `n`, attached at device `at`.
    pub fn live(self, n: usize, at: usize) -> Self {
        let attachment = Attachment { device: device(at), state: "attached", looks: 0 };
        self.with(|world| drop(world.volumes.insert(volume_id(n), Some(attachment))))
    }

    pub fn answers(self, write: &'static str, n: usize, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.with(|world| drop(world.script.insert((write, volume_id(n)), answers.into_iter().collect())))
    }

    pub fn mounted(self, n: usize) -> Self {
        self.with(|world| _ = world.mounted.insert(volume_id(n)))
    }

    pub fn slow(self, looks: u32) -> Self {
        self.with(|world| world.slow = looks)
    }

    /// A snapshot of volume `n` that bears the restore's tag.
    pub fn snapshotted(self, n: usize, state: &str, started_at: &str) -> Self {
        let started_at: DateTime<Utc> = started_at.parse().unwrap();
        self.with(|world| world.snapshots.push(snapshot(7_000 + n, volume_id(n), state, started_at)))
    }

    pub fn unmount(&self, n: usize) {
        self.0.lock().unwrap().mounted.remove(&volume_id(n));
    }

    pub fn done(&self) -> Vec<String> {
        words(&self.0.lock().unwrap().done)
    }

    pub fn sent(&self) -> Vec<String> {
        words(&self.0.lock().unwrap().sent)
    }

    pub fn looks(&self) -> u32 {
        self.0.lock().unwrap().looks
    }

    /// The volumes that are attached, with their device.
    pub fn attached(&self) -> Vec<(VolumeId, Device)> {
        let world = self.0.lock().unwrap();
        let at = |(id, at): (&VolumeId, &Option<Attachment>)| {
            at.as_ref().filter(|at| at.state == "attached").map(|at| (id.clone(), at.device.clone()))
        };
        world.volumes.iter().filter_map(at).collect()
    }

    /// Whether a write goes through, and whether its answer does.
    fn write(&self, write: &'static str, volume: &VolumeId) -> Result<bool, Ec2Error> {
        let mut world = self.0.lock().unwrap();
        world.sent.push((write, volume.clone()));
        let answer = world.script.get_mut(&(write, volume.clone())).and_then(VecDeque::pop_front);
        match answer {
            Some(Answer::Refused(code)) => Err(Ec2Error::coded(code, "no")),
            Some(Answer::LostButDone) => Ok(false),
            None => Ok(true),
        }
    }

    fn answer<T>(heard: bool, value: T) -> Result<T, Ec2Error> {
        if heard { Ok(value) } else { Err(Ec2Error::lost("no answer")) }
    }

    fn did(&self, write: &'static str, volume: &VolumeId) {
        self.0.lock().unwrap().done.push((write, volume.clone()));
    }
}

fn words(writes: &[(&'static str, VolumeId)]) -> Vec<String> {
    writes.iter().map(|(write, id)| format!("{write} {}", id.as_str().trim_start_matches("vol-0000000"))).collect()
}

fn snapshot(n: usize, of: VolumeId, state: &str, started_at: DateTime<Utc>) -> Candidate {
    Candidate {
        id: SnapshotId::new(format!("snap-{n:08x}")).unwrap(),
        state: SnapshotState::named(state),
        started_at,
        volume: Some(of),
        run: None,
        policy: None,
        instance: None,
        device: None,
    }
}

impl World {
    /// Time passes by a look.
    fn pass(&mut self) {
        self.looks += 1;
        for (id, place) in &mut self.volumes {
            let Some(at) = place else { continue };
            match (at.state, at.looks) {
                ("attaching", 0) => at.state = "attached",
                ("detaching" | "busy", 0) if self.mounted.contains(id) => at.state = "busy",
                ("detaching" | "busy", 0) => *place = None,
                (_, 0) => {}
                _ => at.looks -= 1,
            }
        }
    }

    fn seen(&self, id: &VolumeId) -> Option<SeenVolume> {
        let attachments: Vec<SeenAttachment> = self
            .volumes
            .get(id)?
            .iter()
            .map(|at| SeenAttachment { instance: instance(), device: at.device.clone(), state: at.state.to_owned() })
            .collect();
        let state = if attachments.is_empty() { "available" } else { "in-use" };
        Some(SeenVolume {
            id: id.clone(),
            state: state.to_owned(),
            created_at: None,
            tags: Tags::default(),
            attachments,
        })
    }
}

impl SeeVolumes for Fake {
    async fn seen(&self, ids: &[VolumeId]) -> Result<Vec<SeenVolume>, Ec2Error> {
        let world = self.0.lock().unwrap();
        Ok(ids.iter().filter_map(|id| world.seen(id)).collect())
    }

    async fn attached_to(&self, of: &InstanceId) -> Result<Vec<SeenVolume>, Ec2Error> {
        assert_eq!(*of, instance());
        let mut world = self.0.lock().unwrap();
        world.pass();
        let all = world.volumes.keys().filter_map(|id| world.seen(id));
        Ok(all.filter(|volume| !volume.attachments.is_empty()).collect())
    }

    async fn of_restore(&self, _: &RestoreId) -> Result<Vec<SeenVolume>, Ec2Error> {
        unreachable!("the volumes come with the request")
    }

    async fn of_tests(&self) -> Result<Vec<SeenVolume>, Ec2Error> {
        unreachable!("a restore test attaches nothing")
    }
}

impl MoveVolume for Fake {
    async fn attach(&self, volume: &VolumeId, to: &InstanceId, device: &Device) -> Result<(), Ec2Error> {
        assert_eq!(*to, instance());
        let heard = self.write("attach", volume)?;
        {
            let mut world = self.0.lock().unwrap();
            if world.volumes.values().flatten().any(|at| at.device == *device) {
                return Err(Ec2Error::coded("InvalidParameterValue", "the device is already in use"));
            }
            let looks = world.slow;
            let Some(place) = world.volumes.get_mut(volume) else {
                return Err(Ec2Error::coded("InvalidVolume.NotFound", "there is none"));
            };
            if place.is_some() {
                return Err(Ec2Error::coded("VolumeInUse", "it is attached"));
            }
            *place = Some(Attachment { device: device.clone(), state: "attaching", looks });
        }
        self.did("attach", volume);
        Self::answer(heard, ())
    }

    async fn detach(&self, volume: &VolumeId, from: &InstanceId) -> Result<(), Ec2Error> {
        assert_eq!(*from, instance());
        let heard = self.write("detach", volume)?;
        {
            let mut world = self.0.lock().unwrap();
            let looks = world.slow;
            match world.volumes.get_mut(volume).and_then(Option::as_mut) {
                Some(at) if at.state == "attached" => (at.state, at.looks) = ("detaching", looks),
                Some(_) => return Err(Ec2Error::coded("IncorrectState", "it is busy")),
                None => return Err(Ec2Error::coded("InvalidAttachment.NotFound", "it is not attached")),
            }
        }
        self.did("detach", volume);
        Self::answer(heard, ())
    }

    async fn snapshots_of_restore(&self, _: &RestoreId) -> Result<Vec<Candidate>, Ec2Error> {
        Ok(self.0.lock().unwrap().snapshots.clone())
    }
}

impl CreateSnapshot for Fake {
    async fn create(&self, volume: &VolumeId, description: &str, tags: &Tags) -> Result<SnapshotId, Ec2Error> {
        assert!(description.contains(volume.as_str()));
        assert_eq!(tags.get("ebs-backup:restore"), Some("restore-1"), "else nobody finds it again");
        assert!(!tags.has("ebs-backup:policy"), "S1: else a purge would delete it");
        let heard = self.write("snapshot", volume)?;
        let id = {
            let mut world = self.0.lock().unwrap();
            let new = snapshot(world.snapshots.len() + 1, volume.clone(), "pending", crate::job(true).started_at);
            world.snapshots.push(new.clone());
            new.id
        };
        self.did("snapshot", volume);
        Self::answer(heard, id)
    }
}
