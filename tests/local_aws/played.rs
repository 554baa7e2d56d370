//! The driver does not drift from the state machine: the same scenarios, played in process by `faults` and by the deployed
//! stack, leave the same snapshots, go through the same states and send the same reports.
//!
//! The stack is the real one on the local AWS, but its functions find EC2 in a simulator in this process. What goes wrong
//! does not depend on the time, which is virtual in one world and real in the other, and without waits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use contract::errors::{EC2_UNAVAILABLE, REGIONS_FAILED};
use contract::selector::{EXCLUDE_TAG, KEEP_TAG, NAME_TAG, POLICY_TAG, RUN_TAG, VOLUME_TAG};
use ec2_sim::model::{Fate, Image, Seed, Snapshot, Volume};
use ec2_sim::{Behaviour, Completion, Fault, Latency, Rule, Sim, When};
use faults::campaign::{self, Played};
use faults::schedule::{ACCOUNT, Night, POLICY, Replay, Schedule, TAG};
use local_aws::account::Account;
use local_aws::server::{self, Server};
use local_aws::setup::Setup;
use local_aws::stack::AccountConfig;
use serde_json::{Value, json};

use crate::place::{self, Place};

/// Where things go wrong.
const HERE: &str = "eu-west-1";
/// Where they do not.
const THERE: &str = "us-east-1";
/// What stands for something that differs by its nature.
const MASK: &str = "(masked)";

/// A night, and what it must come to in both worlds: else two that did nothing would agree.
struct Scenario {
    name: &'static str,
    schedule: Schedule,
    /// The status of each report.
    statuses: &'static [&'static str],
    made: usize,
    deleted: usize,
}

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn played_in_process_and_by_the_deployed_stack_a_night_is_the_same() -> Result<()> {
    let sim = Arc::new(Sim::new(Utc::now(), behaviour()));
    let ec2 = ec2_sim::Server::start(Arc::clone(&sim), 0).await?;
    let setup = Setup::from_environment()?;
    let options = server::Options { ec2_endpoint: Some(ec2.endpoint()), ..server::Options::new(setup.python()) };
    let server = Server::start(&options).await?;
    let place = deploy(&setup, &server).await?;

    let mut wrong = Vec::new();
    for scenario in scenarios(Utc::now().trunc_subsecs(0)) {
        let Scenario { name, schedule, statuses, made, deleted } = scenario;
        let played = schedule.clone();
        // A thread of its own: it has a runtime of its own, with another time.
        let played = tokio::task::spawn_blocking(|| campaign::play_schedule(played)).await?;
        let in_process = of_played(&played?)?;
        let deployed = on_stack(&place, &sim, &schedule).await.context(name)?;
        let expected = json!({ "statuses": statuses, "made": made, "deleted": deleted });
        differences("", &expected, &in_process["summary"], &mut |difference| {
            wrong.push(format!("{name}, in process: {difference}"));
        });
        differences("", &in_process, &deployed, &mut |difference| wrong.push(format!("{name}: {difference}")));
    }
    assert!(wrong.is_empty(), "expected or in process ≠ deployed:\n{}", wrong.join("\n"));
    Ok(())
}

async fn deploy(setup: &Setup, server: &Server) -> Result<Place> {
    let account = Account::new(server, ACCOUNT)?;
    let settings = campaign::settings()?;
    let mut config = AccountConfig::new(&settings.account_name, "eu-central-1");
    config.policies = config_of_policy()["policies"].as_array().context("policies")?.clone();
    config.report_when_idle = settings.report_when_idle;
    Place::new(server, setup.app()?.deploy(&account, &config).await?).await
}

// --- The scenarios.

fn config_of_policy() -> Value {
    json!({
        "policies": [{
            "name": POLICY,
            "tag": { "key": TAG },
            "retention": { "keepLast": 2 },
            "regions": { "include": [HERE, THERE] },
            "purgeGuard": { "maxPercent": 50, "minSnapshots": 4 },
        }],
    })
}

/// An EC2 in which nothing depends on how much time passes between two calls.
fn behaviour() -> Behaviour {
    Behaviour {
        latency: Latency::always(1.0),
        throttling: false,
        listing_delay_ms: 0,
        completion: Completion { seconds: 0, ms_per_gib: 0 },
        seconds_between_snapshots: 0,
        ..Behaviour::default()
    }
}

fn scenarios(start: DateTime<Utc>) -> Vec<Scenario> {
    let plain = |volumes| fleet(start, volumes, &[1, 2]);
    let scenario = |name, here, there, night: Night| Scenario {
        name,
        schedule: Schedule {
            seed: 1,
            start,
            config: config_of_policy(),
            behaviour: behaviour(),
            fleet: vec![(HERE.to_owned(), here), (THERE.to_owned(), there)],
            nights: vec![night],
        },
        statuses: &["OK"],
        made: 0,
        deleted: 0,
    };
    let night = |faults: Vec<Rule>, replays: Vec<Replay>| Night { faults, replays, ..Night::default() };
    let redrive = Replay { redrive: true, still_bad: false };
    let anew = Replay { redrive: false, still_bad: false };
    let create = |volume, times, fault| on("CreateSnapshot", Some(volume), times, fault);
    let refused = |code: &str| Fault::Refuse { code: code.to_owned() };

    let mut quiet = plain(3);
    quiet.volumes.push(Volume::new("vol-0000000000000e001").tag(TAG, "").tag(EXCLUDE_TAG, ""));
    quiet.volumes.push(Volume::new("vol-0000000000000e002"));
    let lost = (0..2).map(|n| create(n, Some(1), Fault::Lost)).collect();
    let limit = vec![create(0, Some(2), refused("ConcurrentSnapshotLimitExceeded"))];
    let key = vec![create(1, None, refused("CustomerKeyHasBeenRevoked"))];
    let away = vec![on("DescribeVolumes", None, None, Fault::Unreachable)];
    let denied = vec![on("Describe*", None, None, refused("UnauthorizedOperation"))];

    let mut all = vec![
        Scenario { made: 4, deleted: 4, ..scenario("a quiet night", quiet, plain(1), Night::default()) },
        // Three pages of volumes, two of deletions; at half of all, the guard lets them pass.
        scenario(
            "a dry run of many pages",
            fleet(start, 1_001, &[1, 2, 3, 4]),
            plain(1),
            Night { dry_run: true, ..Night::default() },
        ),
        // A minute of real time: four tries of a step, each with all tries of a read.
        Scenario {
            statuses: &["FAILED", "OK"],
            made: 3,
            deleted: 3,
            ..scenario("an unreachable region, redriven", plain(2), plain(1), night(away, vec![redrive.clone()]))
        },
        Scenario {
            statuses: &["FAILED", "FAILED", "OK"],
            made: 3,
            deleted: 3,
            ..scenario(
                "a denied region, redriven in vain, then replayed by a new execution",
                plain(2),
                plain(1),
                night(denied, vec![Replay { still_bad: true, ..redrive }, anew.clone()]),
            )
        },
        Scenario { made: 3, deleted: 3, ..scenario("lost answers", plain(3), Seed::default(), night(lost, vec![])) },
        Scenario {
            made: 2,
            deleted: 2,
            ..scenario("a limit that passes", plain(2), Seed::default(), night(limit, vec![]))
        },
        Scenario {
            statuses: &["INCOMPLETE", "OK"],
            made: 3,
            deleted: 3,
            ..scenario("a revoked key, replayed by a new execution", plain(2), plain(1), night(key, vec![anew]))
        },
        Scenario {
            made: 3,
            deleted: 1,
            ..scenario("a held purge", fleet(start, 2, &[1, 2, 3, 4, 5, 6]), plain(1), Night::default())
        },
        Scenario {
            made: 6,
            deleted: 7,
            ..scenario("what must stay", protected(start), Seed::default(), Night::default())
        },
    ];
    // No more than it has now; the other region has room for one.
    let mut full = scenario("a full region", plain(2), fleet(start, 1, &[1]), Night::default());
    full.schedule.behaviour.snapshots_per_region = 4;
    all.push(Scenario { statuses: &["INCOMPLETE"], made: 1, ..full });
    all
}

fn on(action: &str, volume: Option<usize>, times: Option<u32>, then: Fault) -> Rule {
    let when = When {
        action: Some(action.to_owned()),
        region: Some(HERE.to_owned()),
        resource: volume.map(volume_id),
        times,
        ..When::default()
    };
    Rule { when, then }
}

fn volume_id(n: usize) -> String {
    format!("vol-{n:017x}")
}

/// A backup of an earlier night, of `days` ago and an hour: its age in days does not change while this runs.
fn backup(start: DateTime<Utc>, volume: usize, days: u32) -> Snapshot {
    let at = start - TimeDelta::days(days.into()) - TimeDelta::hours(1);
    Snapshot::new(format!("snap-{days:05x}{volume:012x}"), volume_id(volume), at)
        .tag(POLICY_TAG, POLICY)
        .tag(RUN_TAG, &campaign::run_id(at))
        .tag(VOLUME_TAG, &volume_id(volume))
}

/// Volumes with a backup each of so many days ago.
fn fleet(start: DateTime<Utc>, volumes: usize, days: &[u32]) -> Seed {
    let backups = |n| days.iter().map(move |days| backup(start, n, *days));
    Seed {
        volumes: (0..volumes).map(|n| Volume::new(volume_id(n)).tag(TAG, "db").tag("team", "blue")).collect(),
        snapshots: (0..volumes).flat_map(backups).collect(),
        ..Seed::default()
    }
}

/// One volume for each reason to stay.
fn protected(start: DateTime<Utc>) -> Seed {
    let mut seed = fleet(start, 6, &[1, 2]);
    let old = |volume| backup(start, volume, 5);
    let in_image = old(1);
    seed.images.push(Image {
        id: "ami-0000000000000000a".to_owned(),
        name: "golden".to_owned(),
        snapshot_ids: vec![in_image.id.clone()],
    });
    let foreign =
        |n: usize| Snapshot { tags: Vec::new(), ..backup(start, 4, 5 + u32::try_from(n).unwrap_or_default()) };
    seed.snapshots.extend([
        old(0).tag(KEEP_TAG, "lawsuit"),
        in_image,
        Snapshot { locked_until: Some(start + TimeDelta::days(30)), ..old(2) },
        Snapshot { by_aws_backup: true, ..old(3) },
        foreign(0),
        foreign(1).tag(POLICY_TAG, "hourly").tag(RUN_TAG, "hourly-1").tag(VOLUME_TAG, &volume_id(4)),
        Snapshot { owner: "999988887777".to_owned(), ..backup(start, 4, 7) },
        Snapshot { volume_id: "vol-ffffffff".to_owned(), ..backup(start, 4, 8) },
        Snapshot { fate: Fate::Fails, ..backup(start, 5, 3) },
        Snapshot { fate: Fate::Fails, ..backup(start, 5, 0) },
    ]);
    seed
}

// --- What came of them.

/// One pass of an execution: from its start, or a redrive, to its end.
struct Pass {
    /// The output, or the name of the error.
    ended: Result<Value, String>,
    states: Vec<String>,
    /// The tasks of each region.
    regions: Vec<Vec<String>>,
    reports: Vec<Value>,
}

fn of_played(played: &Played) -> Result<Value> {
    let machine: Value = serde_json::from_str(faults::STATE_MACHINE)?;
    let of_region = &machine["States"]["BackUpRegions"]["ItemProcessor"]["States"];
    let tasks = |states: &Vec<String>| -> Vec<String> {
        states.iter().filter(|state| of_region[state.as_str()]["Type"] == "Task").cloned().collect()
    };
    let passes = played.nights.iter().flatten().map(|run| Pass {
        ended: run.ended.clone().map_err(|failure| failure.error),
        states: run.trail.states.clone(),
        regions: run.trail.children.iter().map(tasks).collect(),
        reports: run.reports.clone(),
    });
    left_behind(&played.sim, &played.schedule, passes.collect())
}

async fn on_stack(place: &Place, sim: &Sim, schedule: &Schedule) -> Result<Value> {
    let [night] = schedule.nights.as_slice() else { bail!("a scenario is one night") };
    sim.reset();
    sim.behave(schedule.behaviour.clone());
    for (region, seed) in &schedule.fleet {
        sim.seed(ACCOUNT, region, seed.clone());
    }
    sim.script(night.faults.clone());
    let mut execution = place.night(&campaign::input(night, schedule.start)).await?;
    let mut passes = vec![pass(place, &execution).await?];
    for replay in &night.replays {
        let Some(red) = passes.last().filter(|pass| pass.ended.is_err()) else { break };
        if !replay.still_bad {
            sim.script(Vec::new());
        }
        let pasted = red.reports.last().map(|report| report["replayInput"].clone()).unwrap_or_default();
        execution = if replay.redrive { execution.redriven(place).await? } else { place.night(&pasted).await? };
        passes.push(pass(place, &execution).await?);
    }
    left_behind(sim, schedule, passes)
}

async fn pass(place: &Place, execution: &place::Night) -> Result<Pass> {
    let outcome = &execution.outcome;
    let ended = match outcome.succeeded() {
        true => Ok(outcome.output.clone().unwrap_or_default()),
        false => Err(outcome.error.clone().unwrap_or_else(|| outcome.status.to_string())),
    };
    // Each pass comes to its report, or this fails; those of the earlier passes are told already.
    let passes = usize::try_from(outcome.redrive_count)? + 1;
    let reports = place.reports(execution, passes).await.with_context(|| execution.says())?;
    let reports = reports.into_iter().skip(passes - 1).map(|report| report.document).collect();
    let trail = execution.run.trail().await?;
    Ok(Pass { ended, states: trail.states, regions: trail.regions, reports })
}

/// All that a scenario left, with what differs by its nature masked.
fn left_behind(sim: &Sim, schedule: &Schedule, passes: Vec<Pass>) -> Result<Value> {
    let mut new = BTreeMap::new();
    let mut snapshots = BTreeMap::new();
    let mut deleted = 0;
    for (region, seed) in &schedule.fleet {
        let seeded: BTreeSet<&str> = seed.snapshots.iter().map(|snapshot| snapshot.id.as_str()).collect();
        let mut here = Vec::new();
        for snapshot in sim.snapshots(ACCOUNT, region).into_values() {
            let name = if seeded.contains(snapshot.id.as_str()) {
                snapshot.id.clone()
            } else {
                let name = format!("the new one of {}", snapshot.volume_id);
                new.insert(snapshot.id.clone(), name.clone());
                name
            };
            deleted += usize::from(snapshot.deleted_at.is_some());
            // A name tells the moment.
            let tags = snapshot.tags.iter().filter(|(key, _)| ![NAME_TAG, TAG].contains(&key.as_str()));
            let tags: BTreeMap<&String, &String> = tags.map(|(key, value)| (key, value)).collect();
            here.push(json!([name, snapshot.volume_id, snapshot.deleted_at.is_some(), tags]).to_string());
        }
        here.sort();
        snapshots.insert(region, here);
    }
    let mut told = Vec::new();
    let mut statuses = Vec::new();
    for Pass { ended, states, regions, reports } in passes {
        ensure!(ended.as_ref().err().is_none_or(|error| error == REGIONS_FAILED), "{ended:?}");
        let reports: Result<Vec<Value>> = reports.iter().map(|report| masked(report, &new)).collect();
        let reports = reports?;
        statuses.extend(reports.iter().map(|report| report["status"].clone()));
        told.push(json!({ "ended": ended, "states": states, "regions": regions, "reports": reports }));
    }
    let summary = json!({ "statuses": statuses, "made": new.len(), "deleted": deleted });
    Ok(json!({ "summary": summary, "snapshots": snapshots, "passes": told }))
}

/// A report without the moments and names of its world.
fn masked(report: &Value, new: &BTreeMap<String, String>) -> Result<Value> {
    let text = new.iter().fold(report.to_string(), |text, (id, name)| text.replace(id, name));
    let mut report: Value = serde_json::from_str(&text)?;
    for pointer in ["/run/startedAt", "/run/executionArn", "/run/consoleUrl"] {
        mask(&mut report, pointer, |_| MASK.to_owned());
    }
    for region in report["regions"].as_array_mut().into_iter().flatten() {
        mask(region, "/tally/rounds/seconds", |_| MASK.to_owned());
        // A plan is of a moment; the digest of what it deletes is the same.
        for pointer in ["/tally/purgeHeld/plan", "/approveInput/approvePurge"] {
            mask(region, pointer, |plan| plan.split_once('-').map_or(MASK, |(_, digest)| digest).to_owned());
        }
        // One world has connections that close, the other has only been told so.
        if region["error"] == EC2_UNAVAILABLE {
            mask(region, "/message", |_| MASK.to_owned());
        }
    }
    Ok(report)
}

fn mask(value: &mut Value, pointer: &str, masked: impl Fn(&str) -> String) {
    if let Some(found) = value.pointer_mut(pointer).filter(|found| !found.is_null()) {
        *found = masked(found.as_str().unwrap_or_default()).into();
    }
}

/// Tells of everything in which two values differ.
fn differences(at: &str, one: &Value, other: &Value, tell: &mut impl FnMut(String)) {
    match (one, other) {
        (Value::Object(ones), Value::Object(others)) => {
            let keys: BTreeSet<&String> = ones.keys().chain(others.keys()).collect();
            for key in keys {
                differences(&format!("{at}/{key}"), &one[key], &other[key], tell);
            }
        }
        (Value::Array(ones), Value::Array(others)) if ones.len() == others.len() => {
            for (n, (one, other)) in ones.iter().zip(others).enumerate() {
                differences(&format!("{at}/{n}"), one, other, tell);
            }
        }
        _ if one == other => {}
        _ => tell(format!("{at}: {one} ≠ {other}")),
    }
}
