//! What a snapshot is called: the names that the origin gave, so that what people search for still finds them.

use chrono::{DateTime, Utc};
use contract::TagKey;
use contract::limits::TAG_VALUE_CHARS;

use crate::model::Volume;

/// The time stamp in names: UTC, `%Y%m%d%H%M%S`.
#[must_use]
pub fn stamp(at: DateTime<Utc>) -> String {
    at.format("%Y%m%d%H%M%S").to_string()
}

/// What the description of every snapshot begins with.
pub const DESCRIPTION_PREFIX: &str = "EBS-Volume-Snapshot-Backup-";

/// The description of the snapshot of a volume in the run that started at `at`.
#[must_use]
pub fn description(volume: &Volume, at: DateTime<Utc>) -> String {
    format!("{DESCRIPTION_PREFIX}{}-{}", volume.id, stamp(at))
}

/// What a [`description`] says: the volume, as it is written there, and the time stamp; `None` for any other text.
#[must_use]
pub fn described(description: &str) -> Option<(&str, &str)> {
    let (volume, stamp) = description.strip_prefix(DESCRIPTION_PREFIX)?.rsplit_once('-')?;
    let is_stamp = stamp.len() == 14 && stamp.bytes().all(|byte| byte.is_ascii_digit());
    is_stamp.then_some((volume, stamp))
}

/// The name of the snapshot of a volume: the backup tag's value when it has one, else the volume's id, then the time
/// stamp. A value too long for a tag is cut, never the stamp.
#[must_use]
pub fn name(volume: &Volume, backup_tag: &TagKey, at: DateTime<Utc>) -> String {
    let stamp = stamp(at);
    let own = volume.tags.get(backup_tag.as_str()).filter(|value| !value.is_empty()).unwrap_or(volume.id.as_str());
    let room = TAG_VALUE_CHARS - stamp.len() - 1;
    let own: String = own.chars().take(room).collect();
    format!("{own}-{stamp}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::VolumeSpec;
    use contract::VolumeId;
    use contract::limits::DESCRIPTION_CHARS;
    use proptest::prelude::*;

    fn volume(backup: &str) -> Volume {
        Volume {
            id: VolumeId::new("vol-0123456789abcdef0").unwrap(),
            tags: [("Backup", backup)].into_iter().collect(),
            spec: VolumeSpec::default(),
        }
    }

    #[test]
    fn the_description_is_the_origins_and_fits() {
        let description = description(&volume(""), "2026-11-23T02:00:07Z".parse().unwrap());
        assert_eq!(description, "EBS-Volume-Snapshot-Backup-vol-0123456789abcdef0-20261123020007");
        assert!(description.len() <= DESCRIPTION_CHARS);
    }

    #[test]
    fn a_name_too_long_for_a_tag_is_cut_before_the_stamp() {
        let name =
            name(&volume(&"ü".repeat(256)), &TagKey::new("Backup").unwrap(), "2026-11-23T02:00:07Z".parse().unwrap());
        assert_eq!(name.chars().count(), TAG_VALUE_CHARS);
        assert!(name.ends_with("ü-20261123020007"), "{name}");
    }

    proptest! {
        #[test]
        fn whatever_the_tag_says_the_name_and_the_description_fit_and_bear_the_moment(
            backup in ".{0,300}", seconds in 0_i64..253_402_300_800,
        ) {
            let at = DateTime::from_timestamp(seconds, 0).unwrap();
            let volume = volume(&backup);
            let (name, description) = (name(&volume, &TagKey::new("Backup").unwrap(), at), description(&volume, at));
            prop_assert!(name.chars().count() <= TAG_VALUE_CHARS);
            prop_assert!(description.len() <= DESCRIPTION_CHARS && description.contains(volume.id.as_str()));
            let stamp = stamp(at);
            prop_assert_eq!(described(&description), Some((volume.id.as_str(), stamp.as_str())));
            let stamp = format!("-{stamp}");
            prop_assert!(name.ends_with(&stamp) && description.ends_with(&stamp));
            let own = name.strip_suffix(&stamp).unwrap();
            prop_assert!(!own.is_empty() && (backup.starts_with(own) || (backup.is_empty() && own == volume.id.as_str())));
        }
    }
}
