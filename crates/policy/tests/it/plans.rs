//! The plan of a region: who is backed up, and the guard.

use contract::config::Floor;
use contract::{PlanDigest, PolicyName, PurgeGuard, Region};
use policy::model::{Snapshot, SnapshotState};
use policy::plan::{BackedUp, GuardVerdict, Plan};

use crate::build::{keep, now, run, snapshot, volume};

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
    Plan::new(&snapshots, &keep(Some(7), None), Floor::default(), now(), &BackedUp::Assumed)
}

fn guard(plan: &Plan, approved: Option<&PlanDigest>) -> GuardVerdict {
    plan.guard(PurgeGuard::default(), &region(), &daily(), approved)
}

#[test]
fn s8_a_purge_of_more_than_half_is_held_and_half_is_not() {
    assert_eq!(guard(&plan(10, 9), None), GuardVerdict::Pass, "10 of 20");
    assert!(matches!(guard(&plan(11, 8), None), GuardVerdict::Held { .. }), "11 of 20");
    assert_eq!(guard(&plan(18, 0), None), GuardVerdict::Pass, "18 of 19: too few to judge");
}

#[test]
fn s8_exactly_the_approved_plan_passes() {
    let plan_a = plan(30, 5);
    let GuardVerdict::Held { plan: digest } = guard(&plan_a, None) else { panic!("not held") };
    assert_eq!(guard(&plan_a, Some(&digest)), GuardVerdict::Pass);
    assert!(matches!(guard(&plan(31, 5), Some(&digest)), GuardVerdict::Held { .. }), "one more deletion");
    let elsewhere = plan_a.guard(PurgeGuard::default(), &Region::new("eu-west-2").unwrap(), &daily(), Some(&digest));
    assert!(matches!(elsewhere, GuardVerdict::Held { .. }), "another region");
    let other_policy = plan_a.guard(PurgeGuard::default(), &region(), &PolicyName::new("hourly").unwrap(), Some(&digest));
    assert!(matches!(other_policy, GuardVerdict::Held { .. }), "another policy");
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
    let backed_up = BackedUp::in_run(&tonight, (1..=5).map(volume), &snapshots);
    assert_eq!(backed_up, BackedUp::AllBut([volume(3), volume(4), volume(5)].into()));
}

#[test]
fn a_snapshot_that_says_not_whose_it_is_stays() {
    let stray = Snapshot { volume: None, ..snapshot(1, 24 * 900) };
    let plan = Plan::new(&[stray], &keep(Some(7), None), Floor::default(), now(), &BackedUp::Assumed);
    assert_eq!(plan.deletions().count(), 0);
}
