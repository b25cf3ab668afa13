/** Opens connections before there is something to send over them: while the run waits for somebody else. */

/** As much of undici's Dispatcher as is used here. */
interface Dispatcher {
  dispatch(
    request: { readonly origin: string; readonly path: string; readonly method: string },
    handler: { readonly onRequestStart: () => void; readonly onResponseError: () => void },
  ): boolean;
}

/** Where `fetch` keeps its connections. Source: undici's documentation, "Global Dispatcher". */
const DISPATCHER = Symbol.for('undici.globalDispatcher.1');

/** Thrown when the connection stands and the request would be written; the connection then waits for the next one. */
class NothingToSend extends Error {}

/**
 * Opens `count` connections to the server of `address`, which the next calls of `fetch` find there. Sends nothing. That it
 * fails, or that nobody uses them, makes no difference.
 */
export function openConnections(address: string, count: number): void {
  // Whoever makes Headers has loaded what fetch is made of.
  new Headers();
  const dispatcher = (globalThis as { [DISPATCHER]?: Dispatcher })[DISPATCHER];
  const request = { origin: new URL(address).origin, path: '/', method: 'GET' };
  const stop = () => {
    throw new NothingToSend();
  };
  // As many at once, since one request alone would find the connection of another.
  for (let one = 0; one < count; one += 1) {
    dispatcher?.dispatch(request, { onRequestStart: stop, onResponseError: () => undefined });
  }
}
