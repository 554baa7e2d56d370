//! EC2's answers, as XML.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::model::{Attached, Image, Instance, Snapshot, Volume};
use crate::query::Tag;
use crate::refusal::Refusal;

const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

/// A list, as EC2 writes it.
#[derive(Debug, Serialize)]
pub struct Set<T> {
    item: Vec<T>,
}

impl<T> FromIterator<T> for Set<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self { item: items.into_iter().collect() }
    }
}

/// The answer to `action`.
#[must_use]
pub fn answer(action: &str, request_id: &str, body: &impl Serialize) -> String {
    let root = format!("{action}Response");
    // Only the types of this module are written, all of which XML can say, and none of which is empty.
    match quick_xml::se::to_string_with_root(&root, body) {
        Ok(xml) => {
            let content = xml.get(root.len() + 2..).unwrap_or_default();
            format!("<{root} xmlns=\"{NAMESPACE}\"><requestId>{request_id}</requestId>{content}")
        }
        Err(error) => refusal(&Refusal::new("InternalError", error.to_string()), request_id),
    }
}

/// An error.
#[must_use]
pub fn refusal(refusal: &Refusal, request_id: &str) -> String {
    let text = |text: &str| quick_xml::escape::escape(text).into_owned();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors>\
         <RequestID>{request_id}</RequestID></Response>",
        text(&refusal.code),
        text(&refusal.message)
    )
}

/// Done.
#[derive(Debug, Serialize)]
pub struct Done {
    r#return: bool,
}

impl Done {
    /// Done.
    pub const YES: Self = Self { r#return: true };
}

/// A page of a listing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Volumes {
    /// The volumes.
    pub volume_set: Set<VolumeItem>,
    /// Where to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A page of a listing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshots {
    /// The snapshots.
    pub snapshot_set: Set<SnapshotItem>,
    /// Where to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// All images.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Images {
    /// The images.
    pub images_set: Set<ImageItem>,
}

/// The regions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Regions {
    /// The regions.
    pub region_info: Set<RegionItem>,
}

/// A region.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegionItem {
    /// Its name.
    pub region_name: String,
    /// Where its EC2 is.
    pub region_endpoint: String,
    /// Whether the account may use it.
    pub opt_in_status: &'static str,
}

#[derive(Debug, Serialize)]
struct TagItem {
    key: String,
    value: String,
}

fn tags(tags: &[Tag]) -> Set<TagItem> {
    tags.iter().map(|(key, value)| TagItem { key: key.clone(), value: value.clone() }).collect()
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A volume.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeItem {
    volume_id: String,
    size: u32,
    snapshot_id: String,
    availability_zone: String,
    status: String,
    create_time: String,
    attachment_set: Set<AttachmentItem>,
    tag_set: Set<TagItem>,
    volume_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    iops: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    throughput: Option<u32>,
    encrypted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    volume_initialization_rate: Option<u32>,
}

/// What holds a volume: part of a volume, and the answer to AttachVolume and DetachVolume.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentItem {
    volume_id: String,
    instance_id: String,
    device: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attach_time: Option<String>,
    delete_on_termination: bool,
}

impl AttachmentItem {
    /// What holds a volume.
    #[must_use]
    pub fn new(volume: &str, attached: Attached<'_>) -> Self {
        Self {
            volume_id: volume.to_owned(),
            instance_id: attached.instance_id.to_owned(),
            device: attached.device.to_owned(),
            status: attached.state.as_str(),
            attach_time: attached.since.map(time),
            delete_on_termination: false,
        }
    }
}

impl VolumeItem {
    /// A volume in a region as it is at a moment.
    #[must_use]
    pub fn new(volume: &Volume, region: &str, at: DateTime<Utc>) -> Self {
        let attached = volume.attached_at(at).into_iter();
        Self {
            volume_id: volume.id.clone(),
            size: volume.size_gib,
            snapshot_id: volume.snapshot_id.clone().unwrap_or_default(),
            availability_zone: format!("{region}{}", volume.zone),
            status: volume.state_at(at).to_owned(),
            create_time: time(volume.created_at),
            attachment_set: attached.map(|attached| AttachmentItem::new(&volume.id, attached)).collect(),
            tag_set: tags(&volume.tags),
            volume_type: volume.volume_type.clone(),
            iops: volume.iops,
            throughput: volume.throughput,
            encrypted: volume.encrypted,
            kms_key_id: volume.kms_key_id.clone(),
            volume_initialization_rate: volume.initialization_rate,
        }
    }
}

/// A snapshot.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotItem {
    snapshot_id: String,
    volume_id: String,
    status: &'static str,
    start_time: String,
    progress: &'static str,
    owner_id: String,
    volume_size: u32,
    description: String,
    encrypted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
    tag_set: Set<TagItem>,
    storage_tier: &'static str,
}

impl SnapshotItem {
    /// A snapshot as it is at a moment.
    #[must_use]
    pub fn new(snapshot: &Snapshot, at: DateTime<Utc>) -> Self {
        let status = snapshot.state(at);
        Self {
            snapshot_id: snapshot.id.clone(),
            volume_id: snapshot.volume_id.clone(),
            status,
            start_time: time(snapshot.started_at),
            progress: if status == "completed" { "100%" } else { "" },
            owner_id: snapshot.owner.clone(),
            volume_size: snapshot.size_gib,
            description: snapshot.description.clone(),
            encrypted: snapshot.encrypted,
            kms_key_id: snapshot.kms_key_id.clone(),
            tag_set: tags(&snapshot.tags),
            storage_tier: "standard",
        }
    }
}

/// An image.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageItem {
    image_id: String,
    name: String,
    image_state: &'static str,
    image_owner_id: String,
    root_device_type: &'static str,
    block_device_mapping: Set<MappingItem>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MappingItem {
    device_name: String,
    ebs: MappedSnapshot,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MappedSnapshot {
    snapshot_id: String,
}

impl ImageItem {
    /// An image of an account.
    #[must_use]
    pub fn new(image: &Image, owner: &str) -> Self {
        let mapping = |(n, snapshot_id): (usize, &String)| MappingItem {
            device_name: format!("/dev/sd{}", char::from(b'a' + u8::try_from(n % 26).unwrap_or_default())),
            ebs: MappedSnapshot { snapshot_id: snapshot_id.clone() },
        };
        Self {
            image_id: image.id.clone(),
            name: image.name.clone(),
            image_state: "available",
            image_owner_id: owner.to_owned(),
            root_device_type: "ebs",
            block_device_mapping: image.snapshot_ids.iter().enumerate().map(mapping).collect(),
        }
    }
}

/// A page of a listing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Instances {
    /// The instances, each in a reservation of its own.
    pub reservation_set: Set<ReservationItem>,
    /// Where to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// What was started by one call.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReservationItem {
    reservation_id: String,
    owner_id: String,
    instances_set: Set<InstanceItem>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InstanceItem {
    instance_id: String,
    instance_state: StateItem,
    placement: Placement,
    root_device_type: &'static str,
    root_device_name: String,
    block_device_mapping: Set<InstanceMappingItem>,
    tag_set: Set<TagItem>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StateItem {
    code: u16,
    name: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Placement {
    availability_zone: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InstanceMappingItem {
    device_name: String,
    ebs: MappedVolume,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MappedVolume {
    volume_id: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attach_time: Option<String>,
    delete_on_termination: bool,
}

impl ReservationItem {
    /// An instance of an account in a region, with the ids of its volumes and what holds them.
    #[must_use]
    pub fn new(instance: &Instance, owner: &str, region: &str, volumes: &[(&str, Attached<'_>)]) -> Self {
        let mapping = |(volume, attached): &(&str, Attached<'_>)| InstanceMappingItem {
            device_name: attached.device.to_owned(),
            ebs: MappedVolume {
                volume_id: (*volume).to_owned(),
                status: attached.state.of_instance(),
                attach_time: attached.since.map(time),
                delete_on_termination: false,
            },
        };
        let (code, name) = instance.state.code_and_name();
        let item = InstanceItem {
            instance_id: instance.id.clone(),
            instance_state: StateItem { code, name },
            placement: Placement { availability_zone: format!("{region}{}", instance.zone) },
            root_device_type: "ebs",
            root_device_name: instance.root_device.clone(),
            block_device_mapping: volumes.iter().map(mapping).collect(),
            tag_set: tags(&instance.tags),
        };
        // EC2 draws it; here it is the instance's under another name.
        let reservation_id = instance.id.replacen("i-", "r-", 1);
        Self { reservation_id, owner_id: owner.to_owned(), instances_set: std::iter::once(item).collect() }
    }
}

/// The zones of a region.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Zones {
    /// The zones.
    pub availability_zone_info: Set<ZoneItem>,
}

/// A zone.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ZoneItem {
    /// Its name: the region's with a letter behind it.
    pub zone_name: String,
    /// Whether it can be used.
    pub zone_state: &'static str,
    /// Its region.
    pub region_name: String,
    /// Whether the account may use it.
    pub opt_in_status: &'static str,
    /// What kind of zone it is.
    pub zone_type: &'static str,
}

/// A new image.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewImage {
    /// Its id.
    pub image_id: String,
}

/// A locked snapshot.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Locked {
    /// Which.
    pub snapshot_id: String,
    /// How.
    pub lock_state: String,
    /// For how long, in days.
    pub lock_duration: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_what_ec2_writes() {
        let volume = Volume::new("vol-1").tag("a<b", "c&d");
        let page = Volumes {
            volume_set: std::iter::once(VolumeItem::new(&volume, "eu-west-1", DateTime::UNIX_EPOCH)).collect(),
            next_token: Some("t".to_owned()),
        };
        let xml = answer("DescribeVolumes", "r-1", &page);
        assert!(xml.starts_with(r#"<DescribeVolumesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r-1</requestId>"#), "{xml}");
        assert!(xml.contains("<tagSet><item><key>a&lt;b</key><value>c&amp;d</value></item></tagSet>"), "{xml}");
        assert!(xml.contains("<availabilityZone>eu-west-1a</availabilityZone>"), "{xml}");
        assert!(xml.ends_with("<nextToken>t</nextToken></DescribeVolumesResponse>"), "{xml}");
    }

    #[test]
    fn an_error_is_what_ec2_writes() {
        let xml = refusal(&Refusal::new("InvalidVolume.NotFound", "The volume 'a<b' does not exist."), "r-1");
        assert!(xml.contains("<Code>InvalidVolume.NotFound</Code>") && xml.contains("a&lt;b"), "{xml}");
    }
}
