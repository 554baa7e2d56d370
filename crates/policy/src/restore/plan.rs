//! What volumes a restore is to make: the recorded ones, unless the input says otherwise, and nothing that EBS would refuse.

use contract::restore::{Progress, WantedVolume};
use contract::{Device, RestoreInput, RestoreVolume, VolumeId, VolumeType, Zone};

use crate::restore::seen::{RestorePoint, SeenInstance, SeenVolume, is_root_name, same_device};
use crate::volume_type::{self, Wanted};

/// Where volumes can be.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The zones of the region that can be used.
    pub zones: &'a [Zone],
    /// The instance to attach to, if any.
    pub instance: Option<&'a SeenInstance>,
    /// All that is attached to it.
    pub attached: &'a [SeenVolume],
}

/// Plans a volume for each point.
///
/// # Errors
/// Everything that is wrong, each as `field: value: what would be right`; with several points, after the volume's id.
pub fn volumes(
    points: &[&RestorePoint],
    input: &RestoreInput,
    place: Place<'_>,
) -> Result<Vec<RestoreVolume>, Vec<String>> {
    let mut planned: Vec<RestoreVolume> = Vec::with_capacity(points.len());
    let mut wrong = Vec::new();
    for point in points {
        match volume(point, input, place) {
            Ok(volume) => planned.push(volume),
            Err(reasons) if points.len() == 1 => wrong.extend(reasons),
            Err(reasons) => {
                let of = point.candidate.volume.as_ref().map_or(point.id().as_str(), VolumeId::as_str);
                wrong.extend(reasons.into_iter().map(|reason| format!("{of}: {reason}")));
            }
        }
    }
    if input.attach.is_some() {
        for (n, one) in planned.iter().enumerate() {
            let Some(device) = &one.device else { continue };
            let twice = |other: &RestoreVolume| other.device.as_ref().is_some_and(|other| same_device(device, other));
            if planned[..n].iter().any(twice) {
                wrong
                    .push(format!("attach: {device}: two of the volumes were at this device; restore them one by one"));
            }
        }
    }
    if wrong.is_empty() { Ok(planned) } else { Err(wrong) }
}

/// Plans the volume of a restore test: gp3 as it comes, which every snapshot fits and which costs least, in a zone that is there.
#[must_use]
pub fn test_volume(point: &RestorePoint, zones: &[Zone]) -> Option<RestoreVolume> {
    let recorded = recorded_zone(point).filter(|zone| zones.contains(zone));
    let wanted = WantedVolume {
        volume_type: VolumeType::Gp3,
        size_gib: point.size_gib.max(1),
        iops: None,
        throughput: None,
        // The zones of the region itself have the shortest names; a Local Zone may not know the type.
        zone: recorded.or_else(|| zones.iter().min_by_key(|zone| (zone.as_str().len(), *zone)).cloned())?,
        encrypted: point.encrypted,
        kms_key_id: None,
    };
    Some(planned(point, wanted, None, None))
}

fn planned(
    point: &RestorePoint,
    wanted: WantedVolume,
    device: Option<Device>,
    replaces: Option<VolumeId>,
) -> RestoreVolume {
    RestoreVolume {
        snapshot_id: point.candidate.id.clone(),
        taken_at: point.candidate.started_at,
        source: point.candidate.volume.clone(),
        run_id: point.candidate.run.clone(),
        wanted,
        device,
        replaces,
        progress: Progress::Planned,
        volume_id: None,
        available_after: None,
        unseen: 0,
        safety_snapshot_id: None,
        failure: None,
    }
}

fn recorded_zone(point: &RestorePoint) -> Option<Zone> {
    Zone::new(&*point.spec.as_ref()?.zone).ok()
}

fn recorded_device(point: &RestorePoint) -> Option<Device> {
    Device::new(&*point.spec.as_ref()?.attachment.as_ref()?.device).ok()
}

fn volume(point: &RestorePoint, input: &RestoreInput, place: Place<'_>) -> Result<RestoreVolume, Vec<String>> {
    let mut wrong = Vec::new();
    let device = device(point, input, place, &mut wrong);
    let replaces = device.as_ref().and_then(|device| in_the_way(device, point, input, place, &mut wrong));
    let zone = zone(point, input, place, &mut wrong);
    let boots = device.as_ref().is_some_and(|device| boots(device, place.instance));
    let kind = kind(point, input, boots, &mut wrong);
    let encrypted = encrypted(point, input, &mut wrong);
    match (zone, wrong.is_empty()) {
        (Some(zone), true) => {
            let wanted = WantedVolume {
                volume_type: kind.kind,
                size_gib: kind.size_gib,
                iops: kind.iops,
                throughput: kind.throughput_mibps,
                zone,
                encrypted,
                kms_key_id: input.kms_key_id.clone(),
            };
            Ok(planned(point, wanted, device, replaces))
        }
        _ => Err(wrong),
    }
}

/// The device: the input's; else the one that the volume itself is at now, on that instance; else the one that it was at.
fn device(point: &RestorePoint, input: &RestoreInput, place: Place<'_>, wrong: &mut Vec<String>) -> Option<Device> {
    let asked = input.attach.as_ref().and_then(|attach| attach.device.clone());
    let device = asked.or_else(|| own_device(point, place)).or_else(|| recorded_device(point));
    if device.is_none() && input.attach.is_some() {
        wrong.push(
            "attach.device: missing, and the snapshot does not say where its volume was attached; for example /dev/sdf"
                .to_owned(),
        );
    }
    device
}

/// The device of the instance at which the volume itself is now.
fn own_device(point: &RestorePoint, place: Place<'_>) -> Option<Device> {
    let instance = place.instance?;
    let own = place.attached.iter().find(|volume| Some(&volume.id) == point.candidate.volume.as_ref())?;
    own.at(&instance.id).map(|attachment| attachment.device.clone())
}

fn boots(device: &Device, instance: Option<&SeenInstance>) -> bool {
    let root = instance.and_then(|instance| instance.root_device.as_ref());
    root.map_or_else(|| is_root_name(device), |root| same_device(root, device))
}

/// The volume that is at the device. A restore replaces it only when it is told to; and only the very volume that it restores, unless
/// the input names the device, or another instance than the volumes are of: there nobody can be meant but who is there.
fn in_the_way(
    device: &Device,
    point: &RestorePoint,
    input: &RestoreInput,
    place: Place<'_>,
    wrong: &mut Vec<String>,
) -> Option<VolumeId> {
    let instance = place.instance?;
    if !matches!(instance.state.as_str(), "running" | "stopped") {
        let state = &instance.state;
        wrong.push(format!("attach.instanceId: {}: is {state}; it must be running or stopped", instance.id));
    }
    let taken = place
        .attached
        .iter()
        .find(|volume| volume.at(&instance.id).is_some_and(|attachment| same_device(&attachment.device, device)))?;
    let id = &taken.id;
    let named = input.attach.as_ref().is_some_and(|attach| attach.device.is_some());
    let another = input.instance_id.as_ref().is_some_and(|of| *of != instance.id);
    let meant = named || another || point.candidate.volume.as_ref() == Some(id);
    if !input.replace {
        let how = if meant { String::new() } else { format!("\"device\": \"{device}\" with ") };
        wrong.push(format!(
            "attach.device: {device}: {id} is there; name another device, or {how}\"replace\": true to put the restored \
             volume in its place"
        ));
    } else if !meant {
        let own = point.candidate.volume.as_ref().map_or("an unknown volume", VolumeId::as_str);
        let how = if input.instance_id.is_some() {
            format!("restore {own} alone, by its volumeId and with \"device\": \"{device}\", if {id} is to be replaced")
        } else {
            format!("name \"device\": \"{device}\" in attach if {id} is to be replaced, or another device")
        };
        wrong.push(format!("replace: true: {id} is at {device}, and the data is of {own}; {how}"));
    } else if taken.attachments.len() > 1 {
        wrong.push(format!(
            "replace: true: {id} is attached to {} instances, which would go on with two truths; detach it first",
            taken.attachments.len()
        ));
    } else if boots(device, Some(instance)) && instance.state != "stopped" {
        let (instance, state) = (&instance.id, &instance.state);
        wrong.push(format!(
            "replace: true: {device} is the root device of {instance}, which is {state}: EC2 detaches it only from a \
             stopped instance; stop it first"
        ));
    }
    Some(id.clone())
}

fn zone(point: &RestorePoint, input: &RestoreInput, place: Place<'_>, wrong: &mut Vec<String>) -> Option<Zone> {
    let of_instance = place.instance.map(|instance| instance.zone.clone());
    let zone = input.availability_zone.clone().or(of_instance).or_else(|| recorded_zone(point));
    let known = || place.zones.iter().map(Zone::as_str).collect::<Vec<_>>().join(", ");
    let Some(zone) = zone else {
        wrong.push(format!(
            "availabilityZone: missing, and the snapshot does not say where its volume was; one of {}",
            known()
        ));
        return None;
    };
    if let Some(instance) = place.instance.filter(|instance| instance.zone != zone) {
        wrong.push(format!(
            "availabilityZone: {zone}: {} is in {}, and a volume can be attached only in its own zone; the nearest that is \
             allowed is {}",
            instance.id, instance.zone, instance.zone
        ));
    } else if !place.zones.contains(&zone) {
        wrong.push(format!("availabilityZone: {zone}: is not a zone that can be used here; one of {}", known()));
    }
    Some(zone)
}

/// Type, size, IOPS and throughput. What was recorded of one type says nothing about another.
fn kind(point: &RestorePoint, input: &RestoreInput, boots: bool, wrong: &mut Vec<String>) -> Wanted {
    let recorded = point.spec.as_ref();
    let had = recorded.and_then(|spec| spec.volume_type.parse::<VolumeType>().ok());
    let kind = input.volume_type.or(had).unwrap_or(VolumeType::Gp3);
    let same = recorded.filter(|_| had == Some(kind));
    let limits = volume_type::limits(kind);
    let recorded_iops = same.and_then(|spec| spec.iops).filter(|_| limits.iops.is_some());
    let recorded_throughput = same.and_then(|spec| spec.throughput_mibps).filter(|_| limits.throughput_mibps.is_some());
    let wanted = Wanted {
        kind,
        size_gib: input.size_gib.unwrap_or_else(|| point.size_gib.max(recorded.map_or(1, |spec| spec.size_gib))),
        iops: input.iops.or(recorded_iops),
        throughput_mibps: input.throughput.or(recorded_throughput),
        boots,
    };
    wrong.extend(volume_type::check(&wanted).iter().map(ToString::to_string));
    if wanted.size_gib < point.size_gib {
        wrong.push(format!(
            "sizeGiB: {}: {} has {} GiB, and a volume is never smaller than its snapshot; the nearest that is allowed is {}",
            wanted.size_gib, point.candidate.id, point.size_gib, point.size_gib
        ));
    }
    wanted
}

fn encrypted(point: &RestorePoint, input: &RestoreInput, wrong: &mut Vec<String>) -> bool {
    if point.encrypted && input.encrypted == Some(false) {
        wrong.push(format!("encrypted: false: {} is encrypted, and what is encrypted stays so", point.candidate.id));
    }
    point.encrypted || input.encrypted == Some(true) || input.kms_key_id.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SnapshotState, Tags};
    use crate::restore::seen::SeenAttachment;
    use crate::restore_point::Candidate;
    use chrono::DateTime;
    use contract::{InstanceId, SnapshotId};
    use proptest::prelude::*;

    const INSTANCE: &str = "i-0123456789abcdef0";

    fn zones() -> Vec<Zone> {
        ["eu-west-1a", "eu-west-1b"].map(|zone| Zone::new(zone).unwrap()).to_vec()
    }

    fn point(spec: Option<&str>, size_gib: u32, encrypted: bool) -> RestorePoint {
        RestorePoint {
            candidate: Candidate {
                id: SnapshotId::new("snap-0123456789abcdef0").unwrap(),
                state: SnapshotState::Completed,
                started_at: DateTime::UNIX_EPOCH,
                volume: Some(VolumeId::new("vol-0123456789abcdef0").unwrap()),
                run: None,
                policy: None,
                instance: None,
                device: None,
            },
            tags: Tags::default(),
            description: String::new(),
            size_gib,
            encrypted,
            spec: spec.map(|spec| spec.parse().unwrap()),
        }
    }

    const IO2: &str = "type=io2 size=100 iops=5000 zone=eu-west-1b encrypted=false device=/dev/sdf instance=i-0abcdef0";

    fn input(more: &str) -> RestoreInput {
        let comma = if more.is_empty() { "" } else { "," };
        let text = format!(r#"{{"region":"eu-west-1","volumeId":"vol-0123456789abcdef0"{comma}{more}}}"#);
        contract::parse::from_text(&text).unwrap()
    }

    fn instance(state: &str) -> SeenInstance {
        SeenInstance {
            id: InstanceId::new(INSTANCE).unwrap(),
            zone: Zone::new("eu-west-1b").unwrap(),
            state: state.to_owned(),
            root_device: Some(Device::new("/dev/xvda").unwrap()),
        }
    }

    /// The volume that is restored, live, at this device.
    fn attached(device: &str) -> SeenVolume {
        SeenVolume {
            id: VolumeId::new("vol-0123456789abcdef0").unwrap(),
            state: "in-use".to_owned(),
            created_at: None,
            tags: Tags::default(),
            attachments: vec![SeenAttachment {
                instance: InstanceId::new(INSTANCE).unwrap(),
                device: Device::new(device).unwrap(),
                state: "attached".to_owned(),
            }],
        }
    }

    fn plan_of(point: &RestorePoint, more: &str) -> Result<RestoreVolume, Vec<String>> {
        volume(point, &input(more), Place { zones: &zones(), instance: None, attached: &[] })
    }

    #[test]
    fn a_volume_comes_back_as_it_was() {
        let plan = plan_of(&point(Some(IO2), 100, false), "").unwrap();
        let WantedVolume { volume_type, size_gib, iops, throughput, zone, encrypted, .. } = plan.wanted;
        assert_eq!(
            (volume_type, size_gib, iops, throughput, zone.as_str(), encrypted),
            (VolumeType::Io2, 100, Some(5_000), None, "eu-west-1b", false)
        );
        assert_eq!(plan.device.unwrap().as_str(), "/dev/sdf");
    }

    #[test]
    fn the_input_has_the_last_word_and_another_type_forgets_the_old_ones_numbers() {
        let io2 = point(Some(IO2), 100, false);
        let wanted = |more: &str| plan_of(&io2, more).unwrap().wanted;
        assert_eq!(wanted(r#""volumeType":"gp3""#).iops, None, "not the 5,000 of io2");
        assert_eq!(wanted(r#""iops":6000"#).iops, Some(6_000));
        assert_eq!(wanted(r#""sizeGiB":200"#).size_gib, 200);
        assert_eq!(wanted(r#""availabilityZone":"eu-west-1a""#).zone.as_str(), "eu-west-1a");
        assert!(wanted(r#""encrypted":true"#).encrypted && wanted(r#""kmsKeyId":"alias/x""#).encrypted);
        let gp2 = point(Some("type=gp2 size=100 iops=300 zone=eu-west-1a encrypted=false"), 100, false);
        assert_eq!(
            plan_of(&gp2, "").unwrap().wanted.iops,
            None,
            "EC2 says what a gp2 volume has, and takes it from nobody"
        );
    }

    #[test]
    fn s10_what_ebs_would_refuse_is_refused_with_what_would_be_right() {
        let io2 = point(Some(IO2), 100, false);
        let bare = point(None, 20, true);
        for (point, more, expected) in [
            (
                &io2,
                r#""sizeGiB":99"#,
                "sizeGiB: 99: snap-0123456789abcdef0 has 100 GiB, and a volume is never smaller than its snapshot; the nearest that is allowed is 100",
            ),
            (
                &io2,
                r#""iops":100001"#,
                "iops: 100001: io2 of 100 GiB has 100 to 100000 IOPS, at most 1000 for each GiB; the nearest that is allowed is 100000",
            ),
            (
                &io2,
                r#""throughput":125"#,
                "throughput: 125: throughput cannot be chosen for io2; the nearest that is allowed is none",
            ),
            (&io2, r#""volumeType":"io1""#, "iops: missing: io1 needs IOPS; the nearest that is allowed is 100"),
            (
                &io2,
                r#""availabilityZone":"eu-west-1c""#,
                "availabilityZone: eu-west-1c: is not a zone that can be used here; one of eu-west-1a, eu-west-1b",
            ),
            (
                &bare,
                "",
                "availabilityZone: missing, and the snapshot does not say where its volume was; one of eu-west-1a, eu-west-1b",
            ),
            (
                &bare,
                r#""availabilityZone":"eu-west-1a","volumeType":"st1""#,
                "sizeGiB: 20: st1 has 125 to 16384 GiB; the nearest that is allowed is 125",
            ),
            (
                &bare,
                r#""availabilityZone":"eu-west-1a","encrypted":false"#,
                "encrypted: false: snap-0123456789abcdef0 is encrypted, and what is encrypted stays so",
            ),
        ] {
            assert_eq!(plan_of(point, more).unwrap_err(), [expected], "{more}");
        }
        assert!(plan_of(&bare, r#""availabilityZone":"eu-west-1a","volumeType":"st1","sizeGiB":125"#).is_ok());
        assert!(plan_of(&io2, r#""sizeGiB":100"#).is_ok());
    }

    #[test]
    fn a_hard_disk_is_not_made_for_an_instance_to_boot_from() {
        let root = point(
            Some("type=gp3 size=200 zone=eu-west-1b encrypted=false device=/dev/xvda instance=i-0abcdef0"),
            200,
            false,
        );
        let refused = plan_of(&root, r#""volumeType":"st1""#).unwrap_err();
        assert_eq!(refused, ["volumeType: st1: an instance cannot boot from st1; the nearest that is allowed is gp3"]);
        let data = point(
            Some("type=gp3 size=200 zone=eu-west-1b encrypted=false device=/dev/sdf instance=i-0abcdef0"),
            200,
            false,
        );
        assert!(plan_of(&data, r#""volumeType":"st1""#).is_ok());
    }

    #[test]
    fn a_device_and_a_zone_are_looked_at_before_anything_is_made() {
        let io2 = point(Some(IO2), 100, false);
        let bare = point(None, 20, false);
        let attach = format!(r#""attach":{{"instanceId":"{INSTANCE}"}}"#);
        let at = |device: &str| format!(r#""attach":{{"instanceId":"{INSTANCE}","device":"{device}"}}"#);
        let replace = |attach: &str| format!(r#"{attach},"replace":true"#);
        let zones = zones();
        let run = |point: &RestorePoint, more: &str, state: &str, taken: &[&str]| {
            let (instance, attached) =
                (instance(state), taken.iter().map(|device| attached(device)).collect::<Vec<_>>());
            let place = Place { zones: &zones, instance: Some(&instance), attached: &attached };
            volume(point, &input(more), place)
        };
        // The instance's zone is the only one that makes sense.
        assert_eq!(run(&bare, &at("/dev/sdf"), "running", &[]).unwrap().wanted.zone.as_str(), "eu-west-1b");
        let refused = run(&io2, &format!(r#"{attach},"availabilityZone":"eu-west-1a""#), "running", &[]).unwrap_err();
        assert!(
            refused[0].starts_with("availabilityZone: eu-west-1a: i-0123456789abcdef0 is in eu-west-1b"),
            "{refused:?}"
        );
        assert!(run(&bare, &attach, "running", &[]).unwrap_err()[0].starts_with("attach.device: missing"));
        assert!(run(&bare, &at("/dev/sdf"), "terminated", &[]).unwrap_err()[0].starts_with("attach.instanceId: "));

        for (taken, free) in [("/dev/sdf", "/dev/sdg"), ("/dev/xvdf", "/dev/sdg"), ("xvdf", "xvdg")] {
            assert_eq!(run(&io2, &at("/dev/sdf"), "running", &[free]).unwrap().replaces, None);
            let refused = run(&io2, &at("/dev/sdf"), "running", &[taken]).unwrap_err();
            assert!(refused[0].starts_with("attach.device: /dev/sdf: vol-0123456789abcdef0 is there;"), "{refused:?}");
            let plan = run(&io2, &replace(&attach), "running", &[taken]).unwrap();
            assert_eq!(plan.replaces.unwrap().as_str(), "vol-0123456789abcdef0");
        }
        let root = replace(&at("/dev/xvda"));
        assert!(run(&bare, &root, "running", &["/dev/xvda"]).unwrap_err()[0].contains("stop it first"));
        assert!(run(&bare, &root, "stopped", &["/dev/xvda"]).unwrap().replaces.is_some());
    }

    #[test]
    fn a_live_volume_that_nobody_named_is_not_replaced() {
        let io2 = point(Some(IO2), 100, false);
        let attach = format!(r#""attach":{{"instanceId":"{INSTANCE}"}},"replace":true"#);
        let named = format!(r#""attach":{{"instanceId":"{INSTANCE}","device":"/dev/sdf"}},"replace":true"#);
        let zones = zones();
        let stranger = |device: &str| SeenVolume { id: VolumeId::new("vol-00000009").unwrap(), ..attached(device) };
        let run = |more: &str, attached: &[SeenVolume]| {
            let instance = instance("running");
            let place = Place { zones: &zones, instance: Some(&instance), attached };
            volume(&io2, &input(more), place).map(|plan| (plan.device.unwrap().to_string(), plan.replaces))
        };
        // The volume was moved since, and another one is where it was.
        let (device, replaces) = run(&attach, &[stranger("/dev/sdf"), attached("/dev/sdg")]).unwrap();
        assert_eq!((device.as_str(), replaces.unwrap().as_str()), ("/dev/sdg", "vol-0123456789abcdef0"));
        let refused = run(&attach, &[stranger("/dev/sdf")]).unwrap_err();
        assert!(
            refused[0].starts_with("replace: true: vol-00000009 is at /dev/sdf, and the data is of vol-0123"),
            "{refused:?}"
        );
        assert_eq!(run(&named, &[stranger("/dev/sdf")]).unwrap().1.unwrap().as_str(), "vol-00000009", "it is named");
        // One that several instances share is nobody's to take away.
        let mut shared = attached("/dev/sdf");
        shared
            .attachments
            .push(SeenAttachment { instance: InstanceId::new("i-00000001").unwrap(), ..shared.attachments[0].clone() });
        assert!(run(&attach, &[shared]).unwrap_err()[0].contains("attached to 2 instances"));
    }

    #[test]
    fn two_volumes_of_one_device_are_not_attached_to_it() {
        let one = point(Some(IO2), 100, false);
        let instance = instance("running");
        let zones = zones();
        let place = Place { zones: &zones, instance: Some(&instance), attached: &[] };
        let attach = input(&format!(r#""attach":{{"instanceId":"{INSTANCE}"}}"#));
        let refused = volumes(&[&one, &one], &attach, place).unwrap_err();
        assert!(refused[0].starts_with("attach: /dev/sdf: two of the volumes"), "{refused:?}");
        assert_eq!(volumes(&[&one, &one], &input(""), place).unwrap().len(), 2, "not attached, they are no trouble");
    }

    #[test]
    fn a_test_takes_any_zone_that_is_there() {
        let gone = point(Some("type=st1 size=500 zone=eu-west-1f encrypted=false"), 500, true);
        let mut zones = zones();
        zones.insert(0, Zone::new("eu-west-1-fra-1a").unwrap());
        let plan = test_volume(&gone, &zones).unwrap();
        let wanted = &plan.wanted;
        assert_eq!((wanted.zone.as_str(), wanted.volume_type, wanted.size_gib), ("eu-west-1a", VolumeType::Gp3, 500));
        assert!(wanted.encrypted && plan.device.is_none());
    }

    proptest! {
        #[test]
        fn a_plan_is_one_that_ebs_takes_and_never_smaller_than_its_snapshot(
            size in 1_u32..20_000, wanted_size in prop::option::of(1_u32..20_000), iops in prop::option::of(0_u32..100_000),
            (name, _) in prop::sample::select(VolumeType::ALL.to_vec()), asked in prop::option::of(prop::sample::select(VolumeType::ALL.to_vec())),
        ) {
            let point = point(Some(&format!("type={name} size={size} iops=3000 zone=eu-west-1a encrypted=false")), size, false);
            let mut input = input("");
            (input.size_gib, input.iops, input.volume_type) = (wanted_size, iops, asked.map(|(_, kind)| kind));
            match plan_of_input(&point, &input) {
                Ok(plan) => {
                    let WantedVolume { volume_type, size_gib, iops, throughput, .. } = plan.wanted;
                    let wanted = Wanted { kind: volume_type, size_gib, iops, throughput_mibps: throughput, boots: false };
                    prop_assert!(size_gib >= size && volume_type::check(&wanted).is_empty());
                }
                Err(wrong) => prop_assert!(!wrong.is_empty()),
            }
        }
    }

    fn plan_of_input(point: &RestorePoint, input: &RestoreInput) -> Result<RestoreVolume, Vec<String>> {
        volume(point, input, Place { zones: &zones(), instance: None, attached: &[] })
    }
}
