/**
 * EventBridge Scheduler refuses a bad expression only while CloudFormation deploys, halfway through a stack. This is the
 * same grammar, checked before anything is synthesized.
 * Source: EventBridge Scheduler user guide, "Schedule types" (cron-based and rate-based schedules).
 */

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly words?: readonly string[];
  /** What else this field may be, whole. */
  readonly special?: RegExp;
}

const FIELDS: readonly Field[] = [
  { name: 'minutes', min: 0, max: 59 },
  { name: 'hours', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31, special: /^(\?|L|LW|([1-9]|[12]\d|3[01])W)$/ },
  { name: 'month', min: 1, max: 12, words: MONTHS },
  { name: 'day of week', min: 1, max: 7, words: DAYS, special: /^(\?|L|[1-7]L|[1-7]#[1-5])$/ },
  { name: 'year', min: 1970, max: 2199 },
];

function value(field: Field, text: string): number | undefined {
  const word = field.words?.indexOf(text.toUpperCase()) ?? -1;
  if (word >= 0) return word + field.min;
  if (!/^\d{1,4}$/.test(text)) return undefined;
  const number = Number(text);
  return number >= field.min && number <= field.max ? number : undefined;
}

function isPart(field: Field, part: string): boolean {
  const [base = '', step, ...more] = part.split('/');
  if (more.length > 0 || (step !== undefined && !/^[1-9]\d{0,3}$/.test(step))) return false;
  if (base === '*') return true;
  const [from = '', to, ...rest] = base.split('-');
  const first = value(field, from);
  if (first === undefined || rest.length > 0) return false;
  if (to === undefined) return true;
  const last = value(field, to);
  return last !== undefined && first <= last;
}

/** What is wrong with the expression, or undefined when Scheduler takes it. */
export function scheduleExpressionProblem(expression: string): string | undefined {
  const rate = /^rate\((\d{1,5}) (minute|hour|day)(s?)\)$/.exec(expression);
  if (rate) {
    const count = Number(rate[1]);
    if (count < 1) return 'a rate must be at least 1';
    if ((count === 1) !== (rate[3] === ''))
      return 'a rate takes minute, hour or day with 1, and minutes, hours or days otherwise';
    return undefined;
  }
  const cron = /^cron\((.*)\)$/.exec(expression);
  if (!cron)
    return 'must be cron(minutes hours day-of-month month day-of-week year) or rate(number unit), such as cron(0 2 * * ? *) or rate(12 hours)';
  const parts = (cron[1] ?? '').split(' ');
  if (parts.length !== FIELDS.length) {
    return `cron takes ${FIELDS.length} fields (${FIELDS.map((field) => field.name).join(', ')}) with one space between, not ${parts.length}`;
  }
  for (const [index, field] of FIELDS.entries()) {
    const text = parts[index] ?? '';
    if (field.special?.test(text)) continue;
    if (!text.split(',').every((part) => isPart(field, part))) {
      return `the cron field ${field.name} cannot be ${JSON.stringify(text)}: it takes ${field.min}–${field.max}, *, lists, ranges and /steps`;
    }
  }
  const [, , dayOfMonth, , dayOfWeek] = parts;
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) {
    return 'exactly one of the cron fields day of month and day of week must be ?';
  }
  return undefined;
}

/**
 * The longest time between two runs, in hours, for schedules that run every day or more often; undefined for the others,
 * whose gap depends on the calendar.
 */
export function longestGapHours(expression: string): number | undefined {
  const rate = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression);
  if (rate) {
    const hours = (Number(rate[1]) *
      { minute: 1 / 60, hour: 1, day: 24 }[rate[2] as 'minute' | 'hour' | 'day']) as number;
    return hours <= 24 ? Math.ceil(hours) : undefined;
  }
  const parts = /^cron\((.*)\)$/.exec(expression)?.[1]?.split(' ') ?? [];
  // The gap between two hours of one day is never longer than that between the same hour of two days.
  return parts.length === 6 && parts.slice(2).every((part) => part === '*' || part === '?') ? 24 : undefined;
}

/** Scheduler takes names of the IANA database in their exact spelling; Intl is laxer about case and knows offsets. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Z][\w+-]*(\/[A-Z][\w+-]*)*$/.test(name)) return false;
  // Intl takes any case, and the functions do not.
  const canonical = Intl.supportedValuesOf('timeZone').find((known) => known.toLowerCase() === name.toLowerCase());
  if (canonical !== undefined && canonical !== name) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
