//! The tags that select volumes and mark snapshots.

use serde::{Deserialize, Serialize};

use crate::ids::checked_string;
use crate::limits::{TAG_KEY_CHARS, TAG_VALUE_CHARS};

/// The prefix of every tag that means something to EBS Backup. A policy's tag key may not begin with it.
pub const OWN_PREFIX: &str = "ebs-backup:";
/// On a snapshot: the policy that made it. This is the managed tag: what does not bear it is never deleted.
pub const POLICY_TAG: &str = "ebs-backup:policy";
/// On a snapshot: the run that made it.
pub const RUN_TAG: &str = "ebs-backup:run";
/// On a snapshot: the volume it was made from. A copy's own volume id is arbitrary, this one is not.
pub const VOLUME_TAG: &str = "ebs-backup:volume";
/// On a snapshot: what is needed to make the volume again.
pub const SPEC_TAG: &str = "ebs-backup:spec";
/// On a snapshot: the name that its volume had, since the snapshot's own `Name` is another.
pub const NAME_OF_VOLUME_TAG: &str = "ebs-backup:name";
/// On what a restore made, volumes and snapshots: which restore.
pub const RESTORE_TAG: &str = "ebs-backup:restore";
/// On a restored volume: the snapshot that its data is from.
pub const RESTORED_FROM_TAG: &str = "ebs-backup:restored-from";
/// On a restored volume: when its restore began.
pub const RESTORED_AT_TAG: &str = "ebs-backup:restored-at";
/// On a volume of a restore test: which test. What does not bear it is never deleted.
pub const TEST_TAG: &str = "ebs-backup:restore-test";
/// On a volume: never back it up, whatever else it bears.
pub const EXCLUDE_TAG: &str = "ebs-backup:exclude";
/// On a volume: keep rules of its own, such as `keepDaily=14 keepMonthly=6`.
pub const RETENTION_TAG: &str = "ebs-backup:retention";
/// On a snapshot: never delete it, whatever the policy says.
pub const KEEP_TAG: &str = "ebs-backup:keep";
/// The tag that the console shows as a resource's name.
pub const NAME_TAG: &str = "Name";
/// The prefix that AWS keeps for itself: such tags can be neither set nor copied.
pub const AWS_PREFIX: &str = "aws:";

checked_string!(
    /// The tag key by which a policy selects volumes. `Name` is refused, as every snapshot bears it; `aws:` and
    /// `ebs-backup:` are reserved. Lengths are counted in bytes, which bounds the size of a job.
    TagKey, "backup tag key", r"^[^\s].{0,127}$",
    "1 to 128 letters, digits, spaces or + - = . _ : / @; not Name, and not beginning with aws: or ebs-backup:",
    |value| {
        let lower = value.to_lowercase();
        !value.is_empty()
            && value.trim() == value
            && value.len() <= TAG_KEY_CHARS
            && crate::ids::is_tag_text(value)
            && value != NAME_TAG
            && !lower.starts_with(AWS_PREFIX)
            && !lower.starts_with(OWN_PREFIX)
    }
);

checked_string!(
    /// The value that the backup tag must have.
    TagValue, "backup tag value", r"^.{1,256}$", "1 to 256 letters, digits, spaces or + - = . _ : / @",
    |value| !value.is_empty() && value.len() <= TAG_VALUE_CHARS && crate::ids::is_tag_text(value)
);

/// Which volumes a policy backs up: those that bear the key, or the key with this value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TagSelector {
    /// The tag's key.
    pub key: TagKey,
    /// The tag's value; any value when absent.
    #[serde(default)]
    pub value: Option<TagValue>,
}

impl std::fmt::Display for TagSelector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={}", self.key, value),
            None => write!(f, "{}", self.key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_reserved_tag_keys_are_refused() {
        for bad in ["Name", "aws:dlm:managed", "AWS:x", "ebs-backup:policy", "", " Backup", "a,b", &"k".repeat(129)] {
            assert!(TagKey::new(bad).is_err(), "{bad:?}");
        }
        for good in ["Backup", "backup", "name", "team/backup", &"k".repeat(128)] {
            assert!(TagKey::new(good).is_ok(), "{good:?}");
        }
    }
}
