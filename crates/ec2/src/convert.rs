//! From the SDK's types to the domain's. What EC2 left out, or what does not have the documented form, is skipped by the
//! caller rather than guessed at.

use aws_sdk_ec2::types::{Snapshot as SdkSnapshot, Tag, Volume as SdkVolume};
use chrono::{DateTime, Utc};
use contract::selector::{KEEP_TAG, RETENTION_TAG, RUN_TAG, VOLUME_TAG};
use contract::{RunId, SnapshotId, VolumeId};
use policy::adoption::Foreign;
use policy::model::{Snapshot, SnapshotState, Tags, Volume};
use policy::spec::{Attachment, VolumeSpec};

use crate::port::SnapshotNow;

pub fn tags(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default()))).collect()
}

pub fn volume_id(volume: &SdkVolume) -> Option<VolumeId> {
    VolumeId::new(volume.volume_id()?).ok()
}

pub fn volume(volume: &SdkVolume) -> Option<Volume> {
    let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok());
    let attachment = volume.attachments().iter().find_map(|attachment| {
        Some(Attachment { instance: attachment.instance_id()?.to_owned(), device: attachment.device()?.to_owned() })
    });
    Some(Volume {
        id: volume_id(volume)?,
        tags: tags(volume.tags()),
        spec: VolumeSpec {
            volume_type: volume.volume_type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            size_gib: number(volume.size()).unwrap_or_default(),
            iops: number(volume.iops()),
            throughput_mibps: number(volume.throughput()),
            zone: volume.availability_zone().unwrap_or_default().to_owned(),
            encrypted: volume.encrypted().unwrap_or_default(),
            attachment,
        },
    })
}

fn state(snapshot: &SdkSnapshot) -> SnapshotState {
    snapshot
        .state()
        .map_or_else(|| SnapshotState::Other("unknown".to_owned()), |state| SnapshotState::named(state.as_str()))
}

/// The volume that a snapshot is of, when our tag and EC2 agree.
///
/// Tags can be copied and written by others, EC2's own volume id cannot; and that of a copy is an arbitrary one. A snapshot
/// on which the two differ must not stand for a volume's backup: its verdict would be at the cost of a real one.
fn attributed_to(snapshot: &SdkSnapshot, tags: &Tags) -> Option<VolumeId> {
    let tagged = tags.get(VOLUME_TAG).filter(|tagged| snapshot.volume_id() == Some(*tagged))?;
    VolumeId::new(tagged).ok()
}

pub fn snapshot(snapshot: &SdkSnapshot) -> Option<Snapshot> {
    let tags = tags(snapshot.tags());
    Some(Snapshot {
        id: SnapshotId::new(snapshot.snapshot_id()?).ok()?,
        state: state(snapshot),
        started_at: started_at(snapshot)?,
        volume: attributed_to(snapshot, &tags),
        run: tags.get(RUN_TAG).and_then(|run| RunId::new(run).ok()),
        hold: tags.has(KEEP_TAG),
        own_retention: tags.get(RETENTION_TAG).map(ToOwned::to_owned),
    })
}

fn started_at(snapshot: &SdkSnapshot) -> Option<DateTime<Utc>> {
    let at = snapshot.start_time()?;
    DateTime::from_timestamp(at.secs(), at.subsec_nanos())
}

pub fn snapshot_now(snapshot: &SdkSnapshot) -> Option<SnapshotNow> {
    let tags = tags(snapshot.tags());
    Some(SnapshotNow {
        id: SnapshotId::new(snapshot.snapshot_id()?).ok()?,
        state: state(snapshot),
        started_at: started_at(snapshot)?,
        volume: attributed_to(snapshot, &tags),
        tags,
    })
}

pub fn foreign(snapshot: &SdkSnapshot) -> Option<Foreign> {
    Some(Foreign {
        id: SnapshotId::new(snapshot.snapshot_id()?).ok()?,
        state: state(snapshot),
        volume: snapshot.volume_id().and_then(|volume| VolumeId::new(volume).ok()),
        description: snapshot.description().unwrap_or_default().to_owned(),
        tags: tags(snapshot.tags()),
    })
}
