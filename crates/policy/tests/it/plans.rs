//! The plan of a region: who is backed up, and the guard.

use chrono::TimeDelta;
use contract::{PolicyName, PurgeGuard, Region};
use policy::model::{Snapshot, SnapshotState};
use policy::plan::{Plan, Volumes};

use crate::build::{keep, now, policy, run, snapshot, volume};

fn region() -> Region {
    Region::new("eu-west-1").unwrap()
}

fn daily() -> PolicyName {
    PolicyName::new("daily").unwrap()
}

/// `old` expired snapshots and `young` ones that stay, each of a volume of its own pair.
fn plan(old: u32, young: u32) -> Plan {
    let expired = (0..old).map(|n| Snapshot { volume: Some(volume(1_000)), ..snapshot(n, 24 * 30 + i64::from(n)) });
    let kept = (0..young).map(|n| Snapshot { volume: Some(volume(n)), ..snapshot(10_000 + n, 1) });
    // One young snapshot of the volume with the old ones, so that the floor takes none of them.
    let newest = Snapshot { volume: Some(volume(1_000)), ..snapshot(20_000, 1) };
    let snapshots: Vec<Snapshot> = expired.chain(kept).chain([newest]).collect();
    Plan::new(&snapshots, &policy(keep(Some(7), None), 1), now(), &Volumes::default())
}

fn held(plan: &Plan) -> bool {
    plan.is_held_by(PurgeGuard::default())
}

#[test]
fn s8_a_purge_of_more_than_half_is_held_and_half_is_not() {
    assert!(!held(&plan(10, 9)), "10 of 20");
    assert!(held(&plan(11, 8)), "11 of 20");
    assert!(!held(&plan(18, 0)), "18 of 19: too few to judge");
}

#[test]
fn s8_the_id_of_a_plan_says_what_it_deletes_where_and_for_which_policy() {
    let id = plan(30, 5).id(&region(), &daily());
    assert_eq!(plan(30, 5).id(&region(), &daily()), id);
    assert_eq!(id.moment(), now());
    assert_ne!(plan(31, 5).id(&region(), &daily()), id, "one more deletion");
    assert_ne!(plan(30, 5).id(&Region::new("eu-west-2").unwrap(), &daily()), id, "another region");
    assert_ne!(plan(30, 5).id(&region(), &PolicyName::new("hourly").unwrap()), id, "another policy");
}

#[test]
fn s8_a_plan_made_again_hours_later_is_the_same_plan() {
    // Nights at 02:01 for ten days. Tonight's snapshot is pending when the plan is held, and completed when it is approved;
    // that of seven days ago is a minute too young for keepDays 7 at first, and seven hours too old then.
    let nights = |tonight: SnapshotState| -> Vec<Snapshot> {
        let old = (1..10)
            .map(|n| snapshot(n, 24 * i64::from(n)))
            .map(|s| Snapshot { started_at: s.started_at + TimeDelta::minutes(1), ..s });
        let newest = Snapshot { state: tonight, started_at: now() + TimeDelta::minutes(1), ..snapshot(10, 0) };
        old.chain([newest]).collect()
    };
    let in_the_morning = now() + TimeDelta::hours(7);
    for retention in [keep(Some(7), None), keep(None, Some(3)), keep(Some(7), Some(3))] {
        let plan = |state, moment| Plan::as_of(&nights(state), &policy(retention, 1), moment, &Volumes::default());
        let held = plan(SnapshotState::Pending, now());
        assert!(held.deletions().count() > 0);
        assert_eq!(plan(SnapshotState::Completed, held.moment).id(&region(), &daily()), held.id(&region(), &daily()));
        let anew =
            Plan::new(&nights(SnapshotState::Completed), &policy(retention, 1), in_the_morning, &Volumes::default());
        assert_ne!(anew.deletions().count(), held.deletions().count(), "a plan of the morning is another one");
    }
}

#[test]
fn s4_backed_up_is_what_ec2_shows_and_a_failed_snapshot_is_no_backup() {
    let tonight = run("tonight");
    let of_run = |n: u32, of: u32, state: SnapshotState| Snapshot {
        state,
        volume: Some(volume(of)),
        run: Some(tonight.clone()),
        ..snapshot(n, 0)
    };
    let snapshots = [
        of_run(1, 1, SnapshotState::Completed),
        of_run(2, 2, SnapshotState::Pending),
        of_run(3, 3, SnapshotState::Error),
        Snapshot { volume: Some(volume(4)), ..snapshot(4, 24) },
    ];
    assert_eq!(Volumes::with_snapshot_of(&tonight, &snapshots), [&volume(1), &volume(2)].into());
}

#[test]
fn a_snapshot_that_says_not_whose_it_is_stays() {
    let stray = Snapshot { volume: None, ..snapshot(1, 24 * 900) };
    let plan = Plan::new(&[stray], &policy(keep(Some(7), None), 1), now(), &Volumes::default());
    assert_eq!(plan.deletions().count(), 0);
}
