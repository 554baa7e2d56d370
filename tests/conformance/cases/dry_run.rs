//! DryRun.

use crate::case::{Case, Ec2, Seen, case, refusal, tag, verdict};

pub fn cases() -> Vec<Case> {
    vec![
        case!(
            "dry run, create",
            "CreateSnapshot with DryRun says that it would, and does not",
            "refused, DryRunOperation; nothing",
            create
        ),
        case!(
            "dry run, delete",
            "DeleteSnapshot with DryRun says that it would, and does not",
            "refused, DryRunOperation; a",
            delete
        ),
        case!(
            "dry run, tag",
            "CreateTags with DryRun says that it would, and does not",
            "refused, DryRunOperation; no tags",
            create_tags
        ),
        case!(
            "dry run, untag",
            "DeleteTags with DryRun says that it would, and does not",
            "refused, DryRunOperation; Backup=daily",
            delete_tags
        ),
        case!(
            "dry run, volumes",
            "DescribeVolumes with DryRun says that it would",
            "refused, DryRunOperation",
            volumes
        ),
        case!(
            "dry run, snapshots",
            "DescribeSnapshots with DryRun says that it would",
            "refused, DryRunOperation",
            snapshots
        ),
        case!(
            "dry run, regions",
            "DescribeRegions with DryRun says that it would",
            "refused, DryRunOperation",
            regions
        ),
    ]
}

async fn create(ec2: &Ec2) -> Seen {
    let volume = ec2.volume("a").await?;
    let tags = ec2.tags(aws_sdk_ec2::types::ResourceType::Snapshot, "a", &[]);
    let call = ec2.client.create_snapshot().volume_id(volume).tag_specifications(tags).dry_run(true);
    Ok(format!("{}; {}", verdict(call.send().await)?, ec2.snapshots(&[]).await?))
}

async fn delete(ec2: &Ec2) -> Seen {
    let id = ec2.completed_snapshot("a").await?;
    let seen = verdict(ec2.client.delete_snapshot().snapshot_id(id).dry_run(true).send().await)?;
    Ok(format!("{seen}; {}", ec2.snapshots(&[]).await?))
}

async fn create_tags(ec2: &Ec2) -> Seen {
    let id = ec2.volume("a").await?;
    let call = ec2.client.create_tags().resources(&id).tags(tag("Backup", "daily")).dry_run(true);
    Ok(format!("{}; {}", verdict(call.send().await)?, ec2.tags_of_volume(&id).await?))
}

async fn delete_tags(ec2: &Ec2) -> Seen {
    let id = ec2.tagged_volume("a", &[("Backup", "daily")]).await?;
    let call = ec2.client.delete_tags().resources(&id).tags(tag("Backup", "daily")).dry_run(true);
    Ok(format!("{}; {}", verdict(call.send().await)?, ec2.tags_of_volume(&id).await?))
}

async fn volumes(ec2: &Ec2) -> Seen {
    verdict(ec2.client.describe_volumes().dry_run(true).send().await)
}

async fn snapshots(ec2: &Ec2) -> Seen {
    verdict(ec2.client.describe_snapshots().owner_ids("self").dry_run(true).send().await)
}

async fn regions(ec2: &Ec2) -> Seen {
    match ec2.client.describe_regions().dry_run(true).send().await {
        Ok(_) => Ok("accepted".to_owned()),
        Err(error) => Ok(refusal(&error)),
    }
}
