/** Classifies a request without a usable answer: the next run may succeed, a person has to act, or the cause is unknown. */
import { ConfigError } from '../errors.ts';

/** The remedy for an answer that the service itself never gives. */
export const FOREIGN_ANSWER =
  'A firewall or a login page may have answered instead of the service: check the network of this machine. If the network is fine, run again.';

/** The remedy while a service is away. */
export const TRY_NEXT_RUN = 'Nothing to do unless it lasts: the next run tries again.';

/** Failures of the network that pass by themselves. Sources: errno(3), Node's DNS and TLS errors, undici's docs/api/Errors.md. */
const PASSING: ReadonlySet<string> = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ESOCKETTIMEDOUT', 'EPROTO'],
  ...['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'ENODATA', 'ESERVFAIL', 'ETIMEOUT'],
  ...['ENETUNREACH', 'EHOSTUNREACH', 'ENETDOWN', 'EHOSTDOWN', 'ENETRESET', 'EADDRNOTAVAIL', 'ENOBUFS'],
  ...['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_SOCKET', 'UND_ERR_CLOSED'],
  ...['UND_ERR_DESTROYED', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'UND_ERR_RES_EXCEEDED_MAX_SIZE'],
  ...['UND_ERR_HEADERS_OVERFLOW', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_TLS_HANDSHAKE_TIMEOUT'],
  // An answer that was damaged on its way.
  ...['HTTPParserError', 'Z_DATA_ERROR', 'Z_BUF_ERROR', 'ERR_INVALID_HTTP_RESPONSE'],
]);
const PASSING_FAMILY = /^(?:HPE_|ERR_SSL_|ERR__ERROR_FORMAT_)[A-Z0-9_]+$/;

/** Codes for a certificate that Node does not accept. Source: nodejs.org/api/tls.html, "X509 certificate error codes". */
const CERTIFICATE =
  /^(?:ERR_TLS_CERT_[A-Z_]+|CERT_[A-Z_]+|CRL_[A-Z_]+|[A-Z_]*SELF_SIGNED_CERT[A-Z_]*|UNABLE_TO_[A-Z_]+|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|ERROR_IN_CERT_[A-Z_]+)$/;

/** The code of a temporary failure, such as ECONNRESET, in `error` or its causes; undefined for other failures. */
export function passingFailure(error: unknown): string | undefined {
  return codesBehind(error).find((code) => PASSING.has(code) || PASSING_FAMILY.test(code));
}

/**
 * Classifies the failure of a request to `service`, such as `Gmail`: returns the name of a temporary failure, or a
 * ConfigError for a failure that lasts until a person acts.
 * @throws Error, as a bug, for an unknown failure.
 */
export function judgeFailure(error: unknown, service: string): string | ConfigError {
  const codes = codesBehind(error);
  const certificate = codes.find((code) => CERTIFICATE.test(code));
  if (certificate !== undefined) {
    return new ConfigError(
      `${service} shows a certificate that Node does not accept (${certificate})`,
      'Check the clock of this machine. If a program or firewall inspects TLS connections here, NODE_OPTIONS=--use-system-ca makes Node trust the certificates that this machine trusts.',
    );
  }
  const passing = passingFailure(error);
  if (passing !== undefined) return passing;
  if (codes.includes('unexpected redirect')) {
    return new ConfigError(`${service} answers with a redirect, which the program does not follow`, FOREIGN_ANSWER);
  }
  if (codes.includes('ERR_INVALID_CHAR')) {
    return new ConfigError(
      `the request to ${service} cannot be sent: a key or token holds a character that no header may have`,
      'Set the credentials again, without line breaks and invisible characters.',
    );
  }
  if (codes.includes('ERR_INVALID_URL')) {
    return new ConfigError(
      `the address of ${service} is not a valid URL`,
      'Correct or unset GMAIL_API_URL, GOOGLE_TOKEN_URL, AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_SECRETS_MANAGER or AWS_ENDPOINT_URL_KMS.',
    );
  }
  if (codes.includes(PROXY_LOGIN)) return proxyLoginError(service);
  // An unknown failure of the network is no bug of this program.
  if (codes.some((code) => FROM_NETWORK.test(code))) return 'an answer that cannot be read';
  const known = codes.filter((code) => /^[A-Za-z_]{1,60}$/.test(code));
  throw new Error(`a request to ${service} failed for an unknown reason (${known.join(', ')})`);
}

/** Stands for HTTP status 407: fetch then fails with a cause that has neither code nor message (seen with 24.21). */
const PROXY_LOGIN = 'proxy authentication required';

/** Codes of fetch and undici for an answer that fetch refuses or cannot decode. */
const FROM_NETWORK = /^(?:fetch failed|terminated|UND_ERR_(?!INVALID_ARG)[A-Z_]+|ZSTD_error_\w+|ERR_BROTLI_\w+|Z_\w+)$/;

/** The error for HTTP status 407, which only a proxy sends. */
export function proxyLoginError(service: string): ConfigError {
  return new ConfigError(
    `a proxy between this machine and ${service} wants a login (status 407)`,
    'The program does not support proxies: let this machine reach the service without one.',
  );
}

/** Codes and names of `error` and of all its causes, however a library has wrapped them. */
function codesBehind(error: unknown, depth = 0): string[] {
  if (!(error instanceof Error) || depth > 8) return [];
  const { code, name, message } = error as NodeJS.ErrnoException;
  const isCode = ['unexpected redirect', PROXY_LOGIN, 'fetch failed', 'terminated'].includes(message);
  const isNameless = message === '' && code === undefined && name === 'Error' && depth > 0;
  const own = isNameless ? [PROXY_LOGIN] : isCode ? [message] : [typeof code === 'string' ? code : name];
  const inner = error instanceof AggregateError ? [...error.errors, error.cause] : [error.cause];
  return [...own, ...inner.flatMap((one) => codesBehind(one, depth + 1))];
}
