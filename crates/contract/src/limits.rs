//! Numbers that AWS sets, each with its source, and the margins we keep to them.

/// The largest input or output of a state, a task or an execution, in bytes of JSON (Step Functions quotas).
pub const PAYLOAD_BYTES: usize = 256 * 1024;
/// The longest key of a tag, in characters (EC2, "Tag restrictions").
pub const TAG_KEY_CHARS: usize = 128;
/// The longest value of a tag, in characters (EC2, "Tag restrictions").
pub const TAG_VALUE_CHARS: usize = 256;
/// Tags on one resource, those of AWS itself not counted (EC2, "Tag restrictions").
pub const TAGS_PER_RESOURCE: usize = 50;
/// The longest description of a snapshot, in characters (EC2 API, CreateSnapshot).
pub const DESCRIPTION_CHARS: usize = 255;
/// Volumes in one page of DescribeVolumes: 5 to 500 when paged (EC2 API, DescribeVolumes).
pub const VOLUMES_PER_PAGE: i32 = 500;
/// Snapshots in one page of DescribeSnapshots: 5 to 1,000 (EC2 API, DescribeSnapshots).
pub const SNAPSHOTS_PER_PAGE: i32 = 1_000;
/// Values in one filter of a Describe call (EC2 API, "Filtering").
pub const FILTER_VALUES: usize = 200;
/// The longest subject of an SNS message, in ASCII characters: less than 100 (SNS API, Publish).
pub const SNS_SUBJECT_CHARS: usize = 99;
/// The largest SNS message, in bytes, over all its protocol variants (SNS API, Publish).
pub const SNS_MESSAGE_BYTES: usize = 256 * 1024;
/// EC2 refuses a second snapshot of the same volume sooner than this, in seconds (EBS quotas).
pub const SECONDS_BETWEEN_SNAPSHOTS_OF_A_VOLUME: u32 = 15;
/// How old a look-up may be when something is created upon it, in seconds. Another invocation of the same run may be at work,
/// and the look-up may not show what it has just made; so as long as EC2's listing is no later than the rest of
/// [`SECONDS_BETWEEN_SNAPSHOTS_OF_A_VOLUME`], nothing is made twice.
pub const LOOK_UP_SECONDS: u32 = 10;
/// Events in the history of one execution (Step Functions quotas).
pub const HISTORY_EVENTS: u32 = 25_000;

/// Snapshot ids that one page of a purge hands over: 54 KB of ids. The plan is made anew for each page, so few large
/// pages cost EC2 less than many small ones.
pub const DELETIONS_PER_PAGE: usize = 2_000;
/// The most regions that one run covers. The report's parts of so many regions fit one payload; AWS has fewer.
pub const REGIONS_PER_RUN: usize = 40;
/// The largest tally of one region, in bytes of JSON.
pub const TALLY_BYTES: usize = 4_500;
/// The largest job of one region, in bytes of JSON.
pub const JOB_BYTES: usize = 1_500;
/// The largest cause of a failed region, in characters: the state machine cuts it there.
pub const CAUSE_CHARS: usize = 200;
/// Rounds of one region in which nothing could be done, before a page that gets stuck is given up. Over the whole
/// region and not per page: else one stuck volume on each page would hold up a large region for a day. With the waits of
/// `policy::rounds` they take about three hours, in which the first, large snapshots of a region can make room for others.
pub const STALLED_ROUNDS: u32 = 40;
/// Deferred rounds of one region in one run. Nine history events each: well inside [`HISTORY_EVENTS`].
pub const ROUNDS_PER_REGION: u32 = 1_000;
/// Seconds of one region in one run that go into deferred rounds and the waits between them, before a page that gets
/// stuck is given up: 12 hours, well inside the machine's own time-out.
pub const SECONDS_IN_ROUNDS: u64 = 12 * 3_600;
/// How often a purge that comes before EC2's listing shows all that the run made is put off. With the waits of
/// `policy::rounds` that is half a minute; then what is missing counts as not made (S4).
pub const UNLISTED_ROUNDS: u32 = 6;
/// How often a region's step adopts, each time as many as fit its time: eight a second.
pub const ADOPTION_ROUNDS: u32 = 20;

/// The most volumes of one restore: as many as one instance may have (EC2, "Amazon EBS volume limits for Amazon EC2 instances").
pub const VOLUMES_PER_RESTORE: usize = 128;
/// The largest entry of one volume in a restore, in bytes of JSON.
pub const RESTORE_VOLUME_BYTES: usize = 1_700;
/// What a volume's initialization rate may be, in MiB/s (EC2 API, CreateVolume, `VolumeInitializationRate`).
pub const INITIALIZATION_RATE_MIBPS: std::ops::RangeInclusive<u32> = 100..=300;
/// How often a restore comes back to volumes that EC2 does not take now: about half an hour with the waits of `policy::restore::waits`.
pub const CREATE_VOLUME_ROUNDS: u32 = 80;
/// How often a restore looks whether its volumes are available: about 50 minutes.
pub const AVAILABLE_ROUNDS: u32 = 120;
/// How many of these looks in a row may miss a volume, as EC2's listings are a little late, before it counts as lost.
pub const UNSEEN_ROUNDS: u32 = 12;
/// How often a restore looks whether volumes are detached and attached: about 12 minutes.
pub const ATTACH_ROUNDS: u32 = 40;
/// How often more, where the volumes that were replaced are attached again: about 20 minutes.
pub const PUT_BACK_ROUNDS: u32 = 40;
/// How often a restore test comes back to volumes that EC2 does not delete now.
pub const DELETE_VOLUME_ROUNDS: u32 = 40;
/// A volume of a restore test that was cut off is deleted by a later one, once it is so many hours old.
pub const STRAY_TEST_VOLUME_HOURS: i64 = 24;
