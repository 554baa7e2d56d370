//! `create-snapshots`: the snapshots of a page of volumes, at most one per run and volume.
//!
//! EC2's CreateSnapshot has no client token, so the run's id, as a tag, is the token: what this run has made already is
//! looked up right before anything is created (S5). One bad volume is data, never an error. What EC2 would not take now
//! comes back as deferred, and the state machine waits; so does a create whose answer was lost, because the look-up of the
//! next round shows whether it was done.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use contract::errors::STILL_DEFERRED;
use contract::limits::LOOK_UP_SECONDS;
use contract::steps::create_snapshots::{Request, Response};
use contract::{RegionJob, SnapshotId, Tally, VolumeId};
use ec2::pace::WRITES_AT_ONCE;
use ec2::port::{CreateSnapshot, ReadSnapshots, ReadVolumes};
use ec2::{Access, Ec2Error, Kind};
use futures::{StreamExt, stream};
use policy::model::Volume;
use policy::rounds::{self, Left, Next};
use policy::selection::selects;
use policy::{naming, tags, type_advice};
use step_runtime::Deadline;

/// Volumes that are looked up together and then created.
const LOOKED_UP_TOGETHER: usize = 100;
/// How old a look-up may be. At a slow pace, not all of it can be used.
const LOOK_UP_GOOD_FOR: Duration = Duration::from_secs(LOOK_UP_SECONDS as u64);

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
    if let Some(writer) = access.write() {
        writer.go_on_creating_from(tally.drawn.create);
    }
    let asked = volume_ids.len();
    let (mut queue, mut left) = (VecDeque::from(volume_ids), Vec::new());
    let mut first = true;
    while !queue.is_empty() {
        let some: Vec<VolumeId> = queue.drain(..queue.len().min(LOOKED_UP_TOGETHER)).collect();
        let look_up = without_snapshot(access.read(), &job, &some, deadline);
        // Once something has been created the tally must not be lost: neither to Lambda's time-out nor to an error.
        let found = if first { Some(look_up.await) } else { deadline.allows(look_up).await };
        match found {
            Some(Ok(found)) => {
                let fresh = found.fresh;
                let not_done = back_up(access, &job, found, &mut tally, fresh).await;
                // Those whose turn did not come while the look-up was fresh are looked up again.
                let (stale, deferred): (Vec<_>, Vec<_>) =
                    not_done.into_iter().partition(|(_, error)| error.is_none() && !deadline.passed());
                queue.extend(stale.into_iter().map(|(volume, _)| volume));
                left.extend(deferred);
            }
            Some(Err(error)) if first => return Err(error),
            unknown => {
                let error = unknown.and_then(Result::err);
                left.extend(some.into_iter().map(|volume| (volume, error.clone())));
            }
        }
        first = false;
    }
    if let Some(writer) = access.write() {
        tally.drawn.create = writer.drawn_by_creates();
    }
    let progress = left.len() < asked;
    Ok(answer(rounds::after(left, progress, deadline.elapsed(), &mut tally.rounds), tally))
}

/// What a look-up found out about some volumes.
struct Found {
    /// They have a snapshot of this run. `None` for one that is gone since, or not selected any more.
    existing: Vec<Option<Volume>>,
    /// They are gone, or not selected any more.
    skipped: Vec<VolumeId>,
    /// They are to be snapshotted.
    wanted: Vec<Volume>,
    /// How long it can be relied on.
    fresh: Deadline,
}

async fn without_snapshot(
    ec2: &(impl ReadVolumes + ReadSnapshots),
    job: &RegionJob,
    volume_ids: &[VolumeId],
    deadline: Deadline,
) -> Result<Found, Ec2Error> {
    // The volumes first, and then, as the last thing before anything is created, what the run has made of them: the longer
    // ago that was looked up, the more of it may be missing, and every one that is missing is a twin to be.
    let mut now: BTreeMap<VolumeId, Volume> =
        ec2.volumes(volume_ids).await?.into_iter().map(|volume| (volume.id.clone(), volume)).collect();
    let fresh = deadline.no_later_than(LOOK_UP_GOOD_FOR);
    let there = ec2.of_run(&job.policy.name, &job.run_id, volume_ids).await?;
    // A snapshot that failed is none: the volume gets another.
    let there: BTreeSet<VolumeId> = there
        .into_iter()
        .filter(|snapshot| snapshot.state.is_backup())
        .filter_map(|snapshot| snapshot.volume)
        .collect();

    let mut found = Found { existing: Vec::new(), skipped: Vec::new(), wanted: Vec::new(), fresh };
    for id in volume_ids {
        let selected = now.remove(id).filter(|volume| selects(&job.policy.tag, &volume.tags));
        match selected {
            volume if there.contains(id) => found.existing.push(volume),
            Some(volume) => found.wanted.push(volume),
            None => found.skipped.push(id.clone()),
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
    // Each volume is advised upon where it is counted, and it is counted once: not as long as it is deferred.
    tally.volumes.existing += found.existing.len() as u64;
    found.existing.iter().flatten().for_each(|volume| advise(tally, job, volume));
    found.skipped.into_iter().for_each(|volume| skip(tally, volume));
    let Some(writer) = access.write() else {
        tally.volumes.planned += found.wanted.len() as u64;
        found.wanted.iter().for_each(|volume| advise(tally, job, volume));
        return Vec::new();
    };
    let mut left = Vec::new();
    for (volume, outcome) in create_all(writer, job, found.wanted, tally, deadline).await {
        match outcome {
            Outcome::Deferred(error) => left.push((volume.id, error)),
            Outcome::Created(snapshot) => {
                advise(tally, job, &volume);
                tally.volumes.created += 1;
                tally.created.push(snapshot);
            }
            Outcome::Gone => skip(tally, volume.id),
            Outcome::Failed(error) => {
                if error.kind() == Kind::Quota {
                    tally.creates_stopped = Some(error.code().to_owned());
                }
                advise(tally, job, &volume);
                fail(tally, volume.id, error.code(), error.message());
            }
        }
    }
    left
}

/// Says as which other type a volume would be cheaper or better, where the policy asks for it. The log has all that there
/// is to advise; the report counts what saves most.
fn advise(tally: &mut Tally, job: &RegionJob, volume: &Volume) {
    if !job.policy.advice {
        return;
    }
    let advice = type_advice::advise(&volume.spec);
    for advice in &advice {
        let now = format!("{} {} GiB", volume.spec.volume_type, volume.spec.size_gib);
        let (volume, saves_cents, note) = (&volume.id, advice.saves_cents, advice.note);
        tracing::info!(%volume, now, to = %advice, saves_cents, ?note, "cheaper or better as another type");
    }
    if let Some(first) = advice.first() {
        tally.volume_advised(volume.id.clone(), &first.to_string(), first.saves_cents, first.note);
    }
}

/// The report shows the first few, the log has them all.
fn fail(tally: &mut Tally, volume: VolumeId, error: &str, message: &str) {
    tracing::warn!(%volume, error, message, "no snapshot");
    tally.volume_failed(volume, error, message);
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
) -> Vec<(Volume, Outcome)> {
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
            (volume, outcome)
        })
        .buffered(WRITES_AT_ONCE)
        .collect()
        .await
}

async fn create_one(ec2: &impl CreateSnapshot, job: &RegionJob, volume: &Volume, deadline: Deadline) -> Outcome {
    let description = naming::description(volume, job.started_at);
    let create = async |tags| match deadline.allows(ec2.ready_to_create()).await {
        Some(()) => Some(ec2.create(&volume.id, &description, &tags).await),
        None => None,
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
        Err(error) if error.passes_with_time() => Outcome::Deferred(Some(error)),
        Err(error) if error.kind() == Kind::VolumeGone => Outcome::Gone,
        Err(error) => Outcome::Failed(error),
    }
}

fn answer(next: Next<VolumeId, Ec2Error>, mut tally: Tally) -> Response {
    match next {
        Next::Again { items, wait_seconds } => Response { deferred: items, wait_seconds, tally },
        Next::GiveUp(left) => {
            for (volume, error) in left {
                match error {
                    Some(error) => fail(&mut tally, volume, error.code(), error.message()),
                    None => fail(&mut tally, volume, STILL_DEFERRED, "its turn did not come in this run"),
                }
            }
            Response { deferred: Vec::new(), wait_seconds: 0, tally }
        }
    }
}
