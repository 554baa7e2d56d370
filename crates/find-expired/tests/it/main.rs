//! `find-expired` over an EC2 in memory.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod fake;
mod pages;

use std::sync::atomic::Ordering;

use chrono::TimeDelta;
use contract::selector::EXCLUDE_TAG;
use contract::selector::RETENTION_TAG;
use contract::steps::find_expired::{Cursor, Request, Response};
use contract::tally::KeepKind;
use contract::{KeepRules, PlanId, RegionJob, Retention, SnapshotId, Span, Tally};
use policy::model::{Snapshot, SnapshotState, Tags};
use step_runtime::StepError;

use fake::{Fake, RUN, STARTED, of_this_run, snapshot, snapshot_id, volume_id};

/// The job of a policy with a guard that holds more than half of twenty.
fn job(keep_days: Option<u32>, keep_last: Option<u32>) -> RegionJob {
    let mut job: RegionJob = contract::parse::from_value(&serde_json::json!({
        "region": "eu-west-1", "runId": RUN, "startedAt": STARTED, "dryRun": false, "replay": 0, "approvePurge": null,
        "pace": {"sharePercent": 80},
        "policy": {"name": "daily", "tag": {"key": "Backup", "value": null}, "retention": {"keepDays": 7}, "floor": 1,
                   "purgeGuard": {"maxPercent": 50, "minSnapshots": 20}, "orphans": {"keepWithin": "90d"}},
    }))
    .unwrap();
    let keep_within = keep_days.map(|days| Span::of_days(days).unwrap());
    job.policy.retention = Retention::new(KeepRules { keep_within, keep_last, ..KeepRules::default() }).unwrap();
    job
}

/// The job of a policy of seven days.
fn week() -> RegionJob {
    job(Some(7), None)
}

async fn page(ec2: &Fake, job: &RegionJob, cursor: Option<Cursor>, tally: Tally) -> Response {
    find_expired::handle(ec2, Request { job: job.clone(), cursor, tally }).await.unwrap()
}

/// The first page, after as many waits for the listing as the step asks for.
async fn first_page(ec2: &Fake, job: &RegionJob) -> Response {
    let mut answer = page(ec2, job, None, Tally::default()).await;
    while answer.wait_seconds > 0 {
        answer = page(ec2, job, None, answer.tally).await;
    }
    answer
}

/// The numbers of the snapshots that a plan with one page deletes.
async fn deleted(ec2: &Fake, job: &RegionJob) -> Vec<usize> {
    numbers(&first_page(ec2, job).await.snapshot_ids)
}

fn numbers(ids: &[SnapshotId]) -> Vec<usize> {
    ids.iter().map(|id| usize::from_str_radix(id.as_str().trim_start_matches("snap-"), 16).unwrap()).collect()
}

fn of_state(state: &str, snapshot: Snapshot) -> Snapshot {
    Snapshot { state: SnapshotState::named(state), ..snapshot }
}

fn overdue(tally: &Tally) -> Vec<(SnapshotId, &str)> {
    tally.overdue.first.iter().map(|entry| (entry.snapshot_id.clone(), entry.reason.as_str())).collect()
}

const DAY: i64 = 24;

#[tokio::test]
async fn s1_only_what_bears_the_tag_of_this_policy_is_looked_at() {
    let ec2 = Fake::new([0], [of_this_run(9, 0), snapshot(1, 0, 8 * DAY), snapshot(2, 0, DAY)]);
    ec2.add("weekly", [snapshot(3, 0, 90 * DAY), snapshot(4, 0, 91 * DAY)]);
    ec2.add("", [snapshot(5, 0, 90 * DAY)]);
    let answer = first_page(&ec2, &week()).await;
    assert_eq!(numbers(&answer.snapshot_ids), [1]);
    assert_eq!(answer.tally.snapshots.managed, 3);
}

#[tokio::test]
async fn s2_the_newest_completed_snapshot_of_a_volume_stays_whatever_the_policy_says() {
    // Nothing newer than a hundred days, and what is newer is not completed. Nobody backs the volume up any more.
    let of_volume = [
        snapshot(1, 0, 102 * DAY),
        snapshot(2, 0, 100 * DAY),
        snapshot(3, 0, 101 * DAY),
        of_state("pending", snapshot(4, 0, 2)),
        of_state("error", snapshot(5, 0, 2)),
    ];
    let ec2 = Fake::new([], of_volume);
    assert_eq!(deleted(&ec2, &job(Some(1), None)).await, [1, 3]);
    let mut floor_of_two = job(Some(1), None);
    floor_of_two.policy.floor = contract::config::Floor::new(2).unwrap();
    assert_eq!(deleted(&ec2, &floor_of_two).await, [1]);
}

#[tokio::test]
async fn s3_what_any_rule_wants_stays() {
    let ages = [1, 3, 5, 7, 9].map(|days| days * DAY);
    for (keep_days, keep_last, expected) in [
        (Some(7), None, vec![3, 4]), // seven days old to the second is no longer younger than seven days
        (Some(8), None, vec![4]),
        (None, Some(2), vec![2, 3, 4]),
        (Some(4), Some(4), vec![4]),
        (Some(9), Some(1), vec![4]),
        (Some(10), Some(1), vec![]),
        (None, Some(5), vec![]),
    ] {
        let snapshots = ages.into_iter().enumerate().map(|(n, hours)| snapshot(n, 0, hours));
        let ec2 = Fake::new([0], snapshots.chain([of_this_run(9, 0)]));
        let answer = first_page(&ec2, &job(keep_days, keep_last)).await;
        assert_eq!(numbers(&answer.snapshot_ids), expected, "{keep_days:?} {keep_last:?}");
        let counts = answer.tally.snapshots;
        assert_eq!((counts.managed, counts.expired), (6, expected.len() as u64));
        assert_eq!(counts.kept + counts.expired, counts.managed, "one verdict each");
        assert_eq!(answer.tally.expired.total(), counts.expired, "each with its reason");
    }
}

#[tokio::test]
async fn the_reasons_of_what_stays_and_of_what_goes_are_told() {
    let held = Snapshot { hold: true, ..snapshot(1, 0, 50 * DAY) };
    let nameless = Snapshot { volume: None, ..snapshot(2, 0, 50 * DAY) };
    let ec2 = Fake::new([0], [of_this_run(9, 0), snapshot(0, 0, DAY), snapshot(3, 0, 9 * DAY), held, nameless]);
    let tally = first_page(&ec2, &job(Some(7), Some(1))).await.tally;
    let kinds = [
        KeepKind::KeepWithin,
        KeepKind::KeepLast,
        KeepKind::Floor,
        KeepKind::Hold,
        KeepKind::Pending,
        KeepKind::Unattributed,
    ];
    assert_eq!(tally.kept, kinds.map(|kind| (kind, 1)).into(), "a hold keeps, and so does not knowing whose it is");
    let expired: Vec<_> =
        tally.expired.first.iter().map(|entry| (entry.snapshot_id.clone(), entry.reason.as_str())).collect();
    assert_eq!(expired, [(snapshot_id(3), "expired: no rule wants it (9 days old)")]);
}

#[tokio::test]
async fn s4_a_volume_without_a_snapshot_of_this_run_loses_nothing_and_is_reported() {
    let old = |volume: usize| [snapshot(10 * volume, volume, 8 * DAY), snapshot(10 * volume + 1, volume, 9 * DAY)];
    let this_run = |state| of_state(state, of_this_run(99, 0));
    let before = Snapshot { run: Some("daily-2026-11-22T02:00:00Z".parse().unwrap()), ..snapshot(99, 0, 1) };
    for (of_run, expected) in [
        (None, vec![41]),
        (Some(this_run("error")), vec![41]), // a snapshot that failed is no backup
        (Some(this_run("recoverable")), vec![41]),
        (Some(before), vec![41]), // young, but of another run
        (Some(this_run("pending")), vec![1, 41]),
        (Some(this_run("completed")), vec![0, 1, 41]),
    ] {
        // Volume 0 has that of this run, volume 4 a good one; volumes 1 to 3 have no snapshots and fill the first page.
        let case = format!("{of_run:?}");
        let ec2 =
            Fake::new([1, 2, 3, 0, 4], old(0).into_iter().chain(old(4)).chain([of_this_run(98, 4)]).chain(of_run));
        let answer = first_page(&ec2, &week()).await;
        assert_eq!(numbers(&answer.snapshot_ids), expected, "{case}");
        let withheld = !expected.contains(&1);
        assert_eq!(answer.tally.kept.contains_key(&KeepKind::BackupFailed), withheld, "{case}");
        let reasons = overdue(&answer.tally);
        assert_eq!(!reasons.is_empty(), withheld, "{case}");
        assert!(
            reasons.iter().all(|(id, reason)| (*id == snapshot_id(1) || *id == snapshot_id(0))
                && reason.starts_with("its volume has no snapshot of this run; expired: ")),
            "{reasons:?}"
        );
    }
}

#[tokio::test]
async fn s4_a_volume_that_is_gone_or_not_selected_any_more_is_purged_down_to_the_floor() {
    let old = (0..3).map(|n| snapshot(n, 0, (8 + 8 * n as i64) * DAY));
    let mut ec2 = Fake::new([], old);
    assert_eq!(deleted(&ec2, &week()).await, [1, 2], "gone");
    ec2.volumes = vec![(volume_id(0), Tags::from_iter([("Backup", ""), (EXCLUDE_TAG, "")]))];
    assert_eq!(deleted(&ec2, &week()).await, [1, 2], "excluded");
    ec2.volumes = vec![(volume_id(0), Tags::from_iter([("Backup", "")]))];
    assert_eq!(deleted(&ec2, &week()).await, Vec::<usize>::new(), "selected, and not backed up");
}

/// `count` snapshots of as many days, newest first, of a volume that nobody backs up any more.
fn daily(count: usize) -> Fake {
    Fake::new([], (0..count).map(|n| snapshot(n, 0, n as i64 * DAY + 1)))
}

#[tokio::test]
async fn s8_a_purge_of_more_than_half_of_twenty_is_held_and_half_passes() {
    for (managed, keep, held) in [(20, 10, false), (20, 9, true), (21, 10, true), (19, 1, false), (40, 20, false)] {
        let answer = first_page(&daily(managed), &job(None, Some(keep))).await;
        let deletions = managed as u64 - u64::from(keep);
        assert_eq!(answer.snapshot_ids.len() as u64, if held { 0 } else { deletions }, "{keep} of {managed}");
        assert_eq!(answer.tally.purge_held.is_some(), held, "{keep} of {managed}");
        assert_eq!(answer.tally.snapshots.overdue, 0, "what is held is told as held");
        assert_eq!(answer.cursor, None);
        if let Some(report) = answer.tally.purge_held {
            assert_eq!((report.deletions, report.managed), (deletions, managed as u64));
        }
    }
}

#[tokio::test]
async fn s8_exactly_the_approved_plan_passes() {
    let ec2 = daily(30);
    let mut job = job(None, Some(5));
    let digest = |answer: &Response| answer.tally.purge_held.as_ref().map(|held| held.plan.clone());
    let held = digest(&first_page(&ec2, &job).await).expect("held");

    let other = held.as_str().replace(|c: char| c.is_ascii_hexdigit() && c > '8', "8");
    job.approve_purge = Some(PlanId::new(other).unwrap());
    assert_eq!(digest(&first_page(&ec2, &job).await), Some(held.clone()), "another plan was approved");

    job.approve_purge = Some(held.clone());
    let approved = first_page(&ec2, &job).await;
    assert_eq!(numbers(&approved.snapshot_ids), (5..30).collect::<Vec<_>>());
    assert_eq!((approved.tally.purge_held, approved.tally.snapshots.overdue), (None, 0));

    ec2.add("daily", [snapshot(40, 0, 40 * DAY)]);
    let changed = first_page(&ec2, &job).await;
    assert_eq!(changed.snapshot_ids, [], "the plan has grown since");
    assert!(digest(&changed).is_some_and(|digest| digest != held));
}

#[tokio::test]
async fn s8_an_approval_that_comes_hours_later_still_fits() {
    // Tonight's snapshots are pending when the plan is held. In the morning they are completed, which would move keepLast
    // on by one, and all is older.
    let tonight = |state| {
        of_state(state, Snapshot { started_at: week().started_at + TimeDelta::minutes(1), ..of_this_run(99, 0) })
    };
    let nights = || (1..30).map(|n| snapshot(n, 0, n as i64 * DAY));
    let mut job = job(None, Some(5));
    let held = first_page(&Fake::new([0], nights().chain([tonight("pending")])), &job).await.tally.purge_held.unwrap();

    job.started_at += TimeDelta::hours(7);
    job.approve_purge = Some(held.plan);
    let approved = first_page(&Fake::new([0], nights().chain([tonight("completed")])), &job).await;
    assert_eq!((approved.snapshot_ids.len() as u64, approved.tally.purge_held), (held.deletions, None));
}

#[tokio::test]
async fn s8_snapshots_that_complete_within_the_night_do_not_trip_the_guard() {
    // keepLast 1: tonight's are completed already, and last night's and those before it were not purged yet, so two of
    // three would go. As of the run's start it is one of three, and that is carried out.
    let volumes = 0..10;
    let nights = volumes.clone().flat_map(|of| {
        let tonight = of_state("completed", of_this_run(100 + of, of));
        let tonight = Snapshot { started_at: week().started_at + TimeDelta::minutes(1), ..tonight };
        [tonight, snapshot(200 + of, of, DAY), snapshot(300 + of, of, 2 * DAY)]
    });
    let answer = first_page(&Fake::new(volumes.clone(), nights), &job(None, Some(1))).await;
    assert_eq!(numbers(&answer.snapshot_ids), volumes.map(|of| 300 + of).collect::<Vec<_>>());
    assert_eq!(answer.tally.purge_held, None);
}

#[tokio::test]
async fn s3_an_approval_cannot_shorten_retention() {
    // Whoever may start an execution can write any moment into an input. One that is still to come makes nothing older.
    let ec2 = Fake::new([0], [of_this_run(9, 0), snapshot(1, 0, DAY), snapshot(2, 0, 2 * DAY)]);
    let mut job = week();
    job.approve_purge = Some(PlanId::new("20991231000000-0123456789abcdef").unwrap());
    assert_eq!(deleted(&ec2, &job).await, Vec::<usize>::new());
}

#[tokio::test]
async fn s12_what_is_not_completed_counts_for_nothing() {
    let ec2 = Fake::new(
        [0],
        [
            of_this_run(9, 0),
            of_state("pending", snapshot(1, 0, 400 * DAY)),
            of_state("recoverable", snapshot(2, 0, 2)),
            of_state("error", snapshot(3, 0, DAY - 1)),
            of_state("error", snapshot(4, 0, DAY + 1)),
            snapshot(5, 0, 2 * DAY),
            snapshot(6, 0, 3 * DAY),
            snapshot(7, 0, 4 * DAY),
        ],
    );
    let answer = first_page(&ec2, &job(None, Some(2))).await;
    assert_eq!(numbers(&answer.snapshot_ids), [4, 7], "the two newest completed ones are 5 and 6");
    let reasons: Vec<&str> = answer.tally.expired.first.iter().map(|entry| entry.reason.as_str()).collect();
    assert_eq!(reasons, ["in state error for more than a day", "expired: no rule wants it (4 days old)"]);
    let kept = answer.tally.kept;
    assert_eq!((kept[&KeepKind::Pending], kept[&KeepKind::NotCompleted], kept[&KeepKind::RecentError]), (2, 1, 1));
}

#[tokio::test]
async fn s5_of_twins_of_one_run_the_older_goes_unless_it_is_held() {
    let twin = |n, hours, hold| Snapshot { run: Some("one".parse().unwrap()), hold, ..snapshot(n, 0, hours) };
    for (hold, expected) in [(false, vec![1]), (true, vec![])] {
        let ec2 = Fake::new([0], [of_this_run(9, 0), twin(1, 26, hold), twin(2, 25, false)]);
        let answer = first_page(&ec2, &week()).await;
        assert_eq!(numbers(&answer.snapshot_ids), expected);
        if let Some(entry) = answer.tally.expired.first.first() {
            assert_eq!(entry.reason, format!("duplicate of {} in run one", snapshot_id(2)));
        }
    }
}

#[tokio::test]
async fn s4_the_plan_waits_for_the_listing_and_withholds_only_what_stays_missing() {
    let made = |n, volume| of_state("completed", of_this_run(n, volume));
    let old = || [snapshot(1, 0, 8 * DAY), snapshot(2, 1, 8 * DAY), snapshot(3, 1, 9 * DAY)];
    let ec2 = Fake::new([0, 1], old().into_iter().chain([made(8, 0)]));
    let early = page(&ec2, &week(), None, Tally::default()).await;
    assert_eq!((early.snapshot_ids.len(), early.wait_seconds), (0, 2), "volume 1 is not listed yet");
    assert_eq!(early.tally, Tally { rounds: early.tally.rounds, ..Tally::default() }, "nothing is judged yet");
    ec2.add("daily", [made(9, 1)]);
    let then = page(&ec2, &week(), None, early.tally.clone()).await;
    assert_eq!((numbers(&then.snapshot_ids), then.wait_seconds), (vec![1, 2, 3], 0));

    // One that failed is not waited for.
    let ec2 = Fake::new([0, 1], old().into_iter().chain([made(8, 0)]));
    let mut tally = Tally::default();
    tally.volumes.failed = 1;
    let then = page(&ec2, &week(), None, tally).await;
    assert_eq!((numbers(&then.snapshot_ids), then.wait_seconds), (vec![1], 0));
}

#[tokio::test]
async fn a_volume_bears_its_own_retention_whether_it_is_selected_or_not() {
    let nights =
        |volume: usize| (0..5).map(move |n| snapshot(10 * volume + n, volume, i64::try_from(n).unwrap() * DAY));
    let own = |value: &str| Tags::from_iter([("Backup", ""), (RETENTION_TAG, value)]);
    let mut ec2 = Fake::new([], nights(1).chain(nights(2)).chain(nights(3)).chain(nights(4)));
    ec2.volumes = vec![(volume_id(1), own("keepLast=4"))];
    ec2.others = vec![(volume_id(2), own("keepLast=5")), (volume_id(3), own("keepLast=1"))];
    let mut job = job(None, Some(3));
    job.dry_run = true;
    assert_eq!(deleted(&ec2, &job).await, [14, 33, 34, 43, 44], "longer where it says so, never shorter");
    job.policy.minimum = Some("keepLast=2".parse().unwrap());
    assert_eq!(deleted(&ec2, &job).await, [14, 32, 33, 34, 43, 44], "shorter down to the minimum");
}

#[tokio::test]
async fn nothing_goes_of_a_volume_whose_retention_cannot_be_read_and_the_operator_is_warned() {
    let mut ec2 = Fake::new([], [snapshot(1, 1, 0), snapshot(2, 1, 9 * DAY), of_this_run(3, 1)]);
    ec2.volumes = vec![(volume_id(1), Tags::from_iter([("Backup", ""), (RETENTION_TAG, "14 days")]))];
    let answer = first_page(&ec2, &week()).await;
    assert_eq!(answer.snapshot_ids, []);
    assert_eq!(
        overdue(&answer.tally),
        [(
            snapshot_id(2),
            "the tag ebs-backup:retention of its volume is not valid; expired: no rule wants it (9 days old)"
        )]
    );
    let warning = &answer.tally.warnings.first[0];
    assert_eq!(warning.volume_id, volume_id(1));
    assert!(
        warning.message.starts_with(r#"ebs-backup:retention: "14" is not a valid keep rule"#),
        "{}",
        warning.message
    );
}

#[tokio::test]
async fn the_newest_of_a_volume_that_is_gone_goes_when_the_policy_says_so() {
    let mut ec2 = Fake::new([], [snapshot(1, 1, 100 * DAY), snapshot(2, 2, 100 * DAY), snapshot(3, 3, 80 * DAY)]);
    ec2.gone = vec![volume_id(1), volume_id(3)];
    let answer = first_page(&ec2, &week()).await;
    assert_eq!(numbers(&answer.snapshot_ids), [1], "volume 2 is there, and only not selected any more");
    assert_eq!(answer.tally.expired.first[0].reason, "orphan: its volume is gone (100 days old)");
    let mut keeping = week();
    keeping.policy.orphans = contract::Orphans::Keep;
    assert_eq!(deleted(&ec2, &keeping).await, Vec::<usize>::new());
}

#[tokio::test]
async fn s8_whatever_a_run_that_adopts_would_delete_is_held() {
    let made = of_state("completed", of_this_run(2, 0));
    let ec2 = Fake::new([0], [snapshot(1, 0, 8 * DAY), made, snapshot(3, 0, DAY)]);
    let mut adopting = week();
    adopting.adopt = true;
    let held = first_page(&ec2, &adopting).await;
    assert_eq!(held.snapshot_ids, []);
    let plan = held.tally.purge_held.unwrap().plan;
    let approved = RegionJob { approve_purge: Some(plan), ..week() };
    assert_eq!(deleted(&ec2, &approved).await, [1]);
    assert_eq!(deleted(&ec2, &week()).await, [1], "one of three is no large purge");
}

#[tokio::test]
async fn a_plan_that_leaves_nothing_of_a_volume_says_so() {
    let all = [snapshot(1, 1, 100 * DAY), snapshot(2, 2, 100 * DAY), snapshot(3, 2, 200 * DAY), snapshot(4, 3, 0)];
    let mut ec2 = Fake::new([], all);
    ec2.gone = vec![volume_id(1), volume_id(2), volume_id(3)];
    ec2.add("daily", [Snapshot { hold: true, ..snapshot(5, 2, 300 * DAY) }]);
    let tally = first_page(&ec2, &week()).await.tally;
    assert_eq!(tally.snapshots.last_of_volume, 1, "of volume 2 the held one stays");
    assert!(tally.expired.first.iter().all(|entry| entry.reason.starts_with("orphan")));
}

#[tokio::test]
async fn s2_a_volume_that_has_a_younger_snapshot_on_its_way_is_no_orphan() {
    let pending = of_state("pending", snapshot(2, 1, 10 * DAY));
    let mut ec2 = Fake::new([], [snapshot(1, 1, 100 * DAY), pending]);
    ec2.gone = vec![volume_id(1)];
    assert_eq!(deleted(&ec2, &week()).await, Vec::<usize>::new(), "that one may fail yet");
}

#[tokio::test]
async fn s4_a_selected_volume_that_the_listing_by_tag_misses_is_known_by_its_own_tags() {
    let mut ec2 = Fake::new([], [snapshot(1, 1, 8 * DAY), snapshot(2, 1, 0)]);
    ec2.others = vec![(volume_id(1), Tags::from_iter([("Backup", "")]))];
    assert_eq!(deleted(&ec2, &week()).await, Vec::<usize>::new(), "it has no snapshot of this run");
}

#[tokio::test]
async fn s2_a_snapshot_that_is_listed_twice_is_no_twin_of_itself() {
    let ec2 = Fake::new([], [snapshot(1, 1, 8 * DAY), snapshot(1, 1, 8 * DAY)]);
    let answer = first_page(&ec2, &week()).await;
    assert_eq!((answer.snapshot_ids.len(), answer.tally.snapshots.managed), (0, 1));
}

#[tokio::test]
async fn a_volumes_own_retention_outlives_the_volume() {
    let night = |n: usize, own: &str| Snapshot {
        own_retention: Some(own.to_owned()),
        ..snapshot(n, 1, i64::try_from(n).unwrap() * DAY)
    };
    let mut ec2 =
        Fake::new([], [night(1, "keepLast=4"), night(2, ""), night(3, "keepLast=1"), night(4, ""), night(5, "")]);
    ec2.gone = vec![volume_id(1)];
    assert_eq!(deleted(&ec2, &job(None, Some(2))).await, [5], "what the newest says counts");

    let mut ec2 = Fake::new([], [night(1, "keepForever"), night(2, ""), night(3, "")]);
    ec2.gone = vec![volume_id(1)];
    let answer = first_page(&ec2, &job(None, Some(1))).await;
    assert_eq!(
        (answer.snapshot_ids.len(), answer.tally.warnings.total()),
        (0, 1),
        "and what cannot be read deletes nothing"
    );
}

#[tokio::test]
async fn a_dry_run_plans_as_if_every_volume_were_backed_up() {
    let ec2 = Fake::new([0], [snapshot(1, 0, 8 * DAY), snapshot(2, 0, DAY)]);
    let mut job = week();
    assert_eq!(deleted(&ec2, &job).await, Vec::<usize>::new());
    job.dry_run = true;
    assert_eq!(deleted(&ec2, &job).await, [1]);
}

#[tokio::test]
async fn volumes_are_read_to_the_last_page_and_only_where_there_are_snapshots() {
    let ec2 = Fake::new(0..7, [snapshot(1, 6, DAY), of_this_run(2, 6)]);
    assert_eq!(deleted(&ec2, &week()).await, Vec::<usize>::new());
    assert_eq!(ec2.pages_read.load(Ordering::Relaxed), 3, "all three pages, and nobody waits for a listing");
    ec2.add("daily", [snapshot(3, 6, 8 * DAY)]);
    assert_eq!(deleted(&ec2, &week()).await, [3]);
    assert_eq!(ec2.pages_read.load(Ordering::Relaxed) % 3, 0, "all three pages, each time");
    let nothing = Fake::new(0..7, []);
    assert_eq!(deleted(&nothing, &week()).await, Vec::<usize>::new());
    assert_eq!(nothing.pages_read.load(Ordering::Relaxed), 0, "without snapshots, nobody has to be asked");
}

#[tokio::test]
async fn an_empty_region_has_nothing_to_do() {
    let answer = first_page(&Fake::default(), &week()).await;
    assert_eq!((answer.snapshot_ids.len(), answer.cursor, answer.tally), (0, None, Tally::default()));
}

#[tokio::test]
async fn when_the_region_cannot_be_read_it_fails_by_name() {
    for (code, name) in [("UnauthorizedOperation", "UnauthorizedOperation"), ("RequestLimitExceeded", "Ec2Throttled")] {
        let ec2 = Fake { fails_with: Some(code), ..Fake::default() };
        let error = find_expired::handle(&ec2, Request { job: week(), cursor: None, tally: Tally::default() }).await;
        assert_eq!(StepError::from(error.unwrap_err()).name(), name);
    }
}
