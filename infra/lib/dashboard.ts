import { Duration } from 'aws-cdk-lib';
import { Dashboard, GraphWidget, type IMetric, Metric, SingleValueWidget } from 'aws-cdk-lib/aws-cloudwatch';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { PolicyConfig } from './config';
import type { LambdaFunction } from './lambda-function';
import { MACHINE_NAME, METRICS_NAMESPACE, type RunMetric } from './names';

export interface RunDashboardProps {
  readonly policies: readonly PolicyConfig[];
  readonly stateMachine: StateMachine;
  readonly restoreMachine: StateMachine;
  /** Those of both machines. */
  readonly functions: readonly LambdaFunction[];
}

/** What the nights did, policy by policy, and how the machines and their functions are. */
export class RunDashboard extends Construct {
  constructor(scope: Construct, id: string, props: RunDashboardProps) {
    super(scope, id);
    const night = Duration.days(1);
    const dashboard = new Dashboard(this, 'Dashboard', {
      dashboardName: MACHINE_NAME,
      defaultInterval: Duration.days(30),
    });

    for (const { name: policy } of props.policies) {
      const of = (metricName: RunMetric, label: string): IMetric =>
        new Metric({
          namespace: METRICS_NAMESPACE,
          metricName,
          dimensionsMap: { Policy: policy },
          period: night,
          statistic: 'Sum',
          label,
        });
      dashboard.addWidgets(
        new SingleValueWidget({
          title: `${policy}: last night`,
          width: 8,
          height: 6,
          metrics: [
            of('VolumesDiscovered', 'volumes'),
            of('SnapshotsCreated', 'snapshots made'),
            of('VolumesFailed', 'volumes without a snapshot'),
            of('RegionsFailed', 'regions failed'),
          ],
        }),
        new GraphWidget({
          title: `${policy}: snapshots made and deleted`,
          width: 8,
          left: [of('SnapshotsCreated', 'made'), of('SnapshotsDeleted', 'deleted')],
        }),
        new GraphWidget({
          title: `${policy}: what went wrong`,
          width: 8,
          left: [
            of('VolumesFailed', 'volumes without a snapshot'),
            of('RegionsFailed', 'regions failed'),
            of('SnapshotsOverdue', 'snapshots overdue'),
            of('PurgesHeld', 'purges held'),
          ],
        }),
      );
    }

    const hourly = { period: Duration.hours(1) };
    const each = (metric: (of: LambdaFunction) => IMetric): IMetric[] => props.functions.map(metric);
    dashboard.addWidgets(
      new GraphWidget({
        title: 'Runs',
        width: 8,
        left: [
          props.stateMachine.metricSucceeded(hourly),
          props.stateMachine.metricFailed(hourly),
          props.stateMachine.metricTimedOut(hourly),
        ],
      }),
      new GraphWidget({
        title: 'Functions: errors and throttles',
        width: 8,
        left: each((step) => step.function.metricErrors(hourly)),
        right: each((step) => step.function.metricThrottles(hourly)),
      }),
      new GraphWidget({
        title: 'Functions: duration, longest',
        width: 8,
        left: each((step) => step.function.metricDuration({ ...hourly, statistic: 'Maximum' })),
      }),
    );
    dashboard.addWidgets(
      new GraphWidget({
        title: 'Restores',
        width: 8,
        left: [
          props.restoreMachine.metricSucceeded(hourly),
          props.restoreMachine.metricFailed(hourly),
          props.restoreMachine.metricTimedOut(hourly),
        ],
      }),
    );
  }
}
