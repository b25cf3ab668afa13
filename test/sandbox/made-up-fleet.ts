/** The fleet of `npm run demo` and `npm run sandbox`: ten mailboxes; the refresh token of one was revoked. */
import { addMember } from '../fixtures/fleet.ts';
import type { QuotaOptions } from './gmail/quota.ts';
import { DEFAULT_SCOPES, makeUpMailbox, type Sandbox } from './index.ts';

/** The mailbox of the sandbox, four that a prefix finds, and five of a Workspace. */
export const FLEET_LIST = `mailboxes:
  - secret: gmail-jobs/alice              # one mailbox
  - secretPrefix: gmail-jobs/team/        # a secret for each colleague
  - serviceAccount: gmail-jobs/workspace  # one key for all of a Workspace
    subjects: [fay@example.com, gil@example.com, hana@example.com,
               ivo@example.com, june@example.com]
`;

const TEAM = ['ben', 'chloe', 'dana', 'emil'];
const REVOKED = 'chloe';
const WORKSPACE = ['fay', 'gil', 'hana', 'ivo', 'june'];
const NEW_COLLEAGUE = 'june';

/** In the order of FLEET_LIST. */
export const FLEET_NAMES: readonly string[] = ['alice', ...TEAM, ...WORKSPACE];

export const REVOKED_SECRET = `gmail-jobs/team/${REVOKED}`;

/** Adds the mailboxes of FLEET_LIST to the sandbox, which has the first one already. */
export function addMadeUpFleet(sandbox: Sandbox, options: { quota?: QuotaOptions; searchLagMs?: number } = {}): void {
  const { quota, searchLagMs = 0 } = options;
  const { oauth, secrets, gmail } = sandbox;
  const makeUp = (name: string) => {
    const messages = name === NEW_COLLEAGUE ? 0 : 600;
    return makeUpMailbox({ email: `${name}@example.com`, messages, seed: name.charCodeAt(0), searchLagMs });
  };
  const team = TEAM.map((name) => addMember(sandbox, `gmail-jobs/team/${name}`, makeUp(name)));
  for (const { name, refreshToken } of team) if (name === REVOKED) oauth.revoke(refreshToken);
  const workspace = WORKSPACE.map(makeUp);
  const account = { subjects: workspace.map(({ email }) => email), scopes: DEFAULT_SCOPES };
  secrets.setSecret('gmail-jobs/workspace', oauth.serviceAccount(account));
  for (const mailbox of [...team.map((member) => member.mailbox), ...workspace]) gmail.serve(mailbox, quota);
}
