import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { OWN_VOLUMES } from '../arns';
import { DESCRIBE_TAKES_NO_RESOURCE, describe, type FunctionContext, LambdaFunction } from '../lambda-function';
import { testVolumesOnly } from '../local-engine';

/** The only function that may delete a volume, and only one that was made for a restore test. */
export function deleteTestVolumes(scope: Construct, context: FunctionContext): LambdaFunction {
  return new LambdaFunction(scope, {
    ...context,
    stem: 'delete-test-volumes',
    description: 'EBS Backup: deletes the volumes of a restore test',
    timeout: Duration.seconds(300),
    memoryMiB: 256,
    permissions: [
      describe('ec2:DescribeVolumes'),
      new PolicyStatement({
        actions: ['ec2:DeleteVolume'],
        resources: [OWN_VOLUMES],
        conditions: testVolumesOnly(context.account.localEngine),
      }),
    ],
    wildcards: [
      DESCRIBE_TAKES_NO_RESOURCE,
      {
        resource: OWN_VOLUMES,
        reason: 'The volumes of a test are known by their tag, not by their id; a condition asks for it.',
      },
    ],
  });
}
