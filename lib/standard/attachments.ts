/**
 * Saves files out of mail to EXPORT_URL, as the rules of attachments.yaml choose them. Each rule marks the messages whose
 * files it has saved with a label, and its search leaves marked messages out, so a second run finds nothing.
 */
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMeant } from '../attachments/globs.ts';
import { pathFor } from '../attachments/path.ts';
import { saveFile } from '../attachments/save.ts';
import { type AttachmentRule, readAttachmentsFile } from '../attachments/schema.ts';
import type { FileStore } from '../base/file-store.ts';
import { didYouMean } from '../base/nearest.ts';
import { UsageError } from '../errors.ts';
import type { Message } from '../gmail/message.ts';
import { defineJob, Scope, textsOption } from '../job.ts';
import { placeOption } from '../store/place.ts';

/** Messages at a time: enough to use the quota up (240 messages a minute) when each takes a second. */
const AT_ONCE = 4;

/** Endings of names that are logged when no file fits a rule. */
const MOST_ENDINGS = 5;

/** Returns the job. Its rules come from ATTACHMENTS_FILE or, when that is not set, from `ownRules`, a file in jobs/. */
export function saveAttachments(ownRules: URL) {
  return defineJob({
    summary: 'Save attachments of mail to EXPORT_URL, as the rules in attachments.yaml say',
    description:
      'Each rule has a search, globs for the files, and a template for their paths. The rules come from ATTACHMENTS_FILE, ' +
      'or from the attachments.yaml beside the job. A message is read once: a label marks it when its files are saved.',
    scopes: [Scope.modify],
    options: {
      rule: textsOption('<name>', 'use this rule alone'),
      into: placeOption('save to this place'),
    },
    backfill: true,
    files: { option: '--into', place: ({ into }) => into },

    async prepare({ options, attachmentsFile }) {
      if (attachmentsFile !== undefined) return selectRules(await readAttachmentsFile(attachmentsFile), options.rule);
      const own = fileURLToPath(ownRules);
      // Messages name the file in jobs/, because nobody edits the copy that the build makes.
      return selectRules(await readAttachmentsFile(own, `jobs/${basename(own)}`), options.rule);
    },

    async run({ mailbox, prepared: rules, store, signal, giveUp, log }) {
      if (store === undefined) throw new Error('the run opened no place for files');
      // A live run finds out when it saves.
      if (!mailbox.live) await store.requireWritable(signal);
      const works = rules.map(({ name, search, done, ...rule }) => {
        const sum = { rule: name, messages: 0, files: 0, bytes: 0, there: 0 };
        const endings = new Map<string, number>();
        const each = async (message: Message) => {
          const { files, bytes, there } = await saveFiles(message, rule, { store, giveUp });
          countEndings(message, endings);
          sum.messages += 1;
          sum.files += files;
          sum.bytes += bytes;
          sum.there += there;
          if (files > 0) log.debug('attachments.message_saved', { rule: name, id: message.id, files, bytes });
        };
        return { sum, endings, handOver: { query: search.query, done, atOnce: AT_ONCE, each } };
      });
      try {
        await mailbox.messagesOf(works.map(({ handOver }) => handOver));
      } finally {
        for (const { sum, endings, handOver } of works) {
          if (sum.messages === 0) continue;
          log.info('attachments.saved', sum);
          if (sum.files + sum.there > 0 || endings.size === 0) continue;
          const seen = [...endings].sort(([, a], [, b]) => b - a).slice(0, MOST_ENDINGS);
          log.warn('attachments.nothing_fits', {
            rule: sum.rule,
            done: handOver.done,
            seen: Object.fromEntries(seen),
          });
        }
      }
    },
  });
}

/** Counts the attachments by the endings of their names. Names themselves are not logged. */
function countEndings({ attachments }: Message, counts: Map<string, number>): void {
  for (const { name } of attachments) {
    const ending = /\.([a-z0-9]{1,8})$/i.exec(name)?.[1]?.toLowerCase();
    const glob = ending === undefined ? 'others' : `*.${ending}`;
    counts.set(glob, (counts.get(glob) ?? 0) + 1);
  }
}

interface SaveContext {
  readonly store: FileStore;
  /** Ends the writing. */
  readonly giveUp: AbortSignal;
}

/** Saves the files of a message that the rule means: how many new ones, with how many bytes; how many were there before. */
async function saveFiles(
  { id, receivedAt, from, subject, attachments }: Message,
  { files: globs, except, path }: Pick<AttachmentRule, 'files' | 'except' | 'path'>,
  { store, giveUp }: SaveContext,
) {
  const meant = attachments.filter((file) => isMeant(file, globs) && !isMeant(file, except));
  let [files, bytes, there] = [0, 0, 0];
  for (const file of meant) {
    const content = await file.content();
    const values = { receivedAt, from: from.address, subject, filename: file.name, type: file.type, id };
    if (await saveFile(store, pathFor(path, values), content, giveUp)) {
      files += 1;
      bytes += content.length;
    } else there += 1;
  }
  return { files, bytes, there };
}

/** The rules with the chosen names, in the order of the file. */
function selectRules(
  rules: readonly AttachmentRule[],
  chosen: readonly string[] | undefined,
): readonly AttachmentRule[] {
  if (chosen === undefined) return rules;
  const names = rules.map(({ name }) => name);
  for (const name of chosen) {
    if (names.includes(name)) continue;
    throw new UsageError(
      `--rule: there is no rule "${name}"${didYouMean(name, names)}`,
      `The rules are ${names.join(', ')}.`,
    );
  }
  return rules.filter(({ name }) => chosen.includes(name));
}
