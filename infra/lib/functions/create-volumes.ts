import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { ANY_SNAPSHOT, OWN_VOLUMES } from '../arns';
import { grantToEbs, KEYS_ARE_ANYBODYS, useThroughEc2 } from '../ebs-keys';
import { DESCRIBE_TAKES_NO_RESOURCE, describe, type FunctionContext, LambdaFunction } from '../lambda-function';
import { RESTORE_TAG } from '../names';

/** Makes the volumes of a restore. It can neither attach one nor touch the tags of one that exists. */
export function createVolumes(scope: Construct, context: FunctionContext): LambdaFunction {
  return new LambdaFunction(scope, {
    ...context,
    stem: 'create-volumes',
    description: 'EBS Backup: makes the volumes of a restore, each once',
    timeout: Duration.seconds(900),
    memoryMiB: 256,
    permissions: [
      describe('ec2:DescribeSnapshots'),
      // CreateVolume is asked about its snapshot too, as a resource that knows no request tags. Its own tags are not asked for:
      // it is only read, and one whose policy is no longer deployed can be restored as well.
      new PolicyStatement({
        actions: ['ec2:CreateVolume'],
        resources: [ANY_SNAPSHOT],
      }),
      // No volume without our tag, so that none is left that nobody can find.
      new PolicyStatement({
        actions: ['ec2:CreateVolume'],
        resources: [OWN_VOLUMES],
        conditions: { Null: { [`aws:RequestTag/${RESTORE_TAG}`]: 'false' } },
      }),
      // Tags only in the create call. Else a live volume could be tagged as one of a restore test, and then deleted.
      new PolicyStatement({
        actions: ['ec2:CreateTags'],
        resources: [OWN_VOLUMES],
        conditions: { StringEquals: { 'ec2:CreateAction': 'CreateVolume' } },
      }),
      grantToEbs(),
      useThroughEc2(
        'kms:Decrypt',
        'kms:DescribeKey',
        'kms:GenerateDataKeyWithoutPlaintext',
        'kms:ReEncryptFrom',
        'kms:ReEncryptTo',
      ),
    ],
    wildcards: [
      DESCRIBE_TAKES_NO_RESOURCE,
      { resource: ANY_SNAPSHOT, reason: 'Which snapshot holds the moment to restore, the plan says.' },
      { resource: OWN_VOLUMES, reason: 'A volume has no id before it is made; conditions ask for our tag.' },
      KEYS_ARE_ANYBODYS,
    ],
  });
}
