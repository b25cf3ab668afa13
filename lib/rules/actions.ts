/** The actions of a rule: reduces them to label changes, refuses contradictions, and describes them in words. */
import { type LabelOperation, UNTOUCHABLE } from '../gmail/change-plan.ts';
import { labelSearch, PLACES, systemLabelId } from '../gmail/labels.ts';

export interface Actions {
  readonly operations: readonly LabelOperation[];
  /** One operation for each action. A message still needs the rule when at least one of these would change the message. */
  readonly pending: readonly LabelOperation[];
}

/** System label → the words for adding and for removing it. */
const WORDS: Readonly<Record<string, readonly [string, string]>> = {
  INBOX: ['move to the inbox', 'archive'],
  TRASH: ['trash', 'take out of the trash'],
  SPAM: ['move to spam', 'take out of spam'],
  UNREAD: ['mark as unread', 'mark as read'],
  STARRED: ['star', 'unstar'],
  IMPORTANT: ['mark as important', 'mark as not important'],
};

/** The actions in words: `archive`, `mark as read`, `label Auto/Archived`. */
export function describeActions({ pending }: Pick<Actions, 'pending'>): string[] {
  return pending.map(({ add, label }) => {
    const words = Object.hasOwn(WORDS, label) ? WORDS[label] : undefined;
    return words?.[add ? 0 : 1] ?? `${add ? 'label' : 'remove label'} ${label}`;
  });
}

const add = (label: string): LabelOperation => ({ add: true, label });
const remove = (label: string): LabelOperation => ({ add: false, label });

/** Removes INBOX and SPAM in the same request: sources disagree whether Gmail does so itself. */
const TRASH: readonly LabelOperation[] = [add('TRASH'), remove('INBOX'), remove('SPAM')];

/** Actions whose value is `true`, by their keys in the rules file. */
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

/**
 * The key by which rules compare labels: the id of a system label, or the name in lower case. Only the mailbox knows which
 * other spellings mean the same label: see resolveLabels.
 */
export function labelKey(label: string): string {
  return systemLabelId(label) ?? label.normalize('NFC').toLowerCase();
}

/** An action as written in the rules file, and its label changes. */
interface WrittenAction {
  readonly action: string;
  readonly changes: readonly LabelOperation[];
}

/** `settings` as label changes, or the problem that prevents them. */
export function reduceActions(settings: ActionSettings): Actions | { readonly problem: string } {
  const operations = new Map<string, LabelOperation & { readonly action: string }>();
  const pending: LabelOperation[] = [];
  for (const { action, changes } of writtenActions(settings)) {
    if (changes[0] !== undefined) pending.push(changes[0]);
    for (const { add, label } of changes) {
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

function writtenActions(settings: ActionSettings): WrittenAction[] {
  const switches = Object.entries(SWITCHES).filter(([name]) => settings[name as keyof typeof SWITCHES] === true);
  return [
    ...switches.map(([action, changes]) => ({ action, changes })),
    ...(settings.addLabels ?? []).map((label) => ({
      action: `addLabels "${label}"`,
      changes: labelKey(label) === 'TRASH' ? TRASH : [add(systemLabelId(label) ?? label)],
    })),
    ...(settings.removeLabels ?? []).map((label) => ({
      action: `removeLabels "${label}"`,
      changes: [remove(systemLabelId(label) ?? label)],
    })),
  ];
}

/** The search term for messages that `operation` would change. */
export function pendingSearch({ add, label }: LabelOperation): string {
  return add ? `-${labelSearch(label)}` : labelSearch(label);
}
