import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { shortPath } from '../../../lib/base/settings-file.ts';

it('shows a path in the working folder without that folder, and other paths whole', () => {
  assert.equal(shortPath(join(process.cwd(), 'jobs/rules.yaml')), 'jobs/rules.yaml');
  assert.equal(shortPath('/elsewhere/rules.yaml'), '/elsewhere/rules.yaml');
});
