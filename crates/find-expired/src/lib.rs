//! `find-expired`: the verdicts on all snapshots of a policy in a region, and a bounded page of what is to be deleted.
//!
//! The plan is made anew for each page, from EC2's own listing, and handed over in the order of the ids; so a repeated
//! call gives the same page, and the cursor is only the last id and what the plan that passed the guard has left.

use contract::limits::DELETIONS_PER_PAGE;
use contract::steps::find_expired::{Cursor, Request, Response};
use contract::tally::{KeepKind, PurgeHeld};
use contract::{RegionJob, SnapshotId, Tally, VolumeId};
use ec2::Ec2Error;
use ec2::port::{ReadSnapshots, ReadVolumes};
use policy::model::Snapshot;
use policy::plan::{BackedUp, GuardVerdict, Plan};
use policy::selection::selects;
use policy::verdict::Decision;

/// Makes the plan and gives its next page.
///
/// # Errors
/// EC2's error when volumes or snapshots cannot be read.
pub async fn handle(ec2: &(impl ReadVolumes + ReadSnapshots), request: Request) -> Result<Response, Ec2Error> {
    let Request { job, cursor, mut tally } = request;
    let plan = plan(ec2, &job).await?;
    let allowed = match &cursor {
        Some(cursor) => cursor.left,
        None => {
            count(&plan, &mut tally);
            pass_guard(&plan, &job, &mut tally)
        }
    };
    let after = cursor.map(|cursor| cursor.after);
    let mut rest = plan.deletions().map(|(id, _)| id).filter(|id| after.as_ref().is_none_or(|after| *id > after));
    let room = usize::try_from(allowed).unwrap_or(usize::MAX).min(DELETIONS_PER_PAGE);
    let snapshot_ids: Vec<SnapshotId> = rest.by_ref().take(room).cloned().collect();
    let left = allowed - snapshot_ids.len() as u64;
    let more = left > 0 && rest.next().is_some();
    let cursor = snapshot_ids.last().filter(|_| more).map(|last| Cursor { after: last.clone(), left });
    Ok(Response { snapshot_ids, cursor, tally })
}

async fn plan(ec2: &(impl ReadVolumes + ReadSnapshots), job: &RegionJob) -> Result<Plan, Ec2Error> {
    let snapshots = ec2.managed(&job.policy.name).await?;
    let make = |backed_up: &BackedUp| make(&snapshots, job, backed_up);
    let if_all_is_well = make(&BackedUp::Assumed);
    // A dry run made no snapshots; and where nothing would go anyway, nobody has to be asked.
    if job.dry_run || if_all_is_well.deletions().next().is_none() {
        return Ok(if_all_is_well);
    }
    let selected = selected_volumes(ec2, job).await?;
    Ok(make(&BackedUp::in_run(&job.run_id, selected, &snapshots)))
}

fn make(snapshots: &[Snapshot], job: &RegionJob, backed_up: &BackedUp) -> Plan {
    Plan::new(snapshots, &job.policy.retention, job.policy.floor, job.started_at, backed_up)
}

async fn selected_volumes(ec2: &impl ReadVolumes, job: &RegionJob) -> Result<Vec<VolumeId>, Ec2Error> {
    let mut selected = Vec::new();
    let mut cursor = None;
    loop {
        let page = ec2.tagged_page(&job.policy.tag, cursor).await?;
        let of_page = page.volumes.into_iter().filter(|(_, tags)| selects(&job.policy.tag, tags)).map(|(id, _)| id);
        selected.extend(of_page);
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(selected);
        }
    }
}

/// Writes the plan into the tally, once per run.
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

/// How many deletions the guard lets through: all, or none (S8).
fn pass_guard(plan: &Plan, job: &RegionJob, tally: &mut Tally) -> u64 {
    let deletions = tally.snapshots.expired;
    let policy = &job.policy;
    match plan.guard(policy.purge_guard, &job.region, &policy.name, job.approve_purge.as_ref()) {
        GuardVerdict::Pass => deletions,
        GuardVerdict::Held { plan: digest } => {
            for (id, reason) in plan.deletions() {
                tally.snapshot_overdue(id.clone(), &format!("purge held; {reason}"));
            }
            tally.purge_held = Some(PurgeHeld { deletions, managed: tally.snapshots.managed, plan: digest });
            0
        }
    }
}
