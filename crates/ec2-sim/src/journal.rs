//! Every call, and what it did.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::query::Tag;

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its number: they are counted as they arrive.
    pub number: u64,
    /// When it arrived.
    pub at: DateTime<Utc>,
    /// Whose.
    pub account: String,
    /// Where.
    pub region: String,
    /// What.
    pub action: String,
    /// On which volume or snapshot; empty for a listing.
    pub resource: String,
    /// The tags that a call gave.
    pub tags: Vec<Tag>,
    /// EC2's code, when it refused.
    pub refused: Option<String>,
    /// What it changed, if it changed anything.
    pub effect: Option<Effect>,
    /// Whether the whole answer was sent.
    pub answered: bool,
}

impl Entry {
    /// Whether it asks EC2 to change something, whatever became of it.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !self.action.starts_with("Describe")
    }
}

/// What a call changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// A snapshot is being made.
    Created {
        /// Which.
        snapshot: String,
        /// Of which volume.
        volume: String,
    },
    /// A snapshot is gone, or will be when it is made.
    Deleted {
        /// Which.
        snapshot: String,
    },
    /// A volume is being made.
    VolumeCreated {
        /// Which.
        volume: String,
        /// From which snapshot, if from one.
        snapshot: Option<String>,
    },
    /// A volume is being attached.
    Attached {
        /// Which.
        volume: String,
        /// To which instance.
        instance: String,
        /// Under which device name.
        device: String,
    },
    /// A volume is being detached, or to be: it may stay busy.
    Detached {
        /// Which.
        volume: String,
        /// From which instance.
        instance: String,
    },
    /// Something else, which has this id.
    Changed(String),
}
