/**
 * Lets the process connect to the hosts that it needs and to no other: whatever asks, a job, a library or Node's own
 * fetch, and by whatever way. It stops accidents, and libraries that report home; code that means harm may find a way.
 */

import { EgressError } from '../errors.ts';
import type { Gatekeeper } from './egress/gatekeeper.ts';
import { guardNetwork } from './egress/network.ts';
import { AllowedHosts, type Host } from './hosts.ts';

export interface Egress {
  /** From now on these may be reached as well. */
  allow(hosts: readonly Host[]): void;
  /** From now on connections from this computer may be waited for, on 127.0.0.1. */
  allowListening(): void;
  /** From now on told of every host that is refused, once each. */
  tell: (refusal: EgressError) => void;
}

/** So many hosts are told of by name; a program that tries more of them has made its point. */
const MOST_TOLD = 50;

/** Closes every way out of the process. To be called before any library is loaded. */
export function guardEgress(tell: Egress['tell']): Egress {
  const hosts = new AllowedHosts();
  const told = new Set<string>();
  let listening = false;
  const egress: Egress = {
    tell,
    allow(more) {
      for (const host of more) hosts.add(host);
    },
    allowListening() {
      listening = true;
    },
  };
  const gatekeeper: Gatekeeper = {
    mayConnect: (host, port) => hosts.has(host, port),
    mayLookUp: (name) => hosts.has(name),
    mayListen: (host) => listening && host === '127.0.0.1',
    refuse(how, host, port) {
      const refusal = new EgressError(how, host.slice(0, 255).replace(/[^!-~]/g, '?'), port);
      if (!told.has(refusal.message) && told.size < MOST_TOLD) {
        told.add(refusal.message);
        egress.tell(refusal);
      }
      return refusal;
    },
  };
  guardNetwork(gatekeeper);
  return egress;
}
