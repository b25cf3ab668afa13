import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { labelProblem } from '../../../lib/gmail/label-names.ts';
import { isInOwnFolder } from '../../../lib/gmail/own-labels.ts';

describe('labelProblem', () => {
  for (const name of [
    'Auto/Archived',
    'Clients / Acme',
    'Muted/2024',
    'My Muted',
    'Café & Co',
    'a"b',
    '👨‍👩‍👧 Family',
    'INBOX',
    'trash',
    'category_social',
    'gmail-jobs-notes',
    'x'.repeat(225),
    '🙂'.repeat(225),
  ]) {
    it(`allows ${name.slice(0, 30)}`, () => assert.equal(labelProblem(name), undefined));
  }

  for (const [name, problem] of [
    ['', /is empty/],
    ['  ', /is empty/],
    [' a', /begins or ends with a space/],
    ['a ', /begins or ends with a space/],
    ['a  b', /two spaces/],
    ['a\tb', /invisible character \(U\+0009\)/],
    ['a\u200bb', /invisible character \(U\+200B\)/],
    ['\ufeffa', /invisible character \(U\+FEFF\)/],
    ['foo/', /empty part .*"foo\/"/],
    ['/foo', /empty part/],
    ['a//b', /empty part/],
    ['a/ /b', /empty part/],
    ['/', /empty part/],
    ['^k', /begins with "\^"/],
    ['x'.repeat(226), /longer than the 225/],
    ['Muted', /is "Muted", a name that Gmail reserves/],
    ['SNOOZED', /Gmail reserves/],
    ['scheduled', /Gmail reserves/],
    ['Drafts', /Gmail reserves/],
    ['all mail', /Gmail reserves/],
    ['ToDo', /Gmail reserves/],
    ['gmail-jobs/journal', /which gmail-jobs reserves/],
  ] as const) {
    it(`refuses ${JSON.stringify(name.slice(0, 30))}`, () => assert.match(labelProblem(name) ?? '', problem));
  }
});

describe('isInOwnFolder', () => {
  for (const name of [
    'gmail-jobs',
    'Gmail-Jobs',
    'gmail jobs',
    'gmail/jobs',
    'gmail-jobs/journal',
    'GMAIL-JOBS/Journal',
    'gmail jobs/journal',
    'gmail-jobs / anything/else',
    'gmail-jobs-journal',
    'gmail/jobs/journal',
    'gmail jobs undone',
    'gmail-jobs-completed',
    'gmail-jobs-digest',
    'gmail-jobs-digest-day-UTC-2026-11-27',
  ]) {
    it(`is true for ${name}`, () => assert.ok(isInOwnFolder(name)));
  }

  for (const name of [
    'gmail-jobs-notes',
    'gmail',
    'Gmail-Jobs2/x',
    'my/gmail-jobs/journal',
    'gmailjobs',
    'gmail_jobs',
  ]) {
    it(`is false for ${name}`, () => assert.ok(!isInOwnFolder(name)));
  }
});
