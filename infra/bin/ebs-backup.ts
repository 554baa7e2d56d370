import { resolve } from 'node:path';
import { App } from 'aws-cdk-lib';
import { addAccounts } from '../lib/app';
import { ArtefactError } from '../lib/artefacts';
import { ConfigError, readConfig } from '../lib/config';
import { strayLocalAccounts } from '../lib/local-engine';

/** A path given on the command line is seen from where the command runs, as any path there. */
const pathFromContext = (app: App, name: string): string | undefined => {
  const given: unknown = app.node.tryGetContext(name);
  return typeof given === 'string' ? resolve(given) : undefined;
};

try {
  const app = new App({ analyticsReporting: false });
  const config = readConfig(pathFromContext(app, 'config') ?? resolve(__dirname, '../config/accounts.json'));
  const stray = strayLocalAccounts(config.accounts, process.env['AWS_ENDPOINT_URL']);
  if (stray.length > 0) {
    throw new ConfigError('The configuration', [
      `localEngine: true: ${stray.join(', ')}: is for a local server, and AWS_ENDPOINT_URL names none on this machine. Leave it out for an account of AWS: it takes a condition out of the delete function's role.`,
    ]);
  }
  addAccounts(app, config, pathFromContext(app, 'lambdaDir') ?? config.lambdaDir);
  app.synth();
} catch (error) {
  // The operator's to mend, and said in full: a stack trace would only hide it.
  if (!(error instanceof ConfigError || error instanceof ArtefactError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
