/**
 * The list of accounts: what may be written, what stands for what is left out, and what is refused.
 *
 * Every problem of a file is reported at once, each with its path, its value and what would be right. The bounds of a
 * policy are those of the crate `contract`, which checks them again when the deployed configuration is read.
 */
import { readFileSync } from 'node:fs';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { z } from 'zod';
import { MACHINE_NAME, restoreTestSchedule } from './names';
import { isTimeZone, scheduleExpressionProblem } from './schedule-expression';

/** Lambda allows 4 KB for the whole environment of a function; the rest is left to the other variables. */
export const MAX_DEPLOYED_CONFIGURATION_BYTES = 3500;

const LOG_RETENTION_DAYS = Object.values(RetentionDays).filter(
  (days): days is number => typeof days === 'number' && days !== RetentionDays.INFINITE,
);

// One sentence per field says what would be right, whatever is wrong with the value.
const text = (pattern: RegExp, error: string) => z.string({ error }).regex(pattern, { error });
const whole = (min: number, max: number, what = '') => {
  const error = `must be a whole number from ${min} to ${max}${what}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};
const flag = () => z.boolean({ error: 'must be true or false' });
const list = <T extends z.ZodType>(item: T, of: string) => z.array(item, { error: `must be a list of ${of}` });
const record = <T extends z.ZodRawShape>(shape: T) =>
  z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? undefined : `must be an object with ${Object.keys(shape).join(', ')}`,
  });

const region = () => text(/^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/, 'must be the name of an AWS region, such as eu-central-1');

// What AWS takes in a tag in all of its services. Lengths are counted in bytes, as the crate `contract` does.
const TAG_TEXT = /^[\p{L}\p{N} +\-=._:/@]+$/u;
const TAG_KEY =
  'must be 1 to 128 letters, digits, spaces or + - = . _ : / @, no space at either end; not Name, which every snapshot has, and not beginning with aws: or ebs-backup:, which are reserved';
const TAG_VALUE = 'must be 1 to 256 letters, digits, spaces or + - = . _ : / @; leave it out, or null, for any value';
const bytes = (value: string) => Buffer.byteLength(value);
const tag = record({
  key: text(TAG_TEXT, TAG_KEY).refine(
    (key) => bytes(key) <= 128 && key.trim() === key && key !== 'Name' && !/^(aws|ebs-backup):/i.test(key),
    { error: TAG_KEY },
  ),
  value: text(TAG_TEXT, TAG_VALUE)
    .refine((value) => bytes(value) <= 256, { error: TAG_VALUE })
    .nullable()
    .default(null),
});

const SPAN = 'must be a span such as 36h, 14d, 8w, 6m, 2y or 1y6m, of at most a hundred years';
const span = () =>
  z
    .string({ error: SPAN })
    .regex(/^(\d+y)?(\d+m)?(\d+w)?(\d+d)?(\d+h)?$/, { error: SPAN })
    .refine((text) => spanHours(text) >= 1 && spanHours(text) <= 36_500 * 24, { error: SPAN });

/** As the crate `contract` weighs a span: a month is thirty days there, a year 365. */
function spanHours(text: string): number {
  const hours: Record<string, number> = { y: 365 * 24, m: 30 * 24, w: 7 * 24, d: 24, h: 1 };
  return [...text.matchAll(/(\d+)([ymwdh])/g)].reduce((sum, [, n, unit]) => sum + Number(n) * (hours[unit!] ?? 0), 0);
}

const count = () => whole(1, 1_000).optional();
const retention = () =>
  record({
    keepLast: count(),
    keepDays: whole(1, 36_500).optional(),
    keepWithin: span().optional(),
    keepHourly: count(),
    keepDaily: count(),
    keepWeekly: count(),
    keepMonthly: count(),
    keepYearly: count(),
  })
    .refine((rules) => Object.values(rules).some((rule) => rule !== undefined), {
      error:
        'must have at least one of keepLast, keepWithin, keepDays, keepHourly, keepDaily, keepWeekly, keepMonthly and keepYearly: a policy that keeps nothing is refused',
    })
    .refine((rules) => rules.keepDays === undefined || rules.keepWithin === undefined, {
      error: 'must have one of keepDays and keepWithin: keepDays is its short form',
    });

const ORPHANS = 'must be "keep" or {"keepWithin": "90d"}';
const orphans = z.union([z.literal('keep'), z.strictObject({ keepWithin: span() })], { error: ORPHANS });

const schedule = (expression: string) =>
  record({
    expression: z
      .string({ error: `must be a cron or rate expression, such as ${expression}` })
      .superRefine((expression, context) => {
        const problem = scheduleExpressionProblem(expression);
        if (problem) context.addIssue({ code: 'custom', message: problem });
      })
      .default(expression),
    timeZone: z
      .string({ error: 'must be an IANA time zone, such as UTC or Europe/Berlin' })
      .refine(isTimeZone, { error: 'must be an IANA time zone, such as UTC or Europe/Berlin' })
      .default('UTC'),
    flexibleWindowMinutes: whole(0, 1440, ' (0 starts at the minute)').default(30),
  }).prefault({});

const purgeGuard = record({
  maxPercent: whole(1, 100).default(50),
  minSnapshots: whole(0, 100_000).default(20),
});

const policy = record({
  name: text(
    /^[a-z0-9][a-z0-9-]{0,31}$/,
    'must be 1 to 32 lower-case letters, digits and hyphens, and not begin with a hyphen',
  ),
  tag,
  retention: retention(),
  minimum: retention().nullable().default(null),
  orphans: orphans.default({ keepWithin: '90d' }),
  regions: record({
    include: list(region(), 'region names').default([]),
    exclude: list(region(), 'region names').default([]),
  }).prefault({}),
  floor: whole(1, 100).default(1),
  purgeGuard: purgeGuard.prefault({}),
  schedule: schedule('cron(0 2 * * ? *)'),
  adopt: flag().default(false),
  advice: flag().default(false),
}).refine(({ adopt, tag }) => !adopt || tag.value === null, {
  path: ['adopt'],
  error: 'must be false for a policy with a tag value: what the script left bears the key with any value',
});

const restoreTest = record({
  regions: list(region(), 'region names').min(1, { error: 'must have at least one region' }),
  volumes: whole(1, 100).optional(),
  percent: whole(1, 100).optional(),
  policy: z.string({ error: 'must be the name of a policy of this account' }).optional(),
  schedule: schedule('cron(0 6 ? * SUN *)'),
})
  .refine(({ volumes, percent }) => volumes === undefined || percent === undefined, {
    error: 'must have one of volumes and percent',
  })
  .transform(({ volumes, percent, ...test }) => ({
    ...test,
    sample: percent === undefined ? { volumes: volumes ?? 3 } : { percent },
  }));

/** What stands for policies that are left out. */
const DEFAULT_POLICY = {
  name: 'daily',
  tag: { key: 'Backup' },
  retention: { keepDaily: 7, keepWeekly: 4, keepMonthly: 12 },
};

const account = record({
  id: text(/^\d{12}$/, 'must be the 12 digits of an AWS account id, in quotes'),
  name: text(
    /^[A-Za-z0-9][A-Za-z0-9-]{0,49}$/,
    'must be 1 to 50 letters, digits and hyphens, and not begin with a hyphen',
  ).optional(),
  homeRegion: region().default('us-east-1'),
  policies: list(policy, 'policies').min(1, { error: 'must have at least one policy' }).prefault([DEFAULT_POLICY]),
  restoreTest: restoreTest.nullable().default(null),
  subscribers: list(z.email({ error: 'must be a mail address, such as backup@example.com' }), 'mail addresses').default(
    [],
  ),
  architecture: z.enum(['x86_64', 'arm64'], { error: 'must be x86_64 or arm64' }).default('x86_64'),
  regionConcurrency: whole(1, 40).default(40),
  reportWhenIdle: flag().default(false),
  pace: record({ sharePercent: whole(1, 100).default(80) }).prefault({}),
  logRetentionDays: z
    .literal(LOG_RETENTION_DAYS, { error: `must be one of CloudWatch's ${LOG_RETENTION_DAYS.join(', ')}` })
    .default(RetentionDays.THREE_MONTHS),
  localEngine: flag().default(false),
}).transform((given) => ({ ...given, name: given.name ?? given.id }));

const schema = record({
  stage: text(/^[A-Za-z][A-Za-z0-9]{0,19}$/, 'must be 1 to 20 letters and digits and begin with a letter').default(
    'Prod',
  ),
  lambdaDir: z.string({ error: 'must be a path' }).min(1, { error: 'must be a path' }).optional(),
  accounts: list(account, 'accounts').min(1, { error: 'must have at least one account' }),
});

export type Config = z.output<typeof schema>;
export type AccountConfig = Config['accounts'][number];
export type PolicyConfig = AccountConfig['policies'][number];
export type ScheduleConfig = PolicyConfig['schedule'];
export type RestoreTestConfig = NonNullable<AccountConfig['restoreTest']>;
export type Architecture = AccountConfig['architecture'];

/** A configuration that cannot be deployed, with all that is wrong with it. */
export class ConfigError extends Error {
  constructor(
    readonly source: string,
    readonly problems: readonly string[],
  ) {
    super(`${source} cannot be deployed:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/**
 * What list-regions reads: all policies of the account, complete, in the words of the crate `contract`. Advice takes room
 * only where it is asked for: configurations that just fitted before there was any still do.
 */
export function deployedConfiguration(given: AccountConfig): string {
  return JSON.stringify({
    policies: given.policies.map(({ schedule, advice, ...deployed }) => ({
      ...deployed,
      ...(advice && { advice }),
      timeZone: schedule.timeZone,
    })),
    pace: given.pace,
  });
}

export function readConfig(path: string): Config {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(path, [`the file cannot be read: ${(error as Error).message}`]);
  }
  let raw: unknown;
  try {
    raw = JSON.parse(content);
  } catch (error) {
    throw new ConfigError(path, [`the file is not JSON: ${(error as Error).message}`]);
  }
  return parseConfig(raw, path);
}

export function parseConfig(raw: unknown, source = 'the configuration'): Config {
  const parsed = schema.safeParse(raw);
  const problems = parsed.success ? [] : parsed.error.issues.flatMap((issue) => describe(raw, issue));
  problems.push(...clashes(raw));
  if (parsed.success) problems.push(...oversized(parsed.data));
  if (!parsed.success || problems.length > 0) throw new ConfigError(source, [...new Set(problems)]);
  return parsed.data;
}

function describe(raw: unknown, issue: z.core.$ZodIssue): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => problem(raw, [...issue.path, key], 'is not a field here; is it misspelt?'));
  }
  return [problem(raw, issue.path, issue.message)];
}

function problem(raw: unknown, path: readonly PropertyKey[], message: string): string {
  const given = at(raw, path);
  const shown = given === undefined ? 'missing' : abbreviate(JSON.stringify(given));
  return `${pathText(path)}: ${shown}: ${message}`;
}

function abbreviate(json: string): string {
  return json.length <= 120 ? json : `${json.slice(0, 117)}…`;
}

function at(raw: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    raw,
  );
}

function pathText(path: readonly PropertyKey[]): string {
  const joined = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return joined.replace(/^\./, '') || 'the file';
}

/**
 * Values that must not stand twice, or that must stand elsewhere too. Read from what was written, not from what was parsed,
 * so that they are reported together with everything else that is wrong.
 */
function clashes(raw: unknown): string[] {
  const accounts = arrayAt(raw, ['accounts']);
  const ids = accounts.map((_, a) => ['accounts', a, 'id']);
  // An account without a name goes by its id.
  const names = accounts.map((_, a) => ['accounts', a, at(raw, ['accounts', a, 'name']) === undefined ? 'id' : 'name']);
  const why = "an account's id and name are its own";
  const found = [...repeated(raw, ids, why), ...repeated(raw, names, why)];
  for (const a of accounts.keys()) {
    const policies = arrayAt(raw, ['accounts', a, 'policies']);
    const names = policies.map((_, p) => ['accounts', a, 'policies', p, 'name']);
    found.push(...repeated(raw, names, 'a snapshot belongs to the policy it names, so no two may share a name'));
    found.push(
      ...repeated(
        raw,
        arrayAt(raw, ['accounts', a, 'subscribers']).map((_, s) => ['accounts', a, 'subscribers', s]),
        'a subscriber is listed once',
      ),
    );
    found.push(...clashesOfTest(raw, a));
    for (const p of policies.keys()) {
      const regions = ['accounts', a, 'policies', p, 'regions'];
      const included = arrayAt(raw, [...regions, 'include']);
      arrayAt(raw, [...regions, 'exclude']).forEach((name, r) => {
        if (included.includes(name)) {
          found.push(problem(raw, [...regions, 'exclude', r], 'is also in include; name a region in one of the two'));
        }
      });
    }
  }
  return found;
}

function clashesOfTest(raw: unknown, a: number): string[] {
  const test = ['accounts', a, 'restoreTest'];
  const path = ['accounts', a, 'policies'];
  const given = at(raw, path);
  const policies =
    given === undefined ? [DEFAULT_POLICY.name] : arrayAt(raw, path).map((_, p) => at(raw, [...path, p, 'name']));
  const regions = arrayAt(raw, [...test, 'regions']);
  const found = repeated(
    raw,
    regions.map((_, r) => [...test, 'regions', r]),
    'a region is listed once',
  );
  const policy = at(raw, [...test, 'policy']);
  if (typeof policy === 'string' && policies.length > 0 && !policies.includes(policy)) {
    found.push(problem(raw, [...test, 'policy'], `is not a policy of this account; it has ${policies.join(', ')}`));
  }
  // Both kinds of schedules have names of one kind, and Scheduler takes a name once.
  policies.forEach((name, p) => {
    const region = regions.find((region) => `${MACHINE_NAME}-${name}` === restoreTestSchedule(String(region)));
    if (region !== undefined) {
      found.push(
        problem(
          raw,
          [...path, p, 'name'],
          `is what the schedule of the restore test in ${region} is called; rename the policy`,
        ),
      );
    }
  });
  return found;
}

function arrayAt(raw: unknown, path: readonly PropertyKey[]): unknown[] {
  const value = at(raw, path);
  return Array.isArray(value) ? value : [];
}

function repeated(raw: unknown, paths: PropertyKey[][], why: string): string[] {
  const first = new Map<unknown, PropertyKey[]>();
  return paths.flatMap((path) => {
    const value = at(raw, path);
    if (value === undefined) return [];
    const earlier = first.get(value);
    if (earlier) return [problem(raw, path, `is also ${pathText(earlier)}; ${why}`)];
    first.set(value, path);
    return [];
  });
}

function oversized(config: Config): string[] {
  return config.accounts.flatMap((given, a) => {
    const size = bytes(deployedConfiguration(given));
    if (size <= MAX_DEPLOYED_CONFIGURATION_BYTES) return [];
    return [
      `accounts[${a}].policies: ${given.policies.length} policies: take ${size} bytes as configuration, and Lambda's environment has room for ${MAX_DEPLOYED_CONFIGURATION_BYTES}; use fewer policies or shorter region lists`,
    ];
  });
}
