/**
 * Renders a digest as HTML for mail programs: tables and inline styles; loads nothing. Names and subjects come from
 * senders: they are escaped, stand inside our own links, so that no mail program turns them into others, and have
 * `dir="auto"`, so that right-to-left text does not reorder the line.
 */
import { formatCount } from '../base/count.ts';
import { Html, html } from '../screen/markup.ts';
import type { Count, DigestContents, DigestLine } from './contents.ts';
import * as wording from './wording.ts';

// The light page's colors are inline; the style sheet holds the dark page and the phone, for programs that keep it.
const PAGE = '#f3f4f6';
const PAPER = '#ffffff';
const INK = '#1f2328';
const SOFT = '#656d76';
const LINE = '#e7e9ec';
const TRACK = '#eceef1';

/** Medium brightness is visible on a white and on a black page. */
const BAR_COLOR = '#5b8def';
const CATEGORY_COLORS: Readonly<Record<string, string>> = {
  Primary: '#5b8def',
  Updates: '#e2a33c',
  Promotions: '#46a882',
  Social: '#9a78dd',
  Forums: '#d9708a',
};

/** Stands in a style sheet of its own, because Gmail drops a whole sheet for one rule that it does not accept. */
const COLOR_SCHEME = ':root { color-scheme: light dark; supported-color-schemes: light dark; }';

const STYLE_SHEET = `
@media (max-width: 480px) {
  .frame { padding: 0 !important; }
  .paper { border-radius: 0 !important; }
  .sheet { padding: 24px 18px !important; }
}
@media (prefers-color-scheme: dark) {
  .page { background: #101214 !important; }
  .paper { background: #1a1d21 !important; }
  .ink { color: #e6e8eb !important; }
  .soft { color: #9ba3ad !important; }
  .line { border-color: #2b3036 !important; }
  .track { background: #2b3036 !important; }
}
`;

const TABLE = new Html('role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"');

export function renderHtml(contents: DigestContents): string {
  const { period, now, total, waiting, unreadMessages, largest } = contents;
  const { HEADINGS } = wording;
  const more = contents.unread - unreadMessages.length;
  const rows = (lines: readonly DigestLine[], aside: (line: DigestLine) => string) =>
    lines.map((line) => messageRow(contents.address, line, aside(line)));
  const body = [
    total === 0 ? quiet() : overview(contents),
    section(
      HEADINGS.waiting,
      rows(waiting, ({ receivedAt }) => wording.formatMessageAge(receivedAt, now)),
    ),
    section(
      HEADINGS.unread,
      rows(unreadMessages, ({ receivedAt }) => wording.formatTime(receivedAt, period)),
      more > 0 ? `and ${formatCount(more)} more` : '',
    ),
    section(HEADINGS.senders, senderRows(contents)),
    section(
      HEADINGS.largest,
      rows(largest, ({ sizeBytes }) => wording.formatSize(sizeBytes)),
    ),
  ];
  return page(contents, body).source;
}

function page(contents: DigestContents, body: readonly Html[]): Html {
  const { period } = contents;
  const notes = wording.writeNotes(contents).map((note) => html`<div style="padding-top:4px">${note}</div>`);
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${wording.writeSubject(period)}</title>
<style>${new Html(COLOR_SCHEME)}</style>
<style>${new Html(STYLE_SHEET)}</style>
</head>
<body class="page" style="margin:0;padding:0;background:${PAGE}">
<div style="display:none;max-height:0;overflow:hidden">${wording.summarize(contents)}</div>
<table ${TABLE} class="page" style="background:${PAGE}"><tr><td class="frame" align="center" style="padding:24px 12px">
<table ${TABLE} class="paper" style="max-width:600px;background:${PAPER};border-radius:16px"><tr><td class="sheet" style="padding:32px 36px 28px;font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:15px;line-height:1.45;text-align:left">
<div class="soft" style="color:${SOFT};font-size:13px">${wording.nameDigest(period)}</div>
<h1 class="ink" style="margin:2px 0 0;color:${INK};font-size:26px;line-height:1.25;font-weight:600">${period.title}</h1>
${body}
<div class="soft line" style="margin-top:32px;padding-top:12px;border-top:1px solid ${LINE};color:${SOFT};font-size:12px">${notes}</div>
</td></tr></table>
</td></tr></table>
</body>
</html>
`;
}

function quiet(): Html {
  return html`<p class="ink" style="margin:20px 0 0;color:${INK};font-size:17px">${wording.QUIET}</p>`;
}

function overview(contents: DigestContents): Html {
  const { total, categories } = contents;
  return html`
<table ${TABLE} style="margin-top:20px"><tr>
<td class="ink" width="1" valign="middle" style="color:${INK};font-size:48px;line-height:1;font-weight:300;white-space:nowrap;padding-right:14px">${formatCount(total)}</td>
<td class="ink" valign="middle" style="color:${INK}">${wording.describeArrival(total)}<br><span class="soft" style="color:${SOFT}">${wording.describeUnread(contents)}</span></td>
</tr></table>
<table ${TABLE} style="margin-top:20px;border-radius:4px;overflow:hidden"><tr>${categories.map((category) => segment(category, total))}</tr></table>
<div class="ink" style="margin-top:10px;color:${INK};font-size:13px;line-height:1.7">${categories.map(legend)}</div>
<table ${TABLE} class="line" style="margin-top:20px;border-top:1px solid ${LINE};border-bottom:1px solid ${LINE}"><tr>${wording.countStates(contents).map(state)}</tr></table>`;
}

function segment({ name, count }: Count, total: number): Html {
  const percent = Math.max(1, Math.round((100 * count) / total));
  const color = CATEGORY_COLORS[name] ?? BAR_COLOR;
  return html`<td width="${percent}%" height="8" bgcolor="${color}" style="background:${color};height:8px;font-size:0;line-height:0">&nbsp;</td>`;
}

function legend({ name, count }: Count): Html {
  const color = CATEGORY_COLORS[name] ?? BAR_COLOR;
  return html`<span style="white-space:nowrap;padding-right:14px"><span style="color:${color}">&#9679;</span> ${name} <b style="font-weight:600">${formatCount(count)}</b></span> `;
}

function state({ name, count }: Count): Html {
  return html`<td width="25%" style="padding:12px 0"><div class="ink" style="color:${INK};font-size:20px;line-height:1.2;font-weight:600">${formatCount(count)}</div><div class="soft" style="color:${SOFT};font-size:12px">${name}</div></td>`;
}

/** A heading with rows; nothing when there are no rows. */
function section(heading: string, rows: readonly Html[], closing = ''): Html {
  if (rows.length === 0) return html``;
  const last =
    closing === ''
      ? html``
      : html`<div class="soft" style="padding-top:8px;color:${SOFT};font-size:13px">${closing}</div>`;
  return html`
<h2 class="ink" style="margin:30px 0 8px;color:${INK};font-size:16px;line-height:1.4;font-weight:600">${heading}</h2>
<table ${TABLE} style="table-layout:fixed">${rows}</table>${last}`;
}

function messageRow(address: string, { threadId, sender, subject }: DigestLine, aside: string): Html {
  const link = gmailLink(address, `all/${encodeURIComponent(threadId)}`);
  const beside = `padding-top:8px;border-top:1px solid ${LINE};font-size:14px`;
  const under = 'padding-bottom:8px;font-size:14px;word-wrap:break-word;overflow-wrap:anywhere';
  const rtlSafe = 'display:block;text-align:left;text-decoration:none';
  return html`<tr>
<td class="line" style="${beside};white-space:nowrap;overflow:hidden;text-overflow:ellipsis"><a class="ink" dir="auto" href="${link}" style="${rtlSafe};color:${INK};font-weight:600;overflow:hidden;text-overflow:ellipsis">${sender.name}</a></td>
<td class="soft line" width="96" align="right" style="${beside};color:${SOFT};font-size:13px;white-space:nowrap">${aside}</td>
</tr><tr><td colspan="2" style="${under}"><a class="soft" dir="auto" href="${link}" style="${rtlSafe};color:${SOFT}">${subject}</a></td></tr>`;
}

function senderRows({ address, senders }: DigestContents): Html[] {
  const most = Math.max(...senders.map(({ count }) => count));
  return senders.map(({ name, address: from, count }) => {
    const link = gmailLink(address, `search/${encodeURIComponent(from === '' ? name : `from:${from}`)}`);
    const percent = Math.max(2, Math.round((100 * count) / most));
    return html`<tr>
<td width="50%" style="padding:5px 12px 5px 0;font-size:14px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis"><a class="ink" dir="auto" href="${link}" style="color:${INK};text-decoration:none">${name}</a></td>
<td style="padding:5px 0"><div class="track" style="background:${TRACK};border-radius:3px;height:6px;font-size:0;line-height:0"><div style="background:${BAR_COLOR};border-radius:3px;width:${percent}%;height:6px">&nbsp;</div></div></td>
<td class="ink" width="44" align="right" style="padding:5px 0;color:${INK};font-size:14px">${formatCount(count)}</td>
</tr>`;
  });
}

/** A link into Gmail on the web, in the account of `address`. */
function gmailLink(address: string, place: string): string {
  return `https://mail.google.com/mail/?authuser=${encodeURIComponent(address)}#${place}`;
}
