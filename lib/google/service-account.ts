/**
 * Exchanges a service account's signed assertion for an access token to the mailbox of its subject (domain-wide
 * delegation). Source: developers.google.com/identity/protocols/oauth2/service-account.
 */
import type { ServiceAccount } from '../aws/shape.ts';
import { SET_CLOCK } from '../base/clock.ts';
import { googleSays } from './oauth.ts';
import { type ExchangedToken, type ExchangeOptions, type Refusal, requestToken, TokenRefusal } from './token.ts';

/** The longest life that Google allows: it spans the repetitions of the request and a slightly wrong clock. */
const ASSERTION_LIFETIME_S = 3_600;

/**
 * An access token for `scopes`.
 * @throws TokenRefusal when Google refuses, UnavailableError when Google cannot be reached, the signal's reason on abort.
 */
export async function exchangeAssertion(
  account: ServiceAccount,
  scopes: readonly string[],
  signal: AbortSignal,
  options: ExchangeOptions,
): Promise<ExchangedToken> {
  const [claims, signature] = await signAssertion(account, scopes, options.tokenUrl);
  // Without its signature an assertion opens nothing. The redactor takes several milliseconds for each hundred characters.
  options.hide(signature);
  const assertion = `${claims}.${signature}`;
  const form = new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion });
  return requestToken(form, (refusal) => explain(refusal, account, scopes), signal, options);
}

/**
 * The claims and the signature of a JWT with which the account asks for `scopes` as its subject. Google accepts it at
 * `audience` alone.
 */
async function signAssertion(
  account: ServiceAccount,
  scopes: readonly string[],
  audience: string,
): Promise<[claims: string, signature: string]> {
  const issuedAtS = Math.floor(Date.now() / 1_000);
  const header = { alg: 'RS256', typ: 'JWT', kid: account.privateKeyId };
  const claims = {
    iss: account.clientEmail,
    sub: account.subject,
    scope: scopes.join(' '),
    aud: audience,
    iat: issuedAtS,
    exp: issuedAtS + ASSERTION_LIFETIME_S,
  };
  const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const signature = await account.sign(new TextEncoder().encode(signed));
  return [signed, Buffer.from(signature).toString('base64url')];
}

const KEYS_PAGE = 'Cloud console → IAM & Admin → Service Accounts → the account → Keys';
const NEW_KEY = `Make a new key (${KEYS_PAGE} → Add key, JSON) and put the file into the secret, with "subject" added.`;

/** Google's refusal as a cause and a remedy. Source: the page above, "JWT error codes". */
function explain({ code, description }: Refusal, account: ServiceAccount, scopes: readonly string[]): TokenRefusal {
  const refusal = (message: string, remedy: string) =>
    new TokenRefusal(code, `${message}${googleSays(description)}`, remedy);
  const { clientEmail, subject } = account;
  const says = (pattern: RegExp) => pattern.test(description);
  switch (code) {
    case 'unauthorized_client':
    case 'access_denied':
      return refusal(
        `Google does not let the service account ${clientEmail} act as ${subject} with the requested scopes (${code}): domain-wide delegation lacks the account's client id, or one of the scopes`,
        `${delegationOf(account, scopes)} A change may take minutes, at most a day, to work.`,
      );
    case 'invalid_grant':
      if (says(/not a valid email|invalid email|user id|invalid impersonation|"?sub"? field/i)) {
        return refusal(
          `Google knows no user ${subject} that the service account could act as (invalid_grant)`,
          'Correct the address (subject in the secret; in a fleet, subjects or admin in mailboxes.yaml): it must be the primary address, no alias and no group, of an active user of the Workspace.',
        );
      }
      if (says(/signature/i)) {
        return refusal(
          `Google does not accept the signature of the service account ${clientEmail} (invalid_grant): its key was deleted, was disabled or has expired, or private_key and client_email do not belong together`,
          NEW_KEY,
        );
      }
      if (says(/short-lived|\biat\b|\bexp\b|timeframe/i)) {
        return refusal(
          `Google rejects the time of the request (invalid_grant); this machine's clock says ${new Date().toISOString()}`,
          SET_CLOCK,
        );
      }
      if (says(/account not found|disabled|deleted/i)) return accountGone(code, clientEmail);
      return refusal(
        `Google does not accept the service account's request (invalid_grant): ${clientEmail}, subject or the key is wrong, deleted or disabled`,
        `Check that the account and its key are active (${KEYS_PAGE}), and that subject is an active user of the Workspace.`,
      );
    case 'disabled_client':
    case 'deleted_client':
      return accountGone(code, clientEmail);
    case 'invalid_client':
      return refusal(
        `Google does not know the service account ${clientEmail} (invalid_client): client_email is wrong, or the account was deleted`,
        'Compare client_email in the secret with the Cloud console (IAM & Admin → Service Accounts).',
      );
    case 'invalid_scope':
      return refusal(
        `Google does not know one of the scopes that this job declares (invalid_scope): ${scopes.join(', ')}`,
        "Correct the job's scopes: developers.google.com/workspace/gmail/api/auth/scopes lists those of Gmail.",
      );
    case 'admin_policy_enforced':
    case 'org_internal':
      return refusal(
        `Google refuses the service account ${clientEmail} for ${subject} (${code})`,
        "Ask the Workspace's administrator to trust the app: admin.google.com → Security → Access and data control → API controls → App access control.",
      );
    default:
      return refusal(
        `Google refused the service account's token exchange (${code || 'no reason given'})`,
        'Look the reason up at developers.google.com/identity/protocols/oauth2/service-account, JWT error codes.',
      );
  }
}

function accountGone(code: string, clientEmail: string): TokenRefusal {
  return new TokenRefusal(
    code,
    `The service account ${clientEmail}, or its key, is disabled or deleted (${code})`,
    `Enable both in the Cloud console (IAM & Admin → Service Accounts), or else: ${NEW_KEY}`,
  );
}

/** The remedy that lets the account use `scopes`: the page of the Admin console, and what to enter. */
export function delegationOf({ clientId, clientEmail }: ServiceAccount, scopes: readonly string[]): string {
  const id =
    clientId ?? `(the number "Unique ID" of ${clientEmail} in the Cloud console, IAM & Admin → Service Accounts)`;
  return `As a super administrator, open admin.google.com → Security → Access and data control → API controls → Domain-wide delegation → Manage → Add new (or edit the client if it is listed), and enter client ID ${id} and OAuth scopes ${scopes.join(',')} (keep those that are listed).`;
}
