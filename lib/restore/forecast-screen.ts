/** Renders the forecast of a restore for a terminal. */
import { styleText } from 'node:util';
import { counted, formatBytes, formatCount } from '../base/count.ts';
import { formatDuration, roundUpDuration } from '../base/duration.ts';
import { renderFact } from '../screen/fact.ts';
import type { RestoreForecast } from './forecast.ts';

const MOST_LABELS_SHOWN = 10;

/** Returns lines without a newline at the end. `address` is the mailbox that gets the messages. */
export function renderRestoreForecast(forecast: RestoreForecast, address: string, columns: number): string {
  const { messages, bytes, units, durationMs, runs, newLabels } = forecast;
  const fact = (title: string, text: string) => renderFact(title, text, '', columns - 1);
  const shown = newLabels.slice(0, MOST_LABELS_SHOWN).join(', ');
  const more = newLabels.length - MOST_LABELS_SHOWN;
  return [
    `  ${styleText('bold', 'Forecast')}  into ${address}`,
    '',
    ...fact('work', `${counted(messages, 'message')} to import, ${formatBytes(bytes)}`),
    ...fact('quota', `${formatCount(units)} units`),
    ...fact('time', durationMs < 1_000 ? 'a moment' : `about ${formatDuration(roundUpDuration(durationMs))}`),
    ...fact('runs', runs <= 1 ? 'this one is enough' : formatCount(runs)),
    ...(newLabels.length === 0 ? [] : fact('labels', `creates ${shown}${more > 0 ? ` and ${more} more` : ''}`)),
  ].join('\n');
}
