import { Duration } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { deployedConfiguration } from '../config';
import { DESCRIBE_TAKES_NO_RESOURCE, describe, type FunctionContext, LambdaFunction } from '../lambda-function';

/** Plans a restore: which snapshots hold the moment that was asked for, and what volumes are made of them. It reads, and makes nothing. */
export function findRestorePoints(scope: Construct, context: FunctionContext): LambdaFunction {
  return new LambdaFunction(scope, {
    ...context,
    stem: 'find-restore-points',
    description: 'EBS Backup: finds the snapshots that hold the moment to restore',
    timeout: Duration.seconds(900),
    memoryMiB: 512,
    environment: { EBS_BACKUP_CONFIG: deployedConfiguration(context.account) },
    permissions: [
      describe(
        'ec2:DescribeRegions',
        'ec2:DescribeSnapshots',
        'ec2:DescribeVolumes',
        'ec2:DescribeInstances',
        'ec2:DescribeAvailabilityZones',
      ),
    ],
    wildcards: [DESCRIBE_TAKES_NO_RESOURCE],
  });
}
