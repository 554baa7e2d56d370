//! What must never happen, whatever the snapshots and the rules.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use contract::config::Floor;
use contract::{Retention, SnapshotId};
use policy::model::{Snapshot, SnapshotState};
use policy::plan::{BackedUp, Plan};
use policy::verdict::{Decision, DeleteReason};
use proptest::prelude::*;

use crate::build::{id, keep, now, run, volume};

fn any_state() -> impl Strategy<Value = SnapshotState> {
    prop_oneof![
        6 => Just(SnapshotState::Completed),
        2 => Just(SnapshotState::Pending),
        2 => Just(SnapshotState::Error),
        1 => Just(SnapshotState::Other("recoverable".to_owned())),
    ]
}

prop_compose! {
    /// Snapshots of up to three volumes in up to six runs; ages in quarter days, so that many are equal.
    fn any_snapshots()(
        raw in prop::collection::vec((any_state(), -8_i64..160, prop::option::weighted(0.95, 1_u32..4), prop::option::weighted(0.9, 0_u8..6), prop::bool::weighted(0.1)), 0..40)
    ) -> Vec<Snapshot> {
        (1_u32..).zip(raw).map(|(n, (state, quarter_days, of, in_run, hold))| Snapshot {
            id: id(n),
            state,
            started_at: now() - TimeDelta::hours(quarter_days * 6),
            volume: of.map(volume),
            run: in_run.map(|n| run(&format!("run-{n}"))),
            hold,
        }).collect()
    }
}

prop_compose! {
    fn any_retention()(days in prop::option::of(1_u32..40), last in 1_u32..12, both: bool) -> Retention {
        match days {
            Some(days) if both => keep(Some(days), Some(last)),
            Some(days) => keep(Some(days), None),
            None => keep(None, Some(last)),
        }
    }
}

prop_compose! {
    fn any_backed_up()(failed in prop::collection::btree_set(1_u32..4, 0..3), dry: bool) -> BackedUp {
        if dry { BackedUp::Assumed } else { BackedUp::AllBut(failed.into_iter().map(volume).collect()) }
    }
}

fn floor(n: u32) -> Floor {
    Floor::new(n).unwrap()
}

fn deleted(plan: &Plan) -> BTreeSet<SnapshotId> {
    plan.deletions().map(|(id, _)| id.clone()).collect()
}

fn backed_up_all_but(backed_up: &BackedUp) -> BTreeSet<contract::VolumeId> {
    match backed_up {
        BackedUp::Assumed => BTreeSet::new(),
        BackedUp::AllBut(volumes) => volumes.clone(),
    }
}

proptest! {
    #[test]
    fn every_snapshot_has_one_verdict_and_every_verdict_a_reason(
        snapshots in any_snapshots(), retention in any_retention(), backed_up in any_backed_up(), n in 1_u32..4
    ) {
        let plan = Plan::new(&snapshots, &retention, floor(n), now(), &backed_up);
        let judged: BTreeSet<_> = plan.verdicts.iter().map(|verdict| &verdict.snapshot_id).collect();
        prop_assert_eq!(plan.verdicts.len(), snapshots.len());
        prop_assert_eq!(judged, snapshots.iter().map(|snapshot| &snapshot.id).collect());
        for verdict in &plan.verdicts {
            if let Decision::Keep(reasons) = &verdict.decision {
                prop_assert!(!reasons.is_empty());
            }
        }
    }

    #[test]
    fn the_order_of_the_listing_does_not_matter(
        (snapshots, shuffled) in any_snapshots().prop_flat_map(|s| (Just(s.clone()), Just(s).prop_shuffle())),
        retention in any_retention(), backed_up in any_backed_up()
    ) {
        prop_assert_eq!(
            Plan::new(&snapshots, &retention, floor(1), now(), &backed_up),
            Plan::new(&shuffled, &retention, floor(1), now(), &backed_up)
        );
    }

    #[test]
    fn s2_the_newest_completed_snapshot_of_each_volume_stays(
        snapshots in any_snapshots(), retention in any_retention(), backed_up in any_backed_up(), n in 1_u32..4
    ) {
        let deleted = deleted(&Plan::new(&snapshots, &retention, floor(n), now(), &backed_up));
        let mut newest: BTreeMap<_, &Snapshot> = BTreeMap::new();
        for snapshot in snapshots.iter().filter(|s| s.state == SnapshotState::Completed && s.volume.is_some()) {
            let best = newest.entry(snapshot.volume.clone()).or_insert(snapshot);
            if (snapshot.started_at, &snapshot.id) > (best.started_at, &best.id) {
                *best = snapshot;
            }
        }
        for snapshot in newest.values() {
            prop_assert!(!deleted.contains(&snapshot.id), "{snapshot:?}");
        }
    }

    #[test]
    fn s3_what_a_rule_wants_is_deleted_only_as_a_twin(
        snapshots in any_snapshots(), retention in any_retention(), backed_up in any_backed_up()
    ) {
        let plan = Plan::new(&snapshots, &retention, floor(1), now(), &backed_up);
        let by_id: BTreeMap<_, _> = snapshots.iter().map(|s| (&s.id, s)).collect();
        for (id, reason) in plan.deletions() {
            let snapshot = by_id[id];
            prop_assert!(!snapshot.hold);
            match reason {
                DeleteReason::Expired { .. } => {
                    let age = now() - snapshot.started_at;
                    prop_assert!(retention.keep_days().is_none_or(|days| age >= TimeDelta::days(i64::from(days))));
                    let mut newer: Vec<_> = snapshots.iter()
                        .filter(|s| s.volume == snapshot.volume && s.state == SnapshotState::Completed)
                        .filter(|s| (s.started_at, &s.id) > (snapshot.started_at, &snapshot.id))
                        .collect();
                    newer.sort_by_key(|s| Reverse(s.started_at));
                    prop_assert!(newer.len() >= retention.keep_last().unwrap_or(0) as usize);
                }
                DeleteReason::Duplicate { of, .. } => {
                    let other = by_id[of];
                    prop_assert!(other.run == snapshot.run && other.volume == snapshot.volume);
                    prop_assert!((other.started_at, &other.id) > (snapshot.started_at, &snapshot.id));
                    prop_assert_eq!(&other.state, &SnapshotState::Completed);
                }
                DeleteReason::Failed => prop_assert_eq!(&snapshot.state, &SnapshotState::Error),
            }
        }
    }

    #[test]
    fn s4_a_volume_whose_backup_failed_loses_nothing(
        snapshots in any_snapshots(), retention in any_retention(), backed_up in any_backed_up()
    ) {
        let plan = Plan::new(&snapshots, &retention, floor(1), now(), &backed_up);
        let failed = backed_up_all_but(&backed_up);
        let gone = deleted(&plan);
        for snapshot in snapshots.iter().filter(|s| s.volume.as_ref().is_some_and(|v| failed.contains(v))) {
            prop_assert!(!gone.contains(&snapshot.id));
        }
    }

    #[test]
    fn s12_only_completed_ones_and_old_errors_are_ever_deleted(
        snapshots in any_snapshots(), retention in any_retention(), backed_up in any_backed_up()
    ) {
        let gone = deleted(&Plan::new(&snapshots, &retention, floor(1), now(), &backed_up));
        for snapshot in snapshots.iter().filter(|s| gone.contains(&s.id)) {
            let old_error = snapshot.state == SnapshotState::Error && now() - snapshot.started_at > TimeDelta::days(1);
            prop_assert!(snapshot.state == SnapshotState::Completed || old_error);
            prop_assert!(snapshot.volume.is_some());
        }
    }

    #[test]
    fn a_longer_rule_never_deletes_more(
        snapshots in any_snapshots(), days in 1_u32..30, last in 1_u32..10, more in 1_u32..10, backed_up in any_backed_up()
    ) {
        let gone = |retention: &Retention, n| deleted(&Plan::new(&snapshots, retention, floor(n), now(), &backed_up));
        let base = gone(&keep(Some(days), Some(last)), 1);
        for longer in [
            gone(&keep(Some(days + more), Some(last)), 1),
            gone(&keep(Some(days), Some(last + more)), 1),
            gone(&keep(Some(days), Some(last)), 1 + more),
        ] {
            prop_assert!(longer.is_subset(&base));
        }
    }

    #[test]
    fn adding_a_rule_never_deletes_more(snapshots in any_snapshots(), days in 1_u32..30, last in 1_u32..10) {
        let gone = |retention: &Retention| deleted(&Plan::new(&snapshots, retention, floor(1), now(), &BackedUp::Assumed));
        let both = gone(&keep(Some(days), Some(last)));
        prop_assert!(both.is_subset(&gone(&keep(Some(days), None))));
        prop_assert!(both.is_subset(&gone(&keep(None, Some(last)))));
    }

    #[test]
    fn s3_a_plan_that_can_be_approved_deletes_nothing_that_a_rule_wants(
        snapshots in any_snapshots(), retention in any_retention(), backed_up in any_backed_up()
    ) {
        // Whoever looks later, with the snapshots that have come since, finds nothing in it that he would keep; but for
        // the one of two twins that was the newer one then.
        let gone = deleted(&Plan::as_of(&snapshots, &retention, floor(1), now(), &backed_up));
        let later = Plan::new(&snapshots, &retention, floor(1), now() + TimeDelta::days(3), &backed_up);
        prop_assert!(gone.is_subset(&deleted(&later)), "{gone:?} {later:?}");
    }

    #[test]
    fn carrying_a_plan_out_leaves_nothing_to_do(snapshots in any_snapshots(), retention in any_retention()) {
        let gone = deleted(&Plan::new(&snapshots, &retention, floor(1), now(), &BackedUp::Assumed));
        let left: Vec<_> = snapshots.into_iter().filter(|s| !gone.contains(&s.id)).collect();
        prop_assert_eq!(deleted(&Plan::new(&left, &retention, floor(1), now(), &BackedUp::Assumed)), BTreeSet::new());
    }
}
