//! `report-restore`: what a restore did, told to people and to machines.
//!
//! What was restored from which moment, what is left to do, how to undo it, and everything that was made and is not where it
//! belongs: EC2 is asked which volumes bear the restore's tag, so one whose making nobody heard of is named too.

mod advice;
mod commands;
mod document;
#[cfg(test)]
mod tests;
mod text;

use chrono::TimeDelta;
use contract::errors::NOT_ATTACHED;
use contract::restore::{Progress, RestoreVolume};
use contract::steps::report_restore::{Request, Response, Stopped};
use contract::{RestoreJob, VolumeId};
use ec2::Ec2Error;
use ec2::port::SeeVolumes;
use policy::restore::seen::{SeenVolume, same_device};
use report_topic::arn;
use report_topic::message::{Message, TEXT_BYTES};
use report_topic::publish::ReportTopic;
use report_topic::words;
use step_runtime::StepError;

use crate::document::Document;

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
    /// What the restore has made, as it is now.
    made: Vec<SeenVolume>,
    /// Volumes that were to be replaced, as they are now.
    replaced: Vec<SeenVolume>,
    /// Whether EC2 could be asked what there is.
    looked: Result<(), Ec2Error>,
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
        made: Vec::new(),
        replaced: Vec::new(),
        looked: Ok(()),
    };
    ended.looked = ended.look(ec2).await;
    let failed = ended.failures();
    let lines = text::within(text::render(&ended), TEXT_BYTES, job);
    let subject = words::subject(ended.title(), &ended.account_name, ended.account_id, &text::what(&ended));
    let document = Document {
        kind: "restore",
        status: if failed > 0 { "FAILED" } else { "OK" },
        account_id: ended.account_id,
        account_name: &ended.account_name,
        execution_arn,
        job,
        volumes: ended.failed_first(),
        volumes_left_out: 0,
        stopped: stopped.as_ref(),
        strays: &ended.strays,
    };
    let mail = lines.join("\n") + "\n";
    topic.publish(&Message::new(subject.clone(), mail, |room| document.render(room))).await?;
    tracing::info!(restore = %job.restore_id, failed, volumes = volumes.len(), "restore reported");
    Ok(Response { failed, subject, text: lines })
}

impl Ended<'_> {
    /// Asks EC2 what there is.
    async fn look(&mut self, ec2: &impl SeeVolumes) -> Result<(), Ec2Error> {
        if self.job.dry_run {
            return Ok(());
        }
        self.made = ec2.of_restore(&self.job.restore_id).await?;
        // A name may come again: what a restore of long ago made under it is somebody's live volume by now.
        let (started_at, clocks_apart) = (self.job.started_at, TimeDelta::minutes(5));
        self.made.retain(|volume| volume.created_at.is_none_or(|at| at >= started_at - clocks_apart));
        let there = self.made.iter().filter(|volume| !is_going(volume));
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
        let all = self.failed_volumes()
            + usize::from(self.stopped.is_some())
            + self.strays.len()
            // Nobody knows then what else there is.
            + usize::from(self.looked.is_err());
        u32::try_from(all).unwrap_or(u32::MAX)
    }

    /// How many volumes are not as they were asked for.
    fn failed_volumes(&self) -> usize {
        self.volumes.iter().filter(|volume| !self.is_well(volume)).count()
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

    /// The volumes, the worst first: a report that does not fit loses its end.
    fn failed_first(&self) -> Vec<&RestoreVolume> {
        let weight = |volume: &&RestoreVolume| match &volume.failure {
            _ if self.old(volume).is_some_and(|(_, old)| old.needs_somebody()) => 0,
            // It waits for another one, whose trouble is the one to look at.
            Some(failure) if failure.error == NOT_ATTACHED => 2,
            _ if !self.is_well(volume) => 1,
            _ => 3,
        };
        let mut volumes: Vec<&RestoreVolume> = self.volumes.iter().collect();
        volumes.sort_by_key(weight);
        volumes
    }

    /// Where the volume is whose place another was to take, and was not seen to take; `None` where there is none, or it took the
    /// place.
    fn old<'a>(&'a self, volume: &'a RestoreVolume) -> Option<(&'a VolumeId, Old)> {
        let instance = &self.job.attach.as_ref()?.instance_id;
        let replaced = volume.replaces.as_ref()?;
        if self.job.dry_run || volume.progress == Progress::Attached {
            return None;
        }
        let never_begun =
            matches!(volume.progress, Progress::Planned | Progress::Creating) || volume.volume_id.is_none();
        let seen = self.replaced.iter().find(|seen| seen.id == *replaced && !is_going(seen));
        let old = match seen.map(|seen| seen.at(instance).map(|attachment| attachment.state.as_str())) {
            Some(Some("attached" | "attaching")) => Old::There,
            Some(Some(state)) => Old::Leaving(state.to_owned()),
            Some(None) => match self.in_place(volume) {
                Some((new, "attached")) if volume.progress == Progress::Available => Old::Replaced(new.clone()),
                Some((new, state)) => Old::Blocked(new.clone(), state.to_owned()),
                None => Old::Off,
            },
            None if self.looked.is_err() && never_begun => Old::Untouched,
            None if self.looked.is_err() => Old::Unknown,
            None => Old::Gone,
        };
        Some((replaced, old))
    }

    /// The new volume where EC2 sees it at the device that it was asked for, and the state of its attachment.
    fn in_place(&self, volume: &RestoreVolume) -> Option<(&VolumeId, &str)> {
        let (to, device) = (self.job.attach.as_ref()?, volume.device.as_ref()?);
        let seen = self.seen(volume)?;
        let there = seen.at(&to.instance_id).filter(|there| same_device(&there.device, device))?;
        Some((&seen.id, &there.state))
    }

    /// Whether a volume is at its device, as far as the restore or EC2 says.
    fn is_in_place(&self, volume: &RestoreVolume) -> bool {
        volume.progress == Progress::Attached || self.in_place(volume).is_some_and(|(_, state)| state == "attached")
    }

    /// Whether every volume is where it was asked for, whatever the restore heard of it.
    fn is_all_there(&self) -> bool {
        let there = |volume| self.is_well(volume) || self.is_in_place(volume);
        // What a test was cut off from is not known to be restorable.
        !self.job.test && self.volumes.iter().all(|volume| volume.failure.is_none() && there(volume))
    }

    /// Whether some volumes of a set took the place of others, and some did not: the instance has data of two moments.
    fn is_mixed(&self) -> bool {
        let mut replacing = self.volumes.iter().filter(|volume| volume.replaces.is_some() && !self.job.dry_run);
        let Some(first) = replacing.next().map(|first| self.is_in_place(first)) else { return false };
        replacing.any(|volume| self.is_in_place(volume) != first)
    }

    /// The volumes that the instance had, and has no more, with nothing in their place.
    fn off(&self) -> Vec<&VolumeId> {
        let old = self.volumes.iter().filter_map(|volume| self.old(volume));
        old.filter(|(_, old)| old.is_off()).map(|(id, _)| id).collect()
    }

    /// A volume of this restore as EC2 has it now.
    fn seen(&self, volume: &RestoreVolume) -> Option<&SeenVolume> {
        let id = volume.volume_id.as_ref()?;
        self.made.iter().find(|seen| seen.id == *id)
    }
}

/// Where a volume is whose place another was to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Old {
    /// At the instance.
    There,
    /// EC2 could not be asked, and the restore had not come to it.
    Untouched,
    /// It is being detached: `detaching` or `busy`.
    Leaving(String),
    /// Not at the instance; the new one is, and is meant to be.
    Replaced(VolumeId),
    /// Not at the instance; the new one is at its device, is in this state there, and was to come off, or is not there yet.
    Blocked(VolumeId, String),
    /// Not at the instance.
    Off,
    /// EC2 does not know it.
    Gone,
    /// EC2 could not be asked.
    Unknown,
}

impl Old {
    /// Whether somebody has to do something.
    fn needs_somebody(&self) -> bool {
        !matches!(self, Self::There | Self::Untouched | Self::Replaced(_))
    }

    /// Whether the instance has neither it nor the new one.
    fn is_off(&self) -> bool {
        match self {
            Self::Off | Self::Gone => true,
            Self::Blocked(_, state) => state != "attached",
            _ => false,
        }
    }
}

fn is_going(volume: &SeenVolume) -> bool {
    matches!(volume.state.as_str(), "deleting" | "deleted")
}
