//! Availability zones.

use crate::geography::ZONES;
use crate::query::{Filter, Query, matches};
use crate::refusal::Refusal;
use crate::xml::{ZoneItem, Zones};

use super::{Context, Outcome, listing};

/// The state of every zone here.
const STATE: &str = "available";

/// The letter of a zone of a region; none for a zone that the region does not have.
pub fn letter(region: &str, zone: &str) -> Option<char> {
    let letter = zone.strip_prefix(region)?.parse().ok()?;
    ZONES.contains(&letter).then_some(letter)
}

pub fn describe(context: &Context<'_>, query: &Query) -> Outcome {
    let (filters, names) = (query.filters()?, query.list("ZoneName"));
    if let Some(unknown) = names.iter().find(|name| letter(context.region_name, name).is_none()) {
        return Err(Refusal::new("InvalidParameterValue", format!("Invalid availability zone: [{unknown}]")));
    }
    for filter in &filters {
        passes(context, filter, "")?;
    }
    let wanted = |zone: &String| {
        (names.is_empty() || names.contains(zone))
            && filters.iter().all(|filter| passes(context, filter, zone).unwrap_or_default())
    };
    let zones = ZONES.iter().map(|letter| format!("{}{letter}", context.region_name)).filter(wanted);
    let items = zones.map(|zone_name| ZoneItem {
        zone_name,
        zone_state: STATE,
        region_name: context.region_name.to_owned(),
        opt_in_status: "opt-in-not-required",
        zone_type: "availability-zone",
    });
    Ok((context.answer(query, &Zones { availability_zone_info: items.collect() }), None))
}

fn passes(context: &Context<'_>, filter: &Filter, zone: &str) -> Result<bool, Refusal> {
    let any = |text: &str| filter.values.iter().any(|pattern| matches(pattern, text));
    match filter.name.as_str() {
        "zone-name" => Ok(any(zone)),
        "region-name" => Ok(any(context.region_name)),
        "state" => Ok(any(STATE)),
        _ => Err(listing::unknown(filter)),
    }
}

#[cfg(test)]
mod tests {
    use crate::actions::test::{Ec2, all};

    #[test]
    fn a_region_has_three_zones() {
        let answer = Ec2::new().call("DescribeAvailabilityZones", &[]).unwrap();
        assert_eq!(all(&answer, "zoneName"), ["eu-west-1a", "eu-west-1b", "eu-west-1c"]);
        assert_eq!(all(&answer, "zoneState"), ["available"; 3]);
        assert_eq!(all(&answer, "regionName"), ["eu-west-1"; 3]);
    }

    #[test]
    fn zones_are_listed_by_name_and_a_name_that_is_none_is_refused() {
        let ec2 = Ec2::new();
        let named = |name| ec2.call("DescribeAvailabilityZones", &[("ZoneName.1", name)]);
        assert_eq!(all(&named("eu-west-1b").unwrap(), "zoneName"), ["eu-west-1b"]);
        for unknown in ["eu-west-1d", "us-east-1a", "eu-west-1", "nonsense"] {
            assert_eq!(named(unknown).unwrap_err(), "InvalidParameterValue", "{unknown}");
        }
    }

    #[test]
    fn zones_pass_filters_and_a_filter_that_is_none_is_refused() {
        let ec2 = Ec2::new();
        let by = |name, value| {
            ec2.call("DescribeAvailabilityZones", &[("Filter.1.Name", name), ("Filter.1.Value.1", value)])
                .map(|answer| all(&answer, "zoneName"))
        };
        assert_eq!(by("zone-name", "eu-west-1c").unwrap(), ["eu-west-1c"]);
        assert_eq!(by("zone-name", "eu-west-1d").unwrap().len(), 0, "a filter that nothing passes is no error");
        assert_eq!(by("state", "available").unwrap().len(), 3);
        assert_eq!(by("zone-colour", "blue").unwrap_err(), "InvalidParameterValue");
    }
}
