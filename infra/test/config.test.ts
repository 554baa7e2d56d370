import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import {
  ConfigError,
  deployedConfiguration,
  MAX_DEPLOYED_CONFIGURATION_BYTES,
  parseConfig,
  readConfig,
} from '../lib/config';
import { oneAccount } from './support';

const policy = (more: Record<string, unknown> = {}) => ({
  name: 'daily',
  tag: { key: 'Backup' },
  retention: { keepDays: 7 },
  ...more,
});
const withTest = (test: true | Record<string, unknown>, more: Record<string, unknown> = {}) =>
  oneAccount({ restoreTest: test === true ? test : { regions: ['eu-west-1'], ...test }, ...more });
const withPolicy = (more: Record<string, unknown>) => oneAccount({ policies: [policy(more)] });

function problems(raw: unknown): readonly string[] {
  try {
    parseConfig(raw);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems;
  }
  return assert.fail('nothing was refused');
}

describe('the configuration', () => {
  it('needs no more than an account id', () => {
    const config = parseConfig({ accounts: [{ id: '111122223333' }] });
    assert.deepEqual(config, {
      stage: 'Prod',
      accounts: [
        {
          id: '111122223333',
          name: '111122223333',
          homeRegion: 'us-east-1',
          policies: [
            {
              name: 'daily',
              tag: { key: 'Backup', value: null },
              retention: { keepDaily: 7, keepWeekly: 4, keepMonthly: 12 },
              minimum: null,
              orphans: { keepWithin: '90d' },
              regions: { include: [], exclude: [] },
              floor: 1,
              purgeGuard: { maxPercent: 50, minSnapshots: 20 },
              schedule: { expression: 'cron(0 2 * * ? *)', timeZone: 'UTC', flexibleWindowMinutes: 30 },
              adopt: false,
              advice: false,
            },
          ],
          subscribers: [],
          architecture: 'x86_64',
          regionConcurrency: 40,
          reportWhenIdle: false,
          pace: { sharePercent: 80 },
          logRetentionDays: 90,
          localEngine: false,
          restoreTest: null,
        },
      ],
    });
  });

  it('tests restores of three volumes, weekly, where only regions are given', () => {
    const [account] = parseConfig(oneAccount({ restoreTest: { regions: ['eu-west-1'] } })).accounts;
    assert.deepEqual(account!.restoreTest, {
      regions: ['eu-west-1'],
      sample: { volumes: 3 },
      schedule: { expression: 'cron(0 6 ? * SUN *)', timeZone: 'UTC', flexibleWindowMinutes: 30 },
    });
  });

  it('is, as committed, one that can be deployed', () => {
    const config = readConfig(resolve(__dirname, '../config/accounts.json'));
    assert.deepEqual(
      config.accounts.map(({ id, localEngine }) => ({ id, localEngine })),
      [{ id: '111122223333', localEngine: false }],
    );
  });

  it('reaches list-regions complete, and without what only the deployment needs', () => {
    const [account] = parseConfig(oneAccount({ policies: [policy({ retention: { keepLast: 3 } })] })).accounts;
    assert.deepEqual(JSON.parse(deployedConfiguration(account!)), {
      policies: [
        {
          name: 'daily',
          tag: { key: 'Backup', value: null },
          retention: { keepLast: 3 },
          minimum: null,
          orphans: { keepWithin: '90d' },
          regions: { include: [], exclude: [] },
          floor: 1,
          purgeGuard: { maxPercent: 50, minSnapshots: 20 },
          adopt: false,
          timeZone: 'UTC',
        },
      ],
      pace: { sharePercent: 80 },
    });
  });

  it('has advice where it is asked for, and no room taken where it is not', () => {
    for (const [given, deployed] of [
      [{ advice: true }, true],
      [{ advice: false }, undefined],
      [{}, undefined],
    ] as const) {
      const [account] = parseConfig(oneAccount({ policies: [policy(given)] })).accounts;
      assert.equal(JSON.parse(deployedConfiguration(account!)).policies[0].advice, deployed);
    }
  });
});

describe('a wrong value is refused with its path, its value and what would be right (S10)', () => {
  const P = 'accounts[0].policies[0]';
  const cases: [why: string, raw: unknown, expected: RegExp][] = [
    ['no file content', null, /^the file: null: must be an object with stage/],
    ['no accounts', { accounts: [] }, /^accounts: \[\]: must have at least one account/],
    ['accounts missing', {}, /^accounts: missing: must be a list of accounts/],
    ['a number as id', { accounts: [{ id: 111122223333 }] }, /^accounts\[0\]\.id: 111122223333: .*in quotes/],
    ['a short id', { accounts: [{ id: '1111' }] }, /^accounts\[0\]\.id: "1111": must be the 12 digits/],
    ['no id', { accounts: [{}] }, /^accounts\[0\]\.id: missing: /],
    ['a stage with a hyphen', { stage: 'my-stage', accounts: [{ id: '111122223333' }] }, /^stage: "my-stage": /],
    ['a name with a slash', oneAccount({ name: 'a/b' }), /^accounts\[0\]\.name: "a\/b": /],
    ['no region', oneAccount({ homeRegion: 'frankfurt' }), /^accounts\[0\]\.homeRegion: "frankfurt": .*eu-central-1/],
    [
      'no mail address',
      oneAccount({ subscribers: ['ops'] }),
      /^accounts\[0\]\.subscribers\[0\]: "ops": must be a mail address/,
    ],
    [
      'a subscriber that is no list',
      oneAccount({ subscribers: 'a@example.com' }),
      /^accounts\[0\]\.subscribers: "a@example.com": must be a list/,
    ],
    [
      'another architecture',
      oneAccount({ architecture: 'riscv' }),
      /^accounts\[0\]\.architecture: "riscv": must be x86_64 or arm64/,
    ],
    ['no region at once', oneAccount({ regionConcurrency: 0 }), /^accounts\[0\]\.regionConcurrency: 0: .*from 1 to 40/],
    ['too many regions at once', oneAccount({ regionConcurrency: 41 }), /^accounts\[0\]\.regionConcurrency: 41: /],
    [
      'half a region at once',
      oneAccount({ regionConcurrency: 1.5 }),
      /^accounts\[0\]\.regionConcurrency: 1\.5: must be a whole/,
    ],
    [
      'a text for a flag',
      oneAccount({ reportWhenIdle: 'no' }),
      /^accounts\[0\]\.reportWhenIdle: "no": must be true or false/,
    ],
    [
      'more than all',
      oneAccount({ pace: { sharePercent: 101 } }),
      /^accounts\[0\]\.pace\.sharePercent: 101: .*1 to 100/,
    ],
    [
      'days CloudWatch does not have',
      oneAccount({ logRetentionDays: 8 }),
      /^accounts\[0\]\.logRetentionDays: 8: .*1, 3, 5, 7/,
    ],
    ['no policy', oneAccount({ policies: [] }), /^accounts\[0\]\.policies: \[\]: must have at least one policy/],
    ['an unknown field', oneAccount({ retentionDays: 3 }), /^accounts\[0\]\.retentionDays: 3: is not a field here/],
    [
      'an unknown field, deep',
      withPolicy({ tag: { key: 'a', val: 'b' } }),
      /\.policies\[0\]\.tag\.val: "b": is not a field/,
    ],
    ['an unknown field at the top', { accounts: [{ id: '111122223333' }], account: 1 }, /^account: 1: is not a field/],
    [
      'an upper-case policy',
      withPolicy({ name: 'Daily' }),
      /\.policies\[0\]\.name: "Daily": must be 1 to 32 lower-case/,
    ],
    ['a long policy name', withPolicy({ name: 'd'.repeat(33) }), /\.policies\[0\]\.name: "d{33}": /],
    [
      'a policy without retention',
      oneAccount({ policies: [{ name: 'a', tag: { key: 'b' } }] }),
      /\.retention: missing: must be an object/,
    ],
    ['the tag Name', withPolicy({ tag: { key: 'Name' } }), /\.policies\[0\]\.tag\.key: "Name": must be .*not Name/],
    ["one of AWS's tags", withPolicy({ tag: { key: 'aws:x' } }), /\.tag\.key: "aws:x": /],
    ['one of our tags', withPolicy({ tag: { key: 'EBS-Backup:policy' } }), /\.tag\.key: "EBS-Backup:policy": /],
    ['an empty tag key', withPolicy({ tag: { key: '' } }), /\.tag\.key: "": /],
    ['a long tag key', withPolicy({ tag: { key: 'k'.repeat(129) } }), /\.tag\.key: "k+…: must be 1 to 128/],
    ['a key with a comma', withPolicy({ tag: { key: 'a,b' } }), /\.tag\.key: "a,b": /],
    ['a key with a space at its end', withPolicy({ tag: { key: 'a ' } }), /\.tag\.key: "a ": /],
    ['an empty tag value', withPolicy({ tag: { key: 'k', value: '' } }), /\.tag\.value: "": .*null, for any value/],
    [
      'a long tag value',
      withPolicy({ tag: { key: 'k', value: 'ä'.repeat(129) } }),
      /\.tag\.value: "ä+…: must be 1 to 256/,
    ],
    [
      'a retention that keeps nothing',
      withPolicy({ retention: {} }),
      /\.retention: \{\}: must have at least one of keepLast, keepWithin/,
    ],
    [
      'two spellings of one rule',
      withPolicy({ retention: { keepDays: 7, keepWithin: '7d' } }),
      /\.retention: .*must have one of keepDays and keepWithin/,
    ],
    ['no span', withPolicy({ retention: { keepWithin: '7' } }), /\.keepWithin: "7": must be a span such as 36h/],
    ['an empty span', withPolicy({ retention: { keepWithin: '' } }), /\.keepWithin: "": must be a span/],
    ['too long a span', withPolicy({ retention: { keepWithin: '101y' } }), /\.keepWithin: "101y": must be a span/],
    ['no such orphans', withPolicy({ orphans: 'drop' }), /\.orphans: "drop": must be "keep" or/],
    ['orphans without a span', withPolicy({ orphans: { keepWithin: 90 } }), /\.orphans: .*must be "keep" or/],
    [
      'adoption by a value of the tag',
      withPolicy({ tag: { key: 'Backup', value: 'gold' }, adopt: true }),
      /\.adopt: true: must be false for a policy with a tag value/,
    ],
    ['advice that is no flag', withPolicy({ advice: 'yes' }), /\.advice: "yes": must be true or false/],
    ['a minimum of nothing', withPolicy({ minimum: {} }), /\.minimum: \{\}: must have at least one of keepLast/],
    ['no day', withPolicy({ retention: { keepDays: 0 } }), /\.retention\.keepDays: 0: .*from 1 to 36500/],
    ['more than a hundred years', withPolicy({ retention: { keepDays: 36501 } }), /\.retention\.keepDays: 36501: /],
    ['none', withPolicy({ retention: { keepLast: 0 } }), /\.retention\.keepLast: 0: .*from 1 to 1000/],
    ['too many', withPolicy({ retention: { keepLast: 1001 } }), /\.retention\.keepLast: 1001: /],
    ['no floor', withPolicy({ floor: 0 }), /\.policies\[0\]\.floor: 0: .*from 1 to 100/],
    ['too high a floor', withPolicy({ floor: 101 }), /\.policies\[0\]\.floor: 101: /],
    ['a guard of nothing', withPolicy({ purgeGuard: { maxPercent: 0 } }), /\.purgeGuard\.maxPercent: 0: .*1 to 100/],
    ['a guard below nothing', withPolicy({ purgeGuard: { minSnapshots: -1 } }), /\.purgeGuard\.minSnapshots: -1: /],
    ['an unknown region', withPolicy({ regions: { include: ['Europe'] } }), /\.regions\.include\[0\]: "Europe": /],
    [
      'a region in and out',
      withPolicy({ regions: { include: ['eu-west-1'], exclude: ['eu-west-1'] } }),
      /\.regions\.exclude\[0\]: "eu-west-1": is also in include/,
    ],
    [
      'an expression of another tool',
      withPolicy({ schedule: { expression: '0 2 * * *' } }),
      /\.schedule\.expression: "0 2 \* \* \*": must be cron\(/,
    ],
    [
      'hour 24',
      withPolicy({ schedule: { expression: 'cron(0 24 * * ? *)' } }),
      /field hours cannot be "24": it takes 0–23/,
    ],
    [
      'a zone that is none',
      withPolicy({ schedule: { timeZone: 'Mars/Olympus' } }),
      /\.schedule\.timeZone: "Mars\/Olympus": must be an IANA/,
    ],
    ['an offset', withPolicy({ schedule: { timeZone: '+02:00' } }), /\.schedule\.timeZone: "\+02:00": /],
    [
      'a window over a day',
      withPolicy({ schedule: { flexibleWindowMinutes: 1441 } }),
      /\.flexibleWindowMinutes: 1441: .*0 to 1440/,
    ],
    [
      'a restore test that is no object',
      withTest(true),
      /^accounts\[0\]\.restoreTest: true: must be an object with regions/,
    ],
    [
      'a restore test of nowhere',
      oneAccount({ restoreTest: {} }),
      /\.restoreTest\.regions: missing: must be a list of/,
    ],
    ['a restore test of no region', withTest({ regions: [] }), /\.regions: \[\]: must have at least one region/],
    [
      'a restore test of a place',
      withTest({ regions: ['Dublin'] }),
      /\.restoreTest\.regions\[0\]: "Dublin": must be the name/,
    ],
    [
      'a restore test of a region twice',
      withTest({ regions: ['eu-west-1', 'eu-west-1'] }),
      /\.restoreTest\.regions\[1\]: "eu-west-1": is also accounts\[0\]\.restoreTest\.regions\[0\]/,
    ],
    ['a restore test of no volume', withTest({ volumes: 0 }), /\.restoreTest\.volumes: 0: .*from 1 to 100/],
    ['a restore test of too many volumes', withTest({ volumes: 101 }), /\.restoreTest\.volumes: 101: .*from 1 to 100/],
    ['a restore test of no percent', withTest({ percent: 0 }), /\.restoreTest\.percent: 0: .*from 1 to 100/],
    ['a restore test of more than all', withTest({ percent: 101 }), /\.restoreTest\.percent: 101: .*from 1 to 100/],
    [
      'two sizes of a restore test',
      withTest({ volumes: 3, percent: 5 }),
      /\.restoreTest: .*: must have one of volumes and percent/,
    ],
    ['a field that a restore test does not have', withTest({ sample: 3 }), /\.restoreTest\.sample: 3: is not a field/],
    [
      'a restore test of a policy that is not there',
      withTest({ policy: 'gold' }),
      /^accounts\[0\]\.restoreTest\.policy: "gold": is not a policy of this account; it has daily/,
    ],
    [
      'a restore test of a policy that another is not',
      withTest({ policy: 'daily' }, { policies: [policy({ name: 'a' }), policy({ name: 'b' })] }),
      /\.restoreTest\.policy: "daily": is not a policy of this account; it has a, b/,
    ],
    [
      'a restore test of a policy without a name',
      withTest({ policy: 1 }),
      /\.restoreTest\.policy: 1: must be the name of a policy/,
    ],
    [
      'a restore test at no time',
      withTest({ schedule: { expression: 'weekly' } }),
      /\.restoreTest\.schedule\.expression: "weekly": must be cron\(/,
    ],
    [
      'a policy whose schedule has the name of a restore test',
      withTest({}, { policies: [policy({ name: 'restore-test-eu-west-1' })] }),
      /\.policies\[0\]\.name: "restore-test-eu-west-1": is what the schedule of the restore test in eu-west-1 is called/,
    ],
    [
      'an account twice',
      {
        accounts: [
          { id: '111122223333', name: 'a' },
          { id: '111122223333', name: 'b' },
        ],
      },
      /^accounts\[1\]\.id: "111122223333": is also accounts\[0\]\.id/,
    ],
    [
      'a name twice',
      {
        accounts: [
          { id: '111122223333', name: 'a' },
          { id: '444455556666', name: 'a' },
        ],
      },
      /^accounts\[1\]\.name: "a": is also accounts\[0\]\.name/,
    ],
    [
      "another account's id as name",
      { accounts: [{ id: '111122223333' }, { id: '444455556666', name: '111122223333' }] },
      /^accounts\[1\]\.name: "111122223333": is also accounts\[0\]\.id/,
    ],
    [
      'a policy twice',
      oneAccount({ policies: [policy(), policy()] }),
      /\.policies\[1\]\.name: "daily": is also accounts\[0\]\.policies\[0\]\.name/,
    ],
    [
      'a subscriber twice',
      oneAccount({ subscribers: ['a@example.com', 'a@example.com'] }),
      /\.subscribers\[1\]: "a@example.com": is also/,
    ],
    [
      'more than the environment of a function holds',
      oneAccount({ policies: Array.from({ length: 30 }, (_, i) => policy({ name: `p${i}` })) }),
      /^accounts\[0\]\.policies: 30 policies: take \d+ bytes as configuration/,
    ],
  ];
  for (const [why, raw, expected] of cases) {
    it(why, () => {
      const found = problems(raw);
      assert.equal(found.length, 1, `one problem, not ${found.join(' | ')}`);
      assert.match(found[0]!, expected);
    });
  }

  it('reports all problems of a file at once, also those between accounts', () => {
    const found = problems({
      accounts: [
        { id: '111122223333', name: 'a', policies: [policy({ tag: { key: 'Name' }, floor: 0 })], homeRegion: 'x' },
        { id: '111122223333', name: 'b', extra: true },
      ],
    });
    const paths = found.map((problem) => problem.split(': ')[0]).sort();
    assert.deepEqual(
      paths,
      ['accounts[0].homeRegion', `${P}.floor`, `${P}.tag.key`, 'accounts[1].extra', 'accounts[1].id'].sort(),
    );
  });

  it('names the file, and says when it is not there or not JSON', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ebs-backup-config-'));
    const missing = join(folder, 'none.json');
    assert.throws(
      () => readConfig(missing),
      (error: Error) =>
        error.message.startsWith(`${missing} cannot be deployed:`) && /cannot be read/.test(error.message),
    );
    const broken = join(folder, 'broken.json');
    writeFileSync(broken, '{"accounts": [');
    assert.throws(() => readConfig(broken), /is not JSON/);
  });

  it('takes a configuration as large as the environment holds', () => {
    const many = Array.from({ length: 13 }, (_, i) => policy({ name: `p${i}` }));
    const [account] = parseConfig(oneAccount({ policies: many })).accounts;
    assert.ok(Buffer.byteLength(deployedConfiguration(account!)) <= MAX_DEPLOYED_CONFIGURATION_BYTES);
  });
});
