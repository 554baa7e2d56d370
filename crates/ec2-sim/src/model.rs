//! What there is: volumes, instances, snapshots and images, each with its whole life.
//!
//! Nothing is ever forgotten. What was deleted has the moment of its deletion, so that listings can be late, and so that
//! whoever looks back sees all of it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::query::Tag;

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Volume {
    /// `vol-` and 17 hexadecimal digits.
    pub id: String,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// Its size.
    #[serde(default = "Volume::default_size")]
    pub size_gib: u32,
    /// `gp3`, `io2` …
    #[serde(default = "Volume::default_type")]
    pub volume_type: String,
    /// Provisioned IOPS.
    #[serde(default)]
    pub iops: Option<u32>,
    /// Provisioned throughput, in MiB/s.
    #[serde(default)]
    pub throughput: Option<u32>,
    /// Its availability zone: the letter behind the region's name.
    #[serde(default = "default_zone")]
    pub zone: char,
    /// `available`, `in-use`, `error`, `creating` … as long as no call attaches it; [`Volume::state_at`] has all of it.
    #[serde(default = "Volume::default_state")]
    pub state: String,
    /// Whether its data is encrypted.
    #[serde(default)]
    pub encrypted: bool,
    /// The KMS key that encrypts it, as the call named it.
    #[serde(default)]
    pub kms_key_id: Option<String>,
    /// The snapshot that it was made from.
    #[serde(default)]
    pub snapshot_id: Option<String>,
    /// How fast its data is fetched from the snapshot, in MiB/s; only where the call said so.
    #[serde(default)]
    pub initialization_rate: Option<u32>,
    /// Instance and device of an attachment that was there before any call; the instance need not be known here.
    #[serde(default)]
    pub attachment: Option<(String, String)>,
    /// The attachments that calls made or ended, oldest first.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
    /// When it was made.
    #[serde(default)]
    pub created_at: DateTime<Utc>,
    /// When it stops being `creating`; at once when it does not say.
    #[serde(default)]
    pub made_at: Option<DateTime<Utc>>,
    /// When it was deleted, if it was.
    #[serde(default)]
    pub deleted_at: Option<DateTime<Utc>>,
}

impl Volume {
    fn default_size() -> u32 {
        8
    }

    fn default_type() -> String {
        "gp3".to_owned()
    }

    fn default_state() -> String {
        "available".to_owned()
    }

    /// A volume of 8 GiB that is attached to nothing.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            tags: Vec::new(),
            size_gib: Self::default_size(),
            volume_type: Self::default_type(),
            iops: None,
            throughput: None,
            zone: default_zone(),
            state: Self::default_state(),
            encrypted: false,
            kms_key_id: None,
            snapshot_id: None,
            initialization_rate: None,
            attachment: None,
            attachments: Vec::new(),
            created_at: DateTime::UNIX_EPOCH,
            made_at: None,
            deleted_at: None,
        }
    }

    /// The same with one tag more.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Its state at a moment of its life.
    #[must_use]
    pub fn state_at(&self, at: DateTime<Utc>) -> &str {
        let attached = self.attachments.iter().any(|attachment| attachment.holds(at));
        match self.state.as_str() {
            _ if self.deleted_at.is_some_and(|deleted| deleted <= at) => "deleted",
            _ if self.made_at.is_some_and(|made| at < made) => "creating",
            "available" if attached => "in-use",
            state => state,
        }
    }

    /// What holds it at a moment, if anything does.
    #[must_use]
    pub fn attached_at(&self, at: DateTime<Utc>) -> Option<Attached<'_>> {
        let by_call = self.attachments.iter().rev().find(|attachment| attachment.holds(at));
        let by_call = by_call.map(|attachment| Attached {
            instance_id: &attachment.instance_id,
            device: &attachment.device,
            state: attachment.state(at),
            since: Some(attachment.since),
        });
        let before = self.attachment.as_ref().map(|(instance_id, device)| Attached {
            instance_id,
            device,
            state: AttachmentState::Attached,
            since: None,
        });
        by_call.or(before)
    }

    /// Attaches it from a moment on. `attached_at`: when that is done; never when it does not say.
    pub fn attach(&mut self, instance_id: &str, device: &str, at: DateTime<Utc>, attached_at: Option<DateTime<Utc>>) {
        self.attachments.push(Attachment {
            instance_id: instance_id.to_owned(),
            device: device.to_owned(),
            since: at,
            attached_at,
            detaching_since: None,
            detached_at: None,
        });
    }

    /// Ends what holds it. `detached_at`: when that is done; it stays `busy` when it does not say.
    pub fn detach(&mut self, at: DateTime<Utc>, detached_at: Option<DateTime<Utc>>) {
        if let Some((instance_id, device)) = self.attachment.take() {
            self.attach(&instance_id, &device, DateTime::UNIX_EPOCH, Some(DateTime::UNIX_EPOCH));
            // Whether it is in use now follows from its attachments.
            if self.state == "in-use" {
                self.state = Self::default_state();
            }
        }
        if let Some(attachment) = self.attachments.iter_mut().rev().find(|attachment| attachment.holds(at)) {
            attachment.detaching_since = attachment.detaching_since.or(Some(at));
            attachment.detached_at = detached_at;
        }
    }
}

/// An attachment that a call made or ended, with its whole life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attachment {
    /// The instance.
    pub instance_id: String,
    /// The device name: `/dev/sdf` …
    pub device: String,
    /// Since when it is attaching; the Unix epoch for one that was there before any call.
    pub since: DateTime<Utc>,
    /// When it stops attaching; never when it does not say.
    #[serde(default)]
    pub attached_at: Option<DateTime<Utc>>,
    /// Since when it is to end.
    #[serde(default)]
    pub detaching_since: Option<DateTime<Utc>>,
    /// When it ends. One that is to end and does not say when is busy.
    #[serde(default)]
    pub detached_at: Option<DateTime<Utc>>,
}

impl Attachment {
    /// Whether it holds the volume at a moment, in whatever state.
    #[must_use]
    pub fn holds(&self, at: DateTime<Utc>) -> bool {
        self.since <= at && self.detached_at.is_none_or(|detached| at < detached)
    }

    /// Its state at a moment at which it holds the volume.
    #[must_use]
    pub fn state(&self, at: DateTime<Utc>) -> AttachmentState {
        match (self.detaching_since.is_some_and(|since| since <= at), self.detached_at) {
            (true, Some(_)) => AttachmentState::Detaching,
            (true, None) => AttachmentState::Busy,
            _ if self.attached_at.is_some_and(|attached| attached <= at) => AttachmentState::Attached,
            _ => AttachmentState::Attaching,
        }
    }
}

/// What holds a volume at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attached<'a> {
    /// The instance.
    pub instance_id: &'a str,
    /// The device name.
    pub device: &'a str,
    /// How far it is.
    pub state: AttachmentState,
    /// Since when, if a call made it.
    pub since: Option<DateTime<Utc>>,
}

/// How far an attachment is (EC2 API, VolumeAttachment). One that has ended is not listed, so `detached` is not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AttachmentState {
    /// The instance does not have it yet.
    Attaching,
    /// The instance has it.
    Attached,
    /// It is to end, and will.
    Detaching,
    /// It is to end, and the instance does not let go: the device is mounted.
    Busy,
}

impl AttachmentState {
    /// As EC2 writes it in a listing of volumes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attaching => "attaching",
            Self::Attached => "attached",
            Self::Detaching => "detaching",
            Self::Busy => "busy",
        }
    }

    /// As EC2 writes it in a listing of instances, which has no `busy` (EC2 API, EbsInstanceBlockDevice).
    #[must_use]
    pub fn of_instance(self) -> &'static str {
        match self {
            Self::Busy => Self::Detaching.as_str(),
            other => other.as_str(),
        }
    }
}

/// An instance, as far as volumes are attached to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Instance {
    /// `i-` and 17 hexadecimal digits.
    pub id: String,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// Its availability zone: the letter behind the region's name.
    #[serde(default = "default_zone")]
    pub zone: char,
    /// Its state.
    #[serde(default)]
    pub state: InstanceState,
    /// The device name of its root volume.
    #[serde(default = "Instance::default_root_device")]
    pub root_device: String,
}

impl Instance {
    fn default_root_device() -> String {
        "/dev/xvda".to_owned()
    }

    /// A running instance in zone `a` with the root device `/dev/xvda`; no volume is attached to it yet.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            tags: Vec::new(),
            zone: default_zone(),
            state: InstanceState::default(),
            root_device: Self::default_root_device(),
        }
    }

    /// The same with one tag more.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push((key.to_owned(), value.to_owned()));
        self
    }
}

/// The state of an instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// It starts.
    Pending,
    /// It runs.
    #[default]
    Running,
    /// It is being ended for good.
    ShuttingDown,
    /// It has ended for good.
    Terminated,
    /// It is being stopped.
    Stopping,
    /// It is stopped, and can be started again.
    Stopped,
}

impl InstanceState {
    /// Code and name (EC2 API, InstanceState).
    #[must_use]
    pub fn code_and_name(self) -> (u16, &'static str) {
        match self {
            Self::Pending => (0, "pending"),
            Self::Running => (16, "running"),
            Self::ShuttingDown => (32, "shutting-down"),
            Self::Terminated => (48, "terminated"),
            Self::Stopping => (64, "stopping"),
            Self::Stopped => (80, "stopped"),
        }
    }
}

/// How a snapshot's being made ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// In the state `completed`.
    Completes,
    /// In the state `error`.
    Fails,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    /// `snap-` and 17 hexadecimal digits.
    pub id: String,
    /// The volume that EC2 says it is of.
    pub volume_id: String,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// Its description.
    #[serde(default)]
    pub description: String,
    /// The size of its volume.
    #[serde(default = "Volume::default_size")]
    pub size_gib: u32,
    /// Whether its data is encrypted.
    #[serde(default)]
    pub encrypted: bool,
    /// The KMS key that encrypts it.
    #[serde(default)]
    pub kms_key_id: Option<String>,
    /// The account that owns it; the account it is in when it does not say.
    #[serde(default)]
    pub owner: String,
    /// When it was started: the moment whose data it holds.
    pub started_at: DateTime<Utc>,
    /// When it stops being pending; at its start when it does not say.
    #[serde(default)]
    pub made_at: Option<DateTime<Utc>>,
    /// How it ends.
    #[serde(default = "Snapshot::default_fate")]
    pub fate: Fate,
    /// Since when it exists for listings; [`Snapshot::started_at`] may be made up, this may not.
    #[serde(default)]
    pub created_at: DateTime<Utc>,
    /// When it was deleted, if it was.
    #[serde(default)]
    pub deleted_at: Option<DateTime<Utc>>,
    /// Until when a lock holds it.
    #[serde(default)]
    pub locked_until: Option<DateTime<Utc>>,
    /// Whether AWS Backup manages it.
    #[serde(default)]
    pub by_aws_backup: bool,
}

impl Snapshot {
    fn default_fate() -> Fate {
        Fate::Completes
    }

    /// A snapshot that was started then and is completed.
    #[must_use]
    pub fn new(id: impl Into<String>, volume_id: impl Into<String>, started_at: DateTime<Utc>) -> Self {
        Self {
            id: id.into(),
            volume_id: volume_id.into(),
            tags: Vec::new(),
            description: String::new(),
            size_gib: Volume::default_size(),
            encrypted: false,
            kms_key_id: None,
            owner: String::new(),
            started_at,
            made_at: None,
            fate: Fate::Completes,
            created_at: DateTime::UNIX_EPOCH,
            deleted_at: None,
            locked_until: None,
            by_aws_backup: false,
        }
    }

    /// The same with one tag more.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push((key.to_owned(), value.to_owned()));
        self
    }

    /// A tag's value.
    #[must_use]
    pub fn tag_value(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// Its state at a moment of its life.
    #[must_use]
    pub fn state(&self, at: DateTime<Utc>) -> &'static str {
        match self.fate {
            _ if self.made_at.is_some_and(|made| at < made) => "pending",
            Fate::Completes => "completed",
            Fate::Fails => "error",
        }
    }

    /// Whether it was there at a moment.
    #[must_use]
    pub fn exists(&self, at: DateTime<Utc>) -> bool {
        self.created_at <= at && self.deleted_at.is_none_or(|deleted| at < deleted)
    }

    /// Whether it was there at a moment, and completed.
    #[must_use]
    pub fn is_backup(&self, at: DateTime<Utc>) -> bool {
        self.exists(at) && self.state(at) == "completed"
    }
}

/// An AMI, as far as it keeps snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Image {
    /// `ami-` and 17 hexadecimal digits.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// The snapshots it is made of.
    pub snapshot_ids: Vec<String>,
}

/// What there is to begin with in one region of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Seed {
    /// Its volumes.
    pub volumes: Vec<Volume>,
    /// Its snapshots.
    pub snapshots: Vec<Snapshot>,
    /// Its images.
    pub images: Vec<Image>,
    /// Its instances.
    pub instances: Vec<Instance>,
}

fn default_zone() -> char {
    'a'
}

/// How much later than it happens a listing shows what happens to `id`: always the same for one id.
#[must_use]
pub fn listing_delay(seed: u64, most_ms: u32, id: &str) -> TimeDelta {
    TimeDelta::milliseconds((crate::chance::draw(seed, ("listing", id)) % (u64::from(most_ms) + 1)).cast_signed())
}
