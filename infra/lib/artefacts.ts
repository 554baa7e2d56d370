import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type { Architecture } from './config';
import type { Stem } from './names';

const INFRA = resolve(__dirname, '..');

/** Where the built functions are when nobody says otherwise, seen from `infra/`. */
export const DEFAULT_LAMBDA_DIR = '../target/lambda/{architecture}';

/** A function that has not been built. */
export class ArtefactError extends Error {
  override readonly name = 'ArtefactError';
}

/** Gives each function its code. Nothing is built here, so a test hands in a folder of stubs. */
export class Artefacts {
  constructor(private readonly lambdaDir: string = DEFAULT_LAMBDA_DIR) {}

  codeOf(stem: Stem, architecture: Architecture): Code {
    const folder = join(resolve(INFRA, this.lambdaDir.replaceAll('{architecture}', architecture)), stem);
    const zip = join(folder, 'bootstrap.zip');
    if (existsSync(zip)) return Code.fromAsset(zip);
    const binary = join(folder, 'bootstrap');
    if (existsSync(binary) && statSync(binary).isFile()) return Code.fromAsset(folder);
    throw new ArtefactError(
      `no ${architecture} build of ${stem}: neither ${zip} nor ${binary} exists. Build the functions with "cargo xtask package", or name their folder with "-c lambdaDir=PATH".`,
    );
  }
}
