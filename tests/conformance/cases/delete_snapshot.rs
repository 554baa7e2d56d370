//! DeleteSnapshot, and the images that keep a snapshot from being deleted.

use aws_sdk_ec2::error::ProvideErrorMetadata as _;
use aws_sdk_ec2::types::{BlockDeviceMapping, EbsBlockDevice};

use crate::case::{Case, Ec2, Seen, case, refusal, verdict};

pub fn cases() -> Vec<Case> {
    vec![
        case!("delete", "a snapshot that was deleted is gone", "refused, InvalidSnapshot.NotFound", deleted),
        case!("delete, listed", "a snapshot that was deleted is in no listing", "b", listed),
        case!(
            "delete, twice",
            "deleting a snapshot that is gone is refused",
            "refused, InvalidSnapshot.NotFound",
            twice
        ),
        case!(
            "delete, unknown",
            "deleting a snapshot that never was is refused",
            "refused, InvalidSnapshot.NotFound",
            unknown
        ),
        case!(
            "delete, id of another form",
            "a snapshot id that does not begin as one is refused",
            "refused, InvalidParameterValue",
            known from "what EC2 says: Value (…) for parameter snapshotId is invalid. Expected: 'snap-...'",
            foreign_id
        ),
        case!(
            "delete, malformed id",
            "a snapshot id that only begins as one is refused",
            "refused, InvalidSnapshotID.Malformed",
            malformed_id
        ),
        case!(
            "delete, image",
            "a snapshot that an image is made of is not deleted; the message names the image",
            "refused, InvalidSnapshot.InUse, with the image's id; there",
            in_use
        ),
        case!(
            "delete, image gone",
            "once the image is deregistered, the snapshot can be deleted",
            "accepted",
            after_image
        ),
        case!(
            "deregister, unknown",
            "an image that never was is refused",
            "refused, InvalidAMIID.NotFound",
            unknown_image
        ),
        case!(
            "deregister, malformed id",
            "an image id that is none is refused",
            "refused, InvalidAMIID.Malformed",
            malformed_image
        ),
    ]
}

async fn delete(ec2: &Ec2, id: &str) -> Seen {
    verdict(ec2.client.delete_snapshot().snapshot_id(id).send().await)
}

async fn delete_one(ec2: &Ec2, id: &str) -> Seen<()> {
    let answer = ec2.client.delete_snapshot().snapshot_id(id).send().await;
    answer.map(drop).map_err(|error| format!("DeleteSnapshot {}", refusal(&error)))
}

async fn deleted(ec2: &Ec2) -> Seen {
    let id = ec2.completed_snapshot("a").await?;
    delete_one(ec2, &id).await?;
    ec2.has_snapshot(&id).await
}

async fn listed(ec2: &Ec2) -> Seen {
    let id = ec2.completed_snapshot("a").await?;
    ec2.completed_snapshot("b").await?;
    delete_one(ec2, &id).await?;
    ec2.snapshots(&[]).await
}

async fn twice(ec2: &Ec2) -> Seen {
    let id = ec2.completed_snapshot("a").await?;
    delete_one(ec2, &id).await?;
    delete(ec2, &id).await
}

async fn unknown(ec2: &Ec2) -> Seen {
    delete(ec2, "snap-0123456789abcdef0").await
}

async fn foreign_id(ec2: &Ec2) -> Seen {
    delete(ec2, "nonsense").await
}

async fn malformed_id(ec2: &Ec2) -> Seen {
    delete(ec2, "snap-xyz").await
}

async fn image_of(ec2: &Ec2, snapshot: &str) -> Seen {
    let device = EbsBlockDevice::builder().snapshot_id(snapshot).build();
    let device = BlockDeviceMapping::builder().device_name("/dev/xvda").ebs(device).build();
    let name = ec2.mark.replace(", ", "-");
    let call = ec2.client.register_image().name(name).root_device_name("/dev/xvda").block_device_mappings(device);
    let answer = call.send().await.map_err(|error| format!("RegisterImage {}", refusal(&error)))?;
    answer.image_id.ok_or_else(|| "RegisterImage names no image".to_owned())
}

async fn in_use(ec2: &Ec2) -> Seen {
    let id = ec2.completed_snapshot("a").await?;
    let image = image_of(ec2, &id).await?;
    let seen = match ec2.client.delete_snapshot().snapshot_id(&id).send().await {
        Ok(_) => "accepted".to_owned(),
        Err(error) => {
            let named = error.message().is_some_and(|message| message.contains(&image));
            format!("{}, {}", refusal(&error), if named { "with the image's id" } else { "without the image's id" })
        }
    };
    Ok(format!("{seen}; {}", ec2.has_snapshot(&id).await?))
}

async fn after_image(ec2: &Ec2) -> Seen {
    let id = ec2.completed_snapshot("a").await?;
    let image = image_of(ec2, &id).await?;
    let answer = ec2.client.deregister_image().image_id(image).send().await;
    answer.map_err(|error| format!("DeregisterImage {}", refusal(&error)))?;
    delete(ec2, &id).await
}

async fn unknown_image(ec2: &Ec2) -> Seen {
    verdict(ec2.client.deregister_image().image_id("ami-0123456789abcdef0").send().await)
}

async fn malformed_image(ec2: &Ec2) -> Seen {
    verdict(ec2.client.deregister_image().image_id("ami-xyz").send().await)
}
