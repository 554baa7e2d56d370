//! `check-volumes` over volumes in memory.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use chrono::{DateTime, TimeDelta, Utc};
use contract::limits::{AVAILABLE_ROUNDS, UNSEEN_ROUNDS};
use contract::restore::Progress;
use contract::steps::check_volumes::{Request, Response};
use contract::{InstanceId, RestoreId, RestoreJob, RestoreVolume, VolumeId};
use ec2::Ec2Error;
use ec2::port::SeeVolumes;
use policy::model::Tags;
use policy::restore::seen::SeenVolume;

/// What EC2 lists: volume and state.
struct Fake(Result<Vec<(usize, &'static str)>, &'static str>);

fn now() -> DateTime<Utc> {
    "2026-11-26T10:01:00Z".parse().unwrap()
}

fn volume_id(n: usize) -> VolumeId {
    VolumeId::new(format!("vol-{n:08x}")).unwrap()
}

impl SeeVolumes for Fake {
    async fn seen(&self, ids: &[VolumeId]) -> Result<Vec<SeenVolume>, Ec2Error> {
        let listed = self.0.as_ref().map_err(|code| Ec2Error::coded(*code, "no"))?.iter();
        let seen = listed.map(|(n, state)| SeenVolume {
            id: volume_id(*n),
            state: (*state).to_owned(),
            created_at: Some(now() - TimeDelta::seconds(12)),
            tags: Tags::default(),
            attachments: Vec::new(),
        });
        Ok(seen.filter(|volume| ids.contains(&volume.id)).collect())
    }

    async fn attached_to(&self, _: &InstanceId) -> Result<Vec<SeenVolume>, Ec2Error> {
        unreachable!("only its own volumes are looked at")
    }

    async fn of_restore(&self, _: &RestoreId) -> Result<Vec<SeenVolume>, Ec2Error> {
        unreachable!("only its own volumes are looked at")
    }

    async fn of_tests(&self) -> Result<Vec<SeenVolume>, Ec2Error> {
        unreachable!("only its own volumes are looked at")
    }
}

fn job() -> RestoreJob {
    contract::parse::from_value(&serde_json::json!({
        "region": "eu-west-1", "restoreId": "restore-1", "startedAt": "2026-11-26T10:00:00Z", "dryRun": false, "test": false,
        "source": {"volumeId": "vol-00000001"}, "at": null, "attach": null, "replace": false,
        "initializationRateMiBps": null, "tags": {}, "backup": true, "pace": {"sharePercent": 80},
    }))
    .unwrap()
}

fn volume(n: usize, progress: &str, encrypted: bool) -> RestoreVolume {
    contract::parse::from_value(&serde_json::json!({
        "snapshotId": format!("snap-{n:08x}"), "takenAt": "2026-11-26T02:00:00Z", "source": null, "runId": null,
        "wanted": {"volumeType": "gp3", "sizeGiB": 8, "iops": null, "throughput": null, "zone": "eu-west-1a",
                   "encrypted": encrypted, "kmsKeyId": null},
        "device": null, "replaces": null, "progress": progress, "volumeId": volume_id(n),
        "availableAfter": null, "safetySnapshotId": null, "failure": null,
    }))
    .unwrap()
}

async fn looked(listed: &[(usize, &'static str)], volumes: Vec<RestoreVolume>, rounds: u32) -> Response {
    let request = Request { job: job(), volumes, rounds };
    check_volumes::handle(&Fake(Ok(listed.to_vec())), request, now()).await.unwrap()
}

/// What becomes of one volume that EC2 lists so, or not.
async fn outcome(state: Option<&'static str>, encrypted: bool, rounds: u32) -> (Progress, String, u32) {
    let listed: Vec<_> = state.into_iter().map(|state| (1, state)).collect();
    let answer = looked(&listed, vec![volume(1, "creating", encrypted)], rounds).await;
    let failure = answer.volumes[0].failure.clone();
    (
        answer.volumes[0].progress,
        failure.map(|f| format!("{}: {}", f.error, f.reason)).unwrap_or_default(),
        answer.wait_seconds,
    )
}

#[tokio::test]
async fn an_available_volume_says_how_long_it_took_and_others_are_waited_for() {
    let volumes = vec![volume(1, "creating", false), volume(2, "creating", false), volume(3, "failed", false)];
    let first = looked(&[(1, "available"), (2, "creating"), (3, "available")], volumes, 0).await;
    let progress: Vec<Progress> = first.volumes.iter().map(|volume| volume.progress).collect();
    assert_eq!(progress, [Progress::Available, Progress::Creating, Progress::Failed], "what failed is over with");
    assert_eq!((first.volumes[0].available_after, first.volumes[1].available_after), (Some(12), None));
    assert_eq!((first.wait_seconds, first.rounds), (5, 1));
    let second = looked(&[(2, "in-use")], first.volumes, first.rounds).await;
    assert_eq!((second.volumes[1].progress, second.wait_seconds, second.rounds), (Progress::Available, 0, 0));
}

#[tokio::test]
async fn a_volume_in_error_has_failed_and_the_key_is_named_where_there_is_one() {
    let (progress, failure, wait) = outcome(Some("error"), true, 0).await;
    assert_eq!((progress, wait), (Progress::Failed, 0));
    assert!(failure.starts_with("VolumeError: ") && failure.contains("KMS key"), "{failure}");
    let (_, failure, _) = outcome(Some("error"), false, 0).await;
    assert!(!failure.contains("KMS") && failure.contains("createVolume"), "{failure}");
    let (_, failure, _) = outcome(Some("deleting"), true, 0).await;
    assert_eq!(failure, "VolumeLost: it was deleted while it was being made");
}

#[tokio::test]
async fn a_volume_that_is_not_listed_yet_is_waited_for_and_then_lost() {
    let mut volumes = vec![volume(1, "creating", true)];
    for look in 1..UNSEEN_ROUNDS {
        volumes = looked(&[], volumes, look).await.volumes;
        assert_eq!(volumes[0].progress, Progress::Creating, "look {look}");
    }
    // Seen once, it is being made, however long that takes: a late listing is no loss.
    let seen = looked(&[(1, "creating")], volumes.clone(), 50).await.volumes;
    assert_eq!(looked(&[], seen, 51).await.volumes[0].progress, Progress::Creating);
    let lost = looked(&[], volumes, 50).await;
    assert_eq!((lost.volumes[0].progress, lost.wait_seconds), (Progress::Failed, 0));
    let failure = lost.volumes[0].failure.clone().unwrap();
    assert!(failure.error == "VolumeLost" && failure.reason.starts_with("EC2 does not know it"), "{failure:?}");
}

#[tokio::test]
async fn a_volume_that_never_becomes_available_is_given_up() {
    assert_eq!(outcome(Some("creating"), false, AVAILABLE_ROUNDS - 2).await.0, Progress::Creating);
    let (progress, failure, wait) = outcome(Some("creating"), false, AVAILABLE_ROUNDS - 1).await;
    assert_eq!((progress, wait), (Progress::Failed, 0));
    assert_eq!(failure, "StillWaiting: it is still in the state creating");
    assert_eq!(outcome(Some("available"), false, AVAILABLE_ROUNDS - 1).await.0, Progress::Available, "at last");
}

#[tokio::test]
async fn where_nothing_is_being_made_ec2_is_not_asked() {
    let request =
        Request { job: job(), volumes: vec![volume(1, "failed", false), volume(2, "planned", false)], rounds: 0 };
    let answer = check_volumes::handle(&Fake(Err("Unreachable")), request.clone(), now()).await.unwrap();
    assert_eq!((answer.volumes, answer.wait_seconds), (request.volumes, 0));
}

#[tokio::test]
async fn what_cannot_be_read_is_the_error_of_the_step() {
    let request = Request { job: job(), volumes: vec![volume(1, "creating", false)], rounds: 0 };
    let error = check_volumes::handle(&Fake(Err("UnauthorizedOperation")), request, now()).await.unwrap_err();
    assert_eq!(error.code(), "UnauthorizedOperation");
}
