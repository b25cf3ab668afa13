// AWS KMS with Sign (of messages, not of digests) and GetPublicKey over its JSON protocol: keys by id, ARN or alias, for users
// who may do only what their policy says, with its errors by their real names.
import { createPublicKey, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { AWS_ERRORS, AwsRefusal } from './aws-errors.ts';
import type { Answer, RecordedRequest, Service } from './http.ts';
import { ACCOUNT_ID, decide, denialMessage, type IamUser, type SandboxIam } from './iam.ts';
import { checkSignature, type SignatureFault } from './sigv4.ts';

/** Status and default message of each error. See docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html#API_Sign_Errors. */
const KMS_ERRORS = {
  NotFoundException: [400, 'The specified key does not exist.'],
  DisabledException: [400, 'The key is disabled.'],
  KMSInvalidStateException: [400, 'The key is pending deletion.'],
  InvalidKeyUsageException: [400, 'The key usage is not valid for the operation.'],
  UnsupportedOperationException: [400, 'The operation is not supported for this key.'],
  AccessDeniedException: [400, 'The user is not authorized to perform the operation.'],
  ValidationException: [400, "1 validation error detected: Value at 'keyId' failed to satisfy constraint"],
  ThrottlingException: [
    400,
    'You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.',
  ],
  KeyUnavailableException: [500, 'The key is not available. Try again.'],
  DependencyTimeoutException: [500, 'The system timed out while trying to fulfill the request.'],
  KMSInternalException: [500, 'An internal error occurred.'],
  ExpiredTokenException: [400, AWS_ERRORS.ExpiredTokenException.message('', '')],
  SerializationException: [400, AWS_ERRORS.SerializationException.message('', '')],
  UnknownOperationException: [400, AWS_ERRORS.UnknownOperationException.message('', '')],
} satisfies Record<string, [status: number, message: string]>;

export type KmsErrorName = keyof typeof KMS_ERRORS;

export type KmsKeySpec = 'ECC_NIST_P256' | 'ECC_NIST_P384' | 'RSA_2048' | 'SYMMETRIC_DEFAULT';
export type KmsKeyUsage = 'SIGN_VERIFY' | 'KEY_AGREEMENT' | 'ENCRYPT_DECRYPT';

export interface PublicJwk {
  kty: 'EC';
  crv: 'P-256';
  x: string;
  y: string;
}

/** A key of the stand-in; changing it changes the service. */
export interface KmsKey {
  keyId: string;
  arn: string;
  region: string;
  /** Such as 'alias/gmail-jobs'. */
  alias?: string;
  spec: KmsKeySpec;
  usage: KmsKeyUsage;
  state: 'Enabled' | 'Disabled' | 'PendingDeletion';
  /** Absent for a symmetric key. */
  privateKey?: KeyObject;
  /** @throws when the key is not of ECC_NIST_P256. */
  readonly jwk: PublicJwk;
}

export interface KmsKeyOptions {
  /** With or without 'alias/' in front. */
  alias?: string;
  spec?: KmsKeySpec;
  usage?: KmsKeyUsage;
  region?: string;
}

type Input = Record<string, unknown>;

const ALGORITHMS: Record<KmsKeySpec, readonly string[]> = {
  ECC_NIST_P256: ['ECDSA_SHA_256'],
  ECC_NIST_P384: ['ECDSA_SHA_384'],
  RSA_2048: [
    'RSASSA_PKCS1_V1_5_SHA_256',
    'RSASSA_PKCS1_V1_5_SHA_384',
    'RSASSA_PKCS1_V1_5_SHA_512',
    'RSASSA_PSS_SHA_256',
    'RSASSA_PSS_SHA_384',
    'RSASSA_PSS_SHA_512',
  ],
  SYMMETRIC_DEFAULT: [],
};
const LARGEST_MESSAGE = 4_096;

export class SandboxKms implements Service {
  readonly name = 'kms';
  /** By key id. */
  readonly keys = new Map<string, KmsKey>();

  readonly #iam: SandboxIam;
  readonly #failures: KmsErrorName[] = [];

  constructor(iam: SandboxIam) {
    this.#iam = iam;
  }

  /** Makes an enabled key, by default of ECC_NIST_P256 for SIGN_VERIFY in us-east-1. */
  createKey(options: KmsKeyOptions = {}): KmsKey {
    const { alias, spec = 'ECC_NIST_P256', region = 'us-east-1' } = options;
    const keyId = randomUUID();
    const privateKey = makePrivateKey(spec);
    const key: KmsKey = {
      keyId,
      arn: `${arnPrefix(region)}key/${keyId}`,
      region,
      ...(alias === undefined ? {} : { alias: `alias/${alias.replace(/^alias\//, '')}` }),
      spec,
      usage: options.usage ?? (spec === 'SYMMETRIC_DEFAULT' ? 'ENCRYPT_DECRYPT' : 'SIGN_VERIFY'),
      state: 'Enabled',
      ...(privateKey ? { privateKey } : {}),
      get jwk(): PublicJwk {
        const { kty, crv, x = '', y = '' } = privateKey ? createPublicKey(privateKey).export({ format: 'jwk' }) : {};
        if (kty !== 'EC' || crv !== 'P-256') throw new Error(`a key of ${spec} has no public key on P-256`);
        return { kty: 'EC', crv: 'P-256', x, y };
      },
    };
    this.keys.set(keyId, key);
    return key;
  }

  disable(arn: string): void {
    this.#key(arn).state = 'Disabled';
  }

  enable(arn: string): void {
    this.#key(arn).state = 'Enabled';
  }

  /** Marks a key for deletion in 30 days; until `enable` it does not sign. */
  scheduleDeletion(arn: string): void {
    this.#key(arn).state = 'PendingDeletion';
  }

  /** Answers the next `times` requests with this error. The SDK repeats some of them by itself. */
  fail(error: KmsErrorName, times = 1): void {
    for (let n = 0; n < times; n += 1) this.#failures.push(error);
  }

  verb(_method: string, _path: string, headers: IncomingHttpHeaders): string {
    return String(headers['x-amz-target'] ?? '').replace(/^TrentService\./, '') || 'unknown';
  }

  handle(request: RecordedRequest, rawBody: Buffer): Answer {
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': randomUUID() };
    try {
      return { status: 200, headers, body: this.#perform(request, rawBody) };
    } catch (error) {
      if (!(error instanceof AwsRefusal)) throw error;
      return { ...error.answer, headers };
    }
  }

  #perform(request: RecordedRequest, rawBody: Buffer): object {
    const input = inputOf(request);
    const planned = this.#failures.shift();
    if (planned) throw kmsError(planned);
    const check = checkSignature(request, rawBody, 'kms', this.#iam.keys);
    if ('fault' in check) throw signatureError(check.fault);
    const action = { Sign: signMessage, GetPublicKey: getPublicKey }[request.verb];
    if (action === undefined) throw kmsError('UnknownOperationException');
    if (typeof input.KeyId !== 'string' || input.KeyId === '') {
      throw kmsError(
        'ValidationException',
        "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null",
      );
    }
    const key = this.#lookUp(input.KeyId, check.region);
    authorize(this.#iam.user(check.keyId), request.verb, key, input);
    return action(key, input);
  }

  #key(arn: string): KmsKey {
    const key = [...this.keys.values()].find((known) => known.arn === arn);
    if (key === undefined) throw new Error(`the sandbox has no KMS key ${arn}`);
    return key;
  }

  #lookUp(id: string, region: string): KmsKey {
    const [, , , arnRegion = region] = id.startsWith('arn:') ? id.split(':') : [];
    if (arnRegion !== region) throw kmsError('NotFoundException', `Invalid arn ${arnRegion}`);
    const prefix = arnPrefix(region);
    const name = id.startsWith(prefix) ? id.slice(prefix.length).replace(/^key\//, '') : id;
    const here = [...this.keys.values()].filter((key) => key.region === region);
    const key = here.find(({ alias, keyId }) => name === keyId || name === alias);
    if (key) return key;
    if (name.startsWith('alias/')) throw kmsError('NotFoundException', `Alias ${prefix}${name} is not found.`);
    if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(name)) {
      throw kmsError('NotFoundException', `Invalid keyId '${id}'`);
    }
    throw kmsError('NotFoundException', `Key '${prefix}key/${name}' does not exist`);
  }
}

function signMessage(key: KmsKey, input: Input): object {
  const { SigningAlgorithm: algorithm, MessageType: type = 'RAW', Message: encoded } = input;
  if (type !== 'RAW') throw new Error(`the sandbox signs no message of the type ${type}`);
  if (typeof algorithm !== 'string' || !Object.values(ALGORITHMS).flat().includes(algorithm)) {
    throw kmsError(
      'ValidationException',
      `1 validation error detected: Value '${algorithm}' at 'signingAlgorithm' failed to satisfy constraint: Member must satisfy enum value set`,
    );
  }
  const message = Buffer.from(typeof encoded === 'string' ? encoded : '', 'base64');
  if (message.length === 0 || message.length > LARGEST_MESSAGE) {
    throw kmsError(
      'ValidationException',
      "1 validation error detected: Value at 'message' failed to satisfy constraint: Member must have length less than or equal to 4096 and greater than or equal to 1",
    );
  }
  requireEnabled(key);
  if (key.usage !== 'SIGN_VERIFY') {
    throw kmsError('InvalidKeyUsageException', `${key.arn} key usage is ${key.usage} which is not valid for Sign.`);
  }
  if (!ALGORITHMS[key.spec].includes(algorithm)) {
    throw kmsError(
      'InvalidKeyUsageException',
      `Algorithm ${algorithm} and key spec ${key.spec} are incompatible with each other.`,
    );
  }
  if (key.privateKey === undefined || key.spec !== 'ECC_NIST_P256') {
    throw new Error(`the sandbox does not sign with a key of ${key.spec}`);
  }
  const signature = sign('sha256', message, key.privateKey);
  return { KeyId: key.arn, Signature: signature.toString('base64'), SigningAlgorithm: algorithm };
}

function getPublicKey(key: KmsKey): object {
  if (key.privateKey === undefined) {
    throw kmsError('UnsupportedOperationException', `${key.arn} key usage is ${key.usage} which is not valid.`);
  }
  requireEnabled(key);
  const spki = createPublicKey(key.privateKey).export({ format: 'der', type: 'spki' });
  return {
    KeyId: key.arn,
    PublicKey: spki.toString('base64'),
    KeySpec: key.spec,
    CustomerMasterKeySpec: key.spec,
    KeyUsage: key.usage,
    ...(key.usage === 'SIGN_VERIFY' ? { SigningAlgorithms: ALGORITHMS[key.spec] } : {}),
  };
}

function requireEnabled({ arn, state }: KmsKey): void {
  if (state === 'Disabled') throw kmsError('DisabledException', `${arn} is disabled.`);
  if (state === 'PendingDeletion') throw kmsError('KMSInvalidStateException', `${arn} is pending deletion.`);
}

/** KMS checks the ARN of the key, also when the request names an alias. */
function authorize(user: IamUser, verb: string, key: KmsKey, input: Input): void {
  const action = `kms:${verb}`;
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const id = text(input.KeyId);
  const decision = decide(user.policy, action, key.arn, {
    'aws:RequestedRegion': key.region,
    'kms:CallerAccount': ACCOUNT_ID,
    'kms:KeySpec': key.spec,
    'kms:KeyUsage': key.usage,
    'kms:ResourceAliases': key.alias === undefined ? undefined : [key.alias],
    'kms:RequestAlias': id?.includes('alias/') ? key.alias : undefined,
    ...(verb === 'Sign'
      ? { 'kms:SigningAlgorithm': text(input.SigningAlgorithm), 'kms:MessageType': text(input.MessageType) ?? 'RAW' }
      : {}),
  });
  if (decision === 'allowed') return;
  throw kmsError('AccessDeniedException', denialMessage(user, action, decision, key.arn));
}

function kmsError(name: KmsErrorName, message: string = KMS_ERRORS[name][1]): AwsRefusal {
  return refusal(KMS_ERRORS[name][0], name, message);
}

function signatureError(fault: SignatureFault): AwsRefusal {
  return refusal(AWS_ERRORS[fault].status, fault, AWS_ERRORS[fault].message('', ''));
}

function refusal(status: number, name: string, message: string): AwsRefusal {
  return new AwsRefusal({ status, body: { __type: name, message } });
}

function inputOf({ method, path, headers, body }: RecordedRequest): Input {
  const wellFormed =
    method === 'POST' &&
    path === '/' &&
    headers['content-type'] === 'application/x-amz-json-1.1' &&
    headers['x-amz-target']?.toString().startsWith('TrentService.');
  if (!wellFormed) throw kmsError('UnknownOperationException');
  if (typeof body !== 'object' || body === null) throw kmsError('SerializationException');
  return body as Input;
}

function arnPrefix(region: string): string {
  return `arn:aws:kms:${region}:${ACCOUNT_ID}:`;
}

function makePrivateKey(spec: KmsKeySpec): KeyObject | undefined {
  switch (spec) {
    case 'ECC_NIST_P256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    case 'ECC_NIST_P384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    case 'RSA_2048':
      return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    case 'SYMMETRIC_DEFAULT':
      return undefined;
  }
}
