/** The AWS credentials in the environment, and their problems that can be seen without asking AWS. */
import { CREDENTIAL_NAMES, credentialKind, credentialsIn, oddCharacter } from '../base/credential-like.ts';
import { AWS_SECRETS, CONTAINER_TOKEN } from './environment-secrets.ts';

/** In the form that AWS's SDK takes. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** The token that the service at AWS_CONTAINER_CREDENTIALS_FULL_URI requires. */
export interface ContainerToken {
  readonly containerToken: string;
}

/** Sources of AWS credentials other than a pair of keys. Setting one of these variables is the opt-in to use it. */
const OTHER_AWS_SOURCES = [
  'AWS_PROFILE',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
];

/** The value of a variable; undefined when it is not set. */
type Variables = (name: string) => string | undefined;

/** The variables of a pair of keys that are missing; none when another source of credentials is named. */
export function missingKeys(text: Variables): string[] {
  if (OTHER_AWS_SOURCES.some((name) => text(name) !== undefined)) return [];
  return ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'].filter((name) => text(name) === undefined);
}

/** The keys in the environment; undefined with AWS_PROFILE, since the SDK then uses the profile alone. */
export function readAwsKeys(text: Variables): AwsKeys | ContainerToken | undefined {
  const accessKeyId = text('AWS_ACCESS_KEY_ID');
  const secretAccessKey = text('AWS_SECRET_ACCESS_KEY');
  const sessionToken = text('AWS_SESSION_TOKEN');
  const containerToken = text(CONTAINER_TOKEN);
  if (accessKeyId === undefined || secretAccessKey === undefined || text('AWS_PROFILE') !== undefined) {
    return containerToken === undefined ? undefined : { containerToken };
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}

/** Problems of the AWS keys in use, by variable. AWS would report them later and less precisely. */
export function problemsOfKeys(
  text: Variables,
  keys: AwsKeys | ContainerToken | undefined,
): readonly (readonly [name: string, problem: string])[] {
  if (keys === undefined) return [];
  const used = AWS_SECRETS.filter((name) => 'containerToken' in keys === (name === CONTAINER_TOKEN));
  const odd = used.flatMap((name) => {
    const problem = name === CONTAINER_TOKEN ? problemOfHeader(text(name) ?? '') : problemOfKey(name, text(name) ?? '');
    return problem === undefined ? [] : [[name, `holds ${problem}: copy the value again`] as const];
  });
  if ('accessKeyId' in keys && keys.accessKeyId.startsWith('ASIA') && keys.sessionToken === undefined) {
    return [
      ...odd,
      ['AWS_SESSION_TOKEN', 'is not set, but AWS_ACCESS_KEY_ID (ASIA…) is a temporary key, which needs it'],
    ];
  }
  return odd;
}

/** The container's token is the value of a header, such as `Basic dXNlcjpw`. */
function problemOfHeader(value: string): string | undefined {
  const odd = /AWS_[A-Z_]{4,}/.test(value) ? "a variable's name" : oddCharacter(value.replaceAll(' ', ''));
  return odd && `${odd}, which AWS keys never contain`;
}

/** The characters that each key may have. Keys that stand-ins make up may also have hyphens, dots and underscores. */
const CHARACTERS: Readonly<Record<string, RegExp>> = {
  AWS_ACCESS_KEY_ID: /^[\w.-]*$/,
  AWS_SECRET_ACCESS_KEY: /^[\w.\-/+=]*$/,
};

function problemOfKey(name: string, value: string): string | undefined {
  const kind = foreignKind(name, value);
  if (kind !== undefined) return kind;
  const odd = /AWS_[A-Z_]{4,}/.test(value) ? "a variable's name" : oddCharacter(value);
  if (odd !== undefined) return `${odd}, which AWS keys never contain`;
  const isSound = CHARACTERS[name]?.test(value) ?? !/[\\,;<>[\]{}$%]/.test(value);
  return isSound ? undefined : 'a bracket or another mark, which AWS keys never contain';
}

/** A credential of another kind in place of a key, for a message. */
function foreignKind(name: string, value: string): string | undefined {
  const kind = credentialKind(value);
  const own = name === 'AWS_ACCESS_KEY_ID' ? 'aws-key-id' : undefined;
  if (kind === undefined || kind === own) return undefined;
  // A secret key or session token may begin like one of these two by chance, but never has the whole form.
  const mayBeChance = kind === 'refresh-token' || kind === 'authorization-code';
  if (mayBeChance && own === undefined && credentialsIn(value)[0]?.start !== 0) return undefined;
  if (kind === 'base64' && name === 'AWS_SESSION_TOKEN') return undefined;
  return `${CREDENTIAL_NAMES[kind]}, which belongs elsewhere`;
}
