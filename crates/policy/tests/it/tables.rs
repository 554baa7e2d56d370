//! What people expect of the rules, as tables that can be read.

use contract::Retention;
use policy::model::{Snapshot, SnapshotState};
use policy::verdict::{Decision, Rules, on_volume};

use crate::build::{keep, now, run, snapshot};

/// One line per snapshot: id, age, state, and the verdict with its reasons.
fn table(snapshots: &[Snapshot], retention: &Retention, floor: u32, backed_up: bool) -> String {
    let all: Vec<&Snapshot> = snapshots.iter().collect();
    let verdicts = on_volume(&all, Rules { retention, floor, now: now() }, backed_up);
    snapshots
        .iter()
        .map(|snapshot| {
            let verdict = verdicts.iter().find(|verdict| verdict.snapshot_id == snapshot.id).unwrap();
            let decision = match &verdict.decision {
                Decision::Keep(reasons) => {
                    format!("keep      {}", reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
                }
                Decision::Delete(reason) => format!("delete    {reason}"),
                Decision::Withheld(reason) => format!("withheld  {reason}"),
            };
            let state = format!("{:?}", snapshot.state).to_lowercase();
            format!("{} {:>4} h  {state:<9}  {decision}\n", snapshot.id, (now() - snapshot.started_at).num_hours())
        })
        .collect()
}

#[test]
fn keep_days_counts_full_days_and_the_day_itself_is_over() {
    let nights = [snapshot(1, 0), snapshot(2, 24), snapshot(3, 47), snapshot(4, 48), snapshot(5, 72)];
    insta::assert_snapshot!(table(&nights, &keep(Some(2), None), 1, true), @r"
    snap-00000001    0 h  completed  keep      0 days old, keepDays 2; floor 1/1
    snap-00000002   24 h  completed  keep      1 days old, keepDays 2
    snap-00000003   47 h  completed  keep      1 days old, keepDays 2
    snap-00000004   48 h  completed  delete    expired: 2 days old, no rule wants it
    snap-00000005   72 h  completed  delete    expired: 3 days old, no rule wants it
    ");
}

#[test]
fn keep_last_counts_completed_snapshots_only() {
    let mut nights = [snapshot(1, 0), snapshot(2, 24), snapshot(3, 48), snapshot(4, 72)];
    nights[0].state = SnapshotState::Pending;
    insta::assert_snapshot!(table(&nights, &keep(None, Some(2)), 1, true), @r"
    snap-00000001    0 h  pending    keep      pending
    snap-00000002   24 h  completed  keep      keepLast 1/2; floor 1/1
    snap-00000003   48 h  completed  keep      keepLast 2/2
    snap-00000004   72 h  completed  delete    expired: 3 days old, no rule wants it
    ");
}

#[test]
fn any_rule_that_wants_a_snapshot_keeps_it() {
    let nights = [snapshot(1, 0), snapshot(2, 24 * 8), snapshot(3, 24 * 9), snapshot(4, 24 * 10)];
    insta::assert_snapshot!(table(&nights, &keep(Some(9), Some(3)), 1, true), @r"
    snap-00000001    0 h  completed  keep      0 days old, keepDays 9; keepLast 1/3; floor 1/1
    snap-00000002  192 h  completed  keep      8 days old, keepDays 9; keepLast 2/3
    snap-00000003  216 h  completed  keep      keepLast 3/3
    snap-00000004  240 h  completed  delete    expired: 10 days old, no rule wants it
    ");
}

#[test]
fn s2_the_only_copy_of_a_volume_nobody_backs_up_any_more_stays_for_ever() {
    let old = [snapshot(1, 24 * 1_000), snapshot(2, 24 * 1_001)];
    insta::assert_snapshot!(table(&old, &keep(Some(7), None), 1, true), @r"
    snap-00000001 24000 h  completed  keep      floor 1/1
    snap-00000002 24024 h  completed  delete    expired: 1001 days old, no rule wants it
    ");
}

#[test]
fn s4_nothing_goes_where_the_backup_failed_and_the_reason_is_told() {
    let nights = [snapshot(1, 24), snapshot(2, 24 * 30)];
    insta::assert_snapshot!(table(&nights, &keep(Some(7), None), 1, false), @r"
    snap-00000001   24 h  completed  keep      1 days old, keepDays 7; floor 1/1
    snap-00000002  720 h  completed  withheld  expired: 30 days old, no rule wants it
    ");
}

#[test]
fn s5_of_two_snapshots_of_one_run_the_newer_stays() {
    let mut twins = [snapshot(1, 0), snapshot(2, 1), snapshot(3, 2)];
    for twin in &mut twins[..2] {
        twin.run = Some(run("tonight"));
    }
    insta::assert_snapshot!(table(&twins, &keep(Some(7), Some(2)), 1, true), @r"
    snap-00000001    0 h  completed  keep      0 days old, keepDays 7; keepLast 1/2; floor 1/1
    snap-00000002    1 h  completed  delete    duplicate of snap-00000001 in run tonight
    snap-00000003    2 h  completed  keep      0 days old, keepDays 7; keepLast 2/2
    ");
}

#[test]
fn s3_a_held_twin_takes_no_place_from_a_restore_point() {
    let mut nights = [snapshot(1, 0), snapshot(2, 1), snapshot(3, 24), snapshot(4, 48)];
    for twin in &mut nights[..2] {
        twin.run = Some(run("tonight"));
    }
    nights[1].hold = true;
    insta::assert_snapshot!(table(&nights, &keep(None, Some(2)), 1, true), @r"
    snap-00000001    0 h  completed  keep      keepLast 1/2; floor 1/1
    snap-00000002    1 h  completed  keep      hold
    snap-00000003   24 h  completed  keep      keepLast 2/2
    snap-00000004   48 h  completed  delete    expired: 2 days old, no rule wants it
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
    snap-00000005  960 h  completed  keep      keepLast 1/1; floor 1/1
    "#);
}

#[test]
fn a_hold_keeps_what_nothing_else_keeps() {
    let mut nights = [snapshot(1, 0), snapshot(2, 24 * 30), snapshot(3, 24 * 31)];
    nights[1].hold = true;
    insta::assert_snapshot!(table(&nights, &keep(Some(7), None), 1, true), @r"
    snap-00000001    0 h  completed  keep      0 days old, keepDays 7; floor 1/1
    snap-00000002  720 h  completed  keep      hold
    snap-00000003  744 h  completed  delete    expired: 31 days old, no rule wants it
    ");
}

#[test]
fn a_snapshot_from_the_future_is_young() {
    let nights = [snapshot(1, -5), snapshot(2, 24 * 8)];
    insta::assert_snapshot!(table(&nights, &keep(Some(7), None), 1, true), @r"
    snap-00000001   -5 h  completed  keep      0 days old, keepDays 7; floor 1/1
    snap-00000002  192 h  completed  delete    expired: 8 days old, no rule wants it
    ");
}
