import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { ANY_SNAPSHOT, OWN_VOLUMES } from '../arns';
import { DESCRIBE_TAKES_NO_RESOURCE, describe, type FunctionContext, LambdaFunction } from '../lambda-function';
import { POLICY_TAG } from '../names';

/** Makes snapshots. It can neither delete one nor touch the tags of one that exists. */
export function createSnapshots(scope: Construct, context: FunctionContext): LambdaFunction {
  const policies = context.account.policies.map(({ name }) => name);
  return new LambdaFunction(scope, {
    ...context,
    stem: 'create-snapshots',
    description: 'EBS Backup: makes at most one snapshot per run and volume',
    timeout: Duration.seconds(900),
    memoryMiB: 512,
    permissions: [
      describe('ec2:DescribeVolumes', 'ec2:DescribeSnapshots'),
      new PolicyStatement({
        actions: ['ec2:CreateSnapshot'],
        resources: [OWN_VOLUMES],
      }),
      // S11: no snapshot without our tag. This tests the request's tags; aws:ResourceTag would test a snapshot that has none yet.
      new PolicyStatement({
        actions: ['ec2:CreateSnapshot'],
        resources: [ANY_SNAPSHOT],
        conditions: { StringEquals: { [`aws:RequestTag/${POLICY_TAG}`]: policies } },
      }),
      // S1: tags only in the create call. Else a foreign snapshot could be tagged as ours, and then deleted.
      new PolicyStatement({
        actions: ['ec2:CreateTags'],
        resources: [ANY_SNAPSHOT],
        conditions: { StringEquals: { 'ec2:CreateAction': 'CreateSnapshot' } },
      }),
    ],
    wildcards: [
      DESCRIBE_TAKES_NO_RESOURCE,
      {
        resource: OWN_VOLUMES,
        reason: 'Volumes bear the backup tag from one day to the next, in any region; which of them, the policy says.',
      },
      { resource: ANY_SNAPSHOT, reason: 'A snapshot has no id before it is made; conditions ask for our tag.' },
    ],
  });
}
