//! The repository's own files, as the tests read them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

pub use local_aws::artefacts::STEMS as STEPS;
use local_aws::artefacts::stems;

/// A path in the repository.
pub fn path(relative: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(relative)
}

/// The text of a file of the repository.
pub fn text(relative: &str) -> String {
    fs::read_to_string(path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

/// A JSON file of the repository.
pub fn json(relative: &str) -> Value {
    serde_json::from_str(&text(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

/// The definitions of the state machines, each with the stems of its steps.
pub fn machines() -> [(&'static str, &'static [&'static str]); 2] {
    let (of_the_run, of_a_restore) = stems();
    [("statemachine/backup.asl.json", of_the_run), ("statemachine/restore.asl.json", of_a_restore)]
}

/// The state machine of the nightly run.
pub fn machine() -> Value {
    json("statemachine/backup.asl.json")
}

/// The state machine of a restore.
pub fn restore_machine() -> Value {
    json("statemachine/restore.asl.json")
}

/// All states of both machines and of the run's regions, by name: no name is used twice.
pub fn states() -> BTreeMap<String, Value> {
    let mut states = BTreeMap::new();
    for (file, _) in machines() {
        let mut own = BTreeMap::new();
        collect(&json(file), &mut own);
        for (name, state) in own {
            assert!(states.insert(name.clone(), state).is_none(), "{name} is a state of both machines");
        }
    }
    states
}

fn collect(machine: &Value, states: &mut BTreeMap<String, Value>) {
    for (name, state) in machine["States"].as_object().unwrap() {
        states.insert(name.clone(), state.clone());
        if state["ItemProcessor"].is_object() {
            collect(&state["ItemProcessor"], states);
        }
    }
}

/// `find-expired` → `FindExpired`.
pub fn pascal(stem: &str) -> String {
    stem.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// Every string in a JSON document.
pub fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(fields) => fields.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}
