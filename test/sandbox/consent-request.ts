// Checks an authorization request as Google's consent page does.
import { GMAIL_SCOPES } from './gmail/scopes.ts';

/** A valid authorization request. */
export interface AuthorizationRequest {
  clientId: string;
  redirectUri: string;
  scopes: string[];
  state?: string;
  accessType: 'online' | 'offline';
  /** The words of `prompt`. */
  prompt: string[];
  loginHint?: string;
  includeGrantedScopes: boolean;
  challenge?: { method: 'S256' | 'plain'; value: string };
}

/** The content of Google's error page. */
export interface RequestError {
  status: number;
  error: string;
  description: string;
}

const KNOWN_SCOPES: ReadonlySet<string> = new Set([
  ...Object.values(GMAIL_SCOPES),
  'https://www.googleapis.com/auth/gmail.settings.basic',
  'https://www.googleapis.com/auth/gmail.settings.sharing',
  'https://www.googleapis.com/auth/userinfo.email',
  'https://www.googleapis.com/auth/userinfo.profile',
  'openid',
  'email',
  'profile',
]);
const PROMPTS = ['none', 'consent', 'select_account'];

/** Reads the query of a request to the consent page. `clients` are the known client ids, all of Desktop clients. */
export function readAuthorizationRequest(
  query: URLSearchParams,
  clients: { has(clientId: string): boolean },
): AuthorizationRequest | RequestError {
  const doubled = [...query.keys()].find((name) => query.getAll(name).length > 1);
  if (doubled !== undefined) return invalid(`OAuth 2 parameters can only have a single value: ${doubled}`);
  const given = (name: string) => query.get(name) || undefined;

  const clientId = given('client_id');
  if (clientId === undefined) return missing('client_id');
  if (!clients.has(clientId)) {
    return { status: 401, error: 'invalid_client', description: 'The OAuth client was not found.' };
  }
  const redirectUri = given('redirect_uri');
  if (redirectUri === undefined) return missing('redirect_uri');
  if (!isLoopback(redirectUri)) {
    const description = "You can't sign in because this app sent an invalid request.";
    return { status: 400, error: 'redirect_uri_mismatch', description };
  }
  const responseType = given('response_type');
  if (responseType === undefined) return missing('response_type');
  if (responseType !== 'code') return invalid(`Invalid response_type: ${responseType}`);

  const scopes = [...new Set((given('scope') ?? '').split(' ').filter(Boolean))];
  if (scopes.length === 0) return missing('scope');
  const unknown = scopes.filter((scope) => !KNOWN_SCOPES.has(scope));
  if (unknown.length > 0) {
    const description = `Some requested scopes were invalid. {invalid=[${unknown.join(', ')}]}`;
    return { status: 400, error: 'invalid_scope', description };
  }
  const accessType = given('access_type') ?? 'online';
  if (accessType !== 'online' && accessType !== 'offline') return invalid(`Invalid access_type: ${accessType}`);
  const prompt = (given('prompt') ?? '').split(' ').filter(Boolean);
  const badPrompt = prompt.find((word) => !PROMPTS.includes(word));
  if (badPrompt !== undefined) return invalid(`Invalid prompt: ${badPrompt}`);

  const challenge = readChallenge(given('code_challenge'), given('code_challenge_method'));
  if (challenge && 'error' in challenge) return challenge;
  const state = given('state');
  const loginHint = given('login_hint');
  return {
    clientId,
    redirectUri,
    scopes,
    ...(state === undefined ? {} : { state }),
    accessType,
    prompt,
    ...(loginHint === undefined ? {} : { loginHint }),
    includeGrantedScopes: given('include_granted_scopes') === 'true',
    ...(challenge ? { challenge } : {}),
  };
}

function readChallenge(value?: string, method?: string): AuthorizationRequest['challenge'] | RequestError {
  if (value === undefined) {
    return method === undefined ? undefined : missing('code_challenge');
  }
  if (method !== undefined && method !== 'S256' && method !== 'plain') {
    return invalid(`Invalid code_challenge_method: ${method}`);
  }
  if (!/^[\w.~-]{43,128}$/.test(value)) return invalid('Invalid code_challenge.');
  return { method: method ?? 'plain', value };
}

/** A Desktop client may redirect to any port and path of this machine, and nowhere else. */
function isLoopback(uri: string): boolean {
  const url = URL.parse(uri);
  if (url === null || url.protocol !== 'http:' || uri.includes('#') || url.username !== '') return false;
  return ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
}

function missing(parameter: string): RequestError {
  return invalid(`Missing required parameter: ${parameter}`);
}

function invalid(description: string): RequestError {
  return { status: 400, error: 'invalid_request', description };
}
