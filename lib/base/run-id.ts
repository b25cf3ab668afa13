/** The id of a run, such as `20261123-031608-7f3a`: sorts by time, and holds the second at which the run began (UTC). */
import { randomInt } from 'node:crypto';

export const RUN_ID = /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-[0-9a-f]{4}$/;

/** The last four digits grow with the milliseconds, so that ids of one second sort by time too; the rest is random. */
export function createRunId(now: Date): string {
  const [day = '', time = ''] = now.toISOString().split('T');
  const fraction = now.getUTCMilliseconds() * PER_MS + randomInt(PER_MS);
  const digits = fraction.toString(16).padStart(4, '0');
  return `${day.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}-${digits}`;
}

/** Four hexadecimal digits have 65 values for each millisecond of a second. */
const PER_MS = 65;

/** When the run began, to the second; null when `runId` is malformed. */
export function timeOfRunId(runId: string): Date | null {
  const [, year, month, day, hour, minute, second] = RUN_ID.exec(runId) ?? [];
  const text = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const time = new Date(text);
  // JavaScript turns invalid dates such as February 30 into other dates.
  return !Number.isNaN(time.getTime()) && time.toISOString() === text ? time : null;
}
