/** The names an operator meets in the console. They are fixed, so that a runbook can name them and a role's policy can point at them. */

/** The functions of the nightly run. One stem per function: the crate, the binary, `lib/functions/<stem>.ts` and the function's name are all made of it. */
export const BACKUP_STEMS = [
  'list-regions',
  'discover-volumes',
  'create-snapshots',
  'adopt-snapshots',
  'find-expired',
  'delete-snapshots',
  'notify',
  'replay-gate',
] as const;

/** The functions of a restore. */
export const RESTORE_STEMS = [
  'find-restore-points',
  'create-volumes',
  'check-volumes',
  'attach-volumes',
  'delete-test-volumes',
  'report-restore',
] as const;

/** All functions. */
export const STEMS = [...BACKUP_STEMS, ...RESTORE_STEMS] as const;

export type Stem = (typeof STEMS)[number];

export const STACK_NAME = 'EbsBackup';
export const MACHINE_NAME = 'ebs-backup';
export const RESTORE_MACHINE_NAME = 'ebs-backup-restore';
export const TOPIC_NAME = 'ebs-backup-report';

/** Step Functions asks for this prefix: log groups outside it run into the size limit of CloudWatch's resource policy. */
export const machineLogGroup = (machine: string): string => `/aws/vendedlogs/states/${machine}`;

/** S1: a snapshot with this tag is ours; its value is the policy that made it. IAM and the functions test the same tag. */
export const POLICY_TAG = 'ebs-backup:policy';

/** A snapshot with this tag is held: nothing deletes it. */
export const KEEP_TAG = 'ebs-backup:keep';

/** The tags that make a snapshot one of a policy's: all that adoption may write. */
export const ADOPTION_TAGS = [POLICY_TAG, 'ebs-backup:run', 'ebs-backup:volume'] as const;

/** On every volume and snapshot that a restore makes; its value is the name of the restore's execution. */
export const RESTORE_TAG = 'ebs-backup:restore';

/** On the volumes of a restore test: the only volumes that anything here deletes. */
export const TEST_TAG = 'ebs-backup:restore-test';

/** The error of a run that is red because of a region, and whose report has been sent (statemachine/backup.asl.json, ReplayGate). */
export const REGIONS_FAILED = 'RegionsFailed';

/** The error of a restore that is red because of a volume, and whose report has been sent (statemachine/restore.asl.json, RestoreFailed). */
export const RESTORE_FAILED = 'RestoreFailed';

/** The errors of a restore that only its first step has, before anything is made. */
export const INVALID_INPUT = 'InvalidInput';
export const NO_RESTORE_POINT = 'NoRestorePoint';

/** The namespace of the metrics that `notify` writes, each with the dimension `Policy`. */
export const METRICS_NAMESPACE = 'EbsBackup';

/** Those of them that the dashboard shows. A test of the workspace holds the names against the crate `notify`. */
export type RunMetric =
  | 'PurgesHeld'
  | 'RegionsFailed'
  | 'SnapshotsCreated'
  | 'SnapshotsDeleted'
  | 'SnapshotsOverdue'
  | 'VolumesDiscovered'
  | 'VolumesFailed';

/** EventBridge Scheduler's name for the restore test of a region. */
export const restoreTestSchedule = (region: string): string => `${MACHINE_NAME}-restore-test-${region}`;

export const functionName = (stem: Stem): string => `ebs-backup-${stem}`;

/** `find-expired` -> `FindExpired`: the function's state, construct id and, with `Arn` behind it, its placeholder. */
export const pascal = (stem: Stem): string =>
  stem
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');

export const arnPlaceholder = (stem: Stem): string => `${pascal(stem)}Arn`;
