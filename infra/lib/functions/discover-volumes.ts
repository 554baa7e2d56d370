import { Duration } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { DESCRIBE_TAKES_NO_RESOURCE, describe, type FunctionContext, LambdaFunction } from '../lambda-function';

/** Pages through the ids of the volumes that a policy selects in one region. */
export function discoverVolumes(scope: Construct, context: FunctionContext): LambdaFunction {
  return new LambdaFunction(scope, {
    ...context,
    stem: 'discover-volumes',
    description: 'EBS Backup: finds the volumes that a policy selects',
    timeout: Duration.seconds(300),
    memoryMiB: 256,
    permissions: [describe('ec2:DescribeVolumes')],
    wildcards: [DESCRIBE_TAKES_NO_RESOURCE],
  });
}
