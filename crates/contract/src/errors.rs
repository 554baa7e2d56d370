//! The names of errors, as the state machine, an alarm or an operator meets them.
//!
//! A step fails with one of these names, or with EC2's own code where that says more (`UnauthorizedOperation`). A name
//! is stable: alarms and runbooks hold on to it.

/// The execution's input is refused; nothing was done.
pub const INVALID_INPUT: &str = "InvalidInput";
/// The deployed configuration is refused; nothing was done.
pub const INVALID_CONFIG: &str = "InvalidConfig";
/// A step was called with something that is not its request: the state machine and the binaries are of two versions.
pub const INVALID_REQUEST: &str = "InvalidRequest";
/// A step panicked: a defect. The log of the function has the place.
pub const STEP_PANICKED: &str = "StepPanicked";
/// EC2 throttled a call for longer than a step waits. The state machine retries the step.
pub const EC2_THROTTLED: &str = "Ec2Throttled";
/// EC2 could not be reached, or failed on its side, for longer than a step waits. The state machine retries the step.
pub const EC2_UNAVAILABLE: &str = "Ec2Unavailable";
/// SNS could not be reached, throttled, or failed on its side. The state machine retries the report.
pub const SNS_UNAVAILABLE: &str = "SnsUnavailable";
/// SNS refused the report.
pub const REPORT_REFUSED: &str = "ReportRefused";
/// Regions failed and the report says so. The replay gate raises it, uncaught, so that the execution is red and can be
/// redriven; the backstop rule stays silent on it, as there was a report.
pub const REGIONS_FAILED: &str = "RegionsFailed";
/// A region came back without a word: its child execution died.
pub const REGION_LOST: &str = "RegionLost";
/// A region's counts do not add up: a volume was discovered and is neither backed up nor failed.
pub const VOLUMES_UNACCOUNTED: &str = "VolumesUnaccounted";
/// A volume met a limit, or got no clear answer, in more rounds than a run has for it.
pub const STILL_DEFERRED: &str = "StillDeferred";

/// Nothing can be restored of that volume or instance at that moment; nothing was made.
pub const NO_RESTORE_POINT: &str = "NoRestorePoint";
/// A restore did not reach its end and the report says so. The restore machine ends with it; the backstop rule stays silent on
/// it, as there was a report.
pub const RESTORE_FAILED: &str = "RestoreFailed";
/// A restored volume ended in the state `error`.
pub const VOLUME_ERROR: &str = "VolumeError";
/// A restored volume is not there any more, or never came to be.
pub const VOLUME_LOST: &str = "VolumeLost";
/// EC2 was given as long as a restore waits, and did not finish.
pub const STILL_WAITING: &str = "StillWaiting";
/// A volume of a restore test bears the tag of no test any more: somebody took it away, so it is not deleted (S1).
pub const NOT_OURS: &str = "NotOurs";
/// A volume was not attached, or is detached again, as another one of its restore failed.
pub const NOT_ATTACHED: &str = "NotAttached";
/// A device of the instance is taken by a volume that was not there when the restore was planned.
pub const DEVICE_IN_USE: &str = "DeviceInUse";

/// The names that the state machine itself refers to. A test binds them to `statemachine/backup.asl.json`.
pub const IN_STATE_MACHINE: [&str; 3] = [EC2_THROTTLED, EC2_UNAVAILABLE, SNS_UNAVAILABLE];
