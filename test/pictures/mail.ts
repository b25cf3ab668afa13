/** Draws an HTML mail as an SVG, in a frame like that of a mail program. */
import { htmlEscape } from 'escape-goat';

const WIDTH = 680;
const HEADER = 92;

const FONT = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";

export interface DrawnMail {
  readonly subject: string;
  readonly from: string;
  readonly html: string;
  /** Pixels of the HTML that are seen, from its top. */
  readonly height: number;
}

/** Browsers draw the HTML in a foreignObject, also in an `<img>`, as long as it needs no script and no other file. */
export function drawMail({ subject, from, html, height }: DrawnMail): string {
  const all = HEADER + height;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${all}" viewBox="0 0 ${WIDTH} ${all}" role="img">`,
    htmlEscape`<title>${subject}</title>`,
    `<style>text{font-family:${FONT}}</style>`,
    `<clipPath id="frame"><rect width="${WIDTH}" height="${all}" rx="12"/></clipPath>`,
    '<g clip-path="url(#frame)">',
    `<rect width="${WIDTH}" height="${all}" fill="#f3f4f6"/>`,
    `<rect width="${WIDTH}" height="${HEADER}" fill="#ffffff"/>`,
    `<rect y="${HEADER - 1}" width="${WIDTH}" height="1" fill="#d8dce1"/>`,
    '<circle cx="46" cy="46" r="20" fill="#5b8def"/>',
    `<text x="46" y="53" text-anchor="middle" font-size="19" font-weight="600" fill="#ffffff">${htmlEscape(from.slice(0, 1))}</text>`,
    `<text x="82" y="42" font-size="18" font-weight="600" fill="#1f2328">${htmlEscape(subject)}</text>`,
    `<text x="82" y="64" font-size="13" fill="#656d76">${htmlEscape(from)} · to me</text>`,
    `<foreignObject y="${HEADER}" width="${WIDTH}" height="${height}">`,
    toXml(html),
    '</foreignObject>',
    `<rect x="${WIDTH - 13}" y="${HEADER + 6}" width="7" height="${height * 0.6}" rx="3.5" fill="#c3c8cf"/>`,
    '</g>',
    `<rect x=".5" y=".5" width="${WIDTH - 1}" height="${all - 1}" rx="11.5" fill="none" stroke="#d8dce1"/>`,
    '</svg>',
  ].join('\n')}\n`;
}

/** The body as XML, without the style sheet: its dark colours would follow the reader's system and not GitHub's theme. */
function toXml(html: string): string {
  const [, body = ''] = /<body[^>]*>([\s\S]*)<\/body>/.exec(html) ?? [];
  const xml = body
    .trim()
    .replaceAll('&nbsp;', '&#160;')
    .replace(/<(br|img|hr)\b([^>]*?)\/?>/g, '<$1$2/>');
  return `<div xmlns="http://www.w3.org/1999/xhtml">${xml}</div>`;
}
