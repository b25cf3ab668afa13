/** Decides about each way out of the process. */
import type { EgressError } from '../../errors.ts';

/** By what way a host was to be reached. */
export type How = 'tcp' | 'tls' | 'unix socket' | 'udp' | 'dns' | 'listen';

/** What the ways out of the process ask before they are taken. */
export interface Gatekeeper {
  mayConnect(host: string, port: number): boolean;
  mayLookUp(name: string): boolean;
  mayListen(host: string | undefined): boolean;
  /** Tells of the refusal, and returns the error for who asked. */
  refuse(how: How, host: string, port?: number): EgressError;
}
