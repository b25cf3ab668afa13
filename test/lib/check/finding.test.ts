import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failed, ok, warning, worstExitCode } from '../../../lib/check/finding.ts';
import { ConfigError, CredentialError, GuardError, UnavailableError } from '../../../lib/errors.ts';

const away = failed('a', new UnavailableError('away', 'wait'));
const guarded = failed('b', new GuardError('too many', 'look'));
const denied = failed('c', new CredentialError('denied', 'allow'));
const wrong = failed('d', new ConfigError('wrong', 'correct'));

describe('worstExitCode', () => {
  it('is 0 without a failure, whatever the warnings', () => {
    assert.equal(worstExitCode([ok('a', 'fine'), warning('b', 'hm', 'think')]), 0);
  });

  it('puts failures that need a person before a guard, and both before failures that may pass', () => {
    assert.equal(worstExitCode([away, ok('x', 'fine')]), 75);
    assert.equal(worstExitCode([away, guarded]), 65);
    assert.equal(worstExitCode([away, guarded, denied]), 77);
  });

  it('is the code of the first failure that needs a person', () => {
    assert.equal(worstExitCode([denied, wrong]), 77);
    assert.equal(worstExitCode([wrong, denied]), 78);
  });
});

describe('failed', () => {
  it('rethrows a bug', () => {
    const bug = new TypeError('undefined is not a function');
    assert.throws(() => failed('a', bug), bug);
  });
});
