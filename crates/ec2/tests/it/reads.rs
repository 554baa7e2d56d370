//! What is asked, page by page, and how the answers are read.

use std::sync::{Arc, Mutex};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::operation::describe_regions::DescribeRegionsOutput;
use aws_sdk_ec2::operation::describe_snapshots::{DescribeSnapshotsInput, DescribeSnapshotsOutput};
use aws_sdk_ec2::operation::describe_volumes::{DescribeVolumesInput, DescribeVolumesOutput};
use aws_sdk_ec2::primitives::DateTime;
use aws_sdk_ec2::types::{Region, Snapshot, SnapshotState as SdkState, Tag, Volume, VolumeAttachment, VolumeType};
use aws_smithy_mocks::{Rule, mock};
use contract::selector::{KEEP_TAG, POLICY_TAG, RUN_TAG, VOLUME_TAG};
use contract::{RunId, TagKey, TagSelector, TagValue};
use ec2::port::{ReadSnapshots, ReadVolumes, Regions, VolumePage, VolumeStates};
use policy::model::{SnapshotState, Tags};
use policy::spec::{Attachment, VolumeSpec};

use crate::{daily, ec2, shown, snapshot_id, volume_id};

type Asked<T> = Arc<Mutex<Vec<T>>>;

/// Answers these pages of snapshots, over and over again, and remembers what was asked.
fn snapshots(pages: Vec<(Vec<Snapshot>, Option<&'static str>)>) -> (Rule, Asked<DescribeSnapshotsInput>) {
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    let rule = mock!(Client::describe_snapshots).then_compute_output(move |input: &DescribeSnapshotsInput| {
        let mut seen = seen.lock().unwrap();
        let (snapshots, token) = pages[seen.len() % pages.len()].clone();
        seen.push(input.clone());
        DescribeSnapshotsOutput::builder().set_snapshots(Some(snapshots)).set_next_token(token.map(Into::into)).build()
    });
    (rule, asked)
}

fn volumes(pages: Vec<(Vec<Volume>, Option<&'static str>)>) -> (Rule, Asked<DescribeVolumesInput>) {
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    let rule = mock!(Client::describe_volumes).then_compute_output(move |input: &DescribeVolumesInput| {
        let mut seen = seen.lock().unwrap();
        let (volumes, token) = pages[seen.len() % pages.len()].clone();
        seen.push(input.clone());
        DescribeVolumesOutput::builder().set_volumes(Some(volumes)).set_next_token(token.map(Into::into)).build()
    });
    (rule, asked)
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

fn sdk_snapshot(n: usize) -> Snapshot {
    Snapshot::builder()
        .snapshot_id(snapshot_id(n).as_str())
        .state(SdkState::Completed)
        .start_time(DateTime::from_secs(1_795_000_000))
        .volume_id(volume_id(n).as_str())
        .tags(tag(VOLUME_TAG, volume_id(n).as_str()))
        .build()
}

fn sdk_volume(n: usize) -> Volume {
    Volume::builder().volume_id(volume_id(n).as_str()).tags(tag("Backup", "")).build()
}

/// What must be true of every call for snapshots: ours only, filtered, and no ids, of which one that is gone would fail
/// the call.
fn assert_ours(input: &DescribeSnapshotsInput) {
    assert_eq!(input.owner_ids(), ["self"], "S1");
    let by_id = input.filters().iter().any(|filter| filter.name().is_some_and(|name| name.ends_with("-id")));
    let page = (!by_id).then_some(1_000);
    assert_eq!(input.max_results(), page, "EC2 allows 5 to 1,000; a look-up of a few ids is not walked page by page");
    assert_eq!(input.snapshot_ids(), <[String; 0]>::default());
    assert!(!input.filters().is_empty(), "an unfiltered call draws from a smaller bucket");
}

#[tokio::test]
async fn only_enabled_regions_are_asked_for() {
    let rule =
        mock!(Client::describe_regions).match_requests(|input| input.all_regions() == Some(false)).then_output(|| {
            let region = |name| Region::builder().region_name(name).build();
            let regions =
                [region("eu-west-1"), region("not a region"), Region::builder().build(), region("us-gov-west-1")];
            DescribeRegionsOutput::builder().set_regions(Some(regions.into())).build()
        });
    let regions = ec2(&[&rule]).enabled_regions().await.unwrap();
    assert_eq!(regions, ["eu-west-1", "us-gov-west-1"].map(|name| contract::Region::new(name).unwrap()));
}

#[tokio::test]
async fn a_page_of_volumes_is_filtered_by_tag_and_state_and_passes_the_token_on() {
    for (value, filter) in [(None, "tag-key=Backup"), (Some("gold"), "tag:Backup=gold")] {
        let nameless = Volume::builder().volume_id("i-am-none").build();
        let (rule, asked) = volumes(vec![(vec![sdk_volume(1), nameless, sdk_volume(2)], Some("next"))]);
        let selector = TagSelector {
            key: TagKey::new("Backup").unwrap(),
            value: value.map(|value| TagValue::new(value).unwrap()),
        };
        let page =
            ec2(&[&rule]).tagged_page(&selector, VolumeStates::Snapshottable, Some("here".into())).await.unwrap();
        let bears = Tags::from_iter([("Backup", "")]);
        let expected = vec![(volume_id(1), bears.clone()), (volume_id(2), bears)];
        assert_eq!(page, VolumePage { volumes: expected, cursor: Some("next".into()) });
        let asked = asked.lock().unwrap();
        assert_eq!(asked.len(), 1, "one page a call");
        assert_eq!(shown(asked[0].filters()), [filter, "status=available,in-use"]);
        assert_eq!((asked[0].max_results(), asked[0].next_token()), (Some(500), Some("here")), "EC2 allows 5 to 500");
        assert_eq!(asked[0].volume_ids(), <[String; 0]>::default(), "ids do not go with pages");
    }
}

#[tokio::test]
async fn the_last_page_of_volumes_has_no_cursor() {
    for token in [None, Some("")] {
        let (rule, asked) = volumes(vec![(vec![], token)]);
        let selector = TagSelector { key: TagKey::new("Backup").unwrap(), value: None };
        assert_eq!(ec2(&[&rule]).tagged_page(&selector, VolumeStates::Any, None).await.unwrap(), VolumePage::default());
        let asked = asked.lock().unwrap();
        assert_eq!(asked[0].next_token(), None);
        assert_eq!(shown(asked[0].filters()), ["tag-key=Backup"], "a volume in the state error counts too");
    }
}

#[tokio::test]
async fn volumes_are_read_by_filters_of_200_ids_each_to_its_last_page() {
    let ids: Vec<_> = (0..450).map(volume_id).collect();
    let (rule, asked) = volumes(vec![(vec![sdk_volume(1)], Some("second")), (vec![sdk_volume(2)], None)]);
    let found = ec2(&[&rule]).volumes(&ids).await.unwrap();
    assert_eq!(found.len(), 6, "three filters of two pages each");
    let asked = asked.lock().unwrap();
    let filters: Vec<usize> = asked.iter().map(|input| input.filters()[0].values().len()).collect();
    assert_eq!(filters, [200, 200, 200, 200, 50, 50]);
    let tokens: Vec<_> = asked.iter().map(DescribeVolumesInput::next_token).collect();
    assert_eq!(tokens, [None, Some("second")].repeat(3));
    let mut of_all: Vec<&str> =
        asked.iter().step_by(2).flat_map(|input| input.filters()[0].values()).map(String::as_str).collect();
    of_all.sort_unstable();
    assert_eq!(of_all, ids.iter().map(|id| id.as_str()).collect::<Vec<_>>());
    assert!(asked.iter().all(|input| input.filters()[0].name() == Some("volume-id") && input.max_results().is_none()));
}

#[tokio::test]
async fn nothing_is_asked_about_nothing() {
    let ec2 = ec2(&[]);
    assert!(ec2.volumes(&[]).await.unwrap().is_empty());
    assert!(ec2.of_run(&daily(), &RunId::new("one").unwrap(), &[]).await.unwrap().is_empty());
    assert!(ec2.now(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn s1_managed_snapshots_are_ours_by_owner_and_tag_and_read_to_the_last_page() {
    let page = |n, token| (vec![sdk_snapshot(n)], token);
    let (rule, asked) =
        snapshots(vec![page(1, Some("two")), page(2, Some("three")), (vec![], Some("four")), page(4, Some(""))]);
    let found = ec2(&[&rule]).managed(&daily()).await.unwrap();
    assert_eq!(found.iter().map(|snapshot| snapshot.id.clone()).collect::<Vec<_>>(), [1, 2, 4].map(snapshot_id));
    let asked = asked.lock().unwrap();
    let tokens: Vec<_> = asked.iter().map(DescribeSnapshotsInput::next_token).collect();
    assert_eq!(tokens, [None, Some("two"), Some("three"), Some("four")], "an empty page is not the last");
    for input in asked.iter() {
        assert_ours(input);
        assert_eq!(shown(input.filters()), ["tag:ebs-backup:policy=daily"]);
    }
}

#[tokio::test]
async fn s5_the_snapshots_of_a_run_are_found_by_policy_run_and_volume() {
    let ids: Vec<_> = (0..201).map(volume_id).collect();
    let (rule, asked) = snapshots(vec![(vec![sdk_snapshot(7)], Some("more")), (vec![sdk_snapshot(8)], None)]);
    let run = RunId::new("daily-2026-11-23T02:00:00Z").unwrap();
    let found = ec2(&[&rule]).of_run(&daily(), &run, &ids).await.unwrap();
    assert_eq!(found.len(), 4, "two filters of two pages each");
    let asked = asked.lock().unwrap();
    asked.iter().for_each(assert_ours);
    let last = format!("volume-id={}", volume_id(200));
    let filters = ["tag:ebs-backup:policy=daily", "tag:ebs-backup:run=daily-2026-11-23T02:00:00Z", last.as_str()];
    assert_eq!(shown(asked[3].filters()), filters);
    assert_eq!(asked[0].filters()[2].values().len(), 200);
}

#[tokio::test]
async fn s1_a_snapshot_is_looked_at_again_as_ours_by_its_id() {
    let ids: Vec<_> = (0..230).map(snapshot_id).collect();
    let (rule, asked) = snapshots(vec![(vec![sdk_snapshot(3)], None)]);
    let found = ec2(&[&rule]).now(&ids).await.unwrap();
    assert_eq!(found[0].id, snapshot_id(3));
    assert_eq!(
        (&found[0].state, found[0].tags.get(VOLUME_TAG)),
        (&SnapshotState::Completed, Some(volume_id(3).as_str()))
    );
    let asked = asked.lock().unwrap();
    asked.iter().for_each(assert_ours);
    let filters: Vec<_> =
        asked.iter().map(|input| (input.filters()[0].name().unwrap(), input.filters()[0].values().len())).collect();
    assert_eq!(filters, [("snapshot-id", 200), ("snapshot-id", 30)]);
}

#[tokio::test]
async fn s1_a_snapshot_is_of_a_volume_only_when_our_tag_and_ec2_agree() {
    let state = |n: usize, state: &str| {
        Snapshot::builder()
            .snapshot_id(snapshot_id(n).as_str())
            .volume_id("vol-ffffffff")
            .state(SdkState::from(state))
            .start_time(DateTime::from_secs(1_795_000_000))
    };
    let listed = vec![
        state(1, "completed")
            .volume_id("vol-0a0b0c0d")
            .tags(tag(VOLUME_TAG, "vol-0a0b0c0d"))
            .tags(tag(RUN_TAG, "one"))
            .tags(tag(KEEP_TAG, ""))
            .build(),
        state(2, "pending").tags(tag(POLICY_TAG, "daily")).build(),
        state(3, "error").tags(tag(VOLUME_TAG, "the big one")).tags(tag(RUN_TAG, "semi;colon")).build(),
        state(4, "recoverable").volume_id("vol-ffffffff").tags(tag(VOLUME_TAG, "vol-0a0b0c0d")).build(),
        state(5, "").set_state(None).build(),
        state(6, "completed").set_start_time(None).build(),
        Snapshot::builder().start_time(DateTime::from_secs(0)).build(),
    ];
    let (rule, _) = snapshots(vec![(listed, None)]);
    let found = ec2(&[&rule]).managed(&daily()).await.unwrap();
    assert!(found.iter().all(|snapshot| snapshot.started_at.timestamp() == 1_795_000_000));
    let read: Vec<_> = found
        .iter()
        .map(|snapshot| {
            let volume = snapshot.volume.as_ref().map(|volume| volume.as_str());
            (
                snapshot.id.clone(),
                snapshot.state.clone(),
                volume,
                snapshot.run.as_ref().map(RunId::as_str),
                snapshot.hold,
            )
        })
        .collect();
    let other = |name: &str| SnapshotState::Other(name.to_owned());
    assert_eq!(
        read,
        [
            (snapshot_id(1), SnapshotState::Completed, Some("vol-0a0b0c0d"), Some("one"), true),
            (snapshot_id(2), SnapshotState::Pending, None, None, false),
            (snapshot_id(3), SnapshotState::Error, None, None, false),
            // S1: a copy, or a tag that somebody else wrote; it must not stand for the volume's backup.
            (snapshot_id(4), other("recoverable"), None, None, false),
            (snapshot_id(5), other("unknown"), None, None, false),
        ]
    );
}

#[tokio::test]
async fn a_volume_comes_with_all_that_restore_needs() {
    let attachment = VolumeAttachment::builder().instance_id("i-0123456789abcdef0").device("/dev/xvdf").build();
    let full = Volume::builder()
        .volume_id(volume_id(1).as_str())
        .volume_type(VolumeType::Io2)
        .size(64)
        .iops(12_000)
        .throughput(500)
        .availability_zone("eu-west-1b")
        .encrypted(true)
        .attachments(attachment)
        .tags(tag("Backup", "orders"))
        .tags(Tag::builder().key("empty").build())
        .build();
    let (rule, _) = volumes(vec![(vec![full], None)]);
    let found = ec2(&[&rule]).volumes(&[volume_id(1)]).await.unwrap();
    assert_eq!(found[0].tags, Tags::from_iter([("Backup", "orders"), ("empty", "")]));
    let spec = VolumeSpec {
        volume_type: "io2".into(),
        size_gib: 64,
        iops: Some(12_000),
        throughput_mibps: Some(500),
        zone: "eu-west-1b".into(),
        encrypted: true,
        attachment: Some(Attachment { instance: "i-0123456789abcdef0".into(), device: "/dev/xvdf".into() }),
    };
    assert_eq!(found[0].spec, spec);
}
