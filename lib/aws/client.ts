/** Requests to any AWS service: region, keys, timeouts and retries of the SDK's clients. Errors are in common-errors.ts. */
import { systemClock } from '../base/clock.ts';
import { type RetryPolicy, retry } from '../base/retry.ts';
import { type AwsResource, explainAwsError, isUnreadable, statusOf } from './common-errors.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 10_000;

/** The SDK repeats requests after failures that it knows, with its own pauses. */
const SDK_ATTEMPTS = 4;

/** The SDK repeats neither a request whose answer it cannot read nor one that is answered with 408. */
const UNREADABLE: RetryPolicy = { pausesMs: [0, 0, 0], fixedShare: 1 };

/** The settings of the SDK's client for any service. Without `keys` the SDK uses its default chain. */
export function clientSettings({ region, keys }: Pick<AwsResource, 'region' | 'keys'>) {
  // The SDK's own chain would look for the container's token in the environment, from which it has been removed.
  const containerToken = keys !== undefined && 'containerToken' in keys ? keys.containerToken : undefined;
  return {
    region,
    ...(containerToken !== undefined && { awsContainerAuthorizationToken: containerToken }),
    ...(keys !== undefined && 'accessKeyId' in keys && { credentials: keys }),
    maxAttempts: SDK_ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: ANSWER_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  };
}

/** Sends one command with a service's client. `verb` is the action's name in IAM without its prefix: `GetSecretValue`. */
export type SendToAws<Client> = <Answer>(
  verb: string,
  send: (client: Client, options: { abortSignal: AbortSignal }) => Promise<Answer>,
  signal: AbortSignal,
) => Promise<Answer>;

/**
 * Returns a function that sends commands about `resource` with the client of its service.
 * @throws, when used, ConfigError, CredentialError or UnavailableError; on abort, the signal's reason.
 */
export function createSender<Client>(client: Client, resource: AwsResource): SendToAws<Client> {
  return async (verb, send, signal) =>
    await retry({
      send: async () => {
        try {
          return { value: await send(client, { abortSignal: signal }) };
        } catch (error) {
          signal.throwIfAborted();
          if (isUnreadable(error) || statusOf(error) === 408) return { kind: 'unreadable', error };
          throw explainAwsError(error, verb, resource);
        }
      },
      policies: { unreadable: UNREADABLE },
      random: Math.random,
      wait: (pauseMs) => systemClock.sleep(pauseMs, signal),
      failure: ({ error }: { readonly kind: string; readonly error: unknown }) =>
        explainAwsError(error, verb, resource),
    });
}
