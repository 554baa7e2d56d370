import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { Alarms } from './alarms';
import type { Artefacts } from './artefacts';
import { Backstop } from './backstop';
import type { AccountConfig } from './config';
import { RunDashboard } from './dashboard';
import { adoptSnapshots } from './functions/adopt-snapshots';
import { createSnapshots } from './functions/create-snapshots';
import { deleteSnapshots } from './functions/delete-snapshots';
import { discoverVolumes } from './functions/discover-volumes';
import { findExpired } from './functions/find-expired';
import { listRegions } from './functions/list-regions';
import { notify } from './functions/notify';
import { replayGate } from './functions/replay-gate';
import type { LambdaFunction } from './lambda-function';
import type { Stem } from './names';
import { ReportTopic } from './report-topic';
import { BackupSchedules } from './schedule';
import { BackupStateMachine } from './state-machine';

export interface BackupStackProps extends StackProps {
  readonly account: AccountConfig;
  readonly artefacts: Artefacts;
}

/** All of EBS Backup in one account. It lives in the home region and backs up every region from there. */
export class BackupStack extends Stack {
  constructor(scope: Construct, id: string, props: BackupStackProps) {
    super(scope, id, props);
    const { account, artefacts } = props;
    const context = { account, artefacts };

    const topic = new ReportTopic(this, 'Report', { subscribers: account.subscribers });
    const functions: Record<Stem, LambdaFunction> = {
      'list-regions': listRegions(this, context),
      'discover-volumes': discoverVolumes(this, context),
      'create-snapshots': createSnapshots(this, context),
      'adopt-snapshots': adoptSnapshots(this, context),
      'find-expired': findExpired(this, context),
      'delete-snapshots': deleteSnapshots(this, context),
      notify: notify(this, context, topic),
      'replay-gate': replayGate(this, context),
    };
    const { stateMachine } = new BackupStateMachine(this, 'Run', { account, functions });
    const { deadLetters } = new BackupSchedules(this, 'Schedule', { policies: account.policies, stateMachine });
    new Backstop(this, 'Backstop', { stateMachine, topic });
    new Alarms(this, 'Alarms', { policies: account.policies, stateMachine, deadLetters, topic });
    new RunDashboard(this, 'Nights', { policies: account.policies, stateMachine, functions: Object.values(functions) });

    new CfnOutput(this, 'StateMachineArn', { value: stateMachine.stateMachineArn, description: 'The nightly run' });
    new CfnOutput(this, 'ReportTopicArn', { value: topic.topic.topicArn, description: 'Where the reports go' });
    new CfnOutput(this, 'StateMachineConsole', {
      value: `https://${this.region}.${consoleHost(this.region)}/states/home?region=${this.region}#/statemachines/view/${stateMachine.stateMachineArn}`,
      description: 'The runs, and the button that starts one',
    });
  }
}

/** The console's host differs between the partitions of AWS. */
function consoleHost(region: string): string {
  if (region.startsWith('cn-')) return 'console.amazonaws.cn';
  if (region.startsWith('us-gov-')) return 'console.amazonaws-us-gov.com';
  return 'console.aws.amazon.com';
}
