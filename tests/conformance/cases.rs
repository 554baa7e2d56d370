//! The cases, by what they are about.

mod create_snapshot;
mod delete_snapshot;
mod dry_run;
mod regions;
mod restore;
mod snapshots;
mod tags;
mod volumes;

use crate::case::Case;

/// All of them.
pub fn all() -> Vec<Case> {
    [
        regions::cases(),
        volumes::cases(),
        create_snapshot::cases(),
        snapshots::cases(),
        delete_snapshot::cases(),
        tags::cases(),
        dry_run::cases(),
        restore::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
