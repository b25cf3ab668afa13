// Reads the RFC 822 source of an inserted message into the tree of parts that the Gmail API shows.

export interface MessagePart {
  partId: string;
  mimeType: string;
  filename: string;
  headers: { name: string; value: string }[];
  /** `data` is base64url of the decoded content. */
  body: { size: number; data?: string; attachmentId?: string };
  parts?: MessagePart[];
}

/** Parses a source that holds one character per byte. */
export function parseSource(source: string, partId = ''): MessagePart {
  const { headers, content } = splitSource(source);
  const contentType = find(headers, 'content-type') ?? 'text/plain';
  const mimeType = (/^[^;\s]+/.exec(contentType)?.[0] ?? 'text/plain').toLowerCase();
  const filename =
    parameter(find(headers, 'content-disposition') ?? '', 'filename') ?? parameter(contentType, 'name') ?? '';
  const boundary = parameter(contentType, 'boundary');
  if (mimeType.startsWith('multipart/') && boundary !== undefined) {
    const prefix = partId === '' ? '' : `${partId}.`;
    const parts = splitParts(content, boundary).map((part, index) => parseSource(part, `${prefix}${index}`));
    return { partId, mimeType, filename, headers, body: { size: 0 }, parts };
  }
  const bytes = decode(content, find(headers, 'content-transfer-encoding')?.toLowerCase() ?? '');
  return { partId, mimeType, filename, headers, body: { size: bytes.length, data: bytes.toString('base64url') } };
}

/** Separates the headers, unfolded, from what follows them. */
export function splitSource(source: string): Pick<MessagePart, 'headers'> & { content: string } {
  const [head = ''] = source.split(/\r?\n\r?\n/, 1);
  const content = source.slice(head.length).replace(/^\r?\n\r?\n/, '');
  const lines = head.replace(/\r?\n(?=[ \t])/g, '').split(/\r?\n/);
  const headers = lines.flatMap((line) => {
    const colon = line.indexOf(':');
    return colon > 0
      ? [
          {
            name: line.slice(0, colon),
            value: decodeWords(Buffer.from(line.slice(colon + 1).trim(), 'latin1').toString()),
          },
        ]
      : [];
  });
  return { headers, content };
}

/** Cuts a multipart body at its boundary lines. */
export function splitParts(content: string, boundary: string): string[] {
  const escaped = boundary.replace(/\W/g, '\\$&');
  const pieces = `\r\n${content}`.split(new RegExp(`\\n--${escaped}(?=--|\\s*?\\n)`));
  return pieces
    .slice(1)
    .filter((piece) => !piece.startsWith('--'))
    .map((piece) => piece.replace(/^[^\n]*\n/, '').replace(/\r$/, ''));
}

/** Returns a header's text with its encoded words (RFC 2047) decoded, as Gmail shows it. */
function decodeWords(value: string): string {
  return value.replace(/(\?=)\s+(=\?)/g, '$1$2').replace(/(?:=\?utf-8\?[bq]\?[^?]*\?=)+/gi, (words) => {
    const bytes = [...words.matchAll(/=\?utf-8\?([bq])\?([^?]*)\?=/gi)].map(([, encoding, text = '']) =>
      encoding?.toLowerCase() === 'b'
        ? Buffer.from(text, 'base64')
        : decode(text.replaceAll('_', '=20'), 'quoted-printable'),
    );
    return Buffer.concat(bytes).toString();
  });
}

export function find(headers: readonly { name: string; value: string }[], name: string): string | undefined {
  return headers.find((header) => header.name.toLowerCase() === name)?.value;
}

/** Returns a parameter of a structured header, such as the boundary of a Content-Type. */
export function parameter(header: string, name: string): string | undefined {
  const found = new RegExp(`;\\s*${name}="?([^";]+)"?`, 'i').exec(header);
  return found?.[1];
}

function decode(content: string, encoding: string): Buffer {
  if (encoding === 'base64') return Buffer.from(content, 'base64');
  if (encoding !== 'quoted-printable') return Buffer.from(content, 'latin1');
  const joined = content.replace(/[ \t]*=\r?\n/g, '');
  return Buffer.from(
    joined.replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}
