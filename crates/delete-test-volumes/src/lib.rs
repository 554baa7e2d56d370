//! `delete-test-volumes`: deletes the volumes of a restore test.
//!
//! All that a restore ever deletes. A volume is deleted when it bears the tag of this test, or that of an earlier one that was cut
//! off a day ago and more; what bears no such tag is never looked at, and IAM would refuse it (S1).

use chrono::{DateTime, TimeDelta, Utc};
use contract::errors::{NOT_OURS, STILL_DEFERRED};
use contract::limits::{DELETE_VOLUME_ROUNDS, STRAY_TEST_VOLUME_HOURS};
use contract::restore::Progress;
use contract::selector::{EXCLUDE_TAG, RESTORED_AT_TAG, TEST_TAG};
use contract::steps::delete_test_volumes::{Request, Response};
use contract::{RestoreJob, VolumeId};
use ec2::port::{DeleteVolume, SeeVolumes};
use ec2::{Access, Ec2Error, Kind};
use policy::restore::seen::SeenVolume;
use policy::restore::waits;

/// Deletes what the test has made.
///
/// # Errors
/// EC2's error when the volumes cannot be read.
pub async fn handle<C>(access: &Access<C>, request: Request, now: DateTime<Utc>) -> Result<Response, Ec2Error>
where
    C: SeeVolumes + DeleteVolume,
{
    let Request { job, mut volumes, rounds } = request;
    let Some(writer) = access.write().filter(|_| job.test) else {
        return Ok(Response { volumes, wait_seconds: 0, rounds: 0 });
    };
    let mut left: Vec<(VolumeId, String)> = Vec::new();
    let mut of_this_test: Vec<VolumeId> = Vec::new();
    for volume in access.read().of_tests().await? {
        let ours = is_of(&volume, &job);
        if ours {
            of_this_test.push(volume.id.clone());
        }
        if !(ours || is_stray(&volume, now)) || matches!(volume.state.as_str(), "deleting" | "deleted") {
            continue;
        }
        writer.ready_to_delete_volume().await;
        match writer.delete_volume(&volume.id).await {
            Ok(()) => tracing::info!(volume = %volume.id, ours, "deleted"),
            Err(error) if error.kind() == Kind::VolumeGone => {}
            Err(error) => {
                tracing::warn!(volume = %volume.id, ours, %error, "not deleted");
                // What an earlier test left is only taken along.
                if ours {
                    left.push((volume.id.clone(), error.to_string()));
                }
            }
        }
    }
    // Also one that the listing does not show yet; but not one whose tag somebody took away: that is theirs now.
    let unlisted: Vec<VolumeId> = volumes
        .iter()
        .filter(|volume| volume.progress != Progress::Deleted)
        .filter_map(|volume| volume.volume_id.clone().filter(|id| !of_this_test.contains(id)))
        .collect();
    let mut theirs: Vec<VolumeId> = Vec::new();
    if !unlisted.is_empty() {
        let seen = access.read().seen(&unlisted).await?;
        theirs.extend(seen.into_iter().filter(|volume| !is_of(volume, &job)).map(|volume| volume.id));
    }
    for id in unlisted.into_iter().filter(|id| !theirs.contains(id)) {
        writer.ready_to_delete_volume().await;
        match writer.delete_volume(&id).await {
            Ok(()) => tracing::info!(volume = %id, "deleted"),
            Err(error) if error.kind() == Kind::VolumeGone => {}
            Err(error) => left.push((id, error.to_string())),
        }
    }
    let last = rounds + 1 >= DELETE_VOLUME_ROUNDS;
    for volume in volumes.iter_mut().filter(|volume| volume.volume_id.is_some()) {
        if volume.volume_id.as_ref().is_some_and(|id| theirs.contains(id)) {
            volume.fail(NOT_OURS, &format!("somebody took the tag {TEST_TAG} away, so it is not deleted"));
            continue;
        }
        match left.iter().find(|(id, _)| Some(id) == volume.volume_id.as_ref()) {
            Some((_, reason)) if last => volume.fail(STILL_DEFERRED, &format!("it was not deleted: {reason}")),
            Some(_) => {}
            None => volume.progress = Progress::Deleted,
        }
    }
    if left.is_empty() || last {
        return Ok(Response { volumes, wait_seconds: 0, rounds: 0 });
    }
    Ok(Response { volumes, wait_seconds: waits::after(rounds), rounds: rounds + 1 })
}

fn is_of(volume: &SeenVolume, job: &RestoreJob) -> bool {
    // A name may come again: what a test of long ago left under it is a stray, and judged as one.
    let of_this_time = volume.created_at.is_none_or(|at| at >= job.started_at - TimeDelta::minutes(5));
    of_this_time && volume.tags.get(TEST_TAG) == Some(job.restore_id.as_str())
}

fn is_stray(volume: &SeenVolume, now: DateTime<Utc>) -> bool {
    let old = volume.created_at.is_some_and(|at| now - at > TimeDelta::hours(STRAY_TEST_VOLUME_HOURS));
    // One that a test made bears all that tests write; one that somebody uses for something else has lost some of it.
    let untouched = volume.tags.has(EXCLUDE_TAG) && volume.tags.has(RESTORED_AT_TAG);
    old && untouched && matches!(volume.state.as_str(), "available" | "error")
}
