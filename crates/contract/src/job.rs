//! The job of one region: everything its steps need, so that none of them reads configuration.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::config::{Floor, Orphans, Pace, Policy, PurgeGuard};
use crate::ids::{PlanId, PolicyName, Region, RunId};
use crate::retention::Retention;
use crate::selector::TagSelector;
use crate::zone::TimeZone;

/// What one region is to do in one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegionJob {
    /// Where.
    pub region: Region,
    /// Which run.
    pub run_id: RunId,
    /// When the execution started: the moment that ages are counted from and that names bear.
    pub started_at: DateTime<Utc>,
    /// Whether nothing may be written.
    pub dry_run: bool,
    /// The redrive count of the execution when this job was made: 0, or what the replay gate saw when it opened.
    pub replay: u32,
    /// The plan that an operator approved, if any.
    pub approve_purge: Option<PlanId>,
    /// Whether this run adopts what the policy lists for adoption.
    #[serde(default)]
    pub adopt: bool,
    /// What to back up and how long to keep it.
    pub policy: JobPolicy,
    /// How much of EC2's request buckets to take.
    pub pace: Pace,
}

/// The part of a [`Policy`] that a region needs. What was added later has a default: a redrive brings jobs of two weeks ago.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobPolicy {
    /// Its name, also the value of the managed tag.
    pub name: PolicyName,
    /// Which volumes.
    pub tag: TagSelector,
    /// How long.
    pub retention: Retention,
    /// Completed snapshots of each volume that always stay.
    pub floor: Floor,
    /// When a purge is held.
    pub purge_guard: PurgeGuard,
    /// What a volume's own retention cannot go below; the policy's own retention when absent.
    #[serde(default)]
    pub minimum: Option<Retention>,
    /// What becomes of the snapshots of volumes that are gone. A job of before there was a choice keeps them.
    #[serde(default = "kept")]
    pub orphans: Orphans,
    /// Where days, weeks, months and years begin.
    #[serde(default)]
    pub time_zone: TimeZone,
    /// Whether snapshots that the script before EBS Backup left behind are listed, and may be adopted.
    #[serde(default)]
    pub adopt: bool,
    /// Whether the report names volumes that are cheaper or better as another type.
    #[serde(default)]
    pub advice: bool,
}

fn kept() -> Orphans {
    Orphans::Keep
}

impl From<&Policy> for JobPolicy {
    fn from(policy: &Policy) -> Self {
        Self {
            name: policy.name.clone(),
            tag: policy.tag.clone(),
            retention: policy.retention,
            floor: policy.floor,
            purge_guard: policy.purge_guard,
            minimum: policy.minimum,
            orphans: policy.orphans,
            time_zone: policy.time_zone,
            adopt: policy.adopt,
            advice: policy.advice,
        }
    }
}
