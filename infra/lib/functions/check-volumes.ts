import { Duration } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { DESCRIBE_TAKES_NO_RESOURCE, describe, type FunctionContext, LambdaFunction } from '../lambda-function';

/** Looks whether the volumes of a restore have become available. */
export function checkVolumes(scope: Construct, context: FunctionContext): LambdaFunction {
  return new LambdaFunction(scope, {
    ...context,
    stem: 'check-volumes',
    description: 'EBS Backup: looks whether restored volumes are available',
    timeout: Duration.seconds(300),
    memoryMiB: 256,
    permissions: [describe('ec2:DescribeVolumes')],
    wildcards: [DESCRIBE_TAKES_NO_RESOURCE],
  });
}
