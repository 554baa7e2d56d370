//! Volumes and snapshots as the decisions see them.

use chrono::{DateTime, Utc};
use contract::{RunId, SnapshotId, VolumeId};

/// The tags of one resource, in the order EC2 gave them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(Vec<(String, String)>);

impl Tags {
    /// The value of the tag `key`, if it is there.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// Whether there is a tag `key`, with any value.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// All keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Tags {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(tags: I) -> Self {
        Self(tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

/// A volume, with what is needed to tag its snapshot and to make it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its id.
    pub id: VolumeId,
    /// Its own tags.
    pub tags: Tags,
    /// What it is made of.
    pub spec: crate::spec::VolumeSpec,
}

/// A snapshot of ours, reduced to what a verdict needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id.
    pub id: SnapshotId,
    /// How far it is.
    pub state: SnapshotState,
    /// When it was started: the moment whose data it holds.
    pub started_at: DateTime<Utc>,
    /// The volume it was made from: our own tag says it, and EC2 agrees. `None` for a copy, whose volume id in EC2 is an
    /// arbitrary one, and for a tag that somebody else wrote: such a snapshot stands for no volume's backup.
    pub volume: Option<VolumeId>,
    /// The run that made it, by our own tag.
    pub run: Option<RunId>,
    /// Whether an operator holds it.
    pub hold: bool,
    /// The retention that its volume bore itself when it was made: what counts once the volume is gone.
    pub own_retention: Option<String>,
}

/// The states of a snapshot (EC2 API, Snapshot).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotState {
    /// Being made.
    Pending,
    /// Made: the only state that counts as a backup.
    Completed,
    /// Failed.
    Error,
    /// Something else: in the Recycle Bin, being recovered, or a state that is new to us.
    Other(String),
}

impl SnapshotState {
    /// Whether the snapshot is made, or on its way: what a run has to show for a volume. One that failed, or lies in the
    /// Recycle Bin, is not.
    #[must_use]
    pub fn is_backup(&self) -> bool {
        matches!(self, Self::Completed | Self::Pending)
    }

    /// EC2's name for it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Error => "error",
            Self::Other(name) => name,
        }
    }

    /// The state that EC2 calls `name`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "pending" => Self::Pending,
            "completed" => Self::Completed,
            "error" => Self::Error,
            other => Self::Other(other.to_owned()),
        }
    }
}
