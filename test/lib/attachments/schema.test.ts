import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { pathFor } from '../../../lib/attachments/path.ts';
import { parseAttachmentRules } from '../../../lib/attachments/schema.ts';
import { ConfigError } from '../../../lib/errors.ts';

function problemsOf(source: string): string {
  try {
    parseAttachmentRules(source, 'attachments.yaml');
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.ok(!error.message.includes('\n'));
    return error.message;
  }
  return assert.fail('the rules were accepted');
}

const rule = (lines: string, name = 'one') => `rules:\n  - name: ${name}\n${lines}`;
const GOOD = rule('    query: has:attachment\n    files: ["*.pdf"]\n');

describe('parseAttachmentRules', () => {
  it('parses every key, and fills the path and the label in', () => {
    const [first, second] = parseAttachmentRules(
      `rules:
  - name: invoices
    query: "has:attachment from:billing@acme.example"
    files: ["*.pdf", "application/xml"]
    except: ["*terms*"]
    path: "invoices/{year}/{from} {filename}"
    done: Saved/Invoices
  - { name: photos, query: "has:attachment", files: ["image/*"] }
`,
      'attachments.yaml',
    );
    assert.partialDeepStrictEqual(first, {
      name: 'invoices',
      files: [{ patterns: ['*.pdf'] }, { patterns: ['application/xml'] }],
      except: [{ patterns: ['*terms*'] }],
      done: 'Saved/Invoices',
    });
    assert.equal(first?.search.query, 'has:attachment from:billing@acme.example');
    assert.deepEqual([second?.except, second?.done], [[], 'Saved/photos']);
    const values = { receivedAt: new Date(0), from: '', subject: '', filename: 'a.jpg', type: '', id: '' };
    assert.equal(second && pathFor(second.path, values), 'attachments/1970/01/a.jpg');
  });

  it('accepts the file of the tests', () => {
    const source = readFileSync(new URL('../../fixtures/jobs/attachments.yaml', import.meta.url), 'utf8');
    assert.equal(parseAttachmentRules(source, 'attachments.yaml').length, 1);
  });

  const cases: ReadonlyArray<readonly [string, string, RegExp]> = [
    ['an empty file', '', /^attachments\.yaml: is empty/],
    ['an empty list', 'rules: []\n', /^attachments\.yaml:1:8: rules is an empty list/],
    ['no list', 'rule: 1\n', /^attachments\.yaml:1:1: .*"rules"/],
    ['a list at the top', '- a\n', /^attachments\.yaml:1:1: the file must be a map with the key rules/],
    [
      'an unknown key',
      `${GOOD}    pth: x\n`,
      /^attachments\.yaml:5:5: rule one: unknown key "pth" \(did you mean "path"\?\)/,
    ],
    [
      'a key of other programs',
      `${GOOD}    folder: x\n`,
      /:5:5: rule one: unknown key "folder" \(did you mean "path"\?\)/,
    ],
    [
      'a key of rules.yaml',
      `${GOOD}    actions: { trash: true }\n`,
      /:5:5: rule one: unknown key "actions" \(the keys here are name, query, files, except, path, done\)$/,
    ],
    ['a doubled key', `${GOOD}    query: x\n`, /^attachments\.yaml:5:5: not valid YAML/],
    ['no name', 'rules:\n  - query: x\n    files: ["*"]\n', /:2:5: the 1st rule: the key "name" is missing/],
    [
      'a name in capitals',
      rule('    query: x\n    files: ["*"]\n', 'One'),
      /:2:11: the 1st rule: name must be in kebab-case/,
    ],
    ['no query', rule('    files: ["*"]\n'), /:2:5: rule one: the key "query" is missing/],
    ['no files', rule('    query: x\n'), /:2:5: rule one: the key "files" is missing/],
    ['an empty list of files', rule('    query: x\n    files: []\n'), /:4:12: rule one: files is an empty list/],
    ['files that are no list', rule('    query: x\n    files: "*.pdf"\n'), /:4:12: rule one: files must be a list/],
    ['a glob without quotes', rule('    query: x\n    files: [*.pdf]\n'), /:4:\d+: .*in quotes/],
    [
      'a glob without a wildcard',
      rule('    query: x\n    files: [pdf]\n'),
      /:4:13: rule one: the 1st of files \("pdf"\) has no wildcard/,
    ],
    ['a wrong glob in except', `${GOOD}    except: ["a", "[x]"]\n`, /:5:14: .*the 1st of except.*:5:19: .*holds "\["/],
    [
      'a search that Gmail misunderstands',
      rule('    query: newer_then:1d\n    files: ["*"]\n'),
      /:3:12: rule one: query is not a valid search/,
    ],
    [
      'an unknown placeholder',
      `${GOOD}    path: "{yaer}/{filename}"\n`,
      /:5:11: rule one: path has the unknown placeholder \{yaer\} \(did you mean "year"\?\)/,
    ],
    ['a path in the copy', `${GOOD}    path: "messages/{filename}"\n`, /:5:11: rule one: path lies in messages/],
    [
      'a path above the place',
      `${GOOD}    path: "../{filename}"\n`,
      /:5:11: rule one: path has a part that begins with a dot/,
    ],
    ['an empty path', `${GOOD}    path: ""\n`, /:5:11: rule one: path is empty/],
    ['a label of Gmail', `${GOOD}    done: INBOX\n`, /:5:11: rule one: done is a label of Gmail's own/],
    ['a label that Gmail reserves', `${GOOD}    done: Muted\n`, /:5:11: rule one: done .*reserves/],
    ['a label of the program', `${GOOD}    done: gmail-jobs/x\n`, /:5:11: rule one: done .*reserves/],
    [
      'two rules of one name',
      `${GOOD}  - { name: one, query: x, files: ["*"] }\n`,
      /:5:13: the name one is used twice, by the 1st and the 2nd rule$/,
    ],
    [
      'two rules with one label',
      `${GOOD}    done: Saved/A\n  - { name: two, query: x, files: ["*"], done: "saved / a" }\n`,
      /:6:48: the 1st and the 2nd rule have the same label done, .*Saved\/two/,
    ],
    [
      'the label that another rule has by its name',
      `${GOOD}  - { name: two, query: x, files: ["*"], done: Saved/one }\n`,
      /:5:48: the 1st and the 2nd rule have the same label done/,
    ],
    [
      'a search for the own label',
      rule('    query: "has:attachment label:saved-one"\n    files: ["*"]\n'),
      /:3:12: rule one: query asks for its label done/,
    ],
    [
      'a comment within the search',
      rule('    query: |\n      has:attachment\n      # all of them\n    files: ["*"]\n'),
      /:3:12: rule one: query has a line with #/,
    ],
  ];
  for (const [title, source, expected] of cases) {
    it(`refuses ${title}, with line and column`, () => assert.match(problemsOf(source), expected));
  }

  it('names all problems at once', () => {
    const source = rule('    query: newer_then:1d\n    files: [pdf]\n    path: "{x}"\n    done: INBOX\n');
    assert.equal(problemsOf(source).split('; attachments.yaml:').length, 4);
  });
});
