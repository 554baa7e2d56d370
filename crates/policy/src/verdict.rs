//! What becomes of each snapshot of one volume, and why.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use contract::selector::RETENTION_TAG;
use contract::tally::KeepKind;
use contract::{JobPolicy, Orphans, Retention, RunId, SnapshotId, Span, VolumeId};

use crate::calendar::Period;
use crate::model::{Snapshot, SnapshotState, Tags};
use crate::rules::{self, Counting};

/// A snapshot in the state `error` is left alone for so long, in case somebody is looking at it.
pub const ERROR_GRACE: TimeDelta = TimeDelta::days(1);

/// What becomes of one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The snapshot.
    pub snapshot_id: SnapshotId,
    /// What becomes of it.
    pub decision: Decision,
}

impl Verdict {
    /// Whether it goes because its volume is gone.
    #[must_use]
    pub fn is_of_orphan(&self) -> bool {
        matches!(self.decision, Decision::Delete(DeleteReason::Orphan { .. }))
    }
}

/// Keep or delete, with every reason there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It stays; at least one reason.
    Keep(Vec<KeepReason>),
    /// It goes.
    Delete(DeleteReason),
    /// It should go, and stays for now.
    Withheld(Withheld, DeleteReason),
}

/// Why a snapshot that should go stays for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// Its volume has no snapshot of this run (S4).
    NotBackedUp,
    /// Its volume has a retention of its own that is not valid, so nobody knows what was meant.
    InvalidRetention,
}

impl Withheld {
    /// The kind that the tally counts.
    #[must_use]
    pub fn kind(self) -> KeepKind {
        match self {
            Self::NotBackedUp => KeepKind::BackupFailed,
            Self::InvalidRetention => KeepKind::InvalidRetention,
        }
    }
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBackedUp => f.write_str("its volume has no snapshot of this run"),
            Self::InvalidRetention => write!(f, "the tag {RETENTION_TAG} of its volume is not valid"),
        }
    }
}

/// Why a snapshot stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeepReason {
    /// Among the newest.
    Last {
        /// 1 for the newest.
        nth: u32,
        /// The rule.
        of: u32,
    },
    /// Younger than the rule.
    Within(Span),
    /// The newest of a period that is wanted.
    Period {
        /// Which.
        period: Period,
        /// 1 for the newest period.
        nth: u32,
        /// The rule.
        of: u32,
        /// Whether it is not the newest of its period, and stays as the oldest of all, while the rule has not found as
        /// many periods as it wants.
        oldest: bool,
    },
    /// Wanted by the policy's minimum, for this reason; the volume's own retention is shorter.
    Minimum(Box<KeepReason>),
    /// Among the newest completed ones that always stay.
    Floor {
        /// 1 for the newest.
        nth: u32,
        /// The floor.
        of: u32,
    },
    /// An operator holds it.
    Hold,
    /// Not completed yet.
    Pending,
    /// In the state `error` for less than [`ERROR_GRACE`].
    RecentError,
    /// In another state.
    NotCompleted(String),
    /// Does not say, or not credibly, which volume it is of, so nothing is known of its place among others.
    Unattributed,
    /// Started after the moment that the plan is of.
    AfterPlan,
}

impl KeepReason {
    /// The kind that the tally counts.
    #[must_use]
    pub fn kind(&self) -> KeepKind {
        match self {
            Self::Last { .. } => KeepKind::KeepLast,
            Self::Within(_) => KeepKind::KeepWithin,
            Self::Period { period, .. } => period.kind(),
            Self::Minimum(_) => KeepKind::Minimum,
            Self::Floor { .. } => KeepKind::Floor,
            Self::Hold => KeepKind::Hold,
            Self::Pending => KeepKind::Pending,
            Self::RecentError => KeepKind::RecentError,
            Self::NotCompleted(_) => KeepKind::NotCompleted,
            Self::Unattributed => KeepKind::Unattributed,
            Self::AfterPlan => KeepKind::AfterPlan,
        }
    }
}

impl fmt::Display for KeepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last { nth, of } => write!(f, "last {nth}/{of}"),
            Self::Within(span) => write!(f, "within {span}"),
            Self::Period { period, nth, of, oldest } => {
                write!(f, "{}{period} {nth}/{of}", if *oldest { "oldest " } else { "" })
            }
            Self::Minimum(reason) => write!(f, "minimum: {reason}"),
            Self::Floor { of: 1, .. } => f.write_str("floor"),
            Self::Floor { nth, of } => write!(f, "floor {nth}/{of}"),
            Self::Hold => f.write_str("hold"),
            Self::Pending => f.write_str("pending"),
            Self::RecentError => f.write_str("in state error for less than a day"),
            Self::NotCompleted(state) => write!(f, "in state {state}"),
            Self::Unattributed => f.write_str("its tag does not name the volume that EC2 has it of"),
            Self::AfterPlan => f.write_str("started after the moment that the plan is of"),
        }
    }
}

/// Why a snapshot goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteReason {
    /// No rule wants it.
    Expired {
        /// Full days since it was started.
        age: i64,
    },
    /// Its volume is gone, its newest snapshot is older than the policy keeps such, and no rule of the calendar wants it.
    Orphan {
        /// Full days since it was started.
        age: i64,
    },
    /// The same run made another one of the same volume, which stays.
    Duplicate {
        /// The one that stays.
        of: SnapshotId,
        /// The run.
        run: RunId,
    },
    /// It never became a backup: in the state `error` for longer than [`ERROR_GRACE`].
    Failed,
}

impl fmt::Display for DeleteReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { age } => write!(f, "expired: no rule wants it ({} old)", days(*age)),
            Self::Orphan { age } => write!(f, "orphan: its volume is gone ({} old)", days(*age)),
            Self::Duplicate { of, run } => write!(f, "duplicate of {of} in run {}", run.clipped(40)),
            Self::Failed => f.write_str("in state error for more than a day"),
        }
    }
}

/// `1 day`, `2 days`.
#[must_use]
pub fn days(count: i64) -> String {
    format!("{count} {}", if count == 1 { "day" } else { "days" })
}

/// What the verdicts on one volume's snapshots are made from, besides the snapshots.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The keep rules, the minimum, the floor, the orphans and the time zone.
    pub policy: &'a JobPolicy,
    /// The moment that ages are counted from.
    pub now: DateTime<Utc>,
}

/// What is known of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeFacts {
    /// Whether it is there.
    pub exists: bool,
    /// Whether it has its snapshot of this run, or is to have none.
    pub backed_up: bool,
    /// The retention that it bears itself.
    pub own: OwnRetention,
}

impl Default for VolumeFacts {
    /// A volume that is there, has its snapshot and no retention of its own.
    fn default() -> Self {
        Self { exists: true, backed_up: true, own: OwnRetention::None }
    }
}

/// The retention that a volume bears itself, as its tag [`RETENTION_TAG`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnRetention {
    /// It bears none: the policy's.
    None,
    /// These rules, but never less than the policy's minimum.
    Rules(Retention),
    /// It bears one that cannot be read: why.
    Invalid(String),
}

impl OwnRetention {
    /// What these tags of a volume say.
    #[must_use]
    pub fn of(tags: &Tags) -> Self {
        Self::read(tags.get(RETENTION_TAG))
    }

    /// What a volume that is gone bore when its newest snapshot was made, by volume.
    #[must_use]
    pub fn of_gone(snapshots: &[Snapshot]) -> BTreeMap<&VolumeId, Self> {
        let mut newest: BTreeMap<&VolumeId, &Snapshot> = BTreeMap::new();
        for snapshot in snapshots {
            let Some(volume) = &snapshot.volume else { continue };
            let best = newest.entry(volume).or_insert(snapshot);
            if (snapshot.started_at, &snapshot.id) > (best.started_at, &best.id) {
                *best = snapshot;
            }
        }
        newest.into_iter().map(|(volume, snapshot)| (volume, Self::read(snapshot.own_retention.as_deref()))).collect()
    }

    fn read(tag: Option<&str>) -> Self {
        match tag.map(str::parse) {
            None => Self::None,
            Some(Ok(retention)) => Self::Rules(retention),
            Some(Err(refusal)) => Self::Invalid(format!("{RETENTION_TAG}: {refusal}")),
        }
    }
}

/// The verdicts on the snapshots of **one** volume, in no particular order: each snapshot has exactly one.
///
/// Only completed snapshots count for a rule or for the floor (S12); the newest completed one of a volume that is there
/// always stays (S2); a snapshot stays as long as any rule wants it (S3). A volume that is not backed up loses nothing (S4),
/// and neither does one of which nobody knows what retention it is to have.
#[must_use]
pub fn on_volume(snapshots: &[&Snapshot], rules: Rules<'_>, volume: &VolumeFacts) -> Vec<Verdict> {
    let mut completed: Vec<&Snapshot> =
        snapshots.iter().copied().filter(|snapshot| snapshot.state == SnapshotState::Completed).collect();
    completed.sort_by_key(|snapshot| Reverse((snapshot.started_at, &snapshot.id)));

    let twins = twins(&completed);
    // A twin is no restore point of its own, so it takes no place from one: not even when it is held, and stays.
    let points: Vec<&Snapshot> =
        completed.iter().copied().filter(|snapshot| !twins.contains_key(&snapshot.id)).collect();
    // One that is on its way counts here, as it does nowhere else: what is older may yet be all that there is.
    let youngest = snapshots.iter().map(|snapshot| snapshot.started_at).max();
    let orphaned = match rules.policy.orphans {
        Orphans::KeepWithin(span) if !volume.exists => youngest.is_some_and(|at| at <= span.before(rules.now)),
        _ => false,
    };
    let on_points = on_restore_points(&points, rules, volume, orphaned);
    let on_twins =
        completed.iter().filter_map(|snapshot| Some((*snapshot, on_twin(snapshot, twins.get(&snapshot.id)?))));
    let others = snapshots.iter().filter(|snapshot| snapshot.state != SnapshotState::Completed);
    let on_others = others.map(|snapshot| (*snapshot, on_unfinished(snapshot, rules.now)));

    let withheld = match &volume.own {
        _ if !volume.backed_up => Some(Withheld::NotBackedUp),
        OwnRetention::Invalid(_) => Some(Withheld::InvalidRetention),
        OwnRetention::None | OwnRetention::Rules(_) => None,
    };
    let decided = points.iter().copied().zip(on_points).chain(on_twins).chain(on_others);
    decided
        .map(|(snapshot, decision)| Verdict {
            snapshot_id: snapshot.id.clone(),
            decision: match (decision, withheld) {
                (Decision::Delete(reason), Some(why)) => Decision::Withheld(why, reason),
                (decision, _) => decision,
            },
        })
        .collect()
}

/// The completed snapshots that a newer one of the same run makes superfluous, each with the newer one and the run.
fn twins<'a>(newest_first: &[&'a Snapshot]) -> BTreeMap<&'a SnapshotId, (&'a SnapshotId, &'a RunId)> {
    let mut newest_of_run: BTreeMap<&RunId, &SnapshotId> = BTreeMap::new();
    let mut twins = BTreeMap::new();
    for snapshot in newest_first {
        let Some(run) = &snapshot.run else { continue };
        match newest_of_run.get(run) {
            Some(newest) if *newest == &snapshot.id => {}
            Some(newest) => {
                twins.insert(&snapshot.id, (*newest, run));
            }
            None => {
                newest_of_run.insert(run, &snapshot.id);
            }
        }
    }
    twins
}

fn on_twin(snapshot: &Snapshot, (of, run): &(&SnapshotId, &RunId)) -> Decision {
    if snapshot.hold {
        Decision::Keep(vec![KeepReason::Hold])
    } else {
        Decision::Delete(DeleteReason::Duplicate { of: (*of).clone(), run: (*run).clone() })
    }
}

/// The decisions on a volume's restore points, newest first.
fn on_restore_points(
    newest_first: &[&Snapshot],
    rules: Rules<'_>,
    volume: &VolumeFacts,
    orphaned: bool,
) -> Vec<Decision> {
    let Rules { policy, now } = rules;
    let points: Vec<DateTime<Utc>> = newest_first.iter().map(|snapshot| snapshot.started_at).collect();
    let counting = if orphaned { Counting::Calendar } else { Counting::Filled };
    let wanted_by = |retention: &Retention| rules::wanted(&points, retention.rules(), policy.time_zone, now, counting);
    let reasons = match &volume.own {
        OwnRetention::Rules(own) => {
            let minimum = wanted_by(policy.minimum.as_ref().unwrap_or(&policy.retention));
            let longer = wanted_by(own).into_iter().zip(minimum);
            // The minimum is told only where it is what keeps.
            longer.map(|(own, minimum)| if own.is_empty() { at_least(minimum) } else { own }).collect()
        }
        OwnRetention::None | OwnRetention::Invalid(_) => wanted_by(&policy.retention),
    };
    let floor = if orphaned { 0 } else { policy.floor.get().max(1) };
    let decide = |((nth, snapshot), mut reasons): ((u32, &&Snapshot), Vec<KeepReason>)| {
        if nth <= floor {
            reasons.push(KeepReason::Floor { nth, of: floor });
        }
        if snapshot.hold {
            reasons.push(KeepReason::Hold);
        }
        let age = (now - snapshot.started_at).num_days();
        match (reasons.is_empty(), orphaned) {
            (false, _) => Decision::Keep(reasons),
            (true, true) => Decision::Delete(DeleteReason::Orphan { age }),
            (true, false) => Decision::Delete(DeleteReason::Expired { age }),
        }
    };
    (1..).zip(newest_first).zip(reasons).map(decide).collect()
}

fn at_least(reasons: Vec<KeepReason>) -> Vec<KeepReason> {
    reasons.into_iter().map(|reason| KeepReason::Minimum(Box::new(reason))).collect()
}

fn on_unfinished(snapshot: &Snapshot, now: DateTime<Utc>) -> Decision {
    let state = match &snapshot.state {
        SnapshotState::Error if now - snapshot.started_at > ERROR_GRACE => None,
        SnapshotState::Error => Some(KeepReason::RecentError),
        SnapshotState::Other(state) => Some(KeepReason::NotCompleted(state.clone())),
        SnapshotState::Pending | SnapshotState::Completed => Some(KeepReason::Pending),
    };
    let reasons: Vec<KeepReason> = state.into_iter().chain(snapshot.hold.then_some(KeepReason::Hold)).collect();
    if reasons.is_empty() { Decision::Delete(DeleteReason::Failed) } else { Decision::Keep(reasons) }
}
