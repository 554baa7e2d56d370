import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { ANY_SNAPSHOT } from '../arns';
import { DESCRIBE_TAKES_NO_RESOURCE, describe, type FunctionContext, LambdaFunction } from '../lambda-function';
import { ownSnapshotsOnly } from '../local-engine';

/** The only function that may delete, and only what bears our tag (S1). */
export function deleteSnapshots(scope: Construct, context: FunctionContext): LambdaFunction {
  const policies = context.account.policies.map(({ name }) => name);
  return new LambdaFunction(scope, {
    ...context,
    stem: 'delete-snapshots',
    description: 'EBS Backup: deletes expired snapshots of ours, each checked once more',
    timeout: Duration.seconds(900),
    memoryMiB: 512,
    permissions: [
      describe('ec2:DescribeSnapshots'),
      new PolicyStatement({
        actions: ['ec2:DeleteSnapshot'],
        resources: [ANY_SNAPSHOT],
        conditions: ownSnapshotsOnly(context.account.localEngine, policies),
      }),
    ],
    wildcards: [
      DESCRIBE_TAKES_NO_RESOURCE,
      {
        resource: ANY_SNAPSHOT,
        reason: 'Snapshots are known by their tag, not by their id; a condition asks for ours.',
      },
    ],
  });
}
