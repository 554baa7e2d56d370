//! Volumes on instances.

use chrono::TimeDelta;

use crate::journal::Effect;
use crate::model::{Attached, AttachmentState, InstanceState};
use crate::query::Query;
use crate::refusal::Refusal;
use crate::xml::AttachmentItem;

use super::{Context, Outcome, instances, volumes};

pub fn attach(context: &mut Context<'_>, query: &Query) -> Outcome {
    let (volume_id, instance_id) = (query.required("VolumeId")?, query.required("InstanceId")?);
    let device = checked_device(query.required("Device")?)?;
    let volume = volumes::existing(context, volume_id)?;
    let instance = instances::existing(context, instance_id)?;
    let now = context.now;
    if !matches!(instance.state, InstanceState::Running | InstanceState::Stopped) {
        let message = format!("Instance '{instance_id}' is not 'running'.");
        return Err(Refusal::new("IncorrectState", message));
    }
    if volume.zone != instance.zone {
        let message =
            format!("The volume '{volume_id}' is not in the same availability zone as instance '{instance_id}'");
        return Err(Refusal::new("InvalidVolume.ZoneMismatch", message));
    }
    if volume.attached_at(now).is_some() || volume.state_at(now) == "in-use" {
        return Err(Refusal::new("VolumeInUse", format!("{volume_id} is already attached to an instance")));
    }
    if volume.state_at(now) != "available" {
        return Err(Refusal::new("IncorrectState", format!("{volume_id} is not 'available'.")));
    }
    let taken = |attached: Attached<'_>| attached.instance_id == instance_id && attached.device == device;
    let mut others = context.region.volumes.values().filter(|other| other.deleted_at.is_none());
    if others.any(|other| other.attached_at(now).is_some_and(taken)) {
        let message = format!("Invalid value '{device}' for unixDevice. Attachment point {device} is already in use");
        return Err(Refusal::new("InvalidParameterValue", message));
    }

    let attached_at = now + TimeDelta::milliseconds(context.behaviour.attaching_ms.into());
    let attached_at = (!context.fails).then_some(attached_at);
    if let Some(volume) = context.region.volumes.get_mut(volume_id) {
        volume.attach(instance_id, device, now, attached_at);
    }
    let effect =
        Effect::Attached { volume: volume_id.to_owned(), instance: instance_id.to_owned(), device: device.to_owned() };
    let state = AttachmentState::Attaching;
    let answer = AttachmentItem::new(volume_id, Attached { instance_id, device, state, since: Some(now) });
    Ok((context.answer(query, &answer), Some(effect)))
}

pub fn detach(context: &mut Context<'_>, query: &Query) -> Outcome {
    let id = query.required("VolumeId")?;
    let now = context.now;
    let volume = volumes::existing(context, id)?;
    let Some(attached) = volume.attached_at(now) else {
        let message = format!("Volume '{id}' is in the '{}' state.", volume.state_at(now));
        return Err(Refusal::new("IncorrectState", message));
    };
    let other = |key: &str, is: &str| query.get(key).is_some_and(|asked| asked != is);
    if other("InstanceId", attached.instance_id) || other("Device", attached.device) {
        let message = format!("The volume '{id}' is not attached to that instance as that device.");
        return Err(Refusal::new("InvalidAttachment.NotFound", message));
    }
    let force = query.flag("Force");
    if matches!(attached.state, AttachmentState::Detaching | AttachmentState::Busy) && !force {
        let message = format!("Volume '{id}' is in the '{}' state.", attached.state.as_str());
        return Err(Refusal::new("IncorrectState", message));
    }
    // What is known of an instance is what it was seeded with; of one that was not, nothing is.
    let instance = context.region.instances.get(attached.instance_id);
    let runs = |state| !matches!(state, InstanceState::Stopped | InstanceState::Terminated);
    if instance.is_some_and(|instance| instance.root_device == attached.device && runs(instance.state)) {
        let message = format!("Unable to detach root volume '{id}' from instance '{}'", attached.instance_id);
        return Err(Refusal::new("OperationNotPermitted", message));
    }

    let detached_at = now + TimeDelta::milliseconds(context.behaviour.detaching_ms.into());
    let detached_at = (!context.fails).then_some(detached_at);
    let effect = Effect::Detached { volume: id.to_owned(), instance: attached.instance_id.to_owned() };
    let answer = AttachmentItem::new(id, Attached { state: AttachmentState::Detaching, ..attached });
    let answer = context.answer(query, &answer);
    if let Some(volume) = context.region.volumes.get_mut(id) {
        volume.detach(now, detached_at);
    }
    Ok((answer, Some(effect)))
}

/// A name that a device can have (EBS user guide, "Device names for volumes"): what NVMe makes of it is none.
fn checked_device(name: &str) -> Result<&str, Refusal> {
    let short = name.strip_prefix("/dev/").unwrap_or(name);
    let rest = short.strip_prefix("xvd").or_else(|| short.strip_prefix("sd"));
    if rest.is_some_and(|rest| !rest.is_empty() && rest.len() <= 3 && rest.bytes().all(|b| b.is_ascii_alphanumeric())) {
        Ok(name)
    } else {
        Err(Refusal::value("device", name, &format!("{name} is not a valid EBS device name.")))
    }
}

#[cfg(test)]
mod tests;
