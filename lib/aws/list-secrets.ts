/** Lists the names of secrets with a common beginning. */
import {
  ListSecretsCommand,
  type ListSecretsResponse,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { TRY_NEXT_RUN } from '../base/network-failure.ts';
import { ConfigError, UnavailableError } from '../errors.ts';
import { createSender } from './client.ts';
import type { SecretAddress } from './secrets-manager.ts';

/** AWS's maximum. */
const PAGE_SIZE = 100;

/**
 * The names of the secrets that begin with `prefix`, sorted, without those that are scheduled for deletion. AWS lists a
 * change up to five minutes late (docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html).
 * @throws ConfigError, CredentialError or UnavailableError for what AWS refuses.
 */
export async function listSecretNames(
  client: SecretsManagerClient,
  prefix: string,
  { region, keys }: Pick<SecretAddress, 'region' | 'keys'>,
  signal: AbortSignal,
): Promise<string[]> {
  const send = createSender(client, {
    service: 'AWS Secrets Manager',
    actionPrefix: 'secretsmanager',
    kind: 'secrets',
    name: `${prefix}*`,
    // IAM cannot limit ListSecrets to some secrets.
    arn: '*',
    region,
    keys,
    nameVariable: 'secretPrefix in mailboxes.yaml',
    endpointVariable: 'AWS_ENDPOINT_URL_SECRETS_MANAGER',
    explain: ({ name, what, said }) => {
      if (name === 'InvalidNextTokenException')
        return new UnavailableError(`${what}: AWS does not know the next page of its list`, TRY_NEXT_RUN);
      if (name !== 'InvalidParameterException' && name !== 'InvalidRequestException' && name !== 'ValidationException')
        return undefined;
      return new ConfigError(
        `${what}: AWS does not accept the search${said}`,
        'Correct secretPrefix in mailboxes.yaml.',
      );
    },
  });
  const names = new Set<string>();
  const seenTokens = new Set<string>();
  let token: string | undefined;
  do {
    const command = new ListSecretsCommand({
      // A prefix match, case-sensitive: docs.aws.amazon.com/secretsmanager/latest/apireference/API_Filter.html.
      Filters: [{ Key: 'name', Values: [prefix] }],
      MaxResults: PAGE_SIZE,
      ...(token !== undefined && { NextToken: token }),
    });
    const page = await send('ListSecrets', async (aws, options) => complete(await aws.send(command, options)), signal);
    for (const { Name: name, DeletedDate: deletedAt } of page.SecretList) {
      // Checked here too, because a wrong match would open somebody else's mailbox.
      if (name?.startsWith(prefix) && deletedAt === undefined) names.add(name);
    }
    token = page.NextToken || undefined;
    if (token !== undefined && seenTokens.has(token))
      throw new UnavailableError('AWS Secrets Manager lists the same page again and again', TRY_NEXT_RUN);
    if (token !== undefined) seenTokens.add(token);
  } while (token !== undefined);
  return [...names].sort();
}

/** @throws SyntaxError for an answer without a list: `send` then repeats the request. */
function complete(page: ListSecretsResponse) {
  const { SecretList: list, NextToken } = page;
  if (!Array.isArray(list)) throw new SyntaxError('an answer without a list');
  return { SecretList: list, NextToken };
}
