//! Snapshots.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use crate::journal::Effect;
use crate::model::{Fate, Snapshot};
use crate::query::{Filter, Query, matches};
use crate::refusal::Refusal;
use crate::xml::{Done, Locked, SnapshotItem, Snapshots};

use super::listing::{self, Paging};
use super::{Context, Outcome, SNAPSHOT, VOLUME, checked_id, volumes};

/// Bounds of `MaxResults` (EC2 API, DescribeSnapshots).
const PAGE: (u32, u32) = (5, 1_000);
/// The longest description (EC2 API, CreateSnapshot).
const DESCRIPTION_CHARS: usize = 255;

pub fn describe(context: &Context<'_>, query: &Query) -> Outcome {
    let (filters, ids) = (query.filters()?, query.list("SnapshotId"));
    let paging = Paging::of(query, &filters, &ids, PAGE)?;
    for filter in &filters {
        passes(context, filter, &Snapshot::new("", "", context.now))?;
    }
    let owners = query.list("Owner");
    let owned = |snapshot: &Snapshot| {
        owners.is_empty()
            || owners
                .iter()
                .any(|owner| *owner == snapshot.owner || (owner == "self" && snapshot.owner == context.account))
    };
    let there = |snapshot: &Snapshot| owned(snapshot) && snapshot.exists(context.seen(&snapshot.id));
    let wanted = |snapshot: &Snapshot| {
        there(snapshot) && filters.iter().all(|filter| passes(context, filter, snapshot).unwrap_or_default())
    };
    let (found, next_token) = if !ids.is_empty() {
        let named = named(context, &ids, there)?;
        (named.into_iter().filter(|snapshot| wanted(snapshot)).collect(), None)
    } else if let Some(few) = candidates(context, &filters).filter(|_| !paging.is_asked_for()) {
        (few.into_iter().filter(|snapshot| wanted(snapshot)).collect(), None)
    } else {
        paging.page(&context.region.snapshots, wanted)
    };
    let items = found.into_iter().map(|snapshot| SnapshotItem::new(snapshot, context.seen(&snapshot.id)));
    Ok((context.answer(query, &Snapshots { snapshot_set: items.collect(), next_token }), None))
}

/// The few snapshots that a filter on ids leaves, so that nobody has to walk through all: for speed alone.
fn candidates<'a>(context: &'a Context<'_>, filters: &[Filter]) -> Option<Vec<&'a Snapshot>> {
    let plain = |filter: &&Filter| !filter.values.iter().any(|value| value.contains(['*', '?', '\\']));
    let by = |name: &str| filters.iter().filter(plain).find(|filter| filter.name == name);
    let ids: BTreeSet<&String> = if let Some(filter) = by("snapshot-id") {
        filter.values.iter().collect()
    } else {
        by("volume-id")?.values.iter().flat_map(|volume| context.region.snapshots_of(volume)).collect()
    };
    Some(ids.into_iter().filter_map(|id| context.region.snapshots.get(id)).collect())
}

fn named<'a>(
    context: &'a Context<'_>,
    ids: &[String],
    there: impl Fn(&Snapshot) -> bool,
) -> Result<Vec<&'a Snapshot>, Refusal> {
    let mut found = Vec::new();
    for id in ids.iter().collect::<BTreeSet<_>>() {
        checked_id(id, SNAPSHOT)?;
        let snapshot = context.region.snapshots.get(id).filter(|snapshot| there(snapshot));
        found.push(snapshot.ok_or_else(|| not_found(id))?);
    }
    Ok(found)
}

fn passes(context: &Context<'_>, filter: &Filter, snapshot: &Snapshot) -> Result<bool, Refusal> {
    let any = |text: &str| filter.values.iter().any(|pattern| matches(pattern, text));
    if let Some(passes) = listing::by_tag(filter, &snapshot.tags) {
        return Ok(passes);
    }
    match filter.name.as_str() {
        "volume-id" => Ok(any(&snapshot.volume_id)),
        "snapshot-id" => Ok(any(&snapshot.id)),
        "status" => Ok(any(snapshot.state(context.seen(&snapshot.id)))),
        "owner-id" => Ok(any(&snapshot.owner)),
        "description" => Ok(any(&snapshot.description)),
        "volume-size" => Ok(any(&snapshot.size_gib.to_string())),
        "encrypted" => Ok(any(&snapshot.encrypted.to_string())),
        _ => Err(listing::unknown(filter)),
    }
}

fn not_found(id: &str) -> Refusal {
    Refusal::new("InvalidSnapshot.NotFound", format!("The snapshot '{id}' does not exist."))
}

/// A snapshot of the account that is there.
pub fn owned<'a>(context: &'a Context<'_>, id: &str) -> Result<&'a Snapshot, Refusal> {
    checked_id(id, SNAPSHOT)?;
    let mine = |snapshot: &&Snapshot| snapshot.owner == context.account && snapshot.exists(context.now);
    context.region.snapshots.get(id).filter(mine).ok_or_else(|| not_found(id))
}

pub fn create(context: &mut Context<'_>, query: &Query) -> Outcome {
    let id = query.required("VolumeId")?;
    checked_id(id, VOLUME)?;
    let description = query.get("Description").unwrap_or_default();
    if description.chars().count() > DESCRIPTION_CHARS {
        let why = format!("It exceeds {DESCRIPTION_CHARS} characters");
        return Err(Refusal::value("description", description, &why));
    }
    let tags = query.tags_for("snapshot")?;
    context.checked_tags(&tags)?;
    let there = |volume: &&crate::model::Volume| volume.deleted_at.is_none();
    let volume = context.region.volumes.get(id).filter(there).cloned().ok_or_else(|| volumes::not_found(id))?;
    let state = volume.state_at(context.now);
    if !["available", "in-use"].contains(&state) {
        let message = format!("The volume '{id}' is '{state}'. It must be 'available' or 'in-use'.");
        return Err(Refusal::new("IncorrectState", message));
    }
    within_limits(context, &volume)?;

    let now = context.now;
    let fate = if context.fails { Fate::Fails } else { Fate::Completes };
    let snapshot = Snapshot {
        tags,
        description: description.to_owned(),
        size_gib: volume.size_gib,
        encrypted: volume.encrypted,
        kms_key_id: volume.kms_key_id.clone(),
        owner: context.account.to_owned(),
        made_at: Some(now + context.behaviour.completion.of(volume.size_gib)),
        fate,
        created_at: now,
        ..Snapshot::new(context.new_id("snap"), &volume.id, now)
    };
    let effect = Effect::Created { snapshot: snapshot.id.clone(), volume: volume.id };
    let answer = context.answer(query, &SnapshotItem::new(&snapshot, now));
    context.region.add_snapshot(snapshot);
    Ok((answer, Some(effect)))
}

/// The limits of snapshots, in the order in which they are likely to be met.
fn within_limits(context: &mut Context<'_>, volume: &crate::model::Volume) -> Result<(), Refusal> {
    let (now, behaviour) = (context.now, context.behaviour);
    let of_volume = context.region.snapshots_of(&volume.id).iter().filter_map(|id| context.region.snapshots.get(id));
    let apart = TimeDelta::seconds(behaviour.seconds_between_snapshots.into());
    if of_volume.map(|snapshot| snapshot.created_at).max().is_some_and(|last| now - last < apart) {
        let message = "The maximum per volume CreateSnapshot request rate has been exceeded. Use an increasing or variable sleep interval between requests.";
        return Err(Refusal::new("SnapshotCreationPerVolumeRateExceeded", message));
    }
    let most = if ["st1", "sc1"].contains(&volume.volume_type.as_str()) {
        behaviour.pending_per_volume.map(|_| 1)
    } else {
        behaviour.pending_per_volume
    };
    if most.is_some_and(|most| context.region.pending_of(&volume.id, now) >= most as usize) {
        let message = "Maximum allowed in-progress snapshots for a single volume exceeded.";
        return Err(Refusal::new("ConcurrentSnapshotLimitExceeded", message));
    }
    if behaviour.pending_per_region.is_some_and(|most| context.region.pending(now) >= most as usize) {
        let message = "The maximum number of pending snapshots has been reached.";
        return Err(Refusal::new("PendingSnapshotLimitExceeded", message));
    }
    if context.region.live_snapshots() >= behaviour.snapshots_per_region as usize {
        let message = format!("Maximum allowed snapshots ({}) exceeded.", behaviour.snapshots_per_region);
        return Err(Refusal::new("SnapshotLimitExceeded", message));
    }
    Ok(())
}

pub fn delete(context: &mut Context<'_>, query: &Query) -> Outcome {
    let id = query.required("SnapshotId")?.to_owned();
    let now = context.now;
    let snapshot = owned(context, &id)?;
    // One that is deleted and takes effect later is gone for its owner.
    if snapshot.deleted_at.is_some() {
        return Err(not_found(&id));
    }
    if let Some(image) = context.region.image_of(&id) {
        let message = format!("The snapshot {id} is currently in use by {}", image.id);
        return Err(Refusal::new("InvalidSnapshot.InUse", message));
    }
    if snapshot.by_aws_backup {
        let message = "This snapshot is managed by the AWS Backup service and cannot be deleted via EC2 APIs. If you wish to delete this snapshot, please do so via the Backup console.";
        return Err(Refusal::new("InvalidParameterValue", message));
    }
    if snapshot.locked_until.is_some_and(|until| now < until) {
        let message = format!("The snapshot {id} is locked and cannot be deleted.");
        return Err(Refusal::new("OperationNotPermitted", message));
    }
    let takes_effect = snapshot.made_at.map_or(now, |made| made.max(now));
    context.region.delete_snapshot(&id, takes_effect);
    Ok((context.answer(query, &Done::YES), Some(Effect::Deleted { snapshot: id })))
}

pub fn lock(context: &mut Context<'_>, query: &Query) -> Outcome {
    let id = query.required("SnapshotId")?.to_owned();
    owned(context, &id)?;
    let mode = query.required("LockMode")?.to_owned();
    let days: i64 = query.number("LockDuration")?.ok_or_else(|| Refusal::missing("LockDuration"))?;
    let until = context.now + TimeDelta::try_days(days).unwrap_or_default();
    if let Some(snapshot) = context.region.snapshots.get_mut(&id) {
        snapshot.locked_until = Some(until);
    }
    let answer = Locked { snapshot_id: id.clone(), lock_state: mode, lock_duration: days };
    Ok((context.answer(query, &answer), Some(Effect::Changed(id))))
}

pub fn unlock(context: &mut Context<'_>, query: &Query) -> Outcome {
    let id = query.required("SnapshotId")?.to_owned();
    owned(context, &id)?;
    if let Some(snapshot) = context.region.snapshots.get_mut(&id) {
        snapshot.locked_until = None;
    }
    Ok((context.answer(query, &Done::YES), Some(Effect::Changed(id))))
}
