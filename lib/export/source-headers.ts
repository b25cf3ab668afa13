/** Reads headers out of the RFC 822 source of a message, without parsing the rest. */

/** Headers beyond this many bytes are not read. */
export const LONGEST_HEAD = 512 * 1_024;

/** The header lines at the beginning of `source`, without the empty line behind them. */
export function headIn(source: Buffer): Buffer {
  const start = source.subarray(0, LONGEST_HEAD);
  const ends = [start.indexOf('\n\r\n'), start.indexOf('\n\n')].filter((at) => at >= 0);
  return ends.length === 0 ? start : start.subarray(0, Math.min(...ends) + 1);
}

/** The unfolded value of the first header of this name, in any case; '' for none. */
export function headerIn(head: Buffer, name: string): string {
  const text = head.toString('utf8').replace(/\r?\n(?=[ \t])/g, '');
  const found = new RegExp(`^${name}[ \\t]*:(.*)$`, 'im').exec(text);
  return found?.[1]?.trim() ?? '';
}

/** The id in the value of a header Message-ID, without its angle brackets; '' for none, and for one with a comment. */
export function messageIdOf(value: string): string {
  const bare = value.trim();
  return /^<([^<>()]*)>$/.exec(bare)?.[1]?.trim() ?? (/[<>()]/.test(bare) ? '' : bare);
}

/** The time in the header Date, in milliseconds; undefined when it is missing or no date. */
export function dateIn(head: Buffer): number | undefined {
  // A comment such as (CEST) may follow the date.
  const ms = Date.parse(headerIn(head, 'Date').replace(/\([^()]*\)/g, ' '));
  return Number.isNaN(ms) ? undefined : ms;
}
