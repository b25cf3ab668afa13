// The part of AWS IAM that the stand-ins need: users, each with an access key and a policy.
import { randomBytes } from 'node:crypto';

export const ACCOUNT_ID = '123456789012';

export interface Statement {
  Sid?: string;
  Effect: 'Allow' | 'Deny';
  Action?: string | string[];
  NotAction?: string | string[];
  Resource: string | string[];
  /** StringEquals and StringLike, also with ForAnyValue: or ForAllValues: before and IfExists behind. */
  Condition?: Record<string, Record<string, string | string[]>>;
}

export interface PolicyDocument {
  Version?: string;
  Statement: Statement | Statement[];
}

export interface IamUser {
  name: string;
  /** Such as AIDA…, which GetCallerIdentity shows. */
  id: string;
  arn: string;
  accessKeyId: string;
  policy: PolicyDocument;
}

/** Condition key → its value in a request. */
export type RequestContext = Record<string, string | readonly string[] | undefined>;

export type Decision = 'allowed' | 'not-allowed' | 'denied';

const EVERYTHING: PolicyDocument = { Statement: { Effect: 'Allow', Action: '*', Resource: '*' } };

export class SandboxIam {
  /** Secret access keys by access key id; a test may put marked ones here. */
  readonly keys = new Map<string, string>();
  readonly #users = new Map<string, IamUser>();

  /** Makes a user with an access key. Its policy, by default everything, may be replaced later. */
  addUser(name: string, policy: PolicyDocument = EVERYTHING): IamUser {
    const user: IamUser = {
      name,
      id: `AIDA${randomBytes(8).toString('hex').toUpperCase()}`,
      arn: `arn:aws:iam::${ACCOUNT_ID}:user/${name}`,
      accessKeyId: `AKIA${randomBytes(8).toString('hex').toUpperCase()}`,
      policy,
    };
    this.#users.set(user.accessKeyId, user);
    this.keys.set(user.accessKeyId, randomBytes(30).toString('base64'));
    return user;
  }

  /** The variables with which a program acts as this user. */
  envOf({ accessKeyId }: IamUser): { AWS_ACCESS_KEY_ID: string; AWS_SECRET_ACCESS_KEY: string } {
    return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: this.keys.get(accessKeyId) ?? '' };
  }

  /** Returns the user of an access key; the one made first for other keys and for none. @throws when there is none. */
  user(accessKeyId = ''): IamUser {
    const user = this.#users.get(accessKeyId) ?? [...this.#users.values()][0];
    if (user === undefined) throw new Error('the sandbox has no AWS user at all');
    return user;
  }

  /** Lets a user, by default the one made first, do these actions of Secrets Manager (or `kms:…`, `s3:…`) and no others. */
  allow(actions: readonly string[], user = this.user()): void {
    user.policy = { Statement: { Effect: 'Allow', Action: actions.map(qualified), Resource: '*' } };
  }

  /** Lets a user, by default the one made first, do everything but these actions; none of them is denied by name. */
  deny(actions: readonly string[], user = this.user()): void {
    user.policy = { Statement: { Effect: 'Allow', NotAction: actions.map(qualified), Resource: '*' } };
  }

  allowEverything(user = this.user()): void {
    user.policy = EVERYTHING;
  }
}

/**
 * Decides as IAM does: an explicit Deny wins, otherwise an Allow is needed.
 * See docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html.
 */
export function decide(policy: PolicyDocument, action: string, resource: string, context: RequestContext): Decision {
  const statements = [policy.Statement].flat().filter((statement) => concerns(statement, action, resource, context));
  if (statements.some(({ Effect }) => Effect === 'Deny')) return 'denied';
  return statements.some(({ Effect }) => Effect === 'Allow') ? 'allowed' : 'not-allowed';
}

/** The message of AWS's AccessDeniedException; `resource` is absent for an action that has none. */
export function denialMessage(user: IamUser, action: string, decision: Decision, resource?: string): string {
  const why =
    decision === 'denied'
      ? 'with an explicit deny in an identity-based policy'
      : `because no identity-based policy allows the ${action} action`;
  const target = resource === undefined ? '' : ` on resource: ${resource}`;
  return `User: ${user.arn} is not authorized to perform: ${action}${target} ${why}`;
}

function concerns(statement: Statement, action: string, resource: string, context: RequestContext): boolean {
  const named = (patterns: string | string[] = []) =>
    [patterns].flat().some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase()));
  const aboutAction = statement.NotAction === undefined ? named(statement.Action) : !named(statement.NotAction);
  return (
    aboutAction &&
    [statement.Resource].flat().some((pattern) => matches(pattern, resource)) &&
    Object.entries(statement.Condition ?? {}).every(([operator, wanted]) => holds(operator, wanted, context))
  );
}

function holds(operator: string, wanted: Record<string, string | string[]>, context: RequestContext): boolean {
  const parts = /^(?:(ForAnyValue|ForAllValues):)?(StringEquals|StringLike)(IfExists)?$/.exec(operator);
  if (parts === null) throw new Error(`the sandbox does not know the condition operator ${operator}`);
  const [, quantifier, comparison, ifExists] = parts;
  return Object.entries(wanted).every(([key, patterns]) => {
    const known = Object.entries(context).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];
    if (known === undefined) return ifExists !== undefined || quantifier === 'ForAllValues';
    const fits = (value: string) =>
      [patterns].flat().some((pattern) => (comparison === 'StringLike' ? matches(pattern, value) : pattern === value));
    const values = [known].flat();
    return quantifier === 'ForAllValues' ? values.every(fits) : values.some(fits);
  });
}

function matches(pattern: string, text: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(text);
}

function qualified(action: string): string {
  return action.includes(':') ? action : `secretsmanager:${action}`;
}
