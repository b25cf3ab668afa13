/**
 * `npm run pictures`: draws the README's pictures from the output of the built program on the sandbox. The same program
 * gives the same bytes on any day and machine, because the mailboxes and the digest's run have a fixed date.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import PostalMime from 'postal-mime';
import { runAtTerminal } from './fixtures/at-terminal.ts';
import { mailboxOf, type PlainMessage } from './fixtures/mailbox.ts';
import { drawMail } from './pictures/mail.ts';
import { drawTerminal } from './pictures/terminal.ts';
import { commandWith, runJob } from './run.ts';
import { generateMailbox, SANDBOX_LABELS } from './sandbox/generate.ts';
import { startSandbox } from './sandbox/index.ts';
import { SandboxMailbox } from './sandbox/mailbox.ts';

const DAY_MS = 86_400_000;

const NOW = Date.UTC(2026, 10, 27, 6);

/** A module that Node loads before the program, so that the program's `new Date()` is NOW. */
const AT_NOW = `data:text/javascript,${encodeURIComponent(`
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(...parts) { super(...(parts.length === 0 ? [${NOW}] : parts)); }
    static now() { return ${NOW}; }
  };
`)}`;

/** The messages of ten years, one every 40 minutes: newsletters, social notices, letters, and now and then a large one. */
const TEN_YEARS: readonly PlainMessage[] = Array.from({ length: 130_000 }, (_, index) => {
  const at = new Date(NOW - index * 40 * 60_000).toISOString();
  const kind = index % 16;
  const unread = index % 5 < 3 ? ['UNREAD'] : [];
  if (kind < 7) return { at, subject: 'Weekly picks', labels: ['INBOX', 'CATEGORY_PROMOTIONS', ...unread] };
  if (kind < 13) return { at, subject: 'You have new followers', labels: ['INBOX', 'CATEGORY_SOCIAL', ...unread] };
  return { at, subject: 'Photos', labels: ['INBOX'], sizeBytes: index % 97 === 0 ? 12_000_000 : 4_000 };
});

export const PICTURES = { 'forecast.svg': pictureForecast, 'digest.svg': pictureDigest } as const;

export const fileOf = (name: string) => new URL(`./pictures/${name}`, import.meta.url);

/** The mailbox is so large that the changes need more than one minute's quota: the forecast's time is then not `a moment`. */
async function pictureForecast(): Promise<string> {
  const args = ['apply-rules', '--from', '2017-01-01', '--max-changes', '150000'];
  const columns = 84;
  const question = 'Go on? [y/N] ';
  await using sandbox = await startSandbox({ mailbox: mailboxOf(TEN_YEARS, { now: () => NOW }) });
  const { raw, screen } = await runAtTerminal(sandbox, args, { columns, keys: [[question, 'n\r']] });
  const [, forecast] = /( {2}\S*Forecast[\s\S]*?)\S*Go on\?/.exec(raw) ?? [];
  assert.ok(forecast, screen);
  // The seconds, and whether the search reads one page more, depend on how fast the machine is.
  const steady = forecast
    .replace(/about (?:\d+m ?)?(?:\d\ds|\ds )?/, 'about 1m 10s')
    .replace(/\b7,2\d\d units/, '7,263 units')
    .replace(/\b1,7\d\d spent/, '1,768 spent');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: sequences that move the cursor.
  const shown = `${steady}${question}`.replace(/\u001b\[\??[\d;]*[A-Zhl]/g, '');
  return drawTerminal(
    'The forecast of a backfill',
    `\u001b[2m$\u001b[22m bin/job ${args.join(' ')}\n\n${shown}`,
    columns,
  );
}

async function pictureDigest(): Promise<string> {
  const email = 'alice@example.com';
  const all = generateMailbox({ email, count: 6_000, now: NOW });
  const plain = all.filter(
    ({ from, internalDateMs }) => !from.includes('@mischief.example') && internalDateMs > NOW - 24 * DAY_MS,
  );
  const mailbox = new SandboxMailbox({ email, messages: plain, labels: SANDBOX_LABELS, now: () => NOW });
  await using sandbox = await startSandbox({ mailbox });
  const args = ['digest', '--period', 'week', '--time-zone', 'Europe/Berlin'];
  const [, ...words] = await commandWith('installed');
  const { code, stdout, stderr } = await runJob(sandbox, args, { program: ['--import', AT_NOW, ...words] });
  assert.equal(code, 0, stdout + stderr);
  const [message] = mailbox.search('subject:"Your week in mail"');
  const { subject = '', from, html = '' } = await PostalMime.parse(message?.raw ?? '');
  return drawMail({ subject, from: from?.name ?? '', html, height: 849 });
}

if (import.meta.main) {
  for (const [name, draw] of Object.entries(PICTURES)) {
    await writeFile(fileOf(name), await draw());
    process.stdout.write(`test/pictures/${name}\n`);
  }
}
