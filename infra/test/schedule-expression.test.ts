import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hoursWithoutRun } from '../lib/alarms';
import { parseConfig } from '../lib/config';
import { isTimeZone, longestGapHours, scheduleExpressionProblem } from '../lib/schedule-expression';
import { oneAccount } from './support';

describe('a schedule expression', () => {
  for (const good of [
    'cron(0 2 * * ? *)',
    'cron(15,45 0-6/2 ? * MON-FRI *)',
    'cron(*/30 * * * ? *)',
    'cron(0 3 L * ? *)',
    'cron(0 3 15W * ? 2027-2030)',
    'cron(0 3 ? JAN,JUL 2#1 *)',
    'cron(0 3 ? * 6L *)',
    'rate(1 hour)',
    'rate(12 hours)',
    'rate(1 day)',
    'rate(90 minutes)',
  ]) {
    it(`may be ${good}`, () => assert.equal(scheduleExpressionProblem(good), undefined));
  }

  for (const [bad, expected] of [
    ['daily', /must be cron\(/],
    ['cron(0 2 * * *)', /takes 6 fields .* not 5/],
    ['cron(0  2 * * ? *)', /takes 6 fields/],
    ['cron(60 2 * * ? *)', /field minutes cannot be "60"/],
    ['cron(0 2-1 * * ? *)', /field hours cannot be "2-1"/],
    ['cron(0 2 32 * ? *)', /field day of month/],
    ['cron(0 2 * 13 ? *)', /field month/],
    ['cron(0 2 ? * 8 *)', /field day of week/],
    ['cron(0 2 ? * MUN *)', /field day of week/],
    ['cron(0 2 * * ? 1900)', /field year/],
    ['cron(0/0 2 * * ? *)', /field minutes/],
    ['cron(0 2 * * * *)', /exactly one/],
    ['cron(0 2 ? * ? *)', /exactly one/],
    ['rate(0 hours)', /at least 1/],
    ['rate(1 hours)', /minute, hour or day with 1/],
    ['rate(2 hour)', /minute, hour or day with 1/],
    ['rate(2 weeks)', /must be cron\(/],
    ['at(2027-01-01T00:00:00)', /must be cron\(/],
  ] as const) {
    it(`cannot be ${bad}`, () => assert.match(scheduleExpressionProblem(bad) ?? '', expected));
  }
});

describe('a time zone', () => {
  for (const good of ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Asia/Calcutta', 'Etc/GMT+5']) {
    it(`may be ${good}`, () => assert.ok(isTimeZone(good)));
  }
  for (const bad of [
    '',
    'CEST',
    '+01:00',
    'europe/berlin',
    'Europe/berlin',
    'Europe/BERLIN',
    'Berlin',
    'Europe/Berlin ',
  ]) {
    it(`cannot be ${JSON.stringify(bad)}`, () => assert.ok(!isTimeZone(bad)));
  }
});

describe('the longest time between two runs', () => {
  for (const [expression, hours] of [
    ['cron(0 2 * * ? *)', 24],
    ['cron(0 2,14 ? * * *)', 24],
    ['rate(6 hours)', 6],
    ['rate(90 minutes)', 2],
    ['rate(1 day)', 24],
    ['rate(2 days)', undefined],
    ['cron(0 2 ? * MON-FRI *)', undefined],
    ['cron(0 2 1 * ? *)', undefined],
  ] as const) {
    it(`of ${expression} is ${hours ?? 'not known'}`, () => assert.equal(longestGapHours(expression), hours));
  }

  it('and its window and an hour of grace pass before a run counts as missed', () => {
    const schedules = (...given: object[]) =>
      parseConfig(
        oneAccount({
          policies: given.map((schedule, i) => ({
            name: `p${i}`,
            tag: { key: 'k' },
            retention: { keepLast: 1 },
            schedule,
          })),
        }),
      ).accounts[0]!.policies;
    assert.equal(hoursWithoutRun(schedules({ flexibleWindowMinutes: 61 })), 24 + 2 + 1);
    assert.equal(hoursWithoutRun(schedules({}, { expression: 'rate(6 hours)', flexibleWindowMinutes: 0 })), 6 + 1);
    assert.equal(hoursWithoutRun(schedules({ expression: 'rate(7 days)' })), undefined);
  });
});
