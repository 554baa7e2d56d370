import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { PolicyConfig } from './config';
import { MACHINE_NAME } from './names';
import type { ReportTopic } from './report-topic';
import { longestGapHours } from './schedule-expression';

export interface AlarmsProps {
  readonly policies: readonly PolicyConfig[];
  readonly stateMachine: StateMachine;
  readonly deadLetters: Queue;
  readonly topic: ReportTopic;
}

/** Added to the longest time between two runs before a run counts as missed. */
const GRACE_HOURS = 1;

export class Alarms extends Construct {
  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    const mail = new SnsAction(props.topic.topic);

    // Red for a day after a run that ended badly. No mail: the run's own report, or the backstop, has sent one. They are
    // there for dashboards, and for whoever is paged by the state of alarms. One for each way to end, not one sum of the
    // three: the alarm then says which it was, and the local server knows no metric math.
    const day = { period: Duration.days(1) };
    const endings = [
      { id: 'RunFailed', name: 'run-failed', what: 'failed', metric: props.stateMachine.metricFailed(day) },
      { id: 'RunTimedOut', name: 'run-timed-out', what: 'timed out', metric: props.stateMachine.metricTimedOut(day) },
      { id: 'RunStopped', name: 'run-stopped', what: 'was stopped', metric: props.stateMachine.metricAborted(day) },
    ];
    for (const ending of endings) {
      new Alarm(this, ending.id, {
        alarmName: `${MACHINE_NAME}-${ending.name}`,
        alarmDescription: `EBS Backup: a run of the last 24 hours ${ending.what}. Its report, or the notice of a run without one, says more.`,
        metric: ending.metric,
        threshold: 1,
        evaluationPeriods: 1,
        comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treatMissingData: TreatMissingData.NOT_BREACHING,
      });
    }

    new Alarm(this, 'StartMissed', {
      alarmName: `${MACHINE_NAME}-start-missed`,
      alarmDescription:
        'EBS Backup: a schedule could not start its run, however often it tried. The message in the queue says which and why.',
      metric: props.deadLetters.metricApproximateNumberOfMessagesVisible({
        period: Duration.minutes(5),
        statistic: 'Maximum',
      }),
      threshold: 1,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    }).addAlarmAction(mail);

    const hours = hoursWithoutRun(props.policies);
    if (hours !== undefined) {
      const missed = new Alarm(this, 'NoRun', {
        alarmName: `${MACHINE_NAME}-no-run`,
        alarmDescription: `EBS Backup: no run has started for ${hours} hours. Is the schedule still there, and enabled? (Red until the first run after a first deployment.)`,
        metric: props.stateMachine.metricStarted({ period: Duration.hours(1) }),
        threshold: 1,
        evaluationPeriods: hours,
        comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
        // Silence is the very thing to notice: a machine that never starts reports no metric at all.
        treatMissingData: TreatMissingData.BREACHING,
      });
      missed.addAlarmAction(mail);
      missed.addOkAction(mail);
    }
  }
}

/**
 * After how many hours without a start a run has been missed, for the policy that runs most often; undefined when all run
 * less than daily, since how far apart they are depends on the calendar. Starts are counted for the machine, not per policy.
 */
export function hoursWithoutRun(policies: readonly PolicyConfig[]): number | undefined {
  const gaps = policies.flatMap(({ schedule }) => {
    const gap = longestGapHours(schedule.expression);
    return gap === undefined ? [] : [gap + Math.ceil(schedule.flexibleWindowMinutes / 60) + GRACE_HOURS];
  });
  return gaps.length === 0 ? undefined : Math.min(...gaps);
}
