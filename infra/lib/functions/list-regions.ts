import { Duration } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { deployedConfiguration } from '../config';
import { DESCRIBE_TAKES_NO_RESOURCE, describe, type FunctionContext, LambdaFunction } from '../lambda-function';

/** Plans a run. The only step that reads policies: an execution may name one, never define one. */
export function listRegions(scope: Construct, context: FunctionContext): LambdaFunction {
  return new LambdaFunction(scope, {
    ...context,
    stem: 'list-regions',
    description: 'EBS Backup: plans a run, one job per enabled region',
    timeout: Duration.seconds(110),
    memoryMiB: 256,
    environment: { EBS_BACKUP_CONFIG: deployedConfiguration(context.account) },
    permissions: [describe('ec2:DescribeRegions')],
    wildcards: [DESCRIBE_TAKES_NO_RESOURCE],
  });
}
