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

use contract::{RestoreId, SnapshotId};
use sha2::{Digest, Sha256};

/// The client token of the call that makes a volume of `snapshot` in the restore `restore`: the same whenever it is sent again,
/// so that EC2 makes one volume of it. 64 characters, the most that EC2 takes.
#[must_use]
pub fn client_token(restore: &RestoreId, snapshot: &SnapshotId) -> String {
    let digest = Sha256::digest(format!("{restore}/{snapshot}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_one_restore_and_one_snapshot() {
        let token = |restore: &str, snapshot: &str| {
            client_token(&RestoreId::new(restore).unwrap(), &SnapshotId::new(snapshot).unwrap())
        };
        let one = token("a", "snap-00000001");
        assert_eq!(one.len(), 64);
        assert_eq!(one, token("a", "snap-00000001"));
        assert!(one != token("b", "snap-00000001") && one != token("a", "snap-00000002"));
    }
}
