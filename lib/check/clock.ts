/** How far this machine's clock is from Google's: AWS and Google refuse what is signed at a wrong time. */
import { SET_CLOCK } from '../base/clock.ts';
import { formatDuration } from '../base/duration.ts';
import { ConfigError } from '../errors.ts';
import { type Finding, failed, ok, skipped, warning } from './finding.ts';
import { askForHead } from './head.ts';

/** A Date header is in whole seconds, and the request takes its time: less than this is no difference. */
const NOTICEABLE_MS = 2_000;
const WORTH_A_WARNING_MS = 30_000;

/** AWS refuses signatures that are this far off. Source: docs.aws.amazon.com, "Signature Version 4". */
const REFUSED_MS = 5 * 60_000;

/** The line `clock`, from the Date header of Google's token endpoint. Never rejects. */
export async function checkClock(tokenUrl: string, signal: AbortSignal): Promise<Finding> {
  const sentAt = Date.now();
  const answer = await askForHead(tokenUrl, signal);
  if ('trouble' in answer) return skipped('clock', `not checked: Google ${answer.trouble}`);
  const theirs = Date.parse(answer.headers.get('date') ?? '');
  if (Number.isNaN(theirs)) return skipped('clock', 'not checked: the answer carries no date');
  // The header is cut to whole seconds: half a second is its likeliest error.
  return judge((sentAt + Date.now()) / 2 - (theirs + 500));
}

function judge(offsetMs: number): Finding {
  const off = Math.abs(offsetMs);
  const data = { offsetS: Math.round(offsetMs / 1_000) };
  if (off < NOTICEABLE_MS) return ok('clock', "agrees with Google's", { data });
  const detail = `${formatDuration(off)} ${offsetMs > 0 ? 'ahead of' : 'behind'} Google's`;
  if (off < WORTH_A_WARNING_MS) return ok('clock', detail, { data });
  if (off < REFUSED_MS) return warning('clock', detail, SET_CLOCK, { data });
  const error = new ConfigError(`${detail}: AWS refuses requests that are more than 5 minutes off`, SET_CLOCK);
  return failed('clock', error, { data });
}
