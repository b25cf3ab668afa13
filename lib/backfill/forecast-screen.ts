/** Renders a backfill's forecast for a terminal: a table of the rules, the cost and the guards. */
import { stripVTControlCharacters, styleText } from 'node:util';
import { counted, formatCount, formatShare } from '../base/count.ts';
import { formatDuration, roundUpDuration } from '../base/duration.ts';
import { renderFact } from '../screen/fact.ts';
import { cut } from '../screen/wrap.ts';
import type { Forecast, ForecastRule } from './forecast.ts';

/** Returns lines shorter than `columns` where possible, without a newline at the end. */
export function renderForecast(forecast: Forecast, columns: number): string {
  const { rules } = forecast;
  const heading = title(forecast, columns - 1);
  if (rules.every(({ matched }) => matched === 0)) return `${heading}\n\n  Nothing was found: there is nothing to do.`;
  return [heading, '', ...table(rules, columns - 1), '', ...facts(forecast, columns - 1)].join('\n');
}

function title({ range, windows, windowUnit }: Forecast, width: number): string {
  const line = `  ${bold('Forecast')}  ${range}`;
  if (windowUnit === null || windows <= 1) return line;
  const parts = `in ${formatCount(windows)} windows of one ${windowUnit}`;
  const beside = stripVTControlCharacters(line).length + 2 + parts.length <= width;
  return beside ? `${line}, ${dim(parts)}` : `${line}\n${' '.repeat(12)}${dim(parts)}`;
}

/** Whether the job reads messages. A job that changes labels changes or skips each message that it found. */
function isReading(rules: readonly ForecastRule[]): boolean {
  return rules.some(({ matched, skipped, toChange }) => matched > skipped + toChange);
}

interface Column {
  readonly title: string;
  readonly cell: (rule: ForecastRule) => string;
  readonly sum: string;
}

const GAP = 3;
const SHORTEST_NAME = 8;

function table(rules: readonly ForecastRule[], width: number): string[] {
  const sum = (value: (rule: ForecastRule) => number) => rules.reduce((total, rule) => total + value(rule), 0);
  const countColumn = (title: string, value: (rule: ForecastRule) => number): Column => ({
    title,
    cell: (rule) => formatCount(value(rule)),
    sum: formatCount(sum(value)),
  });
  const found = countColumn('found', ({ matched }) => matched);
  const alone = countColumn('left alone', ({ skipped }) => skipped);
  const act = isReading(rules)
    ? countColumn('to read', ({ matched, skipped }) => matched - skipped)
    : countColumn('to change', ({ toChange }) => toChange);
  const atMost: Column = {
    title: 'at most',
    cell: ({ atMost }) => (atMost === null ? '' : formatCount(atMost)),
    sum: '',
  };
  const spares = rules.some(({ skipped }) => skipped > 0);
  const limits = rules.some(({ atMost }) => atMost !== null);
  const last = limits ? [act, atMost] : [act];
  const variants = [...(spares ? [[found, alone, ...last]] : [[found, ...last]]), [found, ...last], last, [act]];

  const longest = Math.max('in all'.length, ...rules.map(({ name }) => name.length));
  const widthOf = ({ title, cell, sum }: Column) =>
    Math.max(title.length, sum.length, ...rules.map((rule) => cell(rule).length));
  const roomBeside = (columns: readonly Column[]) =>
    width - 4 - columns.reduce((total, column) => total + widthOf(column) + GAP, 0);
  const columns = variants.find((variant) => roomBeside(variant) >= Math.min(longest, 20)) ?? [act];
  const nameWidth = Math.max(SHORTEST_NAME, Math.min(longest, roomBeside(columns)));
  const row = (name: string, cells: readonly string[], mark = ' ') =>
    `  ${mark} ${[cut(name, nameWidth).padEnd(nameWidth), ...cells].join(' '.repeat(GAP))}`.trimEnd();
  const line = (name: string, text: (column: Column) => string, mark?: string) =>
    row(
      name,
      columns.map((column) => text(column).padStart(widthOf(column))),
      mark,
    );

  return [
    dim(line('', ({ title }) => title)),
    ...rules.map((rule) => {
      const shown = line(rule.name, ({ cell }) => cell(rule), isOver(rule) ? BAD : ' ');
      return rule.matched === 0 ? dim(shown) : shown;
    }),
    ...(rules.length > 1 ? [bold(line('in all', ({ sum }) => sum))] : []),
  ];
}

function isOver({ toChange, atMost }: ForecastRule): boolean {
  return atMost !== null && toChange > atMost;
}

function facts(forecast: Forecast, width: number): string[] {
  const { messages, changes, units, unitsSpent, requests, durationMs, runs, guards, rules } = forecast;
  const reading = isReading(rules);
  const fact = (title: string, text: string, note = '') => renderFact(title, text, note, width);
  const time = durationMs < 1_000 ? 'a moment' : `about ${formatDuration(roundUpDuration(durationMs))}`;
  const budget = formatDuration(forecast.budgetMs);
  return [
    ...fact(
      'work',
      reading ? `${counted(messages, 'message')} to read` : counted(changes, 'change'),
      counted(requests, 'request'),
    ),
    ...fact('quota', `${formatCount(units)} units`, `${formatCount(unitsSpent)} spent so far`),
    ...fact('time', time, `at ${formatCount(forecast.unitsPerMinute)} units a minute`),
    ...(runs <= 1
      ? fact('runs', 'this one is enough', `its budget is ${budget}`)
      : fact('runs', `${formatCount(runs)} of ${budget} each, this one included`)),
    ...(reading ? [] : guardFacts(changes, guards, rules)).flatMap(({ ok, text, note }, index) =>
      fact(index === 0 ? 'guards' : '', `${ok ? GOOD : BAD} ${text}`, note),
    ),
  ];
}

interface GuardFact {
  readonly ok: boolean;
  readonly text: string;
  readonly note: string;
}

function guardFacts(changes: number, guards: Forecast['guards'], rules: readonly ForecastRule[]): GuardFact[] {
  const { maxChanges, maxShare, mailbox, maxChangesFrom = 'rules.yaml: maxChanges' } = guards;
  const largest = Math.max(0, ...rules.map(({ toChange }) => toChange));
  const share = mailbox === 0 ? 0 : largest / mailbox;
  const over = rules.filter(isOver).length;
  const limited = rules.some(({ atMost }) => atMost !== null);
  const ofRules =
    over === 0
      ? { ok: true, text: 'no rule over its own limit', note: '' }
      : {
          ok: false,
          text: over === 1 ? '1 rule over its own limit' : `${formatCount(over)} rules over their own limits`,
          note: 'marked above',
        };
  return [
    maxChanges === null
      ? { ok: true, text: 'any number of changes', note: 'rules.yaml: maxChanges would limit it' }
      : { ok: changes <= maxChanges, text: `at most ${formatCount(maxChanges)} changes`, note: maxChangesFrom },
    ...(maxShare === null
      ? []
      : [
          {
            ok: share <= maxShare,
            text: `at most ${formatShare(maxShare)} by one rule`,
            note: `${formatShare(share)} of ${formatCount(mailbox)} messages`,
          },
        ]),
    ...(limited ? [ofRules] : []),
  ];
}

const BAD = styleText('red', '✖');
const GOOD = styleText('green', '✔');

function bold(text: string): string {
  return styleText('bold', text);
}

function dim(text: string): string {
  return styleText('dim', text);
}
