//! Which volumes a policy selects.

use contract::TagSelector;
use contract::selector::EXCLUDE_TAG;

use crate::model::Tags;

/// Whether a volume with these tags is backed up: it bears the policy's tag, and the exclusion tag always wins.
///
/// # Example
/// ```
/// use contract::{TagKey, TagSelector};
/// use policy::{model::Tags, selection::selects};
///
/// let selector = TagSelector { key: TagKey::new("Backup")?, value: None };
/// assert!(selects(&selector, &Tags::from_iter([("Backup", "")])));
/// assert!(!selects(&selector, &Tags::from_iter([("Backup", ""), ("ebs-backup:exclude", "")])));
/// # Ok::<(), contract::parse::InvalidValue>(())
/// ```
#[must_use]
pub fn selects(selector: &TagSelector, tags: &Tags) -> bool {
    let bears = tags
        .get(selector.key.as_str())
        .is_some_and(|value| selector.value.as_ref().is_none_or(|wanted| wanted.as_str() == value));
    bears && !tags.has(EXCLUDE_TAG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::{TagKey, TagValue};

    fn selector(value: Option<&str>) -> TagSelector {
        TagSelector { key: TagKey::new("Backup").unwrap(), value: value.map(|v| TagValue::new(v).unwrap()) }
    }

    #[test]
    fn a_volume_is_selected_by_key_or_by_key_and_value_and_exclusion_wins() {
        for (value, tags, expected) in [
            (None, vec![("Backup", "")], true),
            (None, vec![("Backup", "gold"), ("Name", "db")], true),
            (None, vec![("backup", "gold")], false),
            (None, vec![], false),
            (Some("gold"), vec![("Backup", "gold")], true),
            (Some("gold"), vec![("Backup", "silver")], false),
            (Some("gold"), vec![("Backup", "")], false),
            (Some("gold"), vec![("Backup", "gold"), (EXCLUDE_TAG, "false")], false),
            (None, vec![(EXCLUDE_TAG, ""), ("Backup", "gold")], false),
        ] {
            assert_eq!(selects(&selector(value), &tags.iter().copied().collect()), expected, "{value:?} {tags:?}");
        }
    }
}
