/** Where jobs keep files, as EXPORT_URL or an option names it: a bucket of S3 with a prefix, or a folder. */
import { UsageError } from '../errors.ts';
import { type OptionSpec, valueOption } from '../options.ts';

export type Place = S3Place | { readonly kind: 'folder'; readonly path: string };

export interface S3Place {
  readonly kind: 's3';
  readonly bucket: string;
  /** Begins every key, without slashes at its ends; '' for none. */
  readonly prefix: string;
}

/** Stands for the mailbox's address in a place, so that each mailbox of a fleet has a place of its own. */
export const MAILBOX = '{mailbox}';

/** As messages say what is accepted. */
export const PLACE_EXAMPLES = 's3://bucket/prefix, or the path of a folder';

/** Source: docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html. */
const BUCKET = /^(?!xn--|\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** Characters that S3 calls safe in keys: docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html. */
const SEGMENT = /^(?!\.{1,2}$)(?:[\w!.*'()@+=-]|\{mailbox\})+$/;

/** Reads `s3://bucket/prefix` or the path of a folder; null for other texts. */
export function parsePlace(text: string): Place | null {
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(text) ?? [];
  if (scheme === undefined) return text === '' || text.includes('\0') ? null : { kind: 'folder', path: text };
  const [, bucket = '', path = ''] = /^\/\/([^/]*)(?:\/(.*))?$/s.exec(rest) ?? [];
  const prefix = path.replace(/\/$/, '');
  if (scheme.toLowerCase() !== 's3' || !BUCKET.test(bucket)) return null;
  if (prefix !== '' && !prefix.split('/').every((segment) => SEGMENT.test(segment))) return null;
  return { kind: 's3', bucket, prefix };
}

/** The place as a person writes it. */
export function formatPlace(place: Place): string {
  if (place.kind === 'folder') return place.path;
  return `s3://${place.bucket}${place.prefix === '' ? '' : `/${place.prefix}`}`;
}

/** Whether the place has the placeholder for the mailbox's address. */
export function hasMailbox(place: Place): boolean {
  return formatPlace(place).includes(MAILBOX);
}

/** The place of the mailbox with this address. */
export function placeOf(place: Place, address: string): Place {
  const name = addressAsName(address);
  if (place.kind === 'folder') return { ...place, path: place.path.replaceAll(MAILBOX, name) };
  return { ...place, prefix: place.prefix.replaceAll(MAILBOX, name) };
}

/** The address as part of a folder's name or of a key, to which no character of it gives another meaning. */
export function addressAsName(address: string): string {
  return address.toLowerCase().replace(/[^a-z0-9@._+-]/g, '_');
}

/** The option that names a place for one run, in place of EXPORT_URL. */
export function placeOption(summary: string): OptionSpec<Place | undefined> {
  return valueOption('<place>', `${summary}: ${PLACE_EXAMPLES} (default EXPORT_URL)`, (text) => {
    const place = parsePlace(text.trim());
    if (place !== null) return place;
    throw new UsageError(`"${text}" is no place for files`, `Write ${PLACE_EXAMPLES}.`);
  });
}
