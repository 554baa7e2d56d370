//! DescribeSnapshots.

use std::collections::BTreeSet;

use crate::case::{Case, Ec2, Seen, case, filter, names, refusal, told, verdict};

/// More pages than any server needs for twelve snapshots.
const PAGES: usize = 10;

pub fn cases() -> Vec<Case> {
    let mut cases = filters();
    cases.extend(bounds());
    cases.extend([
        case!("snapshots of self", "the owner self lists the caller's snapshots", "a", of_self),
        case!("snapshots of another", "another account as owner lists none of the caller's", "nothing", of_another),
        case!(
            "snapshots, one id unknown",
            "DescribeSnapshots with an id that does not exist is refused, even among others that do",
            "refused, InvalidSnapshot.NotFound",
            unknown_id
        ),
        case!(
            "snapshots, id of another form",
            "a snapshot id that does not begin as one is refused",
            "refused, InvalidParameterValue",
            known from "what EC2 says: Value (…) for parameter snapshotId is invalid. Expected: 'snap-...'",
            foreign_id
        ),
        case!(
            "snapshots, malformed id",
            "a snapshot id that only begins as one is refused",
            "refused, InvalidSnapshotID.Malformed",
            malformed_id
        ),
        case!(
            "snapshots of a deleted volume",
            "a snapshot outlives its volume, and still names it",
            "there, of its volume",
            of_deleted_volume
        ),
    ]);
    cases
}

fn filters() -> Vec<Case> {
    vec![
        case!("snapshots by tag-key", "the filter tag-key finds a tag of any value", "a b", tag_key),
        case!("snapshots by tag", "the filter tag:key finds a tag of that value", "a", tag_value),
        case!("snapshots by asterisk", "in a filter's value * stands for any characters", "a b", asterisk),
        case!("snapshots by volume", "the filter volume-id finds the snapshots of a volume", "a", volume_id),
        case!(
            "snapshots by volume, twice",
            "a filter's value that is given twice finds nothing twice",
            "a",
            volume_id_twice
        ),
        case!(
            "snapshots by id and filter",
            "an id that exists and does not pass the filters is no error",
            "nothing",
            known from "MiniStack and moto, which agree",
            id_and_filter
        ),
        case!(
            "snapshots by id",
            "the filter snapshot-id finds snapshots by id, and unknown ones are no error",
            "a",
            snapshot_id
        ),
        case!("snapshots by status", "the filter status finds snapshots in that state", "a; nothing", status),
        case!(
            "snapshots by description",
            "the filter description finds snapshots of that description",
            "a",
            description
        ),
        case!(
            "snapshots by size",
            "the filter volume-size finds snapshots of volumes of that size",
            "a; nothing",
            size
        ),
        case!("snapshots by encryption", "the filter encrypted finds snapshots that are", "nothing; a", encrypted),
        case!("snapshots by owner", "the filter owner-id finds the snapshots of an account", "a; nothing", owner),
        case!(
            "snapshots by unknown filter",
            "a filter that DescribeSnapshots does not have is refused",
            "refused, InvalidParameterValue",
            unknown_filter
        ),
        case!(
            "snapshots, 201 values",
            "a filter with more than 200 values is refused",
            "refused, FilterLimitExceeded",
            values_201
        ),
    ]
}

fn bounds() -> Vec<Case> {
    vec![
        case!("snapshots, pages of 4", "MaxResults below 5 is refused", "refused, InvalidParameterValue", pages_of_4),
        case!(
            "snapshots, pages of 1,001",
            "MaxResults above 1,000 is taken for 1,000",
            "accepted",
            known from "earlier editions of the API reference; the current one gives no bounds",
            pages_of_1001
        ),
        case!(
            "snapshots, pages of ids",
            "MaxResults together with ids is refused",
            "refused, InvalidParameterCombination",
            pages_of_ids
        ),
        case!(
            "snapshots, pages",
            "the token of a page leads to the next, without gap or repetition",
            "5 + 5 + 2, each once",
            pages
        ),
        case!(
            "snapshots, pages of a volume",
            "a filter on volumes is paged like any other",
            "5 + 5 + 2, each once",
            pages_of_volumes
        ),
        case!(
            "snapshots, bad token",
            "a token that is none is refused",
            "refused, InvalidParameterValue",
            known from "what EC2 says: Value (…) for parameter NextToken is invalid. The token is invalid.",
            bad_token
        ),
    ]
}

async fn two(ec2: &Ec2) -> Seen<()> {
    for (name, value) in [("a", "daily"), ("b", "dusty")] {
        ec2.tagged_snapshot(&ec2.volume(name).await?, name, &[("Backup", value)]).await?;
    }
    ec2.snapshot_of_its_own("c").await?;
    Ok(())
}

async fn tag_key(ec2: &Ec2) -> Seen {
    two(ec2).await?;
    ec2.snapshots(&[("tag-key", &["Backup"])]).await
}

async fn tag_value(ec2: &Ec2) -> Seen {
    two(ec2).await?;
    ec2.snapshots(&[("tag:Backup", &["daily"])]).await
}

async fn asterisk(ec2: &Ec2) -> Seen {
    two(ec2).await?;
    ec2.snapshots(&[("tag:Backup", &["d*y"])]).await
}

async fn volume_id(ec2: &Ec2) -> Seen {
    let volume = ec2.volume("a").await?;
    ec2.snapshot(&volume, "a").await?;
    ec2.snapshot_of_its_own("b").await?;
    ec2.snapshots(&[("volume-id", &[&volume])]).await
}

async fn volume_id_twice(ec2: &Ec2) -> Seen {
    let volume = ec2.volume("a").await?;
    ec2.snapshot(&volume, "a").await?;
    ec2.snapshots(&[("volume-id", &[&volume, &volume])]).await
}

async fn id_and_filter(ec2: &Ec2) -> Seen {
    let id = ec2.snapshot_of_its_own("a").await?;
    let answer = ec2.client.describe_snapshots().snapshot_ids(id).filters(filter("volume-size", &["2"])).send().await;
    told(answer.map(|answer| names(answer.snapshots().iter().map(|snapshot| snapshot.tags()))))
}

async fn snapshot_id(ec2: &Ec2) -> Seen {
    let a = ec2.snapshot_of_its_own("a").await?;
    ec2.snapshot_of_its_own("b").await?;
    ec2.snapshots(&[("snapshot-id", &[&a, "snap-0123456789abcdef0"])]).await
}

async fn status(ec2: &Ec2) -> Seen {
    either(ec2, "status", "completed", "error").await
}

async fn size(ec2: &Ec2) -> Seen {
    either(ec2, "volume-size", "1", "2").await
}

async fn encrypted(ec2: &Ec2) -> Seen {
    either(ec2, "encrypted", "true", "false").await
}

/// What a filter finds by one value and by another.
async fn either(ec2: &Ec2, name: &str, one: &str, other: &str) -> Seen {
    ec2.completed_snapshot("a").await?;
    Ok(format!("{}; {}", ec2.snapshots(&[(name, &[one])]).await?, ec2.snapshots(&[(name, &[other])]).await?))
}

async fn owner(ec2: &Ec2) -> Seen {
    let id = ec2.snapshot_of_its_own("a").await?;
    let answer = ec2.client.describe_snapshots().snapshot_ids(id).send().await.map_err(|error| refusal(&error))?;
    let own = answer.snapshots().first().and_then(|snapshot| snapshot.owner_id()).unwrap_or_default();
    let of_self = ec2.snapshots(&[("owner-id", &[own])]).await?;
    Ok(format!("{of_self}; {}", ec2.snapshots(&[("owner-id", &["999988887777"])]).await?))
}

async fn description(ec2: &Ec2) -> Seen {
    ec2.snapshot_of_its_own("a").await?;
    ec2.snapshot_of_its_own("b").await?;
    ec2.snapshots(&[("description", &["of a"])]).await
}

async fn unknown_filter(ec2: &Ec2) -> Seen {
    verdict(ec2.client.describe_snapshots().owner_ids("self").filters(filter("colour", &["red"])).send().await)
}

async fn values_201(ec2: &Ec2) -> Seen {
    let values: Vec<String> = (0..201).map(|n| format!("value {n}")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    verdict(ec2.client.describe_snapshots().filters(filter("tag:Backup", &values)).send().await)
}

async fn pages_of_4(ec2: &Ec2) -> Seen {
    verdict(ec2.client.describe_snapshots().owner_ids("self").max_results(4).send().await)
}

async fn pages_of_1001(ec2: &Ec2) -> Seen {
    verdict(ec2.client.describe_snapshots().owner_ids("self").max_results(1_001).send().await)
}

async fn pages_of_ids(ec2: &Ec2) -> Seen {
    let id = ec2.snapshot_of_its_own("a").await?;
    verdict(ec2.client.describe_snapshots().snapshot_ids(id).max_results(5).send().await)
}

async fn pages(ec2: &Ec2) -> Seen {
    paged(ec2, false).await
}

async fn pages_of_volumes(ec2: &Ec2) -> Seen {
    paged(ec2, true).await
}

async fn paged(ec2: &Ec2, by_volume: bool) -> Seen {
    let (mut missing, mut volumes) = (BTreeSet::new(), Vec::new());
    for n in 0..12 {
        let name = format!("snapshot {n}");
        let volume = ec2.volume(&name).await?;
        missing.insert(ec2.snapshot(&volume, &name).await?);
        volumes.push(volume);
    }
    let volumes: Vec<&str> = volumes.iter().map(String::as_str).collect();
    let filter = if by_volume { filter("volume-id", &volumes) } else { ec2.own() };
    let (mut sizes, mut token, mut repeated) = (Vec::new(), None, 0);
    for _ in 0..PAGES {
        let call = ec2.client.describe_snapshots().owner_ids("self").filters(filter.clone()).max_results(5);
        let answer = call.set_next_token(token).send().await.map_err(|error| refusal(&error))?;
        sizes.push(answer.snapshots().len().to_string());
        repeated += answer.snapshots().iter().filter(|s| !missing.remove(s.snapshot_id().unwrap_or_default())).count();
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
    verdict(ec2.client.describe_snapshots().owner_ids("self").max_results(5).next_token("no token").send().await)
}

async fn owned(ec2: &Ec2, owner: &str) -> Seen {
    ec2.snapshot_of_its_own("a").await?;
    let answer = ec2.client.describe_snapshots().owner_ids(owner).filters(ec2.own()).send().await;
    told(answer.map(|answer| names(answer.snapshots().iter().map(|snapshot| snapshot.tags()))))
}

async fn of_self(ec2: &Ec2) -> Seen {
    owned(ec2, "self").await
}

async fn of_another(ec2: &Ec2) -> Seen {
    owned(ec2, "999988887777").await
}

async fn unknown_id(ec2: &Ec2) -> Seen {
    let id = ec2.snapshot_of_its_own("a").await?;
    verdict(ec2.client.describe_snapshots().snapshot_ids(id).snapshot_ids("snap-0123456789abcdef0").send().await)
}

async fn foreign_id(ec2: &Ec2) -> Seen {
    verdict(ec2.client.describe_snapshots().snapshot_ids("nonsense").send().await)
}

async fn malformed_id(ec2: &Ec2) -> Seen {
    verdict(ec2.client.describe_snapshots().snapshot_ids("snap-xyz").send().await)
}

async fn of_deleted_volume(ec2: &Ec2) -> Seen {
    let volume = ec2.volume("a").await?;
    let id = ec2.snapshot(&volume, "a").await?;
    ec2.client.delete_volume().volume_id(&volume).send().await.map_err(|error| refusal(&error))?;
    let answer = ec2.client.describe_snapshots().snapshot_ids(id).send().await.map_err(|error| refusal(&error))?;
    let of = answer.snapshots().first().and_then(|snapshot| snapshot.volume_id());
    Ok(if of == Some(&volume) { "there, of its volume" } else { "there, of another volume" }.to_owned())
}
