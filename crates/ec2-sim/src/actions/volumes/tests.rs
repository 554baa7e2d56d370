//! CreateVolume, DescribeVolumes and DeleteVolume.

use super::super::test::{ACCOUNT, Ec2, INSTANCE, REGION, SNAPSHOT, VOLUME, all, one};
use crate::bucket::Quota;
use crate::journal::Effect;
use crate::model::{Fate, Instance, Seed, Snapshot, Volume};
use crate::{Behaviour, Fault};
use chrono::TimeDelta;

const ZONE: (&str, &str) = ("AvailabilityZone", "eu-west-1a");
const FROM: (&str, &str) = ("SnapshotId", SNAPSHOT);
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/k";

fn create(ec2: &Ec2, parameters: &[(&str, &str)]) -> Result<String, String> {
    ec2.call("CreateVolume", &[&[ZONE], parameters].concat())
}

/// The id of a new volume.
fn created(ec2: &Ec2, parameters: &[(&str, &str)]) -> String {
    one(&create(ec2, parameters).unwrap(), "volumeId")
}

/// An EC2 with an encrypted snapshot.
fn with_encrypted() -> Ec2 {
    let ec2 = Ec2::new();
    let snapshot = Snapshot {
        encrypted: true,
        kms_key_id: Some(KEY.to_owned()),
        ..Snapshot::new(SNAPSHOT, VOLUME, ec2.now() - TimeDelta::days(1))
    };
    ec2.seed(Seed { snapshots: vec![snapshot], ..Seed::default() });
    ec2
}

#[test]
fn a_snapshot_becomes_a_volume_of_its_size_and_the_listing_says_so() {
    let ec2 = Ec2::new().with_snapshot();
    let tags = [
        ("TagSpecification.1.ResourceType", "volume"),
        ("TagSpecification.1.Tag.1.Key", "Name"),
        ("TagSpecification.1.Tag.1.Value", "restored"),
    ];
    let id = created(&ec2, &[&[FROM, ("VolumeType", "gp3"), ("VolumeInitializationRate", "200")], &tags[..]].concat());
    let answer = ec2.volume(&id).unwrap();
    assert_eq!(one(&answer, "snapshotId"), SNAPSHOT);
    assert_eq!(one(&answer, "size"), "8");
    assert_eq!(one(&answer, "availabilityZone"), "eu-west-1a");
    assert_eq!(one(&answer, "createTime"), "2026-11-23T02:00:00.000Z");
    assert_eq!(one(&answer, "encrypted"), "false");
    assert_eq!(one(&answer, "volumeInitializationRate"), "200");
    assert_eq!((one(&answer, "key"), one(&answer, "value")), ("Name".to_owned(), "restored".to_owned()));
    assert_eq!((all(&answer, "kmsKeyId").len(), all(&answer, "instanceId").len()), (0, 0));
}

#[test]
fn the_journal_says_which_volume_was_made_from_what() {
    let ec2 = Ec2::new().with_snapshot();
    let volume = created(&ec2, &[FROM]);
    let made = ec2.last_call();
    assert_eq!(made.resource, SNAPSHOT);
    assert_eq!(made.effect, Some(Effect::VolumeCreated { volume, snapshot: Some(SNAPSHOT.to_owned()) }));
    let tag = [("TagSpecification.1.ResourceType", "volume"), ("TagSpecification.1.Tag.1.Key", "Name")];
    let volume = created(&ec2, &[&[("Size", "1")], &tag[..]].concat());
    let made = ec2.last_call();
    assert_eq!(made.effect, Some(Effect::VolumeCreated { volume, snapshot: None }));
    assert_eq!(made.tags, [("Name".to_owned(), String::new())]);
}

#[test]
fn a_volume_is_creating_for_its_time_and_then_available() {
    let ec2 = Ec2::with(Behaviour { listing_delay_ms: 0, volume_creation_ms: 4_000, ..Behaviour::default() });
    let answer = create(&ec2, &[("Size", "1")]).unwrap();
    assert_eq!(one(&answer, "status"), "creating");
    let id = one(&answer, "volumeId");
    ec2.advance(3_999);
    assert_eq!(ec2.states(&id), ["creating"]);
    ec2.advance(1);
    assert_eq!(ec2.states(&id), ["available"]);
}

#[test]
fn a_volume_that_fails_ends_in_error() {
    let ec2 = Ec2::new().with_snapshot();
    ec2.fault("CreateVolume", Fault::Fails);
    let id = created(&ec2, &[FROM]);
    assert_eq!(ec2.states(&id), ["creating"]);
    ec2.advance(3_000);
    assert_eq!(ec2.states(&id), ["error"]);
    assert!(ec2.call("DeleteVolume", &[("VolumeId", &id)]).is_ok(), "it can be deleted");
}

#[test]
fn a_volume_that_is_refused_is_not_made() {
    let ec2 = Ec2::new().with_snapshot();
    ec2.fault("CreateVolume", Fault::Refuse { code: "InsufficientVolumeCapacity".to_owned() });
    let token = ("ClientToken", "t");
    assert_eq!(create(&ec2, &[FROM, token]).unwrap_err(), "InsufficientVolumeCapacity");
    assert!(ec2.sim().volumes(ACCOUNT, REGION).is_empty());
    ec2.no_fault();
    assert!(create(&ec2, &[FROM, token, ("Size", "9")]).is_ok(), "the token of a refused call is free");
}

#[test]
fn a_snapshot_must_be_completed() {
    let ec2 = Ec2::new();
    let soon = ec2.now() + TimeDelta::seconds(10);
    let pending = Snapshot { made_at: Some(soon), ..Snapshot::new(SNAPSHOT, VOLUME, ec2.now()) };
    let failed = Snapshot { fate: Fate::Fails, ..Snapshot::new("snap-00000000000000002", VOLUME, ec2.now()) };
    ec2.seed(Seed { snapshots: vec![pending, failed], ..Seed::default() });
    assert_eq!(create(&ec2, &[FROM]).unwrap_err(), "IncorrectState");
    assert_eq!(create(&ec2, &[("SnapshotId", "snap-00000000000000002")]).unwrap_err(), "IncorrectState");
    ec2.advance(10_000);
    assert!(create(&ec2, &[FROM]).is_ok());
}

#[test]
fn a_snapshot_must_be_there() {
    let ec2 = Ec2::new();
    assert_eq!(create(&ec2, &[FROM]).unwrap_err(), "InvalidSnapshot.NotFound");
    assert_eq!(create(&ec2, &[("SnapshotId", "snap-xyz")]).unwrap_err(), "InvalidSnapshotID.Malformed");
    assert!(create(&ec2.with_snapshot(), &[FROM]).is_ok());
}

#[test]
fn a_volume_is_not_smaller_than_its_snapshot() {
    let ec2 = Ec2::new().with_snapshot();
    assert_eq!(create(&ec2, &[FROM, ("Size", "7")]).unwrap_err(), "InvalidParameterValue");
    for size in ["8", "9"] {
        assert_eq!(one(&create(&ec2, &[FROM, ("Size", size)]).unwrap(), "size"), size);
    }
    assert_eq!(create(&ec2, &[]).unwrap_err(), "MissingParameter", "neither size nor snapshot");
}

#[test]
fn a_volume_is_in_a_zone_of_its_region() {
    let ec2 = Ec2::new();
    let zone = |zone| ec2.call("CreateVolume", &[("AvailabilityZone", zone), ("Size", "1")]);
    assert_eq!(one(&zone("eu-west-1c").unwrap(), "availabilityZone"), "eu-west-1c");
    for unknown in ["eu-west-1d", "us-east-1a", "eu-west-1"] {
        assert_eq!(zone(unknown).unwrap_err(), "InvalidZone.NotFound", "{unknown}");
    }
}

#[test]
fn an_encrypted_snapshot_makes_an_encrypted_volume() {
    let ec2 = with_encrypted();
    for parameters in [&[FROM][..], &[FROM, ("Encrypted", "true")]] {
        let answer = create(&ec2, parameters).unwrap();
        assert_eq!((one(&answer, "encrypted"), one(&answer, "kmsKeyId")), ("true".to_owned(), KEY.to_owned()));
    }
    assert_eq!(create(&ec2, &[FROM, ("Encrypted", "false")]).unwrap_err(), "InvalidParameterDependency");
    let answer = create(&ec2, &[FROM, ("Encrypted", "true"), ("KmsKeyId", "alias/other")]).unwrap();
    assert_eq!(one(&answer, "kmsKeyId"), "alias/other");
}

#[test]
fn a_plain_snapshot_makes_an_encrypted_volume_when_that_is_asked_for() {
    let ec2 = Ec2::new().with_snapshot();
    assert_eq!(one(&create(&ec2, &[FROM, ("Encrypted", "true")]).unwrap(), "encrypted"), "true");
    assert_eq!(one(&create(&ec2, &[FROM, ("Encrypted", "false")]).unwrap(), "encrypted"), "false");
    assert_eq!(create(&ec2, &[FROM, ("Encrypted", "maybe")]).unwrap_err(), "InvalidParameterValue");
}

#[test]
fn a_key_is_for_a_volume_that_is_to_be_encrypted() {
    let ec2 = Ec2::new().with_snapshot();
    let key = ("KmsKeyId", KEY);
    assert_eq!(create(&ec2, &[FROM, key]).unwrap_err(), "InvalidParameterDependency");
    assert_eq!(create(&ec2, &[FROM, key, ("Encrypted", "false")]).unwrap_err(), "InvalidParameterDependency");
    assert_eq!(one(&create(&ec2, &[FROM, key, ("Encrypted", "true")]).unwrap(), "kmsKeyId"), KEY);
}

#[test]
fn a_snapshot_has_the_key_of_its_volume() {
    let ec2 = with_encrypted();
    let volume = created(&ec2, &[FROM]);
    assert_eq!(ec2.call("CreateSnapshot", &[("VolumeId", &volume)]).unwrap_err(), "IncorrectState", "it is creating");
    ec2.advance(3_000);
    let answer = ec2.call("CreateSnapshot", &[("VolumeId", &volume)]).unwrap();
    assert_eq!((one(&answer, "encrypted"), one(&answer, "kmsKeyId")), ("true".to_owned(), KEY.to_owned()));
}

#[test]
fn types_take_what_belongs_to_them_and_have_what_is_not_asked_for() {
    let ec2 = Ec2::new();
    let make = |kind, more: &[(&str, &str)]| {
        let answer = create(&ec2, &[&[("Size", "100"), ("VolumeType", kind)], more].concat());
        answer.map(|answer| format!("{} {}", all(&answer, "iops").join(""), all(&answer, "throughput").join("")))
    };
    let (iops, throughput) = (("Iops", "4000"), ("Throughput", "250"));
    assert_eq!(make("gp3", &[]).unwrap(), "3000 125");
    assert_eq!(make("gp3", &[iops, throughput]).unwrap(), "4000 250");
    assert_eq!(make("gp2", &[]).unwrap(), "300 ");
    assert_eq!(make("gp2", &[iops]).unwrap_err(), "InvalidParameterCombination");
    assert_eq!(make("io2", &[iops]).unwrap(), "4000 ");
    assert_eq!(make("io2", &[]).unwrap_err(), "MissingParameter");
    assert_eq!(make("io2", &[iops, throughput]).unwrap_err(), "InvalidParameterCombination");
    assert_eq!(make("st1", &[]).unwrap(), " ");
    assert_eq!(make("gp9", &[]).unwrap_err(), "UnknownVolumeType");
}

#[test]
fn an_initialization_rate_has_bounds_and_needs_a_snapshot() {
    let ec2 = Ec2::new().with_snapshot();
    let rate = |rate| create(&ec2, &[FROM, ("VolumeInitializationRate", rate)]).map(|_| ());
    assert_eq!((rate("100"), rate("300")), (Ok(()), Ok(())));
    assert_eq!(rate("99").unwrap_err(), "InvalidParameterValue");
    assert_eq!(rate("301").unwrap_err(), "InvalidParameterValue");
    let blank = create(&ec2, &[("Size", "1"), ("VolumeInitializationRate", "100")]);
    assert_eq!(blank.unwrap_err(), "InvalidParameterCombination");
}

#[test]
fn the_same_call_with_the_same_token_makes_one_volume() {
    let ec2 = Ec2::new().with_snapshot();
    let token = ("ClientToken", "t");
    let id = created(&ec2, &[FROM, token]);
    assert!(ec2.last_call().effect.is_some());
    ec2.advance(3_000);
    let again = create(&ec2, &[FROM, token]).unwrap();
    assert_eq!((one(&again, "volumeId"), one(&again, "status")), (id.clone(), "available".to_owned()));
    assert_eq!(ec2.last_call().effect, None, "nothing was made");
    assert_eq!(ec2.sim().volumes(ACCOUNT, REGION).len(), 1);
    assert_ne!(created(&ec2, &[FROM, ("ClientToken", "u")]), id, "another token");
    assert_ne!(created(&ec2, &[FROM]), id, "no token");
}

#[test]
fn a_token_with_other_parameters_is_refused_and_is_good_in_another_region() {
    let ec2 = Ec2::new().with_snapshot();
    let token = ("ClientToken", "t");
    created(&ec2, &[FROM, token]);
    for other in [("Size", "9"), ("VolumeType", "gp3"), ("Encrypted", "true")] {
        assert_eq!(create(&ec2, &[FROM, token, other]).unwrap_err(), "IdempotentParameterMismatch", "{other:?}");
    }
    assert_eq!(create(&ec2, &[FROM, ("ClientToken", &"t".repeat(65))]).unwrap_err(), "InvalidParameterValue");
    assert!(create(&ec2, &[FROM, ("ClientToken", &"t".repeat(64))]).is_ok());
    let elsewhere = [("AvailabilityZone", "us-east-1a"), ("Size", "1"), token];
    assert!(ec2.call_in("us-east-1", "CreateVolume", &elsewhere).is_ok());
}

#[test]
fn listings_of_volumes_are_late() {
    let ec2 = Ec2::with(Behaviour { listing_delay_ms: 60_000, volume_creation_ms: 1_000, ..Behaviour::default() });
    let id = created(&ec2, &[("Size", "1")]);
    assert_eq!(ec2.volume(&id).unwrap_err(), "InvalidVolume.NotFound");
    let delay = crate::model::listing_delay(0, 60_000, &id).num_milliseconds();
    ec2.advance(delay);
    let passes = |status| {
        let filter = [("Filter.1.Name", "status"), ("Filter.1.Value.1", status)];
        ec2.call("DescribeVolumes", &filter).unwrap().contains(&id)
    };
    assert_eq!(ec2.states(&id), ["creating"], "as it was at the moment that the listing shows");
    assert_eq!((passes("creating"), passes("available")), (true, false));
    ec2.advance(1_000);
    assert_eq!(ec2.states(&id), ["available"]);
    assert_eq!((passes("creating"), passes("available")), (false, true));
}

#[test]
fn volumes_are_found_by_what_is_true_at_the_moment() {
    let ec2 = Ec2::new().with_snapshot();
    ec2.seed(Seed { instances: vec![Instance::new(INSTANCE)], ..Seed::default() });
    let tags = [("TagSpecification.1.ResourceType", "volume"), ("TagSpecification.1.Tag.1.Key", "Team")];
    let a = created(&ec2, &[&[FROM], &tags[..]].concat());
    ec2.advance(3_000);
    let b = created(&ec2, &[("Size", "1")]);
    ec2.call("AttachVolume", &[("VolumeId", &a), ("InstanceId", INSTANCE), ("Device", "/dev/sdf")]).unwrap();
    let by = |name, value: &str| {
        ec2.call("DescribeVolumes", &[("Filter.1.Name", name), ("Filter.1.Value.1", value)])
            .map(|answer| answer.matches("<createTime>").count())
    };
    let found = |name, value: &str| by(name, value).unwrap();
    assert_eq!((found("status", "in-use"), found("status", "creating"), found("status", "available")), (1, 1, 0));
    assert_eq!(found("attachment.instance-id", INSTANCE), 1);
    assert_eq!(found("attachment.instance-id", "i-0123456789abcdef0"), 0);
    assert_eq!((found("tag-key", "Team"), found("tag:Team", ""), found("tag:Team", "x")), (1, 1, 0));
    assert_eq!((found("volume-id", &b), found("snapshot-id", SNAPSHOT)), (1, 1));
    assert_eq!(by("colour", "blue").unwrap_err(), "InvalidParameterValue");
}

#[test]
fn a_volume_that_is_creating_or_attached_is_not_deleted() {
    let ec2 = Ec2::new();
    ec2.seed(Seed { instances: vec![Instance::new(INSTANCE)], ..Seed::default() });
    let id = created(&ec2, &[("Size", "1")]);
    let delete = || ec2.call("DeleteVolume", &[("VolumeId", &id)]).map(|_| ());
    assert_eq!(delete().unwrap_err(), "IncorrectState");
    ec2.advance(3_000);
    ec2.call("AttachVolume", &[("VolumeId", &id), ("InstanceId", INSTANCE), ("Device", "/dev/sdf")]).unwrap();
    assert_eq!(delete().unwrap_err(), "VolumeInUse");
    ec2.call("DetachVolume", &[("VolumeId", &id)]).unwrap();
    assert_eq!(delete().unwrap_err(), "VolumeInUse", "it is detaching");
    ec2.advance(2_000);
    assert_eq!(delete(), Ok(()));
    assert_eq!(ec2.model_of(&id).state_at(ec2.now()), "deleted");
}

#[test]
fn a_seeded_volume_is_listed_as_it_always_was() {
    let ec2 = Ec2::new();
    let attachment = Some(("i-0123456789abcdef0".to_owned(), "/dev/sdf".to_owned()));
    let volume = Volume { attachment, state: "in-use".to_owned(), ..Volume::new(VOLUME) };
    ec2.seed(Seed { volumes: vec![volume], ..Seed::default() });
    assert_eq!(
        ec2.volume(VOLUME).unwrap().split_once("<volumeSet>").unwrap().1,
        "<item><volumeId>vol-00000000000000001</volumeId><size>8</size><snapshotId/>\
         <availabilityZone>eu-west-1a</availabilityZone><status>in-use</status>\
         <createTime>1970-01-01T00:00:00.000Z</createTime><attachmentSet><item>\
         <volumeId>vol-00000000000000001</volumeId><instanceId>i-0123456789abcdef0</instanceId>\
         <device>/dev/sdf</device><status>attached</status><deleteOnTermination>false</deleteOnTermination>\
         </item></attachmentSet><tagSet/><volumeType>gp3</volumeType><encrypted>false</encrypted></item></volumeSet>\
         </DescribeVolumesResponse>"
    );
}

#[test]
fn volumes_are_changed_out_of_the_buckets_that_ec2_documents() {
    assert_eq!(Quota::of("CreateVolume", true), Quota { size: 100, refill: 5 });
    for action in ["AttachVolume", "DetachVolume", "DeleteVolume"] {
        assert_eq!(Quota::of(action, true), Quota { size: 50, refill: 5 }, "{action}");
    }
}
