/** Draws terminal output as an SVG: bold, faint, red and green text in a fixed grid of characters. */
import { htmlEscape } from 'escape-goat';

const COLUMN = 8.4;
const LINE = 20;
const MARGIN = 20;
const TITLE_BAR = 36;

const FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace";

const PAPER = '#0d1117';
const BAR = '#161b22';
const EDGE = '#30363d';
const INK = '#e6edf3';
const FAINT = '#9198a1';
const COLORS: Readonly<Record<number, string>> = { 31: '#ff7b72', 32: '#56d364' };

interface Style {
  readonly bold: boolean;
  readonly faint: boolean;
  readonly color: string | null;
}

const PLAIN: Style = { bold: false, faint: false, color: null };

/** The SVG of `output`, with a cursor behind its last character. Screen readers read `title`. */
export function drawTerminal(title: string, output: string, columns: number): string {
  const lines = output.split('\n');
  const width = Math.ceil(columns * COLUMN + 2 * MARGIN);
  const height = TITLE_BAR + lines.length * LINE + 2 * MARGIN - 6;
  let style = PLAIN;
  let end = 0;
  const rows = lines.map((line, row) => {
    let column = 0;
    const y = TITLE_BAR + MARGIN + row * LINE + 11;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: styles are escape sequences.
    const pieces = line.split(/\u001b\[([\d;]*)m/);
    const drawn = pieces.map((piece, index) => {
      if (index % 2 === 1) {
        style = styleAfter(style, piece);
        return '';
      }
      const from = column;
      column += piece.length;
      return drawRun(piece, from, y, style);
    });
    end = column;
    return drawn.join('');
  });
  const cursorY = TITLE_BAR + MARGIN + (lines.length - 1) * LINE - 4;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    htmlEscape`<title>${title}</title>`,
    `<style>text{font-family:${FONT};font-size:14px;white-space:pre}</style>`,
    `<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="10" fill="${PAPER}" stroke="${EDGE}"/>`,
    `<path d="M1 ${TITLE_BAR}V10.5a9.5 9.5 0 0 1 9.5-9.5H${width - 10.5}a9.5 9.5 0 0 1 9.5 9.5V${TITLE_BAR}z" fill="${BAR}"/>`,
    ...['#ff5f57', '#febc2e', '#28c840'].map(
      (color, at) => `<circle cx="${22 + at * 20}" cy="18" r="6" fill="${color}"/>`,
    ),
    ...rows.filter((row) => row !== ''),
    `<rect x="${place(end)}" y="${cursorY}" width="${COLUMN}" height="18" fill="${INK}" opacity=".8"/>`,
    '</svg>',
  ].join('\n')}\n`;
}

/** Fixes the place and width of each group of words, because the browser's font may have wider or narrower letters. */
function drawRun(text: string, from: number, y: number, { bold, faint, color }: Style): string {
  const attributes = [...(bold ? ['font-weight="600"'] : []), `fill="${color ?? (faint ? FAINT : INK)}"`].join(' ');
  return [...text.matchAll(/\S+(?: \S+)*/g)]
    .map(({ 0: words, index }) => {
      const fit = `textLength="${round(words.length * COLUMN)}" lengthAdjust="spacingAndGlyphs"`;
      return `<text x="${place(from + index)}" y="${y}" ${fit} ${attributes}>${htmlEscape(words)}</text>`;
    })
    .join('');
}

/** The program sends one code at a time. */
function styleAfter(style: Style, sequence: string): Style {
  const code = Number(sequence);
  if (code === 0) return PLAIN;
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, faint: true };
  if (code === 22) return { ...style, bold: false, faint: false };
  if (code === 39) return { ...style, color: null };
  const color = COLORS[code];
  if (color === undefined) throw new Error(`test/pictures/terminal.ts knows no style for the code ${sequence}`);
  return { ...style, color };
}

const place = (column: number) => round(MARGIN + column * COLUMN);

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
