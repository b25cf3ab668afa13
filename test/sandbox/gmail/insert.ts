// The methods messages.insert and messages.import, by their JSON body and by their uploads.
import {
  booleanParameter,
  type Call,
  choiceParameter,
  invalidArgument,
  jsonBody,
  stringIn,
  stringsIn,
} from './call.ts';
import { EXCLUSIVE, refusingUnknownLabels, summary } from './messages.ts';
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

/** Imports a message as Gmail receives one: with headers in front, by default in the thread and at the date of its headers. */
export async function importMessage(call: Call): Promise<object> {
  const { mailbox } = call;
  const { resource, source } = call.request.path.startsWith('/upload/') ? uploaded(call) : inBody(call);
  const labelIds = stringsIn(resource, 'labelIds');
  const dateSource = choiceParameter(call, 'internalDateSource', ['dateheader', 'receivedtime']);
  const spares = booleanParameter(call, 'neverMarkSpam');
  booleanParameter(call, 'processForCalendar');
  const { addedHeaders, refusesSent, isSpam } = mailbox.imports;
  const refused = ['DRAFT', 'CHAT', ...(refusesSent ? ['SENT'] : [])].find((id) => labelIds.includes(id));
  if (refused !== undefined) throw invalidArgument(`Invalid label: ${refused}`);
  if (labelIds.filter((id) => EXCLUSIVE.includes(id)).length > 1) {
    throw invalidArgument('Cannot add more than one of INBOX, SPAM and TRASH');
  }
  const date = Date.parse(find(splitSource(source.toString('latin1')).headers, 'date') ?? '');
  const dateMs = dateSource === 'dateheader' && !Number.isNaN(date) ? date : undefined;
  const labels = !spares && isSpam(source) ? ['SPAM', ...labelIds.filter((id) => !EXCLUSIVE.includes(id))] : labelIds;
  return refusingUnknownLabels(async () => {
    const whole = Buffer.concat([Buffer.from(addedHeaders, 'latin1'), source]);
    return summary(await mailbox.insert(whole, labels, dateMs, { threadsBySubject: true }));
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
