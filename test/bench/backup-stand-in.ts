/**
 * A sandbox for the benchmarks of copies, in a process of its own. It makes up the source of a large message when it is
 * asked for, and keeps large objects of S3 on the disk, so that it holds no large mail in memory. Sends its parent the
 * variables, then for each message from the parent a report on the time since the last one.
 */
import { createCipheriv } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeUpMailbox, startSandbox } from '../sandbox/index.ts';
import type { SandboxMailbox } from '../sandbox/mailbox.ts';
import type { S3Object } from '../sandbox/s3-bucket.ts';
import { latencies, reportOn, type StandInReport } from './stand-in.ts';

export interface BackupStandInOptions {
  readonly messages: number;
  /** How many of the messages are large, and their size. */
  readonly large: number;
  readonly largeBytes: number;
  readonly unitsPerMinute: number;
  /** An empty folder for the objects of S3. */
  readonly folder: string;
}

export interface BackupStandInReport extends StandInReport {
  readonly cpuMs: number;
  readonly memoryMb: number;
}

/** `empty`: deletes all messages of the mailbox first. */
export type BackupCommand = 'report' | 'empty';

/** Larger objects lie on the disk. */
const MOST_IN_MEMORY = 100_000;

if (process.send !== undefined) await serve(JSON.parse(process.argv[2] ?? '') as BackupStandInOptions);

async function serve({ messages, large, largeBytes, unitsPerMinute, folder }: BackupStandInOptions): Promise<void> {
  const mailbox = makeUpMailbox({ messages });
  enlarge(mailbox, large, largeBytes);
  forgetImports(mailbox);
  const sandbox = await startSandbox({ mailbox, quota: { unitsPerMinute }, latencyMs: latencies(1) });
  sandbox.faults.add({
    kind: 'hook',
    verb: 'messages.import',
    times: Number.POSITIVE_INFINITY,
    after: (request) => {
      request.body = '';
    },
  });
  keepOnDisk(sandbox.s3.objects, folder);
  let usage = process.cpuUsage();
  process.on('message', (command: BackupCommand) => {
    if (command === 'empty') mailbox.delete(mailbox.messages().map(({ id }) => id));
    const { user, system } = process.cpuUsage(usage);
    usage = process.cpuUsage();
    process.send?.({ ...reportOn(sandbox), cpuMs: (user + system) / 1_000, memoryMb: peakMb() });
    sandbox.requests.length = 0;
  });
  process.on('disconnect', () => process.exit());
  process.send?.({ ...sandbox.env, EXPORT_URL: sandbox.s3.url('copy') });
}

/** Makes every so-manieth message large; its source is made up at each request, and does not compress. */
function enlarge(mailbox: SandboxMailbox, count: number, bytes: number): void {
  const all = mailbox.messages();
  for (let n = 0; n < count; n += 1) {
    const message = mailbox.get(all[Math.floor(((n + 0.5) * all.length) / count)]?.id ?? '');
    if (message === undefined) continue;
    const seed = n + 1;
    Object.assign(message, { sizeBytes: bytes, attachments: [] });
    Object.defineProperty(message, 'raw', { get: () => sourceOf(message.subject, message.messageId, bytes, seed) });
  }
}

function sourceOf(subject: string, messageId: string, bytes: number, seed: number): string {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16));
  const content = cipher.update(Buffer.alloc(Math.floor((bytes * 57) / 78)));
  return [
    `Subject: ${Buffer.from(subject).toString('latin1')}`,
    `Message-ID: ${messageId}`,
    'Content-Type: multipart/mixed; boundary=cut',
    '',
    '--cut',
    'Content-Type: application/octet-stream; name=large.bin',
    'Content-Transfer-Encoding: base64',
    '',
    content.toString('base64').replace(/.{76}/g, '$&\r\n'),
    '--cut--',
    '',
  ].join('\r\n');
}

/** The mailbox keeps no source of a large message that it gets. */
function forgetImports(mailbox: SandboxMailbox): void {
  const insert = mailbox.insert.bind(mailbox);
  mailbox.insert = async (...args) => {
    const message = await insert(...args);
    if (message.sizeBytes > MOST_IN_MEMORY) message.raw = '';
    return message;
  };
}

function keepOnDisk(objects: Map<string, S3Object>, folder: string): void {
  const set = objects.set.bind(objects);
  let files = 0;
  objects.set = (key, object) => {
    if (object.body.length > MOST_IN_MEMORY) {
      files += 1;
      const file = join(folder, String(files));
      writeFileSync(file, object.body);
      Object.defineProperty(object, 'body', { get: () => readFileSync(file) });
    }
    return set(key, object);
  };
}

function peakMb(): number {
  return process.resourceUsage().maxRSS / 1_024;
}
