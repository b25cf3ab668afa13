/** The id of a run: it sorts by time, can be typed, and tells when the run began. */
import { randomBytes } from 'node:crypto';

export const RUN_ID = /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-[0-9a-f]{4}$/;

/** An id such as `20261123-031608-7f3a`. */
export function createRunId(now: Date): string {
  const [day = '', time = ''] = now.toISOString().split('T');
  return `${day.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}-${randomBytes(2).toString('hex')}`;
}

/** When the run of this id began, to the second; null when it is no run id. */
export function timeOfRunId(runId: string): Date | null {
  const [, year, month, day, hour, minute, second] = RUN_ID.exec(runId) ?? [];
  const text = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const time = new Date(text);
  // Dates that there are not, such as February 30, come out as others.
  return !Number.isNaN(time.getTime()) && time.toISOString() === text ? time : null;
}
