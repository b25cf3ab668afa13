import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '../../../lib/errors.ts';
import { LabelDirectory } from '../../../lib/gmail/labels.ts';
import { namesUserLabels, requireLabels, resolveLabels } from '../../../lib/rules/labels.ts';
import { planRules } from '../../../lib/rules/plan.ts';
import { parseRules, type RuleSet } from '../../../lib/rules/schema.ts';
import { composeSearch } from '../../../lib/rules/search.ts';
import { mailboxOf, type PlainMessage } from '../../fixtures/mailbox.ts';
import { openMailbox } from '../../in-process.ts';
import { startSandbox } from '../../sandbox/index.ts';

const LABELS = new LabelDirectory([{ id: 'Label_1', name: 'Auto/Archived' }]);

interface RuleText {
  readonly query?: string;
  readonly actions: object;
  readonly keepNewest?: number;
  readonly protect?: string;
}

/** Rules named rule-1, rule-2 …, parsed as from a file. */
function ruleSet(rules: readonly RuleText[], protect?: string): RuleSet {
  const named = rules.map(({ query = 'hit', ...rest }, index) => ({ name: `rule-${index + 1}`, query, ...rest }));
  return parseRules(JSON.stringify({ ...(protect === undefined ? {} : { protect }), rules: named }), 'rules.yaml');
}

function composed(rule: RuleText, protect?: string) {
  const { rules, protect: search } = ruleSet([rule], protect);
  return composeSearch(rules[0] ?? assert.fail(), search, LABELS);
}

describe('composeSearch', () => {
  for (const [actions, query] of [
    [{ archive: true }, '(hit) {in:inbox} -in:drafts -in:chats'],
    [{ trash: true }, '(hit) {-in:trash} -in:drafts -in:chats'],
    [{ markRead: true }, '(hit) {is:unread} -in:drafts -in:chats'],
    [{ markUnread: true }, '(hit) {-is:unread} -in:drafts -in:chats'],
    [{ star: true }, '(hit) {-is:starred} -in:drafts -in:chats'],
    [{ unstar: true }, '(hit) {is:starred} -in:drafts -in:chats'],
    [{ markImportant: true }, '(hit) {-is:important} -in:drafts -in:chats'],
    [{ markUnimportant: true }, '(hit) {is:important} -in:drafts -in:chats'],
    [{ addLabels: ['auto-archived'] }, '(hit) {-label:"auto-archived"} -in:drafts -in:chats'],
    [{ addLabels: ['New'] }, '(hit) -in:drafts -in:chats'],
    [{ removeLabels: ['Auto/Archived'] }, '(hit) {label:"Auto/Archived"} -in:drafts -in:chats'],
    [{ removeLabels: ['New'] }, null],
    [{ archive: true, markRead: true }, '(hit) {in:inbox is:unread} -in:drafts -in:chats'],
    [{ archive: true, addLabels: ['New'] }, '(hit) -in:drafts -in:chats'],
    [{ archive: true, removeLabels: ['New'] }, '(hit) {in:inbox} -in:drafts -in:chats'],
  ] as const) {
    it(`searches for ${query ?? 'nothing'} when the actions are ${JSON.stringify(actions)}`, () => {
      assert.equal(composed({ actions })?.query ?? null, query);
    });
  }

  it('keeps alternatives of the query and of protect in parentheses', () => {
    assert.equal(
      composed({ query: 'a OR b', actions: { archive: true } }, 'is:starred OR label:keep')?.query,
      '(a OR b) -(is:starred OR label:keep) {in:inbox} -in:drafts -in:chats',
    );
  });

  for (const [query, without] of [
    ['in:drafts', '-in:chats'],
    ['-in:draft x', '-in:chats'],
    ['is:chat', '-in:drafts'],
    ['{in:drafts in:chats}', ''],
    ['subject:drafts', '-in:drafts -in:chats'],
  ] as const) {
    it(`excludes ${without || 'nothing'} when the query is ${query}`, () => {
      const expected = `(${query}) {-is:starred}${without === '' ? '' : ` ${without}`}`;
      assert.equal(composed({ query, actions: { star: true } })?.query, expected);
    });
  }

  for (const [query, asks] of [
    ['in:spam older_than:3d', true],
    ['in:anywhere', true],
    ['-in:spam', false],
    ['in:inbox', false],
  ] as const) {
    it(`${asks ? 'includes' : 'does not include'} Spam and Trash when the query is ${query}`, () => {
      assert.equal(composed({ query, actions: { trash: true } })?.includeSpamTrash, asks);
    });
  }
});

describe('namesUserLabels', () => {
  for (const [rule, protect, names] of [
    [{ actions: { archive: true } }, undefined, false],
    [{ query: 'in:inbox category:social is:starred', actions: { addLabels: ['INBOX'] } }, 'is:starred', false],
    [{ actions: { addLabels: ['X'] } }, undefined, true],
    [{ actions: { removeLabels: ['X'] } }, undefined, true],
    [{ query: 'label:x', actions: { archive: true } }, undefined, true],
    [{ actions: { archive: true } }, '-{a label:keep}', true],
  ] as const) {
    it(`is ${names} for ${JSON.stringify({ ...rule, protect })}`, () => {
      assert.equal(namesUserLabels(ruleSet([rule], protect)), names);
    });
  }
});

describe('requireLabels', () => {
  const refusal = (rules: readonly RuleText[], protect?: string): string => {
    try {
      requireLabels(ruleSet(rules, protect), LABELS);
      return '';
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
      return error.message;
    }
  };
  const star = (query: string) => [{ query, actions: { star: true } }];

  for (const [protect, told] of [
    [
      'is:starred OR label:"Keep it"',
      /protect names the label "Keep it", which does not exist, so this part of protect would match nothing/,
    ],
    ['label:Auto/Archive', /"Auto\/Archive", which does not exist \(did you mean "Auto\/Archived"\?\)/],
    ['label:Archive', /"Archive", which does not exist \(did you mean in:archive\?\)/],
    ['in:inbx', /protect names "in:inbx", which is neither a place in Gmail nor a label \(did you mean "inbox"\?\)/],
    ['l:promotions', /did you mean category:promotions\?/],
    ['-label:nope', /protect names the label "nope"/],
  ] as const) {
    it(`refuses ${protect} in protect`, () => assert.match(refusal(star('hit'), protect), told));
  }

  for (const query of [
    '-label:nope',
    'x -in:nope',
    '-(a OR label:nope)',
    '-{in:inbox (b label:"nope")}',
    'label:(-nope)',
  ]) {
    it(`refuses ${query} in a query when no rule adds the label`, () => {
      assert.match(
        refusal(star(query)),
        /rule \S+: the query excludes (the label "nope"|"in:nope").* No enabled rule adds this label/,
      );
      assert.equal(refusal([...star(query), { query: 'a', actions: { addLabels: ['Nope'] } }]), '');
    });
  }

  it('names all missing labels at once', () => {
    const told = refusal([...star('-label:a'), ...star('-label:b')], 'label:c label:d');
    assert.equal(told.split('; ').length, 4, told);
  });

  it('accepts existing labels in any spelling, system labels and the labels of the program', () => {
    const protects = [
      'label:auto-archived',
      'label:"AUTO/ARCHIVED"',
      'label:inbox in:anywhere',
      'label:muted',
      undefined,
    ];
    for (const protect of protects) {
      assert.equal(
        refusal(star('-label:auto-archived -in:archive -label:"gmail-jobs/journal" -label:^x'), protect),
        '',
      );
    }
  });

  it('accepts a missing label that a query asks for, since a person or another rule may create it', () => {
    assert.equal(refusal(star('label:nope -(x -label:nope)')), '');
  });

  it('accepts a label that a rule adds, even when --rule leaves that rule out', () => {
    const rules = [...star('-label:nope'), { query: 'a', actions: { addLabels: ['Nope'] } }];
    const whole = ruleSet(rules);
    assert.match(refusal(rules.slice(0, 1)), /the label "nope"/);
    assert.doesNotThrow(() => requireLabels({ ...whole, rules: whole.rules.slice(0, 1) }, LABELS));
  });
});

describe('planRules', () => {
  /** Plans rules on a mailbox of these messages; shows ids as the numbers of the messages, newest first. */
  async function plan(messages: readonly PlainMessage[], rules: readonly RuleText[], protect?: string) {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(messages) });
    const { mailbox, client } = openMailbox(sandbox);
    const labels = await mailbox.labels();
    const resolved = resolveLabels(ruleSet(rules, protect), labels);
    const planned = await planRules(resolved, mailbox, labels, { withEffects: false });
    const sets = planned.sets.map(({ found }, index) => ({
      found,
      ids: planned.windows.flatMap(({ changes }) => changes[index]?.ids.list() ?? []),
    }));
    const ids = sandbox.mailbox.messages().map(({ id }) => id);
    const wrote = sandbox.requests.some(({ method, service }) => service === 'gmail' && method !== 'GET');
    assert.equal(wrote, false, 'planning changed something');
    return {
      client,
      rules: sets.map((set) => ({
        matched: set.found,
        skipped: set.found - set.ids.length,
        messages: set.ids.map((id) => ids.indexOf(id)),
      })),
      planned,
    };
  }

  const hits = (...labels: string[][]): PlainMessage[] => labels.map((names) => ({ labels: names }));

  it('finds exactly the messages that need the change', async () => {
    const { rules } = await plan(hits(['INBOX'], [], ['INBOX', 'UNREAD'], ['UNREAD'], ['INBOX', 'TRASH']), [
      { actions: { archive: true } },
      { actions: { markRead: true } },
    ]);
    assert.deepEqual(rules, [
      { matched: 2, skipped: 0, messages: [0, 2] },
      { matched: 2, skipped: 0, messages: [2, 3] },
    ]);
  });

  it('never changes messages that protect finds', async () => {
    const { rules } = await plan(
      hits(['INBOX', 'STARRED'], ['INBOX', 'Keep'], ['INBOX']),
      [{ actions: { archive: true } }],
      'is:starred OR label:keep',
    );
    assert.deepEqual(rules, [{ matched: 1, skipped: 0, messages: [2] }]);
  });

  it('spares the newest matches of the query, unchanged and protected ones included', async () => {
    const messages = hits(['INBOX'], [], ['INBOX', 'STARRED'], ['INBOX'], ['INBOX']);
    const { rules } = await plan(messages, [{ actions: { archive: true }, keepNewest: 3 }], 'is:starred');
    assert.deepEqual(rules, [{ matched: 3, skipped: 1, messages: [3, 4] }]);
  });

  it('changes nothing when keepNewest spares all matches', async () => {
    const { rules } = await plan(hits(['INBOX'], ['INBOX']), [{ actions: { archive: true }, keepNewest: 2 }]);
    assert.deepEqual(rules, [{ matched: 2, skipped: 2, messages: [] }]);
  });

  it('leaves messages that an earlier rule trashes out of later rules', async () => {
    const { rules } = await plan(hits(['INBOX'], ['INBOX', 'STARRED']), [
      { query: 'is:starred', actions: { trash: true } },
      { actions: { archive: true } },
      { actions: { markUnread: true } },
    ]);
    assert.deepEqual(rules, [
      { matched: 1, skipped: 0, messages: [1] },
      { matched: 2, skipped: 1, messages: [0] },
      { matched: 2, skipped: 1, messages: [0] },
    ]);
  });

  it('leaves messages that an earlier rule changes in the same way out of later rules, and no others', async () => {
    const { rules } = await plan(hits(['INBOX', 'UNREAD'], ['INBOX']), [
      { query: 'is:unread', actions: { archive: true } },
      { actions: { archive: true } },
      { query: 'is:unread', actions: { archive: true, markRead: true } },
    ]);
    assert.deepEqual(rules, [
      { matched: 1, skipped: 0, messages: [0] },
      { matched: 2, skipped: 1, messages: [1] },
      { matched: 1, skipped: 0, messages: [0] },
    ]);
  });

  it('takes two spellings of a label for the same', async () => {
    const { rules } = await plan(hits(['INBOX']), [
      { actions: { addLabels: ['Auto/Done'] } },
      { actions: { addLabels: ['auto-done'] } },
    ]);
    assert.deepEqual(
      rules.map(({ messages }) => messages.length),
      [1, 0],
    );
  });

  it('lets a later rule undo an earlier one', async () => {
    const { rules } = await plan(hits([]), [{ actions: { star: true } }, { actions: { addLabels: ['X'] } }]);
    assert.deepEqual(
      rules.map(({ messages }) => messages.length),
      [1, 1],
    );
    const opposed = await plan(hits(['UNREAD']), [{ actions: { star: true } }, { actions: { markRead: true } }]);
    assert.deepEqual(
      opposed.rules.map(({ messages }) => messages.length),
      [1, 1],
    );
  });

  it('ignores the change that a rule would have made to a spared message', async () => {
    const { rules } = await plan(hits(['INBOX']), [
      { actions: { trash: true }, keepNewest: 1 },
      { actions: { archive: true } },
    ]);
    assert.deepEqual(rules, [
      { matched: 1, skipped: 1, messages: [] },
      { matched: 1, skipped: 0, messages: [0] },
    ]);
  });

  it('sends one search for each rule with few matches, and none for a rule that can match nothing', async () => {
    const { client, rules } = await plan(hits(['INBOX']), [
      { actions: { archive: true } },
      { actions: { removeLabels: ['Nowhere'] } },
      { query: 'nothing', actions: { star: true }, keepNewest: 5 },
    ]);
    assert.equal(client.statistics.requests, 1 + 2);
    assert.deepEqual(rules[1], { matched: 0, skipped: 0, messages: [] });
  });

  it('returns the labels to add and to remove', async () => {
    const { planned } = await plan(hits(['INBOX']), [{ actions: { trash: true, addLabels: ['X'] } }]);
    assert.deepEqual(
      planned.sets[0]?.operations.map(({ add, label }) => `${add ? '+' : '-'}${label}`),
      ['+TRASH', '-INBOX', '-SPAM', '+X'],
    );
  });

  it('names the rule whose query Gmail does not accept', async () => {
    await assert.rejects(
      plan(hits(['INBOX']), [{ actions: { star: true } }, { query: 'a AROUND 5 b', actions: { star: true } }]),
      (error: unknown) => error instanceof ConfigError && /query of the rule rule-2/.test(error.message),
    );
  });

  it('plans many rules with many messages quickly', async () => {
    const messages = Array.from({ length: 3_000 }, (): PlainMessage => ({ labels: ['INBOX', 'UNREAD'] }));
    const actions = [{ archive: true }, { markRead: true }, { star: true }, { archive: true, markRead: true }];
    const { rules } = await plan(
      messages,
      [...actions, ...actions].map((one) => ({ actions: one })),
    );
    assert.deepEqual(
      rules.map(({ matched, messages: changed }) => [matched, changed.length]),
      [...[3_000, 3_000, 3_000, 0], ...[0, 0, 0, 0]].map((changed) => [3_000, changed]),
    );
  });
});
