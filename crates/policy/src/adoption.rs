//! Which snapshots of others are taken over: those that the script before EBS Backup made.

use contract::selector::{AWS_PREFIX, POLICY_TAG, RUN_TAG, SPEC_TAG, VOLUME_TAG};
use contract::{RegionJob, RunId, SnapshotId, TagKey, VolumeId};

use crate::model::{SnapshotState, Tags};
use crate::naming;

/// A snapshot of this account, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Its id.
    pub id: SnapshotId,
    /// How far it is.
    pub state: SnapshotState,
    /// The volume that EC2 has it of.
    pub volume: Option<VolumeId>,
    /// Its description.
    pub description: String,
    /// Its tags.
    pub tags: Tags,
}

/// Who made a snapshot, as far as adoption cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Maker {
    /// The script before EBS Backup: it can be adopted.
    Script(Origin),
    /// Data Lifecycle Manager.
    LifecycleManager,
    /// AWS Backup.
    AwsBackup,
    /// EBS Backup itself, or somebody who is none of our business.
    Other,
}

/// What the script wrote on a snapshot, where it is credible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The volume.
    pub volume: VolumeId,
    /// The time stamp of its run.
    pub stamp: String,
}

/// Who made `snapshot`: by the backup tag and the description that the script wrote, which must name the volume that EC2 has
/// it of; or by the tags that services of AWS write, and nobody else can.
#[must_use]
pub fn maker(snapshot: &Foreign, backup_tag: &TagKey) -> Maker {
    let bears = |prefix: &str| snapshot.tags.iter().any(|(key, _)| key.starts_with(prefix));
    if bears("aws:dlm:") {
        return Maker::LifecycleManager;
    }
    if bears("aws:backup:") {
        return Maker::AwsBackup;
    }
    // One of ours from which somebody took the policy's tag was taken away from us on purpose.
    let ours = [POLICY_TAG, RUN_TAG, VOLUME_TAG, SPEC_TAG].iter().any(|tag| snapshot.tags.has(tag));
    let free = !bears(AWS_PREFIX) && !ours && snapshot.state == SnapshotState::Completed;
    match origin(&snapshot.description) {
        Some(origin)
            if free && snapshot.tags.has(backup_tag.as_str()) && snapshot.volume.as_ref() == Some(&origin.volume) =>
        {
            Maker::Script(origin)
        }
        _ => Maker::Other,
    }
}

fn origin(description: &str) -> Option<Origin> {
    let (volume, stamp) = naming::described(description)?;
    Some(Origin { volume: VolumeId::new(volume).ok()?, stamp: stamp.to_owned() })
}

/// The tags that make a snapshot one of the policy's. Its run is that of the script, by its time stamp.
#[must_use]
pub fn tags(origin: &Origin, job: &RegionJob) -> Tags {
    let run = RunId::new(format!("adopted-{}", origin.stamp)).map(|run| run.to_string()).unwrap_or_default();
    [(POLICY_TAG, job.policy.name.to_string()), (RUN_TAG, run), (VOLUME_TAG, origin.volume.to_string())]
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naming::DESCRIPTION_PREFIX;
    use proptest::prelude::*;

    const VOLUME: &str = "vol-0123456789abcdef0";

    fn snapshot(description: &str, tags: &[(&str, &str)]) -> Foreign {
        Foreign {
            id: SnapshotId::new("snap-0123456789abcdef0").unwrap(),
            state: SnapshotState::Completed,
            volume: Some(VolumeId::new(VOLUME).unwrap()),
            description: description.to_owned(),
            tags: tags.iter().copied().collect(),
        }
    }

    fn made_by(snapshot: &Foreign) -> Maker {
        maker(snapshot, &TagKey::new("Backup").unwrap())
    }

    #[test]
    fn what_the_script_left_is_known_by_its_tag_and_its_description() {
        let described = format!("EBS-Volume-Snapshot-Backup-{VOLUME}-20250101020000");
        let backup = ("Backup", "orders-20250101020000");
        let ours = snapshot(&described, &[backup]);
        let origin = Origin { volume: VolumeId::new(VOLUME).unwrap(), stamp: "20250101020000".to_owned() };
        assert_eq!(made_by(&ours), Maker::Script(origin));

        let another = Foreign { volume: Some(VolumeId::new("vol-0fedcba9876543210").unwrap()), ..ours.clone() };
        let pending = Foreign { state: SnapshotState::Pending, ..ours.clone() };
        for (why, other) in [
            ("another tool's tag", snapshot(&described, &[("backup", "")])),
            ("made by hand", snapshot("before the upgrade", &[backup])),
            ("no time stamp", snapshot(&format!("EBS-Volume-Snapshot-Backup-{VOLUME}-soon"), &[backup])),
            ("no volume", snapshot("EBS-Volume-Snapshot-Backup--20250101020000", &[backup])),
            ("a copy, or a volume that somebody else wrote", another),
            ("not completed", pending),
            ("taken away from us", snapshot(&described, &[backup, ("ebs-backup:run", "daily-1")])),
            ("managed already", snapshot(&described, &[backup, ("ebs-backup:policy", "daily")])),
            ("part of a stack", snapshot(&described, &[backup, ("aws:cloudformation:stack-name", "x")])),
        ] {
            assert_eq!(made_by(&other), Maker::Other, "{why}");
        }
        assert_eq!(
            made_by(&snapshot(&described, &[backup, ("aws:dlm:lifecycle-policy-id", "x")])),
            Maker::LifecycleManager
        );
        assert_eq!(made_by(&snapshot(&described, &[backup, ("aws:backup:source-resource", "x")])), Maker::AwsBackup);
    }

    proptest! {
        #[test]
        fn any_description_is_read_or_not(description in "(EBS-Volume-Snapshot-Backup-)?(vol-[0-9a-f]{0,18})?-?[0-9]{0,16}|.{0,60}") {
            if let Some(origin) = origin(&description) {
                prop_assert_eq!(description, format!("{DESCRIPTION_PREFIX}{}-{}", origin.volume, origin.stamp));
            }
        }
    }
}
