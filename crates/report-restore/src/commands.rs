//! The commands that an operator needs next, ready to paste.

use contract::selector::RESTORE_TAG;
use contract::{Device, InstanceId, KmsKeyId, Region, RestoreId, SnapshotId, VolumeId};

fn aws(region: &Region, call: &str) -> String {
    format!("aws ec2 {call} --region {region}")
}

pub fn attach(region: &Region, volume: &VolumeId, instance: &str, device: &str) -> String {
    aws(region, &format!("attach-volume --volume-id {volume} --instance-id {instance} --device {device}"))
}

pub fn detach(region: &Region, volume: &VolumeId) -> String {
    aws(region, &format!("detach-volume --volume-id {volume}"))
}

pub fn wait_available(region: &Region, volume: &VolumeId) -> String {
    aws(region, &format!("wait volume-available --volume-ids {volume}"))
}

pub fn wait_in_use(region: &Region, volume: &VolumeId) -> String {
    aws(region, &format!("wait volume-in-use --volume-ids {volume}"))
}

pub fn wait_completed(region: &Region, snapshot: &SnapshotId) -> String {
    aws(region, &format!("wait snapshot-completed --snapshot-ids {snapshot}"))
}

pub fn start(region: &Region, instance: &InstanceId) -> String {
    aws(region, &format!("start-instances --instance-ids {instance}"))
}

/// Prints the key of a snapshot; `None` for one that is not encrypted.
pub fn key_of(region: &Region, snapshot: &SnapshotId) -> String {
    aws(region, &format!("describe-snapshots --snapshot-ids {snapshot} --query 'Snapshots[].KmsKeyId' --output text"))
}

/// Prints the key that EBS takes where none is named.
pub fn default_key(region: &Region) -> String {
    aws(region, "get-ebs-default-kms-key-id --query KmsKeyId --output text")
}

/// The state of a key; `KEY` stands for one that another command prints.
pub fn describe_key(region: &Region, key: Option<&KmsKeyId>) -> String {
    let key = key.map_or("KEY", KmsKeyId::as_str);
    format!("aws kms describe-key --key-id {key} --query 'KeyMetadata.[Arn,KeyState]' --output text --region {region}")
}

/// The commands as comments of a shell: who pastes a whole block runs none of them.
pub fn commented(commands: Vec<String>) -> Vec<String> {
    commands.into_iter().map(|command| format!("# {command}")).collect()
}

pub fn delete_volume(region: &Region, volume: &VolumeId) -> String {
    aws(region, &format!("delete-volume --volume-id {volume}"))
}

pub fn delete_snapshot(region: &Region, snapshot: &SnapshotId) -> String {
    aws(region, &format!("delete-snapshot --snapshot-id {snapshot}"))
}

/// Takes the new volume off and puts the old one back.
pub fn put_back(
    region: &Region,
    new: &VolumeId,
    old: &VolumeId,
    instance: &InstanceId,
    device: &Device,
) -> Vec<String> {
    vec![detach(region, new), wait_available(region, new), attach(region, old, instance.as_str(), device.as_str())]
}

/// How the instance sees the volume and its partitions, and how it is mounted read-only. On Nitro instances the volume's id is the
/// serial number of the device, without its dash (EC2 user guide, "Map EBS volumes to NVMe device names").
pub fn mount(volume: &VolumeId) -> Vec<String> {
    let device = format!("/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{}", volume.as_str().replace('-', ""));
    vec![
        format!("lsblk -o NAME,SIZE,FSTYPE,MOUNTPOINT {device}"),
        "sudo mkdir -p /mnt/restored".to_owned(),
        format!("sudo mount -o ro {device} /mnt/restored"),
    ]
}

/// What volumes are, and what they are attached to.
pub fn describe(region: &Region, volumes: &str) -> String {
    let shown = "VolumeId,State,Attachments[0].InstanceId,Attachments[0].Device,Attachments[0].State";
    aws(region, &format!("describe-volumes {volumes} --query 'Volumes[].[{shown}]' --output text"))
}

/// What a restore has made.
pub fn describe_restore(region: &Region, restore: &RestoreId) -> String {
    describe(region, &format!("--filters 'Name=tag:{RESTORE_TAG},Values={restore}'"))
}
