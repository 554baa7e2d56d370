//! `delete-test-volumes` over volumes in memory.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use contract::limits::DELETE_VOLUME_ROUNDS;
use contract::restore::Progress;
use contract::steps::delete_test_volumes::{Request, Response};
use contract::{InstanceId, RestoreId, RestoreJob, RestoreVolume, VolumeId};
use ec2::port::{DeleteVolume, SeeVolumes};
use ec2::{Access, Ec2Error};
use policy::restore::seen::SeenVolume;
use proptest::prelude::*;

const TEST: &str = "ebs-backup:restore-test";

#[derive(Default)]
struct Fake {
    volumes: Mutex<BTreeMap<VolumeId, SeenVolume>>,
    /// Volumes that no listing shows yet.
    unlisted: Vec<VolumeId>,
    /// What the deletes of a volume answer, one after the other; then they succeed.
    script: Mutex<BTreeMap<VolumeId, VecDeque<&'static str>>>,
    sent: Mutex<Vec<VolumeId>>,
}

fn now() -> DateTime<Utc> {
    "2026-11-26T12:00:00Z".parse().unwrap()
}

fn volume_id(n: usize) -> VolumeId {
    VolumeId::new(format!("vol-{n:08x}")).unwrap()
}

impl Fake {
    /// Volume `n` in this state, so many hours old, with these tags.
    fn with(mut self, n: usize, state: &str, hours: Option<i64>, tags: &[(&str, &str)]) -> Self {
        let volume = SeenVolume {
            id: volume_id(n),
            state: state.to_owned(),
            created_at: hours.map(|hours| now() - TimeDelta::hours(hours)),
            tags: tags.iter().copied().collect(),
            attachments: Vec::new(),
        };
        self.volumes.get_mut().unwrap().insert(volume_id(n), volume);
        self
    }

    fn ours(self, n: usize, state: &str) -> Self {
        self.with(n, state, Some(0), &[(TEST, "restore-1")])
    }

    fn unlisted(mut self, n: usize) -> Self {
        self.unlisted.push(volume_id(n));
        self
    }

    fn answers(mut self, n: usize, codes: impl IntoIterator<Item = &'static str>) -> Self {
        self.script.get_mut().unwrap().insert(volume_id(n), codes.into_iter().collect());
        self
    }

    fn left(&self) -> Vec<VolumeId> {
        self.volumes.lock().unwrap().keys().cloned().collect()
    }

    fn sent(&self) -> Vec<VolumeId> {
        self.sent.lock().unwrap().clone()
    }

    fn listed(&self, fits: impl Fn(&SeenVolume) -> bool) -> Vec<SeenVolume> {
        let volumes = self.volumes.lock().unwrap();
        volumes.values().filter(|volume| !self.unlisted.contains(&volume.id) && fits(volume)).cloned().collect()
    }
}

impl SeeVolumes for Fake {
    async fn seen(&self, ids: &[VolumeId]) -> Result<Vec<SeenVolume>, Ec2Error> {
        Ok(self.listed(|volume| ids.contains(&volume.id)))
    }

    async fn attached_to(&self, _: &InstanceId) -> Result<Vec<SeenVolume>, Ec2Error> {
        unreachable!("a test attaches nothing")
    }

    async fn of_restore(&self, _: &RestoreId) -> Result<Vec<SeenVolume>, Ec2Error> {
        unreachable!("the test's own tag is what counts")
    }

    async fn of_tests(&self) -> Result<Vec<SeenVolume>, Ec2Error> {
        Ok(self.listed(|volume| volume.tags.has(TEST)))
    }
}

impl DeleteVolume for Fake {
    async fn delete_volume(&self, volume: &VolumeId) -> Result<(), Ec2Error> {
        self.sent.lock().unwrap().push(volume.clone());
        if let Some(code) = self.script.lock().unwrap().get_mut(volume).and_then(VecDeque::pop_front) {
            return Err(Ec2Error::coded(code, "no"));
        }
        match self.volumes.lock().unwrap().remove(volume) {
            Some(_) => Ok(()),
            None => Err(Ec2Error::coded("InvalidVolume.NotFound", "no")),
        }
    }
}

fn job(test: bool, dry_run: bool) -> RestoreJob {
    contract::parse::from_value(&serde_json::json!({
        "region": "eu-west-1", "restoreId": "restore-1", "startedAt": "2026-11-26T11:50:00Z", "dryRun": dry_run, "test": test,
        "source": {"sample": {"volumes": 3}}, "at": null, "attach": null, "replace": false,
        "initializationRateMiBps": null, "tags": {}, "backup": true, "pace": {"sharePercent": 80},
    }))
    .unwrap()
}

fn volume(n: usize, progress: &str) -> RestoreVolume {
    contract::parse::from_value(&serde_json::json!({
        "snapshotId": format!("snap-{n:08x}"), "takenAt": "2026-11-26T02:00:00Z", "source": null, "runId": null,
        "wanted": {"volumeType": "gp3", "sizeGiB": 8, "iops": null, "throughput": null, "zone": "eu-west-1a",
                   "encrypted": false, "kmsKeyId": null},
        "device": null, "replaces": null, "progress": progress,
        "volumeId": if progress == "planned" { None } else { Some(volume_id(n)) },
        "availableAfter": null, "safetySnapshotId": null, "failure": null,
    }))
    .unwrap()
}

async fn step(ec2: &Arc<Fake>, job: RestoreJob, volumes: Vec<RestoreVolume>, rounds: u32) -> Response {
    let access = Access::of_restore(&job, Arc::clone(ec2));
    delete_test_volumes::handle(&access, Request { job, volumes, rounds }, now()).await.unwrap()
}

fn progress(answer: &Response) -> Vec<Progress> {
    answer.volumes.iter().map(|volume| volume.progress).collect()
}

#[tokio::test]
async fn the_volumes_of_a_test_are_deleted_however_far_they_are_and_one_that_nobody_heard_of_too() {
    let ec2 = Arc::new(Fake::default().ours(1, "available").ours(2, "error").ours(3, "creating").ours(9, "available"));
    let volumes = vec![volume(1, "available"), volume(2, "failed"), volume(3, "creating"), volume(4, "planned")];
    let answer = step(&ec2, job(true, false), volumes, 0).await;
    assert_eq!(progress(&answer), [Progress::Deleted, Progress::Deleted, Progress::Deleted, Progress::Planned]);
    assert_eq!((ec2.left(), answer.wait_seconds, answer.rounds), (vec![], 0, 0));
}

#[tokio::test]
async fn s1_only_what_bears_the_tag_of_this_test_or_of_one_a_day_ago_is_deleted() {
    let stray = vec![
        (TEST, "restore-0"),
        ("ebs-backup:restored-at", "2026-11-20T06:00:00Z"),
        ("ebs-backup:exclude", "restore test"),
    ];
    for (state, hours, tags, deleted) in [
        ("available", Some(0), vec![(TEST, "restore-1")], true),
        ("available", Some(25), stray.clone(), true),
        ("error", Some(25), stray.clone(), true),
        ("available", Some(24), stray.clone(), false), // it may be at work
        ("available", None, stray.clone(), false),
        ("in-use", Some(99), stray.clone(), false), // somebody found a use for it
        ("creating", Some(99), stray.clone(), false),
        ("available", Some(99), stray[..2].to_vec(), false), // somebody wants it backed up
        ("available", Some(99), vec![(TEST, "restore-0")], false), // the tag was copied
        ("deleting", Some(0), vec![(TEST, "restore-1")], false),
        ("available", Some(99), vec![], false),
        ("available", Some(99), vec![("ebs-backup:restore", "restore-1")], false),
        ("available", Some(99), vec![("ebs-backup:Restore-Test", "restore-1")], false),
        ("available", Some(0), vec![(TEST, "Restore-1")], false),
    ] {
        let case = format!("{state} {hours:?} {tags:?}");
        let ec2 = Arc::new(Fake::default().with(5, state, hours, &tags));
        step(&ec2, job(true, false), vec![], 0).await;
        assert_eq!(ec2.sent(), if deleted { vec![volume_id(5)] } else { vec![] }, "{case}");
    }
}

#[tokio::test]
async fn s1_a_volume_whose_tag_somebody_took_away_is_his_and_is_reported() {
    let ec2 = Arc::new(Fake::default().ours(1, "available").with(2, "available", Some(0), &[("Name", "mine now")]));
    let answer = step(&ec2, job(true, false), vec![volume(1, "available"), volume(2, "available")], 0).await;
    assert_eq!((ec2.sent(), ec2.left()), (vec![volume_id(1)], vec![volume_id(2)]));
    assert_eq!(progress(&answer), [Progress::Deleted, Progress::Failed]);
    let failure = answer.volumes[1].failure.clone().unwrap();
    assert_eq!(failure.reason, "somebody took the tag ebs-backup:restore-test away, so it is not deleted");
}

#[tokio::test]
async fn a_volume_that_the_listing_does_not_show_yet_is_deleted_by_its_id() {
    let ec2 = Arc::new(Fake::default().ours(1, "creating").unlisted(1));
    let answer = step(&ec2, job(true, false), vec![volume(1, "creating"), volume(2, "failed")], 0).await;
    assert_eq!((ec2.left(), progress(&answer)), (vec![], vec![Progress::Deleted; 2]), "and one that is gone is gone");
}

#[tokio::test]
async fn what_ec2_does_not_delete_now_comes_back_later() {
    let ec2 = Arc::new(
        Fake::default().ours(1, "creating").ours(2, "available").answers(1, ["IncorrectState", "VolumeInUse"]),
    );
    let mut answer = step(&ec2, job(true, false), vec![volume(1, "creating"), volume(2, "available")], 0).await;
    assert_eq!((progress(&answer), answer.wait_seconds), (vec![Progress::Creating, Progress::Deleted], 5));
    while answer.wait_seconds > 0 {
        answer = step(&ec2, job(true, false), answer.volumes, answer.rounds).await;
    }
    assert_eq!((progress(&answer), ec2.left()), (vec![Progress::Deleted; 2], vec![]));
    assert_eq!(ec2.sent().iter().filter(|id| **id == volume_id(2)).count(), 1, "what is deleted is not deleted again");
}

#[tokio::test]
async fn what_is_never_deleted_is_given_up_and_says_so() {
    let ec2 = Arc::new(Fake::default().ours(1, "in-use").answers(1, ["VolumeInUse"; 100]));
    let mut answer = step(&ec2, job(true, false), vec![volume(1, "available")], 0).await;
    while answer.wait_seconds > 0 {
        answer = step(&ec2, job(true, false), answer.volumes, answer.rounds).await;
    }
    assert_eq!((progress(&answer), ec2.sent().len()), (vec![Progress::Failed], DELETE_VOLUME_ROUNDS as usize));
    let failure = answer.volumes[0].failure.clone().unwrap();
    assert_eq!(
        (failure.error.as_str(), failure.reason.as_str()),
        ("StillDeferred", "it was not deleted: VolumeInUse: no")
    );
}

#[tokio::test]
async fn an_earlier_tests_volume_that_is_not_deleted_holds_nobody_up() {
    let ec2 = Arc::new(Fake::default().with(7, "available", Some(48), &[(TEST, "old")]).answers(7, ["VolumeInUse"]));
    let answer = step(&ec2, job(true, false), vec![], 0).await;
    assert_eq!((answer.wait_seconds, ec2.left()), (0, vec![volume_id(7)]));
}

#[tokio::test]
async fn s1_s9_a_restore_that_is_no_test_and_a_dry_run_delete_nothing() {
    for job in [job(false, false), job(true, true), job(false, true)] {
        let ec2 = Arc::new(Fake::default().ours(1, "available").with(2, "available", Some(99), &[(TEST, "old")]));
        let answer = step(&ec2, job, vec![volume(1, "available")], 0).await;
        assert_eq!((ec2.sent(), progress(&answer), answer.wait_seconds), (vec![], vec![Progress::Available], 0));
    }
}

proptest! {
    #[test]
    fn s1_whatever_there_is_nothing_without_the_tests_tag_is_ever_asked_to_be_deleted(
        raw in prop::collection::vec((0_usize..4, 0_usize..5, prop::option::of(0_i64..60), any::<bool>()), 0..12),
        rounds in 0_u32..50,
    ) {
        let mut ec2 = Fake::default();
        let tags: [&[(&str, &str)]; 4] = [&[], &[(TEST, "restore-1")], &[(TEST, "other")], &[("ebs-backup:restore", "restore-1")]];
        for (n, (tag, state, hours, _)) in raw.iter().enumerate() {
            ec2 = ec2.with(n, ["available", "in-use", "error", "creating", "deleting"][*state], *hours, tags[*tag]);
        }
        let ec2 = Arc::new(ec2);
        let known = raw.iter().enumerate().filter(|(_, (.., known))| *known).map(|(n, _)| volume(n, "available")).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(step(&ec2, job(true, false), known, rounds));
        for id in ec2.sent() {
            let n = (0..raw.len()).find(|n| volume_id(*n) == id).unwrap();
            let (tag, state, hours, _) = raw[n];
            let stray = tag == 2 && hours.is_some_and(|hours| hours > 24) && [0, 2].contains(&state);
            prop_assert!(tag == 1 || stray, "{id} {:?}", raw[n]);
        }
    }
}
