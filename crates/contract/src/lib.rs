//! What crosses the state machine.
//!
//! Everything that one part of EBS Backup hands to another as JSON is defined here and nowhere else: the execution's
//! input, the deployed configuration, the job that one region works on, a request and a response per step, the tally
//! that is handed from step to step, and the names of the errors that the state machine or an operator may meet.
//!
//! **Architecture invariant:** this crate knows no AWS SDK, no async runtime, no clock and no environment. Values are
//! checked when they are parsed, so a value of one of these types is a valid one.

pub mod config;
pub mod errors;
pub mod ids;
pub mod input;
pub mod job;
pub mod limits;
pub mod parse;
pub mod prices;
pub mod restore;
pub mod retention;
pub mod selector;
pub mod span;
pub mod steps;
pub mod tally;
pub mod text;
pub mod volume_type;
pub mod zone;

pub use config::{Config, Orphans, Pace, Policy, PurgeGuard, RegionFilter};
pub use ids::{Device, InstanceId, KmsKeyId, PlanId, PolicyName, Region, RestoreId, RunId, SnapshotId, VolumeId, Zone};
pub use input::ExecutionInput;
pub use job::{JobPolicy, RegionJob};
pub use restore::{RestoreInput, RestoreJob, RestoreVolume};
pub use retention::{KeepRules, Retention};
pub use selector::{TagKey, TagSelector, TagValue};
pub use span::Span;
pub use tally::Tally;
pub use volume_type::VolumeType;
pub use zone::TimeZone;
