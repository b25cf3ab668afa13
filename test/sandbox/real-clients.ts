// The real clients of Google and AWS, pointed at a sandbox, for the tests of the stand-ins.
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { OAuth2Client } from 'google-auth-library';
import { type gmail_v1, gmail as gmailClient } from 'googleapis/build/src/apis/gmail/index.js';
import type { Sandbox } from './index.ts';

/** The SDK's client, without retries; `changes` replaces what the sandbox expects. */
export function awsClient(
  sandbox: Sandbox,
  changes: { region?: string; accessKeyId?: string; secretAccessKey?: string } = {},
): SecretsManagerClient {
  const { env } = sandbox;
  return new SecretsManagerClient({
    region: changes.region ?? env.AWS_REGION ?? '',
    endpoint: env.AWS_ENDPOINT_URL_SECRETS_MANAGER ?? '',
    maxAttempts: 1,
    credentials: {
      accessKeyId: changes.accessKeyId ?? env.AWS_ACCESS_KEY_ID ?? '',
      secretAccessKey: changes.secretAccessKey ?? env.AWS_SECRET_ACCESS_KEY ?? '',
    },
  });
}

const ignore = () => {};

/** The SDK's client for S3, without retries unless `maxAttempts` says so. */
export function s3Client(
  { env }: Sandbox,
  changes: {
    region?: string;
    accessKeyId?: string;
    secretAccessKey?: string;
    sessionToken?: string;
    maxAttempts?: number;
  } = {},
): S3Client {
  const { sessionToken } = changes;
  return new S3Client({
    region: changes.region ?? env.AWS_REGION ?? '',
    endpoint: env.AWS_ENDPOINT_URL_S3 ?? '',
    forcePathStyle: true,
    // Else the SDK warns on the console about every stream that it cannot send again.
    logger: { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore },
    maxAttempts: changes.maxAttempts ?? 1,
    credentials: {
      accessKeyId: changes.accessKeyId ?? env.AWS_ACCESS_KEY_ID ?? '',
      secretAccessKey: changes.secretAccessKey ?? env.AWS_SECRET_ACCESS_KEY ?? '',
      ...(sessionToken !== undefined && { sessionToken }),
    },
  });
}

/** Google's client for a Desktop app's consent and code, pointed at the sandbox. */
export function googleClient({ env, secretValue }: Sandbox, redirectUri = 'http://127.0.0.1:9'): OAuth2Client {
  return new OAuth2Client({
    clientId: secretValue.client_id,
    clientSecret: secretValue.client_secret,
    redirectUri,
    endpoints: {
      oauth2AuthBaseUrl: env.GOOGLE_AUTH_URL ?? '',
      oauth2TokenUrl: env.GOOGLE_TOKEN_URL ?? '',
      oauth2RevokeUrl: env.GOOGLE_REVOKE_URL ?? '',
      tokenInfoUrl: env.GOOGLE_TOKEN_URL?.replace(/token$/, 'tokeninfo') ?? '',
    },
  });
}

/** Exchanges the sandbox's refresh token by a plain request; `form` adds fields or replaces them. */
export async function exchange(
  sandbox: Sandbox,
  form: Record<string, string> = {},
): Promise<{ status: number; body: Record<string, unknown> }> {
  const { client_id, client_secret, refresh_token } = sandbox.secretValue;
  const response = await fetch(sandbox.env.GOOGLE_TOKEN_URL ?? '', {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'refresh_token', client_id, client_secret, refresh_token, ...form }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** googleapis' Gmail client with a fresh access token, and without retries. */
export async function gmailOf(sandbox: Sandbox, form: Record<string, string> = {}): Promise<gmail_v1.Gmail> {
  const { body } = await exchange(sandbox, form);
  const auth = new OAuth2Client();
  auth.setCredentials({ access_token: String(body.access_token) });
  return gmailClient({ version: 'v1', auth, rootUrl: `${sandbox.env.GMAIL_API_URL}/`, retry: false });
}

/** Google's error body behind a rejected request. */
export interface GoogleFailure {
  code: number;
  message: string;
  reason: string;
  status: string;
}

/** Returns how Gmail refused a request. @throws when it did not refuse. */
export async function refusalOf(request: Promise<unknown>): Promise<GoogleFailure> {
  const failure = await request.then(
    () => undefined,
    (error: {
      response?: { data?: { error?: { code: number; message: string; status: string; errors: { reason: string }[] } } };
    }) => error.response?.data?.error,
  );
  if (failure === undefined) throw new Error('the request was not refused with an error body');
  const { code, message, status, errors } = failure;
  return { code, message, status, reason: errors[0]?.reason ?? '' };
}
