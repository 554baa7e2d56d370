//! Instances, as far as volumes are attached to them.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Attached, Instance};
use crate::query::{Filter, Query, matches};
use crate::refusal::Refusal;
use crate::xml::{Instances, ReservationItem};

use super::listing::{self, Paging};
use super::{Context, INSTANCE, Outcome, checked_id};

/// Bounds of `MaxResults` (EC2 API, DescribeInstances).
const PAGE: (u32, u32) = (5, 1_000);

pub fn describe(context: &Context<'_>, query: &Query) -> Outcome {
    let (filters, ids) = (query.filters()?, query.list("InstanceId"));
    let paging = Paging::of(query, &filters, &ids, PAGE)?;
    for filter in &filters {
        passes(context, filter, &Instance::new(""))?;
    }
    let wanted =
        |instance: &Instance| filters.iter().all(|filter| passes(context, filter, instance).unwrap_or_default());
    let (found, next_token) = if ids.is_empty() {
        paging.page(&context.region.instances, wanted)
    } else {
        let named: Result<Vec<_>, _> =
            ids.iter().collect::<BTreeSet<_>>().into_iter().map(|id| existing(context, id)).collect();
        (named?.into_iter().filter(|instance| wanted(instance)).collect(), None)
    };
    let volumes = attached_to(context, &found);
    let items = found.into_iter().map(|instance| {
        let volumes = volumes.get(instance.id.as_str()).map(Vec::as_slice).unwrap_or_default();
        ReservationItem::new(instance, context.account, context.region_name, volumes)
    });
    Ok((context.answer(query, &Instances { reservation_set: items.collect(), next_token }), None))
}

/// By instance: the ids of its volumes, and what holds them; one walk through all volumes for all instances of a page.
fn attached_to<'a>(
    context: &'a Context<'_>,
    instances: &[&'a Instance],
) -> BTreeMap<&'a str, Vec<(&'a str, Attached<'a>)>> {
    let mut volumes: BTreeMap<&str, Vec<_>> = instances.iter().map(|i| (i.id.as_str(), Vec::new())).collect();
    for volume in context.region.volumes.values() {
        let at = context.seen(&volume.id);
        let there = volume.deleted_at.is_none_or(|deleted| at < deleted);
        if let Some(attached) = volume.attached_at(at).filter(|_| there)
            && let Some(of_instance) = volumes.get_mut(attached.instance_id)
        {
            of_instance.push((volume.id.as_str(), attached));
        }
    }
    volumes
}

fn passes(context: &Context<'_>, filter: &Filter, instance: &Instance) -> Result<bool, Refusal> {
    let any = |text: &str| filter.values.iter().any(|pattern| matches(pattern, text));
    if let Some(passes) = listing::by_tag(filter, &instance.tags) {
        return Ok(passes);
    }
    match filter.name.as_str() {
        "instance-id" => Ok(any(&instance.id)),
        "instance-state-name" => Ok(any(instance.state.code_and_name().1)),
        "availability-zone" => Ok(any(&format!("{}{}", context.region_name, instance.zone))),
        _ => Err(listing::unknown(filter)),
    }
}

/// An instance that is there.
pub fn existing<'a>(context: &'a Context<'_>, id: &str) -> Result<&'a Instance, Refusal> {
    checked_id(id, INSTANCE)?;
    let unknown = || Refusal::new("InvalidInstanceID.NotFound", format!("The instance ID '{id}' does not exist"));
    context.region.instances.get(id).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use crate::actions::test::{ACCOUNT, Ec2, INSTANCE, REGION, VOLUME, all, one};
    use crate::model::{Instance, InstanceState, Seed, Volume};

    const OTHER: &str = "i-00000000000000002";

    /// One running instance in zone a, and a stopped one in zone b.
    fn two() -> Ec2 {
        let ec2 = Ec2::new();
        let stopped = Instance { zone: 'b', state: InstanceState::Stopped, ..Instance::new(OTHER) };
        ec2.seed(Seed { instances: vec![Instance::new(INSTANCE).tag("Name", "db"), stopped], ..Seed::default() });
        ec2
    }

    #[test]
    fn an_instance_is_listed_with_its_volumes() {
        let ec2 = two();
        let attachment = Some((INSTANCE.to_owned(), "/dev/xvda".to_owned()));
        ec2.seed(Seed { volumes: vec![Volume { attachment, ..Volume::new(VOLUME) }], ..Seed::default() });
        let answer = ec2.call("DescribeInstances", &[("InstanceId.1", INSTANCE)]).unwrap();
        assert_eq!(one(&answer, "instanceId"), INSTANCE);
        assert!(answer.contains("<instanceState><code>16</code><name>running</name></instanceState>"), "{answer}");
        assert!(answer.contains("<placement><availabilityZone>eu-west-1a</availabilityZone></placement>"), "{answer}");
        assert!(answer.contains("<tagSet><item><key>Name</key><value>db</value></item></tagSet>"), "{answer}");
        assert_eq!(one(&answer, "rootDeviceName"), "/dev/xvda");
        assert_eq!(one(&answer, "deviceName"), "/dev/xvda");
        assert_eq!((one(&answer, "volumeId"), one(&answer, "status")), (VOLUME.to_owned(), "attached".to_owned()));
        let answer = ec2.call("DescribeInstances", &[("InstanceId.1", OTHER)]).unwrap();
        assert_eq!(all(&answer, "volumeId").len(), 0, "the volume is another instance's");
        let now = ec2.now();
        ec2.sim().change_volume(ACCOUNT, REGION, VOLUME, |volume| volume.deleted_at = Some(now));
        let answer = ec2.call("DescribeInstances", &[("InstanceId.1", INSTANCE)]).unwrap();
        assert_eq!(all(&answer, "volumeId").len(), 0, "the volume is gone");
    }

    #[test]
    fn an_unknown_instance_is_refused_even_among_others_that_are_there() {
        let ec2 = two();
        let named = |id| ec2.call("DescribeInstances", &[("InstanceId.1", INSTANCE), ("InstanceId.2", id)]);
        assert_eq!(all(&named(OTHER).unwrap(), "instanceId"), [INSTANCE, OTHER]);
        assert_eq!(named("i-0123456789abcdef0").unwrap_err(), "InvalidInstanceID.NotFound");
        assert_eq!(named("i-xyz").unwrap_err(), "InvalidInstanceID.Malformed");
    }

    #[test]
    fn instances_pass_filters_and_a_filter_that_is_none_is_refused() {
        let ec2 = two();
        let by = |name, value| {
            ec2.call("DescribeInstances", &[("Filter.1.Name", name), ("Filter.1.Value.1", value)])
                .map(|answer| all(&answer, "instanceId"))
        };
        assert_eq!(by("instance-id", OTHER).unwrap(), [OTHER]);
        assert_eq!(by("instance-id", "i-0123456789abcdef0").unwrap().len(), 0, "nothing passes: no error");
        assert_eq!(by("instance-state-name", "stopped").unwrap(), [OTHER]);
        assert_eq!(by("availability-zone", "eu-west-1a").unwrap(), [INSTANCE]);
        assert_eq!(by("tag:Name", "db").unwrap(), [INSTANCE]);
        assert_eq!(by("tag-key", "Name").unwrap(), [INSTANCE]);
        assert_eq!(by("colour", "blue").unwrap_err(), "InvalidParameterValue");
    }

    #[test]
    fn instances_are_listed_in_pages() {
        let ec2 = Ec2::new();
        let instances = (1..=7).map(|n| Instance::new(format!("i-{n:017x}"))).collect();
        ec2.seed(Seed { instances, ..Seed::default() });
        let first = ec2.call("DescribeInstances", &[("MaxResults", "5")]).unwrap();
        assert_eq!(all(&first, "instanceId").len(), 5);
        let token = one(&first, "nextToken");
        let rest = ec2.call("DescribeInstances", &[("MaxResults", "5"), ("NextToken", token.as_str())]).unwrap();
        assert_eq!(all(&rest, "instanceId"), ["i-00000000000000006", "i-00000000000000007"]);
    }
}
