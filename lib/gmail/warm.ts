/** Opens a connection before there is something to send over it: while the run waits for somebody else. */

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
 * Opens a connection to the server of `address`, which the next `fetch` from there finds. Sends nothing. That it fails, or
 * that nobody uses it, makes no difference.
 */
export function openConnection(address: string): void {
  // Whoever makes Headers has loaded what fetch is made of.
  new Headers();
  const dispatcher = (globalThis as { [DISPATCHER]?: Dispatcher })[DISPATCHER];
  const stop = () => {
    throw new NothingToSend();
  };
  dispatcher?.dispatch(
    { origin: new URL(address).origin, path: '/', method: 'GET' },
    { onRequestStart: stop, onResponseError: () => undefined },
  );
}
