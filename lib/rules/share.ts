/** Shares of a mailbox as people write them: `50%`, `2.5 %`, or the fraction 0.5. */
import { UsageError } from '../errors.ts';
import type { OptionSpec } from '../options.ts';

/** The share, above 0 and up to 1, that `text` means; null when it means none, or, as 1 does, might mean either. */
export function parseShare(text: string): number | null {
  const [, percent, fraction] = /^(?:(\d{1,3}(?:\.\d{1,3})?)\s*%|(0\.\d{1,6}))$/.exec(text.trim()) ?? [];
  const share = percent === undefined ? Number(fraction ?? 0) : Number(percent) / 100;
  return share > 0 && share <= 1 ? share : null;
}

/** An option whose value is a share of the mailbox. */
export function shareOption(summary: string): OptionSpec<number | undefined> {
  const parse = (text: string) => {
    const share = parseShare(text);
    if (share !== null) return share;
    throw new UsageError(`"${text}" is no share`, 'Write a percentage, such as 50%.');
  };
  return { placeholder: '<percent>', summary, parse, fallback: undefined };
}
