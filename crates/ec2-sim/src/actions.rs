//! What each action does. Everything here is decided at one moment, under one lock.

mod attachments;
mod images;
mod instances;
mod listing;
mod snapshots;
mod tags;
#[cfg(test)]
mod test;
mod volumes;
mod zones;

use chrono::{DateTime, Utc};

use crate::behaviour::Behaviour;
use crate::chance;
use crate::geography::REGIONS;
use crate::journal::Effect;
use crate::query::{Query, Tag};
use crate::refusal::Refusal;
use crate::region::Region;
use crate::xml::{self, RegionItem, Regions};

/// What an action gives back, and what it changed.
pub type Outcome = Result<(String, Option<Effect>), Refusal>;

/// All that an action sees.
pub struct Context<'a> {
    /// How EC2 behaves.
    pub behaviour: &'a Behaviour,
    /// Whose.
    pub account: &'a str,
    /// Where.
    pub region_name: &'a str,
    /// What there is.
    pub region: &'a mut Region,
    /// Regions that need an opt-in and have it.
    pub opted_in: &'a [String],
    /// When.
    pub now: DateTime<Utc>,
    /// The number of the request, for its id.
    pub request_id: &'a str,
    /// Whether what is asked for is to come to nothing, as [`crate::Fault::Fails`] says.
    pub fails: bool,
}

/// The actions that exist here.
pub const ACTIONS: [&str; 18] = [
    "AttachVolume",
    "CreateSnapshot",
    "CreateTags",
    "CreateVolume",
    "DeleteSnapshot",
    "DeleteTags",
    "DeleteVolume",
    "DeregisterImage",
    "DescribeAvailabilityZones",
    "DescribeImages",
    "DescribeInstances",
    "DescribeRegions",
    "DescribeSnapshots",
    "DescribeVolumes",
    "DetachVolume",
    "LockSnapshot",
    "RegisterImage",
    "UnlockSnapshot",
];

/// Does what a request asks for.
///
/// # Errors
/// What EC2 refuses.
pub fn perform(context: &mut Context<'_>, query: &Query) -> Outcome {
    let action = query.action();
    if query.flag("DryRun") && ACTIONS.contains(&action) {
        return Err(Refusal::new("DryRunOperation", "Request would have succeeded, but DryRun flag is set."));
    }
    match action {
        "AttachVolume" => attachments::attach(context, query),
        "CreateSnapshot" => snapshots::create(context, query),
        "CreateTags" => tags::create(context, query),
        "CreateVolume" => volumes::create(context, query),
        "DeleteSnapshot" => snapshots::delete(context, query),
        "DeleteTags" => tags::delete(context, query),
        "DeleteVolume" => volumes::delete(context, query),
        "DeregisterImage" => images::deregister(context, query),
        "DescribeAvailabilityZones" => zones::describe(context, query),
        "DescribeImages" => images::describe(context, query),
        "DescribeInstances" => instances::describe(context, query),
        "DescribeRegions" => regions(context, query),
        "DescribeSnapshots" => snapshots::describe(context, query),
        "DescribeVolumes" => volumes::describe(context, query),
        "DetachVolume" => attachments::detach(context, query),
        "LockSnapshot" => snapshots::lock(context, query),
        "RegisterImage" => images::register(context, query),
        "UnlockSnapshot" => snapshots::unlock(context, query),
        other => Err(Refusal::new("InvalidAction", format!("The action {other} is not valid for this web service."))),
    }
}

/// The volume or snapshot that a request is about; empty for a listing.
#[must_use]
pub fn resource(query: &Query) -> &str {
    match query.action() {
        action if action.starts_with("Describe") => "",
        _ => ["SnapshotId", "VolumeId", "ImageId", "ResourceId.1"].iter().find_map(|key| query.get(key)).unwrap_or(""),
    }
}

/// Whether a call draws from the bucket of calls that are filtered, paged or name ids.
#[must_use]
pub fn is_narrow(query: &Query) -> bool {
    const NARROWING: [&str; 8] = [
        "MaxResults",
        "NextToken",
        "Filter.1.Name",
        "VolumeId.1",
        "SnapshotId.1",
        "ImageId.1",
        "InstanceId.1",
        "ZoneName.1",
    ];
    !query.action().starts_with("Describe") || NARROWING.iter().any(|key| query.get(key).is_some())
}

impl Context<'_> {
    fn answer(&self, query: &Query, body: &impl serde::Serialize) -> String {
        xml::answer(query.action(), self.request_id, body)
    }

    /// A new id: the digits of one region's ids come in no order that means anything, as with EC2.
    fn new_id(&mut self, prefix: &str) -> String {
        self.region.ids += 1;
        let name = (self.account, self.region_name, prefix);
        format!("{prefix}-0{:016x}", chance::mixed(self.region.ids ^ chance::draw(self.behaviour.seed, name)))
    }

    /// The moment that a listing shows of a resource.
    fn seen(&self, id: &str) -> DateTime<Utc> {
        self.now - crate::model::listing_delay(self.behaviour.seed, self.behaviour.listing_delay_ms, id)
    }

    /// Tags of one call, as EC2 takes them (EC2 user guide, "Tag restrictions").
    fn checked_tags(&self, tags: &[Tag]) -> Result<(), Refusal> {
        for (n, (key, value)) in tags.iter().enumerate() {
            if key.to_lowercase().starts_with("aws:") {
                let why = "Tag keys starting with 'aws:' are reserved for internal use";
                return Err(Refusal::new("InvalidParameterValue", why));
            }
            if key.chars().count() > 128 {
                return Err(Refusal::new(
                    "InvalidParameterValue",
                    "Tag key exceeds the maximum length of 128 characters",
                ));
            }
            if value.chars().count() > 256 {
                return Err(Refusal::new(
                    "InvalidParameterValue",
                    "Tag value exceeds the maximum length of 256 characters",
                ));
            }
            if tags[..n].iter().any(|(other, _)| other == key) {
                let why = format!("Duplicate tag key '{key}' specified.");
                return Err(Refusal::new("InvalidParameterValue", why));
            }
        }
        self.within_tag_limit(tags)
    }

    /// No more tags on one resource than it may have, those of AWS not counted.
    fn within_tag_limit(&self, tags: &[Tag]) -> Result<(), Refusal> {
        if tags.iter().filter(|(key, _)| !key.starts_with("aws:")).count() > self.behaviour.tags_per_resource {
            let most = self.behaviour.tags_per_resource;
            return Err(Refusal::new(
                "TagLimitExceeded",
                format!("The maximum number of Tags for a resource is {most}"),
            ));
        }
        Ok(())
    }
}

/// A kind of id: what it begins with, the parameter it comes in, and the code for one that only begins so.
struct Kind(&'static str, &'static str, &'static str);

const VOLUME: Kind = Kind("vol", "volumeId", "InvalidVolumeID.Malformed");
const SNAPSHOT: Kind = Kind("snap", "snapshotId", "InvalidSnapshotID.Malformed");
const INSTANCE: Kind = Kind("i", "instanceId", "InvalidInstanceID.Malformed");
const IMAGE: Kind = Kind("ami", "imageId", "InvalidAMIID.Malformed");

/// An id that is written as ids of its kind are.
fn checked_id(id: &str, Kind(prefix, parameter, malformed): Kind) -> Result<&str, Refusal> {
    let Some(hex) = id.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')) else {
        return Err(Refusal::value(parameter, id, &format!("Expected: '{prefix}-...'.")));
    };
    if (hex.len() == 17 || hex.len() == 8) && hex.chars().all(|c| c.is_ascii_hexdigit()) {
        Ok(id)
    } else {
        Err(Refusal::new(malformed, format!("Invalid id: \"{id}\"")))
    }
}

fn regions(context: &Context<'_>, query: &Query) -> Outcome {
    let names = query.list("RegionName");
    if let Some(unknown) = names.iter().find(|name| !REGIONS.iter().any(|(region, _)| region == *name)) {
        return Err(Refusal::new("InvalidParameterValue", format!("Invalid region: [{unknown}]")));
    }
    let all = query.flag("AllRegions");
    let items = REGIONS.iter().filter_map(|(name, default)| {
        let opt_in_status = match (default, context.opted_in.iter().any(|region| region == name)) {
            (true, _) => "opt-in-not-required",
            (false, true) => "opted-in",
            (false, false) => "not-opted-in",
        };
        let asked = names.is_empty() || names.iter().any(|asked| asked == name);
        (asked && (all || opt_in_status != "not-opted-in")).then(|| RegionItem {
            region_name: (*name).to_owned(),
            region_endpoint: format!("ec2.{name}.amazonaws.com"),
            opt_in_status,
        })
    });
    Ok((context.answer(query, &Regions { region_info: items.collect() }), None))
}

#[cfg(test)]
mod tests {
    use super::test::Ec2;
    use super::*;

    #[test]
    fn every_action_of_the_list_exists_and_knows_dry_runs() {
        let ec2 = Ec2::new();
        for action in ACTIONS {
            assert_ne!(ec2.call(action, &[]).map(|_| ()), Err("InvalidAction".to_owned()), "{action}");
            assert_eq!(ec2.call(action, &[("DryRun", "true")]).unwrap_err(), "DryRunOperation", "{action}");
        }
        assert_eq!(ec2.call("RebootInstances", &[]).unwrap_err(), "InvalidAction");
    }

    #[test]
    fn a_call_is_about_its_volume_and_narrow_when_it_names_ids() {
        let of = |form: &str| Query::parse(form.as_bytes());
        assert_eq!(resource(&of("Action=AttachVolume&InstanceId=i-1&VolumeId=vol-1&Device=/dev/sdf")), "vol-1");
        assert_eq!(resource(&of("Action=DetachVolume&VolumeId=vol-1")), "vol-1");
        assert_eq!(resource(&of("Action=DescribeInstances&InstanceId.1=i-1")), "");
        assert!(is_narrow(&of("Action=DescribeInstances&InstanceId.1=i-1")));
        assert!(is_narrow(&of("Action=DescribeAvailabilityZones&ZoneName.1=eu-west-1a")));
        assert!(!is_narrow(&of("Action=DescribeInstances")));
    }
}
