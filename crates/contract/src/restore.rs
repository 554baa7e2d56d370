//! A restore: what is asked for, and what is known of each of its volumes while they come back.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Pace;
use crate::ids::{Device, InstanceId, KmsKeyId, PolicyName, Region, RestoreId, RunId, SnapshotId, VolumeId, Zone};
use crate::limits::{TAG_KEY_CHARS, TAG_VALUE_CHARS, TAGS_PER_RESOURCE};
use crate::parse::InvalidValue;
use crate::selector::{AWS_PREFIX, OWN_PREFIX};
use crate::text::{clip, json_len};
use crate::volume_type::VolumeType;

/// Tags that the input may give: the rest is for what a restore itself has to say.
pub const INPUT_TAGS: usize = TAGS_PER_RESOURCE - 10;
/// The size of all tags of the input, in bytes of JSON: they travel through every state.
pub const INPUT_TAGS_BYTES: usize = 12 * 1024;
/// The longest error name of a volume, in bytes of JSON.
const ERROR_BYTES: usize = 64;
/// The longest reason of a volume, in bytes of JSON.
const REASON_BYTES: usize = 240;

/// The input of a restore. Exactly one of `volumeId`, `snapshotId`, `instanceId` and `test` says what; an unknown field is
/// refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "EBS Backup: input of a restore")]
pub struct RestoreInput {
    /// Where the snapshots are, and where the volumes will be.
    pub region: Region,
    /// Restore this volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_id: Option<VolumeId>,
    /// Restore this snapshot, whatever its moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_id: Option<SnapshotId>,
    /// Restore every volume that this instance had, all from one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<InstanceId>,
    /// Restore a sample of volumes, look whether they become available, and delete them again. Default: false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub test: bool,
    /// Of a test: how many volumes. Default: 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
    /// Of a test: only volumes of this policy. Default: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyName>,
    /// The moment whose data is wanted: the newest completed snapshot at or before it is taken. Default: the newest there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub at: Option<DateTime<Utc>>,
    /// Take the newest completed snapshot of the volume that the account owns, whoever made it. Default: false, only ours.
    #[serde(default, skip_serializing_if = "is_false")]
    pub any_source: bool,
    /// Of an instance: take the newest snapshot of each volume where no single run has them all. Default: false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub allow_mixed: bool,
    /// Default: the zone of the instance to attach to, else the one that the volume was in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<Zone>,
    /// Default: the type that the volume had; gp3 where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_type: Option<VolumeType>,
    /// Default: those that the volume had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 100, max = 256_000))]
    pub iops: Option<u32>,
    /// In MiB/s. Default: that which the volume had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 125, max = 2_000))]
    pub throughput: Option<u32>,
    /// In GiB, never less than the snapshot has. Default: the snapshot's size.
    #[serde(default, rename = "sizeGiB", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_536))]
    pub size_gib: Option<u32>,
    /// Default: as the snapshot is. What is encrypted stays so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<bool>,
    /// The key to encrypt with. Default: the snapshot's, or the account's default for EBS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<KmsKeyId>,
    /// Attach the volumes to an instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach: Option<Attach>,
    /// Take the place of a volume that is at the device now: it is snapshotted and detached first, and never deleted.
    /// Default: false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub replace: bool,
    /// How fast EBS is to load the data, in MiB/s; it is charged for. Default: as fast as EBS happens to, at no charge.
    #[serde(default, rename = "initializationRateMiBps", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 100, max = 300))]
    pub initialization_rate_mibps: Option<u32>,
    /// More tags for the volumes, or other values for those they had.
    #[serde(default, skip_serializing_if = "InputTags::is_empty")]
    pub tags: InputTags,
    /// Whether the restored volume is backed up as the old one was. Default: true.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub backup: bool,
    /// Make nothing: report what would be restored. Default: false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dry_run: bool,
}

/// Which instance, and at which device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attach {
    /// The instance.
    pub instance_id: InstanceId,
    /// The device of a single volume. Default: the one that the volume was at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
}

/// How many volumes a restore test tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "RawSample", rename_all = "camelCase")]
pub enum Sample {
    /// So many, 1 to 100.
    Volumes(u32),
    /// So many of a hundred, 1 to 100; at least one volume, and at most 100.
    Percent(u32),
}

/// [`Sample`] as it is read, so that a field more is refused by its name.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
struct RawSample {
    /// So many volumes.
    #[schemars(range(min = 1, max = 100))]
    volumes: Option<u32>,
    /// So many of a hundred; at least one volume, and at most 100.
    #[schemars(range(min = 1, max = 100))]
    percent: Option<u32>,
}

impl TryFrom<RawSample> for Sample {
    type Error = InvalidValue;
    fn try_from(raw: RawSample) -> Result<Self, Self::Error> {
        match (raw.volumes, raw.percent) {
            (Some(volumes), None) => Ok(Self::Volumes(volumes)),
            (None, Some(percent)) => Ok(Self::Percent(percent)),
            (None, None) => Err(InvalidValue::new("sample", "{}", r#"{"volumes": 3} or {"percent": 5}"#)),
            (Some(_), Some(_)) => Err(InvalidValue::new("sample", "volumes, percent", "one of the two")),
        }
    }
}

impl Default for Sample {
    /// Three volumes.
    fn default() -> Self {
        Self::Volumes(3)
    }
}

impl Sample {
    /// The bounds of either number.
    pub const BOUNDS: std::ops::RangeInclusive<u32> = 1..=100;

    /// The number that was given.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Volumes(number) | Self::Percent(number) => number,
        }
    }

    /// How many of `all` volumes.
    #[must_use]
    pub fn of(self, all: usize) -> usize {
        let most = usize::try_from(*Self::BOUNDS.end()).unwrap_or(usize::MAX);
        let number = usize::try_from(self.number()).unwrap_or(usize::MAX);
        let wanted = match self {
            Self::Volumes(_) => number,
            Self::Percent(_) => all.saturating_mul(number).div_ceil(100),
        };
        wanted.clamp(1, most).min(all)
    }
}

/// Tags of the input: at most [`INPUT_TAGS`], none of them reserved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct InputTags(BTreeMap<String, String>);

impl InputTags {
    /// Checks tags.
    ///
    /// # Errors
    /// For the first that no volume may bear, or that only EBS Backup may write.
    pub fn new(tags: BTreeMap<String, String>) -> Result<Self, InvalidValue> {
        if tags.len() > INPUT_TAGS {
            let many = format!("{} tags", tags.len());
            return Err(InvalidValue::new("set of tags", &many, format!("at most {INPUT_TAGS}")));
        }
        let bytes: usize = tags.iter().map(|(key, value)| json_len(key) + json_len(value) + 6).sum();
        if bytes > INPUT_TAGS_BYTES {
            let long = format!("{bytes} bytes of tags");
            return Err(InvalidValue::new("set of tags", &long, format!("at most {INPUT_TAGS_BYTES} bytes in all")));
        }
        for (key, value) in &tags {
            let lower = key.to_lowercase();
            let reserved = lower.starts_with(AWS_PREFIX) || lower.starts_with(OWN_PREFIX);
            if key.is_empty() || reserved || key.chars().count() > TAG_KEY_CHARS {
                let expected = format!(
                    "1 to {TAG_KEY_CHARS} characters, not beginning with {AWS_PREFIX} or {OWN_PREFIX}, which are reserved"
                );
                return Err(InvalidValue::new("tag key", key, expected));
            }
            if value.chars().count() > TAG_VALUE_CHARS {
                return Err(InvalidValue::new("tag value", value, format!("at most {TAG_VALUE_CHARS} characters")));
            }
        }
        Ok(Self(tags))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl TryFrom<BTreeMap<String, String>> for InputTags {
    type Error = InvalidValue;
    fn try_from(tags: BTreeMap<String, String>) -> Result<Self, Self::Error> {
        Self::new(tags)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_true(value: &bool) -> bool {
    *value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_none(count: &u32) -> bool {
    *count == 0
}

fn yes() -> bool {
    true
}

/// The JSON Schema of [`RestoreInput`], as `statemachine/restore.input.schema.json` holds it.
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(RestoreInput).to_value()
}

/// What a restore is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawSource", rename_all = "camelCase")]
pub enum Source {
    /// One volume.
    VolumeId(VolumeId),
    /// One snapshot.
    SnapshotId(SnapshotId),
    /// All volumes of an instance.
    InstanceId(InstanceId),
    /// Some volumes: a restore test.
    Sample(Sample),
}

/// [`Source`] as it is read, so that a field more is refused by its name.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawSource {
    volume_id: Option<VolumeId>,
    snapshot_id: Option<SnapshotId>,
    instance_id: Option<InstanceId>,
    sample: Option<Sample>,
}

impl TryFrom<RawSource> for Source {
    type Error = InvalidValue;
    fn try_from(raw: RawSource) -> Result<Self, Self::Error> {
        let given = [
            raw.volume_id.map(Self::VolumeId),
            raw.snapshot_id.map(Self::SnapshotId),
            raw.instance_id.map(Self::InstanceId),
            raw.sample.map(Self::Sample),
        ];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(source), None) => Ok(source),
            _ => Err(InvalidValue::new("source", "{}", "one of volumeId, snapshotId, instanceId and sample")),
        }
    }
}

/// What a restore has to do, the same for all of its volumes: everything its steps need, so that only the first of them reads
/// configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestoreJob {
    /// Where.
    pub region: Region,
    /// Which restore.
    pub restore_id: RestoreId,
    /// When the execution started.
    pub started_at: DateTime<Utc>,
    /// Whether nothing may be written.
    pub dry_run: bool,
    /// Whether the volumes are deleted again.
    pub test: bool,
    /// What was asked for.
    pub source: Source,
    /// The moment that was asked for; the newest when absent.
    pub at: Option<DateTime<Utc>>,
    /// Where the volumes are to be attached.
    pub attach: Option<AttachTo>,
    /// Whether a volume that is in the way is replaced.
    pub replace: bool,
    /// How fast EBS is to load the data, in MiB/s.
    #[serde(rename = "initializationRateMiBps")]
    pub initialization_rate_mibps: Option<u32>,
    /// Tags that the input gave.
    pub tags: InputTags,
    /// Whether the volumes are backed up.
    pub backup: bool,
    /// Of an instance: volumes that are attached to it now, and of which this restore brings nothing back. For the report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<VolumeId>,
    /// How much of EC2's request buckets to take.
    pub pace: Pace,
}

/// The instance that volumes are attached to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttachTo {
    /// Its id.
    pub instance_id: InstanceId,
}

/// One volume of a restore, planned or made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestoreVolume {
    /// The snapshot that its data is from.
    pub snapshot_id: SnapshotId,
    /// The moment that its data is of: when the snapshot was started.
    pub taken_at: DateTime<Utc>,
    /// The volume that the snapshot is of, as far as EC2 knows.
    pub source: Option<VolumeId>,
    /// The run that made the snapshot; none for one of others.
    pub run_id: Option<RunId>,
    /// What it is to be.
    pub wanted: WantedVolume,
    /// The device it is to be attached at.
    pub device: Option<Device>,
    /// The volume that is at the device, and whose place it takes.
    pub replaces: Option<VolumeId>,
    /// How far it is.
    pub progress: Progress,
    /// The volume, once it is made.
    pub volume_id: Option<VolumeId>,
    /// How long EC2 took until it was available, in seconds.
    pub available_after: Option<u32>,
    /// Looks in a row that did not find it while it was being made.
    #[serde(default, skip_serializing_if = "is_none")]
    pub unseen: u32,
    /// The snapshot of the volume that it replaces.
    pub safety_snapshot_id: Option<SnapshotId>,
    /// Why it failed, if so.
    pub failure: Option<Failure>,
}

/// What a volume is made as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WantedVolume {
    /// Its type.
    pub volume_type: VolumeType,
    /// Its size.
    #[serde(rename = "sizeGiB")]
    pub size_gib: u32,
    /// Its IOPS, where they are chosen.
    pub iops: Option<u32>,
    /// Its throughput in MiB/s, where it is chosen.
    pub throughput: Option<u32>,
    /// Its availability zone.
    pub zone: Zone,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// The key that the input names.
    pub kms_key_id: Option<KmsKeyId>,
}

/// How far a volume is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Progress {
    /// Not made yet.
    Planned,
    /// EC2 is making it.
    Creating,
    /// It is there.
    Available,
    /// It is at its device.
    Attached,
    /// It could not take its place, and the volume that was there is being attached again.
    PuttingBack,
    /// It could not take its place, and the volume that was there is there again.
    PutBack,
    /// It was of a test, and is deleted again.
    Deleted,
    /// It is not what was asked for, and nothing more is done.
    Failed,
}

/// Why a volume failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Failure {
    /// EC2's code, or a name of [`crate::errors`].
    pub error: String,
    /// What was said.
    pub reason: String,
}

impl Failure {
    /// A failure, cut to what may travel.
    #[must_use]
    pub fn new(error: &str, reason: &str) -> Self {
        Self { error: clip(error, ERROR_BYTES), reason: clip(reason, REASON_BYTES) }
    }
}

impl RestoreVolume {
    /// It is over with this one.
    pub fn fail(&mut self, error: &str, reason: &str) {
        self.progress = Progress::Failed;
        self.note(error, reason);
    }

    /// Something is wrong with it; what went wrong first is kept.
    pub fn note(&mut self, error: &str, reason: &str) {
        self.failure.get_or_insert_with(|| Failure::new(error, reason));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::from_text;

    #[test]
    fn a_volume_and_a_moment_are_enough() {
        let input = r#"{"region":"eu-west-1","volumeId":"vol-0123456789abcdef0","at":"2026-11-20T10:00:00Z"}"#;
        let read = from_text::<RestoreInput>(input).unwrap();
        assert!(read.backup && !read.dry_run && !read.replace && read.attach.is_none());
        assert_eq!(serde_json::to_string(&read).unwrap(), input, "what is default is not written");
    }

    #[test]
    fn s10_bad_input_is_refused_with_field_value_and_remedy() {
        for (rest, path, part) in [
            (r#""volumeId":"vol-1""#, "volumeId", "vol- and 8 to 17 hexadecimal digits"),
            (r#""at":"yesterday""#, "at", "yesterday"),
            (r#""volumeType":"gp4""#, "volumeType", "expected one of `gp2`, `gp3`"),
            (r#""availabilityZone":"eu-west-1""#, "availabilityZone", "the name of a zone such as eu-west-1a"),
            (r#""attach":{"instanceId":"i-0123456789abcdef0","device":"sd f"}"#, "attach.device", "such as /dev/sdf"),
            (r#""tags":{"aws:x":"y"}"#, "tags", "which are reserved"),
            (r#""tags":{"ebs-backup:keep":"y"}"#, "tags", "which are reserved"),
            (r#""sizeGib":8"#, "sizeGib", "unknown field `sizeGib`, expected one of"),
            (r#""sample":{"volumes":-1}"#, "sample.volumes", "-1"),
        ] {
            let refusal = from_text::<RestoreInput>(&format!(r#"{{"region":"eu-west-1",{rest}}}"#)).unwrap_err();
            assert!(refusal.to_string().contains(part), "{refusal}");
            assert_eq!(refusal.path, path, "{refusal}");
        }
    }

    #[test]
    fn a_sample_is_at_least_one_volume_and_never_more_than_there_are() {
        for (sample, all, expected) in [
            (Sample::Volumes(3), 10, 3),
            (Sample::Volumes(3), 2, 2),
            (Sample::Volumes(100), 500, 100),
            (Sample::Percent(10), 10, 1),
            (Sample::Percent(10), 11, 2),
            (Sample::Percent(1), 5, 1),
            (Sample::Percent(100), 5_000, 100),
            (Sample::Percent(50), 0, 0),
        ] {
            assert_eq!(sample.of(all), expected, "{sample:?} of {all}");
        }
    }

    #[test]
    fn what_went_wrong_first_is_kept() {
        let mut volume: RestoreVolume = from_text(
            r#"{"snapshotId":"snap-00000001","takenAt":"2026-11-20T02:00:07Z","source":null,"runId":null,"device":null,"replaces":null,
                "wanted":{"volumeType":"gp3","sizeGiB":8,"iops":null,"throughput":null,"zone":"eu-west-1a","encrypted":false,
                          "kmsKeyId":null},
                "progress":"available","volumeId":null,"availableAfter":null,"safetySnapshotId":null,"failure":null}"#,
        )
        .unwrap();
        volume.note("NotAttached", "first");
        assert_eq!(volume.progress, Progress::Available, "a note ends nothing");
        volume.fail("StillWaiting", "second");
        assert_eq!((volume.progress, volume.failure), (Progress::Failed, Some(Failure::new("NotAttached", "first"))));
    }

    #[test]
    fn a_failure_is_short_whatever_ec2_said() {
        let failure = Failure::new(&"E".repeat(1_000), &"x".repeat(1_000));
        assert!(failure.error.len() <= ERROR_BYTES && failure.reason.len() <= REASON_BYTES);
        assert!(failure.error.ends_with('…') && failure.reason.ends_with('…'));
    }
}
