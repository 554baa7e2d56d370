//! `create-volumes`: makes the volumes of a restore.
//!
//! Every call has a client token that is made of the restore and the snapshot, so one whose answer was lost is sent again and
//! makes nothing twice. A volume that EC2 refuses has failed, and the others go on; what passes with time comes back later.

use std::collections::BTreeMap;

use contract::errors::STILL_DEFERRED;
use contract::limits::CREATE_VOLUME_ROUNDS;
use contract::restore::Progress;
use contract::steps::create_volumes::{Request, Response};
use contract::{RestoreJob, RestoreVolume, SnapshotId, VolumeId};
use ec2::pace::WRITES_AT_ONCE;
use ec2::port::{CreateVolume, NewVolume, ReadRestorePoints};
use ec2::{Access, Ec2Error};
use futures::{StreamExt, stream};
use policy::restore::seen::RestorePoint;
use policy::restore::{client_token, tags, waits};
use step_runtime::Deadline;

/// Makes the volumes that are not made yet.
///
/// # Errors
/// EC2's error when the snapshots cannot be read: nothing was made then.
pub async fn handle<C>(access: &Access<C>, request: Request, deadline: Deadline) -> Result<Response, Ec2Error>
where
    C: ReadRestorePoints + CreateVolume,
{
    let Request { job, mut volumes, rounds } = request;
    let planned: Vec<SnapshotId> = volumes.iter().filter(|volume| is_planned(volume)).map(of).collect();
    let points = access.read().points(&planned).await?;
    let points: BTreeMap<&SnapshotId, &RestorePoint> = points.iter().map(|point| (point.id(), point)).collect();
    let Some(writer) = access.write() else { return Ok(Response { volumes, wait_seconds: 0, rounds: 0 }) };
    let last = rounds + 1 >= CREATE_VOLUME_ROUNDS;
    let answers: Vec<(usize, Option<Result<VolumeId, Ec2Error>>)> = stream::iter(volumes.iter().enumerate())
        .filter(|(_, volume)| std::future::ready(is_planned(volume)))
        .map(async |(n, volume)| {
            let Some(point) = points.get(&volume.snapshot_id) else {
                let gone = Ec2Error::coded("InvalidSnapshot.NotFound", "the snapshot is not there any more");
                return (n, Some(Err(gone)));
            };
            match deadline.allows(writer.ready_to_create_volume()).await {
                Some(()) => (n, Some(create(writer, &job, volume, point).await)),
                None => (n, None),
            }
        })
        .buffered(WRITES_AT_ONCE)
        .collect()
        .await;
    for (n, answer) in answers {
        let volume = &mut volumes[n];
        match answer {
            Some(Ok(id)) => {
                tracing::info!(volume = %id, snapshot = %volume.snapshot_id, "made");
                volume.volume_id = Some(id);
                volume.progress = Progress::Creating;
            }
            Some(Err(error)) if !error.passes_with_time() => {
                tracing::warn!(snapshot = %volume.snapshot_id, error = %error, "not made");
                volume.fail(error.code(), error.message());
            }
            left if last => {
                let said =
                    left.and_then(Result::err).map_or_else(|| "no time was left".to_owned(), |error| error.to_string());
                volume.fail(STILL_DEFERRED, &said);
            }
            left => {
                let error = left.and_then(Result::err);
                tracing::info!(snapshot = %volume.snapshot_id, error = error.as_ref().map(Ec2Error::code), "later");
            }
        }
    }
    if volumes.iter().any(is_planned) {
        return Ok(Response { volumes, wait_seconds: waits::after(rounds), rounds: rounds + 1 });
    }
    Ok(Response { volumes, wait_seconds: 0, rounds: 0 })
}

fn is_planned(volume: &RestoreVolume) -> bool {
    volume.progress == Progress::Planned
}

fn of(volume: &RestoreVolume) -> SnapshotId {
    volume.snapshot_id.clone()
}

async fn create(
    ec2: &impl CreateVolume,
    job: &RestoreJob,
    volume: &RestoreVolume,
    point: &RestorePoint,
) -> Result<VolumeId, Ec2Error> {
    let new = NewVolume {
        snapshot: &volume.snapshot_id,
        wanted: &volume.wanted,
        initialization_rate_mibps: job.initialization_rate_mibps,
        tags: &tags::of_volume(point, job),
        client_token: &client_token(&job.restore_id, job.started_at, &volume.snapshot_id),
    };
    ec2.create_volume(&new).await
}
