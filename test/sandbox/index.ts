// The whole sandbox in one call: loopback stand-ins for AWS Secrets Manager, KMS, STS and S3, Google's consent page and
// token endpoint, the Gmail API, the Admin SDK, a monitor and a host for posts, around one made-up mailbox. Tests, the demo and
// `npm run sandbox` all start here.
import { randomUUID } from 'node:crypto';
import { SandboxConsent } from './consent.ts';
import { SandboxDirectory } from './directory.ts';
import { thumbprintOf } from './dpop.ts';
import { Faults } from './faults.ts';
import { generateMailbox, SANDBOX_LABELS } from './generate.ts';
import { SandboxGmail } from './gmail/api.ts';
import type { QuotaOptions } from './gmail/quota.ts';
import { GMAIL_SCOPES } from './gmail/scopes.ts';
import { listen, type RecordedRequest, type Wire } from './http.ts';
import { SandboxIam } from './iam.ts';
import { type KmsKey, type PublicJwk, SandboxKms } from './kms.ts';
import { madeUpCredential } from './made-up-credential.ts';
import { SandboxMailbox } from './mailbox.ts';
import { SandboxMonitor } from './monitor.ts';
import { SandboxOAuth } from './oauth.ts';
import { SandboxReceiver } from './receiver.ts';
import { SandboxS3 } from './s3.ts';
import { SandboxSecretsManager } from './secrets-manager.ts';
import { SandboxSts } from './sts.ts';

export { googleErrors } from './gmail/errors.ts';
export { GMAIL_SCOPES } from './gmail/scopes.ts';

/** The scopes that the project's jobs ask for. */
export const DEFAULT_SCOPES = [GMAIL_SCOPES.modify, GMAIL_SCOPES.readonly, GMAIL_SCOPES.insert, GMAIL_SCOPES.labels];

export interface SandboxOptions {
  /** The address of the mailbox and of the grant. */
  email?: string;
  /** The number of generated messages (default 500), and the seed of the generator. */
  messages?: number;
  seed?: number;
  /** Replaces the generated mailbox; `email`, `messages`, `seed`, `now` and `searchLagMs` are then ignored. */
  mailbox?: SandboxMailbox;
  /** The mailbox's clock. Tokens, quota and recorded times follow the real one. */
  now?: () => number;
  quota?: QuotaOptions;
  /** Gmail requests at once; more are refused. Unlimited by default. */
  maxConcurrent?: number;
  /** The delay of every answer, in milliseconds. */
  latencyMs?: number | (() => number);
  searchLagMs?: number;
  /** The scopes of the grant; by default those that the project's jobs ask for. */
  scopes?: readonly string[];
  /** Exact values, for tests that search the output for them. */
  credentials?: { clientId?: string; clientSecret?: string; refreshToken?: string };
  accessTokenLifetimeS?: number;
}

/** The content of the secret in AWS, in Google's format for the credentials of a user. */
export interface SecretContent {
  type: 'authorized_user';
  client_id: string;
  client_secret: string;
  refresh_token: string;
  email: string;
  /** The KMS key to which the refresh token is bound. */
  dpop?: { kms_key_id: string; jwk: PublicJwk };
}

export interface ClientFile {
  installed: Record<'client_id' | 'client_secret' | 'project_id' | 'auth_uri' | 'token_uri', string> & {
    redirect_uris: string[];
  };
}

export interface Sandbox extends AsyncDisposable {
  /** The environment variables with which a child process uses the sandbox. */
  readonly env: Record<string, string>;
  /** A monitor's address, for HEARTBEAT_URL. */
  readonly monitorUrl: string;
  readonly mailbox: SandboxMailbox;
  readonly secrets: SandboxSecretsManager;
  /** The users of AWS; `env` holds the key of the first. */
  readonly iam: SandboxIam;
  readonly kms: SandboxKms;
  /** One empty bucket at the start; EXPORT_URL is `s3.url('a-prefix')`, and not in `env`. */
  readonly s3: SandboxS3;
  readonly consent: SandboxConsent;
  readonly oauth: SandboxOAuth;
  readonly gmail: SandboxGmail;
  /** The users of a Workspace; none at the start. */
  readonly directory: SandboxDirectory;
  readonly monitor: SandboxMonitor;
  /** A host for the posts of jobs, at `receiverUrl`. */
  readonly receiver: SandboxReceiver;
  readonly receiverUrl: string;
  /** All requests to all stand-ins in the order of their arrival. */
  readonly requests: RecordedRequest[];
  readonly faults: Faults;
  /** The secret in AWS at the start. */
  readonly secretValue: SecretContent;
  /** The content of the JSON file that Google's console gives for the Desktop client. */
  readonly clientFile: ClientFile;
  /** Binds the refresh token of the secret to a KMS key, by default a new one, and stores the secret with `dpop`. */
  bindSecret(key?: KmsKey): KmsKey;
  /** Destroys all connections. Throws when a stand-in, or a hook of a test, threw meanwhile. */
  close(): Promise<void>;
}

/** Starts all stand-ins on free loopback ports. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const mailbox = options.mailbox ?? makeUpMailbox(options);
  const secretValue = makeUpSecret(mailbox.email, options.credentials);
  const oauth = new SandboxOAuth();
  oauth.clients.set(secretValue.client_id, secretValue.client_secret);
  oauth.grant({
    clientId: secretValue.client_id,
    refreshToken: secretValue.refresh_token,
    scopes: options.scopes ?? DEFAULT_SCOPES,
    email: mailbox.email,
  });
  oauth.accessTokenLifetimeS = options.accessTokenLifetimeS ?? oauth.accessTokenLifetimeS;
  const consent = new SandboxConsent(oauth, mailbox.email);
  const iam = new SandboxIam();
  const awsUser = iam.addUser('gmail-jobs');
  const secrets = new SandboxSecretsManager(iam);
  const secret = secrets.setSecret('gmail-jobs/alice', secretValue);
  const kms = new SandboxKms(iam);
  const s3 = new SandboxS3(iam, kms);
  const gmail = new SandboxGmail(mailbox, oauth, options.quota, options.maxConcurrent);
  const directory = new SandboxDirectory(oauth);
  const monitor = new SandboxMonitor();
  const receiver = new SandboxReceiver();

  const wire: Wire = { requests: [], faults: new Faults(), latencyMs: options.latencyMs ?? 0 };
  const services = [secrets, kms, new SandboxSts(iam), consent, oauth, gmail, monitor, receiver, directory, s3];
  const listeners = await Promise.all(services.map((service) => listen(service, wire)));
  const [awsUrl, kmsUrl, stsUrl, consentUrl, oauthUrl, gmailUrl, monitorUrl, receiverUrl, directoryUrl, s3Url] =
    listeners.map(({ url }) => url);
  const close = async () => {
    await Promise.all(listeners.map((listener) => listener.close()));
  };
  return {
    env: {
      GMAIL_SECRET_ID: secret.name,
      AWS_REGION: secrets.region,
      ...iam.envOf(awsUser),
      AWS_ENDPOINT_URL_SECRETS_MANAGER: `${awsUrl}`,
      AWS_ENDPOINT_URL_KMS: `${kmsUrl}`,
      AWS_ENDPOINT_URL_STS: `${stsUrl}`,
      AWS_ENDPOINT_URL_S3: `${s3Url}`,
      GMAIL_API_URL: `${gmailUrl}`,
      GOOGLE_AUTH_URL: `${consentUrl}/o/oauth2/v2/auth`,
      GOOGLE_TOKEN_URL: `${oauthUrl}/token`,
      GOOGLE_REVOKE_URL: `${oauthUrl}/revoke`,
      GOOGLE_ADMIN_URL: `${directoryUrl}`,
    },
    monitorUrl: `${monitorUrl}/${randomUUID()}`,
    mailbox,
    secrets,
    iam,
    kms,
    s3,
    consent,
    oauth,
    gmail,
    directory,
    monitor,
    receiver,
    receiverUrl: `${receiverUrl}/mail`,
    requests: wire.requests,
    faults: wire.faults,
    secretValue,
    clientFile: makeUpClientFile(secretValue),
    bindSecret(key = kms.createKey()) {
      const grant = oauth.grants.get(secretValue.refresh_token);
      if (grant) grant.boundTo = thumbprintOf(key.jwk);
      secretValue.dpop = { kms_key_id: key.arn, jwk: key.jwk };
      secrets.setSecret(secret.name, secretValue);
      return key;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The mailbox of a sandbox with these options. */
export function makeUpMailbox(options: SandboxOptions): SandboxMailbox {
  const { email = 'alice@example.com', messages: count = 500, seed = 1, now = Date.now, searchLagMs = 0 } = options;
  return new SandboxMailbox({
    email,
    messages: generateMailbox({ email, count, seed, now: now() }),
    labels: SANDBOX_LABELS,
    now,
    searchLagMs,
  });
}

function makeUpSecret(email: string, credentials: SandboxOptions['credentials'] = {}): SecretContent {
  return {
    type: 'authorized_user',
    client_id: credentials.clientId ?? '123456789012-sandbox.apps.googleusercontent.com',
    client_secret: credentials.clientSecret ?? madeUpCredential('GOCSPX-'),
    refresh_token: credentials.refreshToken ?? madeUpCredential('1//0'),
    email,
  };
}

function makeUpClientFile({ client_id, client_secret }: SecretContent): ClientFile {
  return {
    installed: {
      client_id,
      client_secret,
      project_id: 'gmail-jobs-sandbox',
      auth_uri: 'https://accounts.google.com/o/oauth2/auth',
      token_uri: 'https://oauth2.googleapis.com/token',
      redirect_uris: ['http://localhost'],
    },
  };
}
