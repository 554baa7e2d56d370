//! What the other servers do not have, and what needs a clock that can be moved: of our own simulator alone.

use std::sync::Arc;

use aws_sdk_ec2::Client;
use chrono::{TimeDelta, Utc};
use ec2_sim::model::{Instance, InstanceState, Seed, Volume};
use ec2_sim::{Behaviour, Completion, Fault, Rule, Server, Sim, When};

use crate::case::{filter, shown, tag, told, verdict};
use crate::suite::{ACCOUNT, client, quick};

const REGION: &str = "us-east-1";
const VOLUME: &str = "vol-00000000000000001";
const INSTANCE: &str = "i-00000000000000001";

/// A simulator with one volume, its server and a client.
async fn with(behaviour: Behaviour) -> (Arc<Sim>, Server, Client) {
    let sim = Arc::new(Sim::new(Utc::now(), behaviour));
    sim.seed(ACCOUNT, REGION, Seed { volumes: vec![Volume::new(VOLUME)], ..Seed::default() });
    let server = Server::start(Arc::clone(&sim), 0).await.unwrap();
    let client = client(&server.endpoint());
    (sim, server, client)
}

async fn create(client: &Client) -> String {
    told(client.create_snapshot().volume_id(VOLUME).send().await.map(|made| made.snapshot_id.unwrap())).unwrap()
}

async fn state(client: &Client, id: &str) -> String {
    let answer = client.describe_snapshots().snapshot_ids(id).send().await;
    told(answer.map(|answer| answer.snapshots()[0].state().unwrap().as_str().to_owned())).unwrap()
}

#[tokio::test]
async fn a_snapshot_is_pending_for_as_long_as_it_takes() {
    let (sim, _server, client) =
        with(Behaviour { completion: Completion { seconds: 600, ms_per_gib: 0 }, ..quick() }).await;
    let id = create(&client).await;
    sim.clock().advance(TimeDelta::seconds(500));
    assert_eq!(state(&client, &id).await, "pending");
    sim.clock().advance(TimeDelta::seconds(100));
    assert_eq!(state(&client, &id).await, "completed");
}

#[tokio::test]
async fn a_deleted_pending_snapshot_goes_when_it_is_completed() {
    let (sim, _server, client) =
        with(Behaviour { completion: Completion { seconds: 600, ms_per_gib: 0 }, ..quick() }).await;
    let id = create(&client).await;
    assert_eq!(verdict(client.delete_snapshot().snapshot_id(&id).send().await).unwrap(), "accepted");
    assert_eq!(state(&client, &id).await, "pending");
    sim.clock().advance(TimeDelta::seconds(600));
    let answer = client.describe_snapshots().snapshot_ids(&id).send().await;
    assert_eq!(verdict(answer).unwrap(), "refused, InvalidSnapshot.NotFound");
}

#[tokio::test]
async fn listings_are_late_and_catch_up() {
    let (sim, _server, client) = with(Behaviour { listing_delay_ms: 3_600_000, ..quick() }).await;
    let mut late = 0;
    for _ in 0..4 {
        let id = create(&client).await;
        let there = client.describe_snapshots().filters(filter("snapshot-id", &[&id])).send().await.unwrap();
        late += usize::from(there.snapshots().is_empty());
        sim.clock().advance(TimeDelta::seconds(15));
    }
    assert!(late > 0);
    sim.clock().advance(TimeDelta::hours(1));
    let all = client.describe_snapshots().owner_ids("self").send().await.unwrap();
    assert_eq!(all.snapshots().len(), 4);
}

#[tokio::test]
async fn a_volume_takes_its_next_snapshot_after_15_seconds_and_has_5_pending_at_most() {
    let (sim, _server, client) =
        with(Behaviour { completion: Completion { seconds: 600, ms_per_gib: 0 }, ..quick() }).await;
    for _ in 0..5 {
        assert!(create(&client).await.starts_with("snap-"));
        assert_eq!(create(&client).await, "refused, SnapshotCreationPerVolumeRateExceeded");
        sim.clock().advance(TimeDelta::seconds(15));
    }
    assert_eq!(create(&client).await, "refused, ConcurrentSnapshotLimitExceeded");
}

#[tokio::test]
async fn an_empty_bucket_refuses_until_it_fills_again() {
    let (sim, _server, client) = with(Behaviour { throttling: true, ..quick() }).await;
    let unknown = || client.delete_snapshot().snapshot_id("snap-0123456789abcdef0").send();
    for _ in 0..200 {
        if verdict(unknown().await).unwrap() == "refused, RequestLimitExceeded" {
            sim.clock().advance(TimeDelta::seconds(20));
            assert_eq!(verdict(unknown().await).unwrap(), "refused, InvalidSnapshot.NotFound");
            return;
        }
    }
    panic!("200 calls at once, and none was refused");
}

#[tokio::test]
async fn a_page_has_500_volumes_at_most() {
    let (sim, _server, client) = with(quick()).await;
    let volumes = (2..=501).map(|n| Volume::new(format!("vol-{n:017x}"))).collect();
    sim.seed(ACCOUNT, REGION, Seed { volumes, ..Seed::default() });
    let page = client.describe_volumes().max_results(1_000).send().await.unwrap();
    assert_eq!(page.volumes().len(), 500);
    let rest = client.describe_volumes().set_next_token(page.next_token).send().await.unwrap();
    assert_eq!((rest.volumes().len(), rest.next_token), (1, None));
}

#[tokio::test]
async fn the_tags_of_aws_stay_and_are_in_nobodys_way() {
    let (sim, _server, client) = with(quick()).await;
    sim.change_volume(ACCOUNT, REGION, VOLUME, |volume| {
        volume.tags = vec![("aws:cloudformation:stack-name".to_owned(), "s".to_owned())];
    });
    let create = client.create_tags().resources(VOLUME).tags(tag("Backup", "daily")).send().await;
    assert_eq!(verdict(create).unwrap(), "accepted");
    assert_eq!(verdict(client.delete_tags().resources(VOLUME).send().await).unwrap(), "accepted");
    let answer = client.describe_volumes().volume_ids(VOLUME).send().await.unwrap();
    assert_eq!(shown(answer.volumes()[0].tags()), "aws:cloudformation:stack-name=s");
}

#[tokio::test]
async fn a_locked_snapshot_is_not_deleted() {
    let (_sim, _server, client) = with(quick()).await;
    let id = create(&client).await;
    let lock = client.lock_snapshot().snapshot_id(&id).lock_mode(aws_sdk_ec2::types::LockMode::Governance);
    assert_eq!(verdict(lock.lock_duration(1).send().await).unwrap(), "accepted");
    let delete = || client.delete_snapshot().snapshot_id(&id).send();
    assert_eq!(verdict(delete().await).unwrap(), "refused, OperationNotPermitted");
    assert_eq!(verdict(client.unlock_snapshot().snapshot_id(&id).send().await).unwrap(), "accepted");
    assert_eq!(verdict(delete().await).unwrap(), "accepted");
}

/// The states of a volume and of what holds it, and what its instance lists: `in-use, attached; /dev/xvda vol-1`.
async fn held(client: &Client, volume: &str) -> String {
    let answer = client.describe_volumes().volume_ids(volume).send().await.unwrap();
    let [volume] = answer.volumes() else { panic!("not one volume") };
    let mut states = vec![volume.state().unwrap().as_str()];
    states.extend(volume.attachments().iter().map(|attachment| attachment.state().unwrap().as_str()));
    let answer = client.describe_instances().instance_ids(INSTANCE).send().await.unwrap();
    let devices = answer.reservations()[0].instances()[0].block_device_mappings().iter().map(|mapping| {
        let volume = mapping.ebs().and_then(|ebs| ebs.volume_id()).unwrap_or_default();
        format!("{} {volume}", mapping.device_name().unwrap_or_default())
    });
    format!("{}; {}", states.join(", "), devices.collect::<Vec<_>>().join(", "))
}

#[tokio::test]
async fn a_pending_snapshot_becomes_no_volume_before_it_is_completed() {
    let (sim, _server, client) =
        with(Behaviour { completion: Completion { seconds: 600, ms_per_gib: 0 }, ..quick() }).await;
    let id = create(&client).await;
    let restore = || client.create_volume().availability_zone("us-east-1a").snapshot_id(&id).send();
    assert_eq!(verdict(restore().await).unwrap(), "refused, IncorrectState");
    sim.clock().advance(TimeDelta::seconds(600));
    assert_eq!(verdict(restore().await).unwrap(), "accepted");
}

#[tokio::test]
async fn a_restored_volume_takes_the_place_of_the_root_device_of_a_stopped_instance() {
    let (sim, _server, client) = with(quick()).await;
    let mut root = Volume::new(VOLUME);
    root.attachment = Some((INSTANCE.to_owned(), "/dev/xvda".to_owned()));
    "in-use".clone_into(&mut root.state);
    sim.seed(
        ACCOUNT,
        REGION,
        Seed { volumes: vec![root], instances: vec![Instance::new(INSTANCE)], ..Seed::default() },
    );
    assert_eq!(held(&client, VOLUME).await, format!("in-use, attached; /dev/xvda {VOLUME}"));
    let snapshot = create(&client).await;
    sim.clock().advance(TimeDelta::seconds(60));
    let restored = client.create_volume().availability_zone("us-east-1a").snapshot_id(snapshot).send().await.unwrap();
    let restored = restored.volume_id.unwrap();

    let detach = || client.detach_volume().volume_id(VOLUME).send();
    let attach = || client.attach_volume().volume_id(&restored).instance_id(INSTANCE).device("/dev/xvda").send();
    assert_eq!(verdict(attach().await).unwrap(), "refused, InvalidParameterValue");
    assert_eq!(verdict(detach().await).unwrap(), "refused, OperationNotPermitted");
    sim.change_instance(ACCOUNT, REGION, INSTANCE, |instance| instance.state = InstanceState::Stopped);
    assert_eq!(verdict(detach().await).unwrap(), "accepted");
    assert_eq!(verdict(attach().await).unwrap(), "accepted");
    assert_eq!(held(&client, &restored).await, format!("in-use, attached; /dev/xvda {restored}"));
}

#[tokio::test]
async fn a_mounted_device_stays_busy_until_it_is_detached_by_force() {
    let (sim, _server, client) = with(quick()).await;
    sim.seed(ACCOUNT, REGION, Seed { instances: vec![Instance::new(INSTANCE)], ..Seed::default() });
    let attach = client.attach_volume().volume_id(VOLUME).instance_id(INSTANCE).device("/dev/sdf").send().await;
    assert_eq!(verdict(attach).unwrap(), "accepted");
    let once = When { action: Some("DetachVolume".to_owned()), times: Some(1), ..When::default() };
    sim.script(vec![Rule { when: once, then: Fault::Fails }]);
    assert_eq!(verdict(client.detach_volume().volume_id(VOLUME).send().await).unwrap(), "accepted");
    sim.clock().advance(TimeDelta::days(1));
    assert_eq!(held(&client, VOLUME).await, format!("in-use, busy; /dev/sdf {VOLUME}"));
    let forced = client.detach_volume().volume_id(VOLUME).force(true).send().await;
    assert_eq!(verdict(forced).unwrap(), "accepted");
    assert_eq!(held(&client, VOLUME).await, "available; ");
}
