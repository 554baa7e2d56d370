import { EventField, type EventPattern, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Stack } from 'aws-cdk-lib';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { MACHINE_NAME, REGIONS_FAILED } from './names';
import type { ReportTopic } from './report-topic';

export interface BackstopProps {
  readonly stateMachine: StateMachine;
  readonly topic: ReportTopic;
}

/** S7: speaks up for a run that ended badly and could not send its report. */
export class Backstop extends Construct {
  constructor(scope: Construct, id: string, props: BackstopProps) {
    super(scope, id);
    // A role, not the service principal: that one would let rules of other accounts publish here.
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('events.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
      description: 'Publishes the end of a run that had no report',
    });
    role.addToPolicy(new PolicyStatement({ actions: ['sns:Publish'], resources: [props.topic.topic.topicArn] }));
    role.addToPolicy(
      new PolicyStatement({ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [props.topic.key.keyArn] }),
    );

    // The two statements above are all it needs; the target would add kms:GenerateDataKey*.
    const publisher = role.withoutPolicyUpdates();
    const tell = (lines: readonly string[]): SnsTopic =>
      new SnsTopic(props.topic.topic, {
        role: publisher,
        message: RuleTargetInput.fromMultilineText(
          [
            `EBS Backup: a run ended as ${EventField.fromPath('$.detail.status')} and sent no report.`,
            `Account ${EventField.account}, ${EventField.region}, at ${EventField.time}.`,
            `Execution: ${EventField.fromPath('$.detail.executionArn')}`,
            ...lines,
            'Volumes may be without a snapshot. Open the execution in the Step Functions console to see where it stopped.',
          ].join('\n'),
        ),
      });
    const ended = (detail: Record<string, unknown>): EventPattern => ({
      source: ['aws.states'],
      detailType: ['Step Functions Execution Status Change'],
      detail: { stateMachineArn: [props.stateMachine.stateMachineArn], ...detail },
    });

    new Rule(this, 'Rule', {
      ruleName: `${MACHINE_NAME}-run-without-report`,
      description: `EBS Backup: a run failed before its report; silent for ${REGIONS_FAILED}, which had it`,
      eventPattern: ended({ status: ['FAILED'], error: [{ 'anything-but': [REGIONS_FAILED] }, { exists: false }] }),
      targets: [tell([`Error: ${EventField.fromPath('$.detail.error')}`])],
    });
    // A rule of its own, without a word about errors: such a run has none, and how its event says so is not documented.
    new Rule(this, 'Stopped', {
      ruleName: `${MACHINE_NAME}-run-stopped-without-report`,
      description: 'EBS Backup: a run timed out, or somebody stopped it',
      eventPattern: ended({ status: ['TIMED_OUT', 'ABORTED'] }),
      targets: [tell([])],
    });
  }
}
