//! The purge plan of a region: the verdicts on all of a policy's snapshots, and the guard over them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use contract::config::Floor;
use contract::{PlanDigest, PolicyName, PurgeGuard, Region, Retention, RunId, SnapshotId, VolumeId};
use sha2::{Digest, Sha256};

use crate::model::{Snapshot, SnapshotState};
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
            .filter(|snapshot| {
                snapshot.run.as_ref() == Some(run)
                    && matches!(snapshot.state, SnapshotState::Completed | SnapshotState::Pending)
            })
            .filter_map(|snapshot| snapshot.volume.as_ref())
            .collect();
        Self::AllBut(selected.into_iter().filter(|volume| !of_run.contains(volume)).collect())
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
    /// One verdict per snapshot, in the order of their ids.
    pub verdicts: Vec<Verdict>,
}

/// What the guard says to a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuardVerdict {
    /// It may be carried out.
    Pass,
    /// It is too large to be believed (S8).
    Held {
        /// What an operator passes to approve exactly this plan.
        plan: PlanDigest,
    },
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
        Self { verdicts }
    }

    /// What is to be deleted, in the order of the ids.
    pub fn deletions(&self) -> impl Iterator<Item = (&SnapshotId, &DeleteReason)> {
        self.verdicts.iter().filter_map(|verdict| match &verdict.decision {
            Decision::Delete(reason) => Some((&verdict.snapshot_id, reason)),
            Decision::Keep(_) | Decision::Withheld(_) => None,
        })
    }

    /// The fingerprint of what is to be deleted, where, for which policy: what an operator approves.
    #[must_use]
    pub fn digest(&self, region: &Region, policy: &PolicyName) -> PlanDigest {
        let mut hash = Sha256::new();
        for part in [region.as_str(), policy.as_str()].into_iter().chain(self.deletions().map(|(id, _)| id.as_str())) {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let bytes = hash.finalize();
        let hex: String = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        #[expect(clippy::expect_used, reason = "eight bytes are sixteen hexadecimal digits")]
        PlanDigest::new(hex).expect("a digest")
    }

    /// Whether the plan may be carried out: it is small enough, or exactly this plan was approved.
    #[must_use]
    pub fn guard(&self, guard: PurgeGuard, region: &Region, policy: &PolicyName, approved: Option<&PlanDigest>) -> GuardVerdict {
        let deletions = self.deletions().count() as u64;
        if !guard.holds(deletions, self.verdicts.len() as u64) {
            return GuardVerdict::Pass;
        }
        let plan = self.digest(region, policy);
        if approved == Some(&plan) { GuardVerdict::Pass } else { GuardVerdict::Held { plan } }
    }
}
