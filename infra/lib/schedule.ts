import { Duration, TimeZone, Validations } from 'aws-cdk-lib';
import {
  ContextAttribute,
  Schedule,
  ScheduleExpression,
  ScheduleTargetInput,
  TimeWindow,
} from 'aws-cdk-lib/aws-scheduler';
import { StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { PolicyConfig, RestoreTestConfig, ScheduleConfig } from './config';
import { MACHINE_NAME, restoreTestSchedule } from './names';

/** A start that did not succeed is tried again for this long: late is better than never, but not into the next day's run. */
const GIVE_UP_AFTER = Duration.hours(12);
/** Scheduler's own maximum; the time above ends it sooner. */
const RETRIES = 185;

export interface BackupSchedulesProps {
  readonly policies: readonly PolicyConfig[];
  readonly stateMachine: StateMachine;
}

/** One schedule per policy, and the queue that keeps the starts that never succeeded. */
export class BackupSchedules extends Construct {
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, props: BackupSchedulesProps) {
    super(scope, id);
    this.deadLetters = new Queue(this, 'DeadLetters', {
      queueName: `${MACHINE_NAME}-missed-starts`,
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    Validations.of(this.deadLetters).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'It is itself the dead-letter queue of the schedules, and an alarm watches it.',
    });

    for (const policy of props.policies) {
      start(this, `Policy-${policy.name}`, {
        name: `${MACHINE_NAME}-${policy.name}`,
        description: `EBS Backup: runs the policy ${policy.name}`,
        schedule: policy.schedule,
        stateMachine: props.stateMachine,
        // S5: delivery is at least once. The scheduled time is the same in every delivery, so the run id is too.
        input: { runId: `${policy.name}-${ContextAttribute.scheduledTime}`, policy: policy.name },
        deadLetters: this.deadLetters,
      });
    }
  }
}

export interface RestoreTestSchedulesProps {
  readonly test: RestoreTestConfig;
  readonly stateMachine: StateMachine;
  readonly deadLetters: Queue;
}

/** One schedule per region whose restore is tested: a restore is of one region. */
export class RestoreTestSchedules extends Construct {
  constructor(scope: Construct, id: string, { test, stateMachine, deadLetters }: RestoreTestSchedulesProps) {
    super(scope, id);
    for (const region of test.regions) {
      start(this, `Region-${region}`, {
        name: restoreTestSchedule(region),
        description: `EBS Backup: tests a restore in ${region}`,
        schedule: test.schedule,
        stateMachine,
        // A second delivery is a second test: it makes, and deletes, volumes of its own.
        input: {
          region,
          test: true,
          sample: test.sample,
          ...(test.policy === undefined ? {} : { policy: test.policy }),
        },
        deadLetters,
      });
    }
  }
}

interface Start {
  readonly name: string;
  readonly description: string;
  readonly schedule: ScheduleConfig;
  readonly stateMachine: StateMachine;
  readonly input: Record<string, unknown>;
  readonly deadLetters: Queue;
}

function start(scope: Construct, id: string, props: Start): void {
  const { expression, timeZone, flexibleWindowMinutes } = props.schedule;
  new Schedule(scope, id, {
    scheduleName: props.name,
    description: props.description,
    schedule: ScheduleExpression.expression(expression, TimeZone.of(timeZone)),
    timeWindow:
      flexibleWindowMinutes > 0 ? TimeWindow.flexible(Duration.minutes(flexibleWindowMinutes)) : TimeWindow.off(),
    target: new StepFunctionsStartExecution(props.stateMachine, {
      input: ScheduleTargetInput.fromObject(props.input),
      deadLetterQueue: props.deadLetters,
      maxEventAge: GIVE_UP_AFTER,
      retryAttempts: RETRIES,
    }),
  });
}
