/** Everything that changes the mailbox goes through a writer. The writer of a dry run has no client to send with. */
import { Readable } from 'node:stream';
import { UnavailableError } from '../errors.ts';
import type { GmailClient, PreSendCheck } from './client.ts';
import type { IdSet } from './ids.ts';
import { type Label, normalizeLabel } from './labels.ts';
import { GmailRefusal } from './responses.ts';

export interface LabelChange {
  readonly addLabelIds: readonly string[];
  readonly removeLabelIds: readonly string[];
}

/** Messages that get the same change. The name is for the log. */
export interface LabelSet {
  readonly name: string;
  readonly ids: IdSet;
  readonly change: LabelChange;
}

export interface ChangeState {
  /** The change was sent and not refused, so Gmail may have applied it. */
  mayBeApplied: boolean;
}

/** Message ids from which a check may remove some before they are sent. */
export interface CheckedIds extends PreSendCheck {
  readonly ids: readonly string[];
}

/** Message ids that are sent without a check. */
export function fixedIds(ids: readonly string[]): CheckedIds {
  return { ids, isDue: false, run: async () => true };
}

export interface Writer {
  /** False for the writer of a dry run. */
  readonly live: boolean;
  modify(messages: CheckedIds, change: LabelChange, signal: AbortSignal, state?: ChangeState): Promise<void>;
  /** @throws GmailRefusal with status 409 when a label of that name exists. */
  createLabel(name: string, hidden: boolean, signal: AbortSignal): Promise<Label>;
  /** @throws GmailRefusal with status 404 when there is no such label. */
  deleteLabel(id: string, signal: AbortSignal): Promise<void>;
  /** Costs less quota than `modify` for up to 10 messages. */
  modifyOne(id: string, change: LabelChange, signal: AbortSignal): Promise<void>;
  /**
   * Inserts a message into the mailbox and returns its id. Unless `repeatable`, the request is sent at most once, and the
   * message may be there even after an UnavailableError.
   */
  insert(
    raw: Buffer,
    labelIds: readonly string[],
    signal: AbortSignal,
    repeatable?: boolean,
  ): Promise<string | undefined>;
  /**
   * Imports a message, as Gmail receives mail but without its spam filter, at the date of its header Date, and returns its
   * id. Sent at most once: the message may be there even after an UnavailableError. 25 quota units.
   */
  import(source: Buffer, labelIds: readonly string[], signal: AbortSignal): Promise<string | undefined>;
}

/** Longer sources are uploaded as a stream: the JSON of a message takes four times its size in memory. */
const LONGEST_IN_JSON = 1_000_000;

const UPLOAD_CHUNK = 256 * 1_024;

const me = { userId: 'me' };

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
          // A refusal says nothing about earlier attempts.
          if (answer.status >= 400 && answer.status < 500) state.mayBeApplied = mayHaveBeenApplied;
          return answer;
        },
        signal,
        'repeatable',
        messages,
      );
      await request.catch((error) => {
        // A refusal may also be in the body of a 200.
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
        `Gmail created another label than "${name}"`,
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
    async import(source, labelIds, signal) {
      const params = { ...me, internalDateSource: 'dateHeader', neverMarkSpam: true };
      const requestBody = { labelIds: [...labelIds] };
      const { id } = await client.request<{ id?: string }>(
        'messages.import',
        (api, options) =>
          source.length <= LONGEST_IN_JSON
            ? api.users.messages.import(
                { ...params, requestBody: { ...requestBody, raw: source.toString('base64url') } },
                options,
              )
            : api.users.messages.import(
                {
                  ...params,
                  requestBody,
                  media: { mimeType: 'message/rfc822', body: Readable.from(chunksOf(source)) },
                },
                options,
              ),
        signal,
        'once',
      );
      return id;
    },
  };
}

/** The parts of `source`, which share its memory. */
function* chunksOf(source: Buffer): Iterable<Buffer> {
  for (let at = 0; at < source.length; at += UPLOAD_CHUNK) yield source.subarray(at, at + UPLOAD_CHUNK);
}

export const dryWriter: Writer = {
  live: false,
  modify: async () => undefined,
  modifyOne: async () => undefined,
  createLabel: async (name) => ({ id: `(${name})`, name }),
  deleteLabel: async () => undefined,
  insert: async () => undefined,
  import: async () => undefined,
};
