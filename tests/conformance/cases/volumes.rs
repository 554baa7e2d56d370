//! DescribeVolumes, CreateVolume and DeleteVolume.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::VolumeState;

use crate::case::{Case, Ec2, Filter, Seen, case, filter, names, refusal, told, verdict};

/// More pages than any server needs for twelve volumes.
const PAGES: usize = 10;

pub fn cases() -> Vec<Case> {
    let mut cases = filters();
    cases.extend(bounds());
    cases.extend([
        case!(
            "volumes, one id unknown",
            "DescribeVolumes with an id that does not exist is refused, even among others that do",
            "refused, InvalidVolume.NotFound",
            unknown_id
        ),
        case!(
            "volumes, id of another form",
            "a volume id that does not begin as one is refused",
            "refused, InvalidParameterValue",
            known from "what EC2 says: Value (…) for parameter volumeId is invalid. Expected: 'vol-...'",
            foreign_id
        ),
        case!(
            "volumes, malformed id",
            "a volume id that only begins as one is refused",
            "refused, InvalidVolumeID.Malformed",
            malformed_id
        ),
        case!("volumes, created", "a new volume has the size and the type that were asked for", "1 GiB, gp3", created),
        case!("volumes, default type", "a volume of no stated type is a gp2", "gp2", default_type),
        case!(
            "volumes, unknown zone",
            "a volume in no known zone is refused",
            "refused, InvalidZone.NotFound",
            unknown_zone
        ),
        case!("volumes, deleted", "a volume that was deleted is gone", "refused, InvalidVolume.NotFound", deleted),
        case!(
            "volumes, deleted twice",
            "deleting a volume that is gone is refused",
            "refused, InvalidVolume.NotFound",
            deleted_twice
        ),
    ]);
    cases
}

fn filters() -> Vec<Case> {
    vec![
        case!("volumes, no match", "filters that nothing passes list nothing, and are no error", "nothing", no_match),
        case!("volumes by tag-key", "the filter tag-key finds a tag of any value", "a b", tag_key),
        case!("volumes by tag", "the filter tag:key finds a tag of that value", "a", tag_value),
        case!("volumes by status", "the filter status finds volumes in that state", "a; nothing", status),
        case!(
            "volumes by id",
            "the filter volume-id finds volumes by id, and unknown ones are no error",
            "a",
            id_filter
        ),
        case!("volumes by size", "the filter size finds volumes of that size", "a; nothing", size),
        case!("volumes by type", "the filter volume-type finds volumes of that type", "a; nothing", volume_type),
        case!("volumes by zone", "the filter availability-zone finds volumes in that zone", "a; nothing", zone),
        case!("volumes by encryption", "the filter encrypted finds volumes that are", "nothing; a", encrypted),
        case!("volumes by two values", "one of a filter's values must match", "a b", two_values),
        case!("volumes by two filters", "all filters must match", "b", two_filters),
        case!("volumes by asterisk", "in a filter's value * stands for any characters", "a b", asterisk),
        case!("volumes by question mark", "in a filter's value ? stands for one character", "a b", question_mark),
        case!("volumes by escaped asterisk", r"in a filter's value \ takes a wildcard's meaning away", "b", escaped),
        case!("volumes by key with asterisk", "in a value of tag-key * stands for any characters", "a b", key_asterisk),
        case!(
            "volumes by id and filter",
            "an id that exists and does not pass the filters is no error",
            "nothing",
            known from "MiniStack and moto, which agree",
            id_and_filter
        ),
        case!("volumes by other case", "filter values are case-sensitive", "nothing", other_case),
        case!(
            "volumes by unknown filter",
            "a filter that DescribeVolumes does not have is refused",
            "refused, InvalidParameterValue",
            unknown_filter
        ),
        case!("volumes, 200 values", "a filter takes 200 values", "accepted", values_200),
        case!(
            "volumes, 201 values",
            "a filter with more than 200 values is refused",
            "refused, FilterLimitExceeded",
            values_201
        ),
        case!(
            "volumes, long value",
            "a filter's value of more than 255 characters is refused",
            "refused, FilterLimitExceeded",
            long_value
        ),
    ]
}

fn bounds() -> Vec<Case> {
    vec![
        case!("volumes, pages of 4", "MaxResults below 5 is refused", "refused, InvalidParameterValue", pages_of_4),
        case!(
            "volumes, pages of 501",
            "MaxResults above 500 is taken for 500",
            "accepted",
            known from "earlier editions of the API reference; the current one gives no bounds",
            pages_of_501
        ),
        case!(
            "volumes, pages of ids",
            "MaxResults together with ids is refused",
            "refused, InvalidParameterCombination",
            pages_of_ids
        ),
        case!(
            "volumes, pages",
            "the token of a page leads to the next, without gap or repetition",
            "5 + 5 + 2, each once",
            pages
        ),
        case!(
            "volumes, bad token",
            "a token that is none is refused",
            "refused, InvalidParameterValue",
            known from "what EC2 says: Value (…) for parameter NextToken is invalid. The token is invalid.",
            bad_token
        ),
    ]
}

async fn two(ec2: &Ec2) -> Seen<(String, String)> {
    let a = ec2.tagged_volume("a", &[("Backup", "daily")]).await?;
    let b = ec2.tagged_volume("b", &[("Backup", "d*ly"), ("Team", "x")]).await?;
    ec2.tagged_volume("c", &[("Other", "daily")]).await?;
    Ok((a, b))
}

async fn no_match(ec2: &Ec2) -> Seen {
    two(ec2).await?;
    ec2.volumes(&[("tag:Backup", &["never"])]).await
}

async fn tag_key(ec2: &Ec2) -> Seen {
    two(ec2).await?;
    ec2.volumes(&[("tag-key", &["Backup"])]).await
}

async fn tag_value(ec2: &Ec2) -> Seen {
    two(ec2).await?;
    ec2.volumes(&[("tag:Backup", &["daily"])]).await
}

async fn id_filter(ec2: &Ec2) -> Seen {
    let (a, _) = two(ec2).await?;
    ec2.volumes(&[("volume-id", &[&a, "vol-0123456789abcdef0"])]).await
}

async fn status(ec2: &Ec2) -> Seen {
    either(ec2, "status", "available", "in-use").await
}

async fn size(ec2: &Ec2) -> Seen {
    either(ec2, "size", "1", "2").await
}

async fn volume_type(ec2: &Ec2) -> Seen {
    either(ec2, "volume-type", "gp3", "io2").await
}

async fn zone(ec2: &Ec2) -> Seen {
    either(ec2, "availability-zone", ec2.zone, "us-east-1f").await
}

async fn encrypted(ec2: &Ec2) -> Seen {
    either(ec2, "encrypted", "true", "false").await
}

/// What a filter finds by one value and by another.
async fn either(ec2: &Ec2, name: &str, one: &str, other: &str) -> Seen {
    ec2.volume("a").await?;
    Ok(format!("{}; {}", ec2.volumes(&[(name, &[one])]).await?, ec2.volumes(&[(name, &[other])]).await?))
}

async fn two_values(ec2: &Ec2) -> Seen {
    two(ec2).await?;
    ec2.volumes(&[("tag:Name", &["a", "b"])]).await
}

async fn two_filters(ec2: &Ec2) -> Seen {
    two(ec2).await?;
    ec2.volumes(&[("tag-key", &["Backup"]), ("tag:Team", &["x"])]).await
}

async fn asterisk(ec2: &Ec2) -> Seen {
    two(ec2).await?;
    ec2.volumes(&[("tag:Backup", &["d*y"])]).await
}

async fn question_mark(ec2: &Ec2) -> Seen {
    ec2.tagged_volume("a", &[("Backup", "hot")]).await?;
    ec2.tagged_volume("b", &[("Backup", "hit")]).await?;
    ec2.tagged_volume("c", &[("Backup", "heat")]).await?;
    ec2.volumes(&[("tag:Backup", &["h?t"])]).await
}

async fn escaped(ec2: &Ec2) -> Seen {
    two(ec2).await?;
    ec2.volumes(&[("tag:Backup", &[r"d\*ly"])]).await
}

async fn key_asterisk(ec2: &Ec2) -> Seen {
    two(ec2).await?;
    ec2.volumes(&[("tag-key", &["Back*"])]).await
}

async fn other_case(ec2: &Ec2) -> Seen {
    two(ec2).await?;
    ec2.volumes(&[("tag:Backup", &["Daily"])]).await
}

async fn id_and_filter(ec2: &Ec2) -> Seen {
    let id = ec2.volume("a").await?;
    let answer = ec2.client.describe_volumes().volume_ids(id).filters(filter("size", &["2"])).send().await;
    told(answer.map(|answer| names(answer.volumes().iter().map(|volume| volume.tags()))))
}

async fn filtered(ec2: &Ec2, by: Filter) -> Seen {
    verdict(ec2.client.describe_volumes().filters(by).send().await)
}

async fn unknown_filter(ec2: &Ec2) -> Seen {
    filtered(ec2, filter("colour", &["red"])).await
}

async fn values(ec2: &Ec2, how_many: usize) -> Seen {
    let values: Vec<String> = (0..how_many).map(|n| format!("value {n}")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    filtered(ec2, filter("tag:Backup", &values)).await
}

async fn values_200(ec2: &Ec2) -> Seen {
    values(ec2, 200).await
}

async fn values_201(ec2: &Ec2) -> Seen {
    values(ec2, 201).await
}

async fn long_value(ec2: &Ec2) -> Seen {
    filtered(ec2, filter("tag:Backup", &[&"x".repeat(256)])).await
}

async fn pages_of_4(ec2: &Ec2) -> Seen {
    verdict(ec2.client.describe_volumes().max_results(4).send().await)
}

async fn pages_of_501(ec2: &Ec2) -> Seen {
    verdict(ec2.client.describe_volumes().max_results(501).send().await)
}

async fn pages_of_ids(ec2: &Ec2) -> Seen {
    let id = ec2.volume("a").await?;
    verdict(ec2.client.describe_volumes().volume_ids(id).max_results(5).send().await)
}

async fn pages(ec2: &Ec2) -> Seen {
    let mut missing = BTreeSet::new();
    for n in 0..12 {
        missing.insert(ec2.volume(&format!("volume {n}")).await?);
    }
    let (mut sizes, mut token, mut repeated) = (Vec::new(), None, 0);
    for _ in 0..PAGES {
        let call = ec2.client.describe_volumes().filters(ec2.own()).max_results(5).set_next_token(token);
        let answer = call.send().await.map_err(|error| refusal(&error))?;
        sizes.push(answer.volumes().len().to_string());
        repeated += answer.volumes().iter().filter(|v| !missing.remove(v.volume_id().unwrap_or_default())).count();
        token = answer.next_token;
        if token.is_none() {
            break;
        }
    }
    let all = if missing.is_empty() && repeated == 0 {
        "each once".to_owned()
    } else {
        format!("{} missing, {repeated} repeated", missing.len())
    };
    Ok(format!("{}, {all}", sizes.join(" + ")))
}

async fn bad_token(ec2: &Ec2) -> Seen {
    verdict(ec2.client.describe_volumes().max_results(5).next_token("no token").send().await)
}

async fn unknown_id(ec2: &Ec2) -> Seen {
    let id = ec2.volume("a").await?;
    verdict(ec2.client.describe_volumes().volume_ids(id).volume_ids("vol-0123456789abcdef0").send().await)
}

async fn foreign_id(ec2: &Ec2) -> Seen {
    verdict(ec2.client.describe_volumes().volume_ids("nonsense").send().await)
}

async fn malformed_id(ec2: &Ec2) -> Seen {
    verdict(ec2.client.describe_volumes().volume_ids("vol-xyz").send().await)
}

async fn created(ec2: &Ec2) -> Seen {
    let id = ec2.volume("a").await?;
    let answer = ec2.client.describe_volumes().volume_ids(id).send().await;
    told(answer.map(|answer| match answer.volumes() {
        [volume] if volume.state() == Some(&VolumeState::Available) => format!(
            "{} GiB, {}",
            volume.size().unwrap_or_default(),
            volume.volume_type().map(|kind| kind.as_str()).unwrap_or_default()
        ),
        other => format!("{} volumes", other.len()),
    }))
}

async fn default_type(ec2: &Ec2) -> Seen {
    let answer = ec2.client.create_volume().availability_zone(ec2.zone).size(1).send().await;
    told(answer.map(|volume| volume.volume_type().map(|kind| kind.as_str()).unwrap_or_default().to_owned()))
}

async fn unknown_zone(ec2: &Ec2) -> Seen {
    verdict(ec2.client.create_volume().availability_zone("xx-nowhere-1a").size(1).send().await)
}

async fn deleted(ec2: &Ec2) -> Seen {
    let id = ec2.volume("a").await?;
    ec2.client.delete_volume().volume_id(&id).send().await.map_err(|error| refusal(&error))?;
    verdict(ec2.client.describe_volumes().volume_ids(id).send().await)
}

async fn deleted_twice(ec2: &Ec2) -> Seen {
    let id = ec2.volume("a").await?;
    ec2.client.delete_volume().volume_id(&id).send().await.map_err(|error| refusal(&error))?;
    verdict(ec2.client.delete_volume().volume_id(id).send().await)
}
