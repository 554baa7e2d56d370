//! The step `notify`: what became of a run, told to people and to machines.
//!
//! [`evaluate`] compares what was asked for with what came back; everything after it only renders: [`text`] for people,
//! [`document`] for machines, [`metrics`] for CloudWatch. [`report_topic`] sends both variants as one message.
//!
//! **Architecture invariant:** a region counts as well only when it said so itself. What is missing, unreadable or does
//! not add up is a failure, and a failure is always in the report, whatever else has to be cut to make it fit.

mod advice;
pub mod document;
pub mod evaluate;
pub mod metrics;
pub mod report;
pub mod settings;
mod subject;
mod table;
pub mod text;

#[cfg(test)]
mod nights;

use chrono::{DateTime, Utc};
use contract::errors::INVALID_REQUEST;
use contract::steps::notify::{Request, Response};
use step_runtime::StepError;
use thiserror::Error;

use crate::evaluate::Evaluation;
use crate::metrics::MetricsLog;
use crate::report::Report;
use crate::settings::Settings;
use report_topic::message::{Message, TEXT_BYTES};
use report_topic::publish::{PublishError, ReportTopic};

/// Why the step fails.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotifyError {
    /// There is nothing to report on.
    #[error("jobs: expected at least one job, found none")]
    NoJobs,
    /// The report did not go out.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl From<NotifyError> for StepError {
    fn from(error: NotifyError) -> Self {
        match error {
            NotifyError::NoJobs => Self::new(INVALID_REQUEST, error.to_string()),
            NotifyError::Publish(error) => error.into(),
        }
    }
}

/// Reports on a run: one message, one line in the log, one line of metrics.
///
/// Nothing is sent when nothing was to do, unless `settings` want it so or a person waits for the answer: a dry run and a
/// replay are always answered.
///
/// # Errors
/// [`NotifyError::Publish`] when the report did not go out. The state machine tries an unavailable SNS again, so the metrics
/// are written once the report is out, or refused; a run whose report SNS never took has none.
pub async fn handle(
    topic: &impl ReportTopic,
    metrics: &impl MetricsLog,
    settings: &Settings,
    now: DateTime<Utc>,
    request: Request,
) -> Result<Response, NotifyError> {
    let evaluation = Evaluation::of(request.jobs, &request.results).ok_or(NotifyError::NoJobs)?;
    let report = Report::new(&settings.account_name, &request.execution_arn, &evaluation);
    let message = message(&report);
    let sent = settings.report_when_idle || evaluation.asked_by_a_person() || !evaluation.idle();
    let published = if sent { topic.publish(&message).await } else { Ok(()) };
    log_summary(&report, sent && published.is_ok());
    if !matches!(published, Err(PublishError::Unavailable(_))) {
        metrics::of(&evaluation, now).iter().for_each(|line| metrics.write(line));
    }
    published?;
    Ok(Response { replay_jobs: evaluation.replay_jobs(), subject: message.subject, sent })
}

/// Renders a report.
fn message(report: &Report<'_>) -> Message {
    Message::new(subject::of(report), text::render(report, TEXT_BYTES), |room| document::render(report, room))
}

fn log_summary(report: &Report<'_>, sent: bool) {
    let Evaluation { run, .. } = report.evaluation;
    let totals = report.evaluation.totals();
    tracing::info!(
        status = report.evaluation.status().word(),
        account = report.account_id,
        policy = run.policy.name.as_str(),
        run_id = run.run_id.as_str(),
        dry_run = run.dry_run,
        replay = run.replay,
        regions = totals.regions,
        regions_failed = totals.regions_failed,
        regions_incomplete = totals.regions_incomplete,
        volumes_discovered = totals.volumes.discovered,
        snapshots_created = totals.volumes.created,
        snapshots_existing = totals.volumes.existing,
        volumes_failed = totals.volumes.failed,
        snapshots_deleted = totals.snapshots.deleted,
        snapshots_overdue = totals.snapshots.overdue,
        purges_held = totals.purges_held,
        sent,
        "run reported"
    );
}

#[cfg(test)]
mod tests;
