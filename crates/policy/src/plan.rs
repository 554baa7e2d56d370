//! The purge plan of a region: the verdicts on all of a policy's snapshots, and the guard over them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SubsecRound, Utc};
use contract::{JobPolicy, PlanId, PolicyName, PurgeGuard, Region, RunId, SnapshotId, VolumeId};
use sha2::{Digest, Sha256};

use crate::model::Snapshot;
use crate::verdict::{self, Decision, DeleteReason, KeepReason, OwnRetention, Rules, Verdict, VolumeFacts};

/// What EC2 shows of the volumes that a policy's snapshots are of. Of one that is not mentioned: that it is there, needs no
/// snapshot of this run, and has no retention of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Volumes(BTreeMap<VolumeId, VolumeFacts>);

impl Volumes {
    /// Adds what is known of a volume.
    pub fn insert(&mut self, volume: VolumeId, facts: VolumeFacts) {
        self.0.insert(volume, facts);
    }

    /// The volumes that have a snapshot of `run`, completed or on its way, among `snapshots`.
    ///
    /// The question is put to EC2's own listing and not to what the steps before reported: a create call whose answer was
    /// lost counts as what it did, and no list of failed volumes has to fit a payload.
    #[must_use]
    pub fn with_snapshot_of<'a>(run: &RunId, snapshots: &'a [Snapshot]) -> BTreeSet<&'a VolumeId> {
        snapshots
            .iter()
            .filter(|snapshot| snapshot.run.as_ref() == Some(run) && snapshot.state.is_backup())
            .filter_map(|snapshot| snapshot.volume.as_ref())
            .collect()
    }

    /// How many have no snapshot of this run and should.
    #[must_use]
    pub fn not_backed_up(&self) -> u64 {
        self.0.values().filter(|facts| !facts.backed_up).count() as u64
    }

    /// Those whose own retention is not valid, and why.
    pub fn invalid(&self) -> impl Iterator<Item = (&VolumeId, &str)> {
        self.0.iter().filter_map(|(volume, facts)| match &facts.own {
            OwnRetention::Invalid(why) => Some((volume, why.as_str())),
            OwnRetention::None | OwnRetention::Rules(_) => None,
        })
    }

    /// The same, as if each of them had its snapshot.
    #[must_use]
    pub fn all_backed_up(&self) -> Self {
        let all = self.0.iter();
        Self(all.map(|(volume, facts)| (volume.clone(), VolumeFacts { backed_up: true, ..facts.clone() })).collect())
    }

    /// What is known of a volume.
    #[must_use]
    pub fn of(&self, volume: &VolumeId) -> VolumeFacts {
        self.0.get(volume).cloned().unwrap_or_default()
    }
}

/// The verdicts on all snapshots of a policy in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The moment that it is of.
    pub moment: DateTime<Utc>,
    /// One verdict per snapshot, in the order of their ids.
    pub verdicts: Vec<Verdict>,
    /// Volumes of which nothing is left when it is carried out: they are gone, and so is their time.
    pub last_of_volume: u64,
}

impl Plan {
    /// Makes the plan. The order of `snapshots` does not matter.
    #[must_use]
    pub fn new(snapshots: &[Snapshot], policy: &JobPolicy, now: DateTime<Utc>, volumes: &Volumes) -> Self {
        let mut by_volume: BTreeMap<&VolumeId, Vec<&Snapshot>> = BTreeMap::new();
        let mut verdicts = Vec::with_capacity(snapshots.len());
        // A walk through many pages may meet a snapshot twice. It must not be taken for its own twin.
        let mut seen = BTreeSet::new();
        for snapshot in snapshots.iter().filter(|snapshot| seen.insert(&snapshot.id)) {
            match &snapshot.volume {
                Some(volume) => by_volume.entry(volume).or_default().push(snapshot),
                None => verdicts.push(Verdict {
                    snapshot_id: snapshot.id.clone(),
                    decision: Decision::Keep(vec![KeepReason::Unattributed]),
                }),
            }
        }
        let rules = Rules { policy, now };
        let mut last_of_volume = 0;
        for (volume, of_volume) in by_volume {
            let of_volume = verdict::on_volume(&of_volume, rules, &volumes.of(volume));
            let all_go = of_volume.iter().all(|verdict| matches!(verdict.decision, Decision::Delete(_)));
            last_of_volume += u64::from(all_go && of_volume.iter().any(Verdict::is_of_orphan));
            verdicts.extend(of_volume);
        }
        verdicts.sort_unstable_by(|a, b| a.snapshot_id.cmp(&b.snapshot_id));
        Self { moment: now, verdicts, last_of_volume }
    }

    /// Makes the plan of a moment that can be made again later: snapshots started after it count for nothing and stay.
    ///
    /// A plan that the guard held is approved hours later, when the run's own snapshots have completed and everything is
    /// older. Only a plan that does not depend on either is the same plan then. It never deletes what [`Plan::new`] would
    /// keep for a rule.
    #[must_use]
    pub fn as_of(snapshots: &[Snapshot], policy: &JobPolicy, moment: DateTime<Utc>, volumes: &Volumes) -> Self {
        let moment = moment.trunc_subsecs(0);
        let (before, after): (Vec<Snapshot>, Vec<Snapshot>) =
            snapshots.iter().cloned().partition(|snapshot| snapshot.started_at <= moment);
        // A volume that had a snapshot since was there at that moment.
        let mut volumes = volumes.clone();
        for volume in after.iter().filter_map(|snapshot| snapshot.volume.as_ref()) {
            volumes.insert(volume.clone(), VolumeFacts { exists: true, ..volumes.of(volume) });
        }
        let mut plan = Self::new(&before, policy, moment, &volumes);
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
            Decision::Keep(_) | Decision::Withheld(..) => None,
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
