import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { Alarms } from './alarms';
import type { Artefacts } from './artefacts';
import { Backstop } from './backstop';
import type { AccountConfig } from './config';
import { RunDashboard } from './dashboard';
import { adoptSnapshots } from './functions/adopt-snapshots';
import { attachVolumes } from './functions/attach-volumes';
import { checkVolumes } from './functions/check-volumes';
import { createSnapshots } from './functions/create-snapshots';
import { createVolumes } from './functions/create-volumes';
import { deleteSnapshots } from './functions/delete-snapshots';
import { deleteTestVolumes } from './functions/delete-test-volumes';
import { discoverVolumes } from './functions/discover-volumes';
import { findExpired } from './functions/find-expired';
import { findRestorePoints } from './functions/find-restore-points';
import { listRegions } from './functions/list-regions';
import { notify } from './functions/notify';
import { replayGate } from './functions/replay-gate';
import { reportRestore } from './functions/report-restore';
import type { LambdaFunction } from './lambda-function';
import type { Stem } from './names';
import { ReportTopic } from './report-topic';
import { BackupSchedules, RestoreTestSchedules } from './schedule';
import { BackupStateMachine, RestoreStateMachine } from './state-machine';

export interface BackupStackProps extends StackProps {
  readonly account: AccountConfig;
  readonly artefacts: Artefacts;
}

/** All of EBS Backup in one account. It lives in the home region; it backs up every region, and restores in any, from there. */
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
      'find-restore-points': findRestorePoints(this, context),
      'create-volumes': createVolumes(this, context),
      'check-volumes': checkVolumes(this, context),
      'attach-volumes': attachVolumes(this, context),
      'delete-test-volumes': deleteTestVolumes(this, context),
      'report-restore': reportRestore(this, context, topic),
    };
    const { stateMachine } = new BackupStateMachine(this, 'Run', { account, functions });
    const { stateMachine: restoreMachine } = new RestoreStateMachine(this, 'Restore', { account, functions });
    const { deadLetters } = new BackupSchedules(this, 'Schedule', { policies: account.policies, stateMachine });
    if (account.restoreTest !== null) {
      const test = account.restoreTest;
      new RestoreTestSchedules(this, 'RestoreTest', { test, stateMachine: restoreMachine, deadLetters });
    }
    new Backstop(this, 'Backstop', { stateMachine, restoreMachine, topic });
    new Alarms(this, 'Alarms', { policies: account.policies, stateMachine, deadLetters, topic });
    new RunDashboard(this, 'Nights', {
      policies: account.policies,
      stateMachine,
      restoreMachine,
      functions: Object.values(functions),
    });

    new CfnOutput(this, 'StateMachineArn', { value: stateMachine.stateMachineArn, description: 'The nightly run' });
    new CfnOutput(this, 'ReportTopicArn', { value: topic.topic.topicArn, description: 'Where the reports go' });
    new CfnOutput(this, 'StateMachineConsole', {
      value: this.consoleOf(stateMachine),
      description: 'The runs, and the button that starts one',
    });
    new CfnOutput(this, 'RestoreStateMachineArn', {
      value: restoreMachine.stateMachineArn,
      description: 'Restores volumes',
    });
    new CfnOutput(this, 'RestoreStateMachineConsole', {
      value: this.consoleOf(restoreMachine),
      description: 'The restores, and the button that starts one',
    });
  }

  private consoleOf(machine: StateMachine): string {
    return `https://${this.region}.${consoleHost(this.region)}/states/home?region=${this.region}#/statemachines/view/${machine.stateMachineArn}`;
  }
}

/** The console's host differs between the partitions of AWS. */
function consoleHost(region: string): string {
  if (region.startsWith('cn-')) return 'console.amazonaws.cn';
  if (region.startsWith('us-gov-')) return 'console.amazonaws-us-gov.com';
  return 'console.aws.amazon.com';
}
