//! Restores: what is asked for, what is planned, what is done next.
//!
//! Which snapshot the data is from is decided in [`crate::restore_point`]; what EBS allows of a volume in
//! [`crate::volume_type`].

pub mod input;
pub mod placement;
pub mod plan;
pub mod sample;
pub mod seen;
pub mod tags;
pub mod waits;

use chrono::{DateTime, Utc};
use contract::{RestoreId, SnapshotId};
use sha2::{Digest, Sha256};

/// The client token of the call that makes a volume of `snapshot` in the restore `restore`: the same whenever it is sent again,
/// so that EC2 makes one volume of it. 64 characters, the most that EC2 takes.
#[must_use]
pub fn client_token(restore: &RestoreId, started_at: DateTime<Utc>, snapshot: &SnapshotId) -> String {
    // With the moment: an execution's name may come again, long after, and must not find the volume of then.
    let digest = Sha256::digest(format!("{restore}/{}/{snapshot}", started_at.timestamp_millis()));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_one_restore_and_one_snapshot() {
        let at = |seconds, restore: &str, snapshot: &str| {
            let started_at = DateTime::from_timestamp(seconds, 0).unwrap();
            client_token(&RestoreId::new(restore).unwrap(), started_at, &SnapshotId::new(snapshot).unwrap())
        };
        let token = |restore: &str, snapshot: &str| at(0, restore, snapshot);
        let one = token("a", "snap-00000001");
        assert_eq!(one.len(), 64);
        assert_eq!(one, token("a", "snap-00000001"));
        assert!(one != token("b", "snap-00000001") && one != token("a", "snap-00000002"));
        assert_ne!(one, at(1, "a", "snap-00000001"));
    }
}
