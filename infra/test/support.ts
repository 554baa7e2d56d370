/** What the tests share: stub functions, a synthesized app, and a look into its templates. Nothing here builds Rust. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { App } from 'aws-cdk-lib';
import { addAccounts } from '../lib/app';
import { parseConfig } from '../lib/config';
import { STEMS } from '../lib/names';

/** A template is JSON of any shape. */
export type Json = any;

export interface Resource {
  readonly Type: string;
  readonly Properties: Json;
  readonly DependsOn?: string[];
}

export interface Template {
  readonly Resources: Record<string, Resource>;
  readonly Outputs: Record<string, Json>;
}

const scratch = mkdtempSync(join(tmpdir(), 'ebs-backup-infra-'));

/** A folder with a function for each stem that would do nothing. */
export function stubLambdaDir(): string {
  const folder = join(scratch, 'lambda');
  for (const stem of STEMS) {
    mkdirSync(join(folder, stem), { recursive: true });
    writeFileSync(join(folder, stem, 'bootstrap'), `#!/bin/sh\n# stands for ${stem}\nexit 1\n`, { mode: 0o755 });
  }
  return folder;
}

export interface Synthesized {
  /** By the account's name. */
  readonly templates: Record<string, Template>;
  /** What the CDK CLI is told about the stack, by the account's name. */
  readonly artifacts: Record<string, Json>;
  /** What the rule packs found and nobody has explained. */
  readonly findings: string[];
}

const synthesized = new Map<string, Synthesized>();

/** The whole app, as the CDK CLI would get it. The same configuration is synthesized once; nobody may change what comes back. */
export function synthesize(raw: unknown): Synthesized {
  const key = JSON.stringify(raw);
  const known = synthesized.get(key) ?? synthesizeAnew(raw);
  synthesized.set(key, known);
  return known;
}

function synthesizeAnew(raw: unknown): Synthesized {
  const config = parseConfig(raw);
  const outdir = mkdtempSync(join(scratch, 'out-'));
  const { context } = JSON.parse(readFileSync(resolve(__dirname, '../cdk.json'), 'utf8')) as Json;
  const app = new App({ outdir, context, analyticsReporting: false });
  addAccounts(app, config, stubLambdaDir());
  const assembly = app.synth();
  const report = JSON.parse(readFileSync(join(outdir, 'validation-report.json'), 'utf8')) as Json;

  const templates: Record<string, Template> = {};
  const artifacts: Record<string, Json> = {};
  for (const account of config.accounts) {
    const stack = assembly.getNestedAssembly(`assembly-${config.stage}-${account.name}`).stacks[0];
    if (!stack) throw new Error(`no stack for ${account.name}`);
    templates[account.name] = stack.template as Template;
    artifacts[account.name] = stack.manifest;
  }
  return {
    templates,
    artifacts,
    findings: report.pluginReports.flatMap((plugin: Json) =>
      plugin.violations.map(
        (violation: Json) => `${violation.ruleName}: ${JSON.stringify(violation.violatingConstructs)}`,
      ),
    ),
  };
}

/** One account with an id and a name, and whatever else a test is about. */
export function oneAccount(more: Record<string, unknown> = {}): unknown {
  return { accounts: [{ id: '111122223333', name: 'acme', ...more }] };
}

export function templateOf(more: Record<string, unknown> = {}): Template {
  const template = synthesize(oneAccount(more)).templates['acme'];
  if (!template) throw new Error('no template for acme');
  return template;
}

export function ofType(template: Template, type: string): [string, Resource][] {
  return Object.entries(template.Resources).filter(([, resource]) => resource.Type === type);
}

/** The only resource of a type. */
export function only(template: Template, type: string): Resource {
  const found = ofType(template, type);
  if (found.length !== 1 || !found[0]) throw new Error(`${found.length} resources of ${type}`);
  return found[0][1];
}

export interface Environment {
  readonly account: string;
  readonly region: string;
}

/**
 * What CloudFormation would make of a value: references become the ARNs and names that the resources get on AWS.
 * An unknown reference throws, so that no test passes on a value that means nothing.
 */
export function deployed(template: Template, value: Json, { account, region }: Environment): Json {
  const arn = (id: string): string => {
    const resource = template.Resources[id];
    if (!resource) throw new Error(`no resource ${id}`);
    const { Type: type, Properties: properties } = resource;
    switch (type) {
      case 'AWS::Lambda::Function':
        return `arn:aws:lambda:${region}:${account}:function:${properties.FunctionName}`;
      case 'AWS::Logs::LogGroup':
        return `arn:aws:logs:${region}:${account}:log-group:${properties.LogGroupName}:*`;
      case 'AWS::SNS::Topic':
        return `arn:aws:sns:${region}:${account}:${properties.TopicName}`;
      case 'AWS::KMS::Key':
        return `arn:aws:kms:${region}:${account}:key/${id}`;
      case 'AWS::SQS::Queue':
        return `arn:aws:sqs:${region}:${account}:${properties.QueueName}`;
      case 'AWS::StepFunctions::StateMachine':
        return `arn:aws:states:${region}:${account}:stateMachine:${properties.StateMachineName}`;
      case 'AWS::IAM::Role':
        return `arn:aws:iam::${account}:role/${id}`;
      default:
        throw new Error(`the ARN of a ${type} is not known to the tests`);
    }
  };
  const walk = (node: Json): Json => {
    if (Array.isArray(node)) return node.map(walk);
    if (typeof node !== 'object' || node === null) return node;
    if (typeof node.Ref === 'string') {
      switch (node.Ref) {
        case 'AWS::Partition':
          return 'aws';
        case 'AWS::AccountId':
          return account;
        case 'AWS::Region':
          return region;
        default:
          return arn(node.Ref);
      }
    }
    if (node['Fn::GetAtt']) return arn(node['Fn::GetAtt'][0]);
    if (node['Fn::Join']) return (walk(node['Fn::Join'][1]) as string[]).join(node['Fn::Join'][0]);
    return Object.fromEntries(Object.entries(node).map(([key, child]) => [key, walk(child)]));
  };
  return walk(value);
}

/** All policies of a role, as IAM would read them. */
export function policiesOf(template: Template, roleId: string, environment: Environment): Json[] {
  const role = template.Resources[roleId];
  if (role?.Type !== 'AWS::IAM::Role') throw new Error(`${roleId} is not a role`);
  if (role.Properties.ManagedPolicyArns) throw new Error(`${roleId} has managed policies, which the tests cannot read`);
  const inline = (role.Properties.Policies ?? []).map((policy: Json) => policy.PolicyDocument);
  const attached = ofType(template, 'AWS::IAM::Policy')
    .filter(([, policy]) => policy.Properties.Roles.some((ref: Json) => ref.Ref === roleId))
    .map(([, policy]) => policy.Properties.PolicyDocument);
  return deployed(template, [...inline, ...attached], environment) as Json[];
}

export function functionResource(template: Template, name: string): Resource {
  const found = ofType(template, 'AWS::Lambda::Function').find(([, fn]) => fn.Properties.FunctionName === name);
  if (!found) throw new Error(`no function ${name}`);
  return found[1];
}

export function machineResource(template: Template, name: string): Resource {
  const found = ofType(template, 'AWS::StepFunctions::StateMachine').find(
    ([, machine]) => machine.Properties.StateMachineName === name,
  );
  if (!found) throw new Error(`no state machine ${name}`);
  return found[1];
}

/** The logical id of a function's role. */
export const roleOf = (template: Template, name: string): string =>
  functionResource(template, name).Properties.Role['Fn::GetAtt'][0] as string;
