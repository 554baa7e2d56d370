//! `create-snapshots`: the snapshots of a page of volumes, at most one per run and volume.
//!
//! EC2's CreateSnapshot has no client token, so the run's id, as a tag, is the token: what this run has made already is
//! looked up right before anything is created (S5). One bad volume is data, never an error. What EC2 would not take now
//! comes back as deferred, and the state machine waits; so does a create whose answer was lost, because the look-up of the
//! next round shows whether it was done.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use contract::errors::STILL_DEFERRED;
use contract::steps::create_snapshots::{Request, Response};
use contract::{RegionJob, SnapshotId, Tally, VolumeId};
use ec2::port::{CreateSnapshot, ReadSnapshots, ReadVolumes};
use ec2::{Access, Ec2Error, Kind};
use futures::{StreamExt, stream};
use policy::model::Volume;
use policy::rounds::{self, Left, Next};
use policy::selection::selects;
use policy::{naming, tags};
use step_runtime::Deadline;
use tokio::time::timeout_at;

/// Volumes that are looked up together and then created. Fewer mean more look-ups; more mean that the last of them is
/// created long after its look-up, which another invocation of the same run could use to make a twin.
const LOOKED_UP_TOGETHER: usize = 100;
/// Creates under way at once. The pace is the pacer's; this only has to keep it busy (four calls a second, half a second
/// each).
const CONCURRENCY: usize = 4;

/// What became of one volume in this round.
enum Outcome {
    Created(SnapshotId),
    /// Not there any more.
    Gone,
    /// To be tried again; with EC2's reason, if it was EC2.
    Deferred(Option<Ec2Error>),
    Failed(Ec2Error),
}

/// Makes the snapshots of `request.volume_ids`.
///
/// # Errors
/// EC2's error when the first volumes or snapshots cannot be read: nothing was created then.
pub async fn handle<C>(access: &Access<C>, request: Request, deadline: Deadline) -> Result<Response, Ec2Error>
where
    C: ReadVolumes + ReadSnapshots + CreateSnapshot,
{
    let Request { job, volume_ids, mut tally } = request;
    let asked = volume_ids.len();
    let mut left = Vec::new();
    for (n, some) in volume_ids.chunks(LOOKED_UP_TOGETHER).enumerate() {
        if n > 0 && deadline.passed() {
            left.extend(some.iter().map(|volume| (volume.clone(), None)));
            continue;
        }
        match without_snapshot(access.read(), &job, some).await {
            Ok(found) => left.extend(back_up(access, &job, found, &mut tally, deadline).await),
            // Something may have been created by now, and the tally must not be lost.
            Err(error) if n > 0 => left.extend(some.iter().map(|volume| (volume.clone(), Some(error.clone())))),
            Err(error) => return Err(error),
        }
    }
    let progress = left.len() < asked;
    Ok(answer(rounds::after(left, progress, deadline.elapsed(), &mut tally.rounds), tally))
}

/// What a look-up found out about some volumes.
struct Found {
    /// They have a snapshot of this run.
    existing: u64,
    /// They are gone, or not selected any more.
    skipped: Vec<VolumeId>,
    /// They are to be snapshotted.
    wanted: Vec<Volume>,
}

async fn without_snapshot(
    ec2: &(impl ReadVolumes + ReadSnapshots),
    job: &RegionJob,
    volume_ids: &[VolumeId],
) -> Result<Found, Ec2Error> {
    let there = ec2.of_run(&job.policy.name, &job.run_id, volume_ids).await?;
    // A snapshot that failed is none: the volume gets another.
    let there: BTreeSet<VolumeId> = there
        .into_iter()
        .filter(|snapshot| snapshot.state.is_backup())
        .filter_map(|snapshot| snapshot.volume)
        .collect();
    let missing: Vec<VolumeId> = volume_ids.iter().filter(|volume| !there.contains(volume)).cloned().collect();
    let mut now: BTreeMap<VolumeId, Volume> =
        ec2.volumes(&missing).await?.into_iter().map(|volume| (volume.id.clone(), volume)).collect();

    let mut found =
        Found { existing: (volume_ids.len() - missing.len()) as u64, skipped: Vec::new(), wanted: Vec::new() };
    for id in missing {
        match now.remove(&id).filter(|volume| selects(&job.policy.tag, &volume.tags)) {
            Some(volume) => found.wanted.push(volume),
            None => found.skipped.push(id),
        }
    }
    Ok(found)
}

/// Makes the snapshots that are missing, unless nothing may be written, and gives what is left.
async fn back_up<C: CreateSnapshot>(
    access: &Access<C>,
    job: &RegionJob,
    found: Found,
    tally: &mut Tally,
    deadline: Deadline,
) -> Left<VolumeId, Ec2Error> {
    tally.volumes.existing += found.existing;
    found.skipped.into_iter().for_each(|volume| skip(tally, volume));
    let Some(writer) = access.write() else {
        tally.volumes.planned += found.wanted.len() as u64;
        return Vec::new();
    };
    let mut left = Vec::new();
    for (volume, outcome) in create_all(writer, job, found.wanted, tally, deadline).await {
        match outcome {
            Outcome::Deferred(error) => left.push((volume, error)),
            Outcome::Created(snapshot) => {
                tally.volumes.created += 1;
                tally.created.push(snapshot);
            }
            Outcome::Gone => skip(tally, volume),
            Outcome::Failed(error) => {
                if error.kind() == Kind::Quota {
                    tally.creates_stopped = Some(error.code().to_owned());
                }
                tally.volume_failed(volume, error.code(), error.message());
            }
        }
    }
    left
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
                None => create_one(ec2, job, &volume, deadline).await,
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

async fn create_one(ec2: &impl CreateSnapshot, job: &RegionJob, volume: &Volume, deadline: Deadline) -> Outcome {
    let description = naming::description(volume, job.started_at);
    let create = async |tags| {
        let in_time = timeout_at(deadline.instant(), ec2.ready_to_create()).await.is_ok() && !deadline.passed();
        if in_time { Some(ec2.create(&volume.id, &description, &tags).await) } else { None }
    };
    let mut answer = create(tags::full(volume, job)).await;
    if matches!(&answer, Some(Err(error)) if error.kind() == Kind::Tags) {
        answer = create(tags::essential(volume, job)).await;
    }
    answer.map_or(Outcome::Deferred(None), outcome)
}

fn outcome(answer: Result<SnapshotId, Ec2Error>) -> Outcome {
    match answer {
        Ok(snapshot) => Outcome::Created(snapshot),
        Err(error) => match error.kind() {
            Kind::Throttled | Kind::Unavailable | Kind::Limit | Kind::Transitional | Kind::Expired => {
                Outcome::Deferred(Some(error))
            }
            Kind::VolumeGone => Outcome::Gone,
            Kind::Quota | Kind::SnapshotGone | Kind::SnapshotInUse | Kind::Tags | Kind::Other => Outcome::Failed(error),
        },
    }
}

fn answer(next: Next<VolumeId, Ec2Error>, mut tally: Tally) -> Response {
    match next {
        Next::Again { items, wait_seconds } => Response { deferred: items, wait_seconds, tally },
        Next::GiveUp(left) => {
            for (volume, error) in left {
                match error {
                    Some(error) => tally.volume_failed(volume, error.code(), error.message()),
                    None => tally.volume_failed(volume, STILL_DEFERRED, "its turn did not come in this run"),
                }
            }
            Response { deferred: Vec::new(), wait_seconds: 0, tally }
        }
    }
}
