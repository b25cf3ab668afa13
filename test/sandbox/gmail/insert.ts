// The method messages.insert, by its JSON body and by its uploads.
import { type Call, choiceParameter, invalidArgument, jsonBody, stringIn, stringsIn } from './call.ts';
import { refusingUnknownLabels, summary } from './messages.ts';
import { find, parameter, splitParts, splitSource } from './mime.ts';

export async function insertMessage(call: Call): Promise<object> {
  const { resource, source } = call.request.path.startsWith('/upload/') ? uploaded(call) : inBody(call);
  const labelIds = stringsIn(resource, 'labelIds');
  const dateSource = choiceParameter(call, 'internalDateSource', ['receivedtime', 'dateheader']);
  const date = Date.parse(find(splitSource(source.toString('latin1')).headers, 'date') ?? '');
  if (labelIds.includes('DRAFT')) throw invalidArgument('Invalid label: DRAFT');
  return refusingUnknownLabels(async () => {
    const dateMs = dateSource === 'dateheader' && !Number.isNaN(date) ? date : undefined;
    return summary(await call.mailbox.insert(source, labelIds, dateMs));
  });
}

interface Inserted {
  resource: Record<string, unknown>;
  source: Buffer;
}

function inBody(call: Call): Inserted {
  const resource = jsonBody(call);
  const raw = stringIn(resource, 'raw');
  if (!raw) {
    throw invalidArgument("'raw' RFC822 payload message string or uploading message via /upload/* URL required");
  }
  if (!/^[\w+/-]+={0,2}$/.test(raw)) throw invalidArgument("Invalid value at 'message.raw' (TYPE_BYTES)");
  return { resource, source: Buffer.from(raw, 'base64') };
}

/** Reads an upload: the source itself (uploadType=media), or the resource and the source (multipart). */
function uploaded({ request, rawBody }: Call): Inserted {
  const uploadType = request.query.get('uploadType');
  if (uploadType === 'media') return { resource: {}, source: rawBody };
  const boundary = parameter(request.headers['content-type'] ?? '', 'boundary');
  if (uploadType !== 'multipart' || boundary === undefined) {
    throw invalidArgument('The sandbox has no resumable uploads');
  }
  const [json, source] = splitParts(rawBody.toString('latin1'), boundary).map((part) => splitSource(part).content);
  if (json === undefined || source === undefined) throw invalidArgument('Malformed multipart body.');
  const resource: unknown = JSON.parse(Buffer.from(json, 'latin1').toString());
  return { resource: Object(resource) as Record<string, unknown>, source: Buffer.from(source, 'latin1') };
}
