/**
 * Access to Secrets Manager that all runs of a process share: one client, so that thousands of runs use the same sockets,
 * and the keys of service accounts, since one key opens many mailboxes. Secrets of users are fetched in each run.
 */
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { type Clock, orAbort } from '../base/clock.ts';
import { ConfigError, JobError, UnavailableError } from '../errors.ts';
import { clientSettings } from './client.ts';
import { hideKeys } from './further-keys.ts';
import { type FetchedSecret, type FetchSecret, fetchVersion, type Stage } from './secret.ts';
import { connectToSecret, type SecretAddress } from './secrets-manager.ts';
import { readServiceAccountKey, type ServiceAccount, type ServiceAccountKey } from './shape.ts';

/** A service account's secret is fetched again after this time. */
const HELD_MS = 5 * 60_000;

interface Held {
  readonly version: Promise<FetchedSecret<ServiceAccountKey> | null>;
  /** By `clock.now()`. */
  readonly untilMs: number;
}

export interface SharedSecretsOptions extends Pick<SecretAddress, 'region' | 'keys'> {
  /** Cuts a secret out of the output until the process ends: a held key outlives the run that fetched it. */
  readonly hide: (secret: string) => void;
  /** The secrets of the job: of the further keys in a service account's secret, only these are held. */
  readonly jobSecrets: readonly string[];
  readonly clock: Clock;
  /** Aborts requests for held secrets. It is no run's own signal, because other runs wait for the same request. */
  readonly signal: AbortSignal;
}

export class SharedSecrets {
  readonly client: SecretsManagerClient;
  readonly #options: SharedSecretsOptions;
  /** By stage and secret. Holds no readable private key: `sign` of a ServiceAccountKey does not export it. */
  readonly #held = new Map<string, Held>();

  constructor(options: SharedSecretsOptions) {
    this.#options = options;
    const { region, keys } = options;
    this.client = new SecretsManagerClient(clientSettings({ region, keys }));
  }

  /**
   * Returns a function that fetches the service account's secret, whose account acts as `subject`. The secret is fetched at
   * most once in five minutes, even when Google refuses its key, so a new key is used after up to five minutes.
   */
  fetcherFor(secretId: string, subject: string): FetchSecret<ServiceAccount> {
    return async (stage, signal) => {
      const held = this.#heldVersion(secretId, stage);
      const isHeld = held !== undefined;
      const version = await orAbort(held ?? this.#hold(secretId, stage), signal);
      if (version === null) return null;
      const { credentials: key } = version;
      const credentials = key instanceof ConfigError ? key : { ...key, subject };
      return { ...version, credentials, mailbox: subject, isHeld };
    };
  }

  #heldVersion(secretId: string, stage: Stage): Held['version'] | undefined {
    const held = this.#held.get(`${stage} ${secretId}`);
    return held !== undefined && this.#options.clock.now() < held.untilMs ? held.version : undefined;
  }

  #hold(secretId: string, stage: Stage): Held['version'] {
    const { clock } = this.#options;
    const id = `${stage} ${secretId}`;
    const version = this.#fetch(secretId, stage);
    this.#held.set(id, { version, untilMs: clock.now() + HELD_MS });
    version.catch((error: unknown) => {
      const isRefusal = error instanceof JobError && !(error instanceof UnavailableError);
      if (!isRefusal) this.#held.delete(id);
    });
    return version;
  }

  async #fetch(secretId: string, stage: Stage): Held['version'] {
    const { region, keys, hide, jobSecrets, signal } = this.#options;
    const send = connectToSecret({ secretId, region, keys, client: this.client, variable: 'mailboxes.yaml' });
    const version = await fetchVersion(send, secretId, { stage }, hide, signal, readServiceAccountKey);
    if (version === null) return null;
    hideKeys(jobSecrets, version.furtherKeys, hide);
    const furtherKeys =
      version.furtherKeys && new Map([...version.furtherKeys].filter(([key]) => jobSecrets.includes(key)));
    return { ...version, furtherKeys };
  }
}
