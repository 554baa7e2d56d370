//! `find-expired`: the verdicts on all snapshots of a policy in a region, and a bounded page of what is to be deleted.
//!
//! The plan is made anew for each page, from EC2's own listing, and handed over in the order of the ids; so a repeated
//! call gives the same page, and the cursor is only the last id and what the plan that passed the guard has left.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use contract::limits::DELETIONS_PER_PAGE;
use contract::steps::find_expired::{Cursor, Request, Response};
use contract::tally::PurgeHeld;
use contract::{RegionJob, SnapshotId, Tally, VolumeId};
use ec2::Ec2Error;
use ec2::port::{ReadSnapshots, ReadVolumes, VolumeStates};
use policy::model::{Snapshot, Tags};
use policy::plan::{Plan, Volumes};
use policy::rounds::until_listed;
use policy::selection::selects;
use policy::verdict::{Decision, OwnRetention, VolumeFacts};

/// Makes the plan and gives its next page.
///
/// # Errors
/// EC2's error when volumes or snapshots cannot be read.
pub async fn handle(ec2: &(impl ReadVolumes + ReadSnapshots), request: Request) -> Result<Response, Ec2Error> {
    let Request { job, cursor, mut tally } = request;
    let facts = Facts::read(ec2, &job).await?;
    if cursor.is_none()
        && facts.volumes.not_backed_up() > 0
        && facts.would_delete(&job)
        && let Some(wait_seconds) = until_listed(facts.volumes.not_backed_up(), tally.volumes.failed, &mut tally.rounds)
    {
        return Ok(Response { snapshot_ids: Vec::new(), cursor: None, wait_seconds, tally });
    }
    let plan = facts.plan(&job);
    let allowed = match &cursor {
        Some(cursor) => cursor.left,
        None => begin(&plan, &facts, &job, &mut tally),
    };
    let after = cursor.map(|cursor| cursor.after);
    let mut rest = plan.deletions().map(|(id, _)| id).filter(|id| after.as_ref().is_none_or(|after| *id > after));
    let room = usize::try_from(allowed).unwrap_or(usize::MAX).min(DELETIONS_PER_PAGE);
    let snapshot_ids: Vec<SnapshotId> = rest.by_ref().take(room).cloned().collect();
    if after.is_some() {
        // A later page is of a plan made anew: its reasons are told as well.
        told(&job).in_scope(|| {
            for (snapshot, reason) in plan.deletions().filter(|(id, _)| snapshot_ids.binary_search(id).is_ok()) {
                tracing::info!(%snapshot, %reason, "to be deleted");
            }
        });
    }
    let left = allowed - snapshot_ids.len() as u64;
    let more = left > 0 && rest.next().is_some();
    let cursor = snapshot_ids.last().filter(|_| more).map(|last| Cursor { after: last.clone(), left });
    Ok(Response { snapshot_ids, cursor, wait_seconds: 0, tally })
}

/// What EC2 shows.
struct Facts {
    snapshots: Vec<Snapshot>,
    volumes: Volumes,
}

impl Facts {
    async fn read(ec2: &(impl ReadVolumes + ReadSnapshots), job: &RegionJob) -> Result<Self, Ec2Error> {
        let snapshots = ec2.managed(&job.policy.name).await?;
        let mut volumes = Volumes::default();
        // Where nothing could go, nobody has to be asked.
        if !snapshots.is_empty() {
            let mut others: BTreeSet<&VolumeId> = snapshots.iter().filter_map(|s| s.volume.as_ref()).collect();
            let has_snapshot = Volumes::with_snapshot_of(&job.run_id, &snapshots);
            for (volume, tags) in selected_volumes(ec2, job).await? {
                others.remove(&volume);
                // A dry run made no snapshots: its plan is that of a night on which every volume was backed up.
                let backed_up = job.dry_run || has_snapshot.contains(&volume);
                volumes.insert(volume, VolumeFacts { exists: true, backed_up, own: OwnRetention::of(&tags) });
            }
            let mut gone: BTreeSet<VolumeId> = others.into_iter().cloned().collect();
            // That a volume is gone is the end of its last backup one day, so it is asked twice.
            for _ in 0..2 {
                let asked: Vec<VolumeId> = gone.iter().cloned().collect();
                for volume in ec2.volumes(&asked).await? {
                    gone.remove(&volume.id);
                    let own = OwnRetention::of(&volume.tags);
                    // One that the listing by tag has missed is selected all the same.
                    let selected = selects(&job.policy.tag, &volume.tags);
                    let backed_up = job.dry_run || !selected || has_snapshot.contains(&volume.id);
                    volumes.insert(volume.id, VolumeFacts { exists: true, backed_up, own });
                }
            }
            let mut recorded = if gone.is_empty() { BTreeMap::new() } else { OwnRetention::of_gone(&snapshots) };
            for volume in gone {
                // Nobody can read its tags any more; they are on what was made of it.
                let own = recorded.remove(&volume).unwrap_or(OwnRetention::None);
                volumes.insert(volume, VolumeFacts { exists: false, own, ..VolumeFacts::default() });
            }
        }
        Ok(Self { snapshots, volumes })
    }

    /// Whether anything would go, if every volume had its snapshot.
    fn would_delete(&self, job: &RegionJob) -> bool {
        let plan = Plan::new(&self.snapshots, &job.policy, job.started_at, &self.volumes.all_backed_up());
        plan.deletions().next().is_some()
    }

    /// The plan of this run.
    ///
    /// Where an operator has approved a plan, it is that of the same moment; never of one that is still to come, which to
    /// whoever may write an input would be a shorter retention. Where the guard would hold the plan, it is that of the
    /// run's start: without tonight's snapshots it deletes less, and it can be approved hours later.
    fn plan(&self, job: &RegionJob) -> Plan {
        if let Some(approved) = job.approve_purge.as_ref().filter(|approved| approved.moment() <= job.started_at) {
            return self.as_of(job, approved.moment());
        }
        let plan = Plan::new(&self.snapshots, &job.policy, job.started_at, &self.volumes);
        if is_held(&plan, job) { self.as_of(job, job.started_at) } else { plan }
    }

    /// The plan of a moment, which is the same when it is made again later.
    fn as_of(&self, job: &RegionJob, moment: DateTime<Utc>) -> Plan {
        Plan::as_of(&self.snapshots, &job.policy, moment, &self.volumes)
    }
}

/// Whether a plan waits for somebody to approve it (S8): one that is too large, and any of a run that adopts. What a script left
/// behind may be all that there is of a volume, and nobody has seen yet what retention makes of it.
fn is_held(plan: &Plan, job: &RegionJob) -> bool {
    plan.is_held_by(job.policy.purge_guard) || (job.adopt && plan.deletions().next().is_some())
}

/// The volumes that the policy selects, with their tags.
async fn selected_volumes(ec2: &impl ReadVolumes, job: &RegionJob) -> Result<Vec<(VolumeId, Tags)>, Ec2Error> {
    let mut selected = Vec::new();
    let mut cursor = None;
    loop {
        let page = ec2.tagged_page(&job.policy.tag, VolumeStates::Any, cursor).await?;
        selected.extend(page.volumes.into_iter().filter(|(_, tags)| selects(&job.policy.tag, tags)));
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(selected);
        }
    }
}

/// Writes the plan into the tally, once per run, and says how many of its deletions may be carried out: all, or none (S8).
fn begin(plan: &Plan, facts: &Facts, job: &RegionJob, tally: &mut Tally) -> u64 {
    told(job).in_scope(|| count(plan, tally));
    for (volume, why) in facts.volumes.invalid() {
        tracing::warn!(%volume, why, "the policy's own retention applies, and nothing of the volume is deleted");
        tally.volume_warned(volume.clone(), why);
    }
    let policy = &job.policy;
    let id = plan.id(&job.region, &policy.name);
    let (deletions, managed) = (tally.snapshots.expired, tally.snapshots.managed);
    if !is_held(plan, job) || job.approve_purge.as_ref() == Some(&id) {
        return deletions;
    }
    // Where another plan was approved, this one is of that plan's moment; it can be approved all the same.
    tally.purge_held = Some(PurgeHeld { deletions, managed, plan: id });
    0
}

/// What every line of the log on a plan says besides: all regions of an account write into one log.
fn told(job: &RegionJob) -> tracing::Span {
    tracing::info_span!("plan", region = %job.region, policy = %job.policy.name, run = %job.run_id, dry_run = job.dry_run)
}

/// Counts the verdicts, and tells of each that is to go.
fn count(plan: &Plan, tally: &mut Tally) {
    tally.snapshots.managed = plan.verdicts.len() as u64;
    tally.snapshots.last_of_volume = plan.last_of_volume;
    // The report shows the first few: those first that may take a volume's last snapshot.
    let (orphans, others): (Vec<_>, Vec<_>) = plan.verdicts.iter().partition(|verdict| verdict.is_of_orphan());
    for verdict in orphans.into_iter().chain(others) {
        let id = || verdict.snapshot_id.clone();
        match &verdict.decision {
            Decision::Keep(reasons) => {
                tally.snapshots.kept += 1;
                for reason in reasons {
                    *tally.kept.entry(reason.kind()).or_default() += 1;
                }
            }
            Decision::Withheld(why, reason) => {
                tally.snapshots.kept += 1;
                *tally.kept.entry(why.kind()).or_default() += 1;
                tracing::info!(snapshot = %verdict.snapshot_id, %why, %reason, "overdue");
                tally.snapshot_overdue(id(), &format!("{why}; {reason}"));
            }
            Decision::Delete(reason) => {
                // The report shows the first few, the log has them all.
                tracing::info!(snapshot = %verdict.snapshot_id, %reason, "to be deleted");
                tally.snapshot_expired(id(), &reason.to_string());
            }
        }
    }
}
