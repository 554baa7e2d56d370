//! Which snapshots data is restored from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use contract::{PolicyName, RunId, SnapshotId, VolumeId};
use thiserror::Error;

use crate::model::SnapshotState;
use crate::restore::seen::bare_name;

/// A snapshot as a restore looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id: SnapshotId,
    /// How far it is.
    pub state: SnapshotState,
    /// When it was started: the moment whose data it holds.
    pub started_at: DateTime<Utc>,
    /// The volume that EC2 has it of.
    pub volume: Option<VolumeId>,
    /// The run that made it; none when it is not ours, or its tags and EC2 do not agree.
    pub run: Option<RunId>,
    /// The policy of that run.
    pub policy: Option<PolicyName>,
    /// The instance that its volume was attached to when it was made, where that is known.
    pub instance: Option<String>,
    /// The device there.
    pub device: Option<String>,
}

impl Candidate {
    fn is_complete(&self) -> bool {
        self.state == SnapshotState::Completed
    }

    fn age_order(&self) -> (DateTime<Utc>, &SnapshotId) {
        (self.started_at, &self.id)
    }
}

/// Whose snapshots count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Those that we made.
    Ours,
    /// Any that the account owns.
    Any,
}

/// There is nothing to restore from.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoRestorePoint {
    /// Of a volume there is no completed snapshot at or before the moment.
    #[error("no completed snapshot of {volume} at or before {at}; {nearest}")]
    OfVolume {
        /// The volume.
        volume: VolumeId,
        /// The moment.
        at: DateTime<Utc>,
        /// What is nearest.
        nearest: Box<Nearest>,
    },
    /// Of an instance there is no snapshot at or before the moment.
    #[error("no completed snapshot of a volume that was attached to {instance} at or before {at}")]
    OfInstance {
        /// The instance.
        instance: String,
        /// The moment.
        at: DateTime<Utc>,
    },
    /// Of one of the instance's volumes there is no snapshot at all that could be restored.
    #[error(
        "{instance} had volumes of which there is no completed snapshot at or before {at}: {}. The first one of each may \
         still be pending. An \"at\" before {newest} may have them all; or restore the others one by one, by volumeId",
        listed(.missing)
    )]
    Incomplete {
        /// The instance.
        instance: String,
        /// The moment.
        at: DateTime<Utc>,
        /// The volumes without one.
        missing: Vec<VolumeId>,
        /// When the newest run began.
        newest: DateTime<Utc>,
    },
    /// The instance's volumes are not all in one run.
    #[error(
        "no recent run at or before {at} has a completed snapshot of every volume of {instance}; the newest run misses {}. \
         \"allowMixed\": true takes the newest of each{}",
        listed(.missing), or_at(.whole_at.as_ref())
    )]
    Mixed {
        /// The instance.
        instance: String,
        /// The moment.
        at: DateTime<Utc>,
        /// The volumes that the newest run misses.
        missing: Vec<VolumeId>,
        /// The end of the newest run that has them all, where one has.
        whole_at: Option<DateTime<Utc>>,
    },
}

/// Why a snapshot cannot be restored from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// It is in this state, and not completed (S12).
    State(SnapshotState),
    /// It is not ours, and only ours were asked for.
    NotOurs,
}

/// The snapshots of a volume that are nearest to a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest {
    /// At or before it, and not to be used: why.
    pub before: Option<(SnapshotId, DateTime<Utc>, Unusable)>,
    /// After it, and fit for use.
    pub after: Option<(SnapshotId, DateTime<Utc>)>,
}

impl fmt::Display for Nearest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.before.as_ref().map(|(id, at, why)| {
            let why = match why {
                Unusable::State(state) => format!("is {}", state.name()),
                Unusable::NotOurs => "was not made by EBS Backup (\"anySource\": true takes it)".to_owned(),
            };
            format!("{id} of {at} {why}")
        });
        let after = self.after.as_ref().map(|(id, at)| format!("the next one is {id} of {at}"));
        let known: Vec<String> = before.into_iter().chain(after).collect();
        f.write_str(&if known.is_empty() { "there is none at all".to_owned() } else { known.join("; ") })
    }
}

fn or_at(whole: Option<&DateTime<Utc>>) -> String {
    let to_seconds = |at: &DateTime<Utc>| (*at + TimeDelta::seconds(1)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    whole
        .map(|at| format!("; \"at\": \"{}\" takes the newest run that has them all", to_seconds(at)))
        .unwrap_or_default()
}

fn listed(volumes: &[VolumeId]) -> String {
    volumes.iter().map(VolumeId::as_str).collect::<Vec<_>>().join(", ")
}

/// The newest completed snapshot of `volume` that was started at or before `at`.
///
/// # Errors
/// [`NoRestorePoint::OfVolume`] with what is nearest.
pub fn of_volume<'a>(
    candidates: &'a [Candidate],
    volume: &VolumeId,
    at: DateTime<Utc>,
    source: Source,
) -> Result<&'a Candidate, NoRestorePoint> {
    let of_volume = || candidates.iter().filter(|candidate| candidate.volume.as_ref() == Some(volume));
    let usable = |candidate: &&Candidate| candidate.is_complete() && (source == Source::Any || candidate.run.is_some());
    let before = of_volume().filter(|candidate| candidate.started_at <= at);
    if let Some(newest) = before.clone().filter(usable).max_by_key(|candidate| candidate.age_order()) {
        return Ok(newest);
    }
    let unusable = |candidate: &Candidate| {
        let why = if candidate.is_complete() { Unusable::NotOurs } else { Unusable::State(candidate.state.clone()) };
        (candidate.id.clone(), candidate.started_at, why)
    };
    let after = of_volume().filter(|candidate| candidate.started_at > at).filter(usable);
    Err(NoRestorePoint::OfVolume {
        volume: volume.clone(),
        at,
        nearest: Box::new(Nearest {
            before: before.max_by_key(|candidate| candidate.age_order()).map(unusable),
            after: after.min_by_key(|candidate| candidate.age_order()).map(|c| (c.id.clone(), c.started_at)),
        }),
    })
}

/// One snapshot for each volume that `instance` had, all of the newest run at or before `at` that has them all; with
/// `allow_mixed`, the newest of each.
///
/// Which volumes the instance had is what our own snapshots say ([`had`]), whether completed or not, so that a volume whose
/// snapshot failed, or that another policy backs up, is missed and not forgotten.
///
/// # Errors
/// [`NoRestorePoint::OfInstance`] when there is none at all, [`NoRestorePoint::Mixed`] when no single run has them all.
pub fn of_instance<'a>(
    candidates: &'a [Candidate],
    instance: &str,
    at: DateTime<Utc>,
    allow_mixed: bool,
) -> Result<Vec<&'a Candidate>, NoRestorePoint> {
    let mut runs: BTreeMap<(&RunId, &Option<PolicyName>), Vec<&Candidate>> = BTreeMap::new();
    for candidate in candidates {
        let of_instance = candidate.instance.as_deref() == Some(instance) && candidate.volume.is_some();
        if let (Some(run), true) = (&candidate.run, of_instance && candidate.started_at <= at) {
            runs.entry((run, &candidate.policy)).or_default().push(candidate);
        }
    }
    let mut newest_first: Vec<Vec<&Candidate>> = runs.into_values().collect();
    // By their beginning: a run that somebody replays days later is still of its night.
    newest_first.sort_by_key(|run| std::cmp::Reverse(begun(run)));
    let Some(newest) = newest_first.first().and_then(|run| begun(run)) else {
        return Err(NoRestorePoint::OfInstance { instance: instance.to_owned(), at });
    };
    let had: BTreeSet<&VolumeId> = had(&newest_first, newest)
        .into_iter()
        .filter(|volume| !is_elsewhere(candidates, volume, instance, at))
        .collect();
    if had.is_empty() {
        return Err(NoRestorePoint::OfInstance { instance: instance.to_owned(), at });
    }
    let whole = newest_first.iter().find_map(|run| {
        let points = newest_of_each(run, &had);
        (points.len() == had.len()).then_some((run, points))
    });
    let whole_at = whole.as_ref().and_then(|(run, _)| ended(run));
    if let Some((run, points)) = whole
        && begun(run).is_some_and(|at| newest - at <= TimeDelta::hours(WHOLE_RUN_HOURS))
    {
        return Ok(points.into_values().collect());
    }
    let all: Vec<&Candidate> = newest_first.iter().flatten().copied().collect();
    let mixed = newest_of_each(&all, &had);
    if mixed.len() < had.len() {
        let missing = had.into_iter().filter(|volume| !mixed.contains_key(volume)).cloned().collect();
        return Err(NoRestorePoint::Incomplete { instance: instance.to_owned(), at, missing, newest });
    }
    if allow_mixed {
        return Ok(mixed.into_values().collect());
    }
    let newest = newest_first.first().map(|run| newest_of_each(run, &had)).unwrap_or_default();
    let missing = had.into_iter().filter(|volume| !newest.contains_key(volume)).cloned().collect();
    Err(NoRestorePoint::Mixed { instance: instance.to_owned(), at, missing, whole_at })
}

/// How much older than the newest run one may be that is taken in its place, as it has all volumes: last night's. What is older is only
/// named, for somebody to choose it.
const WHOLE_RUN_HOURS: i64 = 50;
/// A policy that has not backed an instance up for so many days before the newest run does not say any more what it had: longer than
/// a month, so that a monthly policy counts.
const POLICY_COUNTS_FOR_DAYS: i64 = 35;
/// Runs of each policy that say which volumes there were: with the one before the newest, so that a volume of which EC2 took no
/// snapshot at all in the newest is missed; and all of the last day.
const RUNS_OF_A_POLICY: usize = 2;
/// Runs that are so much older than the newest count whatever their number.
const RUNS_OF_HOURS: i64 = 26;

fn begun(run: &[&Candidate]) -> Option<DateTime<Utc>> {
    run.iter().map(|candidate| candidate.started_at).min()
}

fn ended(run: &[&Candidate]) -> Option<DateTime<Utc>> {
    run.iter().map(|candidate| candidate.started_at).max()
}

/// The volumes that an instance had, of its runs, newest first: those of the last runs of each policy.
///
/// Where two of them were at the same device, the one that was seen there later has replaced the other.
fn had<'a>(newest_first: &[Vec<&'a Candidate>], newest: DateTime<Utc>) -> BTreeSet<&'a VolumeId> {
    let mut runs_of: BTreeMap<&Option<PolicyName>, usize> = BTreeMap::new();
    let mut latest: BTreeMap<&VolumeId, &Candidate> = BTreeMap::new();
    for run in newest_first {
        let (Some(first), Some(at)) = (run.first(), begun(run)) else { continue };
        let counted = runs_of.entry(&first.policy).or_default();
        let of_the_last = *counted < RUNS_OF_A_POLICY || newest - at <= TimeDelta::hours(RUNS_OF_HOURS);
        if !of_the_last || newest - at > TimeDelta::days(POLICY_COUNTS_FOR_DAYS) {
            continue;
        }
        *counted += 1;
        for candidate in run {
            let Some(volume) = &candidate.volume else { continue };
            let best = latest.entry(volume).or_insert(candidate);
            if candidate.age_order() > best.age_order() {
                *best = candidate;
            }
        }
    }
    let replaced = |one: &Candidate| {
        let device = one.device.as_deref().map(bare_name);
        device.is_some()
            && latest.values().any(|other| {
                other.volume != one.volume
                    && other.device.as_deref().map(bare_name) == device
                    && other.started_at > one.started_at
            })
    };
    latest.iter().filter(|(_, candidate)| !replaced(candidate)).map(|(volume, _)| *volume).collect()
}

/// Whether the volume's own latest snapshot says that it was not at the instance any more.
fn is_elsewhere(candidates: &[Candidate], volume: &VolumeId, instance: &str, at: DateTime<Utc>) -> bool {
    let of_volume = candidates.iter().filter(|candidate| {
        candidate.volume.as_ref() == Some(volume) && candidate.run.is_some() && candidate.started_at <= at
    });
    let latest = of_volume.max_by_key(|candidate| candidate.age_order());
    latest.is_some_and(|candidate| candidate.instance.as_deref() != Some(instance))
}

/// The newest completed snapshot of each of `volumes`.
fn newest_of_each<'a>(
    candidates: &[&'a Candidate],
    volumes: &BTreeSet<&VolumeId>,
) -> BTreeMap<&'a VolumeId, &'a Candidate> {
    let mut newest: BTreeMap<&VolumeId, &Candidate> = BTreeMap::new();
    for candidate in candidates.iter().copied().filter(|candidate| candidate.is_complete()) {
        let Some(volume) = candidate.volume.as_ref().filter(|volume| volumes.contains(volume)) else { continue };
        let best = newest.entry(volume).or_insert(candidate);
        if candidate.age_order() > best.age_order() {
            *best = candidate;
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INSTANCE: &str = "i-0123456789abcdef0";

    fn now() -> DateTime<Utc> {
        "2026-11-23T02:00:00Z".parse().unwrap()
    }

    fn volume(n: u32) -> VolumeId {
        VolumeId::new(format!("vol-{n:08x}")).unwrap()
    }

    /// Snapshot `n` of a volume, so many hours old, of the run of that hour.
    fn point(n: u32, of: u32, hours: i64) -> Candidate {
        Candidate {
            id: SnapshotId::new(format!("snap-{n:08x}")).unwrap(),
            state: SnapshotState::Completed,
            started_at: now() - TimeDelta::hours(hours),
            volume: Some(volume(of)),
            run: Some(RunId::new(format!("run-{hours}")).unwrap()),
            policy: Some(PolicyName::new("daily").unwrap()),
            instance: Some(INSTANCE.to_owned()),
            device: Some(format!("/dev/sd{of}")),
        }
    }

    fn numbers<'a>(points: impl IntoIterator<Item = &'a Candidate>) -> Vec<String> {
        points.into_iter().map(|point| point.id.as_str().trim_start_matches("snap-0000000").to_owned()).collect()
    }

    #[test]
    fn the_newest_completed_one_at_or_before_the_moment_is_taken() {
        let pending = Candidate { state: SnapshotState::Pending, ..point(1, 1, 1) };
        let by_hand = Candidate { run: None, ..point(2, 1, 2) };
        let all = [pending, by_hand, point(3, 1, 24), point(4, 1, 48), point(5, 2, 0)];
        let taken = |hours, source| {
            of_volume(&all, &volume(1), now() - TimeDelta::hours(hours), source).map(|point| numbers([point]).join(""))
        };
        assert_eq!(taken(0, Source::Ours).unwrap(), "3", "S12: a pending one is passed over, and one that others made");
        assert_eq!(taken(0, Source::Any).unwrap(), "2");
        assert_eq!(taken(24, Source::Ours).unwrap(), "3", "the moment itself counts");
        assert_eq!(taken(25, Source::Ours).unwrap(), "4");
        assert_eq!(
            taken(49, Source::Ours).unwrap_err().to_string(),
            "no completed snapshot of vol-00000001 at or before 2026-11-21 01:00:00 UTC; the next one is snap-00000004 of 2026-11-21 02:00:00 UTC"
        );
    }

    #[test]
    fn what_is_nearest_is_named_with_the_reason() {
        let error =
            |candidates: &[Candidate]| of_volume(candidates, &volume(1), now(), Source::Ours).unwrap_err().to_string();
        let head = "no completed snapshot of vol-00000001 at or before 2026-11-23 02:00:00 UTC; ";
        assert_eq!(error(&[point(5, 2, 0)]), format!("{head}there is none at all"));
        let failed = Candidate { state: SnapshotState::Error, ..point(1, 1, 1) };
        assert_eq!(error(&[failed]), format!("{head}snap-00000001 of 2026-11-23 01:00:00 UTC is error"));
        let by_hand = Candidate { run: None, ..point(1, 1, 1) };
        assert!(error(&[by_hand]).ends_with("was not made by EBS Backup (\"anySource\": true takes it)"));
    }

    #[test]
    fn an_instance_comes_back_from_one_run_or_as_a_mixture_that_was_asked_for() {
        let half = [point(1, 1, 1), Candidate { state: SnapshotState::Error, ..point(2, 2, 1) }];
        let whole = [point(3, 1, 24), point(4, 2, 24)];
        let all: Vec<Candidate> = half.iter().chain(&whole).cloned().collect();
        let taken = |candidates: &[Candidate], mixed| of_instance(candidates, INSTANCE, now(), mixed).map(numbers);
        assert_eq!(taken(&all, false).unwrap(), ["3", "4"], "the newest run that has them all");
        for mixed in [false, true] {
            let error = taken(&half, mixed).unwrap_err();
            assert!(
                error.to_string().contains("no completed snapshot at or before 2026-11-23 02:00:00 UTC: vol-00000002"),
                "{error}"
            );
        }
        let apart = [point(1, 1, 1), Candidate { state: SnapshotState::Error, ..point(2, 2, 1) }, point(4, 2, 24)];
        assert!(taken(&apart, false).is_err());
        assert_eq!(taken(&apart, true).unwrap(), ["1", "4"]);
        let other = [Candidate { instance: None, ..point(1, 1, 1) }];
        assert!(matches!(taken(&other, true), Err(NoRestorePoint::OfInstance { .. })));
    }

    #[test]
    fn a_volume_that_the_newest_run_has_nothing_of_is_missed() {
        let taken = |candidates: &[Candidate], mixed| of_instance(candidates, INSTANCE, now(), mixed).map(numbers);
        // EC2 took no snapshot of the second volume in the newest run: the run before has both.
        let refused = [point(1, 1, 1), point(2, 1, 25), point(3, 2, 25)];
        assert_eq!(taken(&refused, false).unwrap(), ["2", "3"]);
        // Nor in two runs of one day.
        let hours = [point(1, 1, 1), point(2, 1, 2), point(3, 1, 3), point(4, 2, 3)];
        assert_eq!(taken(&hours, false).unwrap(), ["3", "4"]);
        // A run that was replayed is still of its night.
        let replayed = |n, of| Candidate { started_at: now(), ..point(n, of, 25) };
        assert_eq!(
            taken(&[point(1, 1, 1), point(2, 2, 1), point(3, 1, 25), replayed(4, 2)], false).unwrap(),
            ["1", "2"]
        );
        // Another policy backs up the second one alone, more often.
        let hourly = |n, hours| Candidate { policy: Some(PolicyName::new("hourly").unwrap()), ..point(n, 2, hours) };
        let both = [hourly(1, 1), hourly(2, 2), point(3, 1, 20), point(4, 2, 20)];
        assert_eq!(taken(&both, false).unwrap(), ["3", "4"], "not the hourly one alone");
        // Two policies that share no volume have no run with both.
        let apart = [hourly(1, 1), point(2, 1, 20)];
        assert!(taken(&apart, false).unwrap_err().to_string().contains("misses vol-00000001"));
        assert_eq!(taken(&apart, true).unwrap(), ["2", "1"]);
    }

    #[test]
    fn a_volume_that_is_long_gone_is_not_missed() {
        let taken = |candidates: &[Candidate]| of_instance(candidates, INSTANCE, now(), false).map(numbers);
        // Two nights without it.
        assert_eq!(taken(&[point(1, 1, 1), point(2, 1, 25), point(3, 1, 49), point(4, 2, 49)]).unwrap(), ["1"]);
        // Another took its device.
        let there = |candidate: Candidate| Candidate { device: Some("/dev/sdx".to_owned()), ..candidate };
        assert_eq!(taken(&[there(point(1, 1, 1)), there(point(2, 2, 25))]).unwrap(), ["1"]);
        // The policy that had it is long gone.
        let weekly = |n, of, days: i64| Candidate {
            policy: Some(PolicyName::new("weekly").unwrap()),
            ..point(n, of, days * 24)
        };
        assert_eq!(taken(&[point(1, 1, 1), weekly(2, 2, 36)]).unwrap(), ["1"]);
        // It was detached, and is still backed up: its own latest snapshot says so.
        let detached = Candidate { instance: None, device: None, ..point(3, 2, 2) };
        assert_eq!(taken(&[point(1, 1, 1), point(2, 2, 25), detached, point(4, 1, 25)]).unwrap(), ["1"]);
        // It may have been deleted: an old run is never taken for the newest in silence, but named.
        let monthly = [point(1, 1, 1), point(2, 1, 25), weekly(3, 1, 30), weekly(4, 2, 30)];
        let refused = taken(&monthly).unwrap_err().to_string();
        assert!(
            refused.contains("misses vol-00000002") && refused.contains("\"at\": \"2026-10-24T02:00:01Z\""),
            "{refused}"
        );
        assert_eq!(of_instance(&monthly, INSTANCE, now(), true).map(numbers).unwrap(), ["1", "4"]);
        let then = now() - TimeDelta::days(30) + TimeDelta::seconds(1);
        assert_eq!(of_instance(&monthly, INSTANCE, then, false).map(numbers).unwrap(), ["3", "4"], "that moment works");
    }

    prop_compose! {
        fn any_candidates()(
            raw in prop::collection::vec((0_u32..3, -50_i64..50, 0_u8..4, any::<bool>()), 0..25)
        ) -> Vec<Candidate> {
            (1..).zip(raw).map(|(n, (of, hours, state, ours))| {
                let mut candidate = point(n, of, hours);
                candidate.state = SnapshotState::named(["completed", "completed", "pending", "error"][usize::from(state)]);
                candidate.run = candidate.run.filter(|_| ours);
                candidate
            }).collect()
        }
    }

    proptest! {
        #[test]
        fn s12_never_later_never_unfinished_never_another_volumes_and_never_an_older_one(
            candidates in any_candidates(), hours in -60_i64..60, any_source: bool
        ) {
            let at = now() - TimeDelta::hours(hours);
            let source = if any_source { Source::Any } else { Source::Ours };
            let fits = |c: &&Candidate| c.volume == Some(volume(1)) && c.started_at <= at
                && c.state == SnapshotState::Completed && (any_source || c.run.is_some());
            match of_volume(&candidates, &volume(1), at, source) {
                Ok(taken) => {
                    prop_assert!(fits(&taken));
                    prop_assert!(candidates.iter().filter(fits).all(|other| other.age_order() <= taken.age_order()));
                }
                Err(_) => prop_assert!(!candidates.iter().any(|c| fits(&c))),
            }
        }

        #[test]
        fn a_set_that_is_not_mixed_is_of_one_run_and_one_for_each_volume(candidates in any_candidates(), mixed: bool) {
            if let Ok(points) = of_instance(&candidates, INSTANCE, now(), mixed) {
                let runs: BTreeSet<_> = points.iter().map(|point| point.run.clone()).collect();
                let volumes: BTreeSet<_> = points.iter().map(|point| point.volume.clone()).collect();
                prop_assert_eq!(volumes.len(), points.len());
                prop_assert!(mixed || runs.len() == 1);
                prop_assert!(points.iter().all(|point| point.is_complete() && point.started_at <= now()));
            }
        }
    }
}
