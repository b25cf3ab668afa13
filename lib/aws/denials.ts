/** AWS's AccessDeniedException: which policy denies what to whom, and where it has to be allowed. */

import { serverWords } from '../base/server-words.ts';
import { CredentialError } from '../errors.ts';
import { partitionOf } from './names.ts';

const USER = /\bUser: (arn:aws[a-z-]*:(?:iam|sts)::\d{12}:[\w+=,.@/-]{1,256}) is not authorized/;
const RESOURCE = /\bon resource: (arn:aws[a-z-]*:[a-z]+:[a-z0-9-]*:\d{12}:[\w+=,.@/:-]{1,600})/;

/** Source: docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html. */
const EXPLICIT = /\bwith an explicit deny in (?:an? |the )?([A-Za-z -]{3,50}?)(?=$|[.:;,(]|\s*arn:)/;
const IMPLICIT = /\bbecause no ([A-Za-z -]{3,50}?) allows\b/;

export function denied(refusal: {
  readonly what: string;
  readonly message: string;
  /** The action that was asked for, `secretsmanager:GetSecretValue`. */
  readonly requested: string;
  readonly secretId: string;
  readonly region: string;
}): CredentialError {
  const { what, message, requested, secretId, region } = refusal;
  // One request may need several actions, and the one that is missing may be another: TagResource, kms:GenerateDataKey.
  const action = /\bto perform: ([a-z-]{1,30}:\w{1,60})/i.exec(message)?.[1] ?? requested;
  const explicit = EXPLICIT.exec(message)?.[1];
  const implicit = IMPLICIT.exec(message)?.[1];
  const words = serverWords(message);
  const said = words === '' ? '' : `; AWS says: ${words}`;
  const user = USER.exec(message)?.[1];
  const who = user ?? 'the user that the AWS keys belong to';
  const isKms = /\bKMS\b|kms:/i.test(message);
  if (explicit !== undefined) {
    return new CredentialError(
      `${what}: access denied${isKms ? " to the secret's KMS key" : ''}, by an explicit deny (${explicit})${said}`,
      `A policy that allows ${action} does not override it: have the deny removed from that ${explicit}, or its conditions met, for ${who}.`,
    );
  }
  if (isKms) {
    return new CredentialError(
      `${what}: access to the secret's KMS key is denied${said}`,
      `Allow ${action === requested ? 'kms:Decrypt' : action} on that key besides ${requested}.`,
    );
  }
  const resource = RESOURCE.exec(message)?.[1];
  const arn =
    resource ??
    (secretId.startsWith('arn:')
      ? secretId
      : `arn:${partitionOf(region)}:secretsmanager:*:*:secret:${secretId}-??????`);
  // An identity-based policy is the usual place; a boundary or an organization's policy limits what it allows.
  const where = implicit === undefined || /identity/.test(implicit) ? '' : ` in the ${implicit}`;
  return new CredentialError(
    `${what}: access denied${said}`,
    `Allow the IAM action ${action} on ${arn} for ${who}${where}.`,
  );
}
