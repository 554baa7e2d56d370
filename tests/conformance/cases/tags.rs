//! CreateTags and DeleteTags.

use aws_sdk_ec2::types::Tag;

use crate::case::{Case, Ec2, Seen, case, refusal, tag, verdict};

pub fn cases() -> Vec<Case> {
    vec![
        case!("tag a volume", "CreateTags adds a tag to a volume", "Backup=daily", on_volume),
        case!("tag a snapshot", "CreateTags adds a tag to a snapshot", "Backup=daily", on_snapshot),
        case!("tag two", "CreateTags takes several resources of different types", "Backup=daily; Backup=daily", on_two),
        case!("tag again", "CreateTags overwrites a tag of the same key", "Backup=weekly", overwritten),
        case!("tag of AWS", "a tag whose key begins with aws: is refused", "refused, InvalidParameterValue", reserved),
        case!("tag 51", "a tag above the 50th is refused", "refused, TagLimitExceeded", above_limit),
        case!(
            "tag again at 50",
            "a resource with 50 tags takes new values for them",
            "accepted",
            known from "callers, who tested it on AWS",
            overwritten_at_limit
        ),
        case!(
            "tag an unknown snapshot",
            "a snapshot that does not exist is refused",
            "refused, InvalidSnapshot.NotFound",
            unknown_snapshot
        ),
        case!(
            "tag an unknown volume",
            "a volume that does not exist is refused",
            "refused, InvalidVolume.NotFound",
            unknown_volume
        ),
        case!("tag nonsense", "an id that is none of any resource is refused", "refused, InvalidID", nonsense),
        case!("untag", "DeleteTags with a key removes the tag, whatever its value", "Team=x", by_key),
        case!("untag by value", "DeleteTags with key and value removes a tag of that value", "Team=x", by_value),
        case!(
            "untag by other value",
            "DeleteTags leaves a tag of another value",
            "Backup=daily Team=x",
            by_other_value
        ),
        case!(
            "untag by empty value",
            "DeleteTags with an empty value leaves a tag that has one",
            "Backup=daily Team=x",
            by_empty_value
        ),
        case!("untag all", "DeleteTags without tags removes all of them", "no tags", all),
        case!("untag what is not there", "DeleteTags for a tag that is not there is no error", "accepted", not_there),
        case!("untag a snapshot", "DeleteTags works on snapshots", "no tags", from_snapshot),
    ]
}

async fn put(ec2: &Ec2, ids: &[&str], tags: &[(&str, &str)]) -> Seen {
    let ids = ids.iter().map(|&id| id.to_owned()).collect();
    let tags = tags.iter().map(|(key, value)| tag(key, value)).collect();
    verdict(ec2.client.create_tags().set_resources(Some(ids)).set_tags(Some(tags)).send().await)
}

async fn put_one(ec2: &Ec2, id: &str, key: &str, value: &str) -> Seen<()> {
    let answer = ec2.client.create_tags().resources(id).tags(tag(key, value)).send().await;
    answer.map(drop).map_err(|error| format!("CreateTags {}", refusal(&error)))
}

async fn on_volume(ec2: &Ec2) -> Seen {
    let id = ec2.volume("a").await?;
    put_one(ec2, &id, "Backup", "daily").await?;
    ec2.tags_of_volume(&id).await
}

async fn on_snapshot(ec2: &Ec2) -> Seen {
    let id = ec2.snapshot_of_its_own("a").await?;
    put_one(ec2, &id, "Backup", "daily").await?;
    ec2.tags_of_snapshot(&id).await
}

async fn on_two(ec2: &Ec2) -> Seen {
    let volume = ec2.volume("a").await?;
    let snapshot = ec2.snapshot(&volume, "a").await?;
    put(ec2, &[&volume, &snapshot], &[("Backup", "daily")]).await?;
    Ok(format!("{}; {}", ec2.tags_of_volume(&volume).await?, ec2.tags_of_snapshot(&snapshot).await?))
}

async fn overwritten(ec2: &Ec2) -> Seen {
    let id = ec2.tagged_volume("a", &[("Backup", "daily")]).await?;
    put_one(ec2, &id, "Backup", "weekly").await?;
    ec2.tags_of_volume(&id).await
}

async fn reserved(ec2: &Ec2) -> Seen {
    let id = ec2.volume("a").await?;
    put(ec2, &[&id], &[("aws:owner", "x")]).await
}

/// A volume that has all the tags that it may have.
async fn full(ec2: &Ec2) -> Seen {
    let keys: Vec<String> = (0..48).map(|n| format!("key {n}")).collect();
    ec2.tagged_volume("a", &keys.iter().map(|key| (key.as_str(), "x")).collect::<Vec<_>>()).await
}

async fn above_limit(ec2: &Ec2) -> Seen {
    put(ec2, &[&full(ec2).await?], &[("Backup", "daily")]).await
}

async fn overwritten_at_limit(ec2: &Ec2) -> Seen {
    put(ec2, &[&full(ec2).await?], &[("key 0", "y")]).await
}

async fn unknown_snapshot(ec2: &Ec2) -> Seen {
    put(ec2, &["snap-0123456789abcdef0"], &[("Backup", "daily")]).await
}

async fn unknown_volume(ec2: &Ec2) -> Seen {
    put(ec2, &["vol-0123456789abcdef0"], &[("Backup", "daily")]).await
}

async fn nonsense(ec2: &Ec2) -> Seen {
    put(ec2, &["nonsense"], &[("Backup", "daily")]).await
}

/// What is left of two tags of a volume.
async fn left(ec2: &Ec2, without: Option<Tag>) -> Seen {
    let id = ec2.tagged_volume("a", &[("Backup", "daily"), ("Team", "x")]).await?;
    let answer = ec2.client.delete_tags().resources(&id).set_tags(without.map(|tag| vec![tag])).send().await;
    answer.map_err(|error| refusal(&error))?;
    ec2.tags_of_volume(&id).await
}

async fn by_key(ec2: &Ec2) -> Seen {
    left(ec2, Some(Tag::builder().key("Backup").build())).await
}

async fn by_value(ec2: &Ec2) -> Seen {
    left(ec2, Some(tag("Backup", "daily"))).await
}

async fn by_other_value(ec2: &Ec2) -> Seen {
    left(ec2, Some(tag("Backup", "weekly"))).await
}

async fn by_empty_value(ec2: &Ec2) -> Seen {
    left(ec2, Some(tag("Backup", ""))).await
}

async fn all(ec2: &Ec2) -> Seen {
    left(ec2, None).await
}

async fn not_there(ec2: &Ec2) -> Seen {
    let id = ec2.volume("a").await?;
    verdict(ec2.client.delete_tags().resources(id).tags(Tag::builder().key("Backup").build()).send().await)
}

async fn from_snapshot(ec2: &Ec2) -> Seen {
    let id = ec2.tagged_snapshot(&ec2.volume("a").await?, "a", &[("Backup", "daily")]).await?;
    let answer = ec2.client.delete_tags().resources(&id).tags(Tag::builder().key("Backup").build()).send().await;
    answer.map_err(|error| refusal(&error))?;
    ec2.tags_of_snapshot(&id).await
}
