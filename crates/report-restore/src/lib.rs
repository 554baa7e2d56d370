//! `report-restore`: what a restore did, told to people and to machines.
//!
//! What was restored from which moment, what is left to do, how to undo it, and everything that was made and is not where it
//! belongs: EC2 is asked which volumes bear the restore's tag, so one whose making nobody heard of is named too.

mod advice;
mod commands;
mod text;

use contract::restore::{Progress, RestoreVolume};
use contract::steps::report_restore::{Request, Response, Stopped};
use contract::{RestoreJob, VolumeId};
use ec2::Ec2Error;
use ec2::port::SeeVolumes;
use policy::restore::seen::SeenVolume;
use report_topic::arn;
use report_topic::message::{Message, TEXT_BYTES};
use report_topic::publish::ReportTopic;
use report_topic::words;
use serde::Serialize;
use step_runtime::StepError;

/// The most lines that the output of an execution shows; the mail has them all.
const LINES_IN_OUTPUT: usize = 400;
/// What stands for an account that the execution's ARN does not give.
const UNKNOWN: &str = "unknown";

/// A restore, and what is known of it at its end.
#[derive(Debug)]
pub(crate) struct Ended<'a> {
    account_name: String,
    account_id: &'a str,
    link: String,
    job: &'a RestoreJob,
    volumes: &'a [RestoreVolume],
    stopped: Option<&'a Stopped>,
    /// Volumes that the restore made and knows nothing of.
    strays: Vec<VolumeId>,
    /// Volumes that were to be replaced, as they are now; none where EC2 could not be asked.
    replaced: Vec<SeenVolume>,
    /// Whether EC2 could be asked what there is.
    looked: Result<(), Ec2Error>,
}

/// What a machine gets.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    kind: &'static str,
    status: &'static str,
    account_id: &'a str,
    account_name: &'a str,
    execution_arn: &'a str,
    job: &'a RestoreJob,
    volumes: &'a [RestoreVolume],
    stopped: Option<&'a Stopped>,
    strays: &'a [VolumeId],
}

/// Reports on a restore.
///
/// # Errors
/// When the report did not go out. What EC2 does not answer here is said in the report, and keeps nobody from it.
pub async fn handle(
    topic: &impl ReportTopic,
    ec2: &impl SeeVolumes,
    account_name: &str,
    request: Request,
) -> Result<Response, StepError> {
    let Request { job, volumes, stopped, execution_arn } = &request;
    let mut ended = Ended {
        account_name: words::account_name(account_name),
        account_id: arn::account_of(execution_arn).unwrap_or(UNKNOWN),
        link: arn::console_link(execution_arn).unwrap_or_else(|| execution_arn.clone()),
        job,
        volumes,
        stopped: stopped.as_ref(),
        strays: Vec::new(),
        replaced: Vec::new(),
        looked: Ok(()),
    };
    ended.looked = ended.look(ec2).await;
    let failed = ended.failures();
    let lines = text::render(&ended);
    let subject = words::subject(ended.title(), &ended.account_name, ended.account_id, &text::what(&ended));
    let document = Document {
        kind: "restore",
        status: if failed > 0 { "FAILED" } else { "OK" },
        account_id: ended.account_id,
        account_name: &ended.account_name,
        execution_arn,
        job,
        volumes,
        stopped: stopped.as_ref(),
        strays: &ended.strays,
    };
    let mail = contract::text::clip(&(lines.join("\n") + "\n"), TEXT_BYTES);
    topic.publish(&Message::new(subject.clone(), mail, |_| words::json(&document))).await?;
    tracing::info!(restore = %job.restore_id, status = document.status, failed, volumes = volumes.len(), "restore reported");
    Ok(Response { failed, subject, text: lines.into_iter().take(LINES_IN_OUTPUT).collect() })
}

impl Ended<'_> {
    /// Asks EC2 what there is.
    async fn look(&mut self, ec2: &impl SeeVolumes) -> Result<(), Ec2Error> {
        if self.job.dry_run {
            return Ok(());
        }
        let made = ec2.of_restore(&self.job.restore_id).await?;
        let there = made.iter().filter(|volume| !matches!(volume.state.as_str(), "deleting" | "deleted"));
        let known = |id: &VolumeId| self.volumes.iter().any(|volume| volume.volume_id.as_ref() == Some(id));
        self.strays = there.map(|volume| volume.id.clone()).filter(|id| !known(id)).collect();
        let replaced: Vec<VolumeId> = self.volumes.iter().filter_map(|volume| volume.replaces.clone()).collect();
        if !replaced.is_empty() {
            self.replaced = ec2.seen(&replaced).await?;
        }
        Ok(())
    }

    /// How many things are not as they were asked for.
    fn failures(&self) -> u32 {
        let volumes = self.volumes.iter().filter(|volume| !self.is_well(volume)).count();
        let all = volumes
            + usize::from(self.stopped.is_some())
            + self.strays.len()
            // Nobody knows then what else there is.
            + usize::from(self.looked.is_err());
        u32::try_from(all).unwrap_or(u32::MAX)
    }

    /// Whether a volume is what was asked for.
    fn is_well(&self, volume: &RestoreVolume) -> bool {
        let wanted = match (self.job.dry_run, self.job.test, &self.job.attach) {
            (true, ..) => Progress::Planned,
            (_, true, _) => Progress::Deleted,
            (_, _, Some(_)) => Progress::Attached,
            (_, _, None) => Progress::Available,
        };
        volume.failure.is_none() && volume.progress == wanted
    }

    fn title(&self) -> &'static str {
        match (self.job.dry_run, self.job.test, self.failures()) {
            (true, _, 0) => "RESTORE DRY RUN",
            (_, true, 0) => "RESTORE TEST PASSED",
            (_, true, _) => "RESTORE TEST FAILED",
            (_, _, 0) => "RESTORE OK",
            _ => "RESTORE FAILED",
        }
    }

    /// Where the volume that was to be replaced is now: `None` when it is attached to the instance, or nobody knows.
    fn is_off(&self, volume: &RestoreVolume) -> Option<VolumeId> {
        let instance = &self.job.attach.as_ref()?.instance_id;
        let replaced = volume.replaces.as_ref()?;
        let seen = self.replaced.iter().find(|seen| seen.id == *replaced)?;
        (volume.progress != Progress::Attached && seen.at(instance).is_none()).then(|| replaced.clone())
    }
}
