// The actions of AWS Secrets Manager on one secret, each from its input to its answer or to AWS's refusal.
import { randomUUID } from 'node:crypto';
import { awsError, notFound } from './aws-errors.ts';
import { addVersion, attach, nowS, type Secret, type SecretVersion } from './secret-store.ts';

export type Input = Record<string, unknown>;
export type Action = (secret: Secret, input: Input) => object;

const DAY_S = 86_400;
const MAX_BYTES = 65_536;

/** The actions that change nothing. */
export const READS: Readonly<Record<string, Action>> = {
  GetSecretValue: getSecretValue,
  DescribeSecret: describeSecret,
  ListSecretVersionIds: listSecretVersionIds,
};

/** A page of the secrets whose names begin with one of the filter's values: case-sensitive, as AWS documents it. */
export function listSecrets(secrets: readonly Secret[], input: Input, largestPage: number): object {
  const {
    MaxResults: most = 100,
    NextToken: token,
    Filters: filters = [],
    IncludePlannedDeletion: withDeleted,
  } = input;
  if (!(Number(most) >= 1 && Number(most) <= 100)) throw awsError('InvalidParameterException');
  const fits = ({ name, deletedAtS }: Secret) =>
    (deletedAtS === undefined || withDeleted === true) &&
    (filters as { Key: string; Values: string[] }[]).every(({ Key: key, Values: values }) => {
      if (key !== 'name') throw awsError('InvalidParameterException', `the sandbox does not filter by ${key}`);
      return values.some((value) => name.startsWith(value));
    });
  const found = secrets.filter(fits);
  const start = token === undefined ? 0 : Number(Buffer.from(String(token), 'base64').toString() || Number.NaN);
  if (!Number.isSafeInteger(start)) throw awsError('InvalidNextTokenException');
  const end = start + Math.min(Number(most), largestPage);
  const list = found.slice(start, end).map((secret) => {
    const { VersionIdsToStages: SecretVersionsToStages, ...details } = describeSecret(secret) as Record<
      string,
      unknown
    >;
    return { ...details, SecretVersionsToStages };
  });
  return { SecretList: list, ...(end < found.length && { NextToken: Buffer.from(String(end)).toString('base64') }) };
}

/** The actions that change a secret that exists. */
export const WRITES: Readonly<Record<string, Action>> = {
  PutSecretValue: putSecretValue,
  UpdateSecret: updateSecret,
  UpdateSecretVersionStage: updateSecretVersionStage,
  TagResource: tagResource,
};

function getSecretValue(secret: Secret, input: Input): object {
  refuseDeleted(secret);
  const { VersionId: id, VersionStage: stage = id === undefined ? 'AWSCURRENT' : undefined } = input;
  const byId = secret.versions.find((version) => version.id === id);
  const byStage = secret.versions.find((version) => version.stages.has(String(stage)));
  if (id !== undefined && byId === undefined) throw versionNotFound(id);
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
  version.accessedAtS = Math.floor(nowS() / DAY_S) * DAY_S;
  return {
    ARN: secret.arn,
    Name: secret.name,
    VersionId: version.id,
    ...(typeof version.value === 'string'
      ? { SecretString: version.value }
      : { SecretBinary: Buffer.from(version.value).toString('base64') }),
    VersionStages: stagesOf(version),
    CreatedDate: version.createdAtS,
  };
}

function describeSecret(secret: Secret): object {
  const accessed = secret.versions.flatMap(({ accessedAtS }) => accessedAtS ?? []);
  return {
    ARN: secret.arn,
    Name: secret.name,
    Description: secret.description,
    KmsKeyId: secret.kmsKeyId,
    CreatedDate: secret.createdAtS,
    LastChangedDate: secret.changedAtS,
    LastAccessedDate: accessed.length > 0 ? Math.max(...accessed) : undefined,
    DeletedDate: secret.deletedAtS,
    Tags: secret.tags.size > 0 ? [...secret.tags].map(([Key, Value]) => ({ Key, Value })) : undefined,
    VersionIdsToStages: Object.fromEntries(staged(secret).map((version) => [version.id, stagesOf(version)])),
  };
}

function listSecretVersionIds(secret: Secret, { IncludeDeprecated: all }: Input): object {
  return {
    ARN: secret.arn,
    Name: secret.name,
    Versions: (all === true ? secret.versions : staged(secret)).map((version) => ({
      VersionId: version.id,
      VersionStages: version.stages.size > 0 ? stagesOf(version) : undefined,
      CreatedDate: version.createdAtS,
      LastAccessedDate: version.accessedAtS,
      KmsKeyIds: [secret.kmsKeyId ?? 'DefaultEncryptionKey'],
    })),
  };
}

function putSecretValue(secret: Secret, input: Input): object {
  refuseDeleted(secret);
  const { VersionStages } = input;
  const value = givenValue(input);
  if (value === undefined) {
    throw awsError('InvalidParameterException', 'You must provide either SecretString or SecretBinary.');
  }
  const version = addOnce(secret, input, value, Array.isArray(VersionStages) ? VersionStages.map(String) : undefined);
  return { ARN: secret.arn, Name: secret.name, VersionId: version.id, VersionStages: stagesOf(version) };
}

function updateSecret(secret: Secret, input: Input): object {
  refuseDeleted(secret);
  const value = givenValue(input);
  const version = value === undefined ? undefined : addOnce(secret, input, value);
  setDetails(secret, input);
  return { ARN: secret.arn, Name: secret.name, ...(version ? { VersionId: version.id } : {}) };
}

function updateSecretVersionStage(secret: Secret, input: Input): object {
  refuseDeleted(secret);
  const stage = String(input.VersionStage ?? '');
  const { MoveToVersionId: to, RemoveFromVersionId: from } = input;
  if (!stage || (to === undefined && from === undefined)) throw awsError('InvalidParameterException');
  const holder = secret.versions.find(({ stages }) => stages.has(stage));
  const target = secret.versions.find(({ id }) => id === to);
  for (const id of [to, from]) {
    if (id !== undefined && !secret.versions.some((version) => version.id === id)) throw versionNotFound(id);
  }
  if (holder && holder !== target && from === undefined) {
    throw awsError(
      'InvalidParameterException',
      `The parameter RemoveFromVersionId can't be empty. Staging label ${stage} is currently attached to version ${holder.id}, so you must explicitly reference that version in RemoveFromVersionId.`,
    );
  }
  if (from !== undefined && from !== holder?.id) {
    throw awsError(
      'InvalidParameterException',
      `When you move staging label ${stage}, if you specify RemoveFromVersionId, it must be set to the version that currently has the staging label ${stage}.`,
    );
  }
  if (target === undefined && stage === 'AWSCURRENT') {
    throw awsError(
      'InvalidParameterException',
      "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
    );
  }
  if (target) attach(secret, target, stage);
  else holder?.stages.delete(stage);
  secret.changedAtS = nowS();
  return { ARN: secret.arn, Name: secret.name };
}

function tagResource(secret: Secret, input: Input): object {
  refuseDeleted(secret);
  setDetails(secret, { Tags: input.Tags });
  return {};
}

/** Adds a version; returns the existing version when it has the same request token and the same value. */
export function addOnce(secret: Secret, input: Input, value: string | Buffer, stages?: string[]): SecretVersion {
  const token = String(input.ClientRequestToken ?? randomUUID());
  if (token.length < 32 || token.length > 64) {
    throw awsError(
      'ValidationException',
      `1 validation error detected: Value '${token}' at 'clientRequestToken' failed to satisfy constraint: Member must have length between 32 and 64`,
    );
  }
  const known = secret.versions.find(({ id }) => id === token);
  if (known && !Buffer.from(known.value).equals(Buffer.from(value))) {
    throw awsError(
      'ResourceExistsException',
      `You can't use ClientRequestToken ${token} because that value is already in use for a version of secret ${secret.arn}.`,
    );
  }
  return known ?? addVersion(secret, value, stages, token);
}

/** Copies description, key and tags from the input. */
export function setDetails(secret: Secret, { Description, KmsKeyId, Tags }: Input): void {
  if (typeof Description === 'string') secret.description = Description;
  if (typeof KmsKeyId === 'string') secret.kmsKeyId = KmsKeyId;
  for (const [key, value] of tagsOf(Tags)) secret.tags.set(key, value);
  secret.changedAtS = nowS();
}

/** The tags of a request as pairs. */
export function tagsOf(tags: unknown): [string, string][] {
  if (!Array.isArray(tags)) return [];
  return tags.map(({ Key, Value }: { Key?: unknown; Value?: unknown }) => {
    if (typeof Key !== 'string' || Key === '') throw awsError('InvalidParameterException', 'A tag must have a key.');
    return [Key, String(Value ?? '')];
  });
}

/** The value in a request, if there is one. */
export function givenValue({ SecretString: text, SecretBinary: base64 }: Input): string | Buffer | undefined {
  if (typeof text === 'string' && typeof base64 === 'string') {
    throw awsError('InvalidParameterException', "You can't specify both a binary secret value and a string value.");
  }
  if (Buffer.byteLength(typeof text === 'string' ? text : '') > MAX_BYTES) {
    throw awsError(
      'ValidationException',
      "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to 65536",
    );
  }
  if (typeof text === 'string') return text;
  return typeof base64 === 'string' ? Buffer.from(base64, 'base64') : undefined;
}

function staged(secret: Secret): SecretVersion[] {
  return secret.versions.filter(({ stages }) => stages.size > 0);
}

function stagesOf({ stages }: SecretVersion): string[] {
  return [...stages].sort();
}

function versionNotFound(id: unknown) {
  return notFound(`the specified secret value for VersionId: ${id}`);
}

function refuseDeleted(secret: Secret): void {
  if (secret.deletedAtS !== undefined) throw awsError('InvalidRequestException');
}
