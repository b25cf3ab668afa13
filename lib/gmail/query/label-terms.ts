/** The labels that a search names, and the places that it looks into. */
import { systemLabelId } from '../labels.ts';
import type { Term } from './parse.ts';

/** Labels of the system by the names that `in:`, `is:` and `label:` have for them. */
const STATES: ReadonlyMap<string, string> = new Map([
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

/** Names that Gmail handles like labels but does not list: people search for `label:muted`. */
const UNLISTED = new Set(['muted', 'snoozed', 'scheduled']);

/** The label that a term names: a system label's id, or a user's label as the term writes it; null for none. */
export function labelNamed({ operator, value }: Term): string | null {
  const lower = value.toLowerCase();
  switch (operator) {
    case 'is':
      return lower === 'read' ? 'UNREAD' : (STATES.get(lower) ?? null);
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
  return UNLISTED.has(lower) ? null : (STATES.get(lower) ?? systemLabelId(value) ?? value);
}

/** Whether the search asks for messages in Trash or Spam, which Gmail leaves out otherwise. */
export function asksForSpamOrTrash(terms: readonly Term[]): boolean {
  return terms.some((term) => {
    if (term.negated) return false;
    const label = labelNamed(term);
    return label === 'TRASH' || label === 'SPAM' || (term.operator === 'in' && term.value.toLowerCase() === 'anywhere');
  });
}
