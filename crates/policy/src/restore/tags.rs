//! The tags that a restored volume bears.

use contract::limits::{TAG_KEY_CHARS, TAG_VALUE_CHARS};
use contract::selector::{
    AWS_PREFIX, EXCLUDE_TAG, NAME_OF_VOLUME_TAG, NAME_TAG, OWN_PREFIX, RESTORE_TAG, RESTORED_AT_TAG, RESTORED_FROM_TAG,
    RETENTION_TAG, TEST_TAG,
};
use contract::{RestoreJob, VolumeId};

use crate::model::Tags;
use crate::naming;
use crate::restore::seen::RestorePoint;
use crate::tags::as_many_as_fit;

/// All tags of a volume that is made from `point`.
///
/// First what says that it is a restored one, then what the input wants, then the volume's own tags as they were when the
/// snapshot was made: the backup tag with the value that it had, not with the snapshot's name. As far as there is room.
#[must_use]
pub fn of_volume(point: &RestorePoint, job: &RestoreJob) -> Tags {
    let mut all: Vec<(String, String)> = vec![
        (RESTORE_TAG.to_owned(), job.restore_id.to_string()),
        (RESTORED_FROM_TAG.to_owned(), point.id().to_string()),
        (RESTORED_AT_TAG.to_owned(), job.started_at.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
    ];
    if job.test || !job.backup {
        all.push((EXCLUDE_TAG.to_owned(), if job.test { "restore test" } else { "restored" }.to_owned()));
    }
    if job.test {
        let of = point.candidate.volume.as_ref().map_or(point.id().as_str(), VolumeId::as_str);
        all.push((TEST_TAG.to_owned(), job.restore_id.to_string()));
        all.push((NAME_TAG.to_owned(), format!("restore test of {of}")));
        return all.into_iter().collect();
    }
    all.extend(job.tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())));
    all.extend(own(point, job.backup));
    as_many_as_fit(all)
}

/// The tags of a snapshot that is made of a volume before it is replaced. It belongs to no policy, so no purge ever sees it.
#[must_use]
pub fn of_safety_snapshot(replaced: &VolumeId, job: &RestoreJob) -> Tags {
    [(NAME_TAG, format!("{replaced} before it was replaced")), (RESTORE_TAG, job.restore_id.to_string())]
        .into_iter()
        .collect()
}

/// The description of that snapshot.
#[must_use]
pub fn safety_description(replaced: &VolumeId, job: &RestoreJob) -> String {
    format!("{replaced} before the restore {} replaced it", job.restore_id)
}

/// The tags that the volume itself bore. Its name and the backup tag's value come first: they are the ones that are missed.
fn own(point: &RestorePoint, backup: bool) -> Vec<(String, String)> {
    let stamp = stamp(&point.description);
    let mut first = Vec::new();
    let mut rest = Vec::new();
    if let Some(name) = point.tags.get(NAME_OF_VOLUME_TAG) {
        first.push((NAME_TAG.to_owned(), name.to_owned()));
    }
    if let Some(own) = point.tags.get(RETENTION_TAG) {
        first.push((RETENTION_TAG.to_owned(), own.to_owned()));
    }
    for (key, value) in point.tags.iter() {
        let lower = key.to_lowercase();
        let fits = key.chars().count() <= TAG_KEY_CHARS && value.chars().count() <= TAG_VALUE_CHARS;
        if key == NAME_TAG || lower.starts_with(AWS_PREFIX) || lower.starts_with(OWN_PREFIX) || !fits {
            continue;
        }
        match stamp.as_deref().and_then(|stamp| value.strip_suffix(stamp)) {
            // The backup tag: on the snapshot it has the snapshot's name, which is made of the value that it had.
            Some(value) if backup => first.push((key.to_owned(), without_id(value, point))),
            Some(_) => {}
            None => rest.push((key.to_owned(), value.to_owned())),
        }
    }
    // In an order of our own: EC2 lists tags in any, and a call that is sent again must be the same call.
    rest.sort_unstable();
    first.extend(rest);
    first
}

/// A snapshot is named after its volume where the backup tag has no value.
fn without_id(value: &str, point: &RestorePoint) -> String {
    let of_volume = point.candidate.volume.as_ref().is_some_and(|volume| volume.as_str() == value);
    if of_volume { String::new() } else { value.to_owned() }
}

/// What the names of a snapshot end with: `-` and the time stamp of its run. The description says it, which nobody can change.
fn stamp(description: &str) -> Option<String> {
    naming::described(description).map(|(_, stamp)| format!("-{stamp}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SnapshotState, Volume};
    use crate::restore_point::Candidate;
    use crate::spec::VolumeSpec;
    use chrono::{DateTime, Utc};
    use contract::limits::TAGS_PER_RESOURCE;
    use contract::{RegionJob, SnapshotId};
    use proptest::prelude::*;

    fn backup_job() -> RegionJob {
        contract::parse::from_text(
            r#"{"region":"eu-west-1","runId":"daily-2026-11-23T02:00:00Z","startedAt":"2026-11-23T02:00:07Z","dryRun":false,
                "replay":0,"approvePurge":null,"pace":{"sharePercent":80},
                "policy":{"name":"daily","tag":{"key":"Backup","value":null},"retention":{"keepDays":7},"floor":1,
                          "purgeGuard":{"maxPercent":50,"minSnapshots":20}}}"#,
        )
        .unwrap()
    }

    pub(crate) fn restore_job(more: &str) -> RestoreJob {
        let mut job: serde_json::Value = serde_json::from_str(
            r#"{"region":"eu-west-1","restoreId":"restore-1","startedAt":"2026-11-26T10:00:00Z","dryRun":false,"test":false,
                "source":{"volumeId":"vol-0123456789abcdef0"},"at":null,"attach":null,"replace":false,
                "initializationRateMiBps":null,"tags":{},"backup":true,"pace":{"sharePercent":80}}"#,
        )
        .unwrap();
        let more: serde_json::Value = serde_json::from_str(more).unwrap();
        for (field, value) in more.as_object().unwrap() {
            job[field] = value.clone();
        }
        contract::parse::from_value(&job).unwrap()
    }

    /// The snapshot that a night made of a volume with these tags.
    fn snapshot_of(tags: &[(&str, &str)]) -> RestorePoint {
        let volume = Volume {
            id: VolumeId::new("vol-0123456789abcdef0").unwrap(),
            tags: tags.iter().copied().collect(),
            spec: VolumeSpec::default(),
        };
        let job = backup_job();
        RestorePoint {
            candidate: Candidate {
                id: SnapshotId::new("snap-0123456789abcdef0").unwrap(),
                state: SnapshotState::Completed,
                started_at: DateTime::<Utc>::UNIX_EPOCH,
                volume: Some(volume.id.clone()),
                run: Some(job.run_id.clone()),
                policy: None,
                instance: None,
                device: None,
            },
            description: naming::description(&volume, job.started_at),
            tags: crate::tags::full(&volume, &job),
            size_gib: 8,
            encrypted: false,
            spec: None,
        }
    }

    fn shown(tags: &Tags) -> String {
        tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_volume_comes_back_with_its_own_tags_and_says_where_it_is_from() {
        let point = snapshot_of(&[
            ("Backup", "orders-db"),
            ("Name", "orders data"),
            ("team", "shop"),
            ("ebs-backup:retention", "keepYearly=7"),
        ]);
        let job = restore_job(r#"{"tags":{"team":"on call","ticket":"4711"}}"#);
        insta::assert_snapshot!(shown(&of_volume(&point, &job)), @r"
        ebs-backup:restore=restore-1
        ebs-backup:restored-from=snap-0123456789abcdef0
        ebs-backup:restored-at=2026-11-26T10:00:00Z
        team=on call
        ticket=4711
        Name=orders data
        ebs-backup:retention=keepYearly=7
        Backup=orders-db
        ");
    }

    #[test]
    fn a_backup_tag_without_a_value_comes_back_without_one() {
        let tags = of_volume(&snapshot_of(&[("Backup", "")]), &restore_job("{}"));
        assert_eq!((tags.get("Backup"), tags.get("Name")), (Some(""), None));
    }

    #[test]
    fn a_volume_that_is_not_to_be_backed_up_is_excluded_whatever_other_policies_say() {
        let point = snapshot_of(&[("Backup", "x"), ("Weekly", "x")]);
        let tags = of_volume(&point, &restore_job(r#"{"backup":false}"#));
        assert_eq!((tags.get("Backup"), tags.get("Weekly")), (None, Some("x")));
        assert!(tags.has(EXCLUDE_TAG));
    }

    #[test]
    fn a_test_volume_bears_nothing_of_the_real_one() {
        let tags = of_volume(&snapshot_of(&[("Backup", "x"), ("Name", "orders")]), &restore_job(r#"{"test":true}"#));
        insta::assert_snapshot!(shown(&tags), @r"
        ebs-backup:restore=restore-1
        ebs-backup:restored-from=snap-0123456789abcdef0
        ebs-backup:restored-at=2026-11-26T10:00:00Z
        ebs-backup:exclude=restore test
        ebs-backup:restore-test=restore-1
        Name=restore test of vol-0123456789abcdef0
        ");
    }

    #[test]
    fn what_replaces_a_volume_leaves_a_snapshot_that_no_policy_owns() {
        let tags = of_safety_snapshot(&VolumeId::new("vol-0123456789abcdef0").unwrap(), &restore_job("{}"));
        assert!(!tags.has(contract::selector::POLICY_TAG), "S1: else a purge would delete it");
        assert_eq!(tags.get(RESTORE_TAG), Some("restore-1"));
    }

    proptest! {
        /// There and back: whatever a volume bears, its restored twin bears the same, but for what EBS Backup itself writes.
        #[test]
        fn the_tags_of_a_volume_survive_backup_and_restore(
            own in prop::collection::btree_map("[a-zA-Z]{1,8}", ".{0,40}", 0..30), value in "[a-z0-9 ]{0,30}", name in prop::option::of("[a-z ]{0,20}"),
        ) {
            let mut tags: Vec<(&str, &str)> = own.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            tags.retain(|(key, _)| *key != "Backup" && *key != "Name");
            tags.push(("Backup", &value));
            tags.extend(name.as_deref().map(|name| ("Name", name)));
            let restored = of_volume(&snapshot_of(&tags), &restore_job("{}"));
            for (key, value) in &tags {
                prop_assert_eq!(restored.get(key), Some(*value), "{}", key);
            }
            prop_assert_eq!(restored.len(), tags.len() + 3);
        }

        #[test]
        fn s11_whatever_a_snapshot_bears_the_create_call_gets_valid_tags(
            raw in prop::collection::vec((prop_oneof!["[a-zA-Z:]{1,6}", "aws:[a-z]{1,4}", "ebs-backup:[a-z-]{1,9}", ".{0,140}"], ".{0,300}"), 0..80),
            test: bool, backup: bool,
        ) {
            let mut point = snapshot_of(&[("Backup", "x")]);
            point.tags = raw.into_iter().collect();
            let job = restore_job(&format!(r#"{{"test":{test},"backup":{backup}}}"#));
            let tags = of_volume(&point, &job);
            prop_assert!(tags.len() <= TAGS_PER_RESOURCE);
            let mut keys: Vec<&str> = tags.iter().map(|(key, _)| key).collect();
            keys.sort_unstable();
            let all = keys.len();
            keys.dedup();
            prop_assert_eq!(keys.len(), all, "no key twice");
            prop_assert!(tags.iter().all(|(key, value)| !key.to_lowercase().starts_with("aws:")
                && key.chars().count() <= TAG_KEY_CHARS && value.chars().count() <= TAG_VALUE_CHARS));
            prop_assert_eq!(tags.get(RESTORE_TAG), Some("restore-1"));
            prop_assert_eq!(tags.has(TEST_TAG), test, "S1: the tag that lets a volume be deleted");
        }
    }
}
