//! From the SDK's types to the domain's. What EC2 left out, or what does not have the documented form, is skipped by the
//! caller rather than guessed at.

use aws_sdk_ec2::primitives::DateTime as SdkDateTime;
use aws_sdk_ec2::types::{Instance as SdkInstance, Snapshot as SdkSnapshot, StorageTier, Tag, Volume as SdkVolume};
use chrono::{DateTime, Utc};
use contract::selector::{KEEP_TAG, POLICY_TAG, RETENTION_TAG, RUN_TAG, SPEC_TAG, VOLUME_TAG};
use contract::{Device, InstanceId, PolicyName, RunId, SnapshotId, VolumeId, Zone};
use policy::adoption::Foreign;
use policy::model::{Snapshot, SnapshotState, Tags, Volume};
use policy::restore::seen::{RestorePoint, SeenAttachment, SeenInstance, SeenVolume};
use policy::restore_point::Candidate;
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
    moment(snapshot.start_time()?)
}

fn moment(at: &SdkDateTime) -> Option<DateTime<Utc>> {
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

/// A snapshot as a restore looks at it. It is ours when it bears a policy's tag and the volume that our tag names is the one
/// EC2 has it of; one that lies in the archive cannot be restored from, whatever its state.
pub fn restore_point(snapshot: &SdkSnapshot) -> Option<RestorePoint> {
    let tags = tags(snapshot.tags());
    let ours = tags.has(POLICY_TAG) && attributed_to(snapshot, &tags).is_some();
    let spec: Option<VolumeSpec> = tags.get(SPEC_TAG).filter(|_| ours).and_then(|spec| spec.parse().ok());
    let attachment = spec.as_ref().and_then(|spec| spec.attachment.as_ref());
    let archived = snapshot.storage_tier() == Some(&StorageTier::Archive);
    Some(RestorePoint {
        candidate: Candidate {
            id: SnapshotId::new(snapshot.snapshot_id()?).ok()?,
            state: if archived { SnapshotState::Other("archived".to_owned()) } else { state(snapshot) },
            started_at: started_at(snapshot)?,
            volume: snapshot.volume_id().and_then(|volume| VolumeId::new(volume).ok()),
            run: tags.get(RUN_TAG).filter(|_| ours).and_then(|run| RunId::new(run).ok()),
            policy: tags.get(POLICY_TAG).filter(|_| ours).and_then(|policy| PolicyName::new(policy).ok()),
            instance: attachment.map(|at| at.instance.clone()),
            device: attachment.map(|at| at.device.clone()),
        },
        description: snapshot.description().unwrap_or_default().to_owned(),
        size_gib: snapshot.volume_size().and_then(|size| u32::try_from(size).ok())?,
        encrypted: snapshot.encrypted().unwrap_or_default(),
        spec,
        tags,
    })
}

pub fn seen_volume(volume: &SdkVolume) -> Option<SeenVolume> {
    let attachments = volume.attachments().iter().filter_map(|attachment| {
        Some(SeenAttachment {
            instance: InstanceId::new(attachment.instance_id()?).ok()?,
            device: Device::new(attachment.device()?).ok()?,
            state: attachment.state().map(|state| state.as_str().to_owned()).unwrap_or_default(),
        })
    });
    Some(SeenVolume {
        id: volume_id(volume)?,
        state: volume.state().map(|state| state.as_str().to_owned()).unwrap_or_default(),
        created_at: volume.create_time().and_then(moment),
        tags: tags(volume.tags()),
        attachments: attachments.collect(),
    })
}

pub fn instance(instance: &SdkInstance) -> Option<SeenInstance> {
    let state = instance.state().and_then(|state| state.name());
    Some(SeenInstance {
        id: InstanceId::new(instance.instance_id()?).ok()?,
        zone: Zone::new(instance.placement()?.availability_zone()?).ok()?,
        state: state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
        root_device: instance.root_device_name().and_then(|device| Device::new(device).ok()),
    })
}
