import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { hasTerminal } from './fixtures/at-terminal.ts';
import { fileOf, PICTURES } from './pictures.ts';

describe("the README's pictures", () => {
  for (const [name, draw] of Object.entries(PICTURES)) {
    const skip = name === 'forecast.svg' && !hasTerminal ? 'needs python3' : false;
    it(`show what the program shows today: ${name}`, { skip }, async () => {
      const drawn = await draw();
      const kept = await readFile(fileOf(name), 'utf8');
      assert.ok(
        drawn === kept,
        `test/pictures/${name} is out of date: run \`npm run pictures\` and look at the pictures`,
      );
    });
  }
});
