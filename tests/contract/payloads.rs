//! One pair of payloads per step: examples for people, and what the types and the state machine are held against.

use std::collections::BTreeSet;
use std::fmt::Debug;

use contract::parse::from_value;
use contract::steps::{
    adopt_snapshots, attach_volumes, check_volumes, create_snapshots, create_volumes, delete_snapshots,
    delete_test_volumes, discover_volumes, find_expired, find_restore_points, list_regions, notify, replay_gate,
    report_restore,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::source::{STEPS, json, pascal, path, states, strings};

fn round_trip<T: DeserializeOwned + Serialize + Debug>(file: &str) {
    let payload = json(file);
    let read: T = from_value(&payload).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert_eq!(serde_json::to_value(&read).unwrap(), payload, "{file} does not come back as it was");
}

fn pair<Request, Response>(stem: &str)
where
    Request: DeserializeOwned + Serialize + Debug,
    Response: DeserializeOwned + Serialize + Debug,
{
    round_trip::<Request>(&format!("statemachine/payloads/{stem}.input.json"));
    round_trip::<Response>(&format!("statemachine/payloads/{stem}.output.json"));
}

#[test]
fn every_payload_comes_back_as_it_was() {
    pair::<list_regions::Request, list_regions::Response>("list-regions");
    pair::<discover_volumes::Request, discover_volumes::Response>("discover-volumes");
    pair::<create_snapshots::Request, create_snapshots::Response>("create-snapshots");
    pair::<adopt_snapshots::Request, adopt_snapshots::Response>("adopt-snapshots");
    pair::<find_expired::Request, find_expired::Response>("find-expired");
    pair::<delete_snapshots::Request, delete_snapshots::Response>("delete-snapshots");
    pair::<notify::Request, notify::Response>("notify");
    pair::<replay_gate::Request, replay_gate::Response>("replay-gate");
    pair::<find_restore_points::Request, find_restore_points::Response>("find-restore-points");
    pair::<create_volumes::Request, create_volumes::Response>("create-volumes");
    pair::<check_volumes::Request, check_volumes::Response>("check-volumes");
    pair::<attach_volumes::Request, attach_volumes::Response>("attach-volumes");
    pair::<delete_test_volumes::Request, delete_test_volumes::Response>("delete-test-volumes");
    pair::<report_restore::Request, report_restore::Response>("report-restore");
}

#[test]
fn an_unknown_field_is_refused_at_every_door() {
    fn refuses<T: DeserializeOwned + Debug>(stem: &str) {
        let mut payload = json(&format!("statemachine/payloads/{stem}.input.json"));
        payload["surprise"] = Value::Bool(true);
        let error = from_value::<T>(&payload).unwrap_err();
        assert_eq!(error.path, "surprise", "{stem}: {error}");
    }
    refuses::<list_regions::Request>("list-regions");
    refuses::<discover_volumes::Request>("discover-volumes");
    refuses::<create_snapshots::Request>("create-snapshots");
    refuses::<adopt_snapshots::Request>("adopt-snapshots");
    refuses::<find_expired::Request>("find-expired");
    refuses::<delete_snapshots::Request>("delete-snapshots");
    refuses::<notify::Request>("notify");
    refuses::<replay_gate::Request>("replay-gate");
    refuses::<find_restore_points::Request>("find-restore-points");
    refuses::<create_volumes::Request>("create-volumes");
    refuses::<check_volumes::Request>("check-volumes");
    refuses::<attach_volumes::Request>("attach-volumes");
    refuses::<delete_test_volumes::Request>("delete-test-volumes");
    refuses::<report_restore::Request>("report-restore");
}

#[test]
fn the_machine_sends_the_fields_that_a_step_reads_and_reads_fields_that_it_sends() {
    let states = states();
    for stem in STEPS {
        let state = &states[&pascal(stem)];
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let input = json(&format!("statemachine/payloads/{stem}.input.json"));
        assert_eq!(keys(&state["Arguments"]["Payload"]), keys(&input), "{stem}");

        let output = keys(&json(&format!("statemachine/payloads/{stem}.output.json")));
        for expression in strings(&state["Output"]).into_iter().chain(strings(&state["Assign"])) {
            for read in expression.split("$states.result.Payload.").skip(1) {
                let field: String = read.chars().take_while(char::is_ascii_alphanumeric).collect();
                assert!(output.contains(&field), "{stem}: the machine reads {field}, which is not in its answer");
            }
        }
    }
}

#[test]
fn the_schemas_of_the_inputs_are_those_of_the_code() {
    for (file, schema) in [
        ("statemachine/input.schema.json", contract::input::schema()),
        ("statemachine/restore.input.schema.json", contract::restore::schema()),
    ] {
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
            std::fs::write(path(file), text).unwrap();
        }
        assert!(json(file) == schema, "{file} is out of date: cargo xtask generate");
    }
}
