//! The decisions of EBS Backup, as pure functions.
//!
//! Which volumes are selected, what a snapshot is called and tagged, which snapshots stay and why, how large a purge may
//! be. Everything is a function of its arguments.
//!
//! **Architecture invariant:** no I/O, no AWS SDK, no async runtime, no environment and no clock: `now` is a parameter.

pub mod adoption;
pub mod calendar;
pub mod model;
pub mod naming;
pub mod plan;
pub mod restore;
pub mod restore_point;
pub mod rounds;
pub mod rules;
pub mod selection;
pub mod spec;
pub mod tags;
pub mod type_advice;
pub mod verdict;
pub mod volume_type;
