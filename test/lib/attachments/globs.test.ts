import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Glob, isMeant, parseGlob } from '../../../lib/attachments/globs.ts';

function glob(text: string): Glob {
  const parsed = parseGlob(text);
  if ('problem' in parsed) return assert.fail(`${text} ${parsed.problem}`);
  return parsed;
}

const matches = (text: string, name: string, type = 'application/octet-stream', isInline = false) =>
  isMeant({ name, type, isInline }, [glob(text)]);

describe('a glob', () => {
  const cases: ReadonlyArray<readonly [glob: string, name: string, type: string, matches: boolean]> = [
    ['*.pdf', 'invoice.pdf', 'x/y', true],
    ['*.pdf', 'INVOICE.PDF', 'x/y', true],
    ['*.PDF', 'invoice.pdf', 'x/y', true],
    ['*.pdf', 'invoice.pdf.exe', 'x/y', false],
    ['*.pdf', 'a/b.pdf', 'x/y', true],
    ['*.pdf', '.pdf', 'x/y', true],
    ['*.pdf', 'pdf', 'application/pdf', false],
    ['*', 'anything', 'x/y', true],
    ['*', '', 'application/pdf', false],
    ['application/pdf', '', 'application/pdf', true],
    ['application/pdf', 'x.doc', 'application/pdf', true],
    ['application/*', 'x', 'application/pdf', true],
    ['image/*', 'x.png', 'application/octet-stream', false],
    ['*/*', '', 'text/calendar', true],
    ['inv?ice*', 'Invoice 7.xml', 'x/y', true],
    ['a*b*c', 'aXXbYYc', 'x/y', true],
    ['a*b*c', 'aXXbYY', 'x/y', false],
    ['*.{pdf,xml}', 'e.xml', 'x/y', true],
    ['*.{pdf,xml}', 'e.txt', 'x/y', false],
    ['{image,video}/*', '', 'video/mp4', true],
    ['rechnung-(1).*', 'Rechnung-(1).pdf', 'x/y', true],
    ['*.a+b', 'x.aab', 'x/y', false],
    ['übersicht*', 'U\u0308bersicht.pdf', 'x/y', true],
    ['README.txt', 'readme.txt', 'x/y', true],
  ];
  for (const [text, name, type, expected] of cases) {
    it(`${text} ${expected ? 'means' : 'does not mean'} the file "${name}" of the type ${type}`, () => {
      assert.equal(matches(text, name, type), expected);
    });
  }

  it('means a logo only when it has a name', () => {
    assert.equal(matches('image/*', '', 'image/png', true), false);
    assert.equal(matches('image/*', '', 'image/png'), true);
    assert.equal(matches('image/*', 'logo.png', 'image/png', true), true);
  });

  it('takes a moment for a long name that is made to be slow', () => {
    const startedMs = performance.now();
    assert.equal(matches(`${'*a'.repeat(50)}*b`, 'a'.repeat(100_000)), false);
    assert.ok(performance.now() - startedMs < 2_000);
  });

  const refused: ReadonlyArray<readonly [glob: string, why: RegExp]> = [
    ['pdf', /has no wildcard: .*"\*\.pdf"/],
    ['.pdf', /has no wildcard: .*"\*\.pdf"/],
    ['*.[pdf]', /holds "\["/],
    ['a\\*', /holds "\\"/],
    ['!*.pdf', /put globs of files to leave out under except/],
    ['*.{pdf', /braces/],
    ['*.{pdf}', /braces/],
    ['*.{a,{b,c}}', /braces/],
    ['docs/*.pdf/x', /has a slash/],
    ['image/', /has a slash/],
    ['{a,b,c,d}'.repeat(5), /more than 100/],
    ['{a,b}'.repeat(400), /more than 100/],
  ];
  for (const [text, why] of refused) {
    it(`cannot be ${text.slice(0, 20)}`, () => {
      const parsed = parseGlob(text);
      assert.match('problem' in parsed ? parsed.problem : 'no problem', why);
    });
  }
});
