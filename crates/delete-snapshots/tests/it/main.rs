//! `delete-snapshots` over an EC2 in memory.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod fake;

use std::sync::Arc;
use std::time::Duration;

use contract::limits::STALLED_ROUNDS;
use contract::selector::{KEEP_TAG, POLICY_TAG};
use contract::steps::delete_snapshots::{Request, Response};
use contract::{RegionJob, SnapshotId, Tally};
use ec2::{Access, Ec2Error};
use step_runtime::{Deadline, StepError};

use fake::{Fake, snapshot_id};

const OURS: (&str, &str) = (POLICY_TAG, "daily");

fn job(dry_run: bool) -> RegionJob {
    contract::parse::from_value(&serde_json::json!({
        "region": "eu-west-1", "runId": "one", "startedAt": "2026-11-23T02:00:07Z", "dryRun": dry_run, "replay": 0,
        "approvePurge": null, "pace": {"sharePercent": 80},
        "policy": {"name": "daily", "tag": {"key": "Backup", "value": null}, "retention": {"keepDays": 7}, "floor": 1,
                   "purgeGuard": {"maxPercent": 50, "minSnapshots": 20}},
    }))
    .unwrap()
}

fn ids(count: usize) -> Vec<SnapshotId> {
    (0..count).map(snapshot_id).collect()
}

async fn step(ec2: &Arc<Fake>, request: Request, deadline: Deadline) -> Result<Response, Ec2Error> {
    delete_snapshots::handle(&Access::new(&request.job, Arc::clone(ec2)), request, deadline).await
}

fn request(snapshot_ids: Vec<SnapshotId>) -> Request {
    Request { job: job(false), snapshot_ids, tally: Tally::default() }
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

/// The first round over the first `count` snapshots, with time enough.
async fn first_round(ec2: &Arc<Fake>, count: usize) -> Response {
    step(ec2, request(ids(count)), soon()).await.unwrap()
}

fn without_age(reason: &str) -> String {
    // What was given up without a look has none to tell.
    let given_up = reason.starts_with("StillDeferred") || reason.starts_with("RequestLimitExceeded");
    let told = reason.strip_suffix(" (8 days old)");
    assert!(told.is_some() || given_up, "{reason}: no age");
    told.unwrap_or(reason).to_owned()
}

/// When the run of the tests started.
fn started_at() -> chrono::DateTime<chrono::Utc> {
    job(false).started_at
}

/// What an answer says of overdue snapshots, in the order of their ids, without the age that all of these have.
fn overdue(tally: &Tally) -> Vec<(SnapshotId, String)> {
    let mut overdue: Vec<_> =
        tally.overdue.first.iter().map(|entry| (entry.snapshot_id.clone(), without_age(&entry.reason))).collect();
    overdue.sort();
    overdue
}

#[tokio::test]
async fn what_is_handed_over_is_deleted_and_nothing_else() {
    let ec2 = Arc::new(Fake::with_snapshots(9));
    let answer = first_round(&ec2, 6).await;
    assert_eq!((answer.deferred.len(), answer.wait_seconds), (0, 0));
    assert_eq!((answer.tally.snapshots.deleted, answer.tally.deleted.total()), (6, 6));
    assert_eq!(ec2.left(), [6, 7, 8].map(snapshot_id));
}

#[tokio::test]
async fn s1_a_snapshot_is_looked_at_again_right_before_it_is_deleted() {
    let foreign = "not ours: it does not bear the tag ebs-backup:policy=daily";
    let held = "held: it bears the tag ebs-backup:keep";
    for (state, tags, objection) in [
        ("completed", vec![], Some(foreign)), // somebody took our tag away
        ("completed", vec![(POLICY_TAG, "weekly")], Some(foreign)),
        ("completed", vec![(POLICY_TAG, "Daily")], Some(foreign)),
        ("completed", vec![("Backup", "daily")], Some(foreign)),
        ("completed", vec![OURS, (KEEP_TAG, "")], Some(held)),
        ("error", vec![OURS, (KEEP_TAG, "until the audit")], Some(held)),
        ("pending", vec![OURS], Some("in state pending")),
        ("recoverable", vec![OURS], Some("in state recoverable")),
        ("completed", vec![("Name", "x"), OURS], None),
        ("error", vec![OURS], None),
    ] {
        let case = format!("{state} {tags:?}");
        let ec2 = Arc::new(Fake::with_snapshots(3).owns(1, state, &tags));
        let tally = first_round(&ec2, 3).await.tally;
        let expected: Vec<_> = objection.map(|reason| (snapshot_id(1), reason.to_owned())).into_iter().collect();
        assert_eq!(overdue(&tally), expected, "{case}");
        assert_eq!(ec2.left().len(), expected.len(), "{case}");
        assert_eq!(ec2.sent.lock().unwrap().contains(&snapshot_id(1)), objection.is_none(), "{case}");
        let counts = tally.snapshots;
        assert_eq!((counts.deleted, counts.overdue), (3 - expected.len() as u64, expected.len() as u64), "{case}");
    }
}

#[tokio::test]
async fn s1_a_snapshot_that_only_says_to_be_of_a_volume_stays() {
    let ec2 = Arc::new(Fake::with_snapshots(2).of_another_volume(1));
    let tally = first_round(&ec2, 2).await.tally;
    let reason = "not ours: its tag ebs-backup:volume does not name the volume that EC2 has it of";
    assert_eq!(overdue(&tally), [(snapshot_id(1), reason.to_owned())]);
    assert_eq!(ec2.left(), [snapshot_id(1)]);
}

#[tokio::test]
async fn s1_what_this_account_does_not_own_is_never_asked_to_be_deleted() {
    let ec2 = Arc::new(Fake::with_snapshots(1));
    let tally = first_round(&ec2, 3).await.tally;
    assert_eq!((tally.snapshots.deleted, tally.snapshots.already_gone, tally.snapshots.overdue), (1, 2, 0));
    assert_eq!(*ec2.sent.lock().unwrap(), ids(1));
}

#[tokio::test]
async fn a_hold_that_is_set_between_two_rounds_is_seen() {
    let throttled = ("RequestLimitExceeded", "slow down");
    let ec2 = Fake::with_snapshots(1).answers(0, [throttled]);
    let ec2 = Arc::new(ec2);
    let first = first_round(&ec2, 1).await;
    assert_eq!(first.deferred, ids(1));
    let ec2 = Arc::new(Arc::into_inner(ec2).unwrap().owns(0, "completed", &[OURS, (KEEP_TAG, "")]));
    let second = Request { tally: first.tally, ..request(first.deferred) };
    let second = step(&ec2, second, soon()).await.unwrap();
    assert_eq!((second.tally.snapshots.overdue, ec2.left()), (1, ids(1)));
}

#[tokio::test]
async fn somebody_was_faster_is_success() {
    let ec2 = Arc::new(Fake::with_snapshots(3).answers(1, [("InvalidSnapshot.NotFound", "gone")]));
    let counts = first_round(&ec2, 3).await.tally.snapshots;
    assert_eq!((counts.deleted, counts.already_gone, counts.overdue), (2, 1, 0));
}

#[tokio::test]
async fn s7_what_cannot_go_is_overdue_with_the_reason_and_the_others_go() {
    let in_use = "The snapshot snap-0 is currently in use by ami-0123456789abcdef0";
    for (code, message, reason) in [
        ("InvalidSnapshot.InUse", in_use, "in use by ami-0123456789abcdef0"),
        ("InvalidSnapshot.InUse", "in use by (ami-0a1b2c3d).", "in use by ami-0a1b2c3d"),
        ("InvalidSnapshot.InUse", "is in use", "InvalidSnapshot.InUse: is in use"),
        ("SnapshotLocked", "locked in governance mode", "SnapshotLocked: locked in governance mode"),
        ("UnsupportedOperation", "managed by AWS Backup", "UnsupportedOperation: managed by AWS Backup"),
        ("UnauthorizedOperation", "you are not", "UnauthorizedOperation: you are not"),
        ("NeverHeardOf", "?", "NeverHeardOf: ?"),
    ] {
        let ec2 = Arc::new(Fake::with_snapshots(6).answers(2, [(code, message)]));
        let answer = first_round(&ec2, 6).await;
        assert_eq!(answer.deferred, [], "{code}: asking again changes nothing");
        assert_eq!(overdue(&answer.tally), [(snapshot_id(2), reason.to_owned())]);
        assert_eq!((answer.tally.snapshots.deleted, ec2.left()), (5, vec![snapshot_id(2)]), "{code}");
    }
}

#[tokio::test]
async fn what_passes_with_time_is_deferred_and_then_deleted() {
    for code in [
        "RequestLimitExceeded",
        "InternalError",
        "ServiceUnavailable",
        "Unavailable",
        "IncorrectState",
        "InvalidState",
        "RequestExpired",
    ] {
        let ec2 = Arc::new(Fake::with_snapshots(6).answers(4, [(code, "")]).answers(1, [(code, "")]));
        let first = first_round(&ec2, 6).await;
        assert_eq!(first.deferred, [snapshot_id(1), snapshot_id(4)], "{code}");
        assert!(first.wait_seconds > 1 && first.tally.rounds.stalled == 0, "{code}");
        assert_eq!((first.tally.snapshots.deleted, first.tally.snapshots.overdue), (4, 0), "{code}");
        let second = Request { tally: first.tally, ..request(first.deferred) };
        let second = step(&ec2, second, soon()).await.unwrap();
        assert_eq!((second.deferred.len(), second.tally.snapshots.deleted), (0, 6), "{code}");
    }
}

/// Goes round as the state machine does, until nothing is deferred.
async fn to_the_end(ec2: &Arc<Fake>, count: usize, deadline: impl Fn() -> Deadline) -> (Tally, u32) {
    let (mut left, mut tally, mut rounds) = (ids(count), Tally::default(), 0);
    while !left.is_empty() {
        let answer = step(ec2, Request { tally, ..request(left) }, deadline()).await.unwrap();
        (left, tally) = (answer.deferred, answer.tally);
        rounds += 1;
        assert!(rounds <= 2 * STALLED_ROUNDS, "this goes on for ever");
    }
    (tally, rounds)
}

#[tokio::test]
async fn what_never_passes_is_given_up_and_overdue_with_ec2s_words() {
    let ec2 = Arc::new(Fake::with_snapshots(3).answers(1, [("RequestLimitExceeded", "slow down"); 50]));
    let (tally, rounds) = to_the_end(&ec2, 3, soon).await;
    assert_eq!((tally.snapshots.deleted, tally.snapshots.overdue, rounds), (2, 1, STALLED_ROUNDS + 1));
    assert_eq!(overdue(&tally), [(snapshot_id(1), "RequestLimitExceeded: slow down".to_owned())]);
}

#[tokio::test]
async fn what_never_gets_its_turn_is_overdue_by_name() {
    let ec2 = Arc::new(Fake::with_snapshots(2));
    let (tally, _) = to_the_end(&ec2, 2, || Deadline::after(Duration::ZERO)).await;
    assert_eq!(overdue(&tally), [0, 1].map(|n| (snapshot_id(n), "StillDeferred".to_owned())));
    assert_eq!(ec2.left(), ids(2));
}

#[tokio::test]
async fn when_time_runs_out_the_rest_is_deferred_each_once() {
    let ec2 = Arc::new(Fake::with_snapshots(40).taking(Duration::from_millis(100)));
    let answer = step(&ec2, request(ids(40)), Deadline::after(Duration::from_millis(350))).await.unwrap();
    let deleted = usize::try_from(answer.tally.snapshots.deleted).unwrap();
    assert!((4..40).contains(&deleted), "{deleted} deleted");
    assert_eq!(answer.deferred, ids(40)[deleted..]);
    assert_eq!(answer.deferred, ec2.left());
    assert_eq!((answer.tally.rounds.stalled, answer.wait_seconds), (0, 1), "EC2 has nothing against going on");
}

#[tokio::test]
async fn s9_a_dry_run_sends_no_delete_and_still_tells_what_would_be_in_the_way() {
    let ec2 = Arc::new(Fake::with_snapshots(3).owns(1, "completed", &[OURS, (KEEP_TAG, "")]));
    let answer = step(&ec2, Request { job: job(true), ..request(ids(3)) }, soon()).await.unwrap();
    assert_eq!((answer.deferred.len(), answer.tally.snapshots.deleted, answer.tally.snapshots.overdue), (0, 0, 1));
    assert_eq!((ec2.sent.lock().unwrap().len(), ec2.left().len()), (0, 3));
}

#[tokio::test]
async fn when_the_snapshots_cannot_be_read_the_region_fails_by_name_and_nothing_is_deleted() {
    let ec2 = Arc::new(Fake::with_snapshots(2).unreadable("UnauthorizedOperation"));
    let error = StepError::from(step(&ec2, request(ids(2)), soon()).await.unwrap_err());
    assert_eq!((error.name(), ec2.sent.lock().unwrap().len()), ("UnauthorizedOperation", 0));
}

#[tokio::test]
async fn s1_a_hold_that_is_set_while_the_page_is_being_deleted_is_seen() {
    let ec2 = Arc::new(Fake::with_snapshots(250).holding_at_first_delete(249));
    let tally = first_round(&ec2, 250).await.tally;
    assert_eq!((tally.snapshots.deleted, tally.snapshots.overdue), (249, 1));
    assert_eq!(ec2.left(), [snapshot_id(249)]);
}
