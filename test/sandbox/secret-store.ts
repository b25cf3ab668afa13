// The secrets of the stand-in for AWS Secrets Manager, with versions and staging labels. Keeps their earlier states,
// because reads may lag behind writes.
import { randomBytes, randomUUID } from 'node:crypto';
import { wallClock } from './http.ts';
import { ACCOUNT_ID } from './iam.ts';

/** The value of a secret: an object is stored as JSON, bytes as SecretBinary. */
export type SecretValue = string | Uint8Array | object;

export interface SecretVersion {
  id: string;
  value: string | Uint8Array;
  stages: Set<string>;
  createdAtS: number;
  accessedAtS?: number;
}

export interface Secret {
  name: string;
  arn: string;
  versions: SecretVersion[];
  createdAtS: number;
  changedAtS: number;
  deletedAtS?: number;
  description?: string;
  /** A customer-managed key; absent for AWS's own. */
  kmsKeyId?: string;
  tags: Map<string, string>;
}

type Secrets = Map<string, Secret>;

export class SecretStore {
  #secrets: Secrets = new Map();
  /** Earlier states with the time until which each was current, oldest first. */
  #history: { untilMs: number; secrets: Secrets }[] = [];

  get all(): ReadonlyMap<string, Secret> {
    return this.#secrets;
  }

  /** Makes a secret without a version, in the place of any older one of that name. */
  create(name: string, region: string): Secret {
    const nowAtS = nowS();
    const secret: Secret = {
      name,
      arn: `${arnPrefix(region)}${name}-${randomBytes(3).toString('hex')}`,
      versions: [],
      createdAtS: nowAtS,
      changedAtS: nowAtS,
      tags: new Map(),
    };
    this.#secrets.set(name, secret);
    return secret;
  }

  remove(name: string): void {
    this.#secrets.delete(name);
  }

  /** Makes a change that reads may see late. */
  change<T>(make: () => T): T {
    const before = structuredClone(this.#secrets);
    const result = make();
    this.#history.push({ untilMs: wallClock(), secrets: before });
    return result;
  }

  /** Makes all changes visible to reads. */
  settle(): void {
    this.#history = [];
  }

  /** The secrets as they were `lagMs` ago, or before the last change. */
  seen(behind: { lagMs: number } | 'before-last-change'): ReadonlyMap<string, Secret> {
    if (behind === 'before-last-change') return this.#history.at(-1)?.secrets ?? this.#secrets;
    const atMs = wallClock() - behind.lagMs;
    return this.#history.find(({ untilMs }) => untilMs > atMs)?.secrets ?? this.#secrets;
  }
}

/** Returns a secret by name, by ARN, or by an ARN without its last hyphen and six characters. */
export function lookUp(secrets: ReadonlyMap<string, Secret>, id: string): Secret | undefined {
  return secrets.get(id) ?? [...secrets.values()].find(({ arn }) => arn === id || arn.slice(0, -7) === id);
}

/** The ARN of a secret up to its name. */
export function arnPrefix(region: string): string {
  return `arn:aws:secretsmanager:${region}:${ACCOUNT_ID}:secret:`;
}

export function addVersion(
  secret: Secret,
  value: SecretValue,
  stages: readonly string[] = ['AWSCURRENT'],
  id: string = randomUUID(),
): SecretVersion {
  const stored = typeof value === 'string' || value instanceof Uint8Array ? value : JSON.stringify(value);
  const version: SecretVersion = { id, value: stored, stages: new Set(), createdAtS: nowS() };
  const all = secret.versions.length === 0 ? ['AWSCURRENT', ...stages] : stages;
  secret.versions.push(version);
  secret.changedAtS = version.createdAtS;
  for (const stage of all) attach(secret, version, stage);
  return version;
}

/** Moves a staging label; the version that loses AWSCURRENT gets AWSPREVIOUS. */
export function attach(secret: Secret, version: SecretVersion, stage: string): void {
  const holder = secret.versions.find(({ stages }) => stages.has(stage));
  if (holder === version) return;
  holder?.stages.delete(stage);
  version.stages.add(stage);
  if (stage === 'AWSCURRENT' && holder) {
    version.stages.delete('AWSPREVIOUS');
    attach(secret, holder, 'AWSPREVIOUS');
  }
}

export function nowS(): number {
  return Math.floor(wallClock()) / 1000;
}
