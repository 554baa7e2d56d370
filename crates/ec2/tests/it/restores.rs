//! What a restore reads and writes.

use std::sync::{Arc, Mutex};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::operation::attach_volume::{AttachVolumeInput, AttachVolumeOutput};
use aws_sdk_ec2::operation::create_volume::{CreateVolumeInput, CreateVolumeOutput};
use aws_sdk_ec2::operation::delete_volume::DeleteVolumeOutput;
use aws_sdk_ec2::operation::describe_availability_zones::DescribeAvailabilityZonesOutput;
use aws_sdk_ec2::operation::describe_instances::{DescribeInstancesInput, DescribeInstancesOutput};
use aws_sdk_ec2::operation::describe_snapshots::{DescribeSnapshotsInput, DescribeSnapshotsOutput};
use aws_sdk_ec2::operation::describe_volumes::{DescribeVolumesInput, DescribeVolumesOutput};
use aws_sdk_ec2::operation::detach_volume::{DetachVolumeInput, DetachVolumeOutput};
use aws_sdk_ec2::primitives::DateTime;
use aws_sdk_ec2::types::{
    AvailabilityZone, AvailabilityZoneState, Instance, InstanceState, InstanceStateName, Placement, Reservation,
    ResourceType, Snapshot, SnapshotState as SdkState, StorageTier, Tag, Volume, VolumeAttachment,
    VolumeAttachmentState, VolumeState,
};
use aws_smithy_mocks::{Rule, mock};
use contract::restore::WantedVolume;
use contract::{Device, InstanceId, KmsKeyId, RestoreId, VolumeType, Zone};
use ec2::Kind;
use ec2::port::{CreateVolume, DeleteVolume, MoveVolume, NewVolume, ReadInstances, ReadRestorePoints, SeeVolumes};
use policy::model::{SnapshotState, Tags};
use policy::restore::seen::{SeenAttachment, SeenInstance};

use crate::{ec2, refusal, shown, snapshot_id, volume_id};

const INSTANCE: &str = "i-0123456789abcdef0";

fn instance() -> InstanceId {
    InstanceId::new(INSTANCE).unwrap()
}

fn restore() -> RestoreId {
    RestoreId::new("restore-1").unwrap()
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

fn wanted() -> WantedVolume {
    WantedVolume {
        volume_type: VolumeType::Gp3,
        size_gib: 100,
        iops: None,
        throughput: None,
        zone: Zone::new("eu-west-1a").unwrap(),
        encrypted: false,
        kms_key_id: None,
    }
}

/// The call that makes a volume.
async fn create_call(wanted: &WantedVolume, rate: Option<u32>) -> CreateVolumeInput {
    let sent = Arc::new(Mutex::new(Vec::<CreateVolumeInput>::new()));
    let seen = Arc::clone(&sent);
    let rule = mock!(Client::create_volume).then_compute_output(move |input| {
        seen.lock().unwrap().push(input.clone());
        CreateVolumeOutput::builder().volume_id(volume_id(9).as_str()).build()
    });
    let new = NewVolume {
        snapshot: &snapshot_id(1),
        wanted,
        initialization_rate_mibps: rate,
        tags: &Tags::from_iter((0..50).map(|n| (format!("key-{n}"), format!("value {n}")))),
        client_token: "a token",
    };
    assert_eq!(ec2(&[&rule]).create_volume(&new).await.unwrap(), volume_id(9));
    let mut sent = sent.lock().unwrap();
    assert_eq!(sent.len(), 1);
    sent.remove(0)
}

#[tokio::test]
async fn s11_a_volume_is_asked_for_in_one_call_with_token_and_tags() {
    let call = create_call(&wanted(), None).await;
    assert_eq!((call.snapshot_id(), call.availability_zone()), (Some(snapshot_id(1).as_str()), Some("eu-west-1a")));
    assert_eq!(
        (call.volume_type().unwrap().as_str(), call.size(), call.client_token()),
        ("gp3", Some(100), Some("a token"))
    );
    let [specification] = call.tag_specifications() else { panic!("one specification") };
    assert_eq!(specification.resource_type(), Some(&ResourceType::Volume));
    assert_eq!(specification.tags().len(), 50);
    assert_eq!(specification.tags()[49], tag("key-49", "value 49"));
}

#[tokio::test]
async fn what_a_volume_is_not_asked_to_be_is_left_out_of_the_call() {
    let bare = create_call(&wanted(), None).await;
    assert_eq!((bare.iops(), bare.throughput(), bare.volume_initialization_rate()), (None, None, None));
    assert_eq!((bare.encrypted(), bare.kms_key_id()), (None, None), "the account may encrypt by default");
    let full = WantedVolume {
        volume_type: VolumeType::Io2,
        iops: Some(64_000),
        throughput: Some(500),
        encrypted: true,
        kms_key_id: Some(KmsKeyId::new("alias/backups").unwrap()),
        ..wanted()
    };
    let full = create_call(&full, Some(300)).await;
    assert_eq!(
        (full.volume_type().unwrap().as_str(), full.iops(), full.throughput()),
        ("io2", Some(64_000), Some(500))
    );
    assert_eq!((full.encrypted(), full.kms_key_id()), (Some(true), Some("alias/backups")));
    assert_eq!(full.volume_initialization_rate(), Some(300));
}

#[tokio::test]
async fn s5_a_volume_is_asked_for_in_one_attempt_and_an_answer_without_an_id_is_a_lost_one() {
    for (status, body, kind) in [
        (500, refusal("InternalError", "oops"), Kind::Unavailable),
        (200, Some("<CreateVolumeResponse><volumeId>vol-0123".to_owned()), Kind::Unavailable),
        (503, refusal("RequestLimitExceeded", "slow"), Kind::Throttled),
        (500, refusal("InsufficientVolumeCapacity", "no room"), Kind::Capacity),
        (400, refusal("IdempotentParameterMismatch", "another"), Kind::Other),
        (400, refusal("InvalidSnapshot.NotFound", "gone"), Kind::SnapshotGone),
    ] {
        let rule = mock!(Client::create_volume).sequence().http_status(status, body.clone()).repeatedly().build();
        let (wanted, tags) = (wanted(), Tags::default());
        let new = NewVolume {
            snapshot: &snapshot_id(1),
            wanted: &wanted,
            initialization_rate_mibps: None,
            tags: &tags,
            client_token: "t",
        };
        let error = ec2(&[&rule]).create_volume(&new).await.unwrap_err();
        assert_eq!((error.kind(), rule.num_calls()), (kind, 1), "{body:?}");
    }
}

fn snapshots(found: Vec<Snapshot>) -> (Rule, Arc<Mutex<Vec<DescribeSnapshotsInput>>>) {
    let asked = Arc::<Mutex<Vec<DescribeSnapshotsInput>>>::default();
    let seen = Arc::clone(&asked);
    let rule = mock!(Client::describe_snapshots).then_compute_output(move |input| {
        seen.lock().unwrap().push(input.clone());
        DescribeSnapshotsOutput::builder().set_snapshots(Some(found.clone())).build()
    });
    (rule, asked)
}

const SPEC: &str =
    "type=gp3 size=8 iops=3000 zone=eu-west-1a encrypted=true device=/dev/sdf instance=i-0123456789abcdef0";

/// A snapshot of ours, of volume 1.
fn ours() -> Snapshot {
    Snapshot::builder()
        .snapshot_id(snapshot_id(1).as_str())
        .state(SdkState::Completed)
        .start_time(DateTime::from_secs(1_795_000_000))
        .volume_id(volume_id(1).as_str())
        .volume_size(8)
        .encrypted(true)
        .description("what it is")
        .tags(tag("ebs-backup:policy", "daily"))
        .tags(tag("ebs-backup:run", "daily-1"))
        .tags(tag("ebs-backup:volume", volume_id(1).as_str()))
        .tags(tag("ebs-backup:spec", SPEC))
        .build()
}

#[tokio::test]
async fn a_snapshot_of_ours_says_all_that_its_volume_is_made_from() {
    let (rule, asked) = snapshots(vec![ours()]);
    let points = ec2(&[&rule]).points_of(&volume_id(1)).await.unwrap();
    let [point] = points.as_slice() else { panic!("one") };
    let candidate = &point.candidate;
    assert_eq!(
        (&candidate.id, &candidate.state, &candidate.volume),
        (&snapshot_id(1), &SnapshotState::Completed, &Some(volume_id(1)))
    );
    assert_eq!((candidate.run.as_ref().unwrap().as_str(), candidate.instance.as_deref()), ("daily-1", Some(INSTANCE)));
    assert_eq!(candidate.started_at.timestamp(), 1_795_000_000);
    assert_eq!((point.size_gib, point.encrypted, point.description.as_str()), (8, true, "what it is"));
    assert_eq!(point.spec.as_ref().unwrap().zone, "eu-west-1a");
    let asked = asked.lock().unwrap();
    assert_eq!(shown(asked[0].filters()), [format!("volume-id={}", volume_id(1))]);
    assert_eq!((asked[0].owner_ids(), asked[0].max_results()), (&["self".to_owned()][..], None), "S1");
}

#[tokio::test]
async fn a_snapshot_is_ours_only_when_tag_and_ec2_agree() {
    let with = |tags: Vec<Tag>| ours().to_builder_with(tags);
    for (case, snapshot) in [
        ("no tags", with(vec![])),
        (
            "a policy alone",
            with(vec![tag("ebs-backup:policy", "daily"), tag("ebs-backup:run", "x"), tag("ebs-backup:spec", SPEC)]),
        ),
        (
            "no policy",
            with(vec![
                tag("ebs-backup:volume", volume_id(1).as_str()),
                tag("ebs-backup:run", "x"),
                tag("ebs-backup:spec", SPEC),
            ]),
        ),
        (
            "another volume",
            with(vec![
                tag("ebs-backup:policy", "daily"),
                tag("ebs-backup:volume", volume_id(2).as_str()),
                tag("ebs-backup:run", "x"),
                tag("ebs-backup:spec", SPEC),
            ]),
        ),
    ] {
        let (rule, _) = snapshots(vec![snapshot]);
        let points = ec2(&[&rule]).points(&[snapshot_id(1)]).await.unwrap();
        let point = &points[0];
        assert_eq!((&point.candidate.run, &point.candidate.instance, &point.spec), (&None, &None, &None), "{case}");
        assert_eq!(point.candidate.volume, Some(volume_id(1)), "{case}: what EC2 says");
    }
}

trait WithTags {
    fn to_builder_with(self, tags: Vec<Tag>) -> Snapshot;
}

impl WithTags for Snapshot {
    fn to_builder_with(mut self, tags: Vec<Tag>) -> Snapshot {
        self.tags = Some(tags);
        self
    }
}

#[tokio::test]
async fn s12_a_snapshot_in_the_archive_is_not_completed() {
    for (tier, state, expected) in [
        (Some(StorageTier::Archive), SdkState::Completed, "archived"),
        (Some(StorageTier::Standard), SdkState::Completed, "completed"),
        (None, SdkState::Completed, "completed"),
        (None, SdkState::Pending, "pending"),
        (None, SdkState::Recoverable, "recoverable"),
    ] {
        let mut snapshot = ours();
        (snapshot.storage_tier, snapshot.state) = (tier, Some(state));
        let (rule, _) = snapshots(vec![snapshot]);
        assert_eq!(ec2(&[&rule]).points(&[snapshot_id(1)]).await.unwrap()[0].candidate.state.name(), expected);
    }
}

#[tokio::test]
async fn what_lacks_an_id_a_moment_or_a_size_is_no_restore_point() {
    let without = |change: fn(&mut Snapshot)| {
        let mut snapshot = ours();
        change(&mut snapshot);
        snapshot
    };
    let broken = vec![
        without(|snapshot| snapshot.snapshot_id = None),
        without(|snapshot| snapshot.start_time = None),
        without(|snapshot| snapshot.volume_size = None),
    ];
    let (rule, asked) = snapshots(broken);
    assert_eq!(ec2(&[&rule]).managed_points(Some).await.unwrap(), []);
    let asked = asked.lock().unwrap();
    assert_eq!(
        (shown(asked[0].filters()), asked[0].max_results()),
        (vec!["tag-key=ebs-backup:policy".to_owned()], Some(1_000))
    );
}

#[tokio::test]
async fn the_snapshots_of_a_restore_are_found_by_its_tag() {
    let mut pending = ours();
    (pending.state, pending.tags) = (Some(SdkState::Pending), Some(vec![tag("ebs-backup:restore", "restore-1")]));
    let (rule, asked) = snapshots(vec![pending]);
    let found = ec2(&[&rule]).snapshots_of_restore(&restore()).await.unwrap();
    assert_eq!(
        (&found[0].id, &found[0].volume, found[0].state.name()),
        (&snapshot_id(1), &Some(volume_id(1)), "pending")
    );
    assert_eq!(found[0].started_at.timestamp(), 1_795_000_000, "by which one of long ago is known");
    let asked = asked.lock().unwrap();
    assert_eq!(shown(asked[0].filters()), ["tag:ebs-backup:restore=restore-1"]);
    assert_eq!(asked[0].owner_ids(), ["self"]);
}

fn volumes(found: Vec<Volume>) -> (Rule, Arc<Mutex<Vec<DescribeVolumesInput>>>) {
    let asked = Arc::<Mutex<Vec<DescribeVolumesInput>>>::default();
    let seen = Arc::clone(&asked);
    let rule = mock!(Client::describe_volumes).then_compute_output(move |input| {
        seen.lock().unwrap().push(input.clone());
        DescribeVolumesOutput::builder().set_volumes(Some(found.clone())).build()
    });
    (rule, asked)
}

#[tokio::test]
async fn a_volume_is_seen_with_state_moment_tags_and_where_it_is_attached() {
    let attachment = |instance: &str, state| {
        VolumeAttachment::builder().instance_id(instance).device("/dev/sdf").state(state).build()
    };
    let volume = Volume::builder()
        .volume_id(volume_id(1).as_str())
        .state(VolumeState::InUse)
        .create_time(DateTime::from_secs(1_795_000_000))
        .tags(tag("ebs-backup:restore-test", "restore-1"))
        .attachments(attachment(INSTANCE, VolumeAttachmentState::Busy))
        .attachments(attachment("i-00000000", VolumeAttachmentState::Detached))
        .attachments(VolumeAttachment::builder().device("/dev/sdg").build())
        .build();
    let (rule, asked) = volumes(vec![volume, Volume::builder().state(VolumeState::Creating).build()]);
    let seen = ec2(&[&rule]).seen(&[volume_id(1), volume_id(2)]).await.unwrap();
    let [seen] = seen.as_slice() else { panic!("one: the other has no id") };
    assert_eq!((seen.state.as_str(), seen.created_at.unwrap().timestamp()), ("in-use", 1_795_000_000));
    assert_eq!(seen.tags.get("ebs-backup:restore-test"), Some("restore-1"));
    let device = Device::new("/dev/sdf").unwrap();
    assert_eq!(seen.at(&instance()), Some(&SeenAttachment { instance: instance(), device, state: "busy".to_owned() }));
    assert_eq!(seen.at(&InstanceId::new("i-00000000").unwrap()), None, "detached");
    let asked = asked.lock().unwrap();
    assert_eq!(shown(asked[0].filters()), [format!("volume-id={},{}", volume_id(1), volume_id(2))]);
    assert_eq!(asked[0].volume_ids(), <[String; 0]>::default(), "one that is gone would fail the call");
}

#[tokio::test]
async fn volumes_are_listed_by_instance_by_restore_and_by_test() {
    let (rule, asked) = volumes(vec![]);
    let ec2 = ec2(&[&rule]);
    ec2.attached_to(&instance()).await.unwrap();
    ec2.of_restore(&restore()).await.unwrap();
    ec2.of_tests().await.unwrap();
    let filters: Vec<Vec<String>> = asked.lock().unwrap().iter().map(|call| shown(call.filters())).collect();
    let attached = format!("attachment.instance-id={INSTANCE}");
    assert_eq!(
        filters,
        [
            vec![attached],
            vec!["tag:ebs-backup:restore=restore-1".to_owned()],
            vec!["tag-key=ebs-backup:restore-test".to_owned()]
        ]
    );
}

#[tokio::test]
async fn an_instance_is_asked_for_by_filter_so_one_that_is_not_there_is_no_error() {
    let asked = Arc::<Mutex<Vec<DescribeInstancesInput>>>::default();
    let seen = Arc::clone(&asked);
    let rule = mock!(Client::describe_instances).then_compute_output(move |input| {
        let mut seen = seen.lock().unwrap();
        seen.push(input.clone());
        let instance = |id: &str| {
            Instance::builder()
                .instance_id(id)
                .placement(Placement::builder().availability_zone("eu-west-1a").build())
                .state(InstanceState::builder().name(InstanceStateName::Stopped).build())
                .root_device_name("/dev/xvda")
                .build()
        };
        // A server that does not know the filter gives others too: none of them is the one that was asked for.
        let others = Reservation::builder().instances(instance("i-0fedcba9876543210"));
        let found = if seen.len() == 1 { others.instances(instance(INSTANCE)) } else { others };
        DescribeInstancesOutput::builder().reservations(found.build()).build()
    });
    let ec2 = ec2(&[&rule]);
    let expected = SeenInstance {
        id: instance(),
        zone: Zone::new("eu-west-1a").unwrap(),
        state: "stopped".to_owned(),
        root_device: Some(Device::new("/dev/xvda").unwrap()),
    };
    assert_eq!(ec2.instance(&instance()).await.unwrap(), Some(expected));
    assert_eq!(ec2.instance(&instance()).await.unwrap(), None);
    let asked = asked.lock().unwrap();
    assert_eq!(shown(asked[0].filters()), [format!("instance-id={INSTANCE}")]);
    assert_eq!(asked[0].instance_ids(), <[String; 0]>::default());
}

#[tokio::test]
async fn only_zones_that_can_be_used_are_zones() {
    let rule = mock!(Client::describe_availability_zones).then_output(|| {
        let zone = |name: &str, state| AvailabilityZone::builder().zone_name(name).state(state).build();
        DescribeAvailabilityZonesOutput::builder()
            .availability_zones(zone("eu-west-1a", AvailabilityZoneState::Available))
            .availability_zones(zone("eu-west-1b", AvailabilityZoneState::Impaired))
            .availability_zones(zone("eu-west-1c", AvailabilityZoneState::Unavailable))
            .availability_zones(zone("no zone", AvailabilityZoneState::Available))
            .availability_zones(AvailabilityZone::builder().zone_name("eu-west-1d").build())
            .build()
    });
    assert_eq!(ec2(&[&rule]).zones().await.unwrap(), [Zone::new("eu-west-1a").unwrap()]);
}

#[tokio::test]
async fn a_volume_is_detached_from_the_named_instance_never_by_force_and_attached_at_the_device() {
    let (detached, attached) =
        (Arc::<Mutex<Vec<DetachVolumeInput>>>::default(), Arc::<Mutex<Vec<AttachVolumeInput>>>::default());
    let (d, a) = (Arc::clone(&detached), Arc::clone(&attached));
    let detach = mock!(Client::detach_volume).then_compute_output(move |input| {
        d.lock().unwrap().push(input.clone());
        DetachVolumeOutput::builder().build()
    });
    let attach = mock!(Client::attach_volume).then_compute_output(move |input| {
        a.lock().unwrap().push(input.clone());
        AttachVolumeOutput::builder().build()
    });
    let ec2 = ec2(&[&detach, &attach]);
    ec2.detach(&volume_id(1), &instance()).await.unwrap();
    ec2.attach(&volume_id(2), &instance(), &Device::new("/dev/sdf").unwrap()).await.unwrap();
    let (detached, attached) = (detached.lock().unwrap(), attached.lock().unwrap());
    let call = &detached[0];
    assert_eq!(
        (call.volume_id(), call.instance_id(), call.force()),
        (Some(volume_id(1).as_str()), Some(INSTANCE), None)
    );
    let call = &attached[0];
    assert_eq!(
        (call.volume_id(), call.instance_id(), call.device()),
        (Some(volume_id(2).as_str()), Some(INSTANCE), Some("/dev/sdf"))
    );
}

#[tokio::test]
async fn a_volume_is_deleted_by_its_id_in_one_attempt() {
    let rule = mock!(Client::delete_volume)
        .match_requests(|input| input.volume_id() == Some(volume_id(3).as_str()))
        .then_output(|| DeleteVolumeOutput::builder().build());
    ec2(&[&rule]).delete_volume(&volume_id(3)).await.unwrap();
    let gone = mock!(Client::delete_volume)
        .sequence()
        .http_status(400, refusal("InvalidVolume.NotFound", "gone"))
        .repeatedly()
        .build();
    let error = ec2(&[&gone]).delete_volume(&volume_id(3)).await.unwrap_err();
    assert_eq!((error.kind(), gone.num_calls()), (Kind::VolumeGone, 1));
}

#[tokio::test]
async fn an_answer_without_its_list_says_nothing_about_what_is_there() {
    let instances = mock!(Client::describe_instances).then_output(|| DescribeInstancesOutput::builder().build());
    assert_eq!(ec2(&[&instances]).instance(&instance()).await.unwrap_err().kind(), Kind::Unavailable);
    let zones =
        mock!(Client::describe_availability_zones).then_output(|| DescribeAvailabilityZonesOutput::builder().build());
    assert_eq!(ec2(&[&zones]).zones().await.unwrap_err().kind(), Kind::Unavailable);
    let volumes = mock!(Client::describe_volumes).then_output(|| DescribeVolumesOutput::builder().build());
    assert_eq!(ec2(&[&volumes]).of_restore(&restore()).await.unwrap_err().kind(), Kind::Unavailable);
}
