//! Restores over the simulated EC2: the state machine's own definition, the steps' own code, and what goes wrong with either.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ec2_sim::fault::{Fault, Rule, When};
use ec2_sim::journal::{Effect, Entry};
use ec2_sim::model::{Instance, InstanceState, Seed, Volume};
use ec2_sim::{Behaviour, Sim, chance};
use faults::campaign::{Player, Run, in_virtual_time};
use faults::lambdas::Weather;
use faults::schedule::{ACCOUNT, TAG};
use serde_json::{Value, json};

const REGION: &str = "eu-west-1";
const INSTANCE: &str = "i-0123456789abcdef0";
const ROOT: &str = "vol-00000000000000001";
const DATA: &str = "vol-00000000000000002";
const LOOSE: &str = "vol-00000000000000003";

fn start() -> DateTime<Utc> {
    "2026-11-23T02:00:00Z".parse().unwrap()
}

fn config() -> Value {
    json!({ "policies": [{
        "name": "daily", "tag": { "key": TAG }, "retention": { "keepDaily": 7 }, "regions": { "include": [REGION] },
    }]})
}

/// An instance with a root and a data volume, and a volume that is attached to nothing.
fn region() -> Seed {
    let attached = |id: &str, device: &str| Volume {
        size_gib: 20,
        state: "in-use".to_owned(),
        attachment: Some((INSTANCE.to_owned(), device.to_owned())),
        ..Volume::new(id).tag(TAG, "orders").tag("Name", "orders data")
    };
    Seed {
        volumes: vec![
            attached(ROOT, "/dev/xvda"),
            attached(DATA, "/dev/sdf"),
            Volume { encrypted: true, ..Volume::new(LOOSE).tag(TAG, "") },
        ],
        instances: vec![Instance::new(INSTANCE)],
        ..Seed::default()
    }
}

/// A world after two nights, a day apart; the restore comes ten hours after the second.
struct World {
    sim: Arc<Sim>,
    player: Player,
}

impl World {
    async fn new(seed: u64) -> anyhow::Result<Self> {
        let sim = Arc::new(Sim::new(start(), Behaviour { seed, ..Behaviour::default() }));
        sim.seed(ACCOUNT, REGION, region());
        let player = Player::new(&sim, &config(), seed)?;
        for night in 0..2 {
            player.until(start() + TimeDelta::days(night)).await?;
            assert!(player.play(&format!("night-{night}"), json!({})).await?.ended.is_ok());
        }
        player.until(start() + TimeDelta::hours(34)).await?;
        Ok(Self { sim, player })
    }

    async fn restore(&self, mut input: Value) -> anyhow::Result<Run> {
        input["region"] = REGION.into();
        let run = self.player.restore("restore-1", input).await?;
        // Whatever is still under way ends within a function's time-out.
        self.sim.clock().sleep(Duration::from_secs(1_000)).await;
        Ok(run)
    }

    fn strikes(&self, action: &str, then: Fault, times: u32) {
        let when = When { action: Some(action.to_owned()), times: Some(times), ..When::default() };
        self.sim.script(vec![Rule { when, then }]);
    }

    fn stopped(&self) {
        self.sim.change_instance(ACCOUNT, REGION, INSTANCE, |instance| instance.state = InstanceState::Stopped);
    }

    /// The volumes that restores have made and nobody has deleted.
    fn made(&self) -> Vec<Volume> {
        let old = [ROOT, DATA, LOOSE];
        let volumes = self.sim.volumes(ACCOUNT, REGION);
        volumes
            .into_values()
            .filter(|volume| !old.contains(&volume.id.as_str()) && volume.deleted_at.is_none())
            .collect()
    }

    /// What is at each device of the instance.
    fn at(&self, device: &str) -> Option<String> {
        let now = self.sim.clock().now();
        let volumes = self.sim.volumes(ACCOUNT, REGION);
        let there = volumes.values().filter(|volume| volume.deleted_at.is_none());
        let mut at = there.filter(|volume| {
            volume
                .attached_at(now)
                .is_some_and(|attached| attached.device == device && attached.instance_id == INSTANCE)
        });
        let found = at.next().map(|volume| volume.id.clone());
        assert!(at.next().is_none(), "two volumes at {device}");
        found
    }

    fn effects(&self) -> Vec<Effect> {
        self.sim.journal().into_iter().filter_map(|entry: Entry| entry.effect).collect()
    }
}

fn tag<'a>(volume: &'a Volume, key: &str) -> Option<&'a str> {
    volume.tags.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

/// The one volume of a report.
fn only(run: &Run) -> &Value {
    assert_eq!(run.reports.len(), 1, "every restore is reported once");
    assert_eq!(run.reports[0]["volumes"].as_array().unwrap().len(), 1);
    &run.reports[0]["volumes"][0]
}

fn ended(run: &Run) -> &str {
    run.ended.as_ref().err().map_or("OK", |failure| failure.error.as_str())
}

#[test]
fn the_data_of_a_moment_comes_back_as_the_volume_was() {
    in_virtual_time(async {
        let world = World::new(1).await?;
        let between = start() + TimeDelta::hours(20);
        let run = world.restore(json!({ "volumeId": DATA, "at": between.to_rfc3339() })).await?;
        assert_eq!(ended(&run), "OK");
        let [made] = world.made().try_into().unwrap();
        let snapshots = world.sim.snapshots(ACCOUNT, REGION);
        let from = &snapshots[made.snapshot_id.as_deref().unwrap()];
        assert_eq!(from.volume_id, DATA);
        assert!(from.started_at < start() + TimeDelta::hours(1), "of the first night, not of the newest");
        assert_eq!((made.size_gib, made.zone, made.volume_type.as_str()), (20, 'a', "gp3"));
        assert_eq!((tag(&made, TAG), tag(&made, "Name")), (Some("orders"), Some("orders data")));
        assert_eq!(tag(&made, "ebs-backup:restored-from"), Some(from.id.as_str()));
        assert_eq!(only(&run)["progress"], "available");
        assert!(only(&run)["availableAfter"].as_u64().is_some_and(|seconds| seconds < 60));

        // The next night backs the restored volume up too.
        world.player.until(start() + TimeDelta::days(2)).await?;
        let night = world.player.play("night-2", json!({})).await?;
        assert_eq!(night.reports[0]["totals"]["volumes"]["created"], 4);
        Ok(())
    })
    .unwrap();
}

#[test]
fn what_kms_refuses_shows_as_a_volume_in_error_and_the_report_names_it() {
    in_virtual_time(async {
        let world = World::new(1).await?;
        world.strikes("CreateVolume", Fault::Fails, 1);
        let run = world.restore(json!({ "volumeId": LOOSE })).await?;
        assert_eq!(ended(&run), "RestoreFailed");
        let volume = only(&run);
        assert_eq!((&volume["progress"], &volume["failure"]["error"]), (&json!("failed"), &json!("VolumeError")));
        assert!(volume["failure"]["reason"].as_str().unwrap().contains("KMS"));
        assert_eq!(volume["volumeId"], world.made()[0].id.as_str(), "what it leaves has a name");
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_volume_that_vanishes_while_it_is_made_is_missed() {
    in_virtual_time(async {
        let world = World::new(1).await?;
        let sim = Arc::clone(&world.sim);
        tokio::task::spawn_local(async move {
            loop {
                sim.clock().sleep(Duration::from_millis(500)).await;
                let now = sim.clock().now();
                let volumes = sim.volumes(ACCOUNT, REGION);
                let Some(made) = volumes.keys().find(|id| ![ROOT, DATA, LOOSE].contains(&id.as_str())) else {
                    continue;
                };
                return sim.change_volume(ACCOUNT, REGION, made, |volume| volume.deleted_at = Some(now));
            }
        });
        let run = world.restore(json!({ "volumeId": LOOSE })).await?;
        assert_eq!(ended(&run), "RestoreFailed");
        assert_eq!(only(&run)["failure"]["error"], "VolumeLost");
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_zone_without_room_is_told_and_nothing_is_made() {
    in_virtual_time(async {
        let world = World::new(1).await?;
        world.strikes("CreateVolume", Fault::Refuse { code: "InsufficientVolumeCapacity".to_owned() }, 9);
        let run = world.restore(json!({ "volumeId": DATA })).await?;
        assert_eq!(ended(&run), "RestoreFailed");
        assert_eq!(only(&run)["failure"]["error"], "InsufficientVolumeCapacity");
        assert_eq!(world.made(), []);
        Ok(())
    })
    .unwrap();
}

#[test]
fn throttling_and_lost_answers_are_ridden_out_with_one_volume() {
    in_virtual_time(async {
        for fault in
            [Fault::Refuse { code: "RequestLimitExceeded".to_owned() }, Fault::Lost, Fault::Cut, Fault::Unreachable]
        {
            let world = World::new(1).await?;
            world.strikes("CreateVolume", fault.clone(), 5);
            let run = world.restore(json!({ "volumeId": DATA })).await?;
            assert_eq!(ended(&run), "OK", "{fault:?}");
            assert_eq!(world.made().len(), 1, "{fault:?}");
            assert_eq!(run.reports[0]["strays"], json!([]));
        }
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_live_volume_is_snapshotted_and_detached_before_the_restored_one_takes_its_place() {
    in_virtual_time(async {
        let world = World::new(1).await?;
        let attach = json!({ "instanceId": INSTANCE });
        let refused = world.restore(json!({ "volumeId": DATA, "attach": attach })).await?;
        assert_eq!(ended(&refused), "InvalidInput");
        assert!(refused.ended.unwrap_err().cause.contains("vol-00000000000000002 is there"));

        let run = world.restore(json!({ "volumeId": DATA, "attach": attach, "replace": true })).await?;
        assert_eq!(ended(&run), "OK");
        let new = world.at("/dev/sdf").unwrap();
        assert_eq!(only(&run)["volumeId"], new.as_str());
        assert_eq!(world.sim.volumes(ACCOUNT, REGION)[DATA].deleted_at, None, "the old one is kept");
        let moves: Vec<String> = world
            .effects()
            .iter()
            .filter_map(|effect| match effect {
                Effect::Created { volume, .. } => Some(format!("snapshot {volume}")),
                Effect::Detached { volume, .. } => Some(format!("detach {volume}")),
                Effect::Attached { volume, .. } => Some(format!("attach {volume}")),
                _ => None,
            })
            .collect();
        let last = &moves[moves.len() - 3..];
        assert_eq!(last, [format!("snapshot {DATA}"), format!("detach {DATA}"), format!("attach {new}")]);
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_replacement_that_fails_half_way_puts_the_old_volume_back() {
    in_virtual_time(async {
        let world = World::new(1).await?;
        world.strikes("AttachVolume", Fault::Refuse { code: "AttachmentLimitExceeded".to_owned() }, 1);
        let input = json!({ "volumeId": DATA, "attach": { "instanceId": INSTANCE }, "replace": true });
        let run = world.restore(input).await?;
        assert_eq!(ended(&run), "RestoreFailed");
        assert_eq!(world.at("/dev/sdf").as_deref(), Some(DATA));
        let volume = only(&run);
        assert_eq!(volume["progress"], "putBack");
        assert_eq!(volume["failure"]["error"], "AttachmentLimitExceeded");
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_device_that_does_not_let_go_keeps_its_volume() {
    in_virtual_time(async {
        let world = World::new(1).await?;
        world.strikes("DetachVolume", Fault::Fails, 99);
        let input = json!({ "volumeId": DATA, "attach": { "instanceId": INSTANCE }, "replace": true });
        let run = world.restore(input).await?;
        assert_eq!(ended(&run), "RestoreFailed");
        assert_eq!(world.at("/dev/sdf").as_deref(), Some(DATA));
        assert!(only(&run)["failure"]["reason"].as_str().unwrap().contains("unmount"));
        Ok(())
    })
    .unwrap();
}

#[test]
fn an_instance_comes_back_as_a_whole_or_not_at_all() {
    in_virtual_time(async {
        let input = json!({ "instanceId": INSTANCE, "attach": { "instanceId": INSTANCE }, "replace": true });
        let world = World::new(1).await?;
        let running = world.restore(input.clone()).await?;
        assert!(running.ended.unwrap_err().cause.contains("stop it first"), "its root volume is in use");
        world.stopped();
        let run = world.restore(input.clone()).await?;
        assert_eq!(ended(&run), "OK");
        let now: Vec<String> = ["/dev/xvda", "/dev/sdf"].iter().filter_map(|device| world.at(device)).collect();
        assert!(now.len() == 2 && !now.contains(&ROOT.to_owned()) && !now.contains(&DATA.to_owned()), "{now:?}");

        // One of the two cannot be attached: both old ones are there again.
        let world = World::new(2).await?;
        world.stopped();
        let when = When { action: Some("AttachVolume".to_owned()), ..When::default() };
        let refuse = Fault::Refuse { code: "InvalidParameterValue".to_owned() };
        let new = |world: &World| world.made().iter().map(|volume| volume.id.clone()).collect::<Vec<_>>();
        let sim = Arc::clone(&world.sim);
        tokio::task::spawn_local(async move {
            loop {
                sim.clock().sleep(Duration::from_millis(300)).await;
                let volumes = sim.volumes(ACCOUNT, REGION);
                let made = volumes.values().find(|volume| {
                    ![ROOT, DATA, LOOSE].contains(&volume.id.as_str())
                        && tag(volume, "ebs-backup:restored-from").is_some()
                });
                if let Some(made) = made {
                    let when = When { resource: Some(made.id.clone()), ..when };
                    return sim.script(vec![Rule { when, then: refuse }]);
                }
            }
        });
        let run = world.restore(input).await?;
        assert_eq!(ended(&run), "RestoreFailed");
        assert_eq!((world.at("/dev/xvda").as_deref(), world.at("/dev/sdf").as_deref()), (Some(ROOT), Some(DATA)));
        assert_eq!(new(&world).len(), 2, "they are named, and kept");
        let states: Vec<&Value> =
            run.reports[0]["volumes"].as_array().unwrap().iter().map(|v| &v["progress"]).collect();
        assert_eq!(states, ["putBack", "putBack"]);
        Ok(())
    })
    .unwrap();
}

#[test]
fn s1_a_restore_test_leaves_nothing_behind_and_touches_nothing_else() {
    in_virtual_time(async {
        for (fault, verdict) in [(None, "OK"), (Some(Fault::Fails), "RestoreFailed")] {
            let world = World::new(1).await?;
            if let Some(fault) = fault {
                world.strikes("CreateVolume", fault, 1);
            }
            let run = world.restore(json!({ "test": true, "sample": { "percent": 100 } })).await?;
            assert_eq!(ended(&run), verdict);
            assert_eq!(run.reports[0]["volumes"].as_array().unwrap().len(), 3);
            assert_eq!(world.made(), [], "each was deleted, also one that failed");
            let volumes = world.sim.volumes(ACCOUNT, REGION);
            assert!([ROOT, DATA, LOOSE].iter().all(|id| volumes[*id].deleted_at.is_none()));
        }
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_test_cleans_up_after_a_step_that_died() {
    in_virtual_time(async {
        let world = World::new(1).await?;
        world.strikes("DescribeVolumes", Fault::Refuse { code: "UnauthorizedOperation".to_owned() }, 1);
        let run = world.restore(json!({ "test": true })).await?;
        assert_eq!(ended(&run), "RestoreFailed");
        assert_eq!(run.reports[0]["stopped"]["error"], "UnauthorizedOperation");
        assert_eq!(world.made(), []);
        Ok(())
    })
    .unwrap();
}

#[test]
fn s9_a_dry_run_says_what_it_would_do_and_writes_nothing() {
    in_virtual_time(async {
        let world = World::new(1).await?;
        let calls = world.sim.calls();
        let input = json!({ "volumeId": DATA, "attach": { "instanceId": INSTANCE }, "replace": true, "dryRun": true });
        let run = world.restore(input).await?;
        assert_eq!(ended(&run), "OK");
        assert_eq!((&only(&run)["progress"], &only(&run)["replaces"]), (&json!("planned"), &json!(DATA)));
        assert!(world.sim.journal_since(calls).iter().all(|entry| !entry.is_write()));
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_moment_without_a_restore_point_names_what_is_nearest() {
    in_virtual_time(async {
        let world = World::new(1).await?;
        let run = world.restore(json!({ "volumeId": DATA, "at": "2026-11-22T00:00:00Z" })).await?;
        let failure = run.ended.unwrap_err();
        assert_eq!(failure.error, "NoRestorePoint");
        assert!(failure.cause.contains("; the next one is snap-"), "{}", failure.cause);
        assert_eq!(world.made(), []);
        Ok(())
    })
    .unwrap();
}

/// A hundred restores in bad weather: EC2 refuses, loses answers and is slow; functions die, and are called twice.
#[test]
fn whatever_goes_wrong_nothing_is_lost_and_what_is_left_is_named() {
    for seed in 0..100 {
        in_virtual_time(stormy(seed)).unwrap_or_else(|error| panic!("seed {seed}: {error:#}"));
    }
}

async fn stormy(seed: u64) -> anyhow::Result<()> {
    let world = World::new(seed).await?;
    world.stopped();
    let chance_of = |what: &str, most: f64| chance::fraction(seed, what) * most;
    let rule = |action: &str, then: Fault, chance: f64| Rule {
        when: When { action: Some(action.to_owned()), chance, ..When::default() },
        then,
    };
    let refuse = |code: &str| Fault::Refuse { code: code.to_owned() };
    let mut rules = vec![
        rule("*", refuse("RequestLimitExceeded"), chance_of("throttled", 0.3)),
        rule("*", Fault::Lost, chance_of("lost", 0.2)),
        rule("*", Fault::Cut, chance_of("cut", 0.1)),
        rule("*", Fault::Unreachable, chance_of("unreachable", 0.1)),
    ];
    // Half of the storms have a real obstacle in them.
    match chance::draw(seed, "obstacle") % 8 {
        0 => rules.push(rule("CreateVolume", Fault::Fails, 0.5)),
        1 => rules.push(rule("CreateVolume", refuse("InsufficientVolumeCapacity"), 0.5)),
        2 => rules.push(rule("AttachVolume", refuse("AttachmentLimitExceeded"), 0.5)),
        3 => rules.push(rule("DetachVolume", Fault::Fails, 0.5)),
        _ => {}
    }
    world.sim.script(rules);
    world.player.weather(Weather {
        killed: chance_of("killed", 0.2),
        unheard: chance_of("unheard", 0.2),
        doubled: chance_of("doubled", 0.2),
        throttled: chance_of("no container", 0.2),
        mute: chance_of("mute", 0.3),
    });
    let before = world.sim.calls();
    let input = json!({ "instanceId": INSTANCE, "attach": { "instanceId": INSTANCE }, "replace": true });
    let run = world.restore(input).await?;
    let journal = world.sim.journal_since(before);

    // At most one volume of each snapshot, one safety snapshot of each volume, and nothing deleted.
    let mut made: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &journal {
        match &entry.effect {
            Some(Effect::VolumeCreated { snapshot: Some(snapshot), .. }) => *made.entry(snapshot).or_default() += 1,
            Some(Effect::Detached { volume, .. }) if [ROOT, DATA].contains(&volume.as_str()) => {
                let snapshotted = journal.iter().any(|earlier| {
                    earlier.number < entry.number
                        && matches!(&earlier.effect, Some(Effect::Created { volume: of, .. }) if of == volume)
                });
                assert!(snapshotted, "seed {seed}: {volume} was detached without a snapshot");
            }
            _ => {}
        }
        assert!(!entry.action.starts_with("Delete"), "seed {seed}: {entry:?}");
    }
    assert!(made.values().all(|count| *count == 1), "seed {seed}: {made:?}");

    let report = run.reports.last();
    let red = run.ended.is_err();
    for (device, old) in [("/dev/xvda", ROOT), ("/dev/sdf", DATA)] {
        let there = world.at(device);
        let well = there.as_deref().is_some_and(|id| id != old);
        let item = report.and_then(|report| {
            report["volumes"].as_array().unwrap().iter().find(|volume| volume["device"] == device).cloned()
        });
        if !red {
            assert!(well, "seed {seed}: green, and {device} has {there:?}");
        }
        if let Some(item) = item {
            let told = item["progress"].as_str().unwrap();
            assert!(told != "attached" || well, "seed {seed}: {device} is said to be attached, and has {there:?}");
            assert!(told != "putBack" || there.as_deref() == Some(old), "seed {seed}: {device} has {there:?}");
            // A device that is empty is never passed over in silence.
            if there.is_none() && report.is_some() {
                assert!(item["failure"].is_object() || !run.reports[0]["stopped"].is_null(), "seed {seed}: {item}");
            }
        }
    }
    // What was made is in the report by name.
    if let Some(report) = report.map(ToString::to_string) {
        for volume in world.made() {
            assert!(report.contains(&volume.id), "seed {seed}: {} is not named", volume.id);
        }
    } else {
        assert!(red, "seed {seed}: green without a report");
    }
    Ok(())
}
