//! `check-volumes`: looks whether the volumes of a restore are available.
//!
//! EC2 answers CreateVolume before it has asked KMS for the key: what KMS does not allow shows only here, as a volume in the state
//! `error`, or as one that is gone again.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use contract::errors::{STILL_WAITING, VOLUME_ERROR, VOLUME_LOST};
use contract::limits::{AVAILABLE_ROUNDS, UNSEEN_ROUNDS};
use contract::restore::Progress;
use contract::steps::check_volumes::{Request, Response};
use contract::{RestoreVolume, VolumeId};
use ec2::Ec2Error;
use ec2::port::SeeVolumes;
use policy::restore::seen::SeenVolume;
use policy::restore::waits;

/// Looks at the volumes that are being made.
///
/// # Errors
/// EC2's error when the volumes cannot be read.
pub async fn handle(ec2: &impl SeeVolumes, request: Request, now: DateTime<Utc>) -> Result<Response, Ec2Error> {
    let Request { job: _, mut volumes, rounds } = request;
    let ids: Vec<VolumeId> =
        volumes.iter().filter(|volume| is_creating(volume)).filter_map(|volume| volume.volume_id.clone()).collect();
    if ids.is_empty() {
        return Ok(Response { volumes, wait_seconds: 0, rounds: 0 });
    }
    let seen = ec2.seen(&ids).await?;
    let seen: BTreeMap<&VolumeId, &SeenVolume> = seen.iter().map(|volume| (&volume.id, volume)).collect();
    for volume in volumes.iter_mut().filter(|volume| is_creating(volume)) {
        let now_seen = volume.volume_id.as_ref().and_then(|id| seen.get(id).copied());
        look(volume, now_seen, rounds, now);
    }
    if volumes.iter().any(is_creating) {
        return Ok(Response { volumes, wait_seconds: waits::after(rounds), rounds: rounds + 1 });
    }
    Ok(Response { volumes, wait_seconds: 0, rounds: 0 })
}

fn is_creating(volume: &RestoreVolume) -> bool {
    volume.progress == Progress::Creating
}

fn look(volume: &mut RestoreVolume, seen: Option<&SeenVolume>, rounds: u32, now: DateTime<Utc>) {
    let last = rounds + 1 >= AVAILABLE_ROUNDS;
    match seen.map(|seen| (seen.state.as_str(), seen.created_at)) {
        Some(("available" | "in-use", created_at)) => {
            let took = created_at.map(|at| (now - at).num_seconds()).and_then(|took| u32::try_from(took).ok());
            tracing::info!(volume = ?volume.volume_id, took, "available");
            volume.available_after = took;
            volume.progress = Progress::Available;
            volume.unseen = 0;
        }
        Some(("error", _)) => volume.fail(VOLUME_ERROR, &in_error(volume)),
        Some(("deleting" | "deleted", _)) => volume.fail(VOLUME_LOST, "it was deleted while it was being made"),
        None if volume.unseen + 1 >= UNSEEN_ROUNDS => volume.fail(VOLUME_LOST, &format!("EC2 does not know it. {KEY}")),
        Some((state, _)) if last => volume.fail(STILL_WAITING, &format!("it is still in the state {state}")),
        None => volume.unseen += 1,
        Some(_) => volume.unseen = 0,
    }
}

/// What is most often wrong where EC2 does not say it.
const KEY: &str = "Most often it is the KMS key: it is disabled, or the role of create-volumes may not use it";

fn in_error(volume: &RestoreVolume) -> String {
    let encrypted =
        if volume.wanted.encrypted { KEY } else { "The event createVolume of EventBridge may have the cause" };
    format!("EC2 could not make it, and gives no reason. {encrypted}")
}
