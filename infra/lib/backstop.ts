import { EventField, type EventPattern, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Stack } from 'aws-cdk-lib';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import {
  INVALID_INPUT,
  MACHINE_NAME,
  NO_RESTORE_POINT,
  REGIONS_FAILED,
  RESTORE_FAILED,
  RESTORE_MACHINE_NAME,
  RESTORE_TAG,
} from './names';
import type { ReportTopic } from './report-topic';

export interface BackstopProps {
  readonly stateMachine: StateMachine;
  readonly restoreMachine: StateMachine;
  readonly topic: ReportTopic;
}

/** S7: speaks up for a run, or a restore, that ended badly and could not send its report; and for a restore that was refused, which has none. */
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
    // Only what holds no quote may stand in these texts: EventBridge does not escape what it puts into them. So never
    // $.detail.cause, which for an error of a function is JSON.
    const tell = (what: string, lines: readonly string[]): SnsTopic =>
      new SnsTopic(props.topic.topic, {
        role: publisher,
        message: RuleTargetInput.fromMultilineText(
          [
            `EBS Backup: ${what}`,
            `Account ${EventField.account}, ${EventField.region}, at ${EventField.time}.`,
            `Execution: ${EventField.fromPath('$.detail.executionArn')}`,
            ...lines,
          ].join('\n'),
        ),
      });
    const silent = (what: string): string =>
      `${what} ended as ${EventField.fromPath('$.detail.status')} and sent no report.`;
    const ended = (machine: StateMachine, detail: Record<string, unknown>): EventPattern => ({
      source: ['aws.states'],
      detailType: ['Step Functions Execution Status Change'],
      detail: { stateMachineArn: [machine.stateMachineArn], ...detail },
    });
    // An error of which another mail tells is left out; a run may also fail without any.
    const failedBut = (...told: readonly string[]) => ({
      status: ['FAILED'],
      error: [{ 'anything-but': told }, { exists: false }],
    });
    const stopped = { status: ['TIMED_OUT', 'ABORTED'] };
    const error = `Error: ${EventField.fromPath('$.detail.error')}`;
    const cause = `Why: aws stepfunctions describe-execution --region ${EventField.region} --execution-arn ${EventField.fromPath('$.detail.executionArn')} --query cause --output text`;

    const ofRun =
      'Volumes may be without a snapshot. Open the execution in the Step Functions console to see where it stopped.';
    new Rule(this, 'Rule', {
      ruleName: `${MACHINE_NAME}-run-without-report`,
      description: `EBS Backup: a run failed before its report; silent for ${REGIONS_FAILED}, which had it`,
      eventPattern: ended(props.stateMachine, failedBut(REGIONS_FAILED)),
      targets: [tell(silent('a run'), [error, ofRun])],
    });
    // A rule of its own, without a word about errors: such a run has none, and how its event says so is not documented.
    new Rule(this, 'Stopped', {
      ruleName: `${MACHINE_NAME}-run-stopped-without-report`,
      description: 'EBS Backup: a run timed out, or somebody stopped it',
      eventPattern: ended(props.stateMachine, stopped),
      targets: [tell(silent('a run'), [ofRun])],
    });

    // Not InvalidConfig: the step that reports may end with it too, and by then there are volumes.
    const refusals = [INVALID_INPUT, NO_RESTORE_POINT];
    new Rule(this, 'RestoreRefused', {
      ruleName: `${RESTORE_MACHINE_NAME}-refused`,
      description: 'EBS Backup: a restore was refused, so nothing was made',
      eventPattern: ended(props.restoreMachine, { status: ['FAILED'], error: refusals }),
      targets: [tell('a restore was refused. Nothing was made or changed.', [error, cause])],
    });

    const ofRestore = [
      `What was to be restored may not be. Volumes it made bear the tag ${RESTORE_TAG}=${EventField.fromPath('$.detail.name')}: delete none before you know that no instance uses it. Those of a test are deleted by a test in the same region that starts a day or more later.`,
      'Where it was to replace volumes, look at once whether each instance has its own: see A restore was cut off in the runbook.',
    ];
    new Rule(this, 'RestoreFailed', {
      ruleName: `${RESTORE_MACHINE_NAME}-without-report`,
      description: `EBS Backup: a restore failed before its report; silent for ${RESTORE_FAILED}, which had it, and for a refusal`,
      eventPattern: ended(props.restoreMachine, failedBut(RESTORE_FAILED, ...refusals)),
      targets: [tell(silent('a restore'), [error, cause, ...ofRestore])],
    });
    new Rule(this, 'RestoreStopped', {
      ruleName: `${RESTORE_MACHINE_NAME}-stopped-without-report`,
      description: 'EBS Backup: a restore timed out, or somebody stopped it',
      eventPattern: ended(props.restoreMachine, stopped),
      targets: [tell(silent('a restore'), ofRestore)],
    });
  }
}
