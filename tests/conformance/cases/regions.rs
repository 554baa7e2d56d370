//! DescribeRegions.

use crate::case::{Case, Ec2, Seen, case, refusal, verdict};

pub fn cases() -> Vec<Case> {
    vec![
        case!("regions", "DescribeRegions lists the enabled regions alone", "enabled alone", enabled),
        case!(
            "regions, all",
            "with AllRegions, DescribeRegions lists those that are not opted in as well",
            "enabled and not opted in",
            all
        ),
        case!("regions, named", "DescribeRegions with a name lists that region alone", "eu-west-1", named),
        case!(
            "regions, unknown",
            "DescribeRegions with a name that is none is refused",
            "refused, InvalidParameterValue",
            known from "what EC2 says: Invalid region: […]",
            unknown
        ),
    ]
}

async fn enabled(ec2: &Ec2) -> Seen {
    kinds(ec2, false).await
}

async fn all(ec2: &Ec2) -> Seen {
    kinds(ec2, true).await
}

async fn kinds(ec2: &Ec2, all: bool) -> Seen {
    let answer = ec2.client.describe_regions().all_regions(all).send().await.map_err(|error| refusal(&error))?;
    let has = |status: &str| answer.regions().iter().any(|region| region.opt_in_status() == Some(status));
    Ok(match (has("opt-in-not-required"), has("not-opted-in")) {
        (true, false) => "enabled alone",
        (true, true) => "enabled and not opted in",
        _ => "no enabled ones",
    }
    .to_owned())
}

async fn named(ec2: &Ec2) -> Seen {
    let answer = ec2.client.describe_regions().region_names("eu-west-1").send().await;
    let answer = answer.map_err(|error| refusal(&error))?;
    Ok(answer.regions().iter().filter_map(|region| region.region_name()).collect::<Vec<_>>().join(" "))
}

async fn unknown(ec2: &Ec2) -> Seen {
    verdict(ec2.client.describe_regions().region_names("xx-nowhere-1").send().await)
}
