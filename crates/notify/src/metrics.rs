//! The run's metrics, in CloudWatch's embedded metric format: a line of the log that becomes metrics.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::evaluate::{Evaluation, Status};

/// The namespace of every metric.
pub const NAMESPACE: &str = "EbsBackup";
/// The one dimension. A dimension by region would cost some thirty times as many custom metrics, and the report names
/// the regions.
pub const DIMENSION: &str = "Policy";

/// Where the line goes.
pub trait MetricsLog {
    /// Writes one line.
    fn write(&self, line: &Value);
}

/// The standard output, which Lambda hands to CloudWatch Logs.
#[derive(Debug, Clone, Copy)]
pub struct StandardOutput;

impl MetricsLog for StandardOutput {
    fn write(&self, line: &Value) {
        println!("{line}");
    }
}

/// The line of metrics of a run reported at `now`. None for a dry run: it backed up nothing, and must not look like a
/// night that did.
#[must_use]
pub fn of(evaluation: &Evaluation, now: DateTime<Utc>) -> Option<Value> {
    if evaluation.run.dry_run {
        return None;
    }
    let totals = evaluation.totals();
    let (volumes, snapshots) = (&totals.volumes, &totals.snapshots);
    let metrics = [
        ("RunSucceeded", u64::from(evaluation.status() == Status::Ok)),
        ("RegionsFailed", totals.regions_failed),
        ("RegionsIncomplete", totals.regions_incomplete),
        ("VolumesDiscovered", volumes.discovered),
        ("VolumesSkipped", volumes.skipped),
        ("VolumesFailed", volumes.failed),
        ("SnapshotsCreated", volumes.created),
        ("SnapshotsExisting", volumes.existing),
        ("SnapshotsExpired", snapshots.expired),
        ("SnapshotsDeleted", snapshots.deleted),
        ("SnapshotsOverdue", snapshots.overdue),
        ("PurgesHeld", totals.purges_held),
    ];
    let definitions: Vec<Value> = metrics.iter().map(|(name, _)| json!({ "Name": name, "Unit": "Count" })).collect();
    let mut line: Map<String, Value> = metrics.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    line.insert(DIMENSION.to_owned(), json!(evaluation.run.policy.name));
    line.insert("RunId".to_owned(), json!(evaluation.run.run_id));
    line.insert("Replay".to_owned(), json!(evaluation.run.replay));
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": now.timestamp_millis(),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": definitions }],
        }),
    );
    Some(Value::Object(line))
}
