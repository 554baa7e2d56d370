//! Volumes.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use chrono::TimeDelta;

use crate::journal::Effect;
use crate::model::{Snapshot, Volume};
use crate::query::{Filter, Query, matches};
use crate::refusal::Refusal;
use crate::xml::{Done, VolumeItem, Volumes};

use super::listing::{self, Paging};
use super::{Context, Outcome, VOLUME, checked_id, zones};

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
    let items = found.into_iter().map(|volume| VolumeItem::new(volume, context.region_name, context.seen(&volume.id)));
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
        "status" => Ok(any(volume.state_at(context.seen(&volume.id)))),
        "volume-type" => Ok(any(&volume.volume_type)),
        "size" => Ok(any(&volume.size_gib.to_string())),
        "encrypted" => Ok(any(&volume.encrypted.to_string())),
        "availability-zone" => Ok(any(&format!("{}{}", context.region_name, volume.zone))),
        "attachment.instance-id" => {
            Ok(volume.attached_at(context.seen(&volume.id)).is_some_and(|attached| any(attached.instance_id)))
        }
        "snapshot-id" => Ok(volume.snapshot_id.as_deref().is_some_and(any)),
        _ => Err(listing::unknown(filter)),
    }
}

pub fn not_found(id: &str) -> Refusal {
    Refusal::new("InvalidVolume.NotFound", format!("The volume '{id}' does not exist."))
}

pub fn create(context: &mut Context<'_>, query: &Query) -> Outcome {
    let token = checked_token(query)?;
    let parameters = query.all_but(&["Action", "ClientToken", "Version"]);
    if let Some((before, id)) = token.as_ref().and_then(|token| context.region.made_with.get(token)) {
        if *before != parameters {
            let message = "The client token that was provided was used before with other parameters.";
            return Err(Refusal::new("IdempotentParameterMismatch", message));
        }
        let volume = context.region.volumes.get(id).ok_or_else(|| not_found(id))?;
        return Ok((context.answer(query, &VolumeItem::new(volume, context.region_name, context.now)), None));
    }

    let zone = query.required("AvailabilityZone")?;
    let zone = zones::letter(context.region_name, zone)
        .ok_or_else(|| Refusal::new("InvalidZone.NotFound", format!("The zone '{zone}' does not exist.")))?;
    let tags = query.tags_for("volume")?;
    context.checked_tags(&tags)?;
    let source = query.get("SnapshotId").map(|id| source(context, id)).transpose()?;
    let size_gib = size(query, source)?;
    let performance = Performance::of(query, size_gib)?;
    let (encrypted, kms_key_id) = encryption(query, source)?;
    let volume = Volume {
        tags,
        size_gib,
        zone,
        volume_type: performance.volume_type,
        iops: performance.iops,
        throughput: performance.throughput,
        encrypted,
        kms_key_id,
        snapshot_id: source.map(|snapshot| snapshot.id.clone()),
        initialization_rate: initialization_rate(query, source)?,
        created_at: context.now,
        made_at: Some(context.now + TimeDelta::milliseconds(context.behaviour.volume_creation_ms.into())),
        ..Volume::new("")
    };
    // The id comes last: a call that is refused draws none.
    let id = context.new_id("vol");
    let state = if context.fails { "error".to_owned() } else { volume.state.clone() };
    let volume = Volume { id: id.clone(), state, ..volume };
    let answer = context.answer(query, &VolumeItem::new(&volume, context.region_name, context.now));
    let effect = Effect::VolumeCreated { volume: id.clone(), snapshot: volume.snapshot_id.clone() };
    if let Some(token) = token {
        context.region.made_with.insert(token, (parameters, id.clone()));
    }
    context.region.volumes.insert(id, volume);
    Ok((answer, Some(effect)))
}

/// The client token of a call (EC2 API, "Ensuring idempotency").
fn checked_token(query: &Query) -> Result<Option<String>, Refusal> {
    /// The longest token, in ASCII characters.
    const CHARS: usize = 64;
    let token = query.get("ClientToken");
    match token.filter(|token| token.len() > CHARS || !token.is_ascii()) {
        Some(token) => Err(Refusal::value("ClientToken", token, "It must be at most 64 ASCII characters.")),
        None => Ok(token.map(ToOwned::to_owned)),
    }
}

/// A snapshot that a volume can be made from.
fn source<'a>(context: &'a Context<'_>, id: &str) -> Result<&'a Snapshot, Refusal> {
    let snapshot = super::snapshots::owned(context, id)?;
    match snapshot.state(context.now) {
        "completed" => Ok(snapshot),
        state => Err(Refusal::new("IncorrectState", format!("Snapshot is in invalid state - {state}"))),
    }
}

/// The size that is asked for, or else the snapshot's.
fn size(query: &Query, source: Option<&Snapshot>) -> Result<u32, Refusal> {
    let asked: Option<u32> = query.number("Size")?;
    match (asked, source) {
        (Some(size), Some(snapshot)) if size < snapshot.size_gib => {
            let why = format!("It must not be below the snapshot's size of {} GiB.", snapshot.size_gib);
            Err(Refusal::value("size", &size.to_string(), &why))
        }
        (Some(0), _) => Err(Refusal::value("size", "0", "It must be 1 GiB or more.")),
        (asked, source) => {
            asked.or(source.map(|snapshot| snapshot.size_gib)).ok_or_else(|| Refusal::missing("size/snapshot"))
        }
    }
}

/// What a volume can do.
struct Performance {
    volume_type: String,
    /// Of every type but magnetic ones.
    iops: Option<u32>,
    /// Of gp3, in MiB/s.
    throughput: Option<u32>,
}

impl Performance {
    /// What is asked for, or else what the type has without it (EBS user guide, "Volume types"). The bounds of the numbers
    /// are not checked.
    fn of(query: &Query, size_gib: u32) -> Result<Self, Refusal> {
        /// IOPS and MiB/s of a gp3 that asks for none.
        const GP3: (u32, u32) = (3_000, 125);
        /// IOPS of a gp2: three for each GiB, within these bounds.
        const GP2: (u32, u32) = (100, 16_000);
        let volume_type = query.get("VolumeType").unwrap_or("gp2");
        let (iops, throughput) = (query.number("Iops")?, query.number("Throughput")?);
        let unsupported = |parameter: &str| {
            let message = format!("The parameter {parameter} is not supported for {volume_type} volumes.");
            Err(Refusal::new("InvalidParameterCombination", message))
        };
        let (iops, throughput) = match volume_type {
            "gp3" => (Some(iops.unwrap_or(GP3.0)), Some(throughput.unwrap_or(GP3.1))),
            _ if throughput.is_some() => return unsupported("throughput"),
            "io1" | "io2" => (Some(iops.ok_or_else(|| Refusal::missing("iops"))?), None),
            "gp2" | "st1" | "sc1" | "standard" if iops.is_some() => return unsupported("iops"),
            "gp2" => (Some(size_gib.saturating_mul(3).clamp(GP2.0, GP2.1)), None),
            "st1" | "sc1" | "standard" => (None, None),
            other => {
                return Err(Refusal::new("UnknownVolumeType", format!("Unsupported volume type '{other}'.")));
            }
        };
        Ok(Self { volume_type: volume_type.to_owned(), iops, throughput })
    }
}

/// Whether a volume is encrypted, and with what key: a snapshot's encryption can be added to, and not be taken away (EBS
/// user guide, "Encryption outcomes").
fn encryption(query: &Query, source: Option<&Snapshot>) -> Result<(bool, Option<String>), Refusal> {
    let asked = query.choice("Encrypted")?;
    let key = query.get("KmsKeyId");
    if key.is_some() && asked != Some(true) {
        let message = "The parameter KmsKeyId requires the parameter Encrypted to be set.";
        return Err(Refusal::new("InvalidParameterDependency", message));
    }
    let of_snapshot = source.filter(|snapshot| snapshot.encrypted);
    if let (Some(snapshot), Some(false)) = (of_snapshot, asked) {
        let message = format!("The snapshot {} is encrypted, and so is a volume that is made from it.", snapshot.id);
        return Err(Refusal::new("InvalidParameterDependency", message));
    }
    let key = key.map(ToOwned::to_owned).or_else(|| of_snapshot.and_then(|snapshot| snapshot.kms_key_id.clone()));
    Ok((asked == Some(true) || of_snapshot.is_some(), key))
}

/// How fast a volume's data is to be fetched from its snapshot, in MiB/s, if the call says so.
fn initialization_rate(query: &Query, source: Option<&Snapshot>) -> Result<Option<u32>, Refusal> {
    /// The slowest and the fastest, in MiB/s (EC2 API, CreateVolume).
    const RATE: RangeInclusive<u32> = 100..=300;
    const PARAMETER: &str = "VolumeInitializationRate";
    let rate: Option<u32> = query.number(PARAMETER)?;
    match rate {
        Some(rate) if !RATE.contains(&rate) => {
            let why = format!("It must be from {} to {} MiB/s.", RATE.start(), RATE.end());
            Err(Refusal::value(PARAMETER, &rate.to_string(), &why))
        }
        Some(_) if source.is_none() => {
            Err(Refusal::combination("VolumeInitializationRate is for volumes that are made from a snapshot"))
        }
        rate => Ok(rate),
    }
}

/// A volume that is there.
pub fn existing<'a>(context: &'a Context<'_>, id: &str) -> Result<&'a Volume, Refusal> {
    checked_id(id, VOLUME)?;
    let there = |volume: &&Volume| volume.deleted_at.is_none();
    context.region.volumes.get(id).filter(there).ok_or_else(|| not_found(id))
}

pub fn delete(context: &mut Context<'_>, query: &Query) -> Outcome {
    let id = query.required("VolumeId")?.to_owned();
    let now = context.now;
    let volume = existing(context, &id)?;
    if volume.attached_at(now).is_some() {
        return Err(Refusal::new("VolumeInUse", format!("Volume {id} is currently attached to an instance")));
    }
    if volume.state_at(now) == "creating" {
        return Err(Refusal::new("IncorrectState", format!("The volume '{id}' is 'creating'.")));
    }
    if let Some(volume) = context.region.volumes.get_mut(&id) {
        volume.deleted_at = Some(now);
    }
    Ok((context.answer(query, &Done::YES), Some(Effect::Changed(id))))
}

#[cfg(test)]
mod tests;
