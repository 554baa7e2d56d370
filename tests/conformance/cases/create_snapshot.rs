//! CreateSnapshot.

use aws_sdk_ec2::operation::create_snapshot::builders::CreateSnapshotFluentBuilder;
use aws_sdk_ec2::types::{ResourceType, TagSpecification};

use crate::case::{Case, Ec2, Seen, case, refusal, shown, tag, told, verdict};

pub fn cases() -> Vec<Case> {
    vec![
        case!(
            "snapshot, tagged",
            "the tags given to CreateSnapshot are on the snapshot in its answer",
            "Backup=daily",
            tagged
        ),
        case!(
            "snapshot, described",
            "the description is kept, in the answer and in listings",
            "nightly; nightly",
            described
        ),
        case!(
            "snapshot, answer",
            "the answer has the volume, its size, the owner and the time",
            "volume, size, owner, time",
            answered
        ),
        case!("snapshot, pending", "a new snapshot is pending", "pending", pending),
        case!("snapshot, completed", "a pending snapshot is completed after a while", "completed", completed),
        case!(
            "snapshot, unknown volume",
            "a volume that does not exist is refused",
            "refused, InvalidVolume.NotFound",
            unknown_volume
        ),
        case!(
            "snapshot, deleted volume",
            "a volume that was deleted is refused",
            "refused, InvalidVolume.NotFound",
            deleted_volume
        ),
        case!(
            "snapshot, id of another form",
            "a volume id that does not begin as one is refused",
            "refused, InvalidParameterValue",
            known from "what EC2 says: Value (…) for parameter volumeId is invalid. Expected: 'vol-...'",
            foreign_volume
        ),
        case!(
            "snapshot, malformed volume",
            "a volume id that only begins as one is refused",
            "refused, InvalidVolumeID.Malformed",
            malformed_volume
        ),
        case!(
            "snapshot, second at once",
            "a second snapshot of a volume within 15 seconds is refused",
            "refused, SnapshotCreationPerVolumeRateExceeded",
            second
        ),
        case!("snapshot, 255 characters", "a description takes 255 characters", "accepted", description_255),
        case!(
            "snapshot, 256 characters",
            "a longer description is refused",
            "refused, InvalidParameterValue",
            description_256
        ),
        case!(
            "snapshot, tag of AWS",
            "a tag whose key begins with aws: is refused",
            "refused, InvalidParameterValue",
            reserved
        ),
        case!(
            "snapshot, tag twice",
            "a tag key that is given twice is refused",
            "refused, InvalidParameterValue",
            twice
        ),
        case!("snapshot, 50 tags", "a snapshot takes 50 tags", "accepted", tags_50),
        case!("snapshot, 51 tags", "more than 50 tags are refused", "refused, TagLimitExceeded", tags_51),
        case!(
            "snapshot, key of 129",
            "a tag key of more than 128 characters is refused",
            "refused, InvalidParameterValue",
            long_key
        ),
        case!(
            "snapshot, value of 257",
            "a tag value of more than 256 characters is refused",
            "refused, InvalidParameterValue",
            long_value
        ),
        case!("snapshot, empty value", "a tag's value may be empty", "Backup=", empty_value),
        case!(
            "snapshot, tags of a volume",
            "tags for another type of resource are refused",
            "refused, InvalidParameterValue",
            known from "what EC2 says: '…' is not a valid taggable resource type for this operation",
            tags_for_volume
        ),
    ]
}

async fn of_new_volume(ec2: &Ec2) -> Seen<CreateSnapshotFluentBuilder> {
    Ok(ec2.client.create_snapshot().volume_id(ec2.volume("a").await?))
}

async fn with_tags(ec2: &Ec2, tags: &[(&str, &str)]) -> Seen {
    let tags = tags.iter().map(|(key, value)| tag(key, value)).collect();
    let tags = TagSpecification::builder().resource_type(ResourceType::Snapshot).set_tags(Some(tags)).build();
    verdict(of_new_volume(ec2).await?.tag_specifications(tags).send().await)
}

async fn tagged(ec2: &Ec2) -> Seen {
    let tags = ec2.tags(ResourceType::Snapshot, "a", &[("Backup", "daily")]);
    told(of_new_volume(ec2).await?.tag_specifications(tags).send().await.map(|snapshot| shown(snapshot.tags())))
}

async fn described(ec2: &Ec2) -> Seen {
    let made = of_new_volume(ec2).await?.description("nightly").send().await.map_err(|error| refusal(&error))?;
    let id = made.snapshot_id().unwrap_or_default();
    let listed = ec2.client.describe_snapshots().snapshot_ids(id).send().await.map_err(|error| refusal(&error))?;
    let listed = listed.snapshots().first().and_then(|snapshot| snapshot.description()).unwrap_or("none");
    Ok(format!("{}; {listed}", made.description().unwrap_or("none")))
}

async fn answered(ec2: &Ec2) -> Seen {
    let volume = ec2.volume("a").await?;
    let made = ec2.client.create_snapshot().volume_id(&volume).send().await.map_err(|error| refusal(&error))?;
    let owner = made.owner_id().unwrap_or_default();
    let right = [
        ("volume", made.volume_id() == Some(&volume)),
        ("size", made.volume_size() == Some(1)),
        ("owner", owner.len() == 12 && owner.bytes().all(|byte| byte.is_ascii_digit())),
        ("time", made.start_time().is_some_and(|time| (chrono::Utc::now().timestamp() - time.secs()).abs() < 60)),
    ];
    Ok(right.iter().filter(|(_, right)| *right).map(|(what, _)| *what).collect::<Vec<_>>().join(", "))
}

async fn pending(ec2: &Ec2) -> Seen {
    let made = of_new_volume(ec2).await?.send().await;
    told(made.map(|snapshot| snapshot.state().map(|state| state.as_str()).unwrap_or("no state").to_owned()))
}

async fn completed(ec2: &Ec2) -> Seen {
    ec2.completed_snapshot("a").await?;
    Ok("completed".to_owned())
}

async fn unknown_volume(ec2: &Ec2) -> Seen {
    verdict(ec2.client.create_snapshot().volume_id("vol-0123456789abcdef0").send().await)
}

async fn deleted_volume(ec2: &Ec2) -> Seen {
    let volume = ec2.volume("a").await?;
    ec2.client.delete_volume().volume_id(&volume).send().await.map_err(|error| refusal(&error))?;
    verdict(ec2.client.create_snapshot().volume_id(volume).send().await)
}

async fn foreign_volume(ec2: &Ec2) -> Seen {
    verdict(ec2.client.create_snapshot().volume_id("nonsense").send().await)
}

async fn malformed_volume(ec2: &Ec2) -> Seen {
    verdict(ec2.client.create_snapshot().volume_id("vol-xyz").send().await)
}

async fn second(ec2: &Ec2) -> Seen {
    let volume = ec2.volume("a").await?;
    ec2.snapshot(&volume, "a").await?;
    verdict(ec2.client.create_snapshot().volume_id(volume).send().await)
}

async fn description_255(ec2: &Ec2) -> Seen {
    verdict(of_new_volume(ec2).await?.description("x".repeat(255)).send().await)
}

async fn description_256(ec2: &Ec2) -> Seen {
    verdict(of_new_volume(ec2).await?.description("x".repeat(256)).send().await)
}

async fn reserved(ec2: &Ec2) -> Seen {
    with_tags(ec2, &[("aws:owner", "x")]).await
}

async fn twice(ec2: &Ec2) -> Seen {
    with_tags(ec2, &[("Backup", "daily"), ("Backup", "weekly")]).await
}

async fn many(ec2: &Ec2, how_many: usize) -> Seen {
    let keys: Vec<String> = (0..how_many).map(|n| format!("key {n}")).collect();
    with_tags(ec2, &keys.iter().map(|key| (key.as_str(), "x")).collect::<Vec<_>>()).await
}

async fn tags_50(ec2: &Ec2) -> Seen {
    many(ec2, 50).await
}

async fn tags_51(ec2: &Ec2) -> Seen {
    many(ec2, 51).await
}

async fn long_key(ec2: &Ec2) -> Seen {
    with_tags(ec2, &[(&"x".repeat(129), "x")]).await
}

async fn long_value(ec2: &Ec2) -> Seen {
    with_tags(ec2, &[("Backup", &"x".repeat(257))]).await
}

async fn empty_value(ec2: &Ec2) -> Seen {
    let tags = ec2.tags(ResourceType::Snapshot, "a", &[("Backup", "")]);
    told(of_new_volume(ec2).await?.tag_specifications(tags).send().await.map(|snapshot| shown(snapshot.tags())))
}

async fn tags_for_volume(ec2: &Ec2) -> Seen {
    let tags = ec2.tags(ResourceType::Volume, "a", &[]);
    verdict(of_new_volume(ec2).await?.tag_specifications(tags).send().await)
}
