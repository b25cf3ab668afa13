/** Whether a host answers at all: a HEAD for its front page, without path, token or redirect. */
import { formatDuration } from '../base/duration.ts';

const TIMEOUT_MS = 5_000;

export type HeadAnswer = { readonly status: number; readonly headers: Headers } | { readonly trouble: string };

/** Asks the host of `address`, and sends nothing else of the address. Never rejects. */
export async function askForHead(address: string, signal: AbortSignal): Promise<HeadAnswer> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const { status, headers } = await fetch(new URL('/', new URL(address).origin), {
      method: 'HEAD',
      redirect: 'manual',
      signal: AbortSignal.any([signal, timeout]),
    });
    return { status, headers };
  } catch {
    return { trouble: timeout.aborted ? `does not answer within ${formatDuration(TIMEOUT_MS)}` : 'cannot be reached' };
  }
}
