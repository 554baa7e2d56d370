//! What steps ask of EC2, in domain types. Each step asks for the few of these that it needs, so a test's fake is short.

use std::future::Future;

use chrono::{DateTime, Utc};
use contract::restore::WantedVolume;
use contract::tally::BucketState;
use contract::{Device, InstanceId, PolicyName, Region, RestoreId, RunId, SnapshotId, TagSelector, VolumeId, Zone};
use policy::adoption::Foreign;
use policy::model::{Snapshot, SnapshotState, Tags, Volume};
use policy::restore::seen::{RestorePoint, SeenInstance, SeenVolume};
use policy::restore_point::Candidate;

use crate::Ec2Error;

/// One page of the volumes that bear a policy's tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VolumePage {
    /// Their ids and tags.
    pub volumes: Vec<(VolumeId, Tags)>,
    /// Where the page ended; `None` after the last.
    pub cursor: Option<String>,
}

/// A snapshot as it is right before it is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotNow {
    /// Its id.
    pub id: SnapshotId,
    /// How far it is.
    pub state: SnapshotState,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// The volume it was made from, as in [`Snapshot::volume`].
    pub volume: Option<VolumeId>,
    /// Its tags.
    pub tags: Tags,
}

/// Which volumes to list, by their state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VolumeStates {
    /// Those that can be snapshotted: `available` and `in-use`.
    Snapshottable,
    /// All: also one in the state `error`, whose storage has failed, and whose snapshots are now all there is.
    Any,
}

/// The regions of the account.
pub trait Regions {
    /// The regions that are enabled for this account.
    fn enabled_regions(&self) -> impl Future<Output = Result<Vec<Region>, Ec2Error>>;
}

/// Reads volumes.
pub trait ReadVolumes {
    /// One page of the volumes in these states that bear the tag. The exclusion tag is not looked at.
    fn tagged_page(
        &self,
        selector: &TagSelector,
        states: VolumeStates,
        cursor: Option<String>,
    ) -> impl Future<Output = Result<VolumePage, Ec2Error>>;

    /// Those of `ids` that are still there, in no particular order.
    fn volumes(&self, ids: &[VolumeId]) -> impl Future<Output = Result<Vec<Volume>, Ec2Error>>;
}

/// Reads snapshots of this account; never anybody else's.
pub trait ReadSnapshots {
    /// The snapshots that this run of this policy made of `volumes`.
    fn of_run(
        &self,
        policy: &PolicyName,
        run: &RunId,
        volumes: &[VolumeId],
    ) -> impl Future<Output = Result<Vec<Snapshot>, Ec2Error>>;

    /// All snapshots that bear the managed tag of this policy.
    fn managed(&self, policy: &PolicyName) -> impl Future<Output = Result<Vec<Snapshot>, Ec2Error>>;

    /// Those of `ids` that this account owns, as they are now.
    fn now(&self, ids: &[SnapshotId]) -> impl Future<Output = Result<Vec<SnapshotNow>, Ec2Error>>;
}

/// Makes snapshots.
pub trait CreateSnapshot {
    /// Goes on at the pace of the function before, which has drawn so much.
    fn go_on_creating_from(&self, _drawn: BucketState) {}

    /// What is drawn by now, for the function after.
    fn drawn_by_creates(&self) -> BucketState {
        BucketState::default()
    }

    /// Waits until the pace allows the next create. Nothing is sent, so a caller that runs out of time can let go.
    fn ready_to_create(&self) -> impl Future<Output = ()> {
        async {}
    }

    /// Makes a snapshot with all its tags in one call, in one attempt. EC2 has no client token here: after an error that
    /// of the kind [`Unavailable`](crate::Kind::Unavailable) the snapshot may be there, so nobody sends it again without a look.
    fn create(
        &self,
        volume: &VolumeId,
        description: &str,
        tags: &Tags,
    ) -> impl Future<Output = Result<SnapshotId, Ec2Error>>;
}

/// Deletes snapshots.
pub trait DeleteSnapshot {
    /// Goes on at the pace of the function before, which has drawn so much.
    fn go_on_deleting_from(&self, _drawn: BucketState) {}

    /// What is drawn by now, for the function after.
    fn drawn_by_deletes(&self) -> BucketState {
        BucketState::default()
    }

    /// Waits until the pace allows the next delete. Nothing is sent, so a caller that runs out of time can let go.
    fn ready_to_delete(&self) -> impl Future<Output = ()> {
        async {}
    }

    /// Deletes a snapshot, in one attempt.
    fn delete(&self, snapshot: &SnapshotId) -> impl Future<Output = Result<(), Ec2Error>>;
}

/// Reads what others made.
pub trait ReadForeign {
    /// What `pick` makes of the completed snapshots of this account that bear one of these tag keys; a key may end in `*`. There
    /// may be a hundred thousand of them: only what is picked is kept.
    fn bearing<T>(
        &self,
        keys: &[&str],
        pick: impl Fn(Foreign) -> Option<T>,
    ) -> impl Future<Output = Result<Vec<T>, Ec2Error>>;
}

/// Makes a snapshot of others one of ours.
pub trait AdoptSnapshot {
    /// Waits until the pace allows the next call.
    fn ready_to_adopt(&self) -> impl Future<Output = ()> {
        async {}
    }

    /// Writes these tags on a snapshot that is there, in one attempt.
    fn adopt(&self, snapshot: &SnapshotId, tags: &Tags) -> impl Future<Output = Result<(), Ec2Error>>;
}

/// Reads snapshots of this account as a restore looks at them.
pub trait ReadRestorePoints {
    /// Those that EC2 has of this volume.
    fn points_of(&self, volume: &VolumeId) -> impl Future<Output = Result<Vec<RestorePoint>, Ec2Error>>;

    /// Those of `ids` that this account owns.
    fn points(&self, ids: &[SnapshotId]) -> impl Future<Output = Result<Vec<RestorePoint>, Ec2Error>>;

    /// What `pick` makes of all that bear a policy's tag. There may be a hundred thousand of them: only what is picked is kept.
    fn managed_points<T>(
        &self,
        pick: impl Fn(RestorePoint) -> Option<T>,
    ) -> impl Future<Output = Result<Vec<T>, Ec2Error>>;
}

/// Reads what volumes are attached to, and where they can be.
pub trait ReadInstances {
    /// The instance, if there is one of that id.
    fn instance(&self, id: &InstanceId) -> impl Future<Output = Result<Option<SeenInstance>, Ec2Error>>;

    /// The zones of the region that can be used.
    fn zones(&self) -> impl Future<Output = Result<Vec<Zone>, Ec2Error>>;
}

/// Looks at volumes as they are now.
pub trait SeeVolumes {
    /// Those of `ids` that are there.
    fn seen(&self, ids: &[VolumeId]) -> impl Future<Output = Result<Vec<SeenVolume>, Ec2Error>>;

    /// All that are attached to an instance.
    fn attached_to(&self, instance: &InstanceId) -> impl Future<Output = Result<Vec<SeenVolume>, Ec2Error>>;

    /// All that a restore has made.
    fn of_restore(&self, restore: &RestoreId) -> impl Future<Output = Result<Vec<SeenVolume>, Ec2Error>>;

    /// All that restore tests have made and not deleted.
    fn of_tests(&self) -> impl Future<Output = Result<Vec<SeenVolume>, Ec2Error>>;
}

/// A volume to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVolume<'a> {
    /// The snapshot that its data is from.
    pub snapshot: &'a SnapshotId,
    /// What it is to be.
    pub wanted: &'a WantedVolume,
    /// How fast EBS is to load the data, in MiB/s.
    pub initialization_rate_mibps: Option<u32>,
    /// Its tags.
    pub tags: &'a Tags,
    /// By which EC2 knows a call that is sent again, and makes nothing twice.
    pub client_token: &'a str,
}

/// Makes volumes.
pub trait CreateVolume {
    /// Waits until the pace allows the next call.
    fn ready_to_create_volume(&self) -> impl Future<Output = ()> {
        async {}
    }

    /// Makes a volume with all its tags in one call, in one attempt; the same call may be sent again.
    fn create_volume(&self, volume: &NewVolume<'_>) -> impl Future<Output = Result<VolumeId, Ec2Error>>;
}

/// Attaches volumes to instances and detaches them.
pub trait MoveVolume {
    /// Waits until the pace allows the next call.
    fn ready_to_move(&self) -> impl Future<Output = ()> {
        async {}
    }

    /// Begins to attach a volume, in one attempt.
    fn attach(
        &self,
        volume: &VolumeId,
        instance: &InstanceId,
        device: &Device,
    ) -> impl Future<Output = Result<(), Ec2Error>>;

    /// Begins to detach a volume, in one attempt, and never by force.
    fn detach(&self, volume: &VolumeId, instance: &InstanceId) -> impl Future<Output = Result<(), Ec2Error>>;

    /// The snapshots that bear a restore's tag: those it made, and those of a restore that had the same name before.
    fn snapshots_of_restore(&self, restore: &RestoreId) -> impl Future<Output = Result<Vec<Candidate>, Ec2Error>>;
}

/// Deletes volumes.
pub trait DeleteVolume {
    /// Waits until the pace allows the next call.
    fn ready_to_delete_volume(&self) -> impl Future<Output = ()> {
        async {}
    }

    /// Deletes a volume, in one attempt.
    fn delete_volume(&self, volume: &VolumeId) -> impl Future<Output = Result<(), Ec2Error>>;
}
