//! What is done next to bring a volume to its device: one move at a time, decided from what EC2 says now.
//!
//! Nothing is remembered but how far the volume is and which snapshot was made of the one it replaces, so a step that was cut
//! off, or ran twice, goes on from what is really there.

use contract::errors::{DEVICE_IN_USE, STILL_WAITING, VOLUME_LOST};
use contract::limits::{ATTACH_ROUNDS, PUT_BACK_ROUNDS};
use contract::restore::Progress;
use contract::{Device, InstanceId, RestoreVolume, VolumeId};

use crate::restore::seen::{SeenVolume, same_device};

/// What is done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// Snapshot this volume, which is about to be replaced.
    Snapshot(VolumeId),
    /// Detach this volume from the instance.
    Detach(VolumeId),
    /// Attach this volume to the instance, at the device.
    Attach(VolumeId),
    /// EC2 is at work: look again.
    Wait,
    /// The volume is where it belongs, or nothing more can be done.
    Done(End),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It is attached.
    Attached,
    /// The one that it was to replace is attached again.
    PutBack,
    /// It failed; nothing was taken away from the instance, or what was could not be put back.
    Failed(&'static str, String),
    /// It failed after the old volume was detached: put that one back.
    TurnBack(&'static str, String),
}

/// Where the volume is to go, and who is there.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The instance.
    pub instance: &'a InstanceId,
    /// The restored volume as it is now.
    pub restored: Option<&'a SeenVolume>,
    /// The volume that it replaces as it is now.
    pub replaced: Option<&'a SeenVolume>,
    /// All that is attached to the instance, both of them included.
    pub attached: &'a [SeenVolume],
}

impl Scene<'_> {
    /// The volume at the device, and the state of its attachment. The listings are late each in its own way: the device is free only when
    /// none of them shows anything there.
    fn at(&self, device: &Device) -> Option<(&VolumeId, &str)> {
        let all = self.restored.into_iter().chain(self.replaced).chain(self.attached);
        let mut there = all.filter_map(|volume| {
            let attachment = volume.at(self.instance).filter(|attachment| same_device(&attachment.device, device))?;
            Some((&volume.id, attachment.state.as_str()))
        });
        // What is on its way says more than what was there before.
        let first = there.next()?;
        Some(there.fold(first, |best, next| if best.1 == "attached" && best.0 == next.0 { next } else { best }))
    }
}

/// The next move for a volume that is available, or being put back, after so many rounds.
#[must_use]
pub fn next(volume: &RestoreVolume, scene: Scene<'_>, rounds: u32) -> Move {
    let (Some(id), Some(device)) = (&volume.volume_id, &volume.device) else {
        return Move::Done(End::Failed(VOLUME_LOST, "there is no volume, or no device, to attach".to_owned()));
    };
    if volume.progress == Progress::PuttingBack {
        back(volume, id, device, scene, rounds)
    } else {
        forward(volume, id, device, scene, rounds)
    }
}

fn forward(volume: &RestoreVolume, id: &VolumeId, device: &Device, scene: Scene<'_>, rounds: u32) -> Move {
    let too_late = rounds >= ATTACH_ROUNDS;
    // Whether the device is free because this restore made it so.
    let emptied = volume.replaces.as_ref().is_some_and(|replaced| {
        volume.safety_snapshot_id.is_some() && scene.at(device).is_none_or(|(there, _)| there != replaced)
    });
    let give_up = |error: &'static str, reason: String| {
        Move::Done(if emptied { End::TurnBack(error, reason) } else { End::Failed(error, reason) })
    };
    match scene.at(device) {
        Some((there, "attached")) if there == id => Move::Done(End::Attached),
        Some((there, state)) if there == id && too_late => {
            give_up(STILL_WAITING, format!("{id} is still {state} at {device}"))
        }
        Some((there, _)) if there == id => Move::Wait,
        Some((there, state)) if Some(there) == volume.replaces.as_ref() => match state {
            "attached" if too_late => give_up(STILL_WAITING, format!("{there} was not detached from {device}")),
            "attached" if volume.safety_snapshot_id.is_none() => Move::Snapshot(there.clone()),
            "attached" => Move::Detach(there.clone()),
            _ if too_late => give_up(
                STILL_WAITING,
                format!("{there} is still {state} at {device}: most often it is mounted; unmount it in the instance"),
            ),
            _ => Move::Wait,
        },
        Some((there, _)) => give_up(DEVICE_IN_USE, format!("{there} is at {device}, and was not there before")),
        None if too_late => give_up(STILL_WAITING, format!("{id} could not be attached in time")),
        // Between detached and available there is a moment, in which EC2 still counts the device as taken.
        None if emptied && scene.replaced.is_some_and(|replaced| replaced.at(scene.instance).is_some()) => Move::Wait,
        None => match scene.restored {
            None => give_up(VOLUME_LOST, format!("{id} is not there any more")),
            Some(restored) if restored.attachments.iter().any(|attachment| attachment.state != "detached") => {
                give_up("VolumeInUse", format!("{id} is attached to something else"))
            }
            Some(_) => Move::Attach(id.clone()),
        },
    }
}

fn back(volume: &RestoreVolume, id: &VolumeId, device: &Device, scene: Scene<'_>, rounds: u32) -> Move {
    let Some(replaced) = &volume.replaces else {
        return Move::Done(End::Failed(VOLUME_LOST, "there is nothing to put back".to_owned()));
    };
    let too_late = rounds >= ATTACH_ROUNDS + PUT_BACK_ROUNDS;
    let lost = |why: String| Move::Done(End::Failed(STILL_WAITING, format!("{replaced} was NOT put back: {why}")));
    match scene.at(device) {
        Some((there, "attached")) if there == replaced => Move::Done(End::PutBack),
        Some((_, state)) if too_late => lost(format!("{device} is still {state}")),
        Some((there, "attached" | "attaching" | "busy")) if there == id => Move::Detach(id.clone()),
        Some((there, _)) if there == id || there == replaced => Move::Wait,
        Some((there, _)) => lost(format!("{there} is at {device}")),
        None if too_late => lost(format!("{device} is empty")),
        None => match scene.replaced {
            // A volume that several instances share (Multi-Attach) is in use all the time.
            Some(old) if old.at(scene.instance).is_none() && matches!(old.state.as_str(), "available" | "in-use") => {
                Move::Attach(replaced.clone())
            }
            _ => Move::Wait,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Tags;
    use crate::restore::seen::SeenAttachment;
    use chrono::DateTime;
    use contract::restore::WantedVolume;
    use contract::{SnapshotId, VolumeType, Zone};

    const NEW: &str = "vol-00000001";
    const OLD: &str = "vol-00000002";
    const OTHER: &str = "vol-00000003";

    fn instance() -> InstanceId {
        InstanceId::new("i-0123456789abcdef0").unwrap()
    }

    fn volume(progress: Progress, replaces: bool, snapshotted: bool) -> RestoreVolume {
        RestoreVolume {
            snapshot_id: SnapshotId::new("snap-00000001").unwrap(),
            taken_at: DateTime::UNIX_EPOCH,
            source: None,
            run_id: None,
            wanted: WantedVolume {
                volume_type: VolumeType::Gp3,
                size_gib: 8,
                iops: None,
                throughput: None,
                zone: Zone::new("eu-west-1a").unwrap(),
                encrypted: false,
                kms_key_id: None,
            },
            device: Some(Device::new("/dev/sdf").unwrap()),
            replaces: replaces.then(|| VolumeId::new(OLD).unwrap()),
            progress,
            volume_id: Some(VolumeId::new(NEW).unwrap()),
            available_after: None,
            unseen: 0,
            safety_snapshot_id: snapshotted.then(|| SnapshotId::new("snap-00000009").unwrap()),
            failure: None,
        }
    }

    fn seen(id: &str, state: Option<&str>) -> SeenVolume {
        SeenVolume {
            id: VolumeId::new(id).unwrap(),
            state: if state.is_some() { "in-use" } else { "available" }.to_owned(),
            created_at: None,
            tags: Tags::default(),
            attachments: state
                .map(|state| SeenAttachment {
                    instance: instance(),
                    device: Device::new("/dev/sdf").unwrap(),
                    state: state.to_owned(),
                })
                .into_iter()
                .collect(),
        }
    }

    /// The move when the three volumes are at the device in these states, in words.
    fn moved(volume: &RestoreVolume, new: Option<&str>, old: Option<&str>, other: Option<&str>, rounds: u32) -> String {
        let (new, old, other) = (seen(NEW, new), seen(OLD, old), seen(OTHER, other));
        let attached: Vec<SeenVolume> =
            [&new, &old, &other].into_iter().filter(|volume| !volume.attachments.is_empty()).cloned().collect();
        let instance = instance();
        let scene = Scene { instance: &instance, restored: Some(&new), replaced: Some(&old), attached: &attached };
        match next(volume, scene, rounds) {
            Move::Snapshot(id) => format!("snapshot {id}"),
            Move::Detach(id) => format!("detach {id}"),
            Move::Attach(id) => format!("attach {id}"),
            Move::Wait => "wait".to_owned(),
            Move::Done(End::Attached) => "attached".to_owned(),
            Move::Done(End::PutBack) => "put back".to_owned(),
            Move::Done(End::Failed(error, _)) => format!("failed {error}"),
            Move::Done(End::TurnBack(error, _)) => format!("turn back {error}"),
        }
    }

    #[test]
    fn a_volume_goes_to_a_free_device_and_to_no_other() {
        let plain = volume(Progress::Available, false, false);
        for (new, old, other, rounds, expected) in [
            (None, None, None, 0, "attach vol-00000001"),
            (Some("attaching"), None, None, 0, "wait"),
            (Some("attached"), None, None, 0, "attached"),
            (Some("attached"), None, None, ATTACH_ROUNDS, "attached"),
            (Some("attaching"), None, None, ATTACH_ROUNDS, "failed StillWaiting"),
            (None, None, None, ATTACH_ROUNDS, "failed StillWaiting"),
            (None, None, Some("attached"), 0, "failed DeviceInUse"),
            (None, Some("attached"), None, 0, "failed DeviceInUse"),
        ] {
            assert_eq!(moved(&plain, new, old, other, rounds), expected, "{new:?} {old:?} {other:?} {rounds}");
        }
    }

    #[test]
    fn a_volume_that_is_replaced_is_snapshotted_then_detached_and_only_then_is_the_new_one_attached() {
        let (fresh, safe) = (volume(Progress::Available, true, false), volume(Progress::Available, true, true));
        for (item, new, old, rounds, expected) in [
            (&fresh, None, Some("attached"), 0, "snapshot vol-00000002"),
            (&safe, None, Some("attached"), 0, "detach vol-00000002"),
            (&safe, None, Some("detaching"), 0, "wait"),
            (&safe, None, Some("busy"), 0, "wait"),
            (&safe, None, None, 0, "attach vol-00000001"),
            (&safe, Some("attached"), None, 0, "attached"),
            // It never let go: it is where it was.
            (&safe, None, Some("busy"), ATTACH_ROUNDS, "failed StillWaiting"),
            (&fresh, None, Some("attached"), ATTACH_ROUNDS, "failed StillWaiting"),
            // The device is empty, or held by the new one that does not arrive: the old one has to come back.
            (&safe, None, None, ATTACH_ROUNDS, "turn back StillWaiting"),
            (&safe, Some("attaching"), None, ATTACH_ROUNDS, "turn back StillWaiting"),
            // It had gone before we came: there is nothing to be put back.
            (&fresh, None, None, ATTACH_ROUNDS, "failed StillWaiting"),
        ] {
            assert_eq!(moved(item, new, old, None, rounds), expected, "{new:?} {old:?} {rounds}");
        }
    }

    #[test]
    fn a_listing_that_is_late_takes_nobody_for_gone() {
        let instance = instance();
        let item = volume(Progress::Available, true, true);
        let moved = |new: Option<&str>, old: Option<&str>, listed: &[SeenVolume]| {
            let (new, old) = (seen(NEW, new), seen(OLD, old));
            let scene = Scene { instance: &instance, restored: Some(&new), replaced: Some(&old), attached: listed };
            next(&item, scene, 0)
        };
        let new_there = [seen(NEW, Some("attached"))];
        assert_eq!(moved(Some("attached"), None, &[]), Move::Done(End::Attached), "the list of the instance is late");
        assert_eq!(moved(None, None, &new_there), Move::Done(End::Attached), "the look at the volume is late");
        assert_eq!(moved(Some("attaching"), None, &new_there), Move::Wait, "the later word counts");
        assert_eq!(moved(None, Some("detaching"), &[]), Move::Wait, "the old one is on its way");
        assert_eq!(moved(None, Some("detaching"), &[seen(OLD, Some("attached"))]), Move::Wait);
        let elsewhere = SeenVolume {
            attachments: vec![SeenAttachment {
                instance: InstanceId::new("i-00000001").unwrap(),
                ..seen(NEW, Some("attached")).attachments[0].clone()
            }],
            ..seen(NEW, None)
        };
        let scene = Scene { instance: &instance, restored: Some(&elsewhere), replaced: None, attached: &[] };
        assert!(matches!(next(&item, scene, 0), Move::Done(End::TurnBack("VolumeInUse", _))));
    }

    #[test]
    fn a_volume_that_was_replaced_in_vain_is_put_back() {
        let item = volume(Progress::PuttingBack, true, true);
        let last = ATTACH_ROUNDS + PUT_BACK_ROUNDS;
        for (new, old, other, rounds, expected) in [
            (None, None, None, ATTACH_ROUNDS, "attach vol-00000002"),
            (Some("attaching"), None, None, ATTACH_ROUNDS, "detach vol-00000001"),
            (Some("detaching"), None, None, ATTACH_ROUNDS, "wait"),
            (None, Some("attaching"), None, ATTACH_ROUNDS, "wait"),
            (None, Some("attached"), None, last, "put back"),
            (None, None, Some("attached"), ATTACH_ROUNDS, "failed StillWaiting"),
            (None, None, None, last, "failed StillWaiting"),
        ] {
            assert_eq!(moved(&item, new, old, other, rounds), expected, "{new:?} {old:?} {other:?} {rounds}");
        }
    }
}
