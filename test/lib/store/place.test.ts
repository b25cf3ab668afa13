/** Texts that name a place for files, and the messages about those that name none. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { formatPlace, parsePlace } from '../../../lib/store/place.ts';

it('reads a bucket with a prefix, and the path of a folder', () => {
  const cases = [
    ['s3://my-bucket', 's3://my-bucket'],
    ['s3://my-bucket/', 's3://my-bucket'],
    ['S3://my-bucket/mail/{mailbox}/', 's3://my-bucket/mail/{mailbox}'],
    ['/home/alice/my mail/{mailbox}', '/home/alice/my mail/{mailbox}'],
  ] as const;
  for (const [text, formatted] of cases) {
    const place = parsePlace(text);
    assert.ok(!('problem' in place), text);
    assert.equal(formatPlace(place), formatted);
  }
});

it('says of other texts what is wrong, and repeats no text that may be a secret', () => {
  const cases = [
    ['', /^is no path$/],
    ['/mail/{mailbx}', /^has \{mailbx\}, which is no placeholder: write \{mailbox\} for the address/],
    ['s3://my-bucket/{Mailbox}', /^has \{Mailbox\}, which is no placeholder/],
    ['{"client_secret":"GOCSPX-1"}', /^has a brace, which is no placeholder/],
    ['https://user:password@example.com', /^is an address that does not begin with s3:\/\/$/],
    ['s3:/my-bucket/alice', /^lacks the two slashes of s3:\/\/$/],
    ['s3://Bad_Name/x', /^names no bucket: such a name has 3 to 63 small letters, digits, dots and hyphens$/],
    ['s3://{mailbox}/x', /^has \{mailbox\} in the name of the bucket/],
    ['s3://my-bucket//x', /^has two slashes in a row$/],
    ['s3://my-bucket/../x', /^has the part "\.\."$/],
    ['s3://my-bucket/x y', /^has a blank in its prefix/],
    ['s3://my-bucket/a&b', /^has "&" in its prefix/],
  ] as const;
  for (const [text, expected] of cases) {
    const place = parsePlace(text);
    assert.match('problem' in place ? place.problem : 'no problem', expected, text);
  }
});
