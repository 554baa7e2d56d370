import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { TOPIC_NAME } from './names';

/** Where reports and alarms go: encrypted with a key of the account, over TLS only. */
export class ReportTopic extends Construct {
  readonly key: Key;
  readonly topic: Topic;

  constructor(scope: Construct, id: string, props: { readonly subscribers: readonly string[] }) {
    super(scope, id);
    this.key = new Key(this, 'Key', {
      description: 'EBS Backup: reports and alarms on their way through SNS',
      enableKeyRotation: true,
      // Nothing at rest depends on the key: SNS keeps no message that it has delivered.
      removalPolicy: RemovalPolicy.DESTROY,
      pendingWindow: Duration.days(7),
    });
    this.topic = new Topic(this, 'Topic', {
      topicName: TOPIC_NAME,
      displayName: 'EBS Backup',
      masterKey: this.key,
      enforceSSL: true,
    });

    // Alarms publish as a service: the key and the topic must let it in, and SnsAction sees to neither.
    const cloudwatch = new ServicePrincipal('cloudwatch.amazonaws.com');
    this.key.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AlarmsEncrypt',
        principals: [cloudwatch],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        resources: ['*'],
      }),
    );
    this.topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AlarmsPublish',
        principals: [cloudwatch],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );

    props.subscribers.forEach((address) => this.topic.addSubscription(new EmailSubscription(address)));
  }
}
