//! Volumes, instances and snapshots to back up, or to leave alone.

use anyhow::{Context, Result};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{InstanceType, ResourceType, Snapshot, Tag, TagSpecification, VolumeType};

/// The size of a volume when nothing else is said, in GiB.
const DEFAULT_SIZE: i32 = 8;
/// An image of no consequence: the local AWS boots nothing.
const IMAGE: &str = "ami-00000000000000000";
/// The first device name that EC2 recommends for data volumes on Linux is /dev/sdf; there are eleven, f to p.
const FIRST_DEVICE: u8 = b'f';

/// A volume to be made.
#[derive(Debug, Clone)]
pub struct VolumeSpec {
    size: i32,
    kind: VolumeType,
    tags: Vec<(String, String)>,
    encrypted: bool,
    attached: bool,
}

impl Default for VolumeSpec {
    fn default() -> Self {
        Self { size: DEFAULT_SIZE, kind: VolumeType::Gp3, tags: Vec::new(), encrypted: false, attached: false }
    }
}

impl VolumeSpec {
    /// A gp3 volume without a tag.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Of `size` GiB.
    #[must_use]
    pub fn size(mut self, size: i32) -> Self {
        self.size = size;
        self
    }

    /// Of this type.
    #[must_use]
    pub fn kind(mut self, kind: VolumeType) -> Self {
        self.kind = kind;
        self
    }

    /// With one more tag.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Encrypted with the account's default key.
    #[must_use]
    pub fn encrypted(mut self) -> Self {
        self.encrypted = true;
        self
    }

    /// Attached to an instance: in use instead of available.
    #[must_use]
    pub fn attached(mut self) -> Self {
        self.attached = true;
        self
    }
}

/// Makes the volumes in the region of `ec2`, with one instance for those that are to be attached (at most eleven), and
/// gives their ids in the order of `specs`.
///
/// # Errors
/// When EC2 refuses one of them.
pub async fn make(ec2: &Client, region: &str, specs: &[VolumeSpec]) -> Result<Vec<String>> {
    let zone = format!("{region}a");
    let mut instance: Option<String> = None;
    let mut device = FIRST_DEVICE;
    let mut ids = Vec::with_capacity(specs.len());
    for spec in specs {
        let mut request = ec2
            .create_volume()
            .availability_zone(&zone)
            .size(spec.size)
            .volume_type(spec.kind.clone())
            .encrypted(spec.encrypted);
        if !spec.tags.is_empty() {
            request = request.tag_specifications(tags(ResourceType::Volume, &spec.tags));
        }
        // The provisioned types want a figure; their smallest sizes allow 200.
        if matches!(spec.kind, VolumeType::Io1 | VolumeType::Io2) {
            request = request.iops(200);
        }
        let volume = request.send().await.context("CreateVolume")?;
        let id = volume.volume_id().context("CreateVolume gave no id")?.to_owned();
        if spec.attached {
            let instance = match &instance {
                Some(running) => running,
                None => instance.insert(launch(ec2).await?),
            };
            let name = format!("/dev/sd{}", char::from(device));
            device += 1;
            ec2.attach_volume()
                .volume_id(&id)
                .instance_id(instance)
                .device(name)
                .send()
                .await
                .context("AttachVolume")?;
        }
        ids.push(id);
    }
    Ok(ids)
}

async fn launch(ec2: &Client) -> Result<String> {
    let launched = ec2
        .run_instances()
        .image_id(IMAGE)
        .instance_type(InstanceType::T3Micro)
        .min_count(1)
        .max_count(1)
        .send()
        .await
        .context("RunInstances")?;
    let instance = launched.instances().first().and_then(|instance| instance.instance_id());
    Ok(instance.context("RunInstances gave no instance")?.to_owned())
}

/// Makes a snapshot as somebody else would: with `tags`, none of which need be ours.
///
/// # Errors
/// When EC2 refuses it.
pub async fn foreign_snapshot(ec2: &Client, volume: &str, with: &[(&str, &str)]) -> Result<String> {
    let with: Vec<(String, String)> =
        with.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let made = ec2
        .create_snapshot()
        .volume_id(volume)
        .description("made by hand")
        .tag_specifications(tags(ResourceType::Snapshot, &with))
        .send()
        .await
        .context("CreateSnapshot")?;
    Ok(made.snapshot_id().context("CreateSnapshot gave no id")?.to_owned())
}

/// Makes a snapshot as an earlier night would have: with `tags`, started at `started_at` (RFC 3339) and now in `state`.
///
/// # Errors
/// When EC2 refuses it.
pub async fn past_snapshot(
    ec2: &Client,
    volume: &str,
    with: &[(&str, &str)],
    started_at: &str,
    state: &str,
) -> Result<String> {
    // The server reads the two, and does not put them on the snapshot.
    let past = [("local-aws:start-time", started_at), ("local-aws:state", state)];
    foreign_snapshot(ec2, volume, &[with, &past].concat()).await
}

/// All snapshots that the account owns in the region of `ec2`.
///
/// # Errors
/// When EC2 does not answer.
pub async fn snapshots(ec2: &Client) -> Result<Vec<Snapshot>> {
    let pages = ec2.describe_snapshots().owner_ids("self").max_results(1000).into_paginator().items().send();
    pages.collect::<Result<Vec<_>, _>>().await.context("DescribeSnapshots")
}

/// The value of a snapshot's tag.
#[must_use]
pub fn tag_of<'a>(snapshot: &'a Snapshot, key: &str) -> Option<&'a str> {
    snapshot.tags().iter().find(|tag| tag.key() == Some(key)).and_then(Tag::value)
}

fn tags(of: ResourceType, tags: &[(String, String)]) -> TagSpecification {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    TagSpecification::builder().resource_type(of).set_tags(Some(tags)).build()
}
