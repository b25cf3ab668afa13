/** Composes a digest's mail: headers, plain text and HTML in one message. */
import MailComposer from 'nodemailer/lib/mail-composer';
import type { DigestContents } from './contents.ts';
import { renderHtml } from './html.ts';
import { renderText } from './text.ts';
import { writeSubject } from './wording.ts';

/** Returns the RFC 822 source; `messageId` is without angle brackets. */
export function composeMail(contents: DigestContents, messageId: string): Promise<Buffer> {
  const { address, now, period } = contents;
  const composer = new MailComposer({
    from: { name: 'Mail digest', address },
    to: address,
    subject: writeSubject(period),
    messageId: `<${messageId}>`,
    date: now,
    headers: { 'Auto-Submitted': 'auto-generated' },
    text: renderText(contents),
    html: renderHtml(contents),
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return composer.compile().build();
}
