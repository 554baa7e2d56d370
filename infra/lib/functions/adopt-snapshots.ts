import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { ANY_SNAPSHOT } from '../arns';
import {
  DESCRIBE_TAKES_NO_RESOURCE,
  describe,
  type FunctionContext,
  LambdaFunction,
  type Wildcard,
} from '../lambda-function';
import { foreignSnapshotsOnly } from '../local-engine';
import { ADOPTION_TAGS, POLICY_TAG } from '../names';

/**
 * Lists what the script before EBS Backup left behind. Where a policy has `adopt: true` it may also write the three tags that
 * make such a snapshot one of that policy's, and nothing else, on a snapshot that bears the backup tag and is nobody's yet (S1).
 */
export function adoptSnapshots(scope: Construct, context: FunctionContext): LambdaFunction {
  const adopting = context.account.policies.filter(({ adopt }) => adopt);
  const permissions = adopting.map(
    ({ name, tag }) =>
      new PolicyStatement({
        actions: ['ec2:CreateTags'],
        resources: [ANY_SNAPSHOT],
        conditions: {
          StringEquals: { [`aws:RequestTag/${POLICY_TAG}`]: name },
          'ForAllValues:StringEquals': { 'aws:TagKeys': [...ADOPTION_TAGS] },
          ...foreignSnapshotsOnly(context.account.localEngine, tag.key),
        },
      }),
  );
  const wildcards: Wildcard[] = [DESCRIBE_TAKES_NO_RESOURCE];
  if (adopting.length > 0) {
    wildcards.push({
      resource: ANY_SNAPSHOT,
      reason: 'What is adopted is known by the tag it bears; conditions ask for it, and for none of ours.',
    });
  }
  return new LambdaFunction(scope, {
    ...context,
    stem: 'adopt-snapshots',
    description: 'EBS Backup: lists, and adopts where asked, what the script before it left behind',
    timeout: Duration.seconds(900),
    memoryMiB: 512,
    permissions: [describe('ec2:DescribeSnapshots'), ...permissions],
    wildcards,
  });
}
