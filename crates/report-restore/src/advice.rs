//! What helps against an error, for whoever restores at night.

use contract::errors::{
    DEVICE_IN_USE, EC2_THROTTLED, EC2_UNAVAILABLE, INVALID_REQUEST, NOT_ATTACHED, NOT_OURS, STEP_PANICKED,
    STILL_DEFERRED, STILL_WAITING, VOLUME_ERROR, VOLUME_LOST,
};
use contract::{Region, RestoreVolume};

use crate::commands;

/// What helps where it is most often the KMS key.
const KMS: &str = "see the state of the KMS key (KEY is what the first command prints), and its policy: create-volumes' role needs CreateGrant, \
     Decrypt, DescribeKey, GenerateDataKeyWithoutPlaintext and ReEncrypt*; attach-volumes' role needs CreateGrant";

/// Whether it is most often the KMS key. EC2 takes a volume back whose key it may not use, and then knows the token of its call as
/// one of a volume that is gone.
fn is_of_key(name: &str) -> bool {
    let by_name = ["CustomerKey", "Kms", "KMS"].iter().any(|part| name.contains(part));
    by_name || [VOLUME_ERROR, VOLUME_LOST, "IdempotentParameterMismatch"].contains(&name)
}

/// The commands that show what is wrong.
pub fn commands(name: &str, region: &Region, volume: &RestoreVolume) -> Vec<String> {
    if !is_of_key(name) {
        return Vec::new();
    }
    let wanted = &volume.wanted;
    let first = if wanted.encrypted {
        commands::key_of(region, &volume.snapshot_id)
    } else {
        // Nobody asked for a key: if there is one, it is the account's.
        commands::default_key(region)
    };
    let mut all = vec![first, commands::describe_key(region, None)];
    all.extend(wanted.kms_key_id.as_ref().map(|key| commands::describe_key(region, Some(key))));
    all
}

/// What helps where a function of ours did not come to its end.
const CUT_OFF: &str = "a function of EBS Backup was cut off or could not run: do first what is said of each volume here, then restore again. \
     The log of the function (/aws/lambda/ebs-backup-…) has the cause";

/// What helps against the error `name`; `None` where nothing better can be said than EC2 did.
pub fn on(name: &str) -> Option<&'static str> {
    Some(match name {
        "InsufficientVolumeCapacity" => {
            "the zone has no room for this type now: another \"availabilityZone\", another \"volumeType\", or later"
        }
        "VolumeLimitExceeded" => {
            "the account's quota of storage of this type: have it raised, or another \"volumeType\""
        }
        "MaxIOPSLimitExceeded" => "the account's quota of provisioned IOPS: fewer \"iops\", or \"volumeType\": \"gp3\"",
        "InvalidVolume.ZoneMismatch" => "the instance is in another zone: leave \"availabilityZone\" out",
        "VolumeInUse" => "somebody attached it meanwhile: see where it is, detach it there",
        "AttachmentLimitExceeded" => {
            "the instance has as many volumes as its type allows: detach one, or another instance"
        }
        "InvalidSnapshot.NotFound" => "somebody deleted the snapshot meanwhile: an earlier \"at\"",
        "UnauthorizedOperation" | "AuthFailure" => {
            "the role may not do this: look for a service control policy, a permissions boundary, or the policy of the volume's key: \
             create-volumes' and attach-volumes' roles need CreateGrant"
        }
        "IncorrectState" | STILL_DEFERRED => "EC2 was not ready in all this time: see what it said, and restore again",
        "OperationNotPermitted" => "a root volume is detached from a stopped instance only: stop it, and restore again",
        STILL_WAITING => {
            "see in the console what state the volume is in, and on the instance what still uses the device"
        }
        DEVICE_IN_USE => "another \"device\"; or that one by name, with \"replace\": true, if what is there is to go",
        NOT_ATTACHED => "restore again when the other one's trouble is over, or one volume at a time",
        EC2_THROTTLED => {
            "other tools of the account use up the region's request rate: restore again when it is quieter"
        }
        EC2_UNAVAILABLE => "EC2 did not answer: look at the AWS Health Dashboard, and restore again when it does",
        NOT_OURS => "see what it is used for; no test deletes it any more",
        INVALID_REQUEST => "a deployment came in between: restore again",
        "Sandbox.Timedout" | "States.Timeout" | "Runtime.ExitError" | STEP_PANICKED => CUT_OFF,
        lambda if lambda.starts_with("Lambda.") => CUT_OFF,
        key if is_of_key(key) => KMS,
        _ => return None,
    })
}
