//! What helps against an error, for whoever meets it for the first time, at night.

use contract::errors::{
    EC2_THROTTLED, EC2_UNAVAILABLE, REGION_LOST, STEP_PANICKED, STILL_DEFERRED, VOLUMES_UNACCOUNTED,
};

/// What helps against the error `name`; `None` where nothing better can be said than EC2 did.
pub fn on(name: &str) -> Option<&'static str> {
    Some(match name {
        EC2_THROTTLED => "other tools of the account use up the region's request rate: replay when it is quieter",
        EC2_UNAVAILABLE => {
            "EC2 did not answer in that region: look at the AWS Health Dashboard, and replay when it does"
        }
        REGION_LOST => {
            "the region's own execution has the reason: open the execution, choose the Map run, then the region"
        }
        VOLUMES_UNACCOUNTED => {
            "a fault in EBS Backup: replay makes the missing snapshots; please report it with the region's log"
        }
        STILL_DEFERRED => {
            "a limit of EC2 did not lift for the whole run: replay, and look for other tools that make snapshots"
        }
        "UnauthorizedOperation" | "AuthFailure" => {
            "the role may not do this there: look for a service control policy or a permissions boundary that denies it"
        }
        "OptInRequired" => {
            "the account does not use this service or region: enable it, or exclude the region in the policy"
        }
        "SnapshotLimitExceeded" => {
            "the region holds as many snapshots as its quota allows: delete some, or have the quota raised"
        }
        "ConcurrentSnapshotLimitExceeded" | "PendingSnapshotLimitExceeded" => {
            "too many snapshots are on their way: replay when they are completed"
        }
        "States.DataLimitExceeded" => {
            "what the regions reported is too large to be passed on: replay fewer regions at a time"
        }
        "States.Timeout" | "Sandbox.Timedout" => "a step did not end in time: replay, it goes on where it stopped",
        "Lambda.TooManyRequestsException" => {
            "the account's Lambda concurrency was used up: ask for more, or lower regionConcurrency, then replay"
        }
        "TagPolicyViolation" => {
            "a tag policy refuses our tags: allow ebs-backup:*, Name, and the backup tag with any value"
        }
        "SnapshotCreationPerVolumeRateExceeded" => {
            "something else makes snapshots of the same volumes all the time: find it, then replay"
        }
        name if name.contains("Key") || name.contains("Kms") || name.contains("KMS") => {
            "the key of the volume: enable it or mend its policy; where it is gone for good, exclude the volume"
        }
        "Runtime.ExitError" | "Lambda.Unknown" => {
            "a function was ended from outside, most likely for lack of memory: its log group has the last words"
        }
        STEP_PANICKED => "a fault in EBS Backup: please report it with the function's log",
        _ => return None,
    })
}
