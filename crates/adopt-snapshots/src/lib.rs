//! `adopt-snapshots`: what others left behind in a region, and what of it is taken over.
//!
//! The script that people had before left snapshots that nothing purges any more. A policy that allows it lists them in every
//! report; a run that is asked to writes the policy's tags on them, and from then on they are its snapshots, with its
//! retention, its floor and its guard. What services of AWS made is counted, and never touched.

use contract::errors::STILL_DEFERRED;
use contract::limits::ADOPTION_ROUNDS;
use contract::steps::adopt_snapshots::{Request, Response};
use contract::tally::Adoption;
use contract::{RegionJob, SnapshotId, Tally};
use ec2::pace::WRITES_AT_ONCE;
use ec2::port::{AdoptSnapshot, ReadForeign};
use ec2::{Access, Ec2Error, Kind};
use futures::{StreamExt, stream};
use policy::adoption::{self, Foreign, Maker, Origin};
use step_runtime::Deadline;

/// The tag keys that services of AWS write on the snapshots they make.
const OF_AWS: [&str; 2] = ["aws:dlm:*", "aws:backup:*"];

/// What became of one snapshot.
enum Outcome {
    Adopted,
    /// Its turn did not come, or EC2 did not take it now.
    Deferred,
    Failed(Ec2Error),
}

/// Lists what can be adopted, and adopts it where the run is asked to.
///
/// # Errors
/// EC2's error when the snapshots cannot be read: nothing was adopted then.
pub async fn handle<C>(access: &Access<C>, request: Request, deadline: Deadline) -> Result<Response, Ec2Error>
where
    C: ReadForeign + AdoptSnapshot,
{
    let Request { job, mut tally } = request;
    let candidates = listed(access.read(), &job, &mut tally).await?;
    let more = match access.write().filter(|_| job.adopt) {
        Some(writer) => adopt_all(writer, &job, candidates, &mut tally, deadline).await,
        None => false,
    };
    Ok(Response { more, tally })
}

/// The snapshots that can be adopted. The first time, all that there is goes into the tally; later, what was adopted is gone
/// from the list.
async fn listed(
    ec2: &impl ReadForeign,
    job: &RegionJob,
    tally: &mut Tally,
) -> Result<Vec<(SnapshotId, Origin)>, Ec2Error> {
    let key = &job.policy.tag.key;
    let of_script = |snapshot: Foreign| match adoption::maker(&snapshot, key) {
        Maker::Script(origin) => Some((snapshot.id, origin)),
        Maker::LifecycleManager | Maker::AwsBackup | Maker::Other => None,
    };
    let mut candidates = ec2.bearing(&[key.as_str()], of_script).await?;
    candidates.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    if tally.adoption.is_none() {
        let mut found = Adoption::default();
        found.candidates.extend(candidates.iter().map(|(id, _)| id.clone()));
        for maker in ec2.bearing(&OF_AWS, |snapshot| Some(adoption::maker(&snapshot, key))).await? {
            match maker {
                Maker::LifecycleManager => found.lifecycle_manager += 1,
                Maker::AwsBackup => found.aws_backup += 1,
                Maker::Script(_) | Maker::Other => {}
            }
        }
        for (snapshot, origin) in &candidates {
            tracing::info!(%snapshot, volume = %origin.volume, stamp = origin.stamp, "can be adopted");
        }
        tally.adoption = Some(found);
    }
    Ok(candidates)
}

/// Adopts as many as the time allows, and says whether to come back for more.
async fn adopt_all(
    ec2: &impl AdoptSnapshot,
    job: &RegionJob,
    candidates: Vec<(SnapshotId, Origin)>,
    tally: &mut Tally,
    deadline: Deadline,
) -> bool {
    let outcomes: Vec<(SnapshotId, Outcome)> = stream::iter(candidates)
        .map(async |(id, origin)| {
            let outcome = match deadline.allows(ec2.ready_to_adopt()).await {
                Some(()) => outcome(ec2.adopt(&id, &adoption::tags(&origin, job)).await),
                None => Outcome::Deferred,
            };
            (id, outcome)
        })
        .buffered(WRITES_AT_ONCE)
        .collect()
        .await;
    let (mut adopted, mut deferred) = (0, 0);
    let last = tally.rounds.adopting >= ADOPTION_ROUNDS;
    for (snapshot, outcome) in outcomes {
        match outcome {
            Outcome::Adopted => adopted += 1,
            Outcome::Deferred if last => tally.adoption_failed(STILL_DEFERRED),
            Outcome::Deferred => deferred += 1,
            Outcome::Failed(error) => {
                tracing::warn!(%snapshot, error = error.code(), message = error.message(), "not adopted");
                tally.adoption_failed(error.code());
            }
        }
    }
    tally.adoption.get_or_insert_default().adopted += adopted;
    // Those that failed would fail again: the next run finds them where they are.
    let more = deferred > 0;
    tally.rounds.adopting += u32::from(more);
    more
}

fn outcome(answer: Result<(), Ec2Error>) -> Outcome {
    match answer {
        Ok(()) => Outcome::Adopted,
        Err(error) if error.passes_with_time() => Outcome::Deferred,
        // Somebody has deleted it meanwhile: nothing is left to adopt.
        Err(error) if error.kind() == Kind::SnapshotGone => Outcome::Adopted,
        Err(error) => Outcome::Failed(error),
    }
}
