/** The values that GMAIL_SECRET_ID may have: the name or the ARN of a secret in AWS Secrets Manager, by AWS's grammar. */
import { beginsLikeCredential } from '../base/credential-like.ts';

/** Source: docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html. */
export const SECRET_NAME = /^[\w/+=.@-]{1,512}$/;

const SECRET_ARN = /^arn:aws[a-z-]*:secretsmanager:([a-z]{2,4}(?:-[a-z]+)+-\d{1,2}):\d{12}:secret:([\w/+=.@-]{1,519})$/;

/** Whether `text` is a name or an ARN that AWS allows, and no credential that was pasted in its place. */
export function isSecretId(text: string): boolean {
  return (SECRET_NAME.test(text) || SECRET_ARN.test(text)) && !beginsLikeCredential(text);
}

/** The region inside an ARN, when `secretId` is one. */
export function regionOfSecret(secretId: string): string | undefined {
  return SECRET_ARN.exec(secretId)?.[1];
}
