import { type App, Stage, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { Artefacts } from './artefacts';
import { BackupStack } from './backup-stack';
import type { Config } from './config';
import { synthesizer } from './local-engine';
import { STACK_NAME } from './names';

/** One stage per account, so that `cdk deploy 'Prod-*\/*'` reaches them all. */
export function addAccounts(app: App, config: Config, lambdaDir = config.lambdaDir): void {
  const artefacts = new Artefacts(lambdaDir);
  for (const account of config.accounts) {
    const stage = new Stage(app, `${config.stage}-${account.name}`, {
      env: { account: account.id, region: account.homeRegion },
    });
    new BackupStack(stage, STACK_NAME, {
      stackName: STACK_NAME,
      description: 'EBS Backup: snapshots of tagged EBS volumes, their purge, and a report',
      synthesizer: synthesizer(account.localEngine),
      account,
      artefacts,
    });
  }
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
}
