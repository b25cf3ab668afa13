/** Signs with keys in AWS KMS and reads their public halves. The private half of a key never leaves KMS. */
import { createPublicKey } from 'node:crypto';
import { GetPublicKeyCommand, KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { ConfigError, type JobError } from '../errors.ts';
import type { Host } from '../process/hosts.ts';
import { clientSettings, createSender, type SendToAws } from './client.ts';
import type { AwsRefusal } from './common-errors.ts';
import { isKeyArn, partitionOf, regionOfKey, serviceHosts } from './names.ts';
import type { SecretAddress } from './secrets-manager.ts';
import type { KeyBinding, PublicJwk } from './shape.ts';

export interface KmsSettings extends Pick<SecretAddress, 'keys'> {
  /** Lets the process connect to these hosts too, from now on. */
  readonly allowHosts: (hosts: readonly Host[]) => void;
}

/** Keeps one client for each region, so that the runs of a fleet share connections. */
export class KmsKeys {
  readonly #settings: KmsSettings;
  readonly #clients = new Map<string, KMSClient>();

  constructor(settings: KmsSettings) {
    this.#settings = settings;
  }

  /**
   * Returns the ECDSA signature of SHA-256 over `data`, in DER.
   * @throws ConfigError when the key is missing, disabled, scheduled for deletion or of another kind, CredentialError when AWS
   * denies its use, UnavailableError when KMS is away; on abort, the signal's reason.
   */
  async sign(keyArn: string, data: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const command = new SignCommand({
      KeyId: keyArn,
      Message: data,
      MessageType: 'RAW',
      SigningAlgorithm: 'ECDSA_SHA_256',
    });
    const send = this.#connect(keyArn, regionOfKey(keyArn));
    return await send(
      'Sign',
      async (client, options) => {
        const { Signature: signature } = await client.send(command, options);
        if (signature instanceof Uint8Array) return signature;
        throw new SyntaxError('an answer without a signature');
      },
      signal,
    );
  }

  /**
   * The key's ARN and public half. `key` is an ARN, an alias's ARN, or the name of an alias in `region`.
   * @throws as `sign`, also for a key that cannot sign DPoP proofs.
   */
  async readBinding(key: string, region: string, signal: AbortSignal): Promise<KeyBinding> {
    const send = this.#connect(key, regionOfKey(key) ?? region);
    const command = new GetPublicKeyCommand({ KeyId: key });
    const answer = await send(
      'GetPublicKey',
      async (client, options) => {
        const answer = await client.send(command, options);
        if (answer.PublicKey instanceof Uint8Array && isKeyArn(answer.KeyId ?? '')) return answer;
        throw new SyntaxError('an answer without a public key');
      },
      signal,
    );
    const { KeyId: kmsKeyId = '', PublicKey: spki = new Uint8Array(), KeySpec: spec, KeyUsage: usage } = answer;
    if (spec !== 'ECC_NIST_P256' || usage !== 'SIGN_VERIFY') throw wrongKindError(`AWS KMS, key ${kmsKeyId}`);
    return { kmsKeyId, jwk: jwkOf(spki) };
  }

  #connect(key: string, region: string | undefined): SendToAws<KMSClient> {
    if (region === undefined) throw new Error('a key without a region');
    const { keys, allowHosts } = this.#settings;
    let client = this.#clients.get(region);
    if (client === undefined) {
      allowHosts(serviceHosts('kms', region));
      client = new KMSClient(clientSettings({ region, keys }));
      this.#clients.set(region, client);
    }
    return createSender(client, {
      service: 'AWS KMS',
      actionPrefix: 'kms',
      kind: 'key',
      name: key,
      arn: key.startsWith('arn:') ? key : `arn:${partitionOf(region)}:kms:${region}:*:key/* (the key behind ${key})`,
      region,
      regionSource: "the region in the key's ARN",
      keys,
      nameVariable: 'dpop.kms_key_id in the secret',
      endpointVariable: 'AWS_ENDPOINT_URL_KMS',
      explain: (refusal) => explain(refusal, key, region),
    });
  }
}

function jwkOf(spki: Uint8Array): PublicJwk {
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  return { kty: 'EC', crv: 'P-256', x, y };
}

const KEY_PAGE = 'AWS console (Key Management Service → Customer managed keys → the key';

/** The end of a remedy for a key that will not sign again. */
const BIND_AGAIN =
  'bind the refresh token to another key with `job rotate --kms-key <arn>`, or to none with `job rotate --unbind`.';

/** Source of the names: docs.aws.amazon.com/kms/latest/APIReference, the pages Sign and GetPublicKey. */
function explain({ name, message, what, said }: AwsRefusal, key: string, region: string): JobError | undefined {
  switch (name) {
    case 'DisabledException':
      return new ConfigError(
        `${what}: the key is disabled, so a refresh token that is bound to it cannot be used`,
        `If the secret leaked, leave the key disabled and run \`job rotate --revoke --kms-key <another key>\`. Otherwise enable the key in the ${KEY_PAGE} → Key actions → Enable).`,
      );
    case 'KMSInvalidStateException':
      if (/delet/i.test(message)) {
        return new ConfigError(
          `${what}: the key is scheduled for deletion, so a refresh token that is bound to it cannot be used`,
          `To keep the key, cancel the deletion in the ${KEY_PAGE} → Key actions → Cancel key deletion), then enable the key. Otherwise ${BIND_AGAIN}`,
        );
      }
      return new ConfigError(
        `${what}: the key cannot sign in its present state${said}`,
        `Look at the key in the ${KEY_PAGE}), or ${BIND_AGAIN}`,
      );
    case 'NotFoundException':
      if (!key.startsWith('arn:')) {
        return new ConfigError(
          `there is no ${key} in ${region}`,
          "Check its spelling. If the key is in another region, give the key's ARN.",
        );
      }
      return new ConfigError(
        `${what}: there is no such key in this account and region`,
        `Check the ARN. A deleted key cannot be restored; ${BIND_AGAIN}`,
      );
    case 'InvalidKeyUsageException':
    case 'UnsupportedOperationException':
      return wrongKindError(what);
    case 'InvalidArnException':
    case 'ValidationException':
      return new ConfigError(
        `${what}: AWS does not accept the request for this key${said}`,
        `Check the ARN, or ${BIND_AGAIN}`,
      );
    default:
      return undefined;
  }
}

function wrongKindError(what: string): ConfigError {
  return new ConfigError(
    `${what}: the key cannot sign with ECDSA_SHA_256`,
    'Use an asymmetric key with the key spec ECC_NIST_P256 and the key usage SIGN_VERIFY (the AWS console says "Sign and verify"); `job policy --cloudformation --kms-sign alias/gmail-jobs` prints a template that creates such a key.',
  );
}
