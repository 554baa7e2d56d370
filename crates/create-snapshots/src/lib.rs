//! `create-snapshots`: the snapshots of a page of volumes, at most one per run and volume.
//!
//! EC2's CreateSnapshot has no client token, so the run's id, as a tag, is the token: what this run has made already is
//! looked up before anything is created (S5). One bad volume is data, never an error. What EC2 would not take now comes
//! back as deferred, and the state machine waits; so does a create whose answer was lost, because the look-up of the next
//! round shows whether it was done.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use contract::errors::STILL_DEFERRED;
use contract::steps::create_snapshots::{Request, Response};
use contract::{RegionJob, SnapshotId, Tally, VolumeId};
use ec2::port::{CreateSnapshot, ReadSnapshots, ReadVolumes};
use ec2::{Access, Ec2Error, Kind};
use futures::{StreamExt, stream};
use policy::model::{SnapshotState, Volume};
use policy::rounds::{self, Deferred, Next};
use policy::selection::selects;
use policy::{naming, tags};
use step_runtime::Deadline;

/// Creates under way at once. The pace is the pacer's; this only has to keep it busy (four calls a second, half a second
/// each), and to bound how long the last ones take when the deadline comes.
const CONCURRENCY: usize = 4;

/// What became of one volume in this round.
enum Outcome {
    Created(SnapshotId),
    /// Not there any more, or not selected any more.
    Skipped,
    /// To be tried again; with EC2's reason, if it was EC2.
    Deferred(Option<Ec2Error>),
    Failed(Ec2Error),
}

/// Makes the snapshots of `request.volume_ids`.
///
/// # Errors
/// EC2's error when volumes or snapshots cannot be read: nothing was created then.
pub async fn handle<C>(access: &Access<C>, request: Request, deadline: Deadline) -> Result<Response, Ec2Error>
where
    C: ReadVolumes + ReadSnapshots + CreateSnapshot,
{
    let Request { job, volume_ids, round, mut tally } = request;
    let wanted = without_snapshot(access.read(), &job, volume_ids, &mut tally).await?;
    let volumes = still_selected(access.read(), &job, wanted, &mut tally).await?;
    let Some(writer) = access.write() else {
        tally.volumes.planned += volumes.len() as u64;
        return Ok(done(tally));
    };

    let outcomes = create_all(writer, &job, volumes, &tally, deadline).await;
    let mut progress = false;
    let mut deferred: Vec<(VolumeId, Option<Ec2Error>)> = Vec::new();
    for (volume, outcome) in outcomes {
        match outcome {
            Outcome::Deferred(reason) => {
                deferred.push((volume, reason));
                continue;
            }
            Outcome::Created(snapshot) => {
                tally.volumes.created += 1;
                tally.created.push(snapshot);
            }
            Outcome::Skipped => skip(&mut tally, volume),
            Outcome::Failed(error) => {
                if error.kind() == Kind::Quota {
                    tally.creates_stopped = Some(error.code().to_owned());
                }
                tally.volume_failed(volume, error.code(), error.message());
            }
        }
        progress = true;
    }
    Ok(next_round(deferred, progress, round, tally))
}

/// Those of `volume_ids` that have no snapshot of this run.
async fn without_snapshot(
    ec2: &impl ReadSnapshots,
    job: &RegionJob,
    volume_ids: Vec<VolumeId>,
    tally: &mut Tally,
) -> Result<Vec<VolumeId>, Ec2Error> {
    let there = ec2.of_run(&job.policy.name, &job.run_id, &volume_ids).await?;
    // A snapshot that failed is none: the volume gets another.
    let there: BTreeSet<VolumeId> =
        there.into_iter().filter(|snapshot| snapshot.state != SnapshotState::Error).filter_map(|snapshot| snapshot.volume).collect();
    let (existing, wanted): (Vec<_>, Vec<_>) = volume_ids.into_iter().partition(|volume| there.contains(volume));
    tally.volumes.existing += existing.len() as u64;
    Ok(wanted)
}

/// The volumes of `wanted` as they are now, in the same order. What is gone, or not selected any more, is skipped.
async fn still_selected(
    ec2: &impl ReadVolumes,
    job: &RegionJob,
    wanted: Vec<VolumeId>,
    tally: &mut Tally,
) -> Result<Vec<Volume>, Ec2Error> {
    let mut found: BTreeMap<VolumeId, Volume> =
        ec2.volumes(&wanted).await?.into_iter().map(|volume| (volume.id.clone(), volume)).collect();
    let mut volumes = Vec::with_capacity(wanted.len());
    for id in wanted {
        match found.remove(&id).filter(|volume| selects(&job.policy.tag, &volume.tags)) {
            Some(volume) => volumes.push(volume),
            None => skip(tally, id),
        }
    }
    Ok(volumes)
}

fn skip(tally: &mut Tally, volume: VolumeId) {
    tally.volumes.skipped += 1;
    tally.skipped.push(volume);
}

async fn create_all(
    ec2: &impl CreateSnapshot,
    job: &RegionJob,
    volumes: Vec<Volume>,
    tally: &Tally,
    deadline: Deadline,
) -> Vec<(VolumeId, Outcome)> {
    // Set once EC2 says that the region is full: no further create is sent.
    let quota = OnceCell::new();
    if let Some(code) = &tally.creates_stopped {
        _ = quota.set(Ec2Error::coded(code, "the region had reached its quota before"));
    }
    let quota = &quota;
    stream::iter(volumes)
        .map(async |volume| {
            let outcome = match quota.get() {
                Some(error) => Outcome::Failed(error.clone()),
                None if deadline.passed() => Outcome::Deferred(None),
                None => create_one(ec2, job, &volume).await,
            };
            if let Outcome::Failed(error) = &outcome
                && error.kind() == Kind::Quota
            {
                _ = quota.set(error.clone());
            }
            (volume.id, outcome)
        })
        .buffered(CONCURRENCY)
        .collect()
        .await
}

async fn create_one(ec2: &impl CreateSnapshot, job: &RegionJob, volume: &Volume) -> Outcome {
    let description = naming::description(volume, job.started_at);
    let mut answer = ec2.create(&volume.id, &description, &tags::full(volume, job)).await;
    if answer.as_ref().is_err_and(|error| error.kind() == Kind::Tags) {
        answer = ec2.create(&volume.id, &description, &tags::essential(volume, job)).await;
    }
    match answer {
        Ok(snapshot) => Outcome::Created(snapshot),
        Err(error) => match error.kind() {
            Kind::Throttled | Kind::Unavailable | Kind::Limit | Kind::Transitional => Outcome::Deferred(Some(error)),
            Kind::VolumeGone => Outcome::Skipped,
            Kind::Quota | Kind::SnapshotGone | Kind::SnapshotInUse | Kind::Tags | Kind::Expired | Kind::Other => {
                Outcome::Failed(error)
            }
        },
    }
}

fn done(tally: Tally) -> Response {
    Response { deferred: Vec::new(), round: 0, wait_seconds: 0, tally }
}

fn next_round(deferred: Vec<(VolumeId, Option<Ec2Error>)>, progress: bool, round: u32, mut tally: Tally) -> Response {
    if deferred.is_empty() {
        return done(tally);
    }
    let limited = deferred.iter().any(|(_, reason)| reason.is_some());
    let why = if limited { Deferred::Limited } else { Deferred::OutOfTime };
    match rounds::after(why, progress, round, tally.rounds) {
        Next::Again { round, wait_seconds } => {
            tally.rounds += 1;
            Response { deferred: deferred.into_iter().map(|(volume, _)| volume).collect(), round, wait_seconds, tally }
        }
        Next::GiveUp => {
            for (volume, reason) in deferred {
                match reason {
                    Some(error) => tally.volume_failed(volume, error.code(), error.message()),
                    None => tally.volume_failed(volume, STILL_DEFERRED, "its turn did not come in this run"),
                }
            }
            done(tally)
        }
    }
}
