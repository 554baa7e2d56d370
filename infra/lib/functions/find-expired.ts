import { Duration } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { DESCRIBE_TAKES_NO_RESOURCE, describe, type FunctionContext, LambdaFunction } from '../lambda-function';

/** Says which snapshots no keep rule wants any more. It reads, and deletes nothing. */
export function findExpired(scope: Construct, context: FunctionContext): LambdaFunction {
  return new LambdaFunction(scope, {
    ...context,
    stem: 'find-expired',
    description: 'EBS Backup: finds the snapshots that retention no longer needs',
    timeout: Duration.seconds(900),
    memoryMiB: 1024,
    permissions: [describe('ec2:DescribeVolumes', 'ec2:DescribeSnapshots')],
    wildcards: [DESCRIBE_TAKES_NO_RESOURCE],
  });
}
