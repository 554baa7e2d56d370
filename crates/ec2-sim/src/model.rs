//! What there is: volumes, snapshots and images, each with its whole life.
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
    #[serde(default = "Volume::default_zone")]
    pub zone: char,
    /// `available`, `in-use`, `error`, `creating` …
    #[serde(default = "Volume::default_state")]
    pub state: String,
    /// Whether its data is encrypted.
    #[serde(default)]
    pub encrypted: bool,
    /// Instance and device.
    #[serde(default)]
    pub attachment: Option<(String, String)>,
    /// When it was made.
    #[serde(default)]
    pub created_at: DateTime<Utc>,
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

    fn default_zone() -> char {
        'a'
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
            zone: Self::default_zone(),
            state: Self::default_state(),
            encrypted: false,
            attachment: None,
            created_at: DateTime::UNIX_EPOCH,
            deleted_at: None,
        }
    }

    /// The same with one tag more.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push((key.to_owned(), value.to_owned()));
        self
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
}

/// How much later than it happens a listing shows what happens to `id`: always the same for one id.
#[must_use]
pub fn listing_delay(seed: u64, most_ms: u32, id: &str) -> TimeDelta {
    TimeDelta::milliseconds((crate::chance::draw(seed, ("listing", id)) % (u64::from(most_ms) + 1)).cast_signed())
}
