/** Renders the forecast of an export for a terminal. */
import { styleText } from 'node:util';
import { counted, formatBytes, formatCount } from '../base/count.ts';
import { formatDuration, roundUpDuration } from '../base/duration.ts';
import { renderFact } from '../screen/fact.ts';
import type { ExportForecast } from './forecast.ts';

/** Returns lines shorter than `columns` where possible, without a newline at the end. */
export function renderExportForecast(forecast: ExportForecast, place: string, columns: number): string {
  const { messages, large, units, unitsPerMinute, durationMs, runs, budgetMs, bytes } = forecast;
  const fact = (title: string, text: string, note = '') => renderFact(title, text, note, columns - 1);
  const budget = formatDuration(budgetMs);
  return [
    `  ${styleText('bold', 'Forecast')}  a copy in ${place}`,
    '',
    ...fact(
      'work',
      `${counted(messages, 'message')} to copy`,
      large === 0 ? '' : `${formatCount(large)} of them large`,
    ),
    ...(bytes === undefined ? [] : fact('size', `about ${formatBytes(bytes)}`, 'before compression')),
    ...fact('quota', `${formatCount(units)} units`),
    ...fact(
      'time',
      `about ${formatDuration(roundUpDuration(durationMs))}`,
      `at ${formatCount(unitsPerMinute)} units a minute`,
    ),
    ...(runs <= 1
      ? fact('runs', 'this one is enough', `its budget is ${budget}`)
      : fact('runs', `${formatCount(runs)} of ${budget} each, this one included`)),
  ].join('\n');
}
