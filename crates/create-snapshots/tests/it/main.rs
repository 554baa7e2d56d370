//! `create-snapshots` over an EC2 in memory.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod fake;
mod rounds;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use contract::limits::STALLED_ROUNDS;
use contract::selector::{EXCLUDE_TAG, POLICY_TAG, RUN_TAG, SPEC_TAG, VOLUME_TAG};
use contract::steps::create_snapshots::{Request, Response};
use contract::tally::AdviceNote;
use contract::{RegionJob, Tally, VolumeId};
use ec2::{Access, Ec2Error};
use policy::model::SnapshotState;
use step_runtime::Deadline;

use fake::{Answer, Fake, volume, volume_id};

const RUN: &str = "daily-2026-11-23T02:00:00Z";

fn job(dry_run: bool) -> RegionJob {
    contract::parse::from_value(&serde_json::json!({
        "region": "eu-west-1", "runId": RUN, "startedAt": "2026-11-23T02:00:07Z", "dryRun": dry_run, "replay": 0,
        "approvePurge": null, "pace": {"sharePercent": 80},
        "policy": {"name": "daily", "tag": {"key": "Backup", "value": null}, "retention": {"keepDays": 7}, "floor": 1,
                   "purgeGuard": {"maxPercent": 50, "minSnapshots": 20}},
    }))
    .unwrap()
}

fn ids(count: usize) -> Vec<VolumeId> {
    (0..count).map(volume_id).collect()
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

async fn step(ec2: &Arc<Fake>, request: Request, deadline: Deadline) -> Result<Response, Ec2Error> {
    create_snapshots::handle(&Access::new(&request.job, Arc::clone(ec2)), request, deadline).await
}

/// The first round over the first `count` volumes, with time enough.
async fn first_round(ec2: &Arc<Fake>, count: usize) -> Response {
    let request = Request { job: job(false), volume_ids: ids(count), tally: Tally::default() };
    step(ec2, request, soon()).await.unwrap()
}

#[tokio::test]
async fn every_volume_gets_its_snapshot() {
    let ec2 = Arc::new(Fake::with_volumes(9));
    let answer = first_round(&ec2, 9).await;
    assert_eq!((answer.deferred.len(), answer.wait_seconds), (0, 0));
    assert_eq!((answer.tally.volumes.created, answer.tally.created.total()), (9, 9));
    assert_eq!(ec2.sent_for(), ids(9));
}

#[tokio::test]
async fn creates_overlap_but_only_a_few_at_once() {
    let ec2 = Arc::new(Fake::with_volumes(12).taking(Duration::from_millis(5)));
    first_round(&ec2, 12).await;
    assert_eq!(ec2.most_under_way.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn s5_a_snapshot_of_this_run_and_policy_is_not_made_again() {
    for (policy, run, state, made) in [
        ("daily", RUN, SnapshotState::Completed, 0),
        ("daily", RUN, SnapshotState::Pending, 0),
        ("daily", RUN, SnapshotState::Error, 1), // a snapshot that failed is none
        ("daily", "daily-2026-11-22T02:00:00Z", SnapshotState::Completed, 1),
        ("weekly", RUN, SnapshotState::Completed, 1),
    ] {
        let case = format!("{policy} {run} {state:?}");
        let ec2 = Arc::new(Fake::with_volumes(2).has(0, policy, run, state));
        let volumes = first_round(&ec2, 2).await.tally.volumes;
        assert_eq!((volumes.created, volumes.existing), (1 + made, 1 - made), "{case}");
        assert_eq!(ec2.snapshots_of(0) as u64, 1 + made, "{case}");
    }
}

#[tokio::test]
async fn s5_a_request_delivered_twice_makes_nothing_twice() {
    let ec2 = Arc::new(Fake::with_volumes(5).answers(3, [Answer::LostButDone]));
    first_round(&ec2, 5).await;
    let again = first_round(&ec2, 5).await;
    assert_eq!((again.tally.volumes.existing, again.tally.volumes.created, again.deferred.len()), (5, 0, 0));
    assert_eq!(ec2.sent_for().len(), 5);
}

#[tokio::test]
async fn s5_a_create_whose_answer_was_lost_is_looked_for_before_it_is_sent_again() {
    let ec2 = Arc::new(Fake::with_volumes(2).answers(0, [Answer::LostButDone]).answers(1, [Answer::Lost]));
    let first = first_round(&ec2, 2).await;
    assert_eq!((first.tally.volumes.created, &first.deferred), (0, &ids(2)), "nobody knows yet");
    let request = Request { job: job(false), volume_ids: first.deferred, tally: first.tally };
    let second = step(&ec2, request, soon()).await.unwrap();
    assert_eq!((second.tally.volumes.existing, second.tally.volumes.created), (1, 1));
    assert_eq!((ec2.snapshots_of(0), ec2.snapshots_of(1)), (1, 1));
}

#[tokio::test]
async fn s7_one_bad_volume_never_stops_the_others() {
    for code in [
        "UnauthorizedOperation",
        "AuthFailure",
        "OptInRequired",
        "CustomerKeyHasBeenRevoked",
        "TagPolicyViolation",
        "InvalidParameterValue",
        "NeverHeardOf",
    ] {
        let ec2 = Arc::new(Fake::with_volumes(7).stuck(1, [Answer::Refused(code)]));
        let answer = first_round(&ec2, 7).await;
        assert_eq!((answer.tally.volumes.created, answer.deferred.len()), (6, 0), "{code}");
        let failures: Vec<_> =
            answer.tally.failures.first.iter().map(|f| (f.volume_id.clone(), f.error.as_str())).collect();
        assert_eq!(failures, [(volume_id(1), code)]);
        assert_eq!((answer.tally.volumes.failed, answer.tally.errors[code]), (1, 1), "{code}");
    }
}

#[tokio::test]
async fn s9_a_dry_run_sends_no_create() {
    let ec2 = Arc::new(Fake::with_volumes(4).has(2, "daily", RUN, SnapshotState::Completed));
    let request = Request { job: job(true), volume_ids: ids(5), tally: Tally::default() };
    let answer = step(&ec2, request, soon()).await.unwrap();
    let volumes = answer.tally.volumes;
    assert_eq!((volumes.planned, volumes.existing, volumes.skipped, volumes.created), (3, 1, 1, 0));
    assert!(answer.deferred.is_empty());
    assert_eq!(ec2.sent_for(), []);
}

#[tokio::test]
async fn s11_the_create_call_itself_bears_description_and_tags() {
    let ec2 = Arc::new(Fake::default());
    ec2.volumes
        .lock()
        .unwrap()
        .push(volume(0, &[("Backup", "orders"), ("aws:cloudformation:stack-name", "x"), ("team", "shop")]));
    first_round(&ec2, 1).await;
    let sent = ec2.sent.lock().unwrap();
    let (_, description, tags) = &sent[0];
    assert_eq!(*description, format!("EBS-Volume-Snapshot-Backup-{}-20261123020007", volume_id(0)));
    let (policy, run, of) = (tags.get(POLICY_TAG), tags.get(RUN_TAG), tags.get(VOLUME_TAG));
    assert_eq!((policy, run, of), (Some("daily"), Some(RUN), Some(volume_id(0).as_str())));
    assert_eq!((tags.get("Name"), tags.get("Backup")), (Some("orders-20261123020007"), Some("orders-20261123020007")));
    assert_eq!(tags.get("team"), Some("shop"));
    assert!(tags.has(SPEC_TAG) && !tags.has("aws:cloudformation:stack-name"));
}

#[tokio::test]
async fn s11_tags_that_ec2_refuses_are_cut_to_the_essential_ones_once() {
    for code in ["TagLimitExceeded", "TagPolicyViolation"] {
        for (answers, created) in [(vec![Answer::Refused(code)], 1), (vec![Answer::Refused(code); 2], 0)] {
            let ec2 = Arc::new(Fake::default().answers(0, answers));
            ec2.volumes.lock().unwrap().push(volume(0, &[("Backup", ""), ("team", "shop")]));
            let answer = first_round(&ec2, 1).await;
            assert_eq!((answer.tally.volumes.created, answer.tally.volumes.failed), (created, 1 - created), "{code}");
            assert_eq!(answer.tally.errors.contains_key(code), created == 0);
            let sent: Vec<(bool, bool)> =
                ec2.sent.lock().unwrap().iter().map(|(.., tags)| (tags.has("team"), tags.has(POLICY_TAG))).collect();
            assert_eq!(sent, [(true, true), (false, true)], "{code}");
        }
    }
}

/// A job whose policy asks for advice.
fn advising(dry_run: bool) -> RegionJob {
    let mut job = job(dry_run);
    job.policy.advice = true;
    job
}

/// Volumes of type gp2 and 100 GiB: each is cheaper as gp3, by 1.88 USD.
fn old_volumes(count: usize) -> Fake {
    let ec2 = Fake::with_volumes(count);
    for volume in ec2.volumes.lock().unwrap().iter_mut() {
        (volume.spec.volume_type, volume.spec.size_gib) = ("gp2".into(), 100);
    }
    ec2
}

#[tokio::test]
async fn advice_is_given_only_where_the_policy_asks_for_it_and_only_where_there_is_any() {
    let ec2 = Arc::new(old_volumes(3));
    assert_eq!(first_round(&ec2, 3).await.tally.advice, None);
    let new = Arc::new(Fake::with_volumes(3));
    let request = Request { job: advising(false), volume_ids: ids(3), tally: Tally::default() };
    assert_eq!(step(&new, request, soon()).await.unwrap().tally.advice, None);
}

#[tokio::test]
async fn every_volume_that_is_counted_is_advised_upon_once_whatever_became_of_it() {
    let fate = |ec2: Fake| {
        // One is there already, one fails, one is deferred, the answer of one is lost, and one is gone.
        let ec2 = ec2.has(0, "daily", RUN, SnapshotState::Completed).stuck(1, [Answer::Refused("NeverHeardOf")]);
        let ec2 = ec2.answers(2, [Answer::Refused("IncorrectState"), Answer::Refused("IncorrectState")]);
        Arc::new(ec2.answers(3, [Answer::LostButDone]).answers(4, [Answer::Refused("InvalidVolume.NotFound")]))
    };
    let ec2 = fate(old_volumes(6));
    let (tally, waits) = rounds::to_the_end(&ec2, &advising(false), &[ids(6)], soon).await;
    assert_eq!(waits.len(), 2, "two rounds left something behind");
    let volumes = tally.volumes;
    assert_eq!((volumes.created, volumes.existing, volumes.failed, volumes.skipped), (2, 2, 1, 1));
    let advice = tally.advice.unwrap();
    assert_eq!((advice.volumes.total(), advice.saves_cents), (5, 5 * 188), "all but the one that is gone, each once");
    let first = &advice.volumes.first[0];
    assert_eq!((&first.volume_id, first.to.as_str()), (&volume_id(0), "gp3 3,000 IOPS 128 MiB/s"));
    assert_eq!((first.saves_cents, first.note), (188, AdviceNote::SameOrBetter));
}

#[tokio::test]
async fn s9_a_dry_run_advises_as_a_real_one_does() {
    let ec2 = Arc::new(old_volumes(4));
    let request = Request { job: advising(true), volume_ids: ids(4), tally: Tally::default() };
    let advice = step(&ec2, request, soon()).await.unwrap().tally.advice.unwrap();
    assert_eq!((advice.volumes.total(), advice.saves_cents, ec2.sent_for().len()), (4, 4 * 188, 0));
}

#[tokio::test]
async fn a_full_region_stops_its_creates_and_says_so_on_every_further_page() {
    const FULL: &str = "SnapshotLimitExceeded";
    let ec2 = Arc::new(Fake::with_volumes(60).stuck(2, [Answer::Refused(FULL)]).has(
        55,
        "daily",
        RUN,
        SnapshotState::Completed,
    ));
    let first = first_round(&ec2, 50).await;
    assert_eq!(first.deferred.len(), 0);
    assert_eq!(first.tally.creates_stopped.as_deref(), Some(FULL));
    let sent = ec2.sent_for().len();
    assert!(sent < 10, "{sent} creates were sent after the region was full");
    assert_eq!(first.tally.volumes.created + first.tally.volumes.failed, 50);

    let second = Request { job: job(false), volume_ids: (50..60).map(volume_id).collect(), tally: first.tally };
    let second = step(&ec2, second, soon()).await.unwrap();
    assert_eq!(ec2.sent_for().len(), sent, "nothing more is sent");
    assert_eq!(second.tally.volumes.existing, 1, "what is there is still found");
    assert_eq!(second.tally.errors[FULL], second.tally.volumes.failed);
    assert_eq!(second.tally.volumes.created + second.tally.volumes.failed, 59);
}

#[tokio::test]
async fn what_passes_with_time_is_deferred_and_waited_for() {
    for code in [
        "SnapshotCreationPerVolumeRateExceeded",
        "ConcurrentSnapshotLimitExceeded",
        "PendingSnapshotLimitExceeded",
        "RequestLimitExceeded",
        "IncorrectState",
        "InvalidState",
        "InternalError",
        "ServiceUnavailable",
        "Unavailable",
    ] {
        let ec2 =
            Arc::new(Fake::with_volumes(6).answers(4, [Answer::Refused(code)]).answers(1, [Answer::Refused(code)]));
        let first = first_round(&ec2, 6).await;
        assert_eq!(first.deferred, [volume_id(1), volume_id(4)], "{code}");
        assert!(first.wait_seconds >= 15, "{code}: EC2 asks for 15 s between snapshots of a volume");
        assert_eq!((first.tally.volumes.created, first.tally.volumes.failed), (4, 0), "{code}");
        let second = Request { job: job(false), volume_ids: first.deferred, tally: first.tally };
        let second = step(&ec2, second, soon()).await.unwrap();
        assert_eq!((second.tally.volumes.created, second.deferred.len()), (6, 0), "{code}");
    }
}

#[tokio::test]
async fn a_volume_that_is_gone_or_no_longer_selected_is_skipped_and_reported() {
    let ec2 = Arc::new(Fake::with_volumes(2).answers(0, [Answer::Refused("InvalidVolume.NotFound")]));
    ec2.volumes.lock().unwrap().extend([volume(2, &[("Backup", ""), (EXCLUDE_TAG, "")]), volume(3, &[("other", "")])]);
    // Volume 4 was discovered and is not there any more.
    let answer = first_round(&ec2, 5).await;
    assert_eq!((answer.tally.volumes.created, answer.tally.volumes.skipped, answer.tally.volumes.failed), (1, 4, 0));
    let mut skipped = answer.tally.skipped.first;
    skipped.sort();
    assert_eq!(skipped, [0, 2, 3, 4].map(volume_id));
    assert_eq!(ec2.sent_for(), ids(2), "nothing is asked of what is not selected");
}

#[tokio::test]
async fn when_time_is_up_nothing_new_begins_and_nothing_is_lost() {
    let ec2 = Arc::new(Fake::with_volumes(8));
    let request = Request { job: job(false), volume_ids: ids(8), tally: Tally::default() };
    let answer = step(&ec2, request, Deadline::after(Duration::ZERO)).await.unwrap();
    assert_eq!((&answer.deferred, answer.tally.rounds.stalled), (&ids(8), 1));
    assert!(answer.wait_seconds < 15, "EC2 has nothing against going on");
    assert_eq!(ec2.sent_for(), []);
}

#[tokio::test]
async fn when_time_runs_out_half_way_the_rest_is_deferred() {
    let ec2 = Arc::new(Fake::with_volumes(40).taking(Duration::from_millis(100)));
    let request = Request { job: job(false), volume_ids: ids(40), tally: Tally::default() };
    let answer = step(&ec2, request, Deadline::after(Duration::from_millis(350))).await.unwrap();
    let created = usize::try_from(answer.tally.volumes.created).unwrap();
    assert!((4..40).contains(&created), "{created} created");
    assert_eq!(answer.deferred, ids(40)[created..], "in their order, each once");
    assert_eq!((answer.tally.rounds.stalled, answer.tally.rounds.total), (0, 1), "there was progress");
}

#[tokio::test]
async fn a_limit_that_never_passes_is_given_up_with_its_name() {
    let ec2 = Arc::new(Fake::with_volumes(2).stuck(1, [Answer::Refused("PendingSnapshotLimitExceeded")]));
    let (tally, waits) = rounds::to_the_end(&ec2, &job(false), &[ids(2)], soon).await;
    assert_eq!(waits[0], 15, "the first round made something");
    assert!(waits[1..].is_sorted() && waits.len() == STALLED_ROUNDS as usize, "{waits:?}");
    assert_eq!((tally.volumes.created, tally.volumes.failed), (1, 1));
    assert_eq!(tally.errors["PendingSnapshotLimitExceeded"], 1);
}

#[tokio::test]
async fn a_volume_whose_turn_never_comes_is_given_up_by_name() {
    let ec2 = Arc::new(Fake::with_volumes(3));
    let (tally, _) = rounds::to_the_end(&ec2, &job(false), &[ids(3)], || Deadline::after(Duration::ZERO)).await;
    assert_eq!((tally.volumes.failed, tally.errors["StillDeferred"]), (3, 3));
}

#[tokio::test]
async fn when_the_region_cannot_be_read_it_fails_by_name_and_nothing_is_made() {
    let ec2 = Arc::new(Fake::with_volumes(3));
    *ec2.reads_fail_with.lock().unwrap() = Some("UnauthorizedOperation");
    let request = Request { job: job(false), volume_ids: ids(3), tally: Tally::default() };
    let error = step_runtime::StepError::from(step(&ec2, request, soon()).await.unwrap_err());
    assert_eq!(error.name(), "UnauthorizedOperation");
    assert_eq!(ec2.sent_for(), []);
}

#[tokio::test]
async fn s5_what_is_created_was_looked_up_shortly_before() {
    let ec2 = Arc::new(Fake::with_volumes(250));
    assert_eq!(first_round(&ec2, 250).await.tally.volumes.created, 250);
    let sent_before_each_look_up = ec2.looked_up.lock().unwrap().clone();
    assert_eq!(sent_before_each_look_up, [0, 100, 200]);
}

#[tokio::test(start_paused = true)]
async fn s5_a_look_up_that_has_grown_old_is_done_again() {
    // Four at once, a second each: no more than forty and those under way are made upon a look-up of ten seconds.
    let ec2 = Arc::new(Fake::with_volumes(250).taking(Duration::from_secs(1)));
    let request = Request { job: job(false), volume_ids: ids(250), tally: Tally::default() };
    let answer = step(&ec2, request, Deadline::after(Duration::from_secs(600))).await.unwrap();
    assert_eq!((answer.tally.volumes.created, answer.deferred.len()), (250, 0));
    let looked_up = ec2.looked_up.lock().unwrap().clone();
    assert!(looked_up.len() >= 6 && looked_up.windows(2).all(|pair| pair[1] - pair[0] <= 44), "{looked_up:?}");
}

#[tokio::test]
async fn s6_a_look_up_that_fails_half_way_loses_nothing_of_what_was_done() {
    let ec2 = Arc::new(Fake::with_volumes(250).failing_after(1));
    let answer = first_round(&ec2, 250).await;
    assert_eq!((answer.tally.volumes.created, answer.deferred), (100, (100..250).map(volume_id).collect()));
    assert!(answer.wait_seconds >= 15, "{}", answer.wait_seconds);
}

#[tokio::test]
async fn s6_a_look_up_that_hangs_is_let_go_at_the_deadline_and_nothing_is_lost() {
    let ec2 = Arc::new(Fake::with_volumes(250).hanging_after(1));
    let request = Request { job: job(false), volume_ids: ids(250), tally: Tally::default() };
    let answer = step(&ec2, request, Deadline::after(Duration::from_millis(500))).await.unwrap();
    // A hundred, or fewer where the machine was too slow even for that.
    let made = usize::try_from(answer.tally.volumes.created).unwrap();
    assert!(made <= 100);
    assert_eq!(answer.deferred.len(), 250 - made);
}
