//! What one region did in one run, small enough to travel through every state.
//!
//! Counts are exact. Lists hold the first few entries and say how many more there were, so a region's tally stays below
//! [`crate::limits::TALLY_BYTES`] however bad the night was.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{PlanId, SnapshotId, VolumeId};
use crate::text::clip;

/// Ids shown of volumes discovered, snapshots made and snapshots deleted.
pub const IDS_SHOWN: usize = 5;
/// Volumes shown that failed, snapshots shown that are overdue: each with its reason.
pub const CASES_SHOWN: usize = 4;
/// Snapshots shown that are expired, each with its reason. Nothing is wrong with them, and the log of `find-expired` has all.
pub const EXPIRED_SHOWN: usize = 2;
/// Snapshots shown that can be adopted.
const ADOPTIONS_SHOWN: usize = 2;
/// Volumes shown of which the operator is warned.
pub const WARNINGS_SHOWN: usize = 2;
/// Volumes shown that are cheaper or better as another type.
pub const ADVICE_SHOWN: usize = 2;
/// The longest name of another type for a volume, in bytes of JSON: `gp3 80,000 IOPS 2,000 MiB/s`.
pub const ADVICE_BYTES: usize = 27;
/// Different error names counted apart; further ones are counted together.
const ERROR_NAMES: usize = 5;
/// The longest error name, in bytes of JSON.
const ERROR_NAME_BYTES: usize = 48;
/// The longest message or reason, in bytes of JSON.
const REASON_BYTES: usize = 96;
/// The name under which errors are counted once there are [`ERROR_NAMES`] different ones.
pub const OTHER_ERRORS: &str = "(others)";

/// What one region did in one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Tally {
    /// What became of the selected volumes.
    pub volumes: VolumeCounts,
    /// What became of the policy's snapshots.
    pub snapshots: SnapshotCounts,
    /// The first volumes discovered.
    pub discovered: Sample<VolumeId, IDS_SHOWN>,
    /// The first snapshots made.
    pub created: Sample<SnapshotId, IDS_SHOWN>,
    /// The first snapshots deleted.
    pub deleted: Sample<SnapshotId, IDS_SHOWN>,
    /// The first volumes that were gone before their turn.
    pub skipped: Sample<VolumeId, CASES_SHOWN>,
    /// The first volumes that failed.
    pub failures: Sample<VolumeFailure, CASES_SHOWN>,
    /// How many volumes failed with each error name.
    pub errors: BTreeMap<String, u64>,
    /// The first snapshots that are to go, with the reason.
    pub expired: Sample<SnapshotReason, EXPIRED_SHOWN>,
    /// The first snapshots that should be gone and are not, with the reason.
    pub overdue: Sample<SnapshotReason, CASES_SHOWN>,
    /// The first volumes of which the operator is warned: their own retention is not valid.
    pub warnings: Sample<VolumeWarning, WARNINGS_SHOWN>,
    /// How many snapshots are kept for each kind of reason; a snapshot counts once for each of its reasons.
    pub kept: BTreeMap<KeepKind, u64>,
    /// The purge that the guard held, if it did.
    pub purge_held: Option<PurgeHeld>,
    /// Why no further snapshot is tried in this region, if so: the error name of a limit of the whole region.
    pub creates_stopped: Option<String>,
    /// What there is besides the policy's snapshots, where it lists that.
    pub adoption: Option<Adoption>,
    /// Which volumes are cheaper or better as another type, where the policy asks for it and there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<VolumeAdvice>,
    /// The rounds that left something behind, so far.
    pub rounds: Rounds,
    /// What the run has drawn from EC2's buckets; of no concern to a report.
    #[serde(skip_serializing_if = "Drawn::is_nothing")]
    pub drawn: Drawn,
}

/// What others left behind: the script before EBS Backup, whose snapshots can be adopted, and the services of AWS, whose
/// snapshots are never touched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Adoption {
    /// The first snapshots that can be adopted, or were.
    pub candidates: Sample<SnapshotId, ADOPTIONS_SHOWN>,
    /// Adopted by this run.
    pub adopted: u64,
    /// Not adopted although they should have been.
    pub failed: u64,
    /// The error name of the first of those.
    pub error: Option<String>,
    /// Snapshots that Data Lifecycle Manager made.
    pub lifecycle_manager: u64,
    /// Snapshots that AWS Backup made.
    pub aws_backup: u64,
}

/// Volumes that are cheaper or better as another type, at list prices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct VolumeAdvice {
    /// The first of them.
    pub volumes: Sample<TypeAdvice, ADVICE_SHOWN>,
    /// What they save together in a month, in US cents. One that would cost more takes nothing off.
    pub saves_cents: u64,
}

/// A volume, and what it is cheaper or better as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TypeAdvice {
    /// The volume.
    pub volume_id: VolumeId,
    /// The other type with what is to be chosen of it: `gp3 3,000 IOPS 125 MiB/s`.
    pub to: String,
    /// What it saves in a month, in US cents; below 0, what it costs more.
    pub saves_cents: i64,
    /// What else there is to say.
    pub note: AdviceNote,
}

/// What there is to say of another type besides its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AdviceNote {
    /// It does all that the volume does.
    SameOrBetter,
    /// It is more durable, with higher limits.
    MoreDurable,
    /// It has as many IOPS, but another latency.
    OtherLatency,
    /// It has as many IOPS, but another latency, and is less durable.
    LessDurable,
    /// For large, sequential requests only.
    Sequential,
    /// For data that is seldom read only.
    Cold,
    /// It is faster.
    Faster,
}

/// What a run has drawn from its share of EC2's buckets in a region. The next function, most often in another container,
/// goes on from there; else each of them would begin with a full share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Drawn {
    /// From the bucket of `CreateSnapshot`.
    pub create: BucketState,
    /// From the bucket of `DeleteSnapshot`.
    pub delete: BucketState,
}

impl Drawn {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// How far the share of one bucket is drawn upon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BucketState {
    /// When the share will be full again, if nobody draws.
    pub full_at: Option<DateTime<Utc>>,
    /// What a call costs, in tokens; 0 when nothing is known of it. More than 1 after EC2 throttled.
    pub cost: u32,
}

/// The rounds of a region that left something behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Rounds {
    /// How many.
    pub total: u32,
    /// How many of these got nothing done.
    pub stalled: u32,
    /// Seconds that went into them and into the waits after them.
    pub seconds: u64,
    /// How often the purge came before EC2's listing showed all that the run had made.
    pub unlisted: u32,
    /// How often the region's step for adoption was not done.
    pub adopting: u32,
}

/// What became of the selected volumes. `discovered = created + existing + planned + skipped + failed` at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct VolumeCounts {
    /// Selected by the policy.
    pub discovered: u64,
    /// Snapshot made by this invocation of the run.
    pub created: u64,
    /// Snapshot of this run was there already.
    pub existing: u64,
    /// Dry run: a snapshot would have been made.
    pub planned: u64,
    /// Gone before its turn came.
    pub skipped: u64,
    /// No snapshot, with an error name.
    pub failed: u64,
}

impl VolumeCounts {
    /// Volumes of which nobody knows what became: 0 in a region that went to its end (S6). Counts without a sum are
    /// read from outside, and account for nothing.
    #[must_use]
    pub fn unaccounted(&self) -> u64 {
        let counts = [self.created, self.existing, self.planned, self.skipped, self.failed];
        let known = counts.into_iter().try_fold(0_u64, u64::checked_add);
        known.map_or(u64::MAX, |known| self.discovered.abs_diff(known))
    }
}

/// What became of the policy's snapshots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SnapshotCounts {
    /// Snapshots of the policy when the purge began.
    pub managed: u64,
    /// Of these, kept by a rule or a safety.
    pub kept: u64,
    /// Of these, to be deleted.
    pub expired: u64,
    /// Deleted.
    pub deleted: u64,
    /// To be deleted, and somebody was faster.
    pub already_gone: u64,
    /// Should be gone and are not.
    pub overdue: u64,
    /// Volumes that are gone, and of which the plan leaves no snapshot.
    pub last_of_volume: u64,
}

/// The first `N` entries of a list, and how many more there were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sample<T, const N: usize> {
    /// The first entries.
    pub first: Vec<T>,
    /// How many there were besides.
    pub more: u64,
}

impl<T, const N: usize> Default for Sample<T, N> {
    fn default() -> Self {
        Self { first: Vec::new(), more: 0 }
    }
}

impl<T, const N: usize> Sample<T, N> {
    /// Adds an entry, or counts it when there is no room.
    pub fn push(&mut self, entry: T) {
        if self.first.len() < N {
            self.first.push(entry);
        } else {
            self.more += 1;
        }
    }

    /// How many entries there were in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        (self.first.len() as u64).saturating_add(self.more)
    }
}

impl<T, const N: usize> Extend<T> for Sample<T, N> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, entries: I) {
        entries.into_iter().for_each(|entry| self.push(entry));
    }
}

/// A volume without a snapshot, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VolumeFailure {
    /// The volume.
    pub volume_id: VolumeId,
    /// The error name, most often EC2's own code.
    pub error: String,
    /// What EC2 said.
    pub message: String,
}

/// A volume that an operator should look at, though it has its snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VolumeWarning {
    /// The volume.
    pub volume_id: VolumeId,
    /// What is wrong with it.
    pub message: String,
}

/// A snapshot and the reason of its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SnapshotReason {
    /// The snapshot.
    pub snapshot_id: SnapshotId,
    /// The reasons, in words.
    pub reason: String,
}

/// A purge that the guard held (S8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PurgeHeld {
    /// What it would have deleted.
    pub deletions: u64,
    /// Out of so many managed snapshots.
    pub managed: u64,
    /// What to pass as `approvePurge` to let exactly this plan pass.
    pub plan: PlanId,
}

/// The kinds of reasons for which a snapshot is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeepKind {
    /// New enough for `keepLast`.
    KeepLast,
    /// Young enough for `keepWithin`. A run that was under way at an update may still say `keepDays`.
    #[serde(alias = "keepDays")]
    KeepWithin,
    /// The newest of an hour that `keepHourly` wants.
    KeepHourly,
    /// The newest of a day that `keepDaily` wants.
    KeepDaily,
    /// The newest of a week that `keepWeekly` wants.
    KeepWeekly,
    /// The newest of a month that `keepMonthly` wants.
    KeepMonthly,
    /// The newest of a year that `keepYearly` wants.
    KeepYearly,
    /// Wanted by the policy's minimum, where the volume's own retention is shorter.
    Minimum,
    /// One of the newest completed ones, which always stay.
    Floor,
    /// Bears the hold tag.
    Hold,
    /// Not completed yet.
    Pending,
    /// In the state `error`, but not for long.
    RecentError,
    /// In a state that is neither `completed`, `pending` nor `error`.
    NotCompleted,
    /// Expired, but its volume has no snapshot of this run.
    BackupFailed,
    /// Expired, but nobody knows what retention its volume is to have: its own is not valid.
    InvalidRetention,
    /// Does not say, or not credibly, which volume it is of.
    Unattributed,
    /// Started after the moment that an approved plan is of.
    AfterPlan,
}

impl Tally {
    /// A volume has no snapshot, for the reason `error`.
    pub fn volume_failed(&mut self, volume_id: VolumeId, error: &str, message: &str) {
        self.volumes.failed += 1;
        let name = clip(error, ERROR_NAME_BYTES);
        let known = self.errors.contains_key(&name) || self.errors.len() < ERROR_NAMES;
        *self.errors.entry(if known { name.clone() } else { OTHER_ERRORS.to_owned() }).or_default() += 1;
        self.failures.push(VolumeFailure { volume_id, error: name, message: clip(message, REASON_BYTES) });
    }

    /// A snapshot should have been adopted and was not, for the reason `error`.
    pub fn adoption_failed(&mut self, error: &str) {
        let adoption = self.adoption.get_or_insert_default();
        adoption.failed += 1;
        adoption.error.get_or_insert_with(|| clip(error, ERROR_NAME_BYTES));
    }

    /// A volume is cheaper or better as `to`.
    pub fn volume_advised(&mut self, volume_id: VolumeId, to: &str, saves_cents: i64, note: AdviceNote) {
        let advice = self.advice.get_or_insert_default();
        advice.saves_cents = advice.saves_cents.saturating_add(u64::try_from(saves_cents).unwrap_or_default());
        advice.volumes.push(TypeAdvice { volume_id, to: clip(to, ADVICE_BYTES), saves_cents, note });
    }

    /// The operator should look at a volume.
    pub fn volume_warned(&mut self, volume_id: VolumeId, message: &str) {
        self.warnings.push(VolumeWarning { volume_id, message: clip(message, REASON_BYTES) });
    }

    /// A snapshot should be gone and is not, for `reason`.
    pub fn snapshot_overdue(&mut self, snapshot_id: SnapshotId, reason: &str) {
        self.snapshots.overdue += 1;
        self.overdue.push(SnapshotReason { snapshot_id, reason: clip(reason, REASON_BYTES) });
    }

    /// A snapshot is to be deleted, for `reason`.
    pub fn snapshot_expired(&mut self, snapshot_id: SnapshotId, reason: &str) {
        self.snapshots.expired += 1;
        self.expired.push(SnapshotReason { snapshot_id, reason: clip(reason, REASON_BYTES) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn volume(n: u32) -> VolumeId {
        VolumeId::new(format!("vol-{n:017x}")).unwrap()
    }

    #[test]
    fn an_empty_object_is_an_empty_tally_and_a_foreign_field_is_refused() {
        assert_eq!(serde_json::from_str::<Tally>("{}").unwrap(), Tally::default());
        assert!(serde_json::from_str::<Tally>(r#"{"volume":{}}"#).is_err());
    }

    #[test]
    fn s6_a_volume_that_vanished_is_unaccounted() {
        let mut counts = VolumeCounts { discovered: 10, created: 4, existing: 2, skipped: 1, failed: 3, planned: 0 };
        assert_eq!(counts.unaccounted(), 0);
        counts.created = 3;
        assert_eq!(counts.unaccounted(), 1);
        // Left to overflow, this sum would come round to the right number.
        counts = VolumeCounts { discovered: 10, created: u64::MAX, existing: 11, ..VolumeCounts::default() };
        assert_eq!(counts.unaccounted(), u64::MAX);
    }

    proptest! {
        #[test]
        fn counts_are_exact_whatever_the_lists_show(names in proptest::collection::vec("[A-C]{1,3}", 0..60)) {
            let mut tally = Tally::default();
            for (n, name) in (0_u32..).zip(&names) {
                tally.volume_failed(volume(n), name, "why");
            }
            prop_assert_eq!(tally.volumes.failed, names.len() as u64);
            prop_assert_eq!(tally.failures.total(), names.len() as u64);
            prop_assert_eq!(tally.errors.values().sum::<u64>(), names.len() as u64);
            prop_assert!(tally.errors.len() <= ERROR_NAMES + 1);
        }
    }
}
