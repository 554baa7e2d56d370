import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { type FunctionContext, LambdaFunction } from '../lambda-function';
import type { ReportTopic } from '../report-topic';

/** Sends the report of a run. */
export function notify(scope: Construct, context: FunctionContext, topic: ReportTopic): LambdaFunction {
  return new LambdaFunction(scope, {
    ...context,
    stem: 'notify',
    description: 'EBS Backup: sends the report of a run',
    timeout: Duration.seconds(110),
    memoryMiB: 256,
    environment: {
      EBS_BACKUP_TOPIC_ARN: topic.topic.topicArn,
      EBS_BACKUP_ACCOUNT_NAME: context.account.name,
      EBS_BACKUP_REPORT_WHEN_IDLE: String(context.account.reportWhenIdle),
    },
    permissions: [
      new PolicyStatement({ actions: ['sns:Publish'], resources: [topic.topic.topicArn] }),
      // Whoever publishes to an encrypted topic needs its key.
      new PolicyStatement({ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [topic.key.keyArn] }),
    ],
    wildcards: [],
  });
}
