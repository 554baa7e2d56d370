import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { ANY_SNAPSHOT, OWN_INSTANCES, OWN_VOLUMES } from '../arns';
import { grantToEbs, KEYS_ARE_ANYBODYS } from '../ebs-keys';
import { DESCRIBE_TAKES_NO_RESOURCE, describe, type FunctionContext, LambdaFunction } from '../lambda-function';
import { POLICY_TAG, RESTORE_TAG } from '../names';

/** The only function that may attach and detach. It may snapshot what it replaces; it can delete nothing. */
export function attachVolumes(scope: Construct, context: FunctionContext): LambdaFunction {
  return new LambdaFunction(scope, {
    ...context,
    stem: 'attach-volumes',
    description: 'EBS Backup: attaches restored volumes, and snapshots what they replace',
    timeout: Duration.seconds(900),
    memoryMiB: 256,
    permissions: [
      describe('ec2:DescribeVolumes', 'ec2:DescribeSnapshots'),
      // Both are asked about the volume and the instance. No tag is asked for: what is replaced bears none of ours, and what
      // was detached has to be attached again when the new volume cannot take its place.
      new PolicyStatement({
        actions: ['ec2:AttachVolume', 'ec2:DetachVolume'],
        resources: [OWN_VOLUMES, OWN_INSTANCES],
      }),
      new PolicyStatement({
        actions: ['ec2:CreateSnapshot'],
        resources: [OWN_VOLUMES],
      }),
      // No snapshot without our tag, and none in the name of a policy, whose purge would delete it (S1). This tests the request's tags; aws:ResourceTag would test a snapshot that has none yet.
      new PolicyStatement({
        actions: ['ec2:CreateSnapshot'],
        resources: [ANY_SNAPSHOT],
        conditions: {
          Null: { [`aws:RequestTag/${RESTORE_TAG}`]: 'false', [`aws:RequestTag/${POLICY_TAG}`]: 'true' },
        },
      }),
      // S1: tags only in the create call. Else a foreign snapshot could be tagged as ours, and then deleted.
      new PolicyStatement({
        actions: ['ec2:CreateTags'],
        resources: [ANY_SNAPSHOT],
        conditions: { StringEquals: { 'ec2:CreateAction': 'CreateSnapshot' } },
      }),
      // Attaching an encrypted volume gives its instance the use of the key, as a grant.
      grantToEbs(),
    ],
    wildcards: [
      DESCRIBE_TAKES_NO_RESOURCE,
      {
        resource: OWN_VOLUMES,
        reason: 'Any volume of any region may be the one that a restore replaces; which, its input says.',
      },
      {
        resource: OWN_INSTANCES,
        reason: 'Any instance of any region may be the one to attach to; which, the input of a restore says.',
      },
      { resource: ANY_SNAPSHOT, reason: 'A snapshot has no id before it is made; conditions ask for our tag.' },
      KEYS_ARE_ANYBODYS,
    ],
  });
}
