/** The pages at the end of `job authorize` and `job rotate`, with the same words in the browser and in the terminal. */

import type { FurtherKeys } from '../aws/further-keys.ts';
import { shownKey } from '../aws/key-names.ts';
import type { FetchedSecret, Stage } from '../aws/secret.ts';
import type { SecretStore } from '../aws/secret-store.ts';
import type { AuthorizedUser } from '../aws/shape.ts';
import { counted } from '../base/count.ts';
import { DAY_MS } from '../base/duration.ts';
import { StoppedError } from '../errors.ts';
import { hasAllScopes, type JobScopes, rotateFor, shortScope } from '../google/scopes.ts';
import { AUTHORIZE_AGAIN, REVOKE_UNBOUND } from '../google/token.ts';
import type { Terminal } from '../screen/terminal.ts';
import { isSameBinding } from './binding.ts';
import type { Grant } from './consent.ts';
import { unionOf } from './options.ts';
import type { OutcomePage, PageFacts } from './outcome-page.ts';
import type { CurrentVersion } from './rotation.ts';
import type { ProvenVersion } from './stored-secret.ts';

export function storedPage(
  grant: Grant,
  installed: readonly JobScopes[],
  store: SecretStore,
  stored: {
    readonly versionId: string;
    readonly stage: Stage;
    readonly clientFile: string | undefined;
    /** The version that was current; null when there was none. */
    readonly before?: Pick<FetchedSecret, 'versionId' | 'furtherKeys' | 'credentials'> | null;
  },
): OutcomePage {
  const live = stored.stage === 'AWSCURRENT';
  const credentials = stored.before?.credentials;
  const before = credentials !== undefined && 'refreshToken' in credentials ? credentials : undefined;
  const tidy =
    stored.clientFile === undefined ? [] : [`Delete ${stored.clientFile}: the secret holds its content now.`];
  return {
    tone: 'good',
    title: live ? 'Everything is in place' : 'Ready for the rotation',
    text: live
      ? 'The credentials were stored in AWS. The next run of a job uses them.'
      : 'The credentials were stored in AWS beside the current ones. The jobs use the current ones until the rotation.',
    facts: [
      ['Mailbox', grant.user.email],
      ['Secret', secretName(store)],
      ['Version', `${stored.versionId}, ${stored.stage}`],
      ...boundFact(grant.user, before),
      ...keptFact(stored.before?.furtherKeys ?? null),
      ...servedFacts(installed, grant.scopes),
    ],
    next: [
      ...(live
        ? ['Run `job check`: it says whether everything else is in place.']
        : ['Run `job rotate`: it checks this version and makes it current.']),
      ...boundSteps(grant.user, before, live),
      ...(stored.before?.furtherKeys === null ? [nothingKept(stored.before.versionId)] : []),
      ...lostJobsSteps(installed, grant.scopes),
      ...lifeWarning(grant),
      ...tidy,
    ],
  };
}

export function dryRunPage(grant: Grant, installed: readonly JobScopes[], store: SecretStore): OutcomePage {
  return {
    tone: 'neutral',
    title: 'It works, and nothing was stored',
    text: 'This was a dry run: it did everything except storing the credentials in AWS.',
    facts: [
      ['Mailbox', grant.user.email],
      ['Secret', `${secretName(store)}, unchanged`],
      ...boundFact(grant.user, undefined),
      ...servedFacts(installed, grant.scopes),
    ],
    next: ['Run the same command without `--dry-run` to store the credentials.', ...lifeWarning(grant)],
  };
}

export function rotatedPage(
  before: CurrentVersion,
  { versionId, user, scopes }: Pick<ProvenVersion, 'versionId' | 'user' | 'scopes'>,
  installed: readonly JobScopes[],
  store: SecretStore,
  revoked = false,
): OutcomePage {
  const changed = versionId !== before.versionId;
  const spare = before.problem === null ? ', used if the new one fails' : ', which does not work';
  const fate = revoked ? 'revoked' : `AWSPREVIOUS${spare}`;
  return {
    tone: 'good',
    title: 'The new credentials are live',
    text: 'They were checked before and after they became current. The next run of a job uses them.',
    facts: [
      ['Mailbox', before.mailbox],
      ['Secret', secretName(store)],
      ['Version', `${versionId}, AWSCURRENT`],
      ...boundFact(user, before.user),
      ...(changed ? [['Before', `${before.versionId}, ${fate}`] as const, ...keptFact(before.furtherKeys)] : []),
      ...(scopes === undefined ? [] : servedFacts(installed, scopes)),
    ],
    next: [
      ...(scopes === undefined ? [] : lostJobsSteps(installed, scopes)),
      ...boundSteps(user, before.user, changed && !revoked && before.problem === null),
      'Nothing has to be restarted. `job check` says whether everything else is in place.',
    ],
  };
}

/** The warning about installed jobs that lack a scope, with the remedy; null when no job lacks one. */
export function lostJobsText(
  installed: readonly JobScopes[],
  scopes: readonly string[],
  remedy = `To authorize for every installed job: \`${rotateFor(installed)}\`.`,
): string | null {
  const lost = installed.filter((job) => !hasAllScopes(job, scopes)).map(({ name }) => name);
  if (lost.length === 0) return null;
  return `${lost.join(', ')} will not run. ${remedy}`;
}

export function sameClientPage(before: CurrentVersion, store: SecretStore): OutcomePage {
  return {
    tone: 'neutral',
    title: 'Nothing had to be rotated',
    text: 'The current version holds this client secret already, and works.',
    facts: [
      ['Mailbox', before.mailbox],
      ['Secret', secretName(store)],
      ['Version', `${before.versionId}, AWSCURRENT`],
    ],
    next: ['For a new refresh token, run `job rotate` without naming a client.'],
  };
}

export function secretName({ address }: SecretStore): string {
  return `${address.secretId} in ${address.region}`;
}

export function printPage({ title, text, facts = [], next }: OutcomePage, terminal: Terminal): void {
  const width = Math.max(0, ...facts.map(([name]) => name.length));
  terminal.print(`${title}. ${text}`);
  for (const [name, value] of facts) terminal.print(`  ${name.padEnd(width)}  ${value}`, width + 2);
  for (const step of next) terminal.print(`Next: ${step}`, 'Next: '.length);
}

/** The key to which the new refresh token is bound; also when the token `before` was bound, and the new one is not. */
function boundFact({ binding }: AuthorizedUser, before: AuthorizedUser | undefined): PageFacts {
  return binding === undefined && before?.binding === undefined ? [] : [['Bound to', binding?.kmsKeyId ?? 'no key']];
}

/** The next steps after a token was bound to a key. `keepsBefore`: AWSPREVIOUS holds the token `before`, which works. */
function boundSteps({ binding }: AuthorizedUser, before: AuthorizedUser | undefined, keepsBefore: boolean): string[] {
  if (binding === undefined || isSameBinding(binding, before?.binding)) return [];
  return [
    `Let the app sign with the key, or its runs fail: \`job policy --kms-sign ${binding.kmsKeyId}\` prints the policy of its user.`,
    ...(keepsBefore && before !== undefined && before.binding === undefined
      ? [`AWSPREVIOUS still opens the mailbox without the key. ${REVOKE_UNBOUND}`]
      : []),
  ];
}

/** The further keys that the new version keeps from the previous one. */
function keptFact(keys: FurtherKeys | null): PageFacts {
  const names = [...(keys?.keys() ?? [])].map(shownKey);
  return names.length === 0 ? [] : [['Kept keys', [...new Set(names)].join(', ')]];
}

function nothingKept(versionId: string): string {
  return `If your jobs have keys in this secret, store them again: the previous version (${versionId}) is no JSON object, so none of its keys were kept.`;
}

function lostJobsSteps(installed: readonly JobScopes[], scopes: readonly string[]): string[] {
  const lost = lostJobsText(installed, scopes);
  return lost === null ? [] : [`With these scopes, ${lost}`];
}

function servedFacts(installed: readonly JobScopes[], scopes: readonly string[]): PageFacts {
  const needed = new Set(unionOf(installed));
  const names = (isWanted: boolean) =>
    installed.flatMap((job) => (hasAllScopes(job, scopes) === isWanted ? [job.name] : [])).join(', ');
  const short = (isWanted: boolean) =>
    scopes
      .filter((scope) => needed.has(scope) === isWanted)
      .map(shortScope)
      .join(', ');
  const facts: PageFacts = [
    ['Will run', names(true) || 'no installed job'],
    ['Will not run', names(false)],
    ['Scopes', short(true)],
    ['Not needed', short(false)],
  ];
  return facts.filter(([name, value]) => value !== '' || name === 'Scopes');
}

/** A warning when Google limits the time of the access. */
function lifeWarning({ refreshTokenLifetimeMs: lifetimeMs }: Grant): string[] {
  if (lifetimeMs === undefined) return [];
  const days = Math.max(1, Math.round(lifetimeMs / DAY_MS));
  return [
    `Google ends this access after ${counted(days, 'day')}. If the consent screen is in Testing, publish the app (Google Auth Platform → Audience), then ${AUTHORIZE_AGAIN}.`,
  ];
}

export interface WatchedStore {
  readonly store: SecretStore;
  /** Does `work`. When a person stops it, prints whether a request that changes the secret was sent. */
  explainStop<T>(work: () => Promise<T>): Promise<T>;
}

/** Watches `store` for requests that change the secret. A person who stops the command after one reads `advice`. */
export function watchStore(store: SecretStore, terminal: Pick<Terminal, 'print'>, advice: string): WatchedStore {
  let asked = false;
  const noting =
    <A extends unknown[], R>(method: (...values: A) => R) =>
    (...values: A): R => {
      asked = true;
      return method(...values);
    };
  const { create, put, moveStage, dropStage } = store;
  return {
    store: {
      ...store,
      create: noting(create),
      put: noting(put),
      moveStage: noting(moveStage),
      dropStage: noting(dropStage),
    },
    async explainStop(work) {
      try {
        return await work();
      } catch (error) {
        if (error instanceof StoppedError) {
          terminal.print(
            asked ? `Stopped while storing credentials in AWS: ${advice}` : 'Stopped: nothing was stored.',
          );
        }
        throw error;
      }
    },
  };
}
