/** Connects to Google while the run still waits for AWS: saves the handshakes of TCP and TLS later. */

/** The part of undici's Dispatcher that is used here. */
interface Dispatcher {
  dispatch(
    request: { readonly origin: string; readonly path: string; readonly method: string },
    handler: { readonly onRequestStart: () => void; readonly onResponseError: () => void },
  ): boolean;
}

/** Where `fetch` keeps its connections. Source: undici's documentation, "Global Dispatcher". */
const DISPATCHER = Symbol.for('undici.globalDispatcher.1');

/** Thrown when the connection is open, in place of sending a request; the connection then waits for the next one. */
class NothingToSend extends Error {}

/**
 * Opens `count` connections to the server of `address` and sends nothing. The next calls of `fetch` use them. A failure
 * is ignored, since the request itself will report it.
 */
export function preconnect(address: string, count: number): void {
  // Makes Node load undici, which sets the global dispatcher.
  new Headers();
  const dispatcher = (globalThis as { [DISPATCHER]?: Dispatcher })[DISPATCHER];
  const request = { origin: new URL(address).origin, path: '/', method: 'GET' };
  const stop = () => {
    throw new NothingToSend();
  };
  // All at the same time: one after the other would share a connection.
  for (let opened = 0; opened < count; opened += 1) {
    dispatcher?.dispatch(request, { onRequestStart: stop, onResponseError: () => undefined });
  }
}
