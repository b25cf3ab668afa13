// AWS Secrets Manager: secrets with versions and staging labels, read and written over its JSON protocol by users who
// may do only what their policy says, with its errors by their real names.
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { AWS_ERRORS, type AwsErrorName, AwsRefusal, awsError, notFound } from './aws-errors.ts';
import type { Answer, RecordedRequest, Service } from './http.ts';
import { ACCOUNT_ID, decide, denialMessage, type IamUser, type RequestContext, SandboxIam } from './iam.ts';
import { addOnce, givenValue, type Input, listSecrets, READS, setDetails, tagsOf, WRITES } from './secret-actions.ts';
import { addVersion, arnPrefix, lookUp, nowS, type Secret, SecretStore, type SecretValue } from './secret-store.ts';
import { checkSignature } from './sigv4.ts';

export class SandboxSecretsManager implements Service {
  readonly name = 'aws';
  /** The secrets live in this region; a request signed for another one does not find them. */
  region = 'us-east-1';
  /** In milliseconds: reads show a change by a request or by `put` this much later. */
  readLagMs = 0;
  /** No page of ListSecrets has more secrets. */
  largestPage = 100;
  /** This many of the next reads see the state before the last change. */
  staleReads = 0;

  readonly #iam: SandboxIam;
  readonly #store = new SecretStore();
  readonly #failures: AwsErrorName[] = [];

  constructor(iam: SandboxIam = new SandboxIam()) {
    this.#iam = iam;
  }

  /** Secret access keys by access key id. */
  get keys(): Map<string, string> {
    return this.#iam.keys;
  }

  /** Makes a secret with one version, AWSCURRENT, in the place of any older one of that name; every read sees it. */
  setSecret(name: string, value: SecretValue, details: { description?: string; kmsKeyId?: string } = {}): Secret {
    const secret = Object.assign(this.#store.create(name, this.region), details);
    addVersion(secret, value);
    this.#store.settle();
    return secret;
  }

  /**
   * Stores a new version of a secret (by default of the only one), as an edit in the console does. Returns its id.
   * With AWSCURRENT, the version before becomes AWSPREVIOUS.
   */
  put(value: SecretValue, stage = 'AWSCURRENT', name?: string): string {
    return this.#store.change(() => addVersion(this.secret(name), value, [stage])).id;
  }

  /** Returns a secret by name, by default the only one. @throws when there is none. */
  secret(name?: string): Secret {
    const secret = name === undefined ? [...this.#store.all.values()][0] : this.#store.all.get(name);
    if (secret === undefined) throw new Error(`the sandbox has no secret ${name ?? 'at all'}`);
    return secret;
  }

  /** Forgets a secret entirely. */
  remove(name?: string): void {
    this.#store.remove(this.secret(name).name);
    this.#store.settle();
  }

  /** Marks a secret for deletion in 30 days; until `restore` it cannot be read. */
  scheduleDeletion(name?: string): void {
    this.secret(name).deletedAtS = nowS();
    this.#store.settle();
  }

  restore(name?: string): void {
    delete this.secret(name).deletedAtS;
    this.#store.settle();
  }

  /** Lets the sandbox's AWS user do these actions and no others, such as `['GetSecretValue', 'kms:Decrypt']`. */
  allow(actions: readonly string[]): void {
    this.#iam.allow(actions);
  }

  /** Lets the sandbox's AWS user do everything but these actions. */
  deny(actions: readonly string[]): void {
    this.#iam.deny(actions);
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
    const { verb } = request;
    const input = inputOf(request);
    const id = String((verb === 'CreateSecret' ? input.Name : input.SecretId) ?? '');
    const planned = this.#failures.shift();
    if (planned) throw awsError(planned, AWS_ERRORS[planned].message(verb, lookUp(this.#store.all, id)?.arn ?? id));
    const check = checkSignature(request, rawBody, 'secretsmanager', this.#iam.keys);
    if ('fault' in check) throw awsError(check.fault);
    const read = READS[verb];
    const write = WRITES[verb];
    if (read === undefined && write === undefined && !['CreateSecret', 'ListSecrets'].includes(verb)) {
      throw awsError('UnknownOperationException');
    }
    const user = this.#iam.user(check.keyId);
    const here = check.region === this.region;
    if (verb === 'ListSecrets') {
      this.#authorizeList(user, check.region);
      return listSecrets(here ? [...this.#seen().values()] : [], input, this.largestPage);
    }
    if (!id) throw awsError('ValidationException');
    const secret = here ? lookUp(read ? this.#seen() : this.#store.all, id) : undefined;
    this.#authorize(user, request, input, { id, region: check.region, secret });
    if (verb === 'CreateSecret') return this.#create(id, input);
    if (secret === undefined) throw notFound('the specified secret.');
    return write ? this.#store.change(() => write(secret, input)) : (read?.(secret, input) ?? {});
  }

  #seen(): ReadonlyMap<string, Secret> {
    if (this.staleReads <= 0) return this.#store.seen({ lagMs: this.readLagMs });
    this.staleReads -= 1;
    return this.#store.seen('before-last-change');
  }

  #create(name: string, input: Input): object {
    if (!/^[\w/+=.@!-]{1,512}$/.test(name)) {
      throw awsError(
        'ValidationException',
        'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
      );
    }
    const value = givenValue(input);
    const existing = this.#store.all.get(name);
    if (existing?.deletedAtS !== undefined) {
      throw awsError(
        'InvalidRequestException',
        "You can't create this secret because a secret with this name is already scheduled for deletion.",
      );
    }
    const repeated = existing?.versions.some((version) => version.id === input.ClientRequestToken);
    if (existing && !(repeated && value !== undefined)) {
      throw awsError('ResourceExistsException', `The operation failed because the secret ${name} already exists.`);
    }
    return this.#store.change(() => {
      const secret = existing ?? this.#store.create(name, this.region);
      if (!existing) setDetails(secret, input);
      const version = value === undefined ? undefined : addOnce(secret, input, value);
      return { ARN: secret.arn, Name: name, ...(version ? { VersionId: version.id } : {}) };
    });
  }

  /** Checks the policy of the user before the existence of the secret, as AWS does. */
  #authorize(user: IamUser, { verb }: RecordedRequest, input: Input, target: Target): void {
    const { id, region, secret } = target;
    const arn = secret?.arn ?? (id.startsWith('arn:') ? id : `${arnPrefix(region)}${id}`);
    // AWS does not document whether it checks a new secret's ARN with its random ending or without.
    const resources = verb === 'CreateSecret' ? [arn, `${arnPrefix(region)}${id}-AbCdEf`] : [arn];
    const needed = verb === 'CreateSecret' && tagsOf(input.Tags).length > 0 ? [verb, 'TagResource'] : [verb];
    for (const action of needed.map((name) => `secretsmanager:${name}`)) {
      const decisions = resources.map((resource) => decide(user.policy, action, resource, contextOf(target, input)));
      if (decisions.includes('allowed') && !decisions.includes('denied')) continue;
      const decision = decisions.includes('denied') ? 'denied' : 'not-allowed';
      throw awsError('AccessDeniedException', denialMessage(user, action, decision, secret?.arn ?? id));
    }
    this.#authorizeKey(user, verb, secret?.kmsKeyId ?? input.KmsKeyId, { ...target, arn });
  }

  /** ListSecrets cannot be limited to some secrets: only a statement about all resources allows it. */
  #authorizeList(user: IamUser, region: string): void {
    const action = 'secretsmanager:ListSecrets';
    const decision = decide(user.policy, action, '*', { 'aws:RequestedRegion': region });
    if (decision === 'allowed') return;
    throw awsError('AccessDeniedException', denialMessage(user, action, decision));
  }

  #authorizeKey(user: IamUser, verb: string, key: unknown, { region, arn }: Target & { arn: string }): void {
    const actions: Record<string, readonly string[]> = {
      GetSecretValue: ['kms:Decrypt'],
      CreateSecret: ['kms:GenerateDataKey', 'kms:Decrypt'],
      PutSecretValue: ['kms:GenerateDataKey', 'kms:Decrypt'],
    };
    if (typeof key !== 'string' || key === 'alias/aws/secretsmanager') return;
    const resource = key.startsWith('arn:') ? key : `arn:aws:kms:${region}:${ACCOUNT_ID}:key/${key}`;
    const context = {
      'kms:ViaService': `secretsmanager.${region}.amazonaws.com`,
      'kms:CallerAccount': ACCOUNT_ID,
      'kms:EncryptionContext:SecretARN': arn,
    };
    const allowed = (actions[verb] ?? []).every(
      (action) => decide(user.policy, action, resource, context) === 'allowed',
    );
    if (!allowed) throw awsError('AccessDeniedException', 'Access to KMS is not allowed');
  }
}

interface Target {
  id: string;
  region: string;
  secret: Secret | undefined;
}

function contextOf({ id, region, secret }: Target, input: Input): RequestContext {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const asked = tagsOf(input.Tags);
  return {
    'aws:RequestedRegion': region,
    'aws:TagKeys': asked.length > 0 ? asked.map(([key]) => key) : undefined,
    'secretsmanager:SecretId': secret?.arn ?? id,
    'secretsmanager:Name': text(input.Name),
    'secretsmanager:VersionId': text(input.VersionId ?? input.MoveToVersionId),
    'secretsmanager:VersionStage': text(input.VersionStage),
    ...Object.fromEntries(asked.map(([key, value]) => [`aws:RequestTag/${key}`, value])),
    ...Object.fromEntries([...(secret?.tags ?? [])].map(([key, value]) => [`aws:ResourceTag/${key}`, value])),
  };
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

function awsHeaders(): Record<string, string> {
  return { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': randomUUID() };
}
