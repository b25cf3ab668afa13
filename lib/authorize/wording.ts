/** How an authorization or rotation ended, in words that are the same in the browser and in the terminal. */

import type { Stage } from '../aws/secret.ts';
import type { Vault } from '../aws/vault.ts';
import { counted } from '../base/count.ts';
import { isServed, type JobScopes, rotateFor } from '../google/job-scopes.ts';
import { AUTHORIZE_AGAIN, shortScope } from '../google/token.ts';
import type { Terminal } from '../screen/terminal.ts';
import type { Grant } from './flow.ts';
import type { Page } from './page.ts';
import type { Proof } from './prove.ts';
import type { Current } from './rotation.ts';
import { unionOf } from './scopes.ts';

const DAY_MS = 86_400_000;

/** It is stored. */
export function storedPage(
  grant: Grant,
  installed: readonly JobScopes[],
  vault: Vault,
  stored: { readonly versionId: string; readonly stage: Stage; readonly clientFile: string | undefined },
): Page {
  const live = stored.stage === 'AWSCURRENT';
  const tidy =
    stored.clientFile === undefined ? [] : [`Delete ${stored.clientFile}: what was in it is in the secret now.`];
  return {
    tone: 'good',
    title: live ? 'Everything is in place' : 'Ready for the rotation',
    text: live
      ? 'The credentials were stored in AWS. The next run of a job uses them.'
      : 'The credentials were stored in AWS beside the current ones, which the jobs go on using for now.',
    facts: [
      ['Mailbox', grant.user.email],
      ['Secret', secretName(vault)],
      ['Version', `${stored.versionId}, ${stored.stage}`],
      ...servedFacts(installed, grant.scopes),
    ],
    next: [
      ...(live
        ? ['Run `job check`: it says whether everything else is in place too.']
        : ['Run `job rotate`: it checks this version and puts it live.']),
      ...leftOut(installed, grant.scopes),
      ...lifeWarning(grant),
      ...tidy,
    ],
  };
}

/** It would have been stored. */
export function dryRunPage(grant: Grant, installed: readonly JobScopes[], vault: Vault): Page {
  return {
    tone: 'neutral',
    title: 'It works, and nothing was stored',
    text: 'This was a dry run: everything was gone through, up to storing the credentials in AWS.',
    facts: [
      ['Mailbox', grant.user.email],
      ['Secret', `${secretName(vault)}, as it was`],
      ...servedFacts(installed, grant.scopes),
    ],
    next: ['Run the same command without `--dry-run` to store it.', ...lifeWarning(grant)],
  };
}

/** Other credentials are current now. */
export function rotatedPage(
  before: Current,
  { versionId, scopes }: Pick<Proof, 'versionId' | 'scopes'>,
  installed: readonly JobScopes[],
  vault: Vault,
  revoked = false,
): Page {
  const changed = versionId !== before.versionId;
  const spare = before.problem === null ? ', used if the new one fails' : ', which does not work';
  const fate = revoked ? 'revoked' : `AWSPREVIOUS${spare}`;
  return {
    tone: 'good',
    title: 'The new credentials are live',
    text: 'They were checked before and after they became current. The next run of a job uses them.',
    facts: [
      ['Mailbox', before.mailbox],
      ['Secret', secretName(vault)],
      ['Version', `${versionId}, AWSCURRENT`],
      ...(changed ? [['Before', `${before.versionId}, ${fate}`] as const] : []),
      ...(scopes === undefined ? [] : servedFacts(installed, scopes)),
    ],
    next: [
      ...(scopes === undefined ? [] : leftOut(installed, scopes)),
      'Nothing has to be restarted. `job check` says whether everything else is in place.',
    ],
  };
}

/** Which installed jobs do not run with the scopes, and how to have them all; null when every job runs. */
export function jobsLeftOut(
  installed: readonly JobScopes[],
  scopes: readonly string[],
  remedy = `To authorize for every installed job: \`${rotateFor(installed)}\`.`,
): string | null {
  const lost = installed.filter((job) => !isServed(job, scopes)).map(({ name }) => name);
  if (lost.length === 0) return null;
  return `${lost.join(', ')} will not run. ${remedy}`;
}

/** There was nothing to rotate. */
export function sameClientPage(before: Current, vault: Vault): Page {
  return {
    tone: 'neutral',
    title: 'Nothing had to be rotated',
    text: 'The current version holds this very client secret, and works.',
    facts: [
      ['Mailbox', before.mailbox],
      ['Secret', secretName(vault)],
      ['Version', `${before.versionId}, AWSCURRENT`],
    ],
    next: ['For a new refresh token, run `job rotate` without naming a client.'],
  };
}

/** Which secret, and where. */
export function secretName({ address }: Vault): string {
  return `${address.secretId} in ${address.region}`;
}

/** Prints the page on the terminal. */
export function printPage({ title, text, facts = [], next }: Page, terminal: Terminal): void {
  const width = Math.max(0, ...facts.map(([name]) => name.length));
  terminal.print(`${title}. ${text}`);
  for (const [name, value] of facts) terminal.print(`  ${name.padEnd(width)}  ${value}`, width + 2);
  for (const step of next) terminal.print(`Next: ${step}`, 'Next: '.length);
}

function leftOut(installed: readonly JobScopes[], scopes: readonly string[]): string[] {
  const lost = jobsLeftOut(installed, scopes);
  return lost === null ? [] : [`With these scopes, ${lost}`];
}

/** The jobs that run with the scopes, and those that do not. */
function servedFacts(installed: readonly JobScopes[], scopes: readonly string[]): [string, string][] {
  const needed = unionOf(installed);
  const more = scopes.filter((scope) => !needed.includes(scope));
  const names = (jobs: readonly JobScopes[]) => jobs.map(({ name }) => name).join(', ');
  const lost = installed.filter((job) => !isServed(job, scopes));
  return [
    ['Will run', names(installed.filter((job) => isServed(job, scopes))) || 'no installed job'],
    ...(lost.length === 0 ? [] : [['Will not run', names(lost)] as [string, string]]),
    [
      'Scopes',
      scopes
        .filter((scope) => needed.includes(scope))
        .map(shortScope)
        .join(', '),
    ],
    ...(more.length === 0
      ? []
      : [['Besides', `${more.map(shortScope).join(', ')}, which no job needs`] as [string, string]]),
  ];
}

/** What to do about a refresh token that Google ends by itself. */
function lifeWarning({ refreshTokenLifetimeMs: lifetimeMs }: Grant): string[] {
  if (lifetimeMs === undefined) return [];
  const days = Math.max(1, Math.round(lifetimeMs / DAY_MS));
  return [
    `Google ends this access after ${counted(days, 'day')}. If the consent screen is in Testing, publish the app (Google Auth Platform → Audience), then ${AUTHORIZE_AGAIN}.`,
  ];
}
