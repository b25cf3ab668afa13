/**
 * Reads the source of a message, or an attachment, as a stream: takes it out of Gmail's JSON while the answer arrives, so
 * that the source of a message of 50 MB is never in memory as a whole, and an attachment only once. The rest of the answer is judged by the client, as every answer is.
 */
import type { gmail_v1 } from 'googleapis/build/src/apis/gmail/index.js';
import { isObject, parseJson } from '../base/json.ts';
import { TRY_NEXT_RUN } from '../base/network-failure.ts';
import { UnavailableError } from '../errors.ts';
import type { GmailClient } from './client.ts';
import { isHistoryId } from './history-id.ts';
import { GmailRefusal } from './responses.ts';

/** Gets the source of a message piece by piece. */
export interface SourceSink {
  write(bytes: Buffer): Promise<void>;
}

/** A message without its source. */
export interface RawMessage {
  readonly threadId: string;
  readonly labelIds: readonly string[];
  /** The id of the last change to the message: see readHistory. */
  readonly historyId: string;
  /** Milliseconds since 1970. */
  readonly internalDateMs: number;
}

export interface RawSourceOptions {
  /** Called when the source of an answer begins. After a retry it is called again, and the bytes in the earlier sink must be dropped. */
  readonly openSink: () => SourceSink;
  /** Whether the answer may be so large that it takes longer than other requests. */
  readonly isLarge: boolean;
}

/**
 * Reads a message, and writes its RFC 822 source into a sink; null when the message no longer exists. 20 quota units.
 * @throws UnavailableError when Gmail leaves out a part of the message.
 */
export async function readRawSource(
  client: GmailClient,
  id: string,
  signal: AbortSignal,
  { openSink, isLarge }: RawSourceOptions,
): Promise<RawMessage | null> {
  const fetchImplementation = (...request: Parameters<typeof fetch>) => fetchRaw(request, 'raw', openSink);
  const params = { userId: 'me', id, format: 'raw', fields: 'id,threadId,labelIds,historyId,internalDate,raw' };
  let message: gmail_v1.Schema$Message;
  try {
    message = await client.request<gmail_v1.Schema$Message>(
      'messages.get',
      (api, options) => api.users.messages.get(params, { ...options, fetchImplementation }),
      signal,
      isLarge ? 'long read' : 'read',
    );
  } catch (error) {
    if (error instanceof GmailRefusal && error.status === 404) return null;
    throw error;
  }
  const { threadId, labelIds, historyId, internalDate } = message;
  const internalDateMs = /^-?\d{1,15}$/.test(internalDate ?? '') ? Number(internalDate) : undefined;
  if (message.id !== id || !threadId || !isHistoryId(historyId) || internalDateMs === undefined) {
    throw new UnavailableError('Gmail was not available: messages.get was answered with incomplete JSON', TRY_NEXT_RUN);
  }
  return { threadId, labelIds: labelIds ?? [], historyId, internalDateMs };
}

/** The content of an attachment. 20 quota units. @throws GmailRefusal when the message no longer exists. */
export async function readAttachment(
  client: GmailClient,
  messageId: string,
  id: string,
  signal: AbortSignal,
): Promise<Buffer> {
  let pieces: Buffer[] = [];
  const openSink = (): SourceSink => {
    return { write: async (bytes) => void pieces.push(bytes) };
  };
  const fetchImplementation = async (...request: Parameters<typeof fetch>) => {
    pieces = [];
    const response = await fetchRaw(request, 'data', openSink);
    const readRest = response.text.bind(response);
    const text = async () => {
      const rest = await readRest();
      const answer = parseJson(rest);
      // The client takes an answer for complete that has content.
      return isObject(answer) && answer.data === '' && pieces.length > 0 ? '{"data":"cut out"}' : rest;
    };
    return Object.assign(response, { text });
  };
  await client.request<gmail_v1.Schema$MessagePartBody>(
    'messages.attachments.get',
    (api, options) =>
      api.users.messages.attachments.get({ userId: 'me', messageId, id }, { ...options, fetchImplementation }),
    signal,
  );
  return Buffer.concat(pieces);
}

/** An answer without a source: the client sends the request again. */
const INCOMPLETE = '{}';

/** `fetch` whose answer has in its text no content left under the key. */
async function fetchRaw(
  request: Parameters<typeof fetch>,
  key: 'raw' | 'data',
  openSink: () => SourceSink,
): Promise<Response> {
  const response = await fetch(...request);
  const { body, status } = response;
  if (body === null) return response;
  const text = async () => {
    const cutter = new RawCutter(status === 200 ? openSink : undefined, key);
    for await (const chunk of body) await cutter.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    const rest = cutter.finish();
    // An empty attachment has no content.
    if (status !== 200 || cutter.hasSource || key === 'data') return rest;
    const answer = parseJson(rest);
    return isObject(answer) && answer.error === undefined ? INCOMPLETE : rest;
  };
  return Object.assign(response, { text });
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const WHITESPACE = /^[\t\n\r ]$/;
const LONGEST_ESCAPE = '\\u0000'.length;

/** Cuts the string of the key `raw`, or of another key, out of a JSON object that arrives in pieces, and decodes it from base64url. */
export class RawCutter {
  readonly #openSink: (() => SourceSink) | undefined;
  readonly #cutKey: string;
  #rest: Buffer[] = [];
  /** Whether the answer is a JSON object: an HTML page may contain objects, too. Undefined before its first character. */
  #isObject: boolean | undefined;
  /** The depth of objects and lists; 1 inside the outermost object. */
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  /** Whether the next string at depth 1 is a key. */
  #isKeyNext = false;
  /** The bytes of the key that is being read; null outside of such a key. */
  #key: number[] | null = null;
  /** Whether the last key is "raw", and its value has not begun. */
  #isRawNext = false;
  #source: Base64Source | null = null;
  #isDone = false;
  #isBroken = false;

  /** Without a sink everything is passed on. */
  constructor(openSink?: () => SourceSink, key = 'raw') {
    this.#openSink = openSink;
    this.#cutKey = key;
  }

  /** Whether the whole source was found. */
  get hasSource(): boolean {
    return this.#isDone && !this.#isBroken;
  }

  async write(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      at = this.#source === null ? this.#copy(chunk, at) : await this.#cut(this.#source, chunk, at);
    }
  }

  /** The answer without the content of the source; broken JSON when the source is invalid. */
  finish(): string {
    if (this.#isBroken) return '{';
    return new TextDecoder().decode(Buffer.concat(this.#rest));
  }

  /** Copies until the source begins. Returns the index of the first byte that is not copied. */
  #copy(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#openSink === undefined) at = chunk.length;
    while (at < chunk.length && this.#source === null) {
      this.#read(chunk[at] as number);
      at += 1;
    }
    // The copy does not keep the memory of the whole chunk.
    this.#rest.push(Buffer.from(chunk.subarray(from, at)));
    return at;
  }

  #read(byte: number): void {
    if (this.#isInString) {
      this.#readInString(byte);
      return;
    }
    const character = String.fromCharCode(byte);
    if (WHITESPACE.test(character)) return;
    this.#isObject ??= character === '{';
    if (byte === QUOTE) {
      this.#isInString = true;
      if (this.#depth === 1 && this.#isKeyNext) this.#key = [];
      else if (this.#depth === 1 && this.#isRawNext) this.#begin();
    } else if (character === '{' || character === '[') {
      this.#depth += 1;
      this.#isKeyNext = this.#isObject && this.#depth === 1;
    } else if (character === '}' || character === ']') {
      this.#depth -= 1;
    } else if (character === ',') {
      this.#isKeyNext = this.#isObject && this.#depth === 1;
    }
    if (byte !== QUOTE && character !== ':') this.#isRawNext = false;
  }

  #readInString(byte: number): void {
    if (byte === QUOTE && !this.#isEscaped) {
      this.#isInString = false;
      if (this.#key !== null) {
        this.#isRawNext = parseJson(`"${Buffer.from(this.#key).toString()}"`) === this.#cutKey;
        this.#isKeyNext = false;
        this.#key = null;
      } else this.#isRawNext = false;
      return;
    }
    this.#key?.push(byte);
    this.#isEscaped = byte === BACKSLASH && !this.#isEscaped;
  }

  #begin(): void {
    this.#isRawNext = false;
    // A key may be written twice; only one of its values can be the source.
    if (this.#isDone) this.#isBroken = true;
    this.#source = new Base64Source((this.#openSink as () => SourceSink)());
  }

  /** Decodes until the source ends. Returns the index of its closing quote, which is copied. */
  async #cut(source: Base64Source, chunk: Buffer, from: number): Promise<number> {
    const end = source.endIn(chunk, from);
    const text = chunk.toString('latin1', from, end ?? chunk.length);
    if (!this.#isBroken && !(await source.write(text))) this.#isBroken = true;
    if (end === null) return chunk.length;
    if (!this.#isBroken && !(await source.finish())) this.#isBroken = true;
    this.#isDone = true;
    this.#source = null;
    return end;
  }
}

/** Decodes base64url, or base64, that arrives in pieces of a JSON string. */
class Base64Source {
  readonly #sink: SourceSink;
  /** Characters that do not make whole bytes yet. */
  #left = '';
  /** The beginning of an escape sequence whose end is in the next chunk. */
  #escape = '';
  #isPadded = false;
  #endsWithBackslash = false;

  constructor(sink: SourceSink) {
    this.#sink = sink;
  }

  /** The index of the closing quote; null when it is in a later chunk. */
  endIn(chunk: Buffer, from: number): number | null {
    for (let at = from; ; ) {
      const quote = chunk.indexOf(QUOTE, at);
      const end = quote === -1 ? chunk.length : quote;
      let backslashes = 0;
      while (end - backslashes > from && chunk[end - backslashes - 1] === BACKSLASH) backslashes += 1;
      const reachesBack = end - backslashes === from && this.#endsWithBackslash;
      const isEscaped = (backslashes + (reachesBack ? 1 : 0)) % 2 === 1;
      if (quote === -1) {
        this.#endsWithBackslash = isEscaped;
        return null;
      }
      if (!isEscaped) return quote;
      at = quote + 1;
    }
  }

  /** Returns false for characters that no source has. */
  async write(text: string): Promise<boolean> {
    const plain = this.#unescape(text);
    if (plain === null) return false;
    const encoded = plain.replace(/[\r\n=]+$/, '');
    if (this.#isPadded && encoded !== '') return false;
    this.#isPadded ||= plain.includes('=');
    const characters = this.#left + encoded.replace(/[\r\n]/g, '');
    if (/[^A-Za-z0-9_+/-]/.test(characters)) return false;
    const whole = this.#isPadded ? characters.length : characters.length - (characters.length % 4);
    this.#left = characters.slice(whole);
    if (whole % 4 === 1) return false;
    if (whole > 0) await this.#sink.write(Buffer.from(characters.slice(0, whole), 'base64url'));
    return true;
  }

  /** Writes the last bytes. Returns false when the source ends in the middle of a byte or of an escape sequence. */
  async finish(): Promise<boolean> {
    if (this.#escape !== '' || this.#left.length === 1) return false;
    if (this.#left !== '') await this.#sink.write(Buffer.from(this.#left, 'base64url'));
    return true;
  }

  /** The text without escape sequences, such as \u003d; null when one is invalid. */
  #unescape(text: string): string | null {
    const all = this.#escape + text;
    this.#escape = '';
    if (!all.includes('\\')) return all;
    const lastBackslash = all.search(/\\(?:u[0-9a-f]{0,3})?$/i);
    const end = lastBackslash === -1 || isWhole(all.slice(0, lastBackslash)) === false ? all.length : lastBackslash;
    this.#escape = all.slice(end);
    if (this.#escape.length >= LONGEST_ESCAPE) return null;
    const plain = parseJson(`"${all.slice(0, end)}"`);
    return typeof plain === 'string' ? plain : null;
  }
}

/** Whether a backslash behind the text begins an escape sequence of its own. */
function isWhole(text: string): boolean {
  const [backslashes = ''] = /\\*$/.exec(text) ?? [];
  return backslashes.length % 2 === 0;
}
