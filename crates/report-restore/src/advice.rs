//! What helps against an error, for whoever restores at night.

use contract::errors::{
    DEVICE_IN_USE, EC2_THROTTLED, EC2_UNAVAILABLE, NOT_ATTACHED, STILL_DEFERRED, STILL_WAITING, VOLUME_ERROR,
    VOLUME_LOST,
};

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
            "the role may not do this: look for a service control policy, a permissions boundary, or the key's own policy"
        }
        "IncorrectState" | STILL_DEFERRED => "EC2 was not ready in all this time: see what it said, and restore again",
        "OperationNotPermitted" => "a root volume is detached from a stopped instance only: stop it, and restore again",
        // EC2 takes a volume back whose key it may not use, and then knows the token of its call as one of a volume that is gone.
        VOLUME_ERROR | VOLUME_LOST | "IdempotentParameterMismatch" => {
            "see the state of the KMS key (aws kms describe-key), and its policy: create-volumes' role needs CreateGrant, Decrypt, \
             DescribeKey, GenerateDataKeyWithoutPlaintext and ReEncrypt*"
        }
        STILL_WAITING => {
            "see in the console what state the volume is in, and on the instance what still uses the device"
        }
        DEVICE_IN_USE => "another device, or \"replace\": true",
        NOT_ATTACHED => "restore again when the other one's trouble is over, or one volume at a time",
        EC2_THROTTLED => {
            "other tools of the account use up the region's request rate: restore again when it is quieter"
        }
        EC2_UNAVAILABLE => "EC2 did not answer: look at the AWS Health Dashboard, and restore again when it does",
        kms if kms.contains("CustomerKey") || kms.contains("Kms") || kms.contains("KMS") => {
            "the key is disabled, deleted, or not ours to use: see it with aws kms describe-key"
        }
        _ => return None,
    })
}
