//! `create-volumes` over an EC2 in memory that knows a call by its token.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::limits::CREATE_VOLUME_ROUNDS;
use contract::restore::{Progress, WantedVolume};
use contract::steps::create_volumes::{Request, Response};
use contract::{RestoreJob, RestoreVolume, SnapshotId, VolumeId};
use ec2::port::{CreateVolume, NewVolume, ReadRestorePoints};
use ec2::{Access, Ec2Error};
use policy::model::{SnapshotState, Tags};
use policy::restore::seen::RestorePoint;
use policy::restore_point::Candidate;
use step_runtime::Deadline;

#[derive(Debug, Clone, Copy)]
enum Answer {
    Refused(&'static str),
    LostButDone,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Sent {
    snapshot: SnapshotId,
    wanted: WantedVolume,
    rate: Option<u32>,
    tags: Tags,
    token: String,
}

#[derive(Default)]
struct Fake {
    points: Vec<RestorePoint>,
    unreadable: bool,
    script: Mutex<BTreeMap<SnapshotId, VecDeque<Answer>>>,
    sent: Mutex<Vec<Sent>>,
    /// The volumes, by the token of the call that made them.
    made: Mutex<BTreeMap<String, VolumeId>>,
}

fn snapshot_id(n: usize) -> SnapshotId {
    SnapshotId::new(format!("snap-{n:08x}")).unwrap()
}

impl Fake {
    /// Snapshots `0..count` of volumes with a tag of their own.
    fn with(count: usize) -> Self {
        let point = |n| RestorePoint {
            candidate: Candidate {
                id: snapshot_id(n),
                state: SnapshotState::Completed,
                started_at: "2026-11-26T02:00:00Z".parse().unwrap(),
                volume: Some(VolumeId::new("vol-0123456789abcdef0").unwrap()),
                run: None,
                policy: None,
                instance: None,
                device: None,
            },
            tags: [("team", "shop"), ("Name", "a name"), ("cost", "7")].into_iter().collect(),
            description: String::new(),
            size_gib: 8,
            encrypted: false,
            spec: None,
        };
        Self { points: (0..count).map(point).collect(), ..Self::default() }
    }

    fn answers(self, n: usize, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.script.lock().unwrap().insert(snapshot_id(n), answers.into_iter().collect());
        self
    }

    fn sent_of(&self, n: usize) -> Vec<Sent> {
        self.sent.lock().unwrap().iter().filter(|sent| sent.snapshot == snapshot_id(n)).cloned().collect()
    }

    fn made(&self) -> usize {
        self.made.lock().unwrap().len()
    }
}

impl ReadRestorePoints for Fake {
    async fn points_of(&self, _: &VolumeId) -> Result<Vec<RestorePoint>, Ec2Error> {
        unreachable!("the snapshots come with the request")
    }

    async fn points(&self, ids: &[SnapshotId]) -> Result<Vec<RestorePoint>, Ec2Error> {
        if self.unreadable {
            return Err(Ec2Error::coded("RequestLimitExceeded", "slow down"));
        }
        let mut points: Vec<_> = self.points.iter().filter(|point| ids.contains(point.id())).cloned().collect();
        // EC2 lists tags in any order, another one each time.
        if !self.sent.lock().unwrap().len().is_multiple_of(2) {
            for point in &mut points {
                let tags: Vec<(String, String)> =
                    point.tags.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
                point.tags = tags.into_iter().rev().collect();
            }
        }
        Ok(points)
    }

    async fn managed_points<T>(&self, _: impl Fn(RestorePoint) -> Option<T>) -> Result<Vec<T>, Ec2Error> {
        unreachable!("the snapshots come with the request")
    }
}

impl CreateVolume for Fake {
    async fn create_volume(&self, volume: &NewVolume<'_>) -> Result<VolumeId, Ec2Error> {
        self.sent.lock().unwrap().push(Sent {
            snapshot: volume.snapshot.clone(),
            wanted: volume.wanted.clone(),
            rate: volume.initialization_rate_mibps,
            tags: volume.tags.clone(),
            token: volume.client_token.to_owned(),
        });
        let answer = self.script.lock().unwrap().get_mut(volume.snapshot).and_then(VecDeque::pop_front);
        if let Some(Answer::Refused(code)) = answer {
            return Err(Ec2Error::coded(code, "no"));
        }
        let mut made = self.made.lock().unwrap();
        let next = made.len();
        let new = || VolumeId::new(format!("vol-{next:08x}")).unwrap();
        let id = made.entry(volume.client_token.to_owned()).or_insert_with(new).clone();
        if answer.is_some() { Err(Ec2Error::lost("no answer")) } else { Ok(id) }
    }
}

fn job(dry_run: bool) -> RestoreJob {
    contract::parse::from_value(&serde_json::json!({
        "region": "eu-west-1", "restoreId": "restore-1", "startedAt": "2026-11-26T10:00:00Z", "dryRun": dry_run, "test": false,
        "source": {"instanceId": "i-0123456789abcdef0"}, "at": null, "attach": null, "replace": false,
        "initializationRateMiBps": 200, "tags": {"ticket": "4711"}, "backup": true, "pace": {"sharePercent": 80},
    }))
    .unwrap()
}

fn volume(n: usize) -> RestoreVolume {
    contract::parse::from_value(&serde_json::json!({
        "snapshotId": snapshot_id(n), "takenAt": "2026-11-26T02:00:00Z", "source": "vol-0123456789abcdef0", "runId": null,
        "wanted": {"volumeType": "io2", "sizeGiB": 100, "iops": 5000, "throughput": null, "zone": "eu-west-1a",
                   "encrypted": true, "kmsKeyId": "alias/backups"},
        "device": "/dev/sdf", "replaces": null, "progress": "planned", "volumeId": null,
        "availableAfter": null, "safetySnapshotId": null, "failure": null,
    }))
    .unwrap()
}

fn volumes(count: usize) -> Vec<RestoreVolume> {
    (0..count).map(volume).collect()
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

async fn step(ec2: &Arc<Fake>, volumes: Vec<RestoreVolume>, rounds: u32) -> Response {
    let job = job(false);
    let access = Access::of_restore(&job, Arc::clone(ec2));
    create_volumes::handle(&access, Request { job, volumes, rounds }, soon()).await.unwrap()
}

fn progress(answer: &Response) -> Vec<Progress> {
    answer.volumes.iter().map(|volume| volume.progress).collect()
}

fn failure(volume: &RestoreVolume) -> String {
    volume.failure.as_ref().map_or_else(String::new, |failure| format!("{}: {}", failure.error, failure.reason))
}

#[tokio::test]
async fn every_volume_is_made_as_planned_with_its_tags_in_the_same_call() {
    let ec2 = Arc::new(Fake::with(2));
    let answer = step(&ec2, volumes(2), 0).await;
    assert_eq!(progress(&answer), [Progress::Creating; 2]);
    assert_eq!((answer.wait_seconds, answer.rounds), (0, 0));
    let sent = ec2.sent_of(1);
    assert_eq!((sent.len(), &sent[0].wanted, sent[0].rate), (1, &volume(1).wanted, Some(200)));
    let tags = |key: &str| sent[0].tags.get(key).map(ToOwned::to_owned);
    assert_eq!(tags("ebs-backup:restore").as_deref(), Some("restore-1"), "by which the report finds it");
    assert_eq!(tags("ebs-backup:restored-from").as_deref(), Some("snap-00000001"));
    assert_eq!((tags("ticket").as_deref(), tags("team").as_deref()), (Some("4711"), Some("shop")));
    assert!(!sent[0].tags.has("ebs-backup:restore-test"), "S1: else a test would delete it");
    let ids: Vec<_> = answer.volumes.iter().map(|volume| volume.volume_id.clone().unwrap()).collect();
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn s5_a_call_whose_answer_was_lost_is_the_same_call_when_it_is_sent_again_and_makes_one_volume() {
    let ec2 = Arc::new(Fake::with(1).answers(0, [Answer::LostButDone, Answer::Refused("InternalError")]));
    let mut answer = step(&ec2, volumes(1), 0).await;
    assert_eq!((progress(&answer), answer.wait_seconds, answer.rounds), (vec![Progress::Planned], 5, 1));
    while answer.wait_seconds > 0 {
        answer = step(&ec2, answer.volumes, answer.rounds).await;
    }
    let sent = ec2.sent_of(0);
    assert_eq!((progress(&answer), sent.len(), ec2.made()), (vec![Progress::Creating], 3, 1));
    assert!(sent.iter().all(|again| *again == sent[0]), "else EC2 refuses it: IdempotentParameterMismatch");
    assert_eq!(sent[0].token.len(), 64);
}

#[tokio::test]
async fn s5_a_step_that_was_cut_off_and_is_called_again_makes_nothing_twice() {
    let ec2 = Arc::new(Fake::with(3));
    let first = step(&ec2, volumes(3), 0).await;
    let again = step(&ec2, volumes(3), 0).await;
    assert_eq!((first, ec2.made()), (again, 3));
}

#[tokio::test]
async fn one_that_ec2_refuses_does_not_stop_the_others() {
    for code in ["InsufficientVolumeCapacity", "VolumeLimitExceeded", "UnauthorizedOperation", "SomethingNew"] {
        let ec2 = Arc::new(Fake::with(3).answers(1, [Answer::Refused(code)]));
        let answer = step(&ec2, volumes(3), 0).await;
        assert_eq!(progress(&answer), [Progress::Creating, Progress::Failed, Progress::Creating], "{code}");
        assert_eq!((failure(&answer.volumes[1]), answer.wait_seconds), (format!("{code}: no"), 0));
        assert_eq!(ec2.sent_of(1).len(), 1);
    }
}

#[tokio::test]
async fn what_is_throttled_comes_back_with_a_wait_and_then_succeeds() {
    let ec2 = Arc::new(Fake::with(2).answers(1, [Answer::Refused("RequestLimitExceeded"); 2]));
    let mut answer = step(&ec2, volumes(2), 0).await;
    assert_eq!(progress(&answer), [Progress::Creating, Progress::Planned]);
    assert_eq!((answer.wait_seconds, answer.rounds), (5, 1));
    answer = step(&ec2, answer.volumes, answer.rounds).await;
    assert_eq!((answer.wait_seconds, answer.rounds), (5, 2));
    answer = step(&ec2, answer.volumes, answer.rounds).await;
    assert_eq!((progress(&answer), answer.wait_seconds), (vec![Progress::Creating; 2], 0));
    assert_eq!((ec2.sent_of(0).len(), ec2.sent_of(1).len()), (1, 3), "what is made is not made again");
    assert_eq!(answer.volumes[1].failure, None);
}

#[tokio::test]
async fn what_ec2_never_takes_is_given_up_with_what_it_said() {
    let ec2 = Arc::new(Fake::with(1).answers(0, [Answer::Refused("RequestLimitExceeded"); 200]));
    let mut answer = step(&ec2, volumes(1), 0).await;
    while answer.wait_seconds > 0 {
        answer = step(&ec2, answer.volumes, answer.rounds).await;
    }
    assert_eq!(failure(&answer.volumes[0]), "StillDeferred: RequestLimitExceeded: no");
    assert_eq!((progress(&answer), answer.rounds), (vec![Progress::Failed], 0));
    assert_eq!(ec2.sent_of(0).len(), CREATE_VOLUME_ROUNDS as usize);
}

#[tokio::test]
async fn when_time_is_up_nothing_new_begins_and_the_rest_comes_back() {
    let ec2 = Arc::new(Fake::with(2));
    let job = job(false);
    let access = Access::of_restore(&job, Arc::clone(&ec2));
    let request = Request { job, volumes: volumes(2), rounds: 0 };
    let answer = create_volumes::handle(&access, request, Deadline::after(Duration::ZERO)).await.unwrap();
    assert_eq!((progress(&answer), answer.rounds, ec2.made()), (vec![Progress::Planned; 2], 1, 0));
}

#[tokio::test]
async fn a_snapshot_that_is_gone_meanwhile_fails_its_volume_alone() {
    let ec2 = Arc::new(Fake::with(1));
    let answer = step(&ec2, volumes(2), 0).await;
    assert_eq!(progress(&answer), [Progress::Creating, Progress::Failed]);
    assert_eq!(failure(&answer.volumes[1]), "InvalidSnapshot.NotFound: the snapshot is not there any more");
}

#[tokio::test]
async fn s9_a_dry_run_makes_nothing() {
    let ec2 = Arc::new(Fake::with(1));
    let job = job(true);
    let access = Access::of_restore(&job, Arc::clone(&ec2));
    let answer =
        create_volumes::handle(&access, Request { job, volumes: volumes(1), rounds: 0 }, soon()).await.unwrap();
    assert_eq!((answer.volumes, answer.wait_seconds, ec2.made()), (volumes(1), 0, 0));
    assert!(ec2.sent_of(0).is_empty());
}

#[tokio::test]
async fn where_the_snapshots_cannot_be_read_nothing_is_made_and_the_step_fails() {
    let ec2 = Arc::new(Fake { unreadable: true, ..Fake::with(1) });
    let job = job(false);
    let access = Access::of_restore(&job, Arc::clone(&ec2));
    let error =
        create_volumes::handle(&access, Request { job, volumes: volumes(1), rounds: 0 }, soon()).await.unwrap_err();
    assert_eq!((error.code(), ec2.made()), ("RequestLimitExceeded", 0));
}
