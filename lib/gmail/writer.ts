/**
 * The half of the mailbox that changes something. There are two: one sends, and the one of a dry run has nothing that
 * it could send with.
 */
import { UnavailableError } from '../errors.ts';
import type { GmailClient, PreSendCheck } from './client.ts';
import type { IdSet } from './ids.ts';
import { type Label, normalizeLabel } from './labels.ts';
import { GmailRefusal } from './responses.ts';

export interface LabelChange {
  readonly addLabelIds: readonly string[];
  readonly removeLabelIds: readonly string[];
}

/** Messages that get the same change, under a name for the log. */
export interface LabelSet {
  readonly name: string;
  readonly ids: IdSet;
  readonly change: LabelChange;
}

/** Tells what became of a change that was not confirmed. */
export interface ChangeState {
  /** Gmail may have made it: it was sent, and not refused. */
  mayBeApplied: boolean;
}

/** Messages of which some may be left out until they are sent. */
export interface CheckedIds extends PreSendCheck {
  readonly ids: readonly string[];
}

/** Messages of which none is left out. */
export function fixedIds(ids: readonly string[]): CheckedIds {
  return { ids, isDue: false, run: async () => true };
}

export interface Writer {
  /** Whether what it is told really happens. */
  readonly live: boolean;
  modify(messages: CheckedIds, change: LabelChange, signal: AbortSignal, state?: ChangeState): Promise<void>;
  /** @throws GmailRefusal with status 409 when a label of that name exists. */
  createLabel(name: string, hidden: boolean, signal: AbortSignal): Promise<Label>;
  /** @throws GmailRefusal with status 404 when there is no such label. */
  deleteLabel(id: string, signal: AbortSignal): Promise<void>;
  /** Changes one message. */
  modifyOne(id: string, change: LabelChange, signal: AbortSignal): Promise<void>;
  /**
   * Puts a message into the mailbox and returns its id. Unless it is `repeatable` it is sent at most once: an
   * UnavailableError may mean that it is there all the same.
   */
  insert(
    raw: Buffer,
    labelIds: readonly string[],
    signal: AbortSignal,
    repeatable?: boolean,
  ): Promise<string | undefined>;
}

const me = { userId: 'me' };

/** A writer that sends its changes to Gmail. */
export function createLiveWriter(client: GmailClient): Writer {
  return {
    live: true,
    async modify(messages, change, signal, state = { mayBeApplied: false }) {
      const labels = { addLabelIds: [...change.addLabelIds], removeLabelIds: [...change.removeLabelIds] };
      let mayHaveBeenApplied = state.mayBeApplied;
      const request = client.request(
        'messages.batchModify',
        async (api, options) => {
          mayHaveBeenApplied = state.mayBeApplied;
          state.mayBeApplied = true;
          const requestBody = { ids: [...messages.ids], ...labels };
          const answer = await api.users.messages.batchModify({ ...me, requestBody }, options);
          // Refused, it had no effect, which says nothing about attempts before.
          if (answer.status >= 400 && answer.status < 500) state.mayBeApplied = mayHaveBeenApplied;
          return answer;
        },
        signal,
        'repeatable',
        messages,
      );
      await request.catch((error) => {
        // A refusal may also stand in the body of a 200.
        if (error instanceof GmailRefusal) state.mayBeApplied = mayHaveBeenApplied;
        throw error;
      });
    },
    async modifyOne(id, change, signal) {
      const requestBody = { addLabelIds: [...change.addLabelIds], removeLabelIds: [...change.removeLabelIds] };
      await client.request(
        'messages.modify',
        (api, options) => api.users.messages.modify({ ...me, id, requestBody }, options),
        signal,
        'repeatable',
      );
    },
    async createLabel(name, hidden, signal) {
      const visibility = hidden ? { labelListVisibility: 'labelHide', messageListVisibility: 'hide' } : {};
      const requestBody = { name, ...visibility };
      const label = await client.request<Label>(
        'labels.create',
        (api, options) => api.users.labels.create({ ...me, requestBody }, options),
        signal,
        'repeatable',
      );
      if (normalizeLabel(label.name) === normalizeLabel(name)) return { id: label.id, name: label.name };
      throw new UnavailableError(
        `Gmail returned a different label when asked to create "${name}"`,
        'No message was changed with it; the next run tries again.',
      );
    },
    async deleteLabel(id, signal) {
      await client.request(
        'labels.delete',
        (api, options) => api.users.labels.delete({ ...me, id }, options),
        signal,
        'repeatable',
      );
    },
    async insert(raw, labelIds, signal, repeatable = false) {
      const requestBody = { raw: raw.toString('base64url'), labelIds: [...labelIds] };
      const { id } = await client.request<{ id?: string }>(
        'messages.insert',
        (api, options) => api.users.messages.insert({ ...me, requestBody, internalDateSource: 'dateHeader' }, options),
        signal,
        repeatable ? 'repeatable' : 'once',
      );
      return id;
    },
  };
}

/** A writer without a connection: everything that it is told remains to be done. */
export const dryWriter: Writer = {
  live: false,
  modify: async () => undefined,
  modifyOne: async () => undefined,
  createLabel: async (name) => ({ id: `(${name})`, name }),
  deleteLabel: async () => undefined,
  insert: async () => undefined,
};
