//! Three nights of a small fleet.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aws_sdk_ec2::types::{Snapshot, VolumeType};
use local_aws::fleet::{self, VolumeSpec};
use serde_json::json;

use crate::place::{id, total};
use crate::world::calm;

const POLICY: &str = "night";
const HOME: &str = "eu-central-1";
const AWAY: [&str; 2] = ["eu-west-1", "us-east-1"];

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn s6_s11_the_whole_night() -> Result<()> {
    let place = calm().await?;
    let volumes = fleet::make(
        &place.ec2(HOME),
        HOME,
        &[
            VolumeSpec::new().size(20).tag("Night", "web").tag("Name", "web root").tag("team", "shop").attached(),
            VolumeSpec::new().size(100).kind(VolumeType::Io1).tag("Night", "db").encrypted(),
            VolumeSpec::new().size(500).kind(VolumeType::St1).tag("Night", ""),
            VolumeSpec::new().tag("Name", "scratch"),
            VolumeSpec::new().tag("Night", "cache").tag("ebs-backup:exclude", "false"),
        ],
    )
    .await?;
    let [web, db, unnamed, untagged, excluded] = volumes.as_slice() else { anyhow::bail!("five volumes") };
    for region in AWAY {
        fleet::make(&place.ec2(region), region, &[VolumeSpec::new().tag("Night", region)]).await?;
    }
    let foreign = fleet::foreign_snapshot(&place.ec2(HOME), web, &[("Night", "web"), ("Name", "by hand")]).await?;

    let first = place.night_of(POLICY, "night 1").await?;
    assert!(first.outcome.succeeded(), "{}", first.says());
    let regions = first.regions().await?;
    let names: Vec<&str> = regions.iter().map(|region| region.region.as_str()).collect();
    assert_eq!(names, [HOME, AWAY[0], AWAY[1]]);
    assert_eq!(total(&regions, |region| region.tally.volumes.created), 5);
    assert!(regions.iter().all(|region| region.tally.volumes.unaccounted() == 0), "S6");

    // The report, where the operator and his programs get it.
    let report = place.report(&first).await?;
    assert_eq!(report.mail.to, "operator@example.com");
    assert_eq!(report.mail.subject, "EBS Backup OK: calm 111122223333, night: 5 snapshots made");
    let made = place.snapshots(HOME, POLICY).await?;
    assert_eq!(made.len(), 3);
    let all = fleet::snapshots(&place.ec2(HOME)).await?;
    for text in
        ["calm (111122223333)", "Run:        night 1", "tagged Night", "keepLast 2", HOME, AWAY[0], AWAY[1], web]
    {
        assert!(report.mail.text.contains(text), "{text} is not in\n{}", report.mail.text);
    }
    assert!(made.iter().all(|snapshot| report.mail.text.contains(&id(snapshot))), "{}", report.mail.text);
    let document = &report.document;
    assert_eq!(
        json!([document["status"], document["account"], document["run"]["runId"], document["run"]["dryRun"]]),
        json!(["OK", { "id": "111122223333", "name": "calm" }, "night 1", false])
    );
    assert_eq!(document["totals"]["volumes"]["created"], 5);
    assert_eq!(report.region(HOME)?["volumes"]["discovered"], 3);
    assert_eq!(document["replayInput"], json!(null));
    // The io1 volume of 100 GiB and 200 IOPS, as gp3: 12.50 + 13.00 against 8.00 dollars a month.
    assert!(report.mail.text.contains(&format!("{db} as gp3")), "{}", report.mail.text);
    assert!(document["advice"].is_object(), "{document}");
    assert_eq!(report.inputs()?, Vec::<serde_json::Value>::new());

    // What was made, and how it is named.
    let stamp = report.started_at()?.format("%Y%m%d%H%M%S").to_string();
    for (volume, name, spec) in [
        (web, "web", "type=gp3 size=20"),
        (db, "db", "type=io1 size=100 iops=200"),
        (unnamed, unnamed.as_str(), "type=st1 size=500"),
    ] {
        let snapshot = made.iter().find(|one| one.volume_id() == Some(volume)).context("no snapshot of the volume")?;
        assert_eq!(snapshot.description(), Some(format!("EBS-Volume-Snapshot-Backup-{volume}-{stamp}").as_str()));
        let mut tags = tags_of(snapshot);
        let recorded = tags.remove("ebs-backup:spec").unwrap_or_default();
        assert!(recorded.starts_with(spec) && recorded.contains("zone=eu-central-1a"), "{recorded}");
        assert_eq!(recorded.contains("encrypted=true"), volume == db, "{recorded}");
        assert_eq!(recorded.contains("device=/dev/sdf instance=i-"), volume == web, "{recorded}");
        let name = format!("{name}-{stamp}");
        let mut expected: BTreeMap<&str, &str> = BTreeMap::from([
            ("Name", name.as_str()),
            ("Night", name.as_str()),
            ("ebs-backup:policy", POLICY),
            ("ebs-backup:run", "night 1"),
            ("ebs-backup:volume", volume.as_str()),
        ]);
        if volume == web {
            expected.insert("ebs-backup:name", "web root");
            expected.insert("team", "shop");
        }
        assert_eq!(tags, expected.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect());
    }
    let of = |volume: &str| all.iter().filter(|snapshot| snapshot.volume_id() == Some(volume)).count();
    assert_eq!((of(untagged), of(excluded), of(web)), (0, 0, 2), "untagged, excluded, and web with the one by hand");

    // The second night keeps the first; the third purges it, and nothing else.
    let second = place.night_of(POLICY, "night 2").await?;
    assert!(second.outcome.succeeded(), "{}", second.says());
    assert_eq!(total(&second.regions().await?, |region| region.tally.snapshots.deleted), 0);
    let third = place.night_of(POLICY, "night 3").await?;
    assert!(third.outcome.succeeded(), "{}", third.says());
    assert_eq!(total(&third.regions().await?, |region| region.tally.snapshots.deleted), 5);
    let report = place.report(&third).await?;
    assert_eq!(report.document["totals"]["snapshots"]["deleted"], 5);
    let left = place.snapshots(HOME, POLICY).await?;
    assert!(made.iter().all(|old| !left.iter().any(|new| new.snapshot_id() == old.snapshot_id())), "night 1 is gone");
    for run_id in ["night 2", "night 3"] {
        assert_eq!(place.per_volume(HOME, POLICY, run_id).await?.len(), 3);
        assert!(place.per_volume(HOME, POLICY, run_id).await?.values().all(|count| *count == 1), "S5");
    }
    let left = fleet::snapshots(&place.ec2(HOME)).await?;
    assert!(left.iter().any(|snapshot| snapshot.snapshot_id() == Some(&foreign)), "S1: the one by hand survives");
    Ok(())
}

fn tags_of(snapshot: &Snapshot) -> BTreeMap<String, String> {
    let pairs = snapshot.tags().iter();
    pairs.map(|tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned())).collect()
}
