//! `find-expired`: the verdicts on all snapshots of a policy in a region, and a bounded page of what is to be deleted.
//!
//! The plan is made anew for each page, from EC2's own listing, and handed over in the order of the ids; so a repeated
//! call gives the same page, and the cursor is only the last id and what the plan that passed the guard has left.

use chrono::{DateTime, Utc};
use contract::limits::DELETIONS_PER_PAGE;
use contract::steps::find_expired::{Cursor, Request, Response};
use contract::tally::{KeepKind, PurgeHeld};
use contract::{RegionJob, SnapshotId, Tally, VolumeId};
use ec2::Ec2Error;
use ec2::port::{ReadSnapshots, ReadVolumes, VolumeStates};
use policy::model::Snapshot;
use policy::plan::{BackedUp, Plan};
use policy::rounds::until_listed;
use policy::selection::selects;
use policy::verdict::Decision;

/// Makes the plan and gives its next page.
///
/// # Errors
/// EC2's error when volumes or snapshots cannot be read.
pub async fn handle(ec2: &(impl ReadVolumes + ReadSnapshots), request: Request) -> Result<Response, Ec2Error> {
    let Request { job, cursor, mut tally } = request;
    let facts = Facts::read(ec2, &job).await?;
    if cursor.is_none()
        && let Some(wait_seconds) = until_listed(facts.backed_up.missing(), tally.volumes.failed, &mut tally.rounds)
    {
        return Ok(Response { snapshot_ids: Vec::new(), cursor: None, wait_seconds, tally });
    }
    let plan = facts.plan(&job);
    let allowed = match &cursor {
        Some(cursor) => cursor.left,
        None => begin(&plan, &job, &mut tally),
    };
    let after = cursor.map(|cursor| cursor.after);
    let mut rest = plan.deletions().map(|(id, _)| id).filter(|id| after.as_ref().is_none_or(|after| *id > after));
    let room = usize::try_from(allowed).unwrap_or(usize::MAX).min(DELETIONS_PER_PAGE);
    let snapshot_ids: Vec<SnapshotId> = rest.by_ref().take(room).cloned().collect();
    let left = allowed - snapshot_ids.len() as u64;
    let more = left > 0 && rest.next().is_some();
    let cursor = snapshot_ids.last().filter(|_| more).map(|last| Cursor { after: last.clone(), left });
    Ok(Response { snapshot_ids, cursor, wait_seconds: 0, tally })
}

/// What EC2 shows.
struct Facts {
    snapshots: Vec<Snapshot>,
    backed_up: BackedUp,
}

impl Facts {
    async fn read(ec2: &(impl ReadVolumes + ReadSnapshots), job: &RegionJob) -> Result<Self, Ec2Error> {
        let mut facts = Self { snapshots: ec2.managed(&job.policy.name).await?, backed_up: BackedUp::Assumed };
        // A dry run made no snapshots; and where nothing would go anyway, nobody has to be asked.
        if !job.dry_run && facts.plan(job).deletions().next().is_some() {
            let selected = selected_volumes(ec2, job).await?;
            facts.backed_up = BackedUp::in_run(&job.run_id, selected, &facts.snapshots);
        }
        Ok(facts)
    }

    /// The plan of this run.
    ///
    /// Where an operator has approved a plan, it is that of the same moment; never of one that is still to come, which to
    /// whoever may write an input would be a shorter retention. Where the guard would hold the plan, it is that of the
    /// run's start: without tonight's snapshots it deletes less, and it can be approved hours later.
    fn plan(&self, job: &RegionJob) -> Plan {
        let policy = &job.policy;
        if let Some(approved) = job.approve_purge.as_ref().filter(|approved| approved.moment() <= job.started_at) {
            return self.as_of(job, approved.moment());
        }
        let plan = Plan::new(&self.snapshots, &policy.retention, policy.floor, job.started_at, &self.backed_up);
        if plan.is_held_by(policy.purge_guard) { self.as_of(job, job.started_at) } else { plan }
    }

    /// The plan of a moment, which is the same when it is made again later.
    fn as_of(&self, job: &RegionJob, moment: DateTime<Utc>) -> Plan {
        Plan::as_of(&self.snapshots, &job.policy.retention, job.policy.floor, moment, &self.backed_up)
    }
}

async fn selected_volumes(ec2: &impl ReadVolumes, job: &RegionJob) -> Result<Vec<VolumeId>, Ec2Error> {
    let mut selected = Vec::new();
    let mut cursor = None;
    loop {
        let page = ec2.tagged_page(&job.policy.tag, VolumeStates::Any, cursor).await?;
        let of_page = page.volumes.into_iter().filter(|(_, tags)| selects(&job.policy.tag, tags)).map(|(id, _)| id);
        selected.extend(of_page);
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(selected);
        }
    }
}

/// Writes the plan into the tally, once per run, and says how many of its deletions may be carried out: all, or none (S8).
fn begin(plan: &Plan, job: &RegionJob, tally: &mut Tally) -> u64 {
    count(plan, tally);
    let policy = &job.policy;
    let id = plan.id(&job.region, &policy.name);
    let (deletions, managed) = (tally.snapshots.expired, tally.snapshots.managed);
    if !plan.is_held_by(policy.purge_guard) || job.approve_purge.as_ref() == Some(&id) {
        return deletions;
    }
    // Where another plan was approved, this one is of that plan's moment; it can be approved all the same.
    tally.purge_held = Some(PurgeHeld { deletions, managed, plan: id });
    0
}

fn count(plan: &Plan, tally: &mut Tally) {
    tally.snapshots.managed = plan.verdicts.len() as u64;
    for verdict in &plan.verdicts {
        let id = || verdict.snapshot_id.clone();
        match &verdict.decision {
            Decision::Keep(reasons) => {
                tally.snapshots.kept += 1;
                for reason in reasons {
                    *tally.kept.entry(reason.kind()).or_default() += 1;
                }
            }
            Decision::Withheld(reason) => {
                tally.snapshots.kept += 1;
                *tally.kept.entry(KeepKind::BackupFailed).or_default() += 1;
                tally.snapshot_overdue(id(), &format!("its volume has no snapshot of this run; {reason}"));
            }
            Decision::Delete(reason) => tally.snapshot_expired(id(), &reason.to_string()),
        }
    }
}
