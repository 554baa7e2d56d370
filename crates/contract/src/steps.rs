//! One module per step: what it is asked, what it answers.
//!
//! Lists that may be empty and cursors that may be absent are always written, `[]` and `null`: a JSONata expression
//! over a missing field fails the execution.

use serde::{Deserialize, Serialize};

use crate::ids::{SnapshotId, VolumeId};
use crate::job::RegionJob;
use crate::restore::{RestoreJob, RestoreVolume};
use crate::tally::Tally;

/// `list-regions` plans the run.
pub mod list_regions {
    use super::{Deserialize, RegionJob, Serialize};
    use chrono::{DateTime, Utc};

    /// What the run is planned from.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Request {
        /// The input of the execution as it was given, not checked yet.
        pub input: serde_json::Value,
        /// The execution itself.
        pub execution: Execution,
    }

    /// What is known of an execution from its context object.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Execution {
        /// Its name, at most 80 characters; the run id when the input gives none.
        pub name: String,
        /// When it started. A redrive does not change it.
        pub start_time: DateTime<Utc>,
    }

    /// The plan.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Response {
        /// One job per region, in the order of their names; never empty.
        pub jobs: Vec<RegionJob>,
    }
}

/// `discover-volumes` gives the ids of the selected volumes, page by page.
pub mod discover_volumes {
    use super::{Deserialize, RegionJob, Serialize, Tally, VolumeId};

    /// Which page.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Request {
        /// The region's job.
        pub job: RegionJob,
        /// Where the page before ended; `null` for the first.
        pub cursor: Option<String>,
        /// What was done so far.
        pub tally: Tally,
    }

    /// The page.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Response {
        /// At most [`crate::limits::VOLUMES_PER_PAGE`] ids.
        pub volume_ids: Vec<VolumeId>,
        /// Where this page ended; `null` after the last.
        pub cursor: Option<String>,
        /// What was done so far.
        pub tally: Tally,
    }
}

/// `create-snapshots` makes the snapshots of a page of volumes.
pub mod create_snapshots {
    use super::{Deserialize, RegionJob, Serialize, Tally, VolumeId};

    /// Which volumes.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Request {
        /// The region's job.
        pub job: RegionJob,
        /// The volumes: a page, or what was deferred of one.
        pub volume_ids: Vec<VolumeId>,
        /// What was done so far.
        pub tally: Tally,
    }

    /// What is left of them.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Response {
        /// To be tried again after the wait.
        pub deferred: Vec<VolumeId>,
        /// How long to wait.
        pub wait_seconds: u32,
        /// What was done so far.
        pub tally: Tally,
    }
}

/// `adopt-snapshots` takes over what the script before EBS Backup left behind.
pub mod adopt_snapshots {
    use super::{Deserialize, RegionJob, Serialize, Tally};

    /// Where.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Request {
        /// The region's job.
        pub job: RegionJob,
        /// What was done so far.
        pub tally: Tally,
    }

    /// How far it came.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Response {
        /// Whether there is more to adopt than one invocation could.
        pub more: bool,
        /// What was done so far.
        pub tally: Tally,
    }
}

/// `find-expired` decides what is to be deleted, page by page.
pub mod find_expired {
    use super::{Deserialize, RegionJob, Serialize, SnapshotId, Tally};

    /// Which page.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Request {
        /// The region's job.
        pub job: RegionJob,
        /// Where the page before ended; `null` for the first.
        pub cursor: Option<Cursor>,
        /// What was done so far.
        pub tally: Tally,
    }

    /// A place in a purge plan. The plan is made anew for each page, in the order of the ids.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Cursor {
        /// The last snapshot that was handed over.
        pub after: SnapshotId,
        /// How many the plan that passed the guard has left. No page hands over more, whatever was found since.
        pub left: u64,
    }

    /// The page.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Response {
        /// At most [`crate::limits::DELETIONS_PER_PAGE`] ids.
        pub snapshot_ids: Vec<SnapshotId>,
        /// Where this page ended; `null` after the last.
        pub cursor: Option<Cursor>,
        /// How long to wait before the plan is made, as EC2 does not list all of the run's snapshots yet: 0 when it is made.
        pub wait_seconds: u32,
        /// What was done so far.
        pub tally: Tally,
    }
}

/// `delete-snapshots` deletes a page of snapshots.
pub mod delete_snapshots {
    use super::{Deserialize, RegionJob, Serialize, SnapshotId, Tally};

    /// Which snapshots.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Request {
        /// The region's job.
        pub job: RegionJob,
        /// The snapshots: a page, or what was deferred of one.
        pub snapshot_ids: Vec<SnapshotId>,
        /// What was done so far.
        pub tally: Tally,
    }

    /// What is left of them.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Response {
        /// To be tried again after the wait.
        pub deferred: Vec<SnapshotId>,
        /// How long to wait.
        pub wait_seconds: u32,
        /// What was done so far.
        pub tally: Tally,
    }
}

/// `notify` sends the report.
pub mod notify {
    use super::{Deserialize, RegionJob, Serialize, Tally};

    /// What to report on.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Request {
        /// What was asked for.
        pub jobs: Vec<RegionJob>,
        /// What came back.
        pub results: Results,
        /// The execution, for the link.
        pub execution_arn: String,
    }

    /// What came back from the regions together.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(untagged)]
    pub enum Results {
        /// One value per child execution, as far as they gave one. What is not a [`RegionResult`] (`null` for a child
        /// that died) counts for nothing, so its region counts as failed.
        Regions(Vec<serde_json::Value>),
        /// The map as a whole failed, and no result is known.
        Failed(MapFailure),
    }

    /// Why the map over the regions failed.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct MapFailure {
        /// The error name.
        pub error: String,
        /// What was said.
        pub cause: String,
    }

    /// What one region gave back.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(tag = "outcome", rename_all = "camelCase", deny_unknown_fields)]
    pub enum RegionResult {
        /// It went to its end; single volumes may have failed.
        #[serde(rename_all = "camelCase")]
        Succeeded {
            /// Where.
            region: crate::ids::Region,
            /// What it did.
            tally: Box<Tally>,
        },
        /// It did not go to its end.
        #[serde(rename_all = "camelCase")]
        Failed {
            /// Where.
            region: crate::ids::Region,
            /// The error name.
            error: String,
            /// What was said: the JSON that Lambda makes of an error, cut short.
            cause: String,
            /// What it had done.
            tally: Box<Tally>,
        },
    }

    /// What was found and sent.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Response {
        /// The jobs of the regions that failed or have a volume without a snapshot. Empty when all is well.
        pub replay_jobs: Vec<RegionJob>,
        /// The subject of the report, also when it was not sent.
        pub subject: String,
        /// Whether a report was sent: not when nothing was to do, unless configured.
        pub sent: bool,
    }
}

/// `replay-gate` ends the execution red, and lets the failed regions through on a redrive.
pub mod replay_gate {
    use super::{Deserialize, RegionJob, Serialize};

    /// Who waits at the gate.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Request {
        /// The jobs of the failed regions, as they were.
        pub jobs: Vec<RegionJob>,
        /// The execution, to ask for its redrive count.
        pub execution_arn: String,
        /// The redrive count of the context object: 0 where it has none.
        pub redrive_count: u32,
    }

    /// Who may pass.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Response {
        /// The same jobs; `replay` is now the redrive count.
        pub jobs: Vec<RegionJob>,
    }
}

/// `find-restore-points` plans a restore.
pub mod find_restore_points {
    use super::{Deserialize, RestoreJob, RestoreVolume, Serialize};
    pub use crate::steps::list_regions::Request;

    /// The plan.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Response {
        /// The restore.
        pub job: RestoreJob,
        /// Its volumes: at least one, at most [`crate::limits::VOLUMES_PER_RESTORE`].
        pub volumes: Vec<RestoreVolume>,
    }
}

/// What the steps that move the volumes of a restore have in common: each takes all of them as far as it can, and says how long to
/// wait before it is called again.
mod restore_step {
    use super::{Deserialize, RestoreJob, RestoreVolume, Serialize};

    /// Which volumes.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Request {
        /// The restore.
        pub job: RestoreJob,
        /// Its volumes, as far as they are.
        pub volumes: Vec<RestoreVolume>,
        /// How often this step had to wait so far.
        pub rounds: u32,
    }

    /// How far they are.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Response {
        /// Its volumes, as far as they are now.
        pub volumes: Vec<RestoreVolume>,
        /// How long to wait before the step is called again: 0 when it is done.
        pub wait_seconds: u32,
        /// How often this step has had to wait; 0 when it is done.
        pub rounds: u32,
    }
}

/// `create-volumes` makes the volumes of a restore.
pub mod create_volumes {
    pub use super::restore_step::{Request, Response};
}

/// `check-volumes` looks whether the volumes of a restore are available.
pub mod check_volumes {
    pub use super::restore_step::{Request, Response};
}

/// `attach-volumes` attaches the volumes of a restore, one move at a time.
pub mod attach_volumes {
    pub use super::restore_step::{Request, Response};
}

/// `delete-test-volumes` deletes the volumes of a restore test.
pub mod delete_test_volumes {
    pub use super::restore_step::{Request, Response};
}

/// `report-restore` sends the report of a restore.
pub mod report_restore {
    use super::{Deserialize, RestoreJob, RestoreVolume, Serialize};

    /// What to report on.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Request {
        /// The restore.
        pub job: RestoreJob,
        /// Its volumes, as far as they came.
        pub volumes: Vec<RestoreVolume>,
        /// The error of the step that failed, if one did.
        pub stopped: Option<Stopped>,
        /// The execution, for the link.
        pub execution_arn: String,
    }

    /// The error of a step.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Stopped {
        /// The error name.
        pub error: String,
        /// What was said: the JSON that Lambda makes of an error, cut short.
        pub cause: String,
    }

    /// What was reported: the output of the execution.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub struct Response {
        /// How many things are not as they were asked for: 0 makes the execution green.
        pub failed: u32,
        /// The subject of the report.
        pub subject: String,
        /// The report as it was mailed, for people.
        pub text: Vec<String>,
    }
}
