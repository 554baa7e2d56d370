//! `attach-volumes` over a small EC2 in which volumes really move.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod fake;

use std::sync::Arc;

use contract::limits::{ATTACH_ROUNDS, PUT_BACK_ROUNDS};
use contract::restore::Progress;
use contract::steps::attach_volumes::{Request, Response};
use contract::{RestoreJob, RestoreVolume};
use ec2::Access;
use proptest::prelude::*;

use fake::{Answer, Fake, device, instance, volume_id};

fn job(attach: bool) -> RestoreJob {
    let attach = attach.then(|| serde_json::json!({ "instanceId": instance() }));
    contract::parse::from_value(&serde_json::json!({
        "region": "eu-west-1", "restoreId": "restore-1", "startedAt": "2026-11-26T10:00:00Z", "dryRun": false, "test": false,
        "source": {"volumeId": "vol-00000001"}, "at": null, "attach": attach, "replace": true,
        "initializationRateMiBps": null, "tags": {}, "backup": true, "pace": {"sharePercent": 80},
    }))
    .unwrap()
}

/// The restored volume `n`, for device `at`, where it takes the place of volume `old`.
fn restored(n: usize, at: usize, old: Option<usize>) -> RestoreVolume {
    contract::parse::from_value(&serde_json::json!({
        "snapshotId": format!("snap-{n:08x}"), "takenAt": "2026-11-26T02:00:00Z", "source": null, "runId": null,
        "wanted": {"volumeType": "gp3", "sizeGiB": 8, "iops": null, "throughput": null, "zone": "eu-west-1a",
                   "encrypted": false, "kmsKeyId": null},
        "device": device(at), "replaces": old.map(volume_id), "progress": "available", "volumeId": volume_id(n),
        "availableAfter": 9, "safetySnapshotId": null, "failure": null,
    }))
    .unwrap()
}

fn deadline() -> step_runtime::Deadline {
    step_runtime::Deadline::after(std::time::Duration::from_secs(600))
}

async fn step(ec2: &Arc<Fake>, volumes: Vec<RestoreVolume>, rounds: u32) -> Response {
    let job = job(true);
    let access = Access::of_restore(&job, Arc::clone(ec2));
    attach_volumes::handle(&access, Request { job, volumes, rounds }, deadline()).await.unwrap()
}

/// Calls the step as often as it wants to be called.
async fn to_the_end(ec2: &Arc<Fake>, volumes: Vec<RestoreVolume>) -> Vec<RestoreVolume> {
    go_on(ec2, volumes, 0).await
}

async fn go_on(ec2: &Arc<Fake>, volumes: Vec<RestoreVolume>, rounds: u32) -> Vec<RestoreVolume> {
    let mut answer = Response { volumes, wait_seconds: 1, rounds };
    while answer.wait_seconds > 0 {
        assert!(answer.rounds <= ATTACH_ROUNDS + PUT_BACK_ROUNDS, "it ends");
        answer = step(ec2, answer.volumes, answer.rounds).await;
    }
    assert_eq!(answer.rounds, 0);
    answer.volumes
}

fn progress(volumes: &[RestoreVolume]) -> Vec<Progress> {
    volumes.iter().map(|volume| volume.progress).collect()
}

fn failure(volume: &RestoreVolume) -> String {
    volume.failure.as_ref().map_or_else(String::new, |failure| format!("{}: {}", failure.error, failure.reason))
}

fn of(ec2: Fake) -> Arc<Fake> {
    Arc::new(ec2)
}

/// One volume (1) that takes the place of another (2).
fn replacing() -> Fake {
    Fake::default().free(1).live(2, 0)
}

fn one() -> Vec<RestoreVolume> {
    vec![restored(1, 0, Some(2))]
}

#[tokio::test]
async fn a_volume_goes_to_its_free_device() {
    let ec2 = of(Fake::default().free(1).live(5, 1).slow(3));
    let volumes = to_the_end(&ec2, vec![restored(1, 0, None)]).await;
    assert_eq!(progress(&volumes), [Progress::Attached]);
    assert_eq!(ec2.sent(), ["attach 1"], "no snapshot, no detach, and once");
    assert_eq!(ec2.attached(), [(volume_id(1), device(0)), (volume_id(5), device(1))]);
}

#[tokio::test]
async fn a_device_that_somebody_else_has_taken_meanwhile_is_left_to_him() {
    let ec2 = of(Fake::default().free(1).live(5, 0));
    let volumes = to_the_end(&ec2, vec![restored(1, 0, None)]).await;
    assert_eq!(progress(&volumes), [Progress::Failed]);
    assert!(failure(&volumes[0]).starts_with("DeviceInUse: vol-00000005 is at /dev/sdf"));
    assert_eq!(ec2.sent(), <[String; 0]>::default());
}

#[tokio::test]
async fn a_live_volume_is_snapshotted_then_detached_and_then_replaced() {
    for slow in [0, 4] {
        let ec2 = of(replacing().slow(slow));
        let volumes = to_the_end(&ec2, one()).await;
        assert_eq!(progress(&volumes), [Progress::Attached]);
        assert_eq!(ec2.sent(), ["snapshot 2", "detach 2", "attach 1"], "{slow}");
        assert!(volumes[0].safety_snapshot_id.is_some() && volumes[0].failure.is_none());
        assert_eq!(ec2.attached(), [(volume_id(1), device(0))]);
    }
}

#[tokio::test]
async fn nothing_is_detached_before_it_is_snapshotted_however_often_ec2_refuses_the_snapshot() {
    let too_many = [Answer::Refused("ConcurrentSnapshotLimitExceeded"); 5];
    let ec2 = of(replacing().answers("snapshot", 2, too_many));
    assert_eq!(progress(&to_the_end(&ec2, one()).await), [Progress::Attached]);
    assert_eq!(ec2.done(), ["snapshot 2", "detach 2", "attach 1"]);

    let ec2 = of(replacing().answers("snapshot", 2, [Answer::Refused("UnauthorizedOperation")]));
    let volumes = to_the_end(&ec2, one()).await;
    assert_eq!(
        (progress(&volumes), failure(&volumes[0])),
        (vec![Progress::Failed], "UnauthorizedOperation: no".into())
    );
    assert_eq!(ec2.done(), <[String; 0]>::default());
}

#[tokio::test]
async fn a_snapshot_whose_answer_was_lost_is_found_by_its_tag_and_not_made_again() {
    let ec2 = of(replacing().answers("snapshot", 2, [Answer::LostButDone]));
    let volumes = to_the_end(&ec2, one()).await;
    assert_eq!(progress(&volumes), [Progress::Attached]);
    assert_eq!(volumes[0].safety_snapshot_id.as_ref().unwrap().as_str(), "snap-00000001");
    assert_eq!(ec2.sent(), ["snapshot 2", "detach 2", "attach 1"]);
}

#[tokio::test]
async fn s1_a_snapshot_of_another_time_or_one_that_failed_is_no_safety() {
    for (state, at, makes_one) in [
        ("completed", "2026-11-26T10:00:00Z", false),
        ("pending", "2026-11-26T10:05:00Z", false),
        // A restore of the same name, months ago.
        ("completed", "2026-08-26T10:00:00Z", true),
        ("error", "2026-11-26T10:05:00Z", true),
    ] {
        let ec2 = of(replacing().snapshotted(2, state, at));
        let volumes = to_the_end(&ec2, one()).await;
        assert_eq!(progress(&volumes), [Progress::Attached]);
        assert_eq!(ec2.sent().contains(&"snapshot 2".to_owned()), makes_one, "{state} {at}");
    }
    let of_another = of(replacing().snapshotted(3, "completed", "2026-11-26T10:05:00Z"));
    to_the_end(&of_another, one()).await;
    assert_eq!(of_another.done()[0], "snapshot 2");
}

#[tokio::test]
async fn a_volume_that_cannot_take_the_place_gives_it_back_and_says_why() {
    for code in ["UnauthorizedOperation", "AttachmentLimitExceeded", "InvalidVolume.ZoneMismatch", "SomethingNew"] {
        let ec2 = of(replacing().answers("attach", 1, [Answer::Refused(code)]).slow(2));
        let volumes = to_the_end(&ec2, one()).await;
        assert_eq!(progress(&volumes), [Progress::PutBack], "{code}");
        assert_eq!(failure(&volumes[0]), format!("{code}: no"));
        assert_eq!(ec2.done(), ["snapshot 2", "detach 2", "attach 2"]);
        assert_eq!(ec2.attached(), [(volume_id(2), device(0))]);
    }
}

#[tokio::test]
async fn a_volume_that_is_lost_between_two_looks_gives_the_place_back() {
    let ec2 = of(Fake::default().live(2, 0));
    let volumes = to_the_end(&ec2, one()).await;
    assert_eq!(progress(&volumes), [Progress::PutBack]);
    assert!(failure(&volumes[0]).starts_with("VolumeLost"));
    assert_eq!(ec2.attached(), [(volume_id(2), device(0))]);
}

#[tokio::test]
async fn what_passes_with_time_is_tried_until_it_passes() {
    let refused = [Answer::Refused("RequestLimitExceeded"), Answer::Refused("IncorrectState"), Answer::LostButDone];
    for write in [("snapshot", 2), ("detach", 2), ("attach", 1)] {
        let ec2 = of(replacing().answers(write.0, write.1, refused));
        let volumes = to_the_end(&ec2, one()).await;
        assert_eq!(progress(&volumes), [Progress::Attached], "{write:?}");
        assert_eq!(ec2.done(), ["snapshot 2", "detach 2", "attach 1"], "{write:?}");
    }
}

#[tokio::test]
async fn a_device_that_never_lets_go_keeps_its_volume() {
    let ec2 = of(replacing().mounted(2));
    let volumes = to_the_end(&ec2, one()).await;
    assert_eq!(progress(&volumes), [Progress::Failed]);
    assert!(failure(&volumes[0]).contains("vol-00000002 is still busy at /dev/sdf: most often it is mounted"));
    assert_eq!(ec2.done(), ["snapshot 2", "detach 2"]);
    assert!(ec2.looks() > ATTACH_ROUNDS);
}

#[tokio::test]
async fn a_detach_that_is_refused_for_good_leaves_the_volume_where_it_is() {
    let ec2 = of(replacing().answers("detach", 2, [Answer::Refused("OperationNotPermitted")]));
    let volumes = to_the_end(&ec2, one()).await;
    assert_eq!(
        (progress(&volumes), failure(&volumes[0])),
        (vec![Progress::PutBack], "OperationNotPermitted: no".into())
    );
    assert_eq!(ec2.attached(), [(volume_id(2), device(0))]);
    assert_eq!(ec2.done(), ["snapshot 2"]);
}

#[tokio::test]
async fn a_move_that_is_refused_because_it_is_made_already_is_looked_at_again() {
    // The answer was lost, the listing was late, and the second detach is refused: nothing is attached any more.
    let ec2 = of(replacing().answers("detach", 2, [Answer::LostButDone]));
    let first = step(&ec2, one(), 0).await;
    let gone = of(Fake::default().free(1).free(2));
    let volumes = go_on(&gone, first.volumes.clone(), 1).await;
    assert_eq!(progress(&volumes), [Progress::Attached], "where it is seen in time");
    let late = of(replacing().answers("detach", 2, [Answer::Refused("InvalidAttachment.NotFound")]));
    let second = step(&late, first.volumes, 1).await;
    assert_eq!(progress(&second.volumes), [Progress::Available], "not Failed: it may be off");
    let gone = of(Fake::default().free(1).free(2));
    assert_eq!(progress(&go_on(&gone, second.volumes, 2).await), [Progress::Attached]);
    assert_eq!(gone.attached(), [(volume_id(1), device(0))]);
    // The same of an attachment: the restored volume is there, and nothing is taken off again.
    let twice = [Answer::LostButDone, Answer::Refused("VolumeInUse")];
    let ec2 = of(replacing().answers("attach", 1, twice));
    assert_eq!(progress(&to_the_end(&ec2, one()).await), [Progress::Attached]);
    assert_eq!(ec2.attached(), [(volume_id(1), device(0))]);
    assert!(!ec2.sent().contains(&"detach 1".to_owned()), "{:?}", ec2.sent());
}

#[tokio::test]
async fn a_put_back_that_is_refused_is_tried_for_long_and_whatever_the_code() {
    let refused = [Answer::Refused("SomethingNew"); 20];
    let no = [Answer::Refused("UnauthorizedOperation")];
    let ec2 = of(replacing().answers("attach", 1, no).answers("attach", 2, refused));
    let volumes = to_the_end(&ec2, one()).await;
    assert_eq!(
        (progress(&volumes), failure(&volumes[0])),
        (vec![Progress::PutBack], "UnauthorizedOperation: no".into())
    );
}

#[tokio::test]
async fn a_volume_that_cannot_be_put_back_is_said_to_be_off_and_why() {
    let no = [Answer::Refused("UnauthorizedOperation"); 500];
    let ec2 = of(replacing().answers("attach", 1, no).answers("attach", 2, no));
    let volumes = to_the_end(&ec2, one()).await;
    assert_eq!(progress(&volumes), [Progress::Failed]);
    assert_eq!(
        failure(&volumes[0]),
        "StillWaiting: vol-00000002 was NOT put back: /dev/sdf is empty. Why: UnauthorizedOperation: no"
    );
    assert_eq!(ec2.looks(), ATTACH_ROUNDS + PUT_BACK_ROUNDS + 1);
}

/// Two volumes (1, 3) that take the places of two others (2, 4).
fn set() -> (Fake, Vec<RestoreVolume>) {
    let ec2 = Fake::default().free(1).live(2, 0).free(3).live(4, 1);
    (ec2, vec![restored(1, 0, Some(2)), restored(3, 1, Some(4))])
}

#[tokio::test]
async fn a_set_takes_its_places_together() {
    let (ec2, volumes) = set();
    let ec2 = of(ec2.slow(1));
    assert_eq!(progress(&to_the_end(&ec2, volumes).await), [Progress::Attached; 2]);
    assert_eq!(ec2.attached(), [(volume_id(1), device(0)), (volume_id(3), device(1))]);
}

#[tokio::test]
async fn when_one_of_a_set_fails_all_that_were_replaced_come_back() {
    let permanently = || [Answer::Refused("UnauthorizedOperation")];
    let later = || vec![Answer::Refused("IncorrectState"); 9].into_iter().chain(permanently());
    for (case, fail) in [
        ("the first, at once", ("attach", 1, permanently().into_iter().collect::<Vec<_>>())),
        ("the second, at once", ("attach", 3, permanently().into_iter().collect())),
        ("the first, when the second is attached", ("attach", 1, later().collect())),
        ("the second, when the first is attached", ("attach", 3, later().collect())),
        ("the second was never snapshotted", ("snapshot", 4, permanently().into_iter().collect())),
        ("the first was never detached", ("detach", 2, permanently().into_iter().collect())),
    ] {
        let (ec2, volumes) = set();
        let ec2 = of(ec2.answers(fail.0, fail.1, fail.2));
        let volumes = to_the_end(&ec2, volumes).await;
        assert_eq!(ec2.attached(), [(volume_id(2), device(0)), (volume_id(4), device(1))], "{case}");
        assert!(volumes.iter().all(|volume| volume.failure.is_some()), "{case}");
        assert!(!progress(&volumes).contains(&Progress::Attached), "{case}");
    }
}

#[tokio::test]
async fn once_one_of_a_set_has_failed_no_further_live_volume_is_taken_away() {
    let (ec2, volumes) = set();
    let ec2 = of(ec2.answers("snapshot", 2, [Answer::Refused("UnauthorizedOperation")]));
    let volumes = to_the_end(&ec2, volumes).await;
    assert_eq!(ec2.done(), <[String; 0]>::default());
    assert_eq!(progress(&volumes), [Progress::Failed, Progress::PutBack]);
    assert!(failure(&volumes[1]).starts_with("NotAttached: another volume of this restore"));
}

#[tokio::test]
async fn a_volume_for_a_free_device_that_fails_brings_the_replaced_ones_back_too() {
    let ec2 =
        Fake::default().free(1).live(2, 0).free(3).answers("attach", 3, [Answer::Refused("AttachmentLimitExceeded")]);
    let ec2 = of(ec2);
    let volumes = to_the_end(&ec2, vec![restored(1, 0, Some(2)), restored(3, 1, None)]).await;
    assert_eq!(ec2.attached(), [(volume_id(2), device(0))]);
    assert_eq!(progress(&volumes), [Progress::PutBack, Progress::Failed]);
}

#[tokio::test]
async fn what_is_attached_at_free_devices_is_not_said_to_be_left_alone() {
    let ec2 =
        Fake::default().free(1).free(3).answers("attach", 3, [Answer::Refused("AttachmentLimitExceeded")]).slow(3);
    let ec2 = of(ec2);
    let volumes = to_the_end(&ec2, vec![restored(1, 0, None), restored(3, 1, None)]).await;
    assert_eq!(progress(&volumes), [Progress::Attached, Progress::Failed]);
    assert_eq!(volumes[0].failure, None);
}

#[tokio::test]
async fn a_set_of_which_one_was_never_made_is_not_begun() {
    let (ec2, mut volumes) = set();
    volumes[1].fail("InsufficientVolumeCapacity", "no room");
    volumes[1].volume_id = None;
    let ec2 = of(ec2);
    let volumes = to_the_end(&ec2, volumes).await;
    assert_eq!((ec2.sent(), ec2.looks()), (vec![], 0));
    assert_eq!(progress(&volumes), [Progress::Available, Progress::Failed]);
    assert!(failure(&volumes[0]).starts_with("NotAttached: another volume of this restore failed"));
}

#[tokio::test]
async fn a_step_that_was_cut_off_and_is_called_again_does_nothing_twice() {
    // Every call's answer is lost with the function: the next one gets what the first got.
    let ec2 = of(replacing().slow(1));
    for _ in 0..3 {
        step(&ec2, one(), 0).await;
    }
    let volumes = to_the_end(&ec2, one()).await;
    assert_eq!(progress(&volumes), [Progress::Attached]);
    assert_eq!(ec2.done(), ["snapshot 2", "detach 2", "attach 1"]);
}

#[tokio::test]
async fn s9_a_dry_run_and_a_restore_that_attaches_nothing_touch_nothing() {
    let ec2 = of(replacing());
    let dry = RestoreJob { dry_run: true, ..job(true) };
    for job in [dry, job(false)] {
        let access = Access::of_restore(&job, Arc::clone(&ec2));
        let answer =
            attach_volumes::handle(&access, Request { job, volumes: one(), rounds: 0 }, deadline()).await.unwrap();
        assert_eq!((answer.volumes, answer.wait_seconds), (one(), 0));
    }
    assert_eq!((ec2.sent(), ec2.looks()), (vec![], 0));
}

fn any_answers() -> impl Strategy<Value = Vec<Answer>> {
    let one = prop_oneof![
        4 => Just(Answer::Refused("IncorrectState")),
        2 => Just(Answer::Refused("RequestLimitExceeded")),
        2 => Just(Answer::LostButDone),
        1 => Just(Answer::Refused("UnauthorizedOperation")),
        1 => Just(Answer::Refused("InvalidAttachment.NotFound")),
    ];
    prop_oneof![4 => prop::collection::vec(one, 0..6), 1 => Just(vec![Answer::Refused("UnauthorizedOperation"); 300])]
}

const WRITES: [(&str, usize); 10] = [
    ("snapshot", 2),
    ("snapshot", 4),
    ("detach", 1),
    ("detach", 2),
    ("detach", 3),
    ("detach", 4),
    ("attach", 1),
    ("attach", 2),
    ("attach", 3),
    ("attach", 4),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever EC2 refuses, loses and puts off, and wherever the step is cut off: at each device there is the new volume or the
    /// old one, or the report says that it is not; and nothing is detached that has no snapshot.
    #[test]
    fn s1_no_place_is_left_empty_in_silence_and_nothing_is_detached_without_a_snapshot(
        scripts in prop::collection::vec(any_answers(), WRITES.len()), slow in 0_u32..4, mounted in 0_usize..12,
        cut_off in prop::collection::vec(any::<bool>(), 30), unmounts: bool,
    ) {
        let (mut ec2, volumes) = set();
        for ((write, n), answers) in WRITES.into_iter().zip(scripts) {
            ec2 = ec2.answers(write, n, answers);
        }
        let ec2 = of(ec2.slow(slow).mounted(mounted));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let volumes = runtime.block_on(async {
            let mut answer = Response { volumes, wait_seconds: 1, rounds: 0 };
            let mut cuts = cut_off.into_iter();
            while answer.wait_seconds > 0 {
                let next = step(&ec2, answer.volumes.clone(), answer.rounds).await;
                if !cuts.next().unwrap_or_default() {
                    answer = next;
                }
                if unmounts && ec2.looks() > 20 {
                    ec2.unmount(mounted);
                }
            }
            answer.volumes
        });
        let done = ec2.done();
        for (n, volume) in volumes.iter().enumerate() {
            let (new, old) = (2 * n + 1, 2 * n + 2);
            let position = |what: String| done.iter().position(|done| *done == what);
            if let Some(detached) = position(format!("detach {old}")) {
                prop_assert!(position(format!("snapshot {old}")).is_some_and(|made| made < detached), "{done:?}");
            }
            prop_assert!(done.iter().filter(|done| **done == format!("snapshot {old}")).count() <= 1, "{done:?}");
            let at = |id| ec2.attached().contains(&(volume_id(id), device(n)));
            let said = failure(volume);
            match volume.progress {
                Progress::Attached => prop_assert!(at(new) && said.is_empty()),
                Progress::PutBack => prop_assert!(at(old) && !said.is_empty()),
                Progress::Failed => {
                    let off = said.contains("was NOT put back");
                    // `busy`: EC2 holds the old one, and the reason says how it is freed.
                    prop_assert!(at(old) || off || said.contains("is still busy") || said.contains("is still detaching"), "{said}");
                }
                other => prop_assert!(false, "it ended as {other:?}"),
            }
        }
        let attached = volumes.iter().filter(|volume| volume.progress == Progress::Attached).count();
        prop_assert!(attached == 0 || attached == volumes.len(), "never data of two moments");
    }
}
