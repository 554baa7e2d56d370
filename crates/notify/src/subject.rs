//! The subject of the report: what a telephone shows at night.

use contract::limits::SNS_SUBJECT_CHARS;

use crate::evaluate::Status;
use crate::report::{Report, counted};

/// The longest account name in a subject, so that it cannot push out the account's number.
const ACCOUNT_NAME_CHARS: usize = 24;

/// The subject: fewer than 100 printable ASCII characters on one line, as SNS demands. How the run ended comes first, then
/// whose it was; what does not fit is cut off the end.
pub fn of(report: &Report<'_>) -> String {
    let evaluation = report.evaluation;
    let totals = evaluation.totals();
    let name: String = report.account_name.chars().take(ACCOUNT_NAME_CHARS).collect();
    let what = match evaluation.status() {
        Status::Failed => format!("{} of {} failed", totals.regions_failed, counted(totals.regions, "region")),
        Status::Incomplete => format!("{} without a snapshot", counted(totals.volumes.failed, "volume")),
        Status::Ok if evaluation.tag_found_nothing() => "nothing is backed up".to_owned(),
        Status::Ok if evaluation.idle() => "nothing to do".to_owned(),
        Status::Ok if evaluation.run.dry_run => format!("{} to make", counted(totals.volumes.planned, "snapshot")),
        Status::Ok => format!("{} made", counted(totals.volumes.created, "snapshot")),
    };
    let subject = format!(
        "EBS Backup {}: {} {}, {}: {what}",
        report.title(),
        name.trim(),
        report.account_id,
        evaluation.run.policy.name
    );
    let printable = |character: char| if matches!(character, ' '..='~') { character } else { '?' };
    subject.chars().map(printable).take(SNS_SUBJECT_CHARS).collect()
}
