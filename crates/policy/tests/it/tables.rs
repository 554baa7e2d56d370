//! What people expect of the rules, as tables that can be read.

use contract::{JobPolicy, Orphans, Retention};
use policy::model::{Snapshot, SnapshotState};
use policy::verdict::{Decision, OwnRetention, Rules, VolumeFacts, on_volume};

use crate::build::{keep, now, policy, rules, run, snapshot};

/// One line per snapshot: id, age, state, and the verdict with its reasons.
fn table(snapshots: &[Snapshot], retention: &Retention, floor: u32, backed_up: bool) -> String {
    table_of(snapshots, &policy(*retention, floor), &VolumeFacts { backed_up, ..VolumeFacts::default() })
}

fn table_of(snapshots: &[Snapshot], policy: &JobPolicy, volume: &VolumeFacts) -> String {
    let all: Vec<&Snapshot> = snapshots.iter().collect();
    let verdicts = on_volume(&all, Rules { policy, now: now() }, volume);
    snapshots
        .iter()
        .map(|snapshot| {
            let verdict = verdicts.iter().find(|verdict| verdict.snapshot_id == snapshot.id).unwrap();
            let decision = match &verdict.decision {
                Decision::Keep(reasons) => {
                    format!("keep      {}", reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
                }
                Decision::Delete(reason) => format!("delete    {reason}"),
                Decision::Withheld(why, reason) => format!("withheld  {why}; {reason}"),
            };
            let state = format!("{:?}", snapshot.state).to_lowercase();
            format!("{} {:>4} h  {state:<9}  {decision}\n", snapshot.id, (now() - snapshot.started_at).num_hours())
        })
        .collect()
}

#[test]
fn keep_days_counts_full_days_and_the_day_itself_is_over() {
    let nights = [snapshot(1, 0), snapshot(2, 24), snapshot(3, 47), snapshot(4, 48), snapshot(5, 72)];
    insta::assert_snapshot!(table(&nights, &keep(Some(2), None), 1, true), @"
    snap-00000001    0 h  completed  keep      within 2d; floor
    snap-00000002   24 h  completed  keep      within 2d
    snap-00000003   47 h  completed  keep      within 2d
    snap-00000004   48 h  completed  delete    expired: no rule wants it (2 days old)
    snap-00000005   72 h  completed  delete    expired: no rule wants it (3 days old)
    ");
}

#[test]
fn keep_last_counts_completed_snapshots_only() {
    let mut nights = [snapshot(1, 0), snapshot(2, 24), snapshot(3, 48), snapshot(4, 72)];
    nights[0].state = SnapshotState::Pending;
    insta::assert_snapshot!(table(&nights, &keep(None, Some(2)), 1, true), @"
    snap-00000001    0 h  pending    keep      pending
    snap-00000002   24 h  completed  keep      last 1/2; floor
    snap-00000003   48 h  completed  keep      last 2/2
    snap-00000004   72 h  completed  delete    expired: no rule wants it (3 days old)
    ");
}

#[test]
fn any_rule_that_wants_a_snapshot_keeps_it() {
    let nights = [snapshot(1, 0), snapshot(2, 24 * 8), snapshot(3, 24 * 9), snapshot(4, 24 * 10)];
    insta::assert_snapshot!(table(&nights, &keep(Some(9), Some(3)), 1, true), @"
    snap-00000001    0 h  completed  keep      last 1/3; within 9d; floor
    snap-00000002  192 h  completed  keep      last 2/3; within 9d
    snap-00000003  216 h  completed  keep      last 3/3
    snap-00000004  240 h  completed  delete    expired: no rule wants it (10 days old)
    ");
}

#[test]
fn s2_the_only_copy_of_a_volume_nobody_backs_up_any_more_stays_for_ever() {
    let old = [snapshot(1, 24 * 1_000), snapshot(2, 24 * 1_001)];
    insta::assert_snapshot!(table(&old, &keep(Some(7), None), 1, true), @"
    snap-00000001 24000 h  completed  keep      floor
    snap-00000002 24024 h  completed  delete    expired: no rule wants it (1001 days old)
    ");
}

#[test]
fn s4_nothing_goes_where_the_backup_failed_and_the_reason_is_told() {
    let nights = [snapshot(1, 24), snapshot(2, 24 * 30)];
    insta::assert_snapshot!(table(&nights, &keep(Some(7), None), 1, false), @"
    snap-00000001   24 h  completed  keep      within 7d; floor
    snap-00000002  720 h  completed  withheld  its volume has no snapshot of this run; expired: no rule wants it (30 days old)
    ");
}

#[test]
fn s5_of_two_snapshots_of_one_run_the_newer_stays() {
    let mut twins = [snapshot(1, 0), snapshot(2, 1), snapshot(3, 2)];
    for twin in &mut twins[..2] {
        twin.run = Some(run("tonight"));
    }
    insta::assert_snapshot!(table(&twins, &keep(Some(7), Some(2)), 1, true), @"
    snap-00000001    0 h  completed  keep      last 1/2; within 7d; floor
    snap-00000002    1 h  completed  delete    duplicate of snap-00000001 in run tonight
    snap-00000003    2 h  completed  keep      last 2/2; within 7d
    ");
}

#[test]
fn s3_a_held_twin_takes_no_place_from_a_restore_point() {
    let mut nights = [snapshot(1, 0), snapshot(2, 1), snapshot(3, 24), snapshot(4, 48)];
    for twin in &mut nights[..2] {
        twin.run = Some(run("tonight"));
    }
    nights[1].hold = true;
    insta::assert_snapshot!(table(&nights, &keep(None, Some(2)), 1, true), @"
    snap-00000001    0 h  completed  keep      last 1/2; floor
    snap-00000002    1 h  completed  keep      hold
    snap-00000003   24 h  completed  keep      last 2/2
    snap-00000004   48 h  completed  delete    expired: no rule wants it (2 days old)
    ");
}

#[test]
fn s12_what_is_not_completed_counts_for_nothing() {
    let mut nights = [snapshot(1, 1), snapshot(2, 24), snapshot(3, 25), snapshot(4, 26), snapshot(5, 24 * 40)];
    nights[0].state = SnapshotState::Error;
    nights[1].state = SnapshotState::Error;
    nights[2].state = SnapshotState::Error;
    nights[3].state = SnapshotState::Other("recoverable".to_owned());
    insta::assert_snapshot!(table(&nights, &keep(None, Some(1)), 1, true), @r#"
    snap-00000001    1 h  error      keep      in state error for less than a day
    snap-00000002   24 h  error      keep      in state error for less than a day
    snap-00000003   25 h  error      delete    in state error for more than a day
    snap-00000004   26 h  other("recoverable")  keep      in state recoverable
    snap-00000005  960 h  completed  keep      last 1/1; floor
    "#);
}

#[test]
fn a_hold_keeps_what_nothing_else_keeps() {
    let mut nights = [snapshot(1, 0), snapshot(2, 24 * 30), snapshot(3, 24 * 31)];
    nights[1].hold = true;
    insta::assert_snapshot!(table(&nights, &keep(Some(7), None), 1, true), @"
    snap-00000001    0 h  completed  keep      within 7d; floor
    snap-00000002  720 h  completed  keep      hold
    snap-00000003  744 h  completed  delete    expired: no rule wants it (31 days old)
    ");
}

#[test]
fn a_snapshot_from_the_future_is_young() {
    let nights = [snapshot(1, -5), snapshot(2, 24 * 8)];
    insta::assert_snapshot!(table(&nights, &keep(Some(7), None), 1, true), @"
    snap-00000001   -5 h  completed  keep      within 7d; floor
    snap-00000002  192 h  completed  delete    expired: no rule wants it (8 days old)
    ");
}

/// A night at 02:00 UTC for so many days back, newest first.
fn nights(days: std::ops::Range<u32>) -> Vec<Snapshot> {
    days.map(|n| snapshot(n, 24 * i64::from(n))).collect()
}

/// The verdicts on nights, told by their dates: those that stay.
fn kept(snapshots: &[Snapshot], policy: &JobPolicy, volume: &VolumeFacts) -> String {
    let all: Vec<&Snapshot> = snapshots.iter().collect();
    let verdicts = on_volume(&all, Rules { policy, now: now() }, volume);
    let lines = snapshots.iter().filter_map(|snapshot| {
        let verdict = verdicts.iter().find(|verdict| verdict.snapshot_id == snapshot.id)?;
        let Decision::Keep(reasons) = &verdict.decision else { return None };
        let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        Some(format!("{}  {}", snapshot.started_at.format("%a %Y-%m-%d %H:%M"), reasons.join("; ")))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_year_of_nights_under_days_weeks_and_months() {
    let policy = policy(rules("keepDaily=7 keepWeekly=4 keepMonthly=12"), 1);
    insta::assert_snapshot!(kept(&nights(0..400), &policy, &VolumeFacts::default()), @"
    Mon 2026-11-23 02:00  daily 1/7; weekly 1/4; monthly 1/12; floor
    Sun 2026-11-22 02:00  daily 2/7; weekly 2/4
    Sat 2026-11-21 02:00  daily 3/7
    Fri 2026-11-20 02:00  daily 4/7
    Thu 2026-11-19 02:00  daily 5/7
    Wed 2026-11-18 02:00  daily 6/7
    Tue 2026-11-17 02:00  daily 7/7
    Sun 2026-11-15 02:00  weekly 3/4
    Sun 2026-11-08 02:00  weekly 4/4
    Sat 2026-10-31 02:00  monthly 2/12
    Wed 2026-09-30 02:00  monthly 3/12
    Mon 2026-08-31 02:00  monthly 4/12
    Fri 2026-07-31 02:00  monthly 5/12
    Tue 2026-06-30 02:00  monthly 6/12
    Sun 2026-05-31 02:00  monthly 7/12
    Thu 2026-04-30 02:00  monthly 8/12
    Tue 2026-03-31 02:00  monthly 9/12
    Sat 2026-02-28 02:00  monthly 10/12
    Sat 2026-01-31 02:00  monthly 11/12
    Wed 2025-12-31 02:00  monthly 12/12
    ");
}

#[test]
fn only_periods_that_have_a_snapshot_count_and_the_newest_of_each_stays() {
    // Two a day, and none for a week.
    let mut points = vec![snapshot(1, 2), snapshot(2, 14)];
    points.extend(
        (8..13).flat_map(|day| {
            [snapshot(10 * day, 24 * i64::from(day)), snapshot(10 * day + 1, 24 * i64::from(day) + 12)]
        }),
    );
    insta::assert_snapshot!(kept(&points, &policy(rules("keepDaily=3"), 1), &VolumeFacts::default()), @"
    Mon 2026-11-23 00:00  daily 1/3; floor
    Sun 2026-11-22 12:00  daily 2/3
    Sun 2026-11-15 02:00  daily 3/3
    ");
}

#[test]
fn the_oldest_stays_while_a_rule_has_not_found_enough() {
    insta::assert_snapshot!(kept(&nights(0..10), &policy(rules("keepLast=1 keepMonthly=3"), 1), &VolumeFacts::default()), @"
    Mon 2026-11-23 02:00  last 1/1; monthly 1/3; floor
    Sat 2026-11-14 02:00  oldest monthly 2/3
    ");
    insta::assert_snapshot!(kept(&nights(0..10), &policy(rules("keepLast=1 keepMonthly=1"), 1), &VolumeFacts::default()), @"Mon 2026-11-23 02:00  last 1/1; monthly 1/1; floor");
}

#[test]
fn hours_weeks_and_years_are_those_of_the_time_zone() {
    let mut policy = policy(rules("keepHourly=3 keepWeekly=2 keepYearly=2"), 1);
    policy.time_zone = "Asia/Kolkata".parse().unwrap();
    // Every twenty minutes for three hours, then one of each of some days, then one of the year before.
    let minutes = |n: u32, minutes: i64| {
        let point = snapshot(n, 0);
        Snapshot { started_at: now() - chrono::TimeDelta::minutes(minutes), ..point }
    };
    let mut points: Vec<Snapshot> = (0..9).map(|n| minutes(n, 20 * i64::from(n))).collect();
    points.extend([1, 2, 7, 8, 330].map(|day: u32| snapshot(100 + day, 24 * i64::from(day))));
    insta::assert_snapshot!(kept(&points, &policy, &VolumeFacts::default()), @"
    Mon 2026-11-23 02:00  hourly 1/3; weekly 1/2; yearly 1/2; floor
    Mon 2026-11-23 01:20  hourly 2/3
    Mon 2026-11-23 00:20  hourly 3/3
    Sun 2026-11-22 02:00  weekly 2/2
    Sun 2025-12-28 02:00  yearly 2/2
    ");
}

#[test]
fn of_equal_moments_the_one_with_the_greater_id_is_the_newer() {
    let points = [snapshot(1, 24), snapshot(2, 24), snapshot(3, 0)];
    insta::assert_snapshot!(table(&points, &rules("keepLast=2"), 1, true), @"
    snap-00000001   24 h  completed  delete    expired: no rule wants it (1 day old)
    snap-00000002   24 h  completed  keep      last 2/2
    snap-00000003    0 h  completed  keep      last 1/2; floor
    ");
}

#[test]
fn a_volumes_own_retention_may_lengthen_and_shortens_down_to_the_minimum() {
    let own = |text| VolumeFacts { own: OwnRetention::Rules(rules(text)), ..VolumeFacts::default() };
    let mut policy = policy(rules("keepDaily=4"), 1);
    insta::assert_snapshot!(kept(&nights(0..8), &policy, &own("keepDaily=6")), @"
    Mon 2026-11-23 02:00  daily 1/6; floor
    Sun 2026-11-22 02:00  daily 2/6
    Sat 2026-11-21 02:00  daily 3/6
    Fri 2026-11-20 02:00  daily 4/6
    Thu 2026-11-19 02:00  daily 5/6
    Wed 2026-11-18 02:00  daily 6/6
    ");
    // Without a minimum, the policy's own retention is the least.
    insta::assert_snapshot!(kept(&nights(0..8), &policy, &own("keepLast=1")), @"
    Mon 2026-11-23 02:00  last 1/1; floor
    Sun 2026-11-22 02:00  minimum: daily 2/4
    Sat 2026-11-21 02:00  minimum: daily 3/4
    Fri 2026-11-20 02:00  minimum: daily 4/4
    ");
    policy.minimum = Some(rules("keepLast=2"));
    insta::assert_snapshot!(kept(&nights(0..8), &policy, &own("keepLast=1")), @"
    Mon 2026-11-23 02:00  last 1/1; floor
    Sun 2026-11-22 02:00  minimum: last 2/2
    ");
}

#[test]
fn nothing_goes_of_a_volume_whose_own_retention_cannot_be_read() {
    let volume = VolumeFacts { own: OwnRetention::Invalid("why".to_owned()), ..VolumeFacts::default() };
    insta::assert_snapshot!(table_of(&nights(0..3), &policy(rules("keepDaily=2"), 1), &volume), @"
    snap-00000000    0 h  completed  keep      daily 1/2; floor
    snap-00000001   24 h  completed  keep      daily 2/2
    snap-00000002   48 h  completed  withheld  the tag ebs-backup:retention of its volume is not valid; expired: no rule wants it (2 days old)
    ");
}

#[test]
fn the_newest_of_a_volume_that_is_gone_goes_too_when_its_time_is_over() {
    let gone = VolumeFacts { exists: false, ..VolumeFacts::default() };
    let mut policy = policy(rules("keepDaily=3"), 1);
    policy.orphans = Orphans::KeepWithin("90d".parse().unwrap());
    insta::assert_snapshot!(table_of(&nights(89..92), &policy, &gone), @"
    snap-00000059 2136 h  completed  keep      daily 1/3; floor
    snap-0000005a 2160 h  completed  keep      daily 2/3
    snap-0000005b 2184 h  completed  keep      daily 3/3
    ");
    insta::assert_snapshot!(table_of(&nights(90..93), &policy, &gone), @"
    snap-0000005a 2160 h  completed  delete    orphan: its volume is gone (90 days old)
    snap-0000005b 2184 h  completed  delete    orphan: its volume is gone (91 days old)
    snap-0000005c 2208 h  completed  delete    orphan: its volume is gone (92 days old)
    ");
    // A volume that is there is never an orphan; and a policy may keep them.
    insta::assert_snapshot!(kept(&nights(90..93), &policy, &VolumeFacts::default()), @"
    Tue 2026-08-25 02:00  daily 1/3; floor
    Mon 2026-08-24 02:00  daily 2/3
    Sun 2026-08-23 02:00  daily 3/3
    ");
    policy.orphans = Orphans::Keep;
    insta::assert_snapshot!(kept(&nights(90..93), &policy, &gone), @"
    Tue 2026-08-25 02:00  daily 1/3; floor
    Mon 2026-08-24 02:00  daily 2/3
    Sun 2026-08-23 02:00  daily 3/3
    ");
}

#[test]
fn s3_the_rules_of_the_calendar_go_on_for_a_volume_that_is_gone() {
    let gone = VolumeFacts { exists: false, ..VolumeFacts::default() };
    let policy = policy(rules("keepLast=2 keepDaily=7 keepMonthly=6 keepWithin=95d"), 2);
    let mut points = nights(91..140);
    points[5].hold = true;
    insta::assert_snapshot!(kept(&points, &policy, &gone), @"
    Mon 2026-08-24 02:00  within 95d; monthly 4/6
    Sun 2026-08-23 02:00  within 95d
    Sat 2026-08-22 02:00  within 95d
    Fri 2026-08-21 02:00  within 95d
    Wed 2026-08-19 02:00  hold
    Fri 2026-07-31 02:00  monthly 5/6
    ");
}
