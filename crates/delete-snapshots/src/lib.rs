//! `delete-snapshots`: deletes a page of snapshots, each looked at once more.
//!
//! Between the plan and this moment an operator may have put a hold on a snapshot, or somebody may have taken our tag
//! away. So owner, tag, state and hold are read again right before the page is deleted (S1). What must not go, or cannot,
//! is reported as overdue with the reason.

use std::collections::BTreeMap;

use contract::errors::STILL_DEFERRED;
use contract::selector::{KEEP_TAG, POLICY_TAG, VOLUME_TAG};
use contract::steps::delete_snapshots::{Request, Response};
use contract::{RegionJob, SnapshotId, Tally};
use ec2::pace::WRITES_AT_ONCE;
use ec2::port::{DeleteSnapshot, ReadSnapshots, SnapshotNow};
use ec2::{Access, Ec2Error, Kind};
use futures::{StreamExt, stream};
use policy::model::SnapshotState;
use policy::rounds::{self, Left, Next};
use policy::verdict;
use step_runtime::Deadline;

/// Snapshots that are looked at together and then deleted. At four a second the last of them is looked at half a minute
/// before it goes, and earlier where EC2 throttles; a hold that is younger than the look is refused by IAM.
const LOOKED_AT_TOGETHER: usize = 100;

/// What became of one snapshot in this round.
enum Outcome {
    Deleted,
    AlreadyGone,
    /// Stays, for this reason.
    Overdue(String),
    /// To be tried again; with EC2's reason, if it was EC2.
    Deferred(Option<Ec2Error>),
}

/// Deletes `request.snapshot_ids`.
///
/// # Errors
/// EC2's error when the snapshots cannot be read: nothing was deleted then.
pub async fn handle<C>(access: &Access<C>, request: Request, deadline: Deadline) -> Result<Response, Ec2Error>
where
    C: ReadSnapshots + DeleteSnapshot,
{
    let Request { job, snapshot_ids, mut tally } = request;
    if let Some(writer) = access.write() {
        writer.go_on_deleting_from(tally.drawn.delete);
    }
    let asked = snapshot_ids.len();
    let mut left = Vec::new();
    for (n, some) in snapshot_ids.chunks(LOOKED_AT_TOGETHER).enumerate() {
        let look = access.read().now(some);
        // Once something has been deleted the tally must not be lost: neither to Lambda's time-out nor to an error.
        let now = if n == 0 { Some(look.await) } else { deadline.allows(look).await };
        match now {
            Some(Ok(now)) => {
                let deletable = checked(some, now, &job, &mut tally);
                left.extend(delete_all(access, deletable, &mut tally, deadline).await);
            }
            Some(Err(error)) if n == 0 => return Err(error),
            unknown => {
                let error = unknown.and_then(Result::err);
                left.extend(some.iter().map(|id| (id.clone(), error.clone())));
            }
        }
    }
    if let Some(writer) = access.write() {
        tally.drawn.delete = writer.drawn_by_deletes();
    }
    let progress = left.len() < asked;
    Ok(answer(rounds::after(left, progress, deadline.elapsed(), &mut tally.rounds), tally))
}

/// Those of `snapshot_ids` that may be deleted as they are now, each with its age in words.
fn checked(
    snapshot_ids: &[SnapshotId],
    now: Vec<SnapshotNow>,
    job: &RegionJob,
    tally: &mut Tally,
) -> Vec<(SnapshotId, String)> {
    let mut now: BTreeMap<SnapshotId, SnapshotNow> =
        now.into_iter().map(|snapshot| (snapshot.id.clone(), snapshot)).collect();
    let mut deletable = Vec::with_capacity(snapshot_ids.len());
    for id in snapshot_ids {
        // This account owns none of that id: gone, which is what was wanted.
        let Some(snapshot) = now.remove(id) else {
            tally.snapshots.already_gone += 1;
            continue;
        };
        let age = verdict::days((job.started_at - snapshot.started_at).num_days());
        match objection(&snapshot, job) {
            Some(reason) => stays(tally, id.clone(), &reason, &age),
            None => deletable.push((id.clone(), age)),
        }
    }
    deletable
}

/// It should be gone, and is not; the log has them all.
fn stays(tally: &mut Tally, snapshot: SnapshotId, reason: &str, age: &str) {
    tracing::info!(%snapshot, reason, age, "overdue");
    tally.snapshot_overdue(snapshot, &format!("{reason} ({age} old)"));
}

/// Why a snapshot must not be deleted after all.
fn objection(snapshot: &SnapshotNow, job: &RegionJob) -> Option<String> {
    let policy = job.policy.name.as_str();
    if snapshot.tags.get(POLICY_TAG) != Some(policy) {
        return Some(format!("not ours: it does not bear the tag {POLICY_TAG}={policy}"));
    }
    if snapshot.volume.is_none() {
        return Some(format!("not ours: its tag {VOLUME_TAG} does not name the volume that EC2 has it of"));
    }
    if snapshot.tags.has(KEEP_TAG) {
        return Some(format!("held: it bears the tag {KEEP_TAG}"));
    }
    match &snapshot.state {
        SnapshotState::Completed | SnapshotState::Error => None,
        SnapshotState::Pending => Some("in state pending".to_owned()),
        SnapshotState::Other(state) => Some(format!("in state {state}")),
    }
}

/// Deletes, unless nothing may be written, and gives what is left.
async fn delete_all<C: DeleteSnapshot>(
    access: &Access<C>,
    deletable: Vec<(SnapshotId, String)>,
    tally: &mut Tally,
    deadline: Deadline,
) -> Left<SnapshotId, Ec2Error> {
    let Some(writer) = access.write() else { return Vec::new() };
    let outcomes: Vec<(SnapshotId, String, Outcome)> = stream::iter(deletable)
        .map(async |(id, age)| {
            let outcome = match deadline.allows(writer.ready_to_delete()).await {
                Some(()) => outcome(writer.delete(&id).await),
                None => Outcome::Deferred(None),
            };
            (id, age, outcome)
        })
        .buffered(WRITES_AT_ONCE)
        .collect()
        .await;
    let mut left = Vec::new();
    for (id, age, outcome) in outcomes {
        match outcome {
            Outcome::Deferred(error) => left.push((id, error)),
            Outcome::Deleted => {
                tracing::info!(snapshot = %id, "deleted");
                tally.snapshots.deleted += 1;
                tally.deleted.push(id);
            }
            Outcome::AlreadyGone => tally.snapshots.already_gone += 1,
            Outcome::Overdue(reason) => stays(tally, id, &reason, &age),
        }
    }
    left
}

fn outcome(answer: Result<(), Ec2Error>) -> Outcome {
    match answer {
        Ok(()) => Outcome::Deleted,
        Err(error) if error.passes_with_time() => Outcome::Deferred(Some(error)),
        Err(error) if error.kind() == Kind::SnapshotGone => Outcome::AlreadyGone,
        Err(error) if error.kind() == Kind::SnapshotInUse => Outcome::Overdue(in_use(&error)),
        // A locked snapshot, one that AWS Backup manages, a refused permission: EC2's own words say it best.
        Err(error) => Outcome::Overdue(error.to_string()),
    }
}

/// Names the AMI that a snapshot belongs to, where EC2's message does; deregistered and disabled AMIs block too.
fn in_use(error: &Ec2Error) -> String {
    let words = error.message().split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    match words.into_iter().find(|word| word.starts_with("ami-")) {
        Some(ami) => format!("in use by {ami}"),
        None => error.to_string(),
    }
}

fn answer(next: Next<SnapshotId, Ec2Error>, mut tally: Tally) -> Response {
    match next {
        Next::Again { items, wait_seconds } => Response { deferred: items, wait_seconds, tally },
        Next::GiveUp(left) => {
            for (id, error) in left {
                let reason = error.map_or_else(|| STILL_DEFERRED.to_owned(), |error| error.to_string());
                tally.snapshot_overdue(id, &reason);
            }
            Response { deferred: Vec::new(), wait_seconds: 0, tally }
        }
    }
}
