//! What EC2 says of volumes, instances and zones at one moment.

use chrono::{DateTime, Utc};
use contract::{Device, InstanceId, SnapshotId, VolumeId, Zone};

use crate::model::Tags;
use crate::restore_point::Candidate;
use crate::spec::VolumeSpec;

/// A snapshot with all that its volume is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestorePoint {
    /// What it is chosen by.
    pub candidate: Candidate,
    /// Its tags.
    pub tags: Tags,
    /// Its description.
    pub description: String,
    /// The size of its volume.
    pub size_gib: u32,
    /// Whether its data is encrypted.
    pub encrypted: bool,
    /// What its volume was made of: our own tag says it, none on a snapshot of others.
    pub spec: Option<VolumeSpec>,
}

impl RestorePoint {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &SnapshotId {
        &self.candidate.id
    }
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenVolume {
    /// Its id.
    pub id: VolumeId,
    /// `creating`, `available`, `in-use`, `error`, `deleting` …, as EC2 says it.
    pub state: String,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// Its tags.
    pub tags: Tags,
    /// Where it is attached, or about to be.
    pub attachments: Vec<SeenAttachment>,
}

/// Where a volume is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenAttachment {
    /// The instance.
    pub instance: InstanceId,
    /// The device.
    pub device: Device,
    /// `attaching`, `attached`, `detaching`, `busy` …, as EC2 says it.
    pub state: String,
}

impl SeenVolume {
    /// Its attachment to an instance.
    #[must_use]
    pub fn at(&self, instance: &InstanceId) -> Option<&SeenAttachment> {
        self.attachments.iter().find(|attachment| attachment.instance == *instance && attachment.state != "detached")
    }
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenInstance {
    /// Its id.
    pub id: InstanceId,
    /// Where it is.
    pub zone: Zone,
    /// `running`, `stopped` …, as EC2 says it.
    pub state: String,
    /// The device that it boots from.
    pub root_device: Option<Device>,
}

/// Two names of a device that an instance may see as one: a kernel of Xen calls `/dev/sdf` `xvdf` (EC2 user guide, "Device
/// names on Linux instances").
#[must_use]
pub fn same_device(one: &Device, other: &Device) -> bool {
    bare_name(one.as_str()) == bare_name(other.as_str())
}

/// A device's name as a kernel of Xen has it.
pub(crate) fn bare_name(device: &str) -> String {
    let name = device.strip_prefix("/dev/").unwrap_or(device);
    name.strip_prefix("sd").map_or_else(|| name.to_owned(), |rest| format!("xvd{rest}"))
}

/// Whether an instance would boot from this device: EC2 reserves these names for root volumes (EC2 user guide, "Device names on
/// Linux instances").
#[must_use]
pub fn is_root_name(device: &Device) -> bool {
    ["/dev/sda1", "/dev/xvda", "/dev/sda"].contains(&device.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_several_names() {
        for (one, other, same) in [
            ("/dev/sdf", "/dev/sdf", true),
            ("/dev/sdf", "xvdf", true),
            ("/dev/xvdf", "/dev/sdf", true),
            ("/dev/sdf", "/dev/sdg", false),
            ("/dev/sda1", "/dev/xvda", false),
        ] {
            assert_eq!(same_device(&Device::new(one).unwrap(), &Device::new(other).unwrap()), same, "{one} {other}");
        }
    }
}
