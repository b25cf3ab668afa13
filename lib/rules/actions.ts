/** The actions of a rule, reduced to label changes, and what of a message shows that they are still to be done. */
import type { LabelOperation } from '../gmail/change-plan.ts';
import { labelSearch, systemLabelId } from '../gmail/labels.ts';

export interface Actions {
  readonly operations: readonly LabelOperation[];
  /** A message that fulfils any of these has the actions still before it. */
  readonly pending: readonly LabelOperation[];
}

/** Words for adding and for removing a system label. */
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

const add = (label: string): LabelOperation => ({ add: true, label });
const remove = (label: string): LabelOperation => ({ add: false, label });

/** Trash takes the inbox and spam labels off in the same call; whether Gmail would do so by itself is disputed. */
const TRASH: readonly LabelOperation[] = [add('TRASH'), remove('INBOX'), remove('SPAM')];

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
} as const satisfies Record<string, readonly LabelOperation[]>;

export interface ActionSettings extends Partial<Record<keyof typeof SWITCHES, boolean | undefined>> {
  readonly addLabels?: readonly string[] | undefined;
  readonly removeLabels?: readonly string[] | undefined;
}

/** Of these a message can be given only one. */
const PLACES = ['INBOX', 'SPAM', 'TRASH'];

/** Labels that Gmail alone sets, also by the names that Gmail's page has for them. */
const UNTOUCHABLE = ['SENT', 'DRAFT', 'CHAT', 'drafts', 'chats'];

/**
 * The key by which labels are compared: a system label's id, or the name in lower case. Only the mailbox knows which
 * other spellings mean the same label, see resolveLabels.
 */
export function labelKey(label: string): string {
  return systemLabelId(label) ?? label.normalize('NFC').toLowerCase();
}

/** An action as the file has it, and what it does to labels. */
interface Written {
  readonly action: string;
  readonly effect: readonly LabelOperation[];
}

/** `settings` as label changes, or what is contradictory in them. */
export function reduceActions(settings: ActionSettings): Actions | { readonly problem: string } {
  const operations = new Map<string, LabelOperation & { readonly action: string }>();
  const pending: LabelOperation[] = [];
  for (const { action, effect } of writtenActions(settings)) {
    if (effect[0] !== undefined) pending.push(effect[0]);
    for (const { add, label } of effect) {
      const key = labelKey(label);
      if (UNTOUCHABLE.includes(key)) return { problem: `${action} names a label that only Gmail sets and removes` };
      const other = operations.get(key);
      if (other !== undefined && other.add !== add) {
        return { problem: `${other.action} and ${action} contradict one another` };
      }
      operations.set(key, { add, label, action: other?.action ?? action });
    }
  }
  const places = PLACES.flatMap((place) => operations.get(place) ?? []).filter(({ add }) => add);
  if (places.length > 1) {
    const actions = places.map(({ action }) => action).join(' and ');
    const names = places.map(({ label }) => label).join(' and ');
    return { problem: `${actions} contradict one another: a message can be given only one of ${names}` };
  }
  if (operations.size === 0) return { problem: 'the rule has no action' };
  return { operations: [...operations.values()].map(({ add, label }) => ({ add, label })), pending };
}

function writtenActions(settings: ActionSettings): Written[] {
  const switches = Object.entries(SWITCHES).filter(([name]) => settings[name as keyof typeof SWITCHES] === true);
  return [
    ...switches.map(([action, effect]) => ({ action, effect })),
    ...(settings.addLabels ?? []).map((label) => ({
      action: `addLabels "${label}"`,
      effect: labelKey(label) === 'TRASH' ? TRASH : [add(systemLabelId(label) ?? label)],
    })),
    ...(settings.removeLabels ?? []).map((label) => ({
      action: `removeLabels "${label}"`,
      effect: [remove(systemLabelId(label) ?? label)],
    })),
  ];
}

/** The search for messages that `operation` has still before it. */
export function pendingSearch({ add, label }: LabelOperation): string {
  return add ? `-${labelSearch(label)}` : labelSearch(label);
}
