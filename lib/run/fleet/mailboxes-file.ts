/** Reads the entries of mailboxes.yaml, or lists every problem with file, line and column. mailboxes.ts finds their mailboxes. */
import * as v from 'valibot';
import { isSecretId, isSecretPrefix, regionOfSecret } from '../../aws/names.ts';
import { beginsLikeCredential } from '../../base/credential-like.ts';
import { isMailAddress } from '../../base/mail-address.ts';
import { readSettingsFile } from '../../base/settings-file.ts';
import type { Path } from '../../base/yaml.ts';
import { type FileFormat, mapSchema, ordinal, parseSettings } from '../../base/yaml-schema.ts';
import type { Config } from '../../config.ts';

/** An entry of mailboxes.yaml. */
export type MailboxSource = SourceKind & {
  /** The entry as messages name it: `mailboxes.yaml:3:5 (secretPrefix gmail-jobs/team/)`. */
  readonly label: string;
  /** The path of the rules for its mailboxes; undefined for the path in RULES_FILE. */
  readonly rulesFile: string | undefined;
};

type SourceKind =
  | { readonly kind: 'secret'; readonly secretId: string; readonly email: string | undefined }
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'subjects'; readonly secretId: string; readonly subjects: readonly string[] }
  | {
      readonly kind: 'directory';
      readonly secretId: string;
      /** The administrator as whom the service account asks. */
      readonly admin: string;
      /** The search of users.list; undefined for all users. */
      readonly query: string | undefined;
    };

const DEFAULT_FILE = 'mailboxes.yaml';

/**
 * The entries of the file in MAILBOXES_FILE, or of mailboxes.yaml in the working folder.
 * @throws ConfigError when the file cannot be read, or with all its problems.
 */
export async function readMailboxesFile(
  config: Pick<Config, 'mailboxesFile'> & { readonly awsRegion: string | undefined },
): Promise<readonly MailboxSource[]> {
  const { mailboxesFile, awsRegion } = config;
  const path = mailboxesFile ?? DEFAULT_FILE;
  const content = await readSettingsFile({
    path,
    name:
      mailboxesFile === undefined
        ? `MAILBOXES_FILE is not set, and ${path} in the working folder`
        : `the list of mailboxes ${path} (MAILBOXES_FILE)`,
    variable: 'MAILBOXES_FILE',
    remedy:
      'Set MAILBOXES_FILE to the path of a list of mailboxes, relative to the working folder. "Many mailboxes" in jobs/README.md describes the file.',
  });
  return parseMailboxes(content, path, awsRegion);
}

const text = v.pipe(
  v.string('must be text (put it in quotes)'),
  v.transform((value) => value.trim()),
  v.nonEmpty('is empty'),
);
const noCredential = v.check(
  (value: string) => !beginsLikeCredential(value),
  'holds text that begins like a credential, but must be the name of the secret that holds the credentials',
);
const secretId = v.pipe(
  text,
  noCredential,
  v.check(
    isSecretId,
    "must be the name of a secret in AWS Secrets Manager (letters, digits and /_+=.@-) or such a secret's ARN",
  ),
);
const secretPrefix = v.pipe(
  text,
  noCredential,
  v.check(
    isSecretPrefix,
    'must be the beginning of the names of secrets, such as gmail-jobs/team/ (letters, digits and /_+=.@-)',
  ),
);
const address = v.pipe(text, v.check(isMailAddress, 'must be a mail address such as ann@example.com'));
const rules = v.pipe(
  text,
  v.check((path) => !path.includes('\0'), 'must be the path of a rules file'),
);

const directorySchema = v.strictObject({ admin: address, query: v.optional(text) });
const entrySchema = v.strictObject({
  secret: v.optional(secretId),
  secretPrefix: v.optional(secretPrefix),
  serviceAccount: v.optional(secretId),
  subjects: v.optional(
    v.pipe(v.array(address, 'must be a list, such as [ann@example.com]'), v.minLength(1, 'is an empty list')),
  ),
  directory: v.optional(v.pipe(mapSchema('must be a map, such as { admin: admin@example.com }'), directorySchema)),
  rules: v.optional(rules),
  email: v.optional(address),
});
type Entry = v.InferOutput<typeof entrySchema>;

const EXAMPLE = '{ secret: gmail-jobs/alice }';
const KINDS = 'one of secret, secretPrefix and serviceAccount';

const entry = v.pipe(
  mapSchema(`must be a map with ${KINDS}, such as ${EXAMPLE}`),
  entrySchema,
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const kind = kindOf(dataset.value);
    if (typeof kind === 'string') {
      addIssue({ message: kind });
      return NEVER;
    }
    return { ...kind, rulesFile: dataset.value.rules };
  }),
);

/** The kind of the entry; or as text its problem, a missing key or keys that exclude each other. */
function kindOf({ secret, secretPrefix, serviceAccount, subjects, directory, email }: Entry): SourceKind | string {
  const named = Object.entries({ secret, secretPrefix, serviceAccount }).filter(([, value]) => value !== undefined);
  if (named.length === 0) return `needs ${KINDS}`;
  if (named.length > 1) return `has ${named.map(([key]) => key).join(' and ')}, but may have only ${KINDS}`;
  if (email !== undefined && secret === undefined) return 'has email, which belongs to an entry with secret';
  if (serviceAccount === undefined) {
    if (subjects !== undefined) return 'has subjects, which belong to an entry with serviceAccount';
    if (directory !== undefined) return 'has directory, which belongs to an entry with serviceAccount';
    if (secret !== undefined) return { kind: 'secret', secretId: secret, email };
    return { kind: 'prefix', prefix: secretPrefix ?? '' };
  }
  if (subjects !== undefined && directory !== undefined) return 'has subjects and directory, but may have only one';
  if (subjects !== undefined) return { kind: 'subjects', secretId: serviceAccount, subjects };
  if (directory === undefined) return 'needs subjects (a list of addresses) or directory beside serviceAccount';
  return { kind: 'directory', secretId: serviceAccount, admin: directory.admin, query: directory.query };
}

const fileSchema = v.strictObject({
  mailboxes: v.pipe(
    v.array(entry, `must be a list of entries, such as "- secret: gmail-jobs/alice"`),
    v.minLength(1, 'is an empty list'),
  ),
});
const mailboxesFile = v.pipe(mapSchema('must be a map with the key mailboxes'), fileSchema);

/** A key that people write by mistake, in lower case → the right key. */
const FOREIGN_KEYS: ReadonlyMap<string, string> = new Map([
  ...['name', 'secretid', 'id'].map((key) => [key, 'secret'] as const),
  ...['prefix', 'secretsprefix', 'secrets'].map((key) => [key, 'secretPrefix'] as const),
  ...['account', 'key'].map((key) => [key, 'serviceAccount'] as const),
  ...['subject', 'users', 'user', 'addresses'].map((key) => [key, 'subjects'] as const),
  ...['mailbox', 'address'].map((key) => [key, 'email'] as const),
  ...['rule', 'rulesfile'].map((key) => [key, 'rules'] as const),
  ...['search', 'filter', 'orgunit'].map((key) => [key, 'query'] as const),
  ...['administrator', 'as'].map((key) => [key, 'admin'] as const),
  ...['accounts', 'entries', 'fleet'].map((key) => [key, 'mailboxes'] as const),
]);

function keysAt(path: Path): string[] {
  const { entries } = path.length === 1 ? fileSchema : path.includes('directory') ? directorySchema : entrySchema;
  return Object.keys(entries);
}

const FORMAT: FileFormat<typeof mailboxesFile> = {
  schema: mailboxesFile,
  list: 'mailboxes',
  entry: 'entry',
  firstKey: 'first key',
  searches: [['mailboxes', '*', 'directory', 'query']],
  keysAt,
  foreignKeys: FOREIGN_KEYS,
  remedy: 'Correct the list of mailboxes, and look at the result with `job fleet --list`.',
};

/**
 * The entries in the text `content`. `file` is only for messages; secrets by ARN must lie in `region` when it is known.
 * @throws ConfigError with all problems, each as `file:line:column: what is wrong`.
 */
export function parseMailboxes(content: string, file: string, region: string | undefined): readonly MailboxSource[] {
  const otherProblems: FileFormat<unknown>['otherProblems'] = (entries) => problemsOfRegion(entries, region);
  const { values, yaml } = parseSettings(content, file, { ...FORMAT, otherProblems });
  return values.mailboxes.map((source, index) => {
    const { place } = yaml.placeOf({ path: ['mailboxes', index] });
    return { ...source, label: `${file}${place} (${nameOf(source)})` };
  });
}

function problemsOfRegion(entries: readonly unknown[], region: string | undefined) {
  return entries.flatMap((entry, index) =>
    ['secret', 'serviceAccount'].flatMap((key) => {
      const value = (entry as Readonly<Record<string, unknown>> | null)?.[key];
      const own = typeof value === 'string' ? regionOfSecret(value.trim()) : undefined;
      if (own === undefined || region === undefined || own === region) return [];
      return [
        {
          path: ['mailboxes', index, key],
          message: `the ${ordinal(index + 1)} entry: ${key} is in ${own}, but AWS_REGION is ${region}, and all secrets of a fleet must be in one region`,
        },
      ];
    }),
  );
}

function nameOf(source: SourceKind): string {
  switch (source.kind) {
    case 'secret':
      return `secret ${source.secretId}`;
    case 'prefix':
      return `secretPrefix ${source.prefix}`;
    case 'subjects':
      return `serviceAccount ${source.secretId}, subjects`;
    case 'directory':
      return `serviceAccount ${source.secretId}, directory`;
  }
}
