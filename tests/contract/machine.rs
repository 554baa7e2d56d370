//! The state machine against the binaries and the names.

use std::collections::BTreeSet;

use contract::errors;
use contract::limits::{
    ADOPTION_ROUNDS, ATTACH_ROUNDS, AVAILABLE_ROUNDS, CAUSE_CHARS, CREATE_VOLUME_ROUNDS, DELETE_VOLUME_ROUNDS,
    DELETIONS_PER_PAGE, HISTORY_EVENTS, PUT_BACK_ROUNDS, ROUNDS_PER_REGION, UNLISTED_ROUNDS, VOLUMES_PER_PAGE,
};
use serde_json::Value;

use crate::source::{STEPS, json, machine, machines, pascal, path, restore_machine, states, strings, text};

#[test]
fn one_stem_runs_through_all_layers() {
    let states = states();
    for stem in STEPS {
        let manifest = text(&format!("crates/{stem}/Cargo.toml"));
        assert!(manifest.contains(&format!("name = \"{stem}\"")), "package {stem}");
        assert!(path(&format!("crates/{stem}/src/main.rs")).exists(), "binary {stem}");
        assert!(path(&format!("infra/lib/functions/{stem}.ts")).exists(), "infra/lib/functions/{stem}.ts");
        let name = pascal(stem);
        let state = states.get(&name).unwrap_or_else(|| panic!("no state {name}"));
        assert_eq!(state["Arguments"]["FunctionName"], format!("${{{name}Arn}}"));
    }
    let of_xtask = text("crates/xtask/src/workspace.rs");
    assert!(STEPS.iter().all(|stem| of_xtask.contains(&format!("\"{stem}\""))));
    let tasks: BTreeSet<_> = states.iter().filter(|(_, s)| s["Type"] == "Task").map(|(name, _)| name.clone()).collect();
    assert_eq!(tasks, STEPS.into_iter().map(pascal).collect());
}

#[test]
fn the_definition_has_no_placeholder_but_the_functions() {
    for (file, stems) in machines() {
        let definition = text(file);
        let found: BTreeSet<&str> =
            definition.split("${").skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
        let wanted: BTreeSet<String> = stems.iter().map(|stem| pascal(stem) + "Arn").collect();
        assert_eq!(found, wanted.iter().map(String::as_str).collect(), "{file}");
    }
}

#[test]
fn every_error_name_of_ours_in_the_machine_is_a_constant_and_the_reverse() {
    let mut named = BTreeSet::new();
    for state in states().values() {
        for list in ["Retry", "Catch"] {
            for entry in state[list].as_array().into_iter().flatten() {
                named.extend(strings(&entry["ErrorEquals"]).into_iter().map(ToOwned::to_owned));
            }
        }
    }
    let ours: BTreeSet<&str> = named
        .iter()
        .map(String::as_str)
        .filter(|name| !["Lambda.", "States.", "Sandbox.", "Runtime."].iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    assert_eq!(ours, errors::IN_STATE_MACHINE.into_iter().collect());
}

#[test]
fn every_state_says_what_it_is_for() {
    for (name, state) in states() {
        assert!(state["Comment"].as_str().is_some_and(|comment| comment.len() > 20), "{name} has no Comment");
    }
    for (file, _) in machines() {
        assert!(json(file)["TimeoutSeconds"].is_u64(), "{file}");
    }
}

#[test]
fn every_task_has_a_time_out_and_rides_out_lambdas_own_errors() {
    let lambda = [
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
    ];
    for (name, state) in states().into_iter().filter(|(_, state)| state["Type"] == "Task") {
        assert!(state["TimeoutSeconds"].is_u64(), "{name}");
        let retries = state["Retry"].as_array().unwrap_or_else(|| panic!("{name} has no Retry"));
        for retry in retries {
            assert_eq!(retry["JitterStrategy"], "FULL", "{name}");
            assert!(retry["MaxDelaySeconds"].is_u64() && retry["MaxAttempts"].is_u64(), "{name}: without a bound");
        }
        // A new account may have a Lambda concurrency of 10, and a busy region holds its place for minutes.
        assert_eq!(strings(&retries[0]["ErrorEquals"]), ["Lambda.TooManyRequestsException"], "{name}");
        let mean_wait: u64 = (0..retries[0]["MaxAttempts"].as_u64().unwrap()).map(|n| 60.min(5 << n.min(10)) / 2).sum();
        assert!(mean_wait > 900, "{name}: {mean_wait} seconds are less than the longest that a step holds its place");
        assert_eq!(strings(&retries[1]["ErrorEquals"]), lambda, "{name}");
        // A Lambda that was killed says Runtime.ExitError; one that gave no answer at all, Lambda.Unknown.
        let killed = strings(&retries[2]["ErrorEquals"]);
        assert!(killed.contains(&"Runtime.ExitError") && killed.contains(&"Lambda.Unknown"), "{name}");
    }
}

#[test]
fn s7_every_task_of_a_region_ends_in_an_outcome() {
    let regions = &machine()["States"]["BackUpRegions"];
    assert_eq!(regions["ToleratedFailurePercentage"], 100);
    assert_eq!(regions["Items"], "{% $states.input %}", "the whole input is the list");
    for (name, state) in regions["ItemProcessor"]["States"].as_object().unwrap() {
        match state["Type"].as_str().unwrap() {
            "Task" => {
                let catch = &state["Catch"][0];
                assert_eq!(
                    (&catch["ErrorEquals"][0], &catch["Next"]),
                    (&"States.ALL".into(), &"RegionFailed".into()),
                    "{name}"
                );
            }
            "Fail" | "Succeed" => panic!("{name} ends a region without an outcome"),
            _ if state["End"] == true => assert!(state["Output"]["outcome"].is_string(), "{name}"),
            _ => {}
        }
    }
}

#[test]
fn s7_the_gate_is_uncaught_and_comes_after_the_report() {
    let states = states();
    assert!(states["ReplayGate"]["Catch"].is_null(), "a caught error is never redriven");
    assert!(
        strings(&states["ReplayGate"]["Retry"])
            .iter()
            .all(|name| *name != errors::REGIONS_FAILED && *name != "States.ALL")
    );
    assert_eq!(states["BackUpRegions"]["Next"], "Notify");
    assert!(states["BackUpRegions"]["Catch"].as_array().unwrap().iter().all(|catch| catch["Next"] == "Notify"));
    assert_eq!(states["Notify"]["Next"], "AnyRegionFailed");
    assert_eq!(states["ReplayGate"]["Next"], "BackUpRegions");
}

#[test]
fn every_step_of_a_restore_that_fails_is_reported_and_a_test_is_cleaned_up_first() {
    let machine = restore_machine();
    let states = machine["States"].as_object().unwrap();
    let caught = |name: &str| (&states[name]["Catch"][0]["ErrorEquals"][0], states[name]["Catch"][0]["Next"].as_str());
    for name in ["CreateVolumes", "CheckVolumes", "AttachVolumes"] {
        assert_eq!(caught(name), (&"States.ALL".into(), Some("RestoreStopped")), "{name}");
    }
    assert_eq!(caught("DeleteTestVolumes"), (&"States.ALL".into(), Some("CleanUpStopped")));
    assert_eq!(states["RestoreStopped"]["Next"], "IsTest");
    assert_eq!(states["IsTest"]["Choices"][0]["Next"], "DeleteTestVolumes");
    for (name, next) in [
        ("IsTest", "Default"),
        ("CleanUpStopped", "Next"),
        ("AllTestVolumesDeleted", "Default"),
        ("AllAttached", "Default"),
    ] {
        assert_eq!(states[name][next], "ReportRestore", "{name}");
    }
    // Nothing is made yet: the error itself is the answer.
    assert!(states["FindRestorePoints"]["Catch"].is_null());
    assert_eq!(states["RestoreFailed"]["Error"], errors::RESTORE_FAILED);
}

#[test]
fn a_restore_ends_in_time_and_its_history_stays_far_from_its_limit() {
    let machine = restore_machine();
    let task = |name: &str| machine["States"][name]["TimeoutSeconds"].as_u64().unwrap();
    let tasks =
        ["FindRestorePoints", "CreateVolumes", "CheckVolumes", "AttachVolumes", "DeleteTestVolumes", "ReportRestore"];
    let once: u64 = tasks.into_iter().map(task).sum();
    let waits = policy::restore::waits::all_together();
    assert!(waits + once < machine["TimeoutSeconds"].as_u64().unwrap(), "{waits} + {once} seconds");
    // A task, a choice and a wait for each round, and a thousand attempts that were retried.
    let rounds = CREATE_VOLUME_ROUNDS + AVAILABLE_ROUNDS + ATTACH_ROUNDS + PUT_BACK_ROUNDS + DELETE_VOLUME_ROUNDS;
    assert!(rounds * 9 + 3_000 + 60 < HISTORY_EVENTS / 2, "{rounds} rounds");
}

#[test]
fn a_cause_is_cut_where_the_contract_says() {
    let causes: Vec<String> = states()
        .values()
        .flat_map(|state| strings(state).into_iter().map(ToOwned::to_owned).collect::<Vec<_>>())
        .filter(|text| text.contains("$substring"))
        .collect();
    assert!(!causes.is_empty());
    for cause in causes {
        assert!(cause.contains(&format!(", 0, {CAUSE_CHARS})")), "{cause}");
    }
}

/// Events that a state adds to the history of its execution (Step Functions, "history events"): a Lambda task five, any
/// other state its entry and exit.
fn events(state: &Value) -> u32 {
    if state["Type"] == "Task" { 5 } else { 2 }
}

#[test]
fn the_history_of_a_region_stays_far_from_its_limit() {
    let states = states();
    let cost = |path: &[&str]| path.iter().map(|name| events(&states[*name])).sum::<u32>();
    let page_of_volumes = cost(&["DiscoverVolumes", "CreateSnapshots", "AllCreated"]);
    let page_of_deletions = cost(&["FindExpired", "AnyExpired", "DeleteSnapshots", "AllDeleted"]);
    let round = cost(&["WaitToCreate", "CreateSnapshots", "AllCreated"]).max(cost(&[
        "WaitToDelete",
        "DeleteSnapshots",
        "AllDeleted",
    ]));
    assert!(page_of_volumes <= 12 && page_of_deletions <= 14, "{page_of_volumes}, {page_of_deletions}");

    // 100,000 volumes and as many deletions, every deferred round that a region has, and a thousand attempts that were
    // retried, at three events each.
    let volumes = 100_000 / u32::try_from(VOLUMES_PER_PAGE).unwrap() * page_of_volumes;
    let deletions = 100_000 / u32::try_from(DELETIONS_PER_PAGE).unwrap() * page_of_deletions;
    let adopting = ADOPTION_ROUNDS * cost(&["AdoptSnapshots", "AllAdopted"]);
    let put_off = UNLISTED_ROUNDS * cost(&["FindExpired", "AnyExpired", "WaitToList"]);
    let worst = volumes + deletions + ROUNDS_PER_REGION * round + adopting + put_off + 3_000 + 20;
    assert!(worst * 10 <= HISTORY_EVENTS * 7, "{worst} events");
}
