import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defineJob, Scope } from '../../lib/job.ts';

const PLAIN = { summary: 'x', scopes: [Scope.readonly], options: {}, async run() {} };

describe('the secrets of a job', () => {
  it('are typed by the names that the job declares', () => {
    const job = defineJob({
      summary: 'x',
      scopes: [Scope.readonly],
      options: {},
      secrets: ['WEBHOOK_TOKEN'],
      async run({ secrets }) {
        secrets.WEBHOOK_TOKEN.slice();
        // @ts-expect-error: the job does not declare it
        secrets.CRM_KEY;
      },
    });
    assert.deepEqual(job.secrets, ['WEBHOOK_TOKEN']);
    defineJob({
      ...PLAIN,
      async run({ secrets }) {
        // @ts-expect-error: the job declares none
        secrets.WEBHOOK_TOKEN;
      },
    });
    assert.deepEqual(defineJob(PLAIN).secrets, []);
  });

  for (const name of ['client_secret', 'refresh_token', 'private_key', 'email', 'type', 'subject']) {
    it(`may not be the key ${name} of the credentials`, () => {
      assert.throws(() => defineJob({ ...PLAIN, secrets: [name] }), {
        name: 'TypeError',
        message: `secrets: "${name}" is a key of the credentials, which no job gets`,
      });
    });
  }

  it('count once when the job names them twice', () => {
    assert.deepEqual(defineJob({ ...PLAIN, secrets: ['CRM_KEY', 'CRM_KEY'] }).secrets, ['CRM_KEY']);
  });

  it('have names of letters, digits and underscores', () => {
    for (const name of ['_a', 'WEBHOOK_TOKEN', 'crmKey2']) defineJob({ ...PLAIN, secrets: [name] });
    for (const name of ['', '2nd', 'web-hook', 'a.b', 'a b', 'ü']) {
      assert.throws(() => defineJob({ ...PLAIN, secrets: [name] }), { name: 'TypeError', message: /^secrets: "/ });
    }
    assert.throws(
      () => defineJob({ ...PLAIN, secrets: ['1//0gRefreshTokenOfAlice-_x'] }),
      (error: Error) => !error.message.includes('Refresh'),
    );
  });
});
