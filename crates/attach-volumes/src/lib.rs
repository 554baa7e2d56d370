//! `attach-volumes`: attaches the volumes of a restore.
//!
//! Each call looks at what is there and makes the next move for each volume; [`placement`] decides which. A set of volumes is
//! attached as a whole: when one of them cannot be attached, all live volumes that others took the place of are put back.

use std::collections::BTreeMap;

use contract::errors::NOT_ATTACHED;
use contract::restore::{Failure, Progress};
use contract::steps::attach_volumes::{Request, Response};
use contract::{InstanceId, RestoreJob, RestoreVolume, VolumeId};
use ec2::port::{CreateSnapshot, MoveVolume, SeeVolumes};
use ec2::{Access, Ec2Error};
use policy::model::SnapshotState;
use policy::restore::placement::{self, End, Move, Scene};
use policy::restore::seen::SeenVolume;
use policy::restore::{tags, waits};
use policy::restore_point::Candidate;
use step_runtime::Deadline;

/// Makes the next move for each volume.
///
/// # Errors
/// EC2's error when volumes cannot be read.
pub async fn handle<C>(access: &Access<C>, request: Request, deadline: Deadline) -> Result<Response, Ec2Error>
where
    C: SeeVolumes + MoveVolume + CreateSnapshot,
{
    let Request { job, mut volumes, rounds } = request;
    let (Some(target), Some(writer)) = (&job.attach, access.write()) else {
        return Ok(Response { volumes, wait_seconds: 0, rounds: 0 });
    };
    let instance = &target.instance_id;
    if rounds == 0 && leave_alone(&mut volumes) {
        return Ok(Response { volumes, wait_seconds: 0, rounds: 0 });
    }
    recall_snapshots(writer, &job, &mut volumes).await?;
    let attached = access.read().attached_to(instance).await?;
    let ids: Vec<VolumeId> =
        volumes.iter().flat_map(|volume| [&volume.volume_id, &volume.replaces]).flatten().cloned().collect();
    let seen = access.read().seen(&ids).await?;
    let seen: BTreeMap<&VolumeId, &SeenVolume> = seen.iter().map(|volume| (&volume.id, volume)).collect();
    for n in 0..volumes.len() {
        // The rest has its turn in the next round; what was done must not be lost.
        if deadline.passed() {
            break;
        }
        // Once one has failed, no further live volume is taken away.
        let lost = volumes.iter().any(has_turned_back);
        let volume = &mut volumes[n];
        if !is_under_way(volume) || (lost && volume.replaces.is_some() && volume.progress == Progress::Available) {
            continue;
        }
        let of = |id: &Option<VolumeId>| id.as_ref().and_then(|id| seen.get(id).copied());
        let scene =
            Scene { instance, restored: of(&volume.volume_id), replaced: of(&volume.replaces), attached: &attached };
        make_moves(writer, &job, instance, volume, scene, rounds).await;
    }
    if volumes.iter().any(has_turned_back) {
        turn_all_back(&mut volumes);
    }
    if volumes.iter().any(is_under_way) {
        return Ok(Response { volumes, wait_seconds: waits::after(rounds), rounds: rounds + 1 });
    }
    Ok(Response { volumes, wait_seconds: 0, rounds: 0 })
}

fn is_under_way(volume: &RestoreVolume) -> bool {
    volume.progress == Progress::PuttingBack || (volume.progress == Progress::Available && volume.failure.is_none())
}

fn has_turned_back(volume: &RestoreVolume) -> bool {
    matches!(volume.progress, Progress::PuttingBack | Progress::PutBack | Progress::Failed)
}

/// A set of which one was never made is not begun: the instance would get data of two moments.
fn leave_alone(volumes: &mut [RestoreVolume]) -> bool {
    let failed = volumes.iter().any(|volume| volume.progress == Progress::Failed);
    if failed {
        for volume in volumes.iter_mut().filter(|volume| volume.progress == Progress::Available) {
            volume.note(NOT_ATTACHED, "another volume of this restore failed, so none was attached");
        }
    }
    failed
}

/// All that were replaced come back, also those whose own turn went well.
fn turn_all_back(volumes: &mut [RestoreVolume]) {
    for volume in volumes.iter_mut().filter(|volume| volume.replaces.is_some()) {
        let comes_back = match volume.progress {
            Progress::Attached => true,
            Progress::Available => volume.failure.is_none(),
            _ => false,
        };
        if comes_back {
            volume.note(
                NOT_ATTACHED,
                "another volume of this restore could not be attached, so the old ones are put back",
            );
            volume.progress = Progress::PuttingBack;
        }
    }
}

/// A snapshot that was made, and whose making nobody heard of, is not made again.
async fn recall_snapshots(
    ec2: &impl MoveVolume,
    job: &RestoreJob,
    volumes: &mut [RestoreVolume],
) -> Result<(), Ec2Error> {
    let unsure = |volume: &RestoreVolume| volume.replaces.is_some() && volume.safety_snapshot_id.is_none();
    if !volumes.iter().any(unsure) {
        return Ok(());
    }
    let made = ec2.snapshots_of_restore(&job.restore_id).await?;
    // Not one of a restore that had the same name, long ago; nor one that came to nothing.
    let safe = |made: &Candidate| made.started_at >= job.started_at && made.state != SnapshotState::Error;
    for volume in volumes.iter_mut().filter(|volume| unsure(volume)) {
        let of = made.iter().find(|made| safe(made) && made.volume.is_some() && made.volume == volume.replaces);
        volume.safety_snapshot_id = of.map(|made| made.id.clone());
    }
    Ok(())
}

/// Makes moves until EC2 has something to do.
async fn make_moves<C>(
    ec2: &C,
    job: &RestoreJob,
    instance: &InstanceId,
    volume: &mut RestoreVolume,
    scene: Scene<'_>,
    rounds: u32,
) where
    C: MoveVolume + CreateSnapshot,
{
    loop {
        let next = placement::next(volume, scene, rounds);
        tracing::info!(volume = ?volume.volume_id, ?next, rounds, "next");
        let moves = !matches!(next, Move::Snapshot(_));
        let answer = match next {
            Move::Snapshot(replaced) => {
                ec2.ready_to_create().await;
                let description = tags::safety_description(&replaced, job);
                match ec2.create(&replaced, &description, &tags::of_safety_snapshot(&replaced, job)).await {
                    Ok(snapshot) => {
                        volume.safety_snapshot_id = Some(snapshot);
                        // Its moment is fixed now, however long EC2 takes to copy it: the next move can follow at once.
                        continue;
                    }
                    Err(error) => Err(error),
                }
            }
            Move::Detach(id) => {
                ec2.ready_to_move().await;
                ec2.detach(&id, instance).await
            }
            Move::Attach(id) => {
                let Some(device) = &volume.device else { return };
                ec2.ready_to_move().await;
                ec2.attach(&id, instance, device).await
            }
            Move::Wait => Ok(()),
            Move::Done(end) => return ended(volume, end),
        };
        if let Err(error) = answer {
            stumbled(volume, &error, moves);
        }
        return;
    }
}

fn ended(volume: &mut RestoreVolume, end: End) {
    match end {
        End::Attached => volume.progress = Progress::Attached,
        End::PutBack => volume.progress = Progress::PutBack,
        End::Failed(error, reason) if volume.progress == Progress::PuttingBack => {
            // What matters most now is not why the new one failed, but that the old one is not back.
            let first = volume.failure.as_ref().map(|first| format!(". Why: {}: {}", first.error, first.reason));
            volume.failure = Some(Failure::new(error, &(reason + &first.unwrap_or_default())));
            volume.progress = Progress::Failed;
        }
        End::Failed(error, reason) => volume.fail(error, &reason),
        End::TurnBack(error, reason) => {
            volume.note(error, &reason);
            volume.progress = Progress::PuttingBack;
        }
    }
}

/// EC2 refused a move. While a volume is put back, it is tried again until the time for it is over.
fn stumbled(volume: &mut RestoreVolume, error: &Ec2Error, moves: bool) {
    tracing::warn!(volume = ?volume.volume_id, %error, "EC2 refused a move");
    if error.passes_with_time() || is_of_a_late_look(error) || volume.progress == Progress::PuttingBack {
        return;
    }
    if volume.replaces.is_some() && moves {
        // A detach may have been sent, whatever the listing says yet: who puts back looks first whether it is there.
        volume.note(error.code(), error.message());
        volume.progress = Progress::PuttingBack;
    } else {
        volume.fail(error.code(), error.message());
    }
}

/// Whether EC2 refuses a move because it is made already, or because the device is not let go of yet: the next look shows which. An
/// answer to AttachVolume may be lost, and the listing late. What is there to stay, the look tells too.
fn is_of_a_late_look(error: &Ec2Error) -> bool {
    let taken = error.code() == "InvalidParameterValue" && error.message().contains("in use");
    taken || matches!(error.code(), "VolumeInUse" | "InvalidAttachment.NotFound")
}
