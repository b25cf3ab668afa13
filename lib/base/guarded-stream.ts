/** A stream of bytes that ends with an error of this program's classes. */
import { addAbortSignal, finished, PassThrough, type Readable } from 'node:stream';

/**
 * Passes on the bytes of `source`. Ends with the signal's reason on abort, and with what `explain` makes of an error when
 * `source` fails or closes before its end.
 */
export function guardedStream(source: Readable, signal: AbortSignal, explain: (error: unknown) => Error): Readable {
  const guarded = new PassThrough();
  finished(source, (error) => {
    if (error) guarded.destroy(signal.aborted ? signal.reason : explain(error));
  });
  guarded.once('close', () => source.destroy());
  addAbortSignal(signal, source);
  return source.pipe(guarded);
}
