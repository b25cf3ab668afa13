// AWS Secrets Manager: secrets with versions and staging labels, read and written over its JSON protocol, with its
// errors by their real names.
import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { AWS_ERRORS, type AwsErrorName, AwsRefusal, awsError, notFound } from './aws-errors.ts';
import { type Answer, type RecordedRequest, type Service, wallClock } from './http.ts';
import { checkSignature } from './sigv4.ts';

/** What a secret may hold; an object is stored as JSON, bytes as SecretBinary. */
export type SecretValue = string | Uint8Array | object;

export interface SecretVersion {
  id: string;
  value: string | Uint8Array;
  stages: Set<string>;
  createdAtS: number;
}

export interface Secret {
  name: string;
  arn: string;
  versions: SecretVersion[];
  deletedAtS?: number;
}

type Input = Record<string, unknown>;

export class SandboxSecretsManager implements Service {
  readonly name = 'aws';
  /** The secrets live in this region; a request signed for another one does not find them. */
  region = 'us-east-1';
  /** Secret access keys by access key id. */
  readonly keys = new Map<string, string>();

  readonly #secrets = new Map<string, Secret>();
  readonly #failures: AwsErrorName[] = [];

  /** Makes a secret with one version, AWSCURRENT, in the place of any older one of that name. */
  setSecret(name: string, value: SecretValue): Secret {
    const suffix = randomBytes(3).toString('hex');
    const arn = `arn:aws:secretsmanager:${this.region}:123456789012:secret:${name}-${suffix}`;
    const secret: Secret = { name, arn, versions: [] };
    this.#secrets.set(name, secret);
    addVersion(secret, randomUUID(), value, ['AWSCURRENT']);
    return secret;
  }

  /**
   * Stores a new version of a secret (by default of the only one), as an edit in the console does. Returns its id.
   * With AWSCURRENT, the version before becomes AWSPREVIOUS.
   */
  put(value: SecretValue, stage = 'AWSCURRENT', name?: string): string {
    return addVersion(this.secret(name), randomUUID(), value, [stage]).id;
  }

  /** Returns a secret by name, by default the only one. @throws when there is none. */
  secret(name?: string): Secret {
    const secret = name === undefined ? [...this.#secrets.values()][0] : this.#secrets.get(name);
    if (secret === undefined) throw new Error(`the sandbox has no secret ${name ?? 'at all'}`);
    return secret;
  }

  /** Forgets a secret entirely. */
  remove(name?: string): void {
    this.#secrets.delete(this.secret(name).name);
  }

  /** Marks a secret for deletion in 30 days; until `restore` it cannot be read. */
  scheduleDeletion(name?: string): void {
    this.secret(name).deletedAtS = nowS();
  }

  restore(name?: string): void {
    delete this.secret(name).deletedAtS;
  }

  /** Answers the next `times` requests with this error. The SDK repeats some of them by itself. */
  fail(error: AwsErrorName, times = 1): void {
    for (let n = 0; n < times; n += 1) this.#failures.push(error);
  }

  verb(_method: string, _path: string, headers: IncomingHttpHeaders): string {
    return String(headers['x-amz-target'] ?? '').replace(/^secretsmanager\./, '') || 'unknown';
  }

  handle(request: RecordedRequest, rawBody: Buffer): Answer {
    try {
      const body = this.#perform(request, rawBody);
      return { status: 200, headers: awsHeaders(), body };
    } catch (error) {
      if (!(error instanceof AwsRefusal)) throw error;
      return { ...error.answer, headers: awsHeaders() };
    }
  }

  #perform(request: RecordedRequest, rawBody: Buffer): object {
    const input = inputOf(request);
    const id = String(input.SecretId ?? '');
    const planned = this.#failures.shift();
    if (planned) throw awsError(planned, AWS_ERRORS[planned].message(request.verb, this.#lookUp(id)?.arn ?? id));
    const check = checkSignature(request, rawBody, 'secretsmanager', this.keys);
    if ('fault' in check) throw awsError(check.fault);
    if (!id) throw awsError('ValidationException');

    const secret = check.region === this.region ? this.#lookUp(id) : undefined;
    if (secret === undefined) throw notFound('the specified secret.');
    switch (request.verb) {
      case 'GetSecretValue':
        return getSecretValue(secret, input);
      case 'DescribeSecret':
        return describeSecret(secret);
      case 'PutSecretValue':
        return putSecretValue(secret, input);
      case 'UpdateSecretVersionStage':
        return updateSecretVersionStage(secret, input);
      default:
        throw awsError('UnknownOperationException');
    }
  }

  #lookUp(nameOrArn: string): Secret | undefined {
    return this.#secrets.get(nameOrArn) ?? [...this.#secrets.values()].find(({ arn }) => arn === nameOrArn);
  }
}

function inputOf({ method, path, headers, body }: RecordedRequest): Input {
  const wellFormed =
    method === 'POST' &&
    path === '/' &&
    headers['content-type'] === 'application/x-amz-json-1.1' &&
    headers['x-amz-target']?.toString().startsWith('secretsmanager.');
  if (!wellFormed) throw awsError('UnknownOperationException');
  if (typeof body !== 'object' || body === null) throw awsError('SerializationException');
  return body as Input;
}

function getSecretValue(secret: Secret, input: Input): object {
  refuseDeleted(secret);
  const { VersionId: id, VersionStage: stage = id === undefined ? 'AWSCURRENT' : undefined } = input;
  const byId = secret.versions.find((version) => version.id === id);
  const byStage = secret.versions.find((version) => version.stages.has(String(stage)));
  if (id !== undefined && byId === undefined) {
    throw notFound(`the specified secret value for VersionId: ${id}`);
  }
  if (stage !== undefined && byStage === undefined) {
    throw notFound(`the specified secret value for staging label: ${stage}`);
  }
  const version = byId ?? byStage;
  if (version === undefined || (byId && byStage && byId !== byStage)) {
    throw awsError(
      'InvalidRequestException',
      'You provided a VersionStage that is not associated to the provided VersionId.',
    );
  }
  return {
    ARN: secret.arn,
    Name: secret.name,
    VersionId: version.id,
    ...(typeof version.value === 'string'
      ? { SecretString: version.value }
      : { SecretBinary: Buffer.from(version.value).toString('base64') }),
    VersionStages: [...version.stages],
    CreatedDate: version.createdAtS,
  };
}

function describeSecret(secret: Secret): object {
  const staged = secret.versions.filter(({ stages }) => stages.size > 0);
  return {
    ARN: secret.arn,
    Name: secret.name,
    ...(secret.deletedAtS === undefined ? {} : { DeletedDate: secret.deletedAtS }),
    LastChangedDate: secret.versions.at(-1)?.createdAtS,
    CreatedDate: secret.versions[0]?.createdAtS,
    VersionIdsToStages: Object.fromEntries(staged.map(({ id, stages }) => [id, [...stages]])),
  };
}

function putSecretValue(secret: Secret, input: Input): object {
  refuseDeleted(secret);
  const { SecretString: text, SecretBinary: base64, ClientRequestToken: token = randomUUID(), VersionStages } = input;
  if ((typeof text === 'string') === (typeof base64 === 'string')) {
    throw awsError('InvalidParameterException', 'You must provide either SecretString or SecretBinary.');
  }
  const value = typeof text === 'string' ? text : Buffer.from(String(base64), 'base64');
  const stages = Array.isArray(VersionStages) ? VersionStages.map(String) : ['AWSCURRENT'];
  const known = secret.versions.find(({ id }) => id === token);
  if (known && !Buffer.from(known.value).equals(Buffer.from(value))) {
    throw awsError(
      'ResourceExistsException',
      `You can't use ClientRequestToken ${token} because that value is already in use for a version of secret ${secret.arn}.`,
    );
  }
  const version = known ?? addVersion(secret, String(token), value, stages);
  return { ARN: secret.arn, Name: secret.name, VersionId: version.id, VersionStages: [...version.stages] };
}

function updateSecretVersionStage(secret: Secret, input: Input): object {
  refuseDeleted(secret);
  const stage = String(input.VersionStage ?? '');
  const { MoveToVersionId: to, RemoveFromVersionId: from } = input;
  const holder = secret.versions.find(({ stages }) => stages.has(stage));
  const target = secret.versions.find(({ id }) => id === to);
  if (!stage || (to === undefined && from === undefined)) throw awsError('InvalidParameterException');
  if (to !== undefined && target === undefined) throw notFound(`the specified secret value for VersionId: ${to}`);
  if (holder && from !== holder.id) {
    throw awsError(
      'InvalidParameterException',
      `The parameter RemoveFromVersionId can't be empty. Staging label ${stage} is currently attached to version ${holder.id}, so you must explicitly reference that version in RemoveFromVersionId.`,
    );
  }
  if (target) attach(secret, target, stage);
  else holder?.stages.delete(stage);
  return { ARN: secret.arn, Name: secret.name };
}

function addVersion(secret: Secret, id: string, value: SecretValue, stages: readonly string[]): SecretVersion {
  const stored = typeof value === 'string' || value instanceof Uint8Array ? value : JSON.stringify(value);
  const version: SecretVersion = { id, value: stored, stages: new Set(), createdAtS: nowS() };
  secret.versions.push(version);
  for (const stage of stages) attach(secret, version, stage);
  return version;
}

/** Moves a staging label; the version that loses AWSCURRENT gets AWSPREVIOUS. */
function attach(secret: Secret, version: SecretVersion, stage: string): void {
  const holder = secret.versions.find(({ stages }) => stages.has(stage));
  if (holder === version) return;
  holder?.stages.delete(stage);
  version.stages.add(stage);
  if (stage === 'AWSCURRENT' && holder) {
    version.stages.delete('AWSPREVIOUS');
    attach(secret, holder, 'AWSPREVIOUS');
  }
}

function refuseDeleted(secret: Secret): void {
  if (secret.deletedAtS !== undefined) throw awsError('InvalidRequestException');
}

function awsHeaders(): Record<string, string> {
  return { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': randomUUID() };
}

function nowS(): number {
  return Math.floor(wallClock()) / 1000;
}
