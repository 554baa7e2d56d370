import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { runSimulation } from '@cloud-copilot/iam-simulate';
import { functionName, STEMS, type Stem } from '../lib/names';
import { deployed, type Json, ofType, only, policiesOf, roleOf, type Template, templateOf } from './support';

const account = '111122223333';
const region = 'eu-central-1';
const environment = { account, region };
const TAG = 'ebs-backup:policy';

const volume = `arn:aws:ec2:us-west-2:${account}:volume/vol-0123456789abcdef0`;
const snapshot = 'arn:aws:ec2:us-west-2::snapshot/snap-0123456789abcdef0';
const topic = `arn:aws:sns:${region}:${account}:ebs-backup-report`;
const machine = `arn:aws:states:${region}:${account}:stateMachine:ebs-backup`;
const execution = `arn:aws:states:${region}:${account}:execution:ebs-backup:nightly`;
const regionExecution = `arn:aws:states:${region}:${account}:execution:ebs-backup/Region:0a1b`;
const logStream = (stem: string): string =>
  `arn:aws:logs:${region}:${account}:log-group:/aws/lambda/ebs-backup-${stem}:log-stream:x`;

let template: Template;
let key: string;
let resourcePolicies: Record<string, Json>;
let roles: { functions: Record<Stem, string>; machine: string; scheduler: string; backstop: string };

before(() => {
  template = templateOf({
    homeRegion: region,
    policies: [
      { name: 'daily', tag: { key: 'Backup' }, retention: { keepDays: 7 } },
      { name: 'gold', tag: { key: 'Backup', value: 'gold' }, retention: { keepLast: 30 } },
    ],
  });
  const keyId = ofType(template, 'AWS::KMS::Key')[0]![0];
  key = deployed(template, { Ref: keyId }, environment) as string;
  resourcePolicies = deployed(
    template,
    {
      [key]: template.Resources[keyId]!.Properties.KeyPolicy,
      [topic]: only(template, 'AWS::SNS::TopicPolicy').Properties.PolicyDocument,
    },
    environment,
  ) as Record<string, Json>;
  const roleArnOf = (type: string, find: (properties: Json) => Json): string =>
    find(ofType(template, type)[0]![1].Properties)['Fn::GetAtt'][0] as string;
  roles = {
    functions: Object.fromEntries(STEMS.map((stem) => [stem, roleOf(template, functionName(stem))])) as Record<
      Stem,
      string
    >,
    machine: roleArnOf('AWS::StepFunctions::StateMachine', ({ RoleArn }) => RoleArn),
    scheduler: roleArnOf('AWS::Scheduler::Schedule', ({ Target }) => Target.RoleArn),
    backstop: roleArnOf('AWS::Events::Rule', ({ Targets }) => Targets[0].RoleArn),
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
};

const created = { 'ec2:CreateAction': 'CreateSnapshot', [`aws:RequestTag/${TAG}`]: 'daily' };

/** What each function does on an ordinary night. */
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
};

/** What nobody here may do: to what is not ours, or at all. */
const DANGERS: [why: string, attempt: Attempt][] = [
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
      context: { 'aws:RequestTag/Backup': 'x', 'ec2:CreateAction': 'CreateVolume' },
    },
  ],
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
  ['share a snapshot', { action: 'ec2:ModifySnapshotAttribute', resource: snapshot }],
  ['unprotect a snapshot', { action: 'ec2:UnlockSnapshot', resource: snapshot }],
  ['archive a snapshot', { action: 'ec2:ModifySnapshotTier', resource: snapshot }],
  ['read the blocks of a snapshot', { action: 'ebs:GetSnapshotBlock', resource: snapshot }],
  ['delete a volume', { action: 'ec2:DeleteVolume', resource: volume }],
  ['detach a volume', { action: 'ec2:DetachVolume', resource: volume }],
  [
    'terminate an instance',
    { action: 'ec2:TerminateInstances', resource: `arn:aws:ec2:us-west-2:${account}:instance/i-0123456789abcdef0` },
  ],
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
  [
    'use another key',
    { action: 'kms:Decrypt', resource: `arn:aws:kms:${region}:${account}:key/00000000-0000-0000-0000-000000000000` },
  ],
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

  for (const [why, attempt] of DANGERS) {
    it(`none may ${why}`, async () => {
      for (const role of Object.values(roles.functions)) assert.ok(!(await may(role, attempt)), `${role} may ${why}`);
    });
  }

  it('only delete-snapshots may delete, and only create-snapshots may create', async () => {
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
    assert.deepEqual(await who({ action: 'ec2:CreateSnapshot', resource: volume }), ['create-snapshots']);
    assert.deepEqual(await who({ action: 'ec2:CreateTags', resource: snapshot, context: created }), [
      'create-snapshots',
    ]);
    assert.deepEqual(await who({ action: 'sns:Publish', resource: topic }), ['notify']);
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
  const allowed: [name: 'machine' | 'scheduler' | 'backstop', attempts: () => Attempt[]][] = [
    [
      'machine',
      () => [
        ...STEMS.map((stem) => ({ action: 'lambda:InvokeFunction', resource: lambda(stem) })),
        { action: 'states:StartExecution', resource: machine },
        { action: 'states:DescribeExecution', resource: regionExecution },
        { action: 'states:StopExecution', resource: regionExecution },
        { action: 'states:RedriveExecution', resource: regionExecution },
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

  it('none is left over: every role is one of these', () => {
    const known = [...Object.values(roles.functions), roles.machine, roles.scheduler, roles.backstop];
    assert.deepEqual(
      ofType(template, 'AWS::IAM::Role')
        .map(([id]) => id)
        .sort(),
      known.sort(),
    );
  });
});
