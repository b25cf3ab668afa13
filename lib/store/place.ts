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
const UNSAFE = /[^\w!.*'()@+=-]/;

/** Reads `s3://bucket/prefix` or the path of a folder, or returns why the text is no place, as the end of a sentence that begins with it. */
export function parsePlace(text: string): Place | { readonly problem: string } {
  if (text === '' || text.includes('\0')) return { problem: 'is no path' };
  const [placeholder] = /\{[^{}/]*\}?|\}/.exec(text.replaceAll(MAILBOX, '')) ?? [];
  if (placeholder !== undefined) {
    // Other text in braces may be a secret, such as a pasted JSON object.
    const what = /^\{\w{1,20}\}$/.test(placeholder) ? placeholder : 'a brace';
    return { problem: `has ${what}, which is no placeholder: write ${MAILBOX} for the address of the mailbox` };
  }
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(text) ?? [];
  if (scheme === undefined) return { kind: 'folder', path: text };
  if (scheme.toLowerCase() !== 's3') return { problem: 'is an address that does not begin with s3://' };
  const [, bucket, path = ''] = /^\/\/([^/]*)(?:\/(.*))?$/s.exec(rest) ?? [];
  if (bucket === undefined) return { problem: 'lacks the two slashes of s3://' };
  if (bucket.includes(MAILBOX))
    return { problem: `has ${MAILBOX} in the name of the bucket: write it behind the name` };
  if (!BUCKET.test(bucket)) {
    return { problem: 'names no bucket: such a name has 3 to 63 small letters, digits, dots and hyphens' };
  }
  const prefix = path.replace(/\/$/, '');
  const problem = prefix === '' ? undefined : problemOfPrefix(prefix);
  return problem === undefined ? { kind: 's3', bucket, prefix } : { problem };
}

function problemOfPrefix(prefix: string): string | undefined {
  for (const segment of prefix.split('/')) {
    if (segment === '') return 'has two slashes in a row';
    if (segment === '.' || segment === '..') return `has the part "${segment}"`;
    const [character] = UNSAFE.exec(segment.replaceAll(MAILBOX, '')) ?? [];
    if (character === undefined) continue;
    const named = /\s/.test(character) ? 'a blank' : `"${character}"`;
    return `has ${named} in its prefix: write letters, digits and !-_.*'()@+= there`;
  }
  return undefined;
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
    if (!('problem' in place)) return place;
    throw new UsageError(`"${text}" ${place.problem}`, `Write ${PLACE_EXAMPLES}.`);
  });
}
