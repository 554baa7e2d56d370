//! What must never happen, whatever the snapshots and the rules.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use contract::config::Floor;
use contract::{JobPolicy, KeepRules, Orphans, Retention, SnapshotId, Span};
use policy::calendar::Period;
use policy::model::{Snapshot, SnapshotState};
use policy::plan::{Plan, Volumes};
use policy::verdict::{Decision, DeleteReason, OwnRetention, VolumeFacts};
use proptest::prelude::*;

use crate::build::{id, now, policy, run, volume};

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
            own_retention: None,
        }).collect()
    }
}

prop_compose! {
    fn any_rules()(
        within in prop::option::of(1_u32..40),
        [keep_last, keep_hourly, keep_daily, keep_weekly, keep_monthly, keep_yearly] in prop::array::uniform6(prop::option::weighted(0.3, 1_u32..12)),
    ) -> KeepRules {
        let keep_within = within.map(|days| Span::of_days(days).unwrap());
        KeepRules { keep_last, keep_within, keep_hourly, keep_daily, keep_weekly, keep_monthly, keep_yearly }
    }
}

fn any_retention() -> impl Strategy<Value = Retention> {
    any_rules().prop_filter_map("no rule", |rules| Retention::new(rules).ok())
}

prop_compose! {
    /// A policy with its time zone, its minimum and its orphans.
    fn any_policy()(
        retention in any_retention(), n in 1_u32..4, minimum in prop::option::of(any_retention()),
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
        orphans in prop::option::of(1_u32..40),
    ) -> JobPolicy {
        let orphans = orphans.map_or(Orphans::Keep, |days| Orphans::KeepWithin(Span::of_days(days).unwrap()));
        JobPolicy { minimum, orphans, time_zone: zone.parse().unwrap(), ..policy(retention, n) }
    }
}

prop_compose! {
    /// What is known of the three volumes: there or not, backed up or not, with a retention of their own or not.
    fn any_volumes()(
        facts in prop::array::uniform3((prop::bool::weighted(0.8), prop::bool::weighted(0.8), prop::option::weighted(0.3, prop::option::of(any_retention()))))
    ) -> Volumes {
        let mut volumes = Volumes::default();
        for (n, (exists, backed_up, own)) in (1..).zip(facts) {
            let own = match own {
                None => OwnRetention::None,
                Some(Some(rules)) => OwnRetention::Rules(rules),
                Some(None) => OwnRetention::Invalid("why".to_owned()),
            };
            volumes.insert(volume(n), VolumeFacts { exists, backed_up, own });
        }
        volumes
    }
}

fn deleted(plan: &Plan) -> BTreeSet<SnapshotId> {
    plan.deletions().map(|(id, _)| id.clone()).collect()
}

/// The plan of a policy under which a snapshot is wanted only by what is looked at.
fn gone(snapshots: &[Snapshot], policy: &JobPolicy, volumes: &Volumes) -> BTreeSet<SnapshotId> {
    deleted(&Plan::new(snapshots, policy, now(), volumes))
}

/// Another rule beside those of `rules`, where the place is free.
fn with_rule(rules: KeepRules, which: u8, n: u32) -> KeepRules {
    let mut with = rules;
    let place = match which {
        0 => &mut with.keep_last,
        1 => &mut with.keep_hourly,
        2 => &mut with.keep_daily,
        3 => &mut with.keep_weekly,
        4 => &mut with.keep_monthly,
        5 => &mut with.keep_yearly,
        _ => {
            let days = |span: Span| (now() - span.before(now())).num_days();
            let longer = with.keep_within.map_or(0, days) + i64::from(n);
            with.keep_within = Some(Span::of_days(u32::try_from(longer).unwrap()).unwrap());
            return with;
        }
    };
    *place = Some(place.unwrap_or(0) + n);
    with
}

proptest! {
    #[test]
    fn every_snapshot_has_one_verdict_and_every_verdict_a_reason(
        snapshots in any_snapshots(), policy in any_policy(), volumes in any_volumes()
    ) {
        let plan = Plan::new(&snapshots, &policy, now(), &volumes);
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
        policy in any_policy(), volumes in any_volumes()
    ) {
        prop_assert_eq!(
            Plan::new(&snapshots, &policy, now(), &volumes),
            Plan::new(&shuffled, &policy, now(), &volumes)
        );
    }

    #[test]
    fn s2_the_newest_completed_snapshots_of_each_volume_that_is_there_stay(
        snapshots in any_snapshots(), policy in any_policy(), volumes in any_volumes()
    ) {
        let deleted = gone(&snapshots, &policy, &volumes);
        for n in 1..4 {
            let mut of_volume: Vec<&Snapshot> = snapshots.iter()
                .filter(|s| s.state == SnapshotState::Completed && s.volume == Some(volume(n)))
                .collect();
            of_volume.sort_by_key(|s| Reverse((s.started_at, &s.id)));
            // As many runs as the floor says keep their newest.
            let mut runs = BTreeSet::new();
            of_volume.retain(|s| s.run.as_ref().is_none_or(|run| runs.insert(run.clone())));
            let newest = of_volume.iter().take(policy.floor.get() as usize);
            let Some(first) = of_volume.first() else { continue };
            let orphan = !volumes.of(&volume(n)).exists
                && matches!(policy.orphans, Orphans::KeepWithin(span) if first.started_at <= span.before(now()));
            for snapshot in newest {
                prop_assert!(orphan || !deleted.contains(&snapshot.id), "{snapshot:?}");
            }
        }
    }

    #[test]
    fn s3_what_a_rule_wants_is_deleted_only_as_a_twin(
        snapshots in any_snapshots(), policy in any_policy(), volumes in any_volumes()
    ) {
        let plan = Plan::new(&snapshots, &policy, now(), &volumes);
        let by_id: BTreeMap<_, _> = snapshots.iter().map(|s| (&s.id, s)).collect();
        for (id, reason) in plan.deletions() {
            let snapshot = by_id[id];
            prop_assert!(!snapshot.hold);
            let of = snapshot.volume.as_ref().unwrap();
            let newer = |s: &&Snapshot| s.volume == snapshot.volume && s.state == SnapshotState::Completed
                && (s.started_at, &s.id) > (snapshot.started_at, &snapshot.id);
            match reason {
                DeleteReason::Orphan { .. } => prop_assert!(!volumes.of(of).exists),
                DeleteReason::Expired { .. } => {
                    // Told in other words than the code's: by what there is that is newer.
                    let rules = match volumes.of(of).own {
                        OwnRetention::Rules(own) => [own, policy.minimum.unwrap_or(policy.retention)],
                        _ => [policy.retention; 2],
                    };
                    for rules in rules.map(|retention| *retention.rules()) {
                        prop_assert!(rules.keep_within.is_none_or(|span| snapshot.started_at <= span.before(now())));
                        let points: Vec<_> = snapshots.iter().filter(newer).collect();
                        prop_assert!(points.len() >= rules.keep_last.unwrap_or(0) as usize);
                        for (period, count) in [(Period::Hour, rules.keep_hourly), (Period::Day, rules.keep_daily),
                            (Period::Week, rules.keep_weekly), (Period::Month, rules.keep_monthly), (Period::Year, rules.keep_yearly)] {
                            let number = |at| period.number(at, policy.time_zone);
                            let newer: BTreeSet<i64> = points.iter().map(|s| number(s.started_at)).collect();
                            prop_assert!(count.is_none_or(|n| newer.len() >= n as usize || newer.contains(&number(snapshot.started_at))),
                                "{} {:?}", period, count);
                        }
                    }
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
    fn s4_a_volume_whose_backup_failed_loses_nothing_nor_one_whose_retention_is_not_valid(
        snapshots in any_snapshots(), policy in any_policy(), volumes in any_volumes()
    ) {
        let deleted = gone(&snapshots, &policy, &volumes);
        for snapshot in snapshots.iter().filter(|s| deleted.contains(&s.id)) {
            let facts = volumes.of(snapshot.volume.as_ref().unwrap());
            prop_assert!(facts.backed_up && !matches!(facts.own, OwnRetention::Invalid(_)));
        }
    }

    #[test]
    fn s12_only_completed_ones_and_old_errors_are_ever_deleted(
        snapshots in any_snapshots(), policy in any_policy(), volumes in any_volumes()
    ) {
        let deleted = gone(&snapshots, &policy, &volumes);
        for snapshot in snapshots.iter().filter(|s| deleted.contains(&s.id)) {
            let old_error = snapshot.state == SnapshotState::Error && now() - snapshot.started_at > TimeDelta::days(1);
            prop_assert!(snapshot.state == SnapshotState::Completed || old_error);
            prop_assert!(snapshot.volume.is_some());
        }
    }

    #[test]
    fn a_longer_rule_a_further_rule_and_a_higher_floor_never_delete_more(
        snapshots in any_snapshots(), policy in any_policy(), volumes in any_volumes(),
        (which, n) in (0_u8..7, 1_u32..10), higher in 0_u32..4
    ) {
        let base = gone(&snapshots, &policy, &volumes);
        let longer = Retention::new(with_rule(*policy.retention.rules(), which, n)).unwrap();
        let floor = Floor::new(policy.floor.get() + higher).unwrap();
        let more = JobPolicy { retention: longer, floor, ..policy };
        prop_assert!(gone(&snapshots, &more, &volumes).is_subset(&base));
    }

    #[test]
    fn keeping_orphans_longer_and_a_volume_that_comes_back_never_delete_more(
        snapshots in any_snapshots(), policy in any_policy(), volumes in any_volumes(), days in 40_u32..80
    ) {
        let base = gone(&snapshots, &policy, &volumes);
        for orphans in [Orphans::Keep, Orphans::KeepWithin(Span::of_days(days).unwrap())] {
            let longer = JobPolicy { orphans, ..policy.clone() };
            if policy.orphans != Orphans::Keep {
                prop_assert!(gone(&snapshots, &longer, &volumes).is_subset(&base));
            }
        }
        let mut back = volumes.clone();
        for n in 1..4 {
            back.insert(volume(n), VolumeFacts { exists: true, ..volumes.of(&volume(n)) });
        }
        prop_assert!(gone(&snapshots, &policy, &back).is_subset(&base));
    }

    #[test]
    fn s3_a_plan_that_can_be_approved_deletes_nothing_that_a_rule_wants(
        snapshots in any_snapshots(), policy in any_policy(), volumes in any_volumes()
    ) {
        // Whoever looks later, with the snapshots that have come since, finds nothing in it that he would keep. That a run
        // makes twins days apart is left out: the one that was the newer then would take a place from others.
        let of_both = |s: &Snapshot| snapshots.iter().any(|o| o.run == s.run && o.volume == s.volume && o.started_at <= now());
        let snapshots: Vec<_> = snapshots.iter().filter(|s| s.started_at <= now() || !of_both(s)).cloned().collect();
        let then = deleted(&Plan::as_of(&snapshots, &policy, now(), &volumes));
        let later = Plan::new(&snapshots, &policy, now() + TimeDelta::days(3), &volumes);
        prop_assert!(then.is_subset(&deleted(&later)), "{then:?} {later:?}");
    }

    #[test]
    fn carrying_a_plan_out_leaves_nothing_to_do(
        snapshots in any_snapshots(), policy in any_policy(), volumes in any_volumes()
    ) {
        // A twin that is held stays, and is a restore point like any other once the newer one has gone.
        let twin = |s: &Snapshot| snapshots.iter().any(|o| o.id != s.id && o.run == s.run && o.volume == s.volume);
        let snapshots: Vec<_> = snapshots.iter().map(|s| Snapshot { hold: s.hold && !twin(s), ..s.clone() }).collect();
        // The newest of a volume that is gone sets its clock in whatever state it is: where a failed one goes, the clock goes back.
        let completed = |s: &Snapshot| s.state == SnapshotState::Completed;
        let newer =
            |s: &Snapshot| snapshots.iter().any(|o| completed(o) && o.volume == s.volume && o.started_at > s.started_at);
        let snapshots: Vec<_> = snapshots.iter().filter(|s| completed(s) || newer(s)).cloned().collect();
        let deleted = gone(&snapshots, &policy, &volumes);
        let left: Vec<_> = snapshots.into_iter().filter(|s| !deleted.contains(&s.id)).collect();
        prop_assert_eq!(gone(&left, &policy, &volumes), BTreeSet::new());
    }
}
