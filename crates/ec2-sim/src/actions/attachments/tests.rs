//! AttachVolume and DetachVolume.

use super::super::test::{ACCOUNT, Ec2, INSTANCE, REGION, VOLUME, all, one};
use crate::Fault;
use crate::journal::Effect;
use crate::model::{Instance, InstanceState, Seed, Volume};

const ELSEWHERE: &str = "i-00000000000000002";
const OTHER: &str = "vol-00000000000000002";
const THIRD: &str = "vol-00000000000000003";

/// Two volumes in zone a, an instance there that runs, and one in zone b.
fn ec2() -> Ec2 {
    let ec2 = Ec2::new();
    ec2.seed(Seed {
        volumes: vec![Volume::new(VOLUME), Volume::new(OTHER)],
        instances: vec![Instance::new(INSTANCE), Instance { zone: 'b', ..Instance::new(ELSEWHERE) }],
        ..Seed::default()
    });
    ec2
}

fn attach_to(ec2: &Ec2, volume: &str, instance: &str, device: &str) -> Result<String, String> {
    ec2.call("AttachVolume", &[("VolumeId", volume), ("InstanceId", instance), ("Device", device)])
}

fn attach(ec2: &Ec2, volume: &str, device: &str) -> Result<String, String> {
    attach_to(ec2, volume, INSTANCE, device)
}

fn detach(ec2: &Ec2, volume: &str, more: &[(&str, &str)]) -> Result<String, String> {
    ec2.call("DetachVolume", &[&[("VolumeId", volume)], more].concat())
}

/// The volume as the root device of its instance.
fn with_root() -> Ec2 {
    let ec2 = ec2();
    attach(&ec2, VOLUME, "/dev/xvda").unwrap();
    ec2.advance(2_000);
    ec2
}

fn turn(ec2: &Ec2, state: InstanceState) {
    ec2.sim().change_instance(ACCOUNT, REGION, INSTANCE, |instance| instance.state = state);
}

#[test]
fn a_volume_is_attached_and_detached_in_its_time() {
    let ec2 = ec2();
    let answer = attach(&ec2, VOLUME, "/dev/sdf").unwrap();
    assert_eq!((one(&answer, "status"), one(&answer, "device")), ("attaching".to_owned(), "/dev/sdf".to_owned()));
    assert_eq!((one(&answer, "volumeId"), one(&answer, "instanceId")), (VOLUME.to_owned(), INSTANCE.to_owned()));
    let (volume, instance) = (VOLUME.to_owned(), INSTANCE.to_owned());
    let effect = Effect::Attached { volume: volume.clone(), instance: instance.clone(), device: "/dev/sdf".to_owned() };
    assert_eq!((ec2.last_call().resource, ec2.last_call().effect), (volume.clone(), Some(effect)));
    ec2.advance(1_999);
    assert_eq!(ec2.states(VOLUME), ["in-use", "attaching"]);
    ec2.advance(1);
    assert_eq!(ec2.states(VOLUME), ["in-use", "attached"]);
    let listed = ec2.volume(VOLUME).unwrap();
    assert_eq!(one(&listed, "attachTime"), "2026-11-23T02:00:00.000Z");
    assert_eq!((one(&listed, "instanceId"), one(&listed, "device")), (instance.clone(), "/dev/sdf".to_owned()));

    assert_eq!(one(&detach(&ec2, VOLUME, &[]).unwrap(), "status"), "detaching");
    assert_eq!(ec2.last_call().effect, Some(Effect::Detached { volume, instance }));
    ec2.advance(1_999);
    assert_eq!(ec2.states(VOLUME), ["in-use", "detaching"]);
    ec2.advance(1);
    assert_eq!(ec2.states(VOLUME), ["available"]);
    assert!(attach(&ec2, VOLUME, "/dev/sdf").is_ok(), "and again");
}

#[test]
fn whoever_looks_back_sees_what_held_a_volume() {
    let ec2 = ec2();
    let start = ec2.now();
    attach(&ec2, VOLUME, "/dev/sdf").unwrap();
    ec2.advance(60_000);
    detach(&ec2, VOLUME, &[]).unwrap();
    ec2.advance(60_000);
    let volume = ec2.model_of(VOLUME);
    let at = |seconds| {
        let at = start + chrono::TimeDelta::seconds(seconds);
        (volume.state_at(at), volume.attached_at(at).map(|attached| attached.state.as_str()))
    };
    assert_eq!(at(-1), ("available", None));
    assert_eq!(at(1), ("in-use", Some("attaching")));
    assert_eq!(at(30), ("in-use", Some("attached")));
    assert_eq!(at(61), ("in-use", Some("detaching")));
    assert_eq!(at(62), ("available", None));
}

#[test]
fn an_instance_lists_its_volumes_as_they_come_and_go() {
    let ec2 = ec2();
    let statuses = || {
        let answer = ec2.call("DescribeInstances", &[("InstanceId.1", INSTANCE)]).unwrap();
        all(&answer, "volumeId").into_iter().zip(all(&answer, "status")).collect::<Vec<_>>()
    };
    assert_eq!(statuses(), []);
    attach(&ec2, VOLUME, "/dev/sdf").unwrap();
    assert_eq!(statuses(), [(VOLUME.to_owned(), "attaching".to_owned())]);
    ec2.advance(2_000);
    assert_eq!(statuses(), [(VOLUME.to_owned(), "attached".to_owned())]);
    ec2.fault("DetachVolume", Fault::Fails);
    detach(&ec2, VOLUME, &[]).unwrap();
    assert_eq!(statuses(), [(VOLUME.to_owned(), "detaching".to_owned())], "instances do not know busy");
    ec2.no_fault();
    detach(&ec2, VOLUME, &[("Force", "true")]).unwrap();
    ec2.advance(2_000);
    assert_eq!(statuses(), []);
}

#[test]
fn volume_and_instance_must_be_there() {
    let ec2 = ec2();
    let unknown = "vol-0123456789abcdef0";
    assert_eq!(attach(&ec2, unknown, "/dev/sdf").unwrap_err(), "InvalidVolume.NotFound");
    assert_eq!(attach(&ec2, "vol-xyz", "/dev/sdf").unwrap_err(), "InvalidVolumeID.Malformed");
    assert_eq!(attach_to(&ec2, VOLUME, "i-0123456789abcdef0", "/dev/sdf").unwrap_err(), "InvalidInstanceID.NotFound");
    assert_eq!(attach_to(&ec2, VOLUME, "i-xyz", "/dev/sdf").unwrap_err(), "InvalidInstanceID.Malformed");
    assert_eq!(detach(&ec2, unknown, &[]).unwrap_err(), "InvalidVolume.NotFound");
    ec2.call("DeleteVolume", &[("VolumeId", OTHER)]).unwrap();
    assert_eq!(attach(&ec2, OTHER, "/dev/sdf").unwrap_err(), "InvalidVolume.NotFound");
    assert!(attach(&ec2, VOLUME, "/dev/sdf").is_ok());
}

#[test]
fn an_instance_must_be_running_or_stopped() {
    let ec2 = ec2();
    for state in [InstanceState::Pending, InstanceState::Stopping, InstanceState::Terminated] {
        turn(&ec2, state);
        assert_eq!(attach(&ec2, VOLUME, "/dev/sdf").unwrap_err(), "IncorrectState", "{state:?}");
    }
    turn(&ec2, InstanceState::Stopped);
    assert!(attach(&ec2, VOLUME, "/dev/sdf").is_ok());
}

#[test]
fn volume_and_instance_must_be_in_the_same_zone() {
    let ec2 = ec2();
    assert_eq!(attach_to(&ec2, VOLUME, ELSEWHERE, "/dev/sdf").unwrap_err(), "InvalidVolume.ZoneMismatch");
    assert!(attach(&ec2, VOLUME, "/dev/sdf").is_ok());
}

#[test]
fn an_attached_volume_is_in_use_until_it_is_detached() {
    let ec2 = ec2();
    attach(&ec2, VOLUME, "/dev/sdf").unwrap();
    assert_eq!(attach(&ec2, VOLUME, "/dev/sdg").unwrap_err(), "VolumeInUse");
    ec2.advance(2_000);
    detach(&ec2, VOLUME, &[]).unwrap();
    assert_eq!(attach(&ec2, VOLUME, "/dev/sdg").unwrap_err(), "VolumeInUse", "it is detaching");
    ec2.advance(2_000);
    assert!(attach(&ec2, VOLUME, "/dev/sdg").is_ok());
}

#[test]
fn only_an_available_volume_is_attached() {
    let ec2 = ec2();
    let answer = ec2.call("CreateVolume", &[("AvailabilityZone", "eu-west-1a"), ("Size", "1")]).unwrap();
    let id = one(&answer, "volumeId");
    assert_eq!(attach(&ec2, &id, "/dev/sdf").unwrap_err(), "IncorrectState", "it is creating");
    ec2.advance(3_000);
    assert!(attach(&ec2, &id, "/dev/sdf").is_ok());
    let change = |state: &str| {
        ec2.sim().change_volume(ACCOUNT, REGION, OTHER, |volume| state.clone_into(&mut volume.state));
    };
    change("error");
    assert_eq!(attach(&ec2, OTHER, "/dev/sdg").unwrap_err(), "IncorrectState");
    change("in-use");
    assert_eq!(attach(&ec2, OTHER, "/dev/sdg").unwrap_err(), "VolumeInUse", "by whom a seed need not say");
}

#[test]
fn a_device_name_is_taken_until_its_volume_is_detached() {
    let ec2 = ec2();
    attach(&ec2, VOLUME, "/dev/sdf").unwrap();
    assert_eq!(attach(&ec2, OTHER, "/dev/sdf").unwrap_err(), "InvalidParameterValue");
    ec2.advance(2_000);
    detach(&ec2, VOLUME, &[]).unwrap();
    assert_eq!(attach(&ec2, OTHER, "/dev/sdf").unwrap_err(), "InvalidParameterValue");
    ec2.advance(2_000);
    assert!(attach(&ec2, OTHER, "/dev/sdf").is_ok());
    ec2.seed(Seed { volumes: vec![Volume { zone: 'b', ..Volume::new(THIRD) }], ..Seed::default() });
    assert!(attach_to(&ec2, THIRD, ELSEWHERE, "/dev/sdf").is_ok(), "each instance has names of its own");
}

#[test]
fn a_device_name_is_one() {
    let ec2 = ec2();
    for name in ["/dev/nvme1n1", "sdf/", "/dev/", "c:", "/dev/sd"] {
        assert_eq!(attach(&ec2, VOLUME, name).unwrap_err(), "InvalidParameterValue", "{name}");
    }
    for name in ["/dev/sda1", "/dev/xvdba", "xvdf"] {
        attach(&ec2, VOLUME, name).unwrap();
        ec2.advance(2_000);
        detach(&ec2, VOLUME, &[]).unwrap();
        ec2.advance(2_000);
    }
}

#[test]
fn what_is_not_attached_is_not_detached() {
    let ec2 = ec2();
    assert_eq!(detach(&ec2, VOLUME, &[]).unwrap_err(), "IncorrectState");
    attach(&ec2, VOLUME, "/dev/sdf").unwrap();
    for other in [("InstanceId", ELSEWHERE), ("Device", "/dev/sdg")] {
        assert_eq!(detach(&ec2, VOLUME, &[other]).unwrap_err(), "InvalidAttachment.NotFound", "{other:?}");
    }
    assert!(detach(&ec2, VOLUME, &[("InstanceId", INSTANCE), ("Device", "/dev/sdf")]).is_ok());
    assert_eq!(detach(&ec2, VOLUME, &[]).unwrap_err(), "IncorrectState", "it is detaching already");
}

#[test]
fn the_root_device_stays_while_its_instance_runs() {
    let ec2 = with_root();
    assert_eq!(detach(&ec2, VOLUME, &[]).unwrap_err(), "OperationNotPermitted");
    assert_eq!(detach(&ec2, VOLUME, &[("Force", "true")]).unwrap_err(), "OperationNotPermitted");
    turn(&ec2, InstanceState::Stopping);
    assert_eq!(detach(&ec2, VOLUME, &[]).unwrap_err(), "OperationNotPermitted");
    turn(&ec2, InstanceState::Stopped);
    assert!(detach(&ec2, VOLUME, &[]).is_ok());
    ec2.advance(2_000);
    assert!(attach(&ec2, OTHER, "/dev/xvda").is_ok(), "another volume takes its place");
}

#[test]
fn a_detach_that_fails_stays_busy_until_it_is_forced() {
    let ec2 = ec2();
    attach(&ec2, VOLUME, "/dev/sdf").unwrap();
    ec2.advance(2_000);
    ec2.fault("DetachVolume", Fault::Fails);
    let first = ec2.now();
    assert_eq!(one(&detach(&ec2, VOLUME, &[]).unwrap(), "status"), "detaching");
    ec2.advance(86_400_000);
    assert_eq!(ec2.states(VOLUME), ["in-use", "busy"]);
    ec2.no_fault();
    assert_eq!(detach(&ec2, VOLUME, &[]).unwrap_err(), "IncorrectState");
    assert!(detach(&ec2, VOLUME, &[("Force", "true")]).is_ok());
    ec2.advance(2_000);
    assert_eq!(ec2.states(VOLUME), ["available"]);
    assert_eq!(ec2.model_of(VOLUME).attachments[0].detaching_since, Some(first), "since the first call");
}

#[test]
fn a_busy_volume_is_available_once_its_owner_lets_go() {
    let ec2 = ec2();
    attach(&ec2, VOLUME, "/dev/sdf").unwrap();
    ec2.fault("DetachVolume", Fault::Fails);
    detach(&ec2, VOLUME, &[]).unwrap();
    let now = ec2.now();
    ec2.sim().change_volume(ACCOUNT, REGION, VOLUME, |volume| volume.detach(now, Some(now)));
    assert_eq!(ec2.states(VOLUME), ["available"]);
}

#[test]
fn an_attach_that_fails_stays_attaching_until_it_is_detached() {
    let ec2 = ec2();
    ec2.fault("AttachVolume", Fault::Fails);
    attach(&ec2, VOLUME, "/dev/sdf").unwrap();
    ec2.advance(86_400_000);
    assert_eq!(ec2.states(VOLUME), ["in-use", "attaching"]);
    detach(&ec2, VOLUME, &[]).unwrap();
    ec2.advance(2_000);
    assert_eq!(ec2.states(VOLUME), ["available"]);
}

#[test]
fn a_seeded_attachment_to_an_unknown_instance_is_detached_too() {
    let ec2 = Ec2::new();
    let attachment = Some((INSTANCE.to_owned(), "/dev/xvda".to_owned()));
    let volume = Volume { attachment, state: "in-use".to_owned(), ..Volume::new(VOLUME) };
    ec2.seed(Seed { volumes: vec![volume], ..Seed::default() });
    detach(&ec2, VOLUME, &[]).unwrap();
    assert_eq!(ec2.states(VOLUME), ["in-use", "detaching"]);
    ec2.advance(2_000);
    assert_eq!(ec2.states(VOLUME), ["available"]);
}
