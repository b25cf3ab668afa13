// Google's error bodies, as the Gmail API answers them. Each is an Answer, so that it can also be planted as a fault:
// `faults.add({ service: 'gmail', ...googleErrors.quota429() })`.
import type { Answer } from '../http.ts';

interface ErrorParts {
  code: number;
  message: string;
  reason: string;
  status: string;
  domain?: string;
  /** The message inside `errors`, when it differs. */
  detailMessage?: string;
  location?: string;
  details?: object[];
  headers?: Record<string, string>;
}

/** An error that a status and a fault can carry; always JSON. */
export interface GoogleError extends Answer {
  body: object;
}

/** Thrown inside the stand-in to give an error as the answer. */
export class GmailRefusal extends Error {
  override readonly name = 'GmailRefusal';
  readonly answer: GoogleError;
  constructor(answer: GoogleError) {
    super(`answered ${answer.status}`);
    this.answer = answer;
  }
}

/** Builds an error body in Google's form. */
function googleError(parts: ErrorParts): GoogleError {
  const { code, message, reason, status, domain = 'global', detailMessage = message, location, details } = parts;
  const place = location === undefined ? {} : { location, locationType: 'header' };
  return {
    status: code,
    ...(parts.headers === undefined ? {} : { headers: parts.headers }),
    body: {
      error: {
        code,
        message,
        errors: [{ message: detailMessage, domain, reason, ...place }],
        status,
        ...(details === undefined ? {} : { details }),
      },
    },
  };
}

function errorInfo(reason: string, metadata: Record<string, string> = {}): object {
  return {
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    reason,
    domain: 'googleapis.com',
    metadata: { service: 'gmail.googleapis.com', ...metadata },
  };
}

const CREDENTIAL_HELP =
  'Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.';

/** The known errors of Gmail, each as a function. */
export const googleErrors = {
  invalidArgument: (message: string) =>
    googleError({ code: 400, message, reason: 'invalidArgument', status: 'INVALID_ARGUMENT' }),

  failedPrecondition: (message = 'Precondition check failed.') =>
    googleError({ code: 400, message, reason: 'failedPrecondition', status: 'FAILED_PRECONDITION' }),

  notFound: () =>
    googleError({ code: 404, message: 'Requested entity was not found.', reason: 'notFound', status: 'NOT_FOUND' }),

  labelConflict: () =>
    googleError({ code: 409, message: 'Label name exists or conflicts', reason: 'aborted', status: 'ABORTED' }),

  missingCredentials: () =>
    googleError({
      code: 401,
      message: `Request is missing required authentication credential. ${CREDENTIAL_HELP}`,
      detailMessage: 'Login Required.',
      reason: 'required',
      location: 'Authorization',
      status: 'UNAUTHENTICATED',
      details: [errorInfo('CREDENTIALS_MISSING')],
      headers: { 'www-authenticate': 'Bearer realm="https://accounts.google.com/"' },
    }),

  invalidCredentials: () =>
    googleError({
      code: 401,
      message: `Request had invalid authentication credentials. ${CREDENTIAL_HELP}`,
      detailMessage: 'Invalid Credentials',
      reason: 'authError',
      location: 'Authorization',
      status: 'UNAUTHENTICATED',
      details: [errorInfo('ACCESS_TOKEN_EXPIRED')],
      headers: { 'www-authenticate': 'Bearer realm="https://accounts.google.com/", error="invalid_token"' },
    }),

  insufficientScopes: (acceptedScopes: readonly string[] = []) =>
    googleError({
      code: 403,
      message: 'Request had insufficient authentication scopes.',
      detailMessage: 'Insufficient Permission',
      reason: 'insufficientPermissions',
      status: 'PERMISSION_DENIED',
      details: [errorInfo('ACCESS_TOKEN_SCOPE_INSUFFICIENT')],
      headers: {
        'www-authenticate': `Bearer realm="https://accounts.google.com/", error="insufficient_scope", scope="${acceptedScopes.join(' ')}"`,
      },
    }),

  /** A restriction of gmail.metadata, such as the one on `q`. */
  metadataScope: (message: string) =>
    googleError({ code: 403, message, reason: 'forbidden', status: 'PERMISSION_DENIED' }),

  delegationDenied: (email: string) =>
    googleError({
      code: 403,
      message: `Delegation denied for ${email}`,
      reason: 'forbidden',
      status: 'PERMISSION_DENIED',
    }),

  accessNotConfigured: (project = '123456789012') =>
    googleError({
      code: 403,
      message: `Gmail API has not been used in project ${project} before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/gmail.googleapis.com/overview?project=${project} then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.`,
      reason: 'accessNotConfigured',
      domain: 'usageLimits',
      status: 'PERMISSION_DENIED',
      details: [errorInfo('SERVICE_DISABLED', { consumer: `projects/${project}` })],
    }),

  quota429: () =>
    googleError({
      code: 429,
      message: 'Resource has been exhausted (e.g. check quota).',
      reason: 'rateLimitExceeded',
      status: 'RESOURCE_EXHAUSTED',
    }),

  quota403: (
    reason: 'userRateLimitExceeded' | 'rateLimitExceeded' = 'userRateLimitExceeded',
    message = reason === 'userRateLimitExceeded' ? 'User Rate Limit Exceeded' : 'Rate Limit Exceeded',
  ) =>
    googleError({
      code: 403,
      message,
      reason,
      domain: 'usageLimits',
      status: 'PERMISSION_DENIED',
    }),

  dailyLimit: () =>
    googleError({
      code: 403,
      message: 'Daily Limit Exceeded',
      reason: 'dailyLimitExceeded',
      domain: 'usageLimits',
      status: 'PERMISSION_DENIED',
    }),

  tooManyConcurrent: () =>
    googleError({
      code: 429,
      message: 'Too many concurrent requests for user.',
      reason: 'rateLimitExceeded',
      status: 'RESOURCE_EXHAUSTED',
    }),

  backendError: (code: 500 | 502 | 503 | 504 = 503) =>
    googleError({
      code,
      message: code === 503 ? 'The service is currently unavailable.' : 'Internal error encountered.',
      reason: 'backendError',
      status: code === 503 ? 'UNAVAILABLE' : 'INTERNAL',
    }),
};
