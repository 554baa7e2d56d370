//! What comes in at the doors, spoilt: the execution's input, the deployed configuration and every step's request. Whatever
//! it is, it is read or refused by name (S10), and nothing in between.

use std::fmt::Debug;
use std::sync::LazyLock;

use contract::limits::{TAG_KEY_CHARS, TAG_VALUE_CHARS};
use contract::parse::{InvalidDocument, from_text, from_value};
use contract::restore::{INPUT_TAGS, RestoreInput};
use contract::retention::MAX_COUNT;
use contract::steps::{
    adopt_snapshots, attach_volumes, check_volumes, create_snapshots, create_volumes, delete_snapshots,
    delete_test_volumes, discover_volumes, find_expired, find_restore_points, list_regions, notify, replay_gate,
    report_restore,
};
use contract::{Config, ExecutionInput, JobPolicy, RegionJob, RestoreJob, Retention};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::source;

type Verdict = Result<(), TestCaseError>;

/// Refusals are read by people and travel through the state machine, whatever was sent.
const LONGEST_REFUSAL: usize = 1_500;

/// A place where JSON from outside is read.
struct Door {
    /// What is let in.
    sample: Value,
    /// Reads a document and checks what was made of it.
    reads: fn(&Value) -> Verdict,
    /// Reads a document, and tells why it was refused.
    refuses: fn(&Value) -> Option<InvalidDocument>,
    /// What holds JSON of any shape, or names that are data: a field more is no error there.
    open: &'static [&'static str],
}

fn door<T>(sample: Value, open: &'static [&'static str]) -> Door
where
    T: DeserializeOwned + Serialize + Debug + PartialEq + Bounded,
{
    Door {
        sample,
        reads: |document| read_or_refused(document, from_value::<T>(document)),
        refuses: |document| from_value::<T>(document).err(),
        open,
    }
}

static DOORS: LazyLock<Vec<Door>> = LazyLock::new(|| {
    let request = |stem: &str| source::json(&format!("statemachine/payloads/{stem}.input.json"));
    const NAMES: &[&str] = &["/tally/errors"];
    const TAGS: &[&str] = &["/job/tags"];
    vec![
        door::<ExecutionInput>(
            json!({
                "runId": "daily-2026-11-23T02:00:00Z", "policy": "daily", "regions": ["eu-west-1", "us-east-1"],
                "dryRun": true, "approvePurge": "20261123020007-0123456789abcdef",
            }),
            &[],
        ),
        door::<Config>(
            json!({
                "policies": [
                    { "name": "daily", "tag": { "key": "Backup", "value": "gold" }, "retention": { "keepDays": 7, "keepLast": 3 },
                      "regions": { "include": ["eu-west-1"], "exclude": ["us-east-1"] }, "floor": 2,
                      "purgeGuard": { "maxPercent": 40, "minSnapshots": 10 } },
                    { "name": "weekly", "tag": { "key": "Weekly" }, "orphans": { "keepWithin": "1y6m" }, "timeZone": "Europe/Berlin",
                      "retention": { "keepLast": 9, "keepHourly": 1, "keepDaily": 7, "keepWeekly": 4, "keepMonthly": 6, "keepYearly": 2 },
                      "minimum": { "keepWithin": "36h" } },
                    { "name": "kept", "tag": { "key": "Kept" }, "retention": { "keepWithin": "8w" }, "orphans": "keep", "advice": true },
                ],
                "pace": { "sharePercent": 80 },
            }),
            &[],
        ),
        door::<list_regions::Request>(request("list-regions"), &["/input"]),
        door::<discover_volumes::Request>(request("discover-volumes"), NAMES),
        door::<create_snapshots::Request>(request("create-snapshots"), NAMES),
        door::<adopt_snapshots::Request>(request("adopt-snapshots"), NAMES),
        door::<find_expired::Request>(request("find-expired"), NAMES),
        door::<delete_snapshots::Request>(request("delete-snapshots"), NAMES),
        door::<notify::Request>(request("notify"), &["/results"]),
        door::<replay_gate::Request>(request("replay-gate"), &[]),
        door::<RestoreInput>(
            json!({
                "region": "eu-west-1", "instanceId": "i-0123456789abcdef0", "at": "2026-11-20T10:00:00Z", "allowMixed": true,
                "availabilityZone": "eu-west-1a", "volumeType": "io2", "iops": 3_000, "throughput": 125, "sizeGiB": 100,
                "encrypted": true, "kmsKeyId": "alias/backups", "attach": { "instanceId": "i-0123456789abcdef0", "device": "/dev/sdf" },
                "replace": true, "initializationRateMiBps": 200, "tags": { "ticket": "4711" }, "backup": false, "dryRun": true,
                "sample": { "percent": 10 }, "policy": "daily", "anySource": true,
            }),
            &["/tags"],
        ),
        door::<find_restore_points::Request>(request("find-restore-points"), &["/input"]),
        door::<create_volumes::Request>(request("create-volumes"), TAGS),
        door::<check_volumes::Request>(request("check-volumes"), TAGS),
        door::<attach_volumes::Request>(request("attach-volumes"), TAGS),
        door::<delete_test_volumes::Request>(request("delete-test-volumes"), TAGS),
        door::<report_restore::Request>(request("report-restore"), TAGS),
    ]
});

/// Values whose bounds the documentation promises.
trait Bounded {
    fn in_bounds(&self) -> Verdict;
}

fn retention_in_bounds(retention: &Retention) -> Verdict {
    let rules = retention.rules();
    let counts = rules.counts();
    prop_assert!(rules.keep_within.is_some() || counts.iter().any(|(_, count)| count.is_some()), "keeps nothing");
    prop_assert!(counts.iter().all(|(_, count)| count.is_none_or(|count| (1..=MAX_COUNT).contains(&count))));
    let now = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(200 * 365);
    prop_assert!(
        rules.keep_within.is_none_or(|span| (1..=36_525 * 24).contains(&(now - span.before(now)).num_hours()))
    );
    Ok(())
}

impl Bounded for JobPolicy {
    fn in_bounds(&self) -> Verdict {
        retention_in_bounds(&self.retention)?;
        self.minimum.iter().try_for_each(retention_in_bounds)?;
        prop_assert!((1..=100).contains(&self.floor.get()), "S2");
        prop_assert!((1..=100).contains(&self.purge_guard.max_percent), "S8");
        let (key, value) = (self.tag.key.as_str(), self.tag.value.as_ref().map(|value| value.as_str()));
        let reserved = ["aws:", "ebs-backup:"].iter().any(|prefix| key.to_lowercase().starts_with(prefix));
        prop_assert!(!reserved && key != "Name" && (1..=TAG_KEY_CHARS).contains(&key.len()), "{key:?}");
        prop_assert!(value.is_none_or(|value| (1..=TAG_VALUE_CHARS).contains(&value.len())));
        Ok(())
    }
}

impl Bounded for RegionJob {
    fn in_bounds(&self) -> Verdict {
        prop_assert!((1..=100).contains(&self.pace.share_percent));
        self.policy.in_bounds()
    }
}

impl Bounded for Config {
    fn in_bounds(&self) -> Verdict {
        prop_assert!((1..=100).contains(&self.pace.share_percent));
        prop_assert!(!self.policies.is_empty());
        let mut names: Vec<&str> = self.policies.iter().map(|policy| policy.name.as_str()).collect();
        names.sort_unstable();
        prop_assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "a policy name twice");
        self.policies.iter().try_for_each(|policy| JobPolicy::from(policy).in_bounds())
    }
}

impl Bounded for ExecutionInput {
    fn in_bounds(&self) -> Verdict {
        let run = self.run_id.as_ref().map(|run| run.as_str());
        prop_assert!(run.is_none_or(|run| (1..=TAG_VALUE_CHARS).contains(&run.len()) && run.trim() == run));
        Ok(())
    }
}

impl Bounded for list_regions::Request {
    fn in_bounds(&self) -> Verdict {
        read_or_refused(&self.input, from_value::<ExecutionInput>(&self.input))
    }
}

impl Bounded for RestoreInput {
    fn in_bounds(&self) -> Verdict {
        prop_assert!(self.tags.iter().count() <= INPUT_TAGS);
        for (key, value) in self.tags.iter() {
            let lower = key.to_lowercase();
            prop_assert!(!lower.starts_with("aws:") && !lower.starts_with("ebs-backup:") && !key.is_empty(), "{key:?}");
            prop_assert!(key.chars().count() <= TAG_KEY_CHARS && value.chars().count() <= TAG_VALUE_CHARS);
        }
        Ok(())
    }
}

impl Bounded for RestoreJob {
    fn in_bounds(&self) -> Verdict {
        prop_assert!((1..=100).contains(&self.pace.share_percent));
        prop_assert!((1..=80).contains(&self.restore_id.as_str().chars().count()));
        prop_assert!(self.tags.iter().count() <= INPUT_TAGS);
        Ok(())
    }
}

macro_rules! bounded_by_jobs {
    ($($request:ty: |$it:ident| $jobs:expr;)*) => {
        $(impl Bounded for $request {
            fn in_bounds(&self) -> Verdict {
                let $it = self;
                $jobs.iter().try_for_each(Bounded::in_bounds)
            }
        })*
    };
}

bounded_by_jobs! {
    discover_volumes::Request: |it| [&it.job];
    create_snapshots::Request: |it| [&it.job];
    adopt_snapshots::Request: |it| [&it.job];
    find_expired::Request: |it| [&it.job];
    delete_snapshots::Request: |it| [&it.job];
    notify::Request: |it| it.jobs;
    replay_gate::Request: |it| it.jobs;
    // The same type for all steps that move volumes.
    create_volumes::Request: |it| [&it.job];
    report_restore::Request: |it| [&it.job];
}

impl<T: Bounded> Bounded for &T {
    fn in_bounds(&self) -> Verdict {
        (*self).in_bounds()
    }
}

fn read_or_refused<T>(document: &Value, answer: Result<T, InvalidDocument>) -> Verdict
where
    T: DeserializeOwned + Serialize + Debug + PartialEq + Bounded,
{
    match answer {
        Ok(read) => {
            read.in_bounds()?;
            let written = serde_json::to_string(&read).unwrap();
            prop_assert_eq!(from_text::<T>(&written), Ok(read), "not the same after {}", written);
        }
        Err(refusal) => is_told(&refusal, document)?,
    }
    Ok(())
}

/// S10: a refusal names the place and the reason, and shows the value that stands there, all in a length that can be read.
fn is_told(refusal: &InvalidDocument, document: &Value) -> Verdict {
    let text = refusal.to_string();
    prop_assert!(!refusal.path.is_empty() && refusal.path != ".", "no path: {text}");
    prop_assert!(!refusal.reason.trim().is_empty(), "no reason: {text}");
    prop_assert!(text.len() <= LONGEST_REFUSAL, "{} bytes: {text}", text.len());
    prop_assert!(text.starts_with(&refusal.path));
    if let Some(field) = refusal.path.split(['.', '[']).next()
        && let Some(value) = document.get(field)
        && refusal.path == field
    {
        let start: String = value.to_string().chars().take(8).collect();
        prop_assert!(text.contains(&start), "{text} does not show {value}");
    }
    Ok(())
}

/// The JSON pointers of `value` and of all that is in it.
fn pointers(value: &Value) -> Vec<String> {
    fn inner(value: &Value, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| {
                inner(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(n, value)| inner(value, &format!("{at}/{n}"), found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    inner(value, "", &mut found);
    found
}

#[derive(Debug, Clone)]
enum Edit {
    Replace(Value),
    Drop(Index),
    Add(String, Value),
    Double,
    Wrap(usize),
}

fn edit(document: &mut Value, at: Index, edit: &Edit) {
    let places = pointers(document);
    let Some(place) = document.pointer_mut(&places[at.index(places.len())]) else { return };
    match (edit, place) {
        (Edit::Replace(value), place) => *place = value.clone(),
        (Edit::Drop(which), Value::Object(fields)) if !fields.is_empty() => {
            let key = fields.keys().nth(which.index(fields.len())).cloned();
            key.and_then(|key| fields.remove(&key));
        }
        (Edit::Drop(which), Value::Array(items)) if !items.is_empty() => _ = items.remove(which.index(items.len())),
        (Edit::Drop(_), place) => *place = Value::Null,
        (Edit::Add(key, value), Value::Object(fields)) => _ = fields.insert(key.clone(), value.clone()),
        (Edit::Add(_, value), Value::Array(items)) => items.push(value.clone()),
        (Edit::Add(key, value), place) => *place = json!({ key: value }),
        (Edit::Double, place) => *place = json!([place.clone(), place.clone()]),
        (Edit::Wrap(depth), place) => *place = (0..*depth).fold(place.clone(), |inner, _| json!([inner])),
    }
}

fn texts() -> impl Strategy<Value = String> {
    let odd = [
        "",
        " ",
        "\u{0}",
        "\r\n",
        "\u{202e}Backup",
        "Bäckup",
        "ﬁ",
        "İ",
        "aws:x",
        "AWS:",
        "EBS-Backup:keep",
        "Name",
        "a\u{301}",
        "𝟙",
        "null",
        "-",
        "eu-",
        "-eu-west-1",
        "vol-",
        "vol-0123456789abcdef0",
        "snap-01234567",
        "99999999999999-0123456789abcdef",
        "20261123020007-0123456789abcdef",
        "+262142-12-31T23:59:59-23:59",
        "-262143-01-01T00:00:00+23:59",
        "2016-12-31T23:59:60Z",
        "10000-01-01T00:00:00Z",
        "2026-11-23T02:00:07.123456789+14:00",
        "2026-02-30T00:00:00Z",
        "succeeded",
    ];
    prop_oneof![
        4 => select(odd.map(str::to_owned).to_vec()),
        2 => "\\PC{0,16}",
        1 => any::<String>(),
        1 => (select(vec!["x", "\u{1}", "\"", "é", "💾"]), 200_usize..20_000).prop_map(|(text, times)| text.repeat(times)),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let single = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-2_i64..40_000).prop_map(Value::from),
        // Such as come back exactly from their text: serde_json does not promise it of all.
        select(vec![0.5, 7.0, -1.5, 1e15]).prop_map(Value::from),
        texts().prop_map(Value::from),
        select(vec![0_u64, 1, 100, 101, 1_000, 1_001, 36_500, 36_501, 4_294_967_295, 4_294_967_296, u64::MAX])
            .prop_map(Value::from),
    ];
    single.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((texts(), inner), 0..4).prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

fn edits() -> impl Strategy<Value = Vec<(Index, Edit)>> {
    let edit = prop_oneof![
        4 => values().prop_map(Edit::Replace),
        2 => any::<Index>().prop_map(Edit::Drop),
        1 => (texts(), values()).prop_map(|(key, value)| Edit::Add(key, value)),
        1 => Just(Edit::Double),
        1 => (1_usize..35).prop_map(Edit::Wrap),
    ];
    prop::collection::vec((any::<Index>(), edit), 1..4)
}

fn any_door() -> impl Strategy<Value = &'static Door> {
    (0..DOORS.len()).prop_map(|at| &DOORS[at])
}

impl Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the door of {}", self.sample)
    }
}

#[test]
fn the_samples_are_let_in() {
    for door in DOORS.iter() {
        assert_eq!((door.refuses)(&door.sample), None, "{door:?}");
    }
}

#[test]
fn s10_a_field_more_is_refused_by_name_wherever_it_stands() {
    for door in DOORS.iter() {
        for place in pointers(&door.sample) {
            let mut document = door.sample.clone();
            let Some(Value::Object(fields)) = document.pointer_mut(&place) else { continue };
            fields.insert("surprise".to_owned(), json!(1));
            let refusal = (door.refuses)(&document);
            if door.open.iter().any(|open| place.starts_with(open)) {
                // A name more is let in; of what its value has to be, either of the two is right.
                let mut text = document.clone();
                text.pointer_mut(&place).unwrap()["surprise"] = json!("1");
                assert!(refusal.is_none() || (door.refuses)(&text).is_none(), "{place} of {door:?}: {refusal:?}");
            } else {
                let refusal = refusal.unwrap_or_else(|| panic!("{place}/surprise passes {door:?}"));
                // The path ends before the keys of a map whose keys are words of ours.
                assert!(refusal.to_string().contains("surprise"), "{refusal} at {place} of {door:?}");
            }
        }
    }
}

#[test]
fn s10_a_number_at_or_beyond_a_bound_is_read_or_refused_by_name_wherever_it_stands() {
    for door in DOORS.iter() {
        for place in pointers(&door.sample) {
            for number in [-1_i64, 0, 1, 100, 101, 1_000, 1_001, 36_500, 36_501, 1 << 32, i64::MAX] {
                let mut document = door.sample.clone();
                let there = document.pointer_mut(&place).unwrap();
                if there.is_number() {
                    *there = json!(number);
                    (door.reads)(&document).unwrap_or_else(|error| panic!("{number} at {place} of {door:?}: {error}"));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn s10_a_spoilt_document_is_read_or_refused_by_name(door in any_door(), edits in edits()) {
        let mut document = door.sample.clone();
        edits.iter().for_each(|(at, change)| edit(&mut document, *at, change));
        (door.reads)(&document)?;
    }

    #[test]
    fn s10_any_json_is_read_or_refused_by_name(door in any_door(), document in values()) {
        (door.reads)(&document)?;
    }

    #[test]
    fn s10_any_text_is_read_or_refused_by_name(
        door in any_door(), cut in any::<Index>(), put in prop::collection::vec(any::<u8>(), 0..6), rest in 0_usize..2,
    ) {
        // A document cut in two, with any bytes between the parts, or instead of the second.
        let whole = door.sample.to_string();
        let (head, tail) = whole.as_bytes().split_at(cut.index(whole.len()));
        let text = [head, &put, &tail[..tail.len() * rest]].concat();
        let text = String::from_utf8_lossy(&text);
        match serde_json::from_str(&text) {
            Ok(document) => (door.reads)(&document)?,
            Err(_) => {
                let refusal = from_text::<Config>(&text).unwrap_err();
                prop_assert_eq!(refusal.path.as_str(), "(document)");
                prop_assert!(refusal.reason.starts_with("not JSON: "), "{}", refusal);
            }
        }
    }
}

#[test]
fn s10_what_is_nested_without_end_is_refused() {
    for (open, close) in [("[", "]"), (r#"{"policies":"#, "}")] {
        let text = open.repeat(100_000) + &close.repeat(100_000);
        let refusal = from_text::<Config>(&text).unwrap_err();
        assert!(refusal.reason.starts_with("not JSON: recursion limit"), "{refusal}");
    }
}
