//! What the script before EBS Backup left behind is listed, adopted when somebody asks for it, and then kept and purged like
//! everything else.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use ec2_sim::model::{Seed, Snapshot, Volume};
use ec2_sim::{Behaviour, Sim};
use faults::campaign::{Player, Run, in_virtual_time};
use faults::schedule::{ACCOUNT, TAG};
use serde_json::{Value, json};

const REGION: &str = "eu-west-1";
const VOLUME: &str = "vol-0123456789abcdef0";

fn start() -> DateTime<Utc> {
    "2026-11-23T02:00:00Z".parse().unwrap()
}

/// A snapshot `days` old of the volume, named and described as the script did.
fn of_the_script(n: usize, days: i64) -> Snapshot {
    let at = start() - TimeDelta::days(days);
    let stamp = at.format("%Y%m%d%H%M%S");
    let snapshot = Snapshot::new(format!("snap-{n:017x}"), VOLUME, at);
    let description = format!("EBS-Volume-Snapshot-Backup-{VOLUME}-{stamp}");
    Snapshot { description, ..snapshot }.tag("Name", &format!("orders-{stamp}")).tag(TAG, &format!("orders-{stamp}"))
}

/// A region that the script backed up for thirty days, and others beside it.
fn region() -> Seed {
    let by_hand =
        Snapshot::new("snap-00000000000000100".to_owned(), VOLUME, start() - TimeDelta::days(300)).tag(TAG, "x");
    let of_dlm = of_the_script(0x101, 200).tag("aws:dlm:lifecycle-policy-id", "policy-0123456789abcdef0");
    let of_aws_backup = of_the_script(0x102, 200).tag("aws:backup:source-resource", "x");
    let copied = Snapshot { volume_id: "vol-ffffffff".to_owned(), ..of_the_script(0x103, 200) };
    Seed {
        volumes: vec![Volume::new(VOLUME.to_owned()).tag(TAG, "orders")],
        snapshots: (1..=30)
            .map(|n| of_the_script(n, i64::try_from(n).unwrap()))
            .chain([by_hand, of_dlm, of_aws_backup, copied])
            .collect(),
        ..Seed::default()
    }
}

fn config(adopt: bool) -> Value {
    json!({ "policies": [{
        "name": "daily", "tag": { "key": TAG }, "retention": { "keepDaily": 7 }, "adopt": adopt,
        "regions": { "include": [REGION] },
    }]})
}

/// How many snapshots there are, and how many of them are the policy's.
fn there(sim: &Sim) -> (usize, usize) {
    let now = sim.clock().now();
    let snapshots = sim.snapshots(ACCOUNT, REGION);
    let alive = || snapshots.values().filter(|snapshot| snapshot.exists(now));
    (alive().count(), alive().filter(|snapshot| snapshot.tag_value("ebs-backup:policy").is_some()).count())
}

fn tally(run: &Run) -> &Value {
    &run.reports[0]["regions"][0]["tally"]
}

#[test]
fn s1_s8_s9_what_the_script_left_is_listed_then_adopted_then_purged_under_the_guard() {
    in_virtual_time(async {
        let sim = Arc::new(Sim::new(start(), Behaviour::default()));
        sim.seed(ACCOUNT, REGION, region());
        let player = Player::new(&sim, &config(true), 1)?;

        // A dry run lists it and writes nothing.
        let looked = player.play("look", json!({ "adopt": true, "dryRun": true })).await?;
        let found = &tally(&looked)["adoption"];
        assert_eq!(
            found["candidates"],
            json!({ "first": ["snap-00000000000000001", "snap-00000000000000002"], "more": 28 })
        );
        assert_eq!(
            (&found["adopted"], &found["lifecycleManager"], &found["awsBackup"]),
            (&json!(0), &json!(1), &json!(1))
        );
        assert_eq!(there(&sim), (34, 0));

        // So does every night, until somebody asks for more.
        let night = player.play("night", json!({ "runId": "daily-1" })).await?;
        assert_eq!(tally(&night)["adoption"]["candidates"]["more"], 28);
        assert_eq!(there(&sim), (35, 1), "the night's own");

        // Adopted, they are judged at once, and so many deletions are held.
        sim.clock().sleep(std::time::Duration::from_secs(86_400)).await;
        let adopted = player.play("adopt", json!({ "runId": "daily-2", "adopt": true })).await?;
        assert_eq!(tally(&adopted)["adoption"]["adopted"], 30);
        assert_eq!(there(&sim), (36, 32), "30 adopted, two made, and nothing of anybody else's");
        let approval = adopted.reports[0]["regions"][0]["approveInput"].clone();
        assert!(approval["approvePurge"].is_string(), "{approval}");

        // The one of that day completes, and the approved plan is carried out: seven days stay.
        sim.clock().sleep(std::time::Duration::from_secs(3_600)).await;
        let purged = player.play("approved", approval).await?;
        assert_eq!(tally(&purged)["snapshots"]["deleted"], 24);
        assert_eq!(there(&sim), (12, 8), "those of seven days and the newest, and the four of others");
        assert!(purged.ended.is_ok());
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_policy_that_does_not_adopt_sees_nothing_of_it() {
    in_virtual_time(async {
        let sim = Arc::new(Sim::new(start(), Behaviour::default()));
        sim.seed(ACCOUNT, REGION, region());
        let player = Player::new(&sim, &config(false), 1)?;
        let night = player.play("night", json!({})).await?;
        assert_eq!(tally(&night)["adoption"], Value::Null);
        assert_eq!(there(&sim), (35, 1));
        let refused = player.play("adopt", json!({ "adopt": true })).await?;
        assert_eq!(refused.ended.unwrap_err().error, "InvalidInput");
        assert_eq!(there(&sim), (35, 1));
        Ok(())
    })
    .unwrap();
}
