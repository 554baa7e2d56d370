//! The night, played: the state machine's own definition and the steps' own code, over the simulated EC2, in virtual time.
//!
//! [`machine`] interprets `statemachine/backup.asl.json`, and `restore.asl.json`, as Step Functions does: order, retries, catches, waits, the map over the
//! regions, redrive, payload limits, events. It reads the file itself, so it cannot drift from it; what it makes of it is held
//! against the deployed stack in `tests/local_aws/played.rs`. [`lambdas`] runs the steps, in containers that are
//! cold, warm, throttled or killed between any two calls. [`campaign`] makes a night that goes wrong from a seed and lets
//! [`judge`] hold what was left behind, and what the report says, against the invariants. [`scale`] plays the largest nights.
//!
//! **Architecture invariant:** nothing here decides anything about backups. What a night does is in the steps, and in the
//! state machine; what it must never do is in [`judge`], in words that share no code with `policy`.

pub mod asl;
pub mod campaign;
pub mod deployed;
mod jsonata;
pub mod judge;
pub mod lambdas;
pub mod machine;
pub mod scale;
pub mod schedule;
mod wire;

/// The state machine, as it is deployed.
pub const STATE_MACHINE: &str = include_str!("../../../statemachine/backup.asl.json");
/// The state machine of restores, as it is deployed.
pub const RESTORE_MACHINE: &str = include_str!("../../../statemachine/restore.asl.json");
