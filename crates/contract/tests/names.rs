//! Names and ids against the pattern that their JSON Schema shows: what a name may be is written down twice, as a pattern for
//! people and editors and as a check by hand, and the two must say the same.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use chrono::{NaiveDate, NaiveTime};
use contract::limits::{TAG_KEY_CHARS, TAG_VALUE_CHARS};
use contract::parse::InvalidValue;
use contract::{PlanId, PolicyName, Region, RunId, SnapshotId, TagKey, TagValue, VolumeId};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use regress::Regex;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The pattern in the JSON Schema of `T`.
fn pattern<T: JsonSchema>() -> String {
    schemars::schema_for!(T).get("pattern").and_then(|pattern| pattern.as_str()).unwrap().to_owned()
}

/// Whether `text` matches, in the dialect of JSON Schema: ECMAScript with the flag `u`.
fn matches(pattern: &str, text: &str) -> bool {
    Regex::with_flags(pattern, "u").unwrap().find(text).is_some()
}

/// `T` takes exactly what its pattern and what is documented `besides` allow, and gives it back as it was.
fn agrees<T>(text: &str, besides: impl Fn(&str) -> bool) -> Result<(), TestCaseError>
where
    T: FromStr<Err = InvalidValue> + Display + Debug + PartialEq + Serialize + DeserializeOwned + JsonSchema,
{
    let expected = matches(&pattern::<T>(), text) && besides(text);
    let json = serde_json::to_string(text).unwrap();
    match text.parse::<T>() {
        Ok(name) => {
            prop_assert!(expected, "{text:?} is taken");
            prop_assert_eq!(name.to_string(), text);
            prop_assert_eq!(serde_json::to_string(&name).unwrap(), json.as_str());
            prop_assert_eq!(serde_json::from_str::<T>(&json).unwrap(), name);
        }
        Err(refusal) => {
            prop_assert!(!expected, "{text:?} is refused: {refusal}");
            let said = refusal.to_string();
            prop_assert!(
                said.contains(refusal.what) && said.ends_with(&refusal.expected) && said.len() < 700,
                "{said}"
            );
            prop_assert!(serde_json::from_str::<T>(&json).is_err(), "serde takes {text:?}");
        }
    }
    Ok(())
}

/// What AWS allows in a tag in all of its services.
fn tag_text(text: &str) -> bool {
    matches(r"^[\p{Alphabetic}\p{N} +\-=._:/@]*$", text)
}

fn moment(text: &str) -> bool {
    let number = |from: usize, to: usize| text[from..to].parse::<u32>().unwrap();
    let date = NaiveDate::from_ymd_opt(number(0, 4).cast_signed(), number(4, 6), number(6, 8));
    // A leap second is one that a clock can show.
    let time = NaiveTime::from_hms_opt(
        number(8, 10),
        number(10, 12),
        number(12, 14).min(60).saturating_sub(u32::from(number(12, 14) == 60)),
    );
    date.is_some() && time.is_some() && number(12, 14) <= 60
}

/// Whether all versions of Unicode that matter agree on the character: the tables of the engine here and those of the
/// standard library are not equally old.
fn settled(character: char) -> bool {
    let blocks = ['\0'..='\u{24f}', '\u{391}'..='\u{3c9}', '\u{410}'..='\u{44f}', '\u{905}'..='\u{963}', '一'..='龥'];
    blocks.iter().any(|block| block.contains(&character))
        || "İﬁ٣½Ⓐ\u{301}\u{200b}\u{2028}\u{3000}𝟙💾".contains(character)
}

/// Texts that match `pattern`, most of them with a character more, less or another, and texts that have nothing to do
/// with it.
fn near(pattern: &str) -> BoxedStrategy<String> {
    let odd = vec![
        ' ', '\t', '\n', '\r', '\0', '-', '_', ':', '/', '@', '+', '=', '.', ',', ';', '"', '\\', 'A', 'z', 'g', '0',
        '9', 'ä', 'ß', 'İ', 'ﬁ', '٣', '½', '日', 'Ⓐ', 'ा', '\u{301}', '\u{a0}', '\u{200b}', '\u{2028}', '💾',
    ];
    let change = (any::<Index>(), 0_u8..3, select(odd));
    let changed = prop::string::string_regex(pattern.trim_matches(['^', '$'])).unwrap();
    let changed = (changed, prop::collection::vec(change, 0..3)).prop_map(|(text, changes)| {
        let mut text: Vec<char> = text.chars().collect();
        for (at, kind, other) in changes {
            let at = at.index(text.len() + 1);
            match kind {
                0 => text.insert(at, other),
                1 if at < text.len() => text[at] = other,
                _ if at < text.len() => _ = text.remove(at),
                _ => {}
            }
        }
        text.into_iter().collect::<String>()
    });
    let texts = prop_oneof![4 => changed, 1 => "\\PC{0,40}"];
    texts.prop_map(|text| text.chars().filter(|character| settled(*character)).collect()).boxed()
}

/// Texts of lengths around the bounds, in characters of one to four bytes.
fn long() -> impl Strategy<Value = String> {
    let length = prop_oneof![1_usize..70, 120_usize..132, 250_usize..260];
    (select(vec!["a", "0", "ü", "日", "𝟙", "-a"]), length).prop_map(|(text, times)| text.repeat(times))
}

fn texts<T: JsonSchema>() -> impl Strategy<Value = String> {
    prop_oneof![4 => near(&pattern::<T>()), 1 => long()]
}

/// Holds `T` against its pattern for texts of every length around a bound: `prefix`, then the same character.
fn at_every_length<T>(prefix: &str, besides: impl Fn(&str) -> bool)
where
    T: FromStr<Err = InvalidValue> + Display + Debug + PartialEq + Serialize + DeserializeOwned + JsonSchema,
{
    for length in (0..40).chain(120..132).chain(250..260) {
        for character in ["a", "0"] {
            agrees::<T>(&format!("{prefix}{}", character.repeat(length)), &besides).unwrap();
        }
    }
}

#[test]
fn the_bounds_of_lengths_are_those_of_the_patterns() {
    at_every_length::<VolumeId>("vol-", |_| true);
    at_every_length::<SnapshotId>("snap-", |_| true);
    at_every_length::<PolicyName>("", |_| true);
    at_every_length::<Region>("eu-", |text| text.len() <= 32);
    at_every_length::<RunId>("", |_| true);
    at_every_length::<PlanId>("20261123020007-", |_| true);
    at_every_length::<TagKey>("", |_| true);
    at_every_length::<TagValue>("", |_| true);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_volume_id_is_its_pattern(text in texts::<VolumeId>()) {
        agrees::<VolumeId>(&text, |_| true)?;
    }

    #[test]
    fn a_snapshot_id_is_its_pattern(text in texts::<SnapshotId>()) {
        agrees::<SnapshotId>(&text, |_| true)?;
    }

    #[test]
    fn a_policy_name_is_its_pattern(text in texts::<PolicyName>()) {
        agrees::<PolicyName>(&text, |_| true)?;
    }

    #[test]
    fn a_region_is_its_pattern_of_at_most_32_characters(text in texts::<Region>()) {
        agrees::<Region>(&text, |text| text.len() <= 32)?;
    }

    #[test]
    fn s10_a_run_id_is_its_pattern_without_a_space_at_its_ends(text in texts::<RunId>()) {
        agrees::<RunId>(&text, |text| text.trim() == text && text.len() <= TAG_VALUE_CHARS)?;
    }

    #[test]
    fn a_purge_plan_is_its_pattern_of_a_moment_that_was(
        text in prop_oneof![texts::<PlanId>(), "20[0-9]{2}[01][0-9][0-3][0-9][0-2][0-9][0-6][0-9][0-6][0-9]-[0-9a-f]{16}"],
    ) {
        agrees::<PlanId>(&text, moment)?;
        if let Ok(plan) = PlanId::new(text.as_str()) {
            let again = PlanId::of(plan.moment(), &text[15..]).unwrap();
            // A leap second, which chrono counts as more of the second before it, comes back as that.
            prop_assert!(again == plan || &text[12..14] == "60", "{}", again);
        }
    }

    #[test]
    fn s10_a_backup_tag_key_is_its_pattern_of_what_tags_hold_and_not_reserved(
        text in prop_oneof![texts::<TagKey>(), near(r"^(Name|[aA][wW][sS]:x|ebs-backup:y|EBS-Backup:)$"), near(r"^[a-zA-Z :/@]{1,40}$")],
    ) {
        agrees::<TagKey>(&text, |text| {
            let reserved = matches("^(aws|ebs-backup):", &text.to_lowercase());
            tag_text(text) && text.trim() == text && text.len() <= TAG_KEY_CHARS && text != "Name" && !reserved
        })?;
    }

    #[test]
    fn s10_a_backup_tag_value_is_its_pattern_of_what_tags_hold(text in prop_oneof![texts::<TagValue>(), near(r"^[a-zA-Z :/@]{1,40}$")]) {
        agrees::<TagValue>(&text, |text| tag_text(text) && text.len() <= TAG_VALUE_CHARS)?;
    }
}
