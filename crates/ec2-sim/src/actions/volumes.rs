//! Volumes.

use std::collections::BTreeSet;

use crate::journal::Effect;
use crate::model::Volume;
use crate::query::{Filter, Query, matches};
use crate::refusal::Refusal;
use crate::xml::{Done, VolumeItem, Volumes};

use super::listing::{self, Paging};
use super::{Context, Outcome, VOLUME, checked_id};

/// Bounds of `MaxResults` (EC2 API, DescribeVolumes).
const PAGE: (u32, u32) = (5, 500);

pub fn describe(context: &Context<'_>, query: &Query) -> Outcome {
    let (filters, ids) = (query.filters()?, query.list("VolumeId"));
    let paging = Paging::of(query, &filters, &ids, PAGE)?;
    let there = |volume: &Volume| {
        let seen = context.seen(&volume.id);
        volume.created_at <= seen && volume.deleted_at.is_none_or(|deleted| seen < deleted)
    };
    for filter in &filters {
        passes(context, filter, &Volume::new(""))?;
    }
    let wanted = |volume: &Volume| {
        there(volume) && filters.iter().all(|filter| passes(context, filter, volume).unwrap_or_default())
    };
    let (found, next_token) = if ids.is_empty() {
        paging.page(&context.region.volumes, wanted)
    } else {
        let named = named(context, &ids, there)?;
        (named.into_iter().filter(|volume| wanted(volume)).collect(), None)
    };
    let items = found.into_iter().map(|volume| VolumeItem::new(volume, context.region_name));
    Ok((context.answer(query, &Volumes { volume_set: items.collect(), next_token }), None))
}

fn named<'a>(
    context: &'a Context<'_>,
    ids: &[String],
    there: impl Fn(&Volume) -> bool,
) -> Result<Vec<&'a Volume>, Refusal> {
    let mut found = Vec::new();
    for id in ids.iter().collect::<BTreeSet<_>>() {
        checked_id(id, VOLUME)?;
        let volume = context.region.volumes.get(id).filter(|volume| there(volume));
        found.push(volume.ok_or_else(|| not_found(id))?);
    }
    Ok(found)
}

fn passes(context: &Context<'_>, filter: &Filter, volume: &Volume) -> Result<bool, Refusal> {
    let any = |text: &str| filter.values.iter().any(|pattern| matches(pattern, text));
    if let Some(passes) = listing::by_tag(filter, &volume.tags) {
        return Ok(passes);
    }
    match filter.name.as_str() {
        "volume-id" => Ok(any(&volume.id)),
        "status" => Ok(any(&volume.state)),
        "volume-type" => Ok(any(&volume.volume_type)),
        "size" => Ok(any(&volume.size_gib.to_string())),
        "encrypted" => Ok(any(&volume.encrypted.to_string())),
        "availability-zone" => Ok(any(&format!("{}{}", context.region_name, volume.zone))),
        "attachment.instance-id" => Ok(volume.attachment.as_ref().is_some_and(|(instance, _)| any(instance))),
        _ => Err(listing::unknown(filter)),
    }
}

pub fn not_found(id: &str) -> Refusal {
    Refusal::new("InvalidVolume.NotFound", format!("The volume '{id}' does not exist."))
}

pub fn create(context: &mut Context<'_>, query: &Query) -> Outcome {
    let zone = query.required("AvailabilityZone")?;
    let letter = zone.strip_prefix(context.region_name).and_then(|letter| letter.parse().ok());
    let zone =
        letter.ok_or_else(|| Refusal::new("InvalidZone.NotFound", format!("The zone '{zone}' does not exist.")))?;
    let tags = query.tags_for("volume")?;
    context.checked_tags(&tags)?;
    let source = match query.get("SnapshotId") {
        Some(id) => Some(super::snapshots::owned(context, id)?.size_gib),
        None => None,
    };
    let size_gib = query.number("Size")?.or(source).ok_or_else(|| Refusal::missing("size/snapshot"))?;
    let volume = Volume {
        tags,
        size_gib,
        zone,
        volume_type: query.get("VolumeType").unwrap_or("gp2").to_owned(),
        iops: query.number("Iops")?,
        throughput: query.number("Throughput")?,
        encrypted: query.flag("Encrypted"),
        created_at: context.now,
        ..Volume::new(context.new_id("vol"))
    };
    let id = volume.id.clone();
    let answer = context.answer(query, &VolumeItem::new(&volume, context.region_name));
    context.region.volumes.insert(id.clone(), volume);
    Ok((answer, Some(Effect::Changed(id))))
}

pub fn delete(context: &mut Context<'_>, query: &Query) -> Outcome {
    let id = checked_id(query.required("VolumeId")?, VOLUME)?.to_owned();
    let now = context.now;
    let volume = context.region.volumes.get_mut(&id).filter(|volume| volume.deleted_at.is_none());
    let volume = volume.ok_or_else(|| not_found(&id))?;
    if volume.attachment.is_some() {
        return Err(Refusal::new("VolumeInUse", format!("Volume {id} is currently attached to an instance")));
    }
    volume.deleted_at = Some(now);
    Ok((context.answer(query, &Done::YES), Some(Effect::Changed(id))))
}
