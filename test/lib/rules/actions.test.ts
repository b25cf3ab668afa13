import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LabelOperation } from '../../../lib/gmail/change-plan.ts';
import { type ActionSettings, pendingSearch, reduceActions } from '../../../lib/rules/actions.ts';

const show = ({ add, label }: LabelOperation) => `${add ? '+' : '-'}${label}`;

function reduced(settings: ActionSettings) {
  const actions = reduceActions(settings);
  assert.ok(!('problem' in actions), 'problem' in actions ? actions.problem : '');
  return { change: actions.operations.map(show), stillToDo: actions.pending.map(pendingSearch) };
}

describe('reduceActions', () => {
  for (const [settings, change, stillToDo] of [
    [{ archive: true }, ['-INBOX'], ['in:inbox']],
    [{ trash: true }, ['+TRASH', '-INBOX', '-SPAM'], ['-in:trash']],
    [{ markRead: true }, ['-UNREAD'], ['is:unread']],
    [{ markUnread: true }, ['+UNREAD'], ['-is:unread']],
    [{ star: true }, ['+STARRED'], ['-is:starred']],
    [{ unstar: true }, ['-STARRED'], ['is:starred']],
    [{ markImportant: true }, ['+IMPORTANT'], ['-is:important']],
    [{ markUnimportant: true }, ['-IMPORTANT'], ['is:important']],
    [{ addLabels: ['Auto/A&E'] }, ['+Auto/A&E'], ['-label:"Auto/A&E"']],
    [{ removeLabels: ['Old'] }, ['-Old'], ['label:"Old"']],
    [{ addLabels: ['inbox'] }, ['+INBOX'], ['-in:inbox']],
    [{ addLabels: ['Trash'] }, ['+TRASH', '-INBOX', '-SPAM'], ['-in:trash']],
    [{ removeLabels: ['category_social'] }, ['-CATEGORY_SOCIAL'], ['category:social']],
    [{ archive: true, markRead: true }, ['-INBOX', '-UNREAD'], ['in:inbox', 'is:unread']],
    [{ trash: true, archive: true }, ['-INBOX', '+TRASH', '-SPAM'], ['in:inbox', '-in:trash']],
    [{ archive: true, star: false }, ['-INBOX'], ['in:inbox']],
    [{ addLabels: ['A', 'a'] }, ['+a'], ['-label:"A"', '-label:"a"']],
    // A mailbox may have both labels: see resolveLabels.
    [{ addLabels: ['Q&A'], removeLabels: ['Q A'] }, ['+Q&A', '-Q A'], ['-label:"Q&A"', 'label:"Q A"']],
  ] as ReadonlyArray<readonly [ActionSettings, string[], string[]]>) {
    it(`reduces ${JSON.stringify(settings)} to ${change}, pending where ${stillToDo}`, () => {
      assert.deepEqual(reduced(settings), { change, stillToDo });
    });
  }

  for (const [settings, problem] of [
    [{}, /no action/],
    [{ archive: false }, /no action/],
    [{ markRead: true, markUnread: true }, /^markRead and markUnread contradict one another$/],
    [{ star: true, unstar: true }, /^star and unstar contradict/],
    [{ markImportant: true, markUnimportant: true }, /^markImportant and markUnimportant contradict/],
    [{ star: true, removeLabels: ['starred'] }, /^star and removeLabels "starred" contradict/],
    [{ archive: true, addLabels: ['INBOX'] }, /^archive and addLabels "INBOX" contradict/],
    [{ trash: true, addLabels: ['INBOX'] }, /^trash and addLabels "INBOX" contradict/],
    [{ trash: true, addLabels: ['SPAM'] }, /^trash and addLabels "SPAM" contradict/],
    [{ trash: true, removeLabels: ['TRASH'] }, /^trash and removeLabels "TRASH" contradict/],
    [
      { addLabels: ['Auto/Done'], removeLabels: ['auto/done'] },
      /^addLabels "Auto\/Done" and removeLabels "auto\/done" contradict/,
    ],
    [
      { addLabels: ['INBOX', 'SPAM'] },
      /^addLabels "INBOX" and addLabels "SPAM" contradict.*only one of INBOX and SPAM/,
    ],
    [{ addLabels: ['SENT'] }, /addLabels "SENT" names a label that only Gmail sets/],
    [{ removeLabels: ['draft'] }, /removeLabels "draft" names a label that only Gmail sets/],
    [{ addLabels: ['CHAT'] }, /"CHAT" names a label that only Gmail sets/],
  ] as ReadonlyArray<readonly [ActionSettings, RegExp]>) {
    it(`refuses ${JSON.stringify(settings)}`, () => {
      const actions = reduceActions(settings);
      assert.ok('problem' in actions);
      assert.match(actions.problem, problem);
    });
  }
});
