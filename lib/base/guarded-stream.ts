/** Guards a stream of bytes: the reader gets an error of this program's classes when the source fails, closes early or falls silent. */
import { addAbortSignal, finished, PassThrough, type Readable } from 'node:stream';

export interface StreamGuards {
  readonly signal: AbortSignal;
  /** The error for a source that fails, closes before its end or falls silent. */
  readonly explain: (error: unknown) => Error;
  /** How long the source may give nothing while the reader waits; left out for a source that cannot fall silent. */
  readonly silenceMs?: number;
}

/** Passes on the bytes of `source`. Ends with the signal's reason on abort. */
export function guardedStream(source: Readable, { signal, explain, silenceMs }: StreamGuards): Readable {
  const guarded = new PassThrough();
  const stopWaiting = silenceMs === undefined ? () => undefined : endWhenSilent(source, silenceMs);
  finished(source, (error) => {
    stopWaiting();
    if (error) guarded.destroy(signal.aborted ? signal.reason : explain(error));
  });
  guarded.once('close', () => source.destroy());
  addAbortSignal(signal, source);
  return source.pipe(guarded);
}

/** A source that is paused because its reader is slow is not silent. Returns a function that ends the watch. */
function endWhenSilent(source: Readable, silenceMs: number): () => void {
  let timer: NodeJS.Timeout | undefined;
  const stop = () => clearTimeout(timer);
  const wait = () => {
    stop();
    if (source.destroyed || source.readableEnded) return;
    timer = setTimeout(() => source.destroy(new Error('the source fell silent')), silenceMs);
  };
  // Registered before pipe()'s own listeners, which may pause the source.
  source.on('data', wait).on('resume', wait).on('pause', stop);
  return stop;
}
