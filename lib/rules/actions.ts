/** The actions of a rule, reduced to label changes, and what of a message shows that they are still to be done. */
import type { LabelOperation } from '../gmail/change-plan.ts';
import { labelSearch, systemLabelId } from '../gmail/labels.ts';

export interface Actions {
  readonly operations: readonly LabelOperation[];
  /** A message that fulfils any of these has the actions still before it. */
  readonly pending: readonly LabelOperation[];
}

/** What is done with a system label, in words: when it is put on, and when it is taken off. */
const WORDS: Readonly<Record<string, readonly [string, string]>> = {
  INBOX: ['move to the inbox', 'archive'],
  TRASH: ['trash', 'take out of the trash'],
  SPAM: ['move to spam', 'take out of spam'],
  UNREAD: ['mark as unread', 'mark as read'],
  STARRED: ['star', 'unstar'],
  IMPORTANT: ['mark as important', 'mark as not important'],
};

/** The actions of a rule in words, one for each: `archive`, `mark as read`, `label Auto/Archived`. */
export function describeActions({ pending }: Pick<Actions, 'pending'>): string[] {
  return pending.map(({ add, label }) => {
    const words = Object.hasOwn(WORDS, label) ? WORDS[label] : undefined;
    return words?.[add ? 0 : 1] ?? `${add ? 'label' : 'remove label'} ${label}`;
  });
}

type Effect = readonly LabelOperation[];

const add = (label: string): LabelOperation => ({ add: true, label });
const remove = (label: string): LabelOperation => ({ add: false, label });

/** Trash takes the inbox and spam labels off in the same call; whether Gmail would do so by itself is disputed. */
const TRASH: Effect = [add('TRASH'), remove('INBOX'), remove('SPAM')];

/** Actions that are switched on with `true`. */
export const SWITCHES = {
  archive: [remove('INBOX')],
  trash: TRASH,
  markRead: [remove('UNREAD')],
  markUnread: [add('UNREAD')],
  star: [add('STARRED')],
  unstar: [remove('STARRED')],
  markImportant: [add('IMPORTANT')],
  markUnimportant: [remove('IMPORTANT')],
} as const satisfies Record<string, Effect>;

export interface ActionSettings extends Partial<Record<keyof typeof SWITCHES, boolean | undefined>> {
  readonly addLabels?: readonly string[] | undefined;
  readonly removeLabels?: readonly string[] | undefined;
}

/** Of these a message can be given only one. */
const PLACES = ['INBOX', 'SPAM', 'TRASH'];

/** Labels that Gmail alone sets, also by the names that Gmail's page has for them. */
const UNTOUCHABLE = ['SENT', 'DRAFT', 'CHAT', 'drafts', 'chats'];

/**
 * What tells labels apart: a system label's id, or the name without regard to case. Other spellings of one label are
 * known by the mailbox alone, see resolveLabels.
 */
export function labelKey(label: string): string {
  return systemLabelId(label) ?? label.normalize('NFC').toLowerCase();
}

/** `settings` as label changes, or what is contradictory in them. */
export function reduceActions(settings: ActionSettings): Actions | { readonly problem: string } {
  const operations = new Map<string, LabelOperation>();
  const pending: LabelOperation[] = [];
  for (const effect of effects(settings)) {
    if (effect[0] !== undefined) pending.push(effect[0]);
    for (const operation of effect) {
      const key = labelKey(operation.label);
      if (UNTOUCHABLE.includes(key))
        return { problem: `the label ${operation.label} cannot be set or removed: Gmail alone does` };
      const other = operations.get(key);
      if (other !== undefined && other.add !== operation.add) {
        return { problem: `the actions both add and remove the label ${operation.label}` };
      }
      operations.set(key, operation);
    }
  }
  const places = PLACES.filter((place) => operations.get(place)?.add === true);
  if (places.length > 1) return { problem: `a message can be given only one of ${places.join(' and ')}` };
  if (operations.size === 0) return { problem: 'the rule has no action' };
  return { operations: [...operations.values()], pending };
}

function effects(settings: ActionSettings): Effect[] {
  const switches = Object.entries(SWITCHES).filter(([name]) => settings[name as keyof typeof SWITCHES] === true);
  return [
    ...switches.map(([, effect]) => effect),
    ...(settings.addLabels ?? []).map((label) =>
      labelKey(label) === 'TRASH' ? TRASH : [add(systemLabelId(label) ?? label)],
    ),
    ...(settings.removeLabels ?? []).map((label) => [remove(systemLabelId(label) ?? label)]),
  ];
}

/** The search for messages that `operation` has still before it. */
export function pendingSearch({ add, label }: LabelOperation): string {
  return add ? `-${labelSearch(label)}` : labelSearch(label);
}
