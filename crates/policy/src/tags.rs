//! The tags that a snapshot is created with.

use contract::RegionJob;
use contract::limits::{TAG_KEY_CHARS, TAG_VALUE_CHARS, TAGS_PER_RESOURCE};
use contract::selector::{
    AWS_PREFIX, NAME_OF_VOLUME_TAG, NAME_TAG, OWN_PREFIX, POLICY_TAG, RETENTION_TAG, RUN_TAG, SPEC_TAG, VOLUME_TAG,
};

use crate::model::{Tags, Volume};
use crate::naming;

/// The tags without which a snapshot of ours cannot be found again: its names, and all that begins with `ebs-backup:`.
#[must_use]
pub fn essential(volume: &Volume, job: &RegionJob) -> Tags {
    let key = &job.policy.tag.key;
    let name = naming::name(volume, key, job.started_at);
    [
        (NAME_TAG, name.clone()),
        (key.as_str(), name),
        (POLICY_TAG, job.policy.name.to_string()),
        (RUN_TAG, job.run_id.to_string()),
        (VOLUME_TAG, volume.id.to_string()),
        (SPEC_TAG, volume.spec.tag_value()),
    ]
    .into_iter()
    // It has to outlive its volume.
    .chain(volume.tags.get(RETENTION_TAG).map(|own| (RETENTION_TAG, own.to_owned())))
    .collect()
}

/// All tags of the snapshot: the [`essential`] ones, then the volume's name and its other own ones, as far as there is room.
///
/// Left out of the volume's own: those of AWS (`aws:`, cannot be set), those of EBS Backup (a hold or an exclusion on the
/// volume is not one of the snapshot), and those whose key is taken already.
#[must_use]
pub fn full(volume: &Volume, job: &RegionJob) -> Tags {
    let essential = essential(volume, job);
    // A snapshot has a name of its own, and a restored volume gets back the one it had.
    let name = volume.tags.get(NAME_TAG).map(|name| (NAME_OF_VOLUME_TAG, name));
    let own = volume.tags.iter().filter(|(key, value)| {
        let lower = key.to_lowercase();
        !lower.starts_with(AWS_PREFIX)
            && !lower.starts_with(OWN_PREFIX)
            && !essential.has(key)
            && key.chars().count() <= TAG_KEY_CHARS
            && value.chars().count() <= TAG_VALUE_CHARS
    });
    as_many_as_fit(essential.iter().chain(name).chain(own))
}

/// The first tags that a resource can bear, each key with the first value it has here.
pub(crate) fn as_many_as_fit<K: Into<String>, V: Into<String>>(all: impl IntoIterator<Item = (K, V)>) -> Tags {
    let mut tags: Vec<(String, String)> = Vec::with_capacity(TAGS_PER_RESOURCE);
    for (key, value) in all {
        let key = key.into();
        if tags.len() < TAGS_PER_RESOURCE && !tags.iter().any(|(taken, _)| *taken == key) {
            tags.push((key, value.into()));
        }
    }
    tags.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::VolumeSpec;
    use contract::VolumeId;
    use contract::selector::KEEP_TAG;
    use proptest::prelude::*;

    fn job() -> RegionJob {
        contract::parse::from_text(
            r#"{"region":"eu-west-1","runId":"daily-2026-11-23T02:00:00Z","startedAt":"2026-11-23T02:00:07Z","dryRun":false,
                "replay":0,"approvePurge":null,"pace":{"sharePercent":80},
                "policy":{"name":"daily","tag":{"key":"Backup","value":null},"retention":{"keepDays":7},"floor":1,
                          "purgeGuard":{"maxPercent":50,"minSnapshots":20}}}"#,
        )
        .unwrap()
    }

    fn volume(tags: &[(&str, &str)]) -> Volume {
        Volume {
            id: VolumeId::new("vol-0123456789abcdef0").unwrap(),
            tags: tags.iter().copied().collect(),
            spec: VolumeSpec {
                volume_type: "gp3".into(),
                size_gib: 8,
                iops: Some(3000),
                throughput_mibps: Some(125),
                zone: "eu-west-1a".into(),
                encrypted: true,
                attachment: None,
            },
        }
    }

    #[test]
    fn a_snapshot_bears_the_origins_names_and_what_restore_needs() {
        let tags = full(&volume(&[("Backup", "orders-db"), ("Name", "orders"), ("team", "shop")]), &job());
        let shown: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        Name=orders-db-20261123020007
        Backup=orders-db-20261123020007
        ebs-backup:policy=daily
        ebs-backup:run=daily-2026-11-23T02:00:00Z
        ebs-backup:volume=vol-0123456789abcdef0
        ebs-backup:spec=type=gp3 size=8 iops=3000 throughput=125 zone=eu-west-1a encrypted=true
        ebs-backup:name=orders
        team=shop
        ");
    }

    #[test]
    fn a_backup_tag_without_a_value_names_the_snapshot_by_the_volume() {
        let tags = full(&volume(&[("Backup", "")]), &job());
        assert_eq!(tags.get("Name"), Some("vol-0123456789abcdef0-20261123020007"));
    }

    #[test]
    fn a_volumes_own_retention_is_on_its_snapshots_so_that_it_outlives_the_volume() {
        let volume = volume(&[("Backup", ""), (RETENTION_TAG, "keepYearly=7")]);
        for tags in [full(&volume, &job()), essential(&volume, &job())] {
            assert_eq!(tags.get(RETENTION_TAG), Some("keepYearly=7"));
        }
    }

    #[test]
    fn a_hold_on_the_volume_does_not_hold_its_snapshots_for_ever() {
        assert!(!full(&volume(&[("Backup", ""), (KEEP_TAG, "")]), &job()).has(KEEP_TAG));
    }

    proptest! {
        #[test]
        fn s11_whatever_the_volume_bears_the_create_call_gets_valid_tags(
            own in prop::collection::vec((prop_oneof!["[a-zA-Z:]{1,6}", "aws:[a-z]{1,4}", "ebs-backup:[a-z]{1,4}", ".{0,140}"], ".{0,300}"), 0..80)
        ) {
            let mut own: Vec<(&str, &str)> = own.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            own.push(("Backup", "x"));
            let volume = volume(&own);
            let tags = full(&volume, &job());
            prop_assert!(tags.len() <= TAGS_PER_RESOURCE);
            let mut keys: Vec<&str> = tags.iter().map(|(key, _)| key).collect();
            keys.sort_unstable();
            let all = keys.len();
            keys.dedup();
            prop_assert_eq!(keys.len(), all, "no key twice");
            prop_assert!(tags.iter().all(|(k, v)| !k.to_lowercase().starts_with("aws:") && k.chars().count() <= 128 && v.chars().count() <= 256));
            for (key, value) in essential(&volume, &job()).iter() {
                prop_assert_eq!(tags.get(key), Some(value));
            }
        }
    }
}
