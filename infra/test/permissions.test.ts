import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { runSimulation } from '@cloud-copilot/iam-simulate';
import { BACKUP_STEMS, functionName, RESTORE_STEMS, STEMS, type Stem } from '../lib/names';
import {
  deployed,
  type Json,
  machineResource,
  ofType,
  only,
  policiesOf,
  roleOf,
  type Template,
  templateOf,
} from './support';

const account = '111122223333';
const region = 'eu-central-1';
const environment = { account, region };
const TAG = 'ebs-backup:policy';
const RESTORE_TAG = 'ebs-backup:restore';
const TEST_TAG = 'ebs-backup:restore-test';

const volume = `arn:aws:ec2:us-west-2:${account}:volume/vol-0123456789abcdef0`;
const snapshot = 'arn:aws:ec2:us-west-2::snapshot/snap-0123456789abcdef0';
const instance = `arn:aws:ec2:us-west-2:${account}:instance/i-0123456789abcdef0`;
const topic = `arn:aws:sns:${region}:${account}:ebs-backup-report`;
const machine = `arn:aws:states:${region}:${account}:stateMachine:ebs-backup`;
const restoreMachine = `arn:aws:states:${region}:${account}:stateMachine:ebs-backup-restore`;
const execution = `arn:aws:states:${region}:${account}:execution:ebs-backup:nightly`;
const regionExecution = `arn:aws:states:${region}:${account}:execution:ebs-backup/Region:0a1b`;
const logStream = (stem: string): string =>
  `arn:aws:logs:${region}:${account}:log-group:/aws/lambda/ebs-backup-${stem}:log-stream:x`;

/** A key that encrypts volumes, in another region, and that leaves it to IAM who may use it: KMS's default policy. */
const ebsKey = `arn:aws:kms:us-west-2:${account}:key/11111111-1111-1111-1111-111111111111`;
const leftToIam = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'kms:*', Resource: '*' }],
};

let template: Template;
let key: string;
let resourcePolicies: Record<string, Json>;
let roles: {
  functions: Record<Stem, string>;
  machine: string;
  restoreMachine: string;
  scheduler: string;
  restoreScheduler: string;
  backstop: string;
};

const roleId = (arn: Json): string => arn['Fn::GetAtt'][0] as string;

before(() => {
  template = templateOf({
    homeRegion: region,
    policies: [
      { name: 'daily', tag: { key: 'Backup' }, retention: { keepDays: 7 } },
      { name: 'gold', tag: { key: 'Backup', value: 'gold' }, retention: { keepLast: 30 } },
    ],
    restoreTest: { regions: ['eu-west-1', 'us-west-2'] },
  });
  const keyId = ofType(template, 'AWS::KMS::Key')[0]![0];
  key = deployed(template, { Ref: keyId }, environment) as string;
  resourcePolicies = deployed(
    template,
    {
      [ebsKey]: leftToIam,
      [key]: template.Resources[keyId]!.Properties.KeyPolicy,
      [topic]: only(template, 'AWS::SNS::TopicPolicy').Properties.PolicyDocument,
    },
    environment,
  ) as Record<string, Json>;
  const schedule = (name: string): Json =>
    ofType(template, 'AWS::Scheduler::Schedule').find(([, { Properties }]) => Properties.Name === name)![1].Properties;
  roles = {
    functions: Object.fromEntries(STEMS.map((stem) => [stem, roleOf(template, functionName(stem))])) as Record<
      Stem,
      string
    >,
    machine: roleId(machineResource(template, 'ebs-backup').Properties.RoleArn),
    restoreMachine: roleId(machineResource(template, 'ebs-backup-restore').Properties.RoleArn),
    scheduler: roleId(schedule('ebs-backup-daily').Target.RoleArn),
    restoreScheduler: roleId(schedule('ebs-backup-restore-test-eu-west-1').Target.RoleArn),
    backstop: roleId(ofType(template, 'AWS::Events::Rule')[0]![1].Properties.Targets[0].RoleArn),
  };
});

interface Attempt {
  readonly action: string;
  readonly resource: string;
  readonly context?: Record<string, string | string[]>;
}

/** Whether IAM would let the role do it. A simulation that cannot be run is a mistake in the test, never a denial. */
async function may(role: string, { action, resource, context = {} }: Attempt): Promise<boolean> {
  const result = await runSimulation(
    {
      request: {
        principal: `arn:aws:iam::${account}:role/${role}`,
        action,
        resource: { resource, accountId: account },
        contextVariables: context,
      },
      identityPolicies: policiesOf(template, role, environment).map((policy, i) => ({ name: `${role}-${i}`, policy })),
      resourcePolicy: resourcePolicies[resource],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  );
  if (result.resultType !== 'single') assert.fail(`${action} on ${resource}: ${JSON.stringify(result)}`);
  assert.deepEqual(result.result.ignoredContextKeys, [], `${action} does not know these context keys`);
  return result.overallResult === 'Allowed';
}

const COMMON = ['logs:CreateLogStream', 'logs:PutLogEvents', 'xray:PutTelemetryRecords', 'xray:PutTraceSegments'];
const ACTIONS: Record<Stem, string[]> = {
  'list-regions': ['ec2:DescribeRegions'],
  'discover-volumes': ['ec2:DescribeVolumes'],
  'create-snapshots': ['ec2:CreateSnapshot', 'ec2:CreateTags', 'ec2:DescribeSnapshots', 'ec2:DescribeVolumes'],
  'adopt-snapshots': ['ec2:DescribeSnapshots'],
  'find-expired': ['ec2:DescribeSnapshots', 'ec2:DescribeVolumes'],
  'delete-snapshots': ['ec2:DeleteSnapshot', 'ec2:DescribeSnapshots'],
  notify: ['kms:Decrypt', 'kms:GenerateDataKey', 'sns:Publish'],
  'replay-gate': ['states:DescribeExecution'],
  'find-restore-points': [
    'ec2:DescribeAvailabilityZones',
    'ec2:DescribeInstances',
    'ec2:DescribeRegions',
    'ec2:DescribeSnapshots',
    'ec2:DescribeVolumes',
  ],
  'create-volumes': [
    'ec2:CreateTags',
    'ec2:CreateVolume',
    'ec2:DescribeSnapshots',
    'kms:CreateGrant',
    'kms:Decrypt',
    'kms:DescribeKey',
    'kms:GenerateDataKeyWithoutPlaintext',
    'kms:ReEncryptFrom',
    'kms:ReEncryptTo',
  ],
  'check-volumes': ['ec2:DescribeVolumes'],
  'attach-volumes': [
    'ec2:AttachVolume',
    'ec2:CreateSnapshot',
    'ec2:CreateTags',
    'ec2:DescribeSnapshots',
    'ec2:DescribeVolumes',
    'ec2:DetachVolume',
    'kms:CreateGrant',
  ],
  'delete-test-volumes': ['ec2:DeleteVolume', 'ec2:DescribeVolumes'],
  'report-restore': ['ec2:DescribeVolumes', 'kms:Decrypt', 'kms:GenerateDataKey', 'sns:Publish'],
};

const created = { 'ec2:CreateAction': 'CreateSnapshot', [`aws:RequestTag/${TAG}`]: 'daily' };

const restored = { [`aws:RequestTag/${RESTORE_TAG}`]: 'restore-1' };
const createdVolume = { ...restored, 'ec2:CreateAction': 'CreateVolume' };
const safety = { ...restored, 'ec2:CreateAction': 'CreateSnapshot' };

const viaEc2 = { 'kms:ViaService': 'ec2.us-west-2.amazonaws.com' };
const grant = (context: Record<string, string>): Attempt => ({ action: 'kms:CreateGrant', resource: ebsKey, context });

/** What each function does on an ordinary night, or in an ordinary restore. */
const NEEDS: Record<Stem, () => Attempt[]> = {
  'list-regions': () => [{ action: 'ec2:DescribeRegions', resource: '*' }],
  'discover-volumes': () => [{ action: 'ec2:DescribeVolumes', resource: '*' }],
  'create-snapshots': () => [
    { action: 'ec2:DescribeVolumes', resource: '*' },
    { action: 'ec2:DescribeSnapshots', resource: '*' },
    { action: 'ec2:CreateSnapshot', resource: volume },
    { action: 'ec2:CreateSnapshot', resource: snapshot, context: { [`aws:RequestTag/${TAG}`]: 'daily' } },
    { action: 'ec2:CreateSnapshot', resource: snapshot, context: { [`aws:RequestTag/${TAG}`]: 'gold' } },
    { action: 'ec2:CreateTags', resource: snapshot, context: created },
  ],
  'adopt-snapshots': () => [{ action: 'ec2:DescribeSnapshots', resource: '*' }],
  'find-expired': () => [
    { action: 'ec2:DescribeVolumes', resource: '*' },
    { action: 'ec2:DescribeSnapshots', resource: '*' },
  ],
  'delete-snapshots': () => [
    { action: 'ec2:DescribeSnapshots', resource: '*' },
    { action: 'ec2:DeleteSnapshot', resource: snapshot, context: { [`aws:ResourceTag/${TAG}`]: 'daily' } },
    { action: 'ec2:DeleteSnapshot', resource: snapshot, context: { [`aws:ResourceTag/${TAG}`]: 'gold' } },
  ],
  notify: () => [
    { action: 'sns:Publish', resource: topic },
    { action: 'kms:Decrypt', resource: key },
    { action: 'kms:GenerateDataKey', resource: key },
  ],
  'replay-gate': () => [{ action: 'states:DescribeExecution', resource: execution }],
  'find-restore-points': () => [
    { action: 'ec2:DescribeRegions', resource: '*' },
    { action: 'ec2:DescribeSnapshots', resource: '*' },
    { action: 'ec2:DescribeVolumes', resource: '*' },
    { action: 'ec2:DescribeInstances', resource: '*' },
    { action: 'ec2:DescribeAvailabilityZones', resource: '*' },
  ],
  'create-volumes': () => [
    { action: 'ec2:DescribeSnapshots', resource: '*' },
    { action: 'ec2:CreateVolume', resource: snapshot },
    { action: 'ec2:CreateVolume', resource: volume, context: restored },
    { action: 'ec2:CreateTags', resource: volume, context: createdVolume },
    grant({ ...viaEc2, 'kms:GrantIsForAWSResource': 'true' }),
    grant({ 'kms:ViaService': 'ec2.cn-north-1.amazonaws.com.cn', 'kms:GrantIsForAWSResource': 'true' }),
    ...['Decrypt', 'DescribeKey', 'GenerateDataKeyWithoutPlaintext', 'ReEncryptFrom', 'ReEncryptTo'].map((name) => ({
      action: `kms:${name}`,
      resource: ebsKey,
      context: viaEc2,
    })),
  ],
  'check-volumes': () => [{ action: 'ec2:DescribeVolumes', resource: '*' }],
  'attach-volumes': () => [
    { action: 'ec2:DescribeVolumes', resource: '*' },
    { action: 'ec2:DescribeSnapshots', resource: '*' },
    { action: 'ec2:CreateSnapshot', resource: volume },
    { action: 'ec2:CreateSnapshot', resource: snapshot, context: restored },
    { action: 'ec2:CreateTags', resource: snapshot, context: safety },
    { action: 'ec2:DetachVolume', resource: volume },
    { action: 'ec2:DetachVolume', resource: instance },
    { action: 'ec2:AttachVolume', resource: volume },
    { action: 'ec2:AttachVolume', resource: instance },
    grant({ ...viaEc2, 'kms:GrantIsForAWSResource': 'true' }),
  ],
  'delete-test-volumes': () => [
    { action: 'ec2:DescribeVolumes', resource: '*' },
    { action: 'ec2:DeleteVolume', resource: volume, context: { [`aws:ResourceTag/${TEST_TAG}`]: 'restore-1' } },
  ],
  'report-restore': () => [
    { action: 'ec2:DescribeVolumes', resource: '*' },
    { action: 'sns:Publish', resource: topic },
    { action: 'kms:Decrypt', resource: key },
    { action: 'kms:GenerateDataKey', resource: key },
  ],
};

/** What nobody here may do: to what is not ours, or at all. Who is named behind it is there to do it. */
const DANGERS: [why: string, attempt: Attempt, but?: Stem][] = [
  ['delete a snapshot without our tag (S1)', { action: 'ec2:DeleteSnapshot', resource: snapshot }],
  [
    'delete a snapshot of a policy that is not deployed here (S1)',
    { action: 'ec2:DeleteSnapshot', resource: snapshot, context: { [`aws:ResourceTag/${TAG}`]: 'theirs' } },
  ],
  [
    'delete a snapshot that is held (S1)',
    {
      action: 'ec2:DeleteSnapshot',
      resource: snapshot,
      context: { [`aws:ResourceTag/${TAG}`]: 'daily', 'aws:ResourceTag/ebs-backup:keep': 'audit' },
    },
  ],
  [
    'delete a snapshot that only bears the backup tag (S1)',
    { action: 'ec2:DeleteSnapshot', resource: snapshot, context: { 'aws:ResourceTag/Backup': 'daily' } },
  ],
  [
    'tag a foreign snapshot as ours (S1)',
    { action: 'ec2:CreateTags', resource: snapshot, context: { [`aws:RequestTag/${TAG}`]: 'daily' } },
  ],
  [
    'tag a foreign snapshot while making something else (S1)',
    { action: 'ec2:CreateTags', resource: snapshot, context: { ...created, 'ec2:CreateAction': 'CopySnapshot' } },
  ],
  ['tag a volume', { action: 'ec2:CreateTags', resource: volume, context: { 'aws:RequestTag/Backup': 'x' } }],
  [
    'tag a volume in the name of a snapshot',
    {
      action: 'ec2:CreateTags',
      resource: volume,
      context: { 'aws:RequestTag/Backup': 'x', 'ec2:CreateAction': 'CreateSnapshot' },
    },
  ],
  [
    'tag a snapshot in the name of a volume (S1)',
    { action: 'ec2:CreateTags', resource: snapshot, context: { ...created, 'ec2:CreateAction': 'CreateVolume' } },
  ],
  [
    'tag a live volume as one of a restore test',
    { action: 'ec2:CreateTags', resource: volume, context: { [`aws:RequestTag/${TEST_TAG}`]: 'x' } },
  ],
  [
    'tag a live volume as restored',
    { action: 'ec2:CreateTags', resource: volume, context: { [`aws:RequestTag/${RESTORE_TAG}`]: 'x' } },
  ],
  ['tag an instance', { action: 'ec2:CreateTags', resource: instance, context: { 'aws:RequestTag/Backup': 'x' } }],
  ['take tags off a volume', { action: 'ec2:DeleteTags', resource: volume }],
  ['take tags off a snapshot', { action: 'ec2:DeleteTags', resource: snapshot }],
  ['make a snapshot without our tag (S11)', { action: 'ec2:CreateSnapshot', resource: snapshot }],
  [
    'make a snapshot for a policy that is not deployed here (S11)',
    { action: 'ec2:CreateSnapshot', resource: snapshot, context: { [`aws:RequestTag/${TAG}`]: 'theirs' } },
  ],
  [
    "make a snapshot of another account's volume",
    { action: 'ec2:CreateSnapshot', resource: volume.replace(account, '444455556666') },
  ],
  [
    "make a restore's snapshot in the name of a policy, whose purge would delete it (S1)",
    { action: 'ec2:CreateSnapshot', resource: snapshot, context: { ...restored, [`aws:RequestTag/${TAG}`]: 'theirs' } },
  ],
  ['share a snapshot', { action: 'ec2:ModifySnapshotAttribute', resource: snapshot }],
  ['unprotect a snapshot', { action: 'ec2:UnlockSnapshot', resource: snapshot }],
  ['archive a snapshot', { action: 'ec2:ModifySnapshotTier', resource: snapshot }],
  ['read the blocks of a snapshot', { action: 'ebs:GetSnapshotBlock', resource: snapshot }],
  ['delete a volume', { action: 'ec2:DeleteVolume', resource: volume }],
  [
    'delete a volume that a restore made, unless for a test',
    { action: 'ec2:DeleteVolume', resource: volume, context: { [`aws:ResourceTag/${RESTORE_TAG}`]: 'restore-1' } },
  ],
  [
    'delete a snapshot that a restore made',
    { action: 'ec2:DeleteSnapshot', resource: snapshot, context: { [`aws:ResourceTag/${RESTORE_TAG}`]: 'restore-1' } },
  ],
  [
    'delete a snapshot as one of a restore test',
    { action: 'ec2:DeleteSnapshot', resource: snapshot, context: { [`aws:ResourceTag/${TEST_TAG}`]: 'restore-1' } },
  ],
  ['make a volume without the tag of a restore', { action: 'ec2:CreateVolume', resource: volume }],
  [
    'make a volume with another tag only',
    { action: 'ec2:CreateVolume', resource: volume, context: { 'aws:RequestTag/Backup': 'x' } },
  ],
  ['change a volume', { action: 'ec2:ModifyVolume', resource: volume }],
  ['detach a volume', { action: 'ec2:DetachVolume', resource: volume }, 'attach-volumes'],
  ['attach a volume', { action: 'ec2:AttachVolume', resource: volume }, 'attach-volumes'],
  [
    "detach another account's volume",
    { action: 'ec2:DetachVolume', resource: volume.replace(account, '444455556666') },
  ],
  ['stop an instance', { action: 'ec2:StopInstances', resource: instance }],
  ['grant the use of a key', grant({})],
  ['grant the use of a key to anybody, through EC2', grant({ ...viaEc2, 'kms:GrantIsForAWSResource': 'false' })],
  [
    'grant the use of a key through another service',
    grant({ 'kms:ViaService': 'rds.us-west-2.amazonaws.com', 'kms:GrantIsForAWSResource': 'true' }),
  ],
  [
    'use a key through another service',
    { action: 'kms:Decrypt', resource: ebsKey, context: { 'kms:ViaService': 's3.us-west-2.amazonaws.com' } },
  ],
  ['terminate an instance', { action: 'ec2:TerminateInstances', resource: instance }],
  [
    'deregister an image',
    { action: 'ec2:DeregisterImage', resource: 'arn:aws:ec2:us-west-2::image/ami-0123456789abcdef0' },
  ],
  ['make a user', { action: 'iam:CreateUser', resource: `arn:aws:iam::${account}:user/eve` }],
  ['change a role', { action: 'iam:PutRolePolicy', resource: `arn:aws:iam::${account}:role/admin` }],
  ['pass a role', { action: 'iam:PassRole', resource: `arn:aws:iam::${account}:role/admin` }],
  ['assume a role', { action: 'sts:AssumeRole', resource: `arn:aws:iam::${account}:role/admin` }],
  ['read a bucket', { action: 's3:GetObject', resource: 'arn:aws:s3:::payroll/january.csv' }],
  ['empty a bucket', { action: 's3:DeleteObject', resource: 'arn:aws:s3:::payroll/january.csv' }],
  ['publish to another topic', { action: 'sns:Publish', resource: `arn:aws:sns:${region}:${account}:payroll` }],
  [
    'publish a report without TLS',
    { action: 'sns:Publish', resource: topic, context: { 'aws:SecureTransport': 'false' } },
  ],
  ['subscribe to the reports', { action: 'sns:Subscribe', resource: topic }],
  ['use another key', { action: 'kms:Decrypt', resource: ebsKey }],
  [
    "stop Lambda's code from being ours",
    { action: 'lambda:UpdateFunctionCode', resource: `arn:aws:lambda:${region}:${account}:function:ebs-backup-notify` },
  ],
  [
    'invoke another function',
    { action: 'lambda:InvokeFunction', resource: `arn:aws:lambda:${region}:${account}:function:payroll` },
  ],
  [
    'start another machine',
    { action: 'states:StartExecution', resource: `arn:aws:states:${region}:${account}:stateMachine:payroll` },
  ],
  [
    "look at another machine's runs",
    { action: 'states:DescribeExecution', resource: `arn:aws:states:${region}:${account}:execution:payroll:1` },
  ],
  ['stop the machine for ever', { action: 'states:DeleteStateMachine', resource: machine }],
  ['write into another log group', { action: 'logs:PutLogEvents', resource: logStream('payroll') }],
  [
    'delete logs',
    {
      action: 'logs:DeleteLogGroup',
      resource: `arn:aws:logs:${region}:${account}:log-group:/aws/lambda/ebs-backup-notify`,
    },
  ],
];

describe('the role of each function', () => {
  for (const stem of STEMS) {
    it(`${stem} is allowed exactly its actions`, () => {
      const actions = policiesOf(template, roles.functions[stem], environment).flatMap((policy) =>
        policy.Statement.flatMap((statement: Json) => {
          assert.equal(statement.Effect, 'Allow');
          assert.ok(statement.Action && statement.Resource, 'no NotAction, no NotResource');
          return [statement.Action].flat();
        }),
      );
      assert.deepEqual([...new Set(actions)].sort(), [...COMMON, ...ACTIONS[stem]].sort());
    });

    it(`${stem} can do its work`, async () => {
      for (const attempt of [
        ...NEEDS[stem](),
        { action: 'logs:CreateLogStream', resource: logStream(stem) },
        { action: 'logs:PutLogEvents', resource: logStream(stem) },
        { action: 'xray:PutTraceSegments', resource: '*' },
      ]) {
        assert.ok(await may(roles.functions[stem], attempt), `${stem} needs ${attempt.action} on ${attempt.resource}`);
      }
    });

    it(`${stem} belongs to Lambda and to no other function`, () => {
      const { AssumeRolePolicyDocument: trust } = template.Resources[roles.functions[stem]]!.Properties;
      assert.deepEqual(
        trust.Statement.map((statement: Json) => statement.Principal),
        [{ Service: 'lambda.amazonaws.com' }],
      );
      assert.equal(STEMS.filter((other) => roles.functions[other] === roles.functions[stem]).length, 1);
    });
  }

  for (const [why, attempt, but] of DANGERS) {
    it(`none${but ? ` but ${but}` : ''} may ${why}`, async () => {
      for (const stem of STEMS)
        assert.equal(await may(roles.functions[stem], attempt), stem === but, `${stem}: ${why}`);
    });
  }

  it('each deletes and creates only what is its own to', async () => {
    const who = async (attempt: Attempt) => {
      const able = await Promise.all(
        STEMS.map(async (stem) => ((await may(roles.functions[stem], attempt)) ? [stem] : [])),
      );
      return able.flat();
    };
    const own = { [`aws:ResourceTag/${TAG}`]: 'daily' };
    assert.deepEqual(await who({ action: 'ec2:DeleteSnapshot', resource: snapshot, context: own }), [
      'delete-snapshots',
    ]);
    const test = { [`aws:ResourceTag/${TEST_TAG}`]: 'restore-1' };
    assert.deepEqual(await who({ action: 'ec2:DeleteVolume', resource: volume, context: test }), [
      'delete-test-volumes',
    ]);
    assert.deepEqual(await who({ action: 'ec2:CreateSnapshot', resource: volume }), [
      'create-snapshots',
      'attach-volumes',
    ]);
    const ofPolicy = { [`aws:RequestTag/${TAG}`]: 'daily' };
    assert.deepEqual(await who({ action: 'ec2:CreateSnapshot', resource: snapshot, context: ofPolicy }), [
      'create-snapshots',
    ]);
    assert.deepEqual(await who({ action: 'ec2:CreateSnapshot', resource: snapshot, context: restored }), [
      'attach-volumes',
    ]);
    assert.deepEqual(await who({ action: 'ec2:CreateTags', resource: snapshot, context: created }), [
      'create-snapshots',
      'attach-volumes',
    ]);
    for (const attempt of [
      { action: 'ec2:CreateVolume', resource: volume, context: restored },
      { action: 'ec2:CreateVolume', resource: snapshot },
      { action: 'ec2:CreateTags', resource: volume, context: createdVolume },
      { action: 'kms:Decrypt', resource: ebsKey, context: viaEc2 },
    ]) {
      assert.deepEqual(await who(attempt), ['create-volumes'], attempt.action);
    }
    for (const attempt of [
      { action: 'ec2:AttachVolume', resource: instance },
      { action: 'ec2:DetachVolume', resource: instance },
    ]) {
      assert.deepEqual(await who(attempt), ['attach-volumes'], attempt.action);
    }
    assert.deepEqual(await who(grant({ ...viaEc2, 'kms:GrantIsForAWSResource': 'true' })), [
      'create-volumes',
      'attach-volumes',
    ]);
    assert.deepEqual(await who({ action: 'sns:Publish', resource: topic }), ['notify', 'report-restore']);
  });
});

describe('adoption', () => {
  const adopting = templateOf({
    homeRegion: region,
    policies: [
      { name: 'daily', tag: { key: 'Backup' }, retention: { keepDays: 7 }, adopt: true },
      { name: 'gold', tag: { key: 'Gold' }, retention: { keepLast: 30 } },
    ],
  });
  const able = async (context: Record<string, string | string[]>, resource = snapshot) => {
    const before = template;
    template = adopting;
    try {
      return await may(roleOf(adopting, functionName('adopt-snapshots')), {
        action: 'ec2:CreateTags',
        resource,
        context,
      });
    } finally {
      template = before;
    }
  };
  const keys = { 'aws:TagKeys': [TAG, 'ebs-backup:run', 'ebs-backup:volume'] };
  const script = { 'aws:ResourceTag/Backup': 'orders-20250101020000' };
  const asked = { [`aws:RequestTag/${TAG}`]: 'daily', ...keys };

  it('may tag what the script left, as the policy that allows it', async () => {
    assert.ok(await able({ ...asked, ...script }));
  });

  for (const [why, context, resource] of [
    ['a snapshot without the backup tag', asked],
    ['a snapshot of another policy', { ...asked, ...script, [`aws:ResourceTag/${TAG}`]: 'gold' }],
    ['a snapshot that was taken away from us', { ...asked, ...script, 'aws:ResourceTag/ebs-backup:run': 'daily-1' }],
    ['for a policy that does not allow it', { ...keys, ...script, [`aws:RequestTag/${TAG}`]: 'gold' }],
    ['with another tag', { ...asked, ...script, 'aws:TagKeys': [TAG, 'Name'] }],
    ['a volume', { ...asked, ...script }, volume],
  ] as [string, Record<string, string | string[]>, string?][]) {
    it(`may not tag ${why} (S1)`, async () => {
      assert.ok(!(await able(context, resource)));
    });
  }
});

describe('the other roles', () => {
  const lambda = (stem: string): string => `arn:aws:lambda:${region}:${account}:function:ebs-backup-${stem}`;
  const invoke = (stem: Stem): Attempt => ({ action: 'lambda:InvokeFunction', resource: lambda(stem) });
  const allowed: [name: Exclude<keyof typeof roles, 'functions'>, attempts: () => Attempt[]][] = [
    [
      'machine',
      () => [
        ...BACKUP_STEMS.map(invoke),
        { action: 'states:StartExecution', resource: machine },
        { action: 'states:DescribeExecution', resource: regionExecution },
        { action: 'states:StopExecution', resource: regionExecution },
        { action: 'states:RedriveExecution', resource: regionExecution },
        { action: 'xray:PutTraceSegments', resource: '*' },
        { action: 'logs:CreateLogDelivery', resource: '*' },
      ],
    ],
    [
      'restoreMachine',
      () => [
        ...RESTORE_STEMS.map(invoke),
        { action: 'xray:PutTraceSegments', resource: '*' },
        { action: 'logs:CreateLogDelivery', resource: '*' },
      ],
    ],
    [
      'scheduler',
      () => [
        { action: 'states:StartExecution', resource: machine },
        { action: 'sqs:SendMessage', resource: `arn:aws:sqs:${region}:${account}:ebs-backup-missed-starts` },
      ],
    ],
    [
      'restoreScheduler',
      () => [
        { action: 'states:StartExecution', resource: restoreMachine },
        { action: 'sqs:SendMessage', resource: `arn:aws:sqs:${region}:${account}:ebs-backup-missed-starts` },
      ],
    ],
    [
      'backstop',
      () => [
        { action: 'sns:Publish', resource: topic },
        { action: 'kms:Decrypt', resource: key },
        { action: 'kms:GenerateDataKey', resource: key },
      ],
    ],
  ];
  for (const [name, attempts] of allowed) {
    it(`the ${name} can do its work`, async () => {
      for (const attempt of attempts())
        assert.ok(await may(roles[name], attempt), `${attempt.action} on ${attempt.resource}`);
    });

    it(`the ${name} may do nothing dangerous`, async () => {
      for (const [why, attempt] of DANGERS) assert.ok(!(await may(roles[name], attempt)), why);
    });
  }

  it('neither machine calls the functions of the other, or starts it', async () => {
    for (const [role, others, theirs] of [
      [roles.machine, RESTORE_STEMS, restoreMachine],
      [roles.restoreMachine, BACKUP_STEMS, machine],
    ] as const) {
      for (const attempt of [...others.map(invoke), { action: 'states:StartExecution', resource: theirs }]) {
        assert.ok(!(await may(role, attempt)), `${role}: ${attempt.action} on ${attempt.resource}`);
      }
    }
    for (const action of ['states:StartExecution', 'states:RedriveExecution', 'states:DescribeExecution']) {
      const resource =
        action === 'states:StartExecution'
          ? restoreMachine
          : `${restoreMachine.replace('stateMachine', 'execution')}:1`;
      assert.ok(!(await may(roles.restoreMachine, { action, resource })), action);
    }
  });

  it('neither schedule starts the machine of the other', async () => {
    assert.ok(!(await may(roles.scheduler, { action: 'states:StartExecution', resource: restoreMachine })));
    assert.ok(!(await may(roles.restoreScheduler, { action: 'states:StartExecution', resource: machine })));
  });

  it('none is left over: every role is one of these', () => {
    const { functions, ...others } = roles;
    const known = [...Object.values(functions), ...Object.values(others)];
    assert.deepEqual(
      ofType(template, 'AWS::IAM::Role')
        .map(([id]) => id)
        .sort(),
      known.sort(),
    );
  });
});
