//! The subject of the report: what a telephone shows at night.

use report_topic::words;

use crate::evaluate::Status;
use crate::report::{Report, counted};

/// The subject: how the run ended comes first, then whose it was; what does not fit is cut off the end.
pub fn of(report: &Report<'_>) -> String {
    let evaluation = report.evaluation;
    let totals = evaluation.totals();
    let what = match evaluation.status() {
        Status::Failed => format!("{} of {} failed", totals.regions_failed, counted(totals.regions, "region")),
        Status::Incomplete => format!("{} without a snapshot", counted(totals.volumes.failed, "volume")),
        Status::Ok if evaluation.tag_found_nothing() => "nothing is backed up".to_owned(),
        Status::Ok if evaluation.idle() => "nothing to do".to_owned(),
        Status::Ok if evaluation.run.dry_run => format!("{} to make", counted(totals.volumes.planned, "snapshot")),
        Status::Ok => format!("{} made", counted(totals.volumes.created, "snapshot")),
    };
    let what = format!("{}: {what}", evaluation.run.policy.name);
    words::subject(&report.title(), &report.account_name, report.account_id, &what)
}
