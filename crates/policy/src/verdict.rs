//! What becomes of each snapshot of one volume, and why.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use contract::tally::KeepKind;
use contract::{Retention, RunId, SnapshotId};

use crate::model::{Snapshot, SnapshotState};

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

/// Keep or delete, with every reason there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It stays; at least one reason.
    Keep(Vec<KeepReason>),
    /// It goes.
    Delete(DeleteReason),
    /// It should go, and stays because its volume has no snapshot of this run (S4).
    Withheld(DeleteReason),
}

/// Why a snapshot stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeepReason {
    /// Younger than `keepDays`.
    KeepDays {
        /// Full days since it was started; negative for one from the future.
        age: i64,
        /// The rule.
        of: u32,
    },
    /// Among the newest completed ones.
    KeepLast {
        /// 1 for the newest.
        nth: u32,
        /// The rule.
        of: u32,
    },
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
            Self::KeepDays { .. } => KeepKind::KeepDays,
            Self::KeepLast { .. } => KeepKind::KeepLast,
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
            Self::KeepDays { age, of } => write!(f, "{age} days old, keepDays {of}"),
            Self::KeepLast { nth, of } => write!(f, "keepLast {nth}/{of}"),
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
            Self::Expired { age } => write!(f, "expired: {age} days old, no rule wants it"),
            Self::Duplicate { of, run } => write!(f, "duplicate of {of} in run {}", run.clipped(40)),
            Self::Failed => f.write_str("in state error for more than a day"),
        }
    }
}

/// What the verdicts on one volume's snapshots are made from, besides the snapshots.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The keep rules.
    pub retention: &'a Retention,
    /// How many completed snapshots always stay, at least 1.
    pub floor: u32,
    /// The moment that ages are counted from.
    pub now: DateTime<Utc>,
}

/// The verdicts on the snapshots of **one** volume, in no particular order: each snapshot has exactly one.
///
/// Only completed snapshots count for a rule or for the floor (S12); the newest completed one always stays (S2); a
/// snapshot stays as long as any rule wants it (S3). When `backed_up` is false nothing is deleted (S4).
#[must_use]
pub fn on_volume(snapshots: &[&Snapshot], rules: Rules<'_>, backed_up: bool) -> Vec<Verdict> {
    let mut completed: Vec<&Snapshot> =
        snapshots.iter().copied().filter(|snapshot| snapshot.state == SnapshotState::Completed).collect();
    completed.sort_by_key(|snapshot| Reverse((snapshot.started_at, &snapshot.id)));

    let twins = twins(&completed);
    let mut nth = 0;
    let on_completed = completed.iter().map(|snapshot| {
        let place = match twins.get(&snapshot.id) {
            Some((newest, run)) => Place::TwinOf(newest, run),
            None => {
                nth += 1;
                Place::Nth(nth)
            }
        };
        (*snapshot, on_completed(snapshot, place, rules))
    });
    let others = snapshots.iter().filter(|snapshot| snapshot.state != SnapshotState::Completed);
    let on_others: Vec<_> = others.map(|snapshot| (*snapshot, on_unfinished(snapshot, rules.now))).collect();

    on_completed
        .chain(on_others)
        .map(|(snapshot, decision)| Verdict {
            snapshot_id: snapshot.id.clone(),
            decision: match decision {
                Decision::Delete(reason) if !backed_up => Decision::Withheld(reason),
                decision => decision,
            },
        })
        .collect()
}

/// Where a completed snapshot stands among those of its volume.
#[derive(Debug, Clone, Copy)]
enum Place<'a> {
    /// Its number among the restore points, 1 for the newest.
    Nth(u32),
    /// The same run made this newer one. It is no restore point of its own, so it takes no place from one: not even when
    /// it is held, and stays.
    TwinOf(&'a SnapshotId, &'a RunId),
}

/// The completed snapshots that a newer one of the same run makes superfluous, each with the newer one and the run.
fn twins<'a>(newest_first: &[&'a Snapshot]) -> BTreeMap<&'a SnapshotId, (&'a SnapshotId, &'a RunId)> {
    let mut newest_of_run: BTreeMap<&RunId, &SnapshotId> = BTreeMap::new();
    let mut twins = BTreeMap::new();
    for snapshot in newest_first {
        let Some(run) = &snapshot.run else { continue };
        match newest_of_run.get(run) {
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

fn on_completed(snapshot: &Snapshot, place: Place<'_>, rules: Rules<'_>) -> Decision {
    let nth = match place {
        Place::Nth(nth) => nth,
        Place::TwinOf(..) if snapshot.hold => return Decision::Keep(vec![KeepReason::Hold]),
        Place::TwinOf(of, run) => {
            return Decision::Delete(DeleteReason::Duplicate { of: of.clone(), run: run.clone() });
        }
    };
    let age = rules.now - snapshot.started_at;
    let mut reasons = Vec::new();
    if let Some(of) = rules.retention.keep_days().filter(|days| age < TimeDelta::days(i64::from(*days))) {
        reasons.push(KeepReason::KeepDays { age: age.num_days(), of });
    }
    if let Some(of) = rules.retention.keep_last().filter(|count| nth <= *count) {
        reasons.push(KeepReason::KeepLast { nth, of });
    }
    if nth <= rules.floor.max(1) {
        reasons.push(KeepReason::Floor { nth, of: rules.floor.max(1) });
    }
    if snapshot.hold {
        reasons.push(KeepReason::Hold);
    }
    if reasons.is_empty() {
        Decision::Delete(DeleteReason::Expired { age: age.num_days() })
    } else {
        Decision::Keep(reasons)
    }
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
