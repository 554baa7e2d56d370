import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { Artefacts } from '../lib/artefacts';
import { functionName, STEMS } from '../lib/names';
import { deployed, functionResource, type Json, ofType, oneAccount, only, synthesize, templateOf } from './support';

const environment = { account: '111122223333', region: 'us-east-1' };
const SNAPSHOT = resolve(__dirname, '__snapshots__/production.json');

/**
 * Without what has a life of its own: asset hashes change with every build of the functions, and the definitions of the
 * state machines are compared with their files in state-machine.test.ts.
 */
const masked = (template: unknown): string => {
  const hide = function (this: Json, key: string, value: unknown): unknown {
    if (key !== 'DefinitionString') return value;
    return this.StateMachineName === 'ebs-backup' ? '<backup.asl.json>' : '<restore.asl.json>';
  };
  return `${JSON.stringify(template, hide, 2).replaceAll(/[0-9a-f]{64}/g, '<asset>')}\n`;
};

describe('the production template', () => {
  it('is the one that was reviewed (npm run test:update takes the new one)', () => {
    const now = masked(templateOf());
    if (process.env['UPDATE_SNAPSHOTS']) {
      mkdirSync(dirname(SNAPSHOT), { recursive: true });
      writeFileSync(SNAPSHOT, now);
    }
    assert.ok(existsSync(SNAPSHOT), `${SNAPSHOT} is missing`);
    assert.deepEqual(JSON.parse(now), JSON.parse(readFileSync(SNAPSHOT, 'utf8')));
  });

  it('has no finding of AwsSolutions that is not explained', () => {
    assert.deepEqual(synthesize(oneAccount({ subscribers: ['a@example.com'] })).findings, []);
  });

  it('tells where the runs and the reports are', () => {
    const template = templateOf();
    const values = Object.fromEntries(
      Object.entries(template.Outputs).map(([name, output]) => [name, deployed(template, output.Value, environment)]),
    );
    const machine = 'arn:aws:states:us-east-1:111122223333:stateMachine:ebs-backup';
    assert.deepEqual(values, {
      StateMachineArn: machine,
      ReportTopicArn: 'arn:aws:sns:us-east-1:111122223333:ebs-backup-report',
      StateMachineConsole: `https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/statemachines/view/${machine}`,
      RestoreStateMachineArn: `${machine}-restore`,
      RestoreStateMachineConsole: `https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/statemachines/view/${machine}-restore`,
    });
    assert.equal(template.Outputs['RestoreStateMachineArn'].Description, 'Restores volumes');
  });

  it('links to the console of its partition', () => {
    for (const [homeRegion, host] of [
      ['cn-north-1', 'cn-north-1.console.amazonaws.cn'],
      ['us-gov-west-1', 'us-gov-west-1.console.amazonaws-us-gov.com'],
    ] as const) {
      for (const output of ['StateMachineConsole', 'RestoreStateMachineConsole']) {
        assert.match(JSON.stringify(templateOf({ homeRegion }).Outputs[output]), new RegExp(`https://${host}/states`));
      }
    }
  });
});

describe('each function', () => {
  const shape: Record<string, [seconds: number, mebibytes: number]> = {
    'list-regions': [110, 256],
    'discover-volumes': [300, 256],
    'create-snapshots': [900, 512],
    'adopt-snapshots': [900, 512],
    'find-expired': [900, 1024],
    'delete-snapshots': [900, 512],
    notify: [110, 256],
    'replay-gate': [50, 256],
    'find-restore-points': [900, 512],
    'create-volumes': [900, 256],
    'check-volumes': [300, 256],
    'attach-volumes': [900, 256],
    'delete-test-volumes': [300, 256],
    'report-restore': [110, 256],
  };
  for (const stem of STEMS) {
    it(`${stem} has its name, size and time, is traced, and logs where retention is set`, () => {
      const template = templateOf({ logRetentionDays: 14 });
      const { Properties: fn } = functionResource(template, functionName(stem));
      assert.deepEqual([fn.Timeout, fn.MemorySize], shape[stem]);
      assert.equal(fn.Runtime, 'provided.al2023');
      assert.equal(fn.Handler, 'bootstrap');
      assert.deepEqual(fn.TracingConfig, { Mode: 'Active' });
      const logs = template.Resources[fn.LoggingConfig.LogGroup.Ref]!.Properties;
      assert.deepEqual([logs.LogGroupName, logs.RetentionInDays], [`/aws/lambda/ebs-backup-${stem}`, 14]);
    });
  }

  it('runs on the architecture of its account', () => {
    for (const architecture of ['x86_64', 'arm64']) {
      for (const [, fn] of ofType(templateOf({ architecture }), 'AWS::Lambda::Function')) {
        assert.deepEqual(fn.Properties.Architectures, [architecture]);
      }
    }
  });

  it('gets the environment that it reads, and no more', () => {
    const template = templateOf({ reportWhenIdle: true });
    const variables = (stem: (typeof STEMS)[number]): Json =>
      deployed(template, functionResource(template, functionName(stem)).Properties.Environment.Variables, environment);
    const { EBS_BACKUP_CONFIG: config, ...rest } = variables('list-regions');
    assert.equal(JSON.parse(config).policies[0].name, 'daily');
    assert.deepEqual(rest, { RUST_LOG: 'info' });
    assert.deepEqual(variables('notify'), {
      RUST_LOG: 'info',
      EBS_BACKUP_TOPIC_ARN: 'arn:aws:sns:us-east-1:111122223333:ebs-backup-report',
      EBS_BACKUP_ACCOUNT_NAME: 'acme',
      EBS_BACKUP_REPORT_WHEN_IDLE: 'true',
    });
    assert.deepEqual(variables('find-restore-points'), variables('list-regions'));
    const { EBS_BACKUP_REPORT_WHEN_IDLE: _, ...asNotify } = variables('notify');
    assert.deepEqual(variables('report-restore'), asNotify);
    const configured: readonly string[] = ['list-regions', 'notify', 'find-restore-points', 'report-restore'];
    for (const stem of STEMS.filter((stem) => !configured.includes(stem))) {
      assert.deepEqual(variables(stem), { RUST_LOG: 'info' });
    }
  });

  it('is taken from its zip, else from its folder, else refused with what to do', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ebs-backup-artefacts-'));
    const artefacts = new Artefacts(join(folder, '{architecture}'));
    assert.throws(
      () => artefacts.codeOf('notify', 'arm64'),
      /no arm64 build of notify: .*cargo xtask package.*lambdaDir/,
    );
    const target = join(folder, 'arm64', 'notify');
    mkdirSync(target, { recursive: true });
    writeFileSync(join(target, 'bootstrap'), 'x');
    assert.equal((artefacts.codeOf('notify', 'arm64') as Json).path, target);
    writeFileSync(join(target, 'bootstrap.zip'), 'x');
    assert.equal((artefacts.codeOf('notify', 'arm64') as Json).path, join(target, 'bootstrap.zip'));
  });
});

describe('the schedules', () => {
  const policies = [
    {
      name: 'daily',
      tag: { key: 'Backup' },
      retention: { keepDays: 7 },
      schedule: { expression: 'cron(30 1 * * ? *)', timeZone: 'Europe/Berlin', flexibleWindowMinutes: 15 },
    },
    {
      name: 'weekly',
      tag: { key: 'Backup' },
      retention: { keepLast: 4 },
      schedule: { expression: 'rate(7 days)', flexibleWindowMinutes: 0 },
    },
  ];
  const template = templateOf({ policies });

  it('are one per policy, in its time zone and window', () => {
    assert.deepEqual(
      ofType(template, 'AWS::Scheduler::Schedule').map(([, { Properties: schedule }]) => [
        schedule.Name,
        schedule.ScheduleExpression,
        schedule.ScheduleExpressionTimezone,
        schedule.FlexibleTimeWindow,
        schedule.State,
      ]),
      [
        [
          'ebs-backup-daily',
          'cron(30 1 * * ? *)',
          'Europe/Berlin',
          { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 15 },
          'ENABLED',
        ],
        ['ebs-backup-weekly', 'rate(7 days)', 'UTC', { Mode: 'OFF' }, 'ENABLED'],
      ],
    );
  });

  it('start the machine with a run id that a second delivery repeats (S5)', () => {
    const targets = ofType(template, 'AWS::Scheduler::Schedule').map(([, { Properties }]) =>
      deployed(template, Properties.Target, environment),
    );
    assert.deepEqual(
      targets.map(({ Input }) => JSON.parse(Input)),
      policies.map(({ name }) => ({ runId: `${name}-<aws.scheduler.scheduled-time>`, policy: name })),
    );
    for (const target of targets) {
      assert.equal(target.Arn, 'arn:aws:states:us-east-1:111122223333:stateMachine:ebs-backup');
      assert.equal(target.DeadLetterConfig.Arn, 'arn:aws:sqs:us-east-1:111122223333:ebs-backup-missed-starts');
      assert.deepEqual(target.RetryPolicy, { MaximumEventAgeInSeconds: 43_200, MaximumRetryAttempts: 185 });
    }
  });

  it('leave what could not start in a queue that is encrypted and takes TLS only', () => {
    assert.equal(only(template, 'AWS::SQS::Queue').Properties.SqsManagedSseEnabled, true);
    assertDeniesPlainText(only(template, 'AWS::SQS::QueuePolicy').Properties.PolicyDocument, 'sqs:*');
  });
});

describe('the schedules of restore tests', () => {
  const schedules = (restoreTest: unknown) =>
    ofType(templateOf({ restoreTest }), 'AWS::Scheduler::Schedule')
      .map(([, { Properties }]) => deployed(templateOf({ restoreTest }), Properties, environment))
      .filter(({ Name }) => Name.startsWith('ebs-backup-restore-test-'));

  it('are off unless they are asked for', () => {
    for (const more of [{}, { restoreTest: null }]) {
      const all = ofType(templateOf(more), 'AWS::Scheduler::Schedule');
      assert.deepEqual(
        all.map(([, { Properties }]) => Properties.Name),
        ['ebs-backup-daily'],
      );
    }
  });

  it('are one per region, weekly, for a few volumes of each', () => {
    assert.deepEqual(
      schedules({ regions: ['eu-west-1', 'us-west-2'] }).map((schedule) => [
        schedule.Name,
        schedule.ScheduleExpression,
        schedule.ScheduleExpressionTimezone,
        schedule.FlexibleTimeWindow,
        schedule.State,
        JSON.parse(schedule.Target.Input),
      ]),
      ['eu-west-1', 'us-west-2'].map((region) => [
        `ebs-backup-restore-test-${region}`,
        'cron(0 6 ? * SUN *)',
        'UTC',
        { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 30 },
        'ENABLED',
        { region, test: true, sample: { volumes: 3 } },
      ]),
    );
  });

  it('test what, and when, they are told to', () => {
    const [schedule] = schedules({
      regions: ['eu-west-1'],
      percent: 5,
      policy: 'daily',
      schedule: { expression: 'rate(30 days)', flexibleWindowMinutes: 0 },
    });
    assert.deepEqual(JSON.parse(schedule.Target.Input), {
      region: 'eu-west-1',
      test: true,
      sample: { percent: 5 },
      policy: 'daily',
    });
    assert.equal(schedule.ScheduleExpression, 'rate(30 days)');
    assert.deepEqual(schedule.FlexibleTimeWindow, { Mode: 'OFF' });
    const [of20] = schedules({ regions: ['eu-west-1'], volumes: 20 });
    assert.deepEqual(JSON.parse(of20.Target.Input).sample, { volumes: 20 });
  });

  it('start the restore machine, and leave what could not start where a missed run goes', () => {
    const tests = schedules({ regions: ['eu-west-1', 'us-west-2'] });
    assert.equal(tests.length, 2);
    for (const { Target: target } of tests) {
      assert.equal(target.Arn, 'arn:aws:states:us-east-1:111122223333:stateMachine:ebs-backup-restore');
      assert.equal(target.DeadLetterConfig.Arn, 'arn:aws:sqs:us-east-1:111122223333:ebs-backup-missed-starts');
      assert.deepEqual(target.RetryPolicy, { MaximumEventAgeInSeconds: 43_200, MaximumRetryAttempts: 185 });
    }
  });

  it('leave all else as it is, and no finding', () => {
    const account = oneAccount({ restoreTest: { regions: ['eu-west-1'] } });
    const { templates, findings } = synthesize(account);
    assert.deepEqual(findings, []);
    const without = templateOf().Resources;
    for (const [id, resource] of Object.entries(without))
      assert.deepEqual(templates['acme']!.Resources[id], resource, id);
  });
});

function assertDeniesPlainText(policy: Json, action: string): void {
  const denials = policy.Statement.filter(
    (statement: Json) => statement.Effect === 'Deny' && statement.Condition?.Bool?.['aws:SecureTransport'] === 'false',
  );
  assert.deepEqual(
    denials.map((statement: Json) => statement.Action),
    [action],
  );
}

describe('the topic', () => {
  const template = templateOf({ subscribers: ['a@example.com', 'b@example.com'] });
  const policy = only(template, 'AWS::SNS::TopicPolicy').Properties.PolicyDocument;

  it("is encrypted with the account's own, rotating key and takes TLS only", () => {
    const [keyId, key] = ofType(template, 'AWS::KMS::Key')[0]!;
    assert.deepEqual(only(template, 'AWS::SNS::Topic').Properties.KmsMasterKeyId, { 'Fn::GetAtt': [keyId, 'Arn'] });
    assert.equal(key.Properties.EnableKeyRotation, true);
    assertDeniesPlainText(policy, 'sns:Publish');
  });

  it('mails its subscribers', () => {
    assert.deepEqual(
      ofType(template, 'AWS::SNS::Subscription').map(([, { Properties }]) => [
        Properties.Protocol,
        Properties.Endpoint,
      ]),
      [
        ['email', 'a@example.com'],
        ['email', 'b@example.com'],
      ],
    );
  });

  it("lets this account's alarms in, with the key, and no other service", () => {
    const allowed = policy.Statement.filter(({ Effect }: Json) => Effect === 'Allow');
    assert.deepEqual(
      allowed.map(({ Principal, Condition }: Json) => ({ Principal, Condition })),
      [
        {
          Principal: { Service: 'cloudwatch.amazonaws.com' },
          Condition: { StringEquals: { 'aws:SourceAccount': '111122223333' } },
        },
      ],
    );
    const services = only(template, 'AWS::KMS::Key').Properties.KeyPolicy.Statement.filter(
      ({ Principal }: Json) => Principal.Service,
    );
    assert.deepEqual(
      services.map(({ Principal, Action }: Json) => [Principal.Service, Action]),
      [['cloudwatch.amazonaws.com', ['kms:Decrypt', 'kms:GenerateDataKey*']]],
    );
  });
});

describe('the backstop', () => {
  const template = templateOf();
  const rules = ofType(template, 'AWS::Events::Rule').map(([, { Properties }]) => Properties);
  const patterns = rules.map((rule) => deployed(template, rule.EventPattern, environment) as Json);

  /** What EventBridge makes of a pattern, as far as this one goes. */
  function matches(pattern: Json, event: Json): boolean {
    return Object.entries(pattern as Record<string, Json>).every(([field, accepted]) => {
      if (!Array.isArray(accepted)) return typeof event[field] === 'object' && matches(accepted, event[field]);
      return accepted.some((one) => {
        if (typeof one === 'string') return event[field] === one;
        if ('anything-but' in one) return event[field] !== undefined && !one['anything-but'].includes(event[field]);
        if ('exists' in one) return (event[field] !== undefined) === one.exists;
        return assert.fail(`a matcher that this test does not know: ${JSON.stringify(one)}`);
      });
    });
  }
  const MACHINE = 'arn:aws:states:us-east-1:111122223333:stateMachine:ebs-backup';
  const restore = { stateMachineArn: `${MACHINE}-restore` };
  const ended = (detail: Json) => ({
    source: 'aws.states',
    'detail-type': 'Step Functions Execution Status Change',
    detail: { stateMachineArn: MACHINE, ...detail },
  });
  const speaking = (detail: Json) => rules.filter((_, i) => matches(patterns[i], ended(detail)));
  const mailOf = (rule: Json): string =>
    deployed(template, rule.Targets, environment)[0].InputTransformer.InputTemplate;

  for (const [what, detail, speaks] of [
    ['a run whose report could not be sent', { status: 'FAILED', error: 'SnsUnavailable' }, true],
    ['a run that failed without an error', { status: 'FAILED' }, true],
    ['a run that took too long', { status: 'TIMED_OUT', error: 'States.Timeout' }, true],
    ['a run that somebody stopped', { status: 'ABORTED' }, true],
    ['a run that somebody stopped, whose event says so', { status: 'ABORTED', error: null }, true],
    ['a run that is red and had its report', { status: 'FAILED', error: 'RegionsFailed' }, false],
    ['a run that went well', { status: 'SUCCEEDED' }, false],
    ['a run that has begun', { status: 'RUNNING' }, false],
    ['a run that is red with the error of a restore', { status: 'FAILED', error: 'RestoreFailed' }, true],
    ['a restore whose report could not be sent', { ...restore, status: 'FAILED', error: 'SnsUnavailable' }, true],
    ['a restore that failed without an error', { ...restore, status: 'FAILED' }, true],
    ['a restore that took too long', { ...restore, status: 'TIMED_OUT', error: 'States.Timeout' }, true],
    ['a restore that somebody stopped', { ...restore, status: 'ABORTED' }, true],
    ['a restore that somebody stopped, whose event says so', { ...restore, status: 'ABORTED', error: null }, true],
    ['a restore that is red with the error of a run', { ...restore, status: 'FAILED', error: 'RegionsFailed' }, true],
    ['a restore that is red and had its report', { ...restore, status: 'FAILED', error: 'RestoreFailed' }, false],
    ['a restore whose input is refused', { ...restore, status: 'FAILED', error: 'InvalidInput' }, true],
    [
      'a restore of which a step has a bad configuration',
      { ...restore, status: 'FAILED', error: 'InvalidConfig' },
      true,
    ],
    ['a restore that finds no restore point', { ...restore, status: 'FAILED', error: 'NoRestorePoint' }, true],
    ['a run whose input is refused', { status: 'FAILED', error: 'InvalidInput' }, true],
    ['a restore that went well', { ...restore, status: 'SUCCEEDED' }, false],
    ['a restore that has begun', { ...restore, status: 'RUNNING' }, false],
    [
      "another machine's run",
      { status: 'FAILED', stateMachineArn: 'arn:aws:states:us-east-1:111122223333:stateMachine:other' },
      false,
    ],
  ] as const) {
    // Once: two rules that both speak would be two mails.
    it(`${speaks ? 'tells of' : 'is silent for'} ${what}`, () => assert.equal(speaking(detail).length, speaks ? 1 : 0));
  }

  it('says of a restore what a restore leaves behind, and of a run what a run does', () => {
    for (const status of ['FAILED', 'ABORTED']) {
      const [ofRun] = speaking({ status });
      assert.match(mailOf(ofRun), /a run ended as .*Volumes may be without a snapshot/s);
      const [ofRestore] = speaking({ ...restore, status });
      assert.match(mailOf(ofRestore), /a restore ended as .* and sent no report.*bear the tag ebs-backup:restore=</s);
      assert.match(mailOf(ofRestore), /delete none before you know .*Those of a test are deleted by a test/s);
      assert.doesNotMatch(mailOf(ofRestore), /without a snapshot/);
      assert.equal(Object.values(ofRestore.Targets[0].InputTransformer.InputPathsMap).includes('$.detail.name'), true);
    }
  });

  it('says of a restore that was refused that nothing was made, and nothing about volumes', () => {
    for (const error of ['InvalidInput', 'NoRestorePoint']) {
      const [refused, ...others] = speaking({ ...restore, status: 'FAILED', error });
      assert.deepEqual([refused.Name, others], ['ebs-backup-restore-refused', []]);
      assert.match(mailOf(refused), /a restore was refused\. Nothing was made or changed\./);
      assert.match(mailOf(refused), /describe-execution --region <region> --execution-arn <detail-executionArn>/);
      assert.doesNotMatch(mailOf(refused), /sent no report|ebs-backup:restore=/);
    }
    // The report's own step may end so, when volumes are there already.
    const [late] = speaking({ ...restore, status: 'FAILED', error: 'InvalidConfig' });
    assert.doesNotMatch(mailOf(late), /Nothing was made/);
  });

  it('puts nothing into a text that may hold a quote, as EventBridge does not escape it', () => {
    const plain = ['account', 'region', 'time', 'detail.error', 'detail.executionArn', 'detail.name', 'detail.status'];
    for (const rule of rules) {
      for (const path of Object.values(rule.Targets[0].InputTransformer.InputPathsMap as Record<string, string>)) {
        assert.ok(plain.includes(path.slice('$.'.length)), path);
      }
    }
  });

  it('publishes to the topic with a role of its own', () => {
    assert.equal(rules.length, 5);
    for (const rule of rules) {
      const [target] = deployed(template, rule.Targets, environment) as Json;
      assert.equal(target.Arn, 'arn:aws:sns:us-east-1:111122223333:ebs-backup-report');
      assert.match(target.RoleArn, /:role\/BackstopRole/);
      assert.match(target.InputTransformer.InputTemplate, /sent no report|was refused/);
    }
  });
});

describe('the alarms', () => {
  const alarms = (template = templateOf()) =>
    new Map(
      ofType(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => [
        Properties.AlarmName as string,
        Properties,
      ]),
    );
  const topicOnly = (actions: Json) =>
    assert.deepEqual(
      actions?.map((ref: Json) => ref.Ref),
      [ofType(templateOf(), 'AWS::SNS::Topic')[0]![0]],
    );

  it('stay red for a day after a run ended badly, and send no second mail', () => {
    for (const [name, metric] of [
      ['ebs-backup-run-failed', 'ExecutionsFailed'],
      ['ebs-backup-run-timed-out', 'ExecutionsTimedOut'],
      ['ebs-backup-run-stopped', 'ExecutionsAborted'],
    ] as const) {
      const alarm = alarms().get(name);
      assert.deepEqual(
        [alarm.Namespace, alarm.MetricName, alarm.Statistic, alarm.Period, alarm.Threshold, alarm.ComparisonOperator],
        ['AWS/States', metric, 'Sum', 86_400, 1, 'GreaterThanOrEqualToThreshold'],
      );
      assert.equal(alarm.AlarmActions, undefined);
    }
  });

  it('tell of a start that never succeeded', () => {
    const alarm = alarms().get('ebs-backup-start-missed');
    assert.deepEqual(
      [alarm.Namespace, alarm.MetricName, alarm.Threshold],
      ['AWS/SQS', 'ApproximateNumberOfMessagesVisible', 1],
    );
    topicOnly(alarm.AlarmActions);
  });

  it('tell of a night without a run, which no run can tell of itself', () => {
    const alarm = alarms().get('ebs-backup-no-run');
    assert.deepEqual(
      [
        alarm.MetricName,
        alarm.Period,
        alarm.EvaluationPeriods,
        alarm.Threshold,
        alarm.ComparisonOperator,
        alarm.TreatMissingData,
      ],
      ['ExecutionsStarted', 3600, 26, 1, 'LessThanThreshold', 'breaching'],
    );
    topicOnly(alarm.AlarmActions);
    topicOnly(alarm.OKActions);
    const weekly = {
      name: 'weekly',
      tag: { key: 'k' },
      retention: { keepLast: 4 },
      schedule: { expression: 'rate(7 days)' },
    };
    assert.equal(alarms(templateOf({ policies: [weekly] })).get('ebs-backup-no-run'), undefined);
  });
});

describe('the dashboard', () => {
  const { DashboardBody: body } = only(templateOf(), 'AWS::CloudWatch::Dashboard').Properties;
  const widgets = JSON.parse(deployedText(body)).widgets as Json[];

  /** The text of a value, with a reference left as the id of what it refers to. */
  function deployedText(value: Json): string {
    return value['Fn::Join'][1]
      .map((part: Json) => (typeof part === 'string' ? part : (part.Ref ?? part['Fn::GetAtt'][0])))
      .join('');
  }

  it('shows the restores', () => {
    const { properties } = widgets.find(({ properties }) => properties.title === 'Restores');
    const machine = Object.entries(templateOf().Resources).find(
      ([, { Properties }]) => Properties?.StateMachineName === 'ebs-backup-restore',
    )![0];
    assert.deepEqual(
      properties.metrics.map(([namespace, metric, , of]: string[]) => [namespace, metric, of]),
      ['ExecutionsSucceeded', 'ExecutionsFailed', 'ExecutionsTimedOut'].map((metric) => [
        'AWS/States',
        metric,
        machine,
      ]),
    );
  });

  it('shows the functions of both machines', () => {
    const { properties } = widgets.find(({ properties }) => properties.title.startsWith('Functions: duration'));
    assert.equal(properties.metrics.length, STEMS.length);
  });
});
