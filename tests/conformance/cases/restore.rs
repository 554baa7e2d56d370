//! What a restore calls: CreateVolume from a snapshot, AttachVolume, DetachVolume, DescribeInstances and
//! DescribeAvailabilityZones. No case starts an instance: what needs one stands in `alone.rs`.

use aws_sdk_ec2::types::{ResourceType, VolumeType};

use crate::case::{Case, Ec2, Seen, case, refusal, told, verdict};

/// A key that no server is asked for.
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/01234567-89ab-cdef-0123-456789abcdef";
/// A volume that is nowhere.
const VOLUME: &str = "vol-0123456789abcdef0";
/// An instance that is nowhere.
const INSTANCE: &str = "i-0123456789abcdef0";

pub fn cases() -> Vec<Case> {
    let mut cases = volumes();
    cases.extend([
        case!(
            "attach, unknown volume",
            "attaching a volume that does not exist is refused",
            "refused, InvalidVolume.NotFound",
            attach_unknown_volume
        ),
        case!(
            "attach, unknown instance",
            "attaching to an instance that does not exist is refused",
            "refused, InvalidInstanceID.NotFound",
            attach_to_unknown_instance
        ),
        case!(
            "detach, unknown volume",
            "detaching a volume that does not exist is refused",
            "refused, InvalidVolume.NotFound",
            detach_unknown_volume
        ),
        case!(
            "detach, not attached",
            "detaching a volume that is attached to nothing is refused",
            "refused, IncorrectState",
            known from "what EC2 says: Volume '…' is in the 'available' state.",
            detach_not_attached
        ),
        case!(
            "instances, unknown id",
            "DescribeInstances with an id that does not exist is refused",
            "refused, InvalidInstanceID.NotFound",
            unknown_instance
        ),
        case!(
            "instances, malformed id",
            "an instance id that only begins as one is refused",
            "refused, InvalidInstanceID.Malformed",
            malformed_instance
        ),
        case!("zones, named", "DescribeAvailabilityZones with a name lists that zone alone", "us-east-1b", named_zone),
        case!(
            "zones, unknown",
            "DescribeAvailabilityZones with a name that is none is refused",
            "refused, InvalidParameterValue",
            known from "what EC2 says: Invalid availability zone: […]",
            unknown_zone
        ),
    ]);
    cases
}

fn volumes() -> Vec<Case> {
    vec![
        case!(
            "restore",
            "a volume that is made from a snapshot has its size, and the listing names the snapshot",
            "1 GiB, of the snapshot",
            restored
        ),
        case!("restore, larger", "a volume may be larger than its snapshot", "2 GiB", larger),
        case!(
            "restore, smaller",
            "a volume that would be smaller than its snapshot is refused",
            "refused, InvalidParameterValue",
            known from "the API reference, which says that it must not be smaller, and not with which code it is refused",
            smaller
        ),
        case!(
            "restore, unknown snapshot",
            "a volume from a snapshot that does not exist is refused",
            "refused, InvalidSnapshot.NotFound",
            unknown_snapshot
        ),
        case!(
            "restore, same token",
            "the same call with the same client token names the same volume, and makes none",
            "the same; a",
            same_token
        ),
        case!(
            "restore, other parameters",
            "another call with the same client token is refused",
            "refused, IdempotentParameterMismatch",
            other_parameters
        ),
        case!(
            "restore, key alone",
            "a key without Encrypted is refused",
            "refused, InvalidParameterDependency",
            known from "what EC2 says: The parameter KmsKeyId requires the parameter Encrypted to be set.",
            key_alone
        ),
    ]
}

async fn restored(ec2: &Ec2) -> Seen {
    let snapshot = ec2.completed_snapshot("a").await?;
    let made = ec2.client.create_volume().availability_zone(ec2.zone).snapshot_id(&snapshot).send().await;
    let made = made.map_err(|error| refusal(&error))?;
    let listed = ec2.client.describe_volumes().volume_ids(made.volume_id().unwrap_or_default()).send().await;
    told(listed.map(|answer| match answer.volumes() {
        [volume] => {
            let named =
                if volume.snapshot_id() == Some(snapshot.as_str()) { "of the snapshot" } else { "of no snapshot" };
            format!("{} GiB, {named}", volume.size().unwrap_or_default())
        }
        other => format!("{} volumes", other.len()),
    }))
}

async fn larger(ec2: &Ec2) -> Seen {
    let snapshot = ec2.completed_snapshot("a").await?;
    let made = ec2.client.create_volume().availability_zone(ec2.zone).snapshot_id(snapshot).size(2).send().await;
    told(made.map(|volume| format!("{} GiB", volume.size().unwrap_or_default())))
}

async fn smaller(ec2: &Ec2) -> Seen {
    let large = ec2.client.create_volume().availability_zone(ec2.zone).size(2).volume_type(VolumeType::Gp3);
    let large = large.send().await.map_err(|error| refusal(&error))?;
    let snapshot = ec2.snapshot(large.volume_id().unwrap_or_default(), "a").await?;
    ec2.until_completed(&snapshot).await?;
    verdict(ec2.client.create_volume().availability_zone(ec2.zone).snapshot_id(snapshot).size(1).send().await)
}

async fn unknown_snapshot(ec2: &Ec2) -> Seen {
    let call = ec2.client.create_volume().availability_zone(ec2.zone).snapshot_id("snap-0123456789abcdef0");
    verdict(call.send().await)
}

async fn same_token(ec2: &Ec2) -> Seen {
    let call = ec2.client.create_volume().availability_zone(ec2.zone).size(1).client_token("conformance, same");
    let call = call.tag_specifications(ec2.tags(ResourceType::Volume, "a", &[]));
    let first = call.clone().send().await.map_err(|error| refusal(&error))?;
    let second = call.send().await.map_err(|error| refusal(&error))?;
    let which = if first.volume_id() == second.volume_id() { "the same" } else { "another" };
    Ok(format!("{which}; {}", ec2.volumes(&[]).await?))
}

async fn other_parameters(ec2: &Ec2) -> Seen {
    let call = ec2.client.create_volume().availability_zone(ec2.zone).client_token("conformance, other");
    call.clone().size(1).send().await.map_err(|error| refusal(&error))?;
    verdict(call.size(2).send().await)
}

async fn key_alone(ec2: &Ec2) -> Seen {
    verdict(ec2.client.create_volume().availability_zone(ec2.zone).size(1).kms_key_id(KEY).send().await)
}

async fn attach_unknown_volume(ec2: &Ec2) -> Seen {
    verdict(ec2.client.attach_volume().volume_id(VOLUME).instance_id(INSTANCE).device("/dev/sdf").send().await)
}

async fn attach_to_unknown_instance(ec2: &Ec2) -> Seen {
    let volume = ec2.volume("a").await?;
    verdict(ec2.client.attach_volume().volume_id(volume).instance_id(INSTANCE).device("/dev/sdf").send().await)
}

async fn detach_unknown_volume(ec2: &Ec2) -> Seen {
    verdict(ec2.client.detach_volume().volume_id(VOLUME).send().await)
}

async fn detach_not_attached(ec2: &Ec2) -> Seen {
    let volume = ec2.volume("a").await?;
    verdict(ec2.client.detach_volume().volume_id(volume).send().await)
}

async fn unknown_instance(ec2: &Ec2) -> Seen {
    verdict(ec2.client.describe_instances().instance_ids(INSTANCE).send().await)
}

async fn malformed_instance(ec2: &Ec2) -> Seen {
    verdict(ec2.client.describe_instances().instance_ids("i-xyz").send().await)
}

async fn named_zone(ec2: &Ec2) -> Seen {
    let answer = ec2.client.describe_availability_zones().zone_names("us-east-1b").send().await;
    let answer = answer.map_err(|error| refusal(&error))?;
    Ok(answer.availability_zones().iter().filter_map(|zone| zone.zone_name()).collect::<Vec<_>>().join(" "))
}

async fn unknown_zone(ec2: &Ec2) -> Seen {
    verdict(ec2.client.describe_availability_zones().zone_names("xx-nowhere-1a").send().await)
}
