/** The labels that the terms of a search name, and whether a search reaches Spam and Trash. */
import { systemLabelId } from '../labels.ts';
import type { Term } from './parse.ts';

/** The name in `in:`, `is:` or `label:` → the id of the system label. */
const SYSTEM_NAMES: ReadonlyMap<string, string> = new Map([
  ['unread', 'UNREAD'],
  ['starred', 'STARRED'],
  ['important', 'IMPORTANT'],
  ['sent', 'SENT'],
  ['draft', 'DRAFT'],
  ['drafts', 'DRAFT'],
  ['chat', 'CHAT'],
  ['chats', 'CHAT'],
  ['inbox', 'INBOX'],
  ['trash', 'TRASH'],
  ['spam', 'SPAM'],
]);

/** Names that Gmail accepts in `label:` although it lists no such labels. */
const UNLISTED = new Set(['muted', 'snoozed', 'scheduled']);

/** The label that a term names: the id of a system label, or the name of a user's label as written; null for none. */
export function labelNamed({ operator, value }: Term): string | null {
  const lower = value.toLowerCase();
  switch (operator) {
    case 'is':
      return lower === 'read' ? 'UNREAD' : (SYSTEM_NAMES.get(lower) ?? null);
    case 'has':
      return /star$/.test(lower) ? 'STARRED' : null;
    case 'category':
      return systemLabelId(`CATEGORY_${lower === 'primary' ? 'personal' : lower}`) ?? null;
    case 'in':
      if (lower === 'anywhere') return null;
      return lower === 'archive' ? 'INBOX' : labelCalled(value);
    case 'label':
      return labelCalled(value);
    default:
      return null;
  }
}

function labelCalled(value: string): string | null {
  const lower = value.toLowerCase();
  return UNLISTED.has(lower) ? null : (SYSTEM_NAMES.get(lower) ?? systemLabelId(value) ?? value);
}

/** Whether the search names Trash or Spam, which Gmail leaves out otherwise. */
export function asksForSpamOrTrash(terms: readonly Term[]): boolean {
  return terms.some((term) => {
    if (term.negated) return false;
    const label = labelNamed(term);
    return label === 'TRASH' || label === 'SPAM' || (term.operator === 'in' && term.value.toLowerCase() === 'anywhere');
  });
}

/** Search terms that leave out drafts and chats, unless the search names them. */
export function withoutDrafts(terms: readonly Term[]): string[] {
  const named = new Set(terms.map(labelNamed));
  return [...(named.has('DRAFT') ? [] : ['-in:drafts']), ...(named.has('CHAT') ? [] : ['-in:chats'])];
}

/** A search that is sent without a check: its maker has parsed its parts, and each `in:` names a place or a label. */
export interface CheckedSearch {
  readonly query: string;
  readonly includeSpamTrash: boolean;
}
