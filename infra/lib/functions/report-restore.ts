import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { DESCRIBE_TAKES_NO_RESOURCE, describe, type FunctionContext, LambdaFunction } from '../lambda-function';
import type { ReportTopic } from '../report-topic';

/** Sends the report of a restore. It asks EC2 which volumes bear the restore's tag, so that none is left unnamed. */
export function reportRestore(scope: Construct, context: FunctionContext, topic: ReportTopic): LambdaFunction {
  return new LambdaFunction(scope, {
    ...context,
    stem: 'report-restore',
    description: 'EBS Backup: sends the report of a restore',
    timeout: Duration.seconds(110),
    memoryMiB: 256,
    environment: {
      EBS_BACKUP_TOPIC_ARN: topic.topic.topicArn,
      EBS_BACKUP_ACCOUNT_NAME: context.account.name,
    },
    permissions: [
      describe('ec2:DescribeVolumes'),
      new PolicyStatement({ actions: ['sns:Publish'], resources: [topic.topic.topicArn] }),
      // Whoever publishes to an encrypted topic needs its key.
      new PolicyStatement({ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [topic.key.keyArn] }),
    ],
    wildcards: [DESCRIBE_TAKES_NO_RESOURCE],
  });
}
