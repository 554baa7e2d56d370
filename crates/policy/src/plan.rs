//! The purge plan of a region: the verdicts on all of a policy's snapshots, and the guard over them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SubsecRound, Utc};
use contract::config::Floor;
use contract::{PlanId, PolicyName, PurgeGuard, Region, Retention, RunId, SnapshotId, VolumeId};
use sha2::{Digest, Sha256};

use crate::model::Snapshot;
use crate::verdict::{self, Decision, DeleteReason, KeepReason, Rules, Verdict};

/// Which volumes have their snapshot of this run, as EC2 itself shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackedUp {
    /// A dry run made none: the plan is that of a night on which every volume was backed up.
    Assumed,
    /// These volumes are selected and have none: nothing of theirs is deleted.
    AllBut(BTreeSet<VolumeId>),
}

impl BackedUp {
    /// Finds the selected volumes of which `snapshots` holds none of `run` that is completed or on its way.
    ///
    /// The question is put to EC2's own listing and not to what the steps before reported: a create call whose answer was
    /// lost counts as what it did, and no list of failed volumes has to fit a payload.
    #[must_use]
    pub fn in_run(run: &RunId, selected: impl IntoIterator<Item = VolumeId>, snapshots: &[Snapshot]) -> Self {
        let of_run: BTreeSet<&VolumeId> = snapshots
            .iter()
            .filter(|snapshot| snapshot.run.as_ref() == Some(run) && snapshot.state.is_backup())
            .filter_map(|snapshot| snapshot.volume.as_ref())
            .collect();
        Self::AllBut(selected.into_iter().filter(|volume| !of_run.contains(volume)).collect())
    }

    /// How many selected volumes have none.
    #[must_use]
    pub fn missing(&self) -> u64 {
        match self {
            Self::Assumed => 0,
            Self::AllBut(volumes) => volumes.len() as u64,
        }
    }

    fn is(&self, volume: &VolumeId) -> bool {
        match self {
            Self::Assumed => true,
            Self::AllBut(volumes) => !volumes.contains(volume),
        }
    }
}

/// The verdicts on all snapshots of a policy in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The moment that it is of.
    pub moment: DateTime<Utc>,
    /// One verdict per snapshot, in the order of their ids.
    pub verdicts: Vec<Verdict>,
}

impl Plan {
    /// Makes the plan. The order of `snapshots` does not matter.
    #[must_use]
    pub fn new(
        snapshots: &[Snapshot],
        retention: &Retention,
        floor: Floor,
        now: DateTime<Utc>,
        backed_up: &BackedUp,
    ) -> Self {
        let mut by_volume: BTreeMap<&VolumeId, Vec<&Snapshot>> = BTreeMap::new();
        let mut verdicts = Vec::with_capacity(snapshots.len());
        for snapshot in snapshots {
            match &snapshot.volume {
                Some(volume) => by_volume.entry(volume).or_default().push(snapshot),
                None => verdicts.push(Verdict {
                    snapshot_id: snapshot.id.clone(),
                    decision: Decision::Keep(vec![KeepReason::Unattributed]),
                }),
            }
        }
        let rules = Rules { retention, floor: floor.get(), now };
        for (volume, of_volume) in by_volume {
            verdicts.extend(verdict::on_volume(&of_volume, rules, backed_up.is(volume)));
        }
        verdicts.sort_unstable_by(|a, b| a.snapshot_id.cmp(&b.snapshot_id));
        Self { moment: now, verdicts }
    }

    /// Makes the plan of a moment that can be made again later: snapshots started after it count for nothing and stay.
    ///
    /// A plan that the guard held is approved hours later, when the run's own snapshots have completed and everything is
    /// older. Only a plan that does not depend on either is the same plan then. It never deletes what [`Plan::new`] would
    /// keep for a rule.
    #[must_use]
    pub fn as_of(
        snapshots: &[Snapshot],
        retention: &Retention,
        floor: Floor,
        moment: DateTime<Utc>,
        backed_up: &BackedUp,
    ) -> Self {
        let moment = moment.trunc_subsecs(0);
        let (before, after): (Vec<Snapshot>, Vec<Snapshot>) =
            snapshots.iter().cloned().partition(|snapshot| snapshot.started_at <= moment);
        let mut plan = Self::new(&before, retention, floor, moment, backed_up);
        plan.verdicts.extend(after.into_iter().map(|snapshot| Verdict {
            snapshot_id: snapshot.id,
            decision: Decision::Keep(vec![KeepReason::AfterPlan]),
        }));
        plan.verdicts.sort_unstable_by(|a, b| a.snapshot_id.cmp(&b.snapshot_id));
        plan
    }

    /// What is to be deleted, in the order of the ids.
    pub fn deletions(&self) -> impl Iterator<Item = (&SnapshotId, &DeleteReason)> {
        self.verdicts.iter().filter_map(|verdict| match &verdict.decision {
            Decision::Delete(reason) => Some((&verdict.snapshot_id, reason)),
            Decision::Keep(_) | Decision::Withheld(_) => None,
        })
    }

    /// Whether the plan is too large to be believed (S8).
    #[must_use]
    pub fn is_held_by(&self, guard: PurgeGuard) -> bool {
        guard.holds(self.deletions().count() as u64, self.verdicts.len() as u64)
    }

    /// What an operator approves: the moment, and a fingerprint of what is to be deleted, where, for which policy.
    #[must_use]
    pub fn id(&self, region: &Region, policy: &PolicyName) -> PlanId {
        let mut hash = Sha256::new();
        for part in [region.as_str(), policy.as_str()].into_iter().chain(self.deletions().map(|(id, _)| id.as_str())) {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let hex: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        #[expect(clippy::expect_used, reason = "eight bytes are sixteen hexadecimal digits")]
        PlanId::of(self.moment, &hex).expect("a digest")
    }
}
