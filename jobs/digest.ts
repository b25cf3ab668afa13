/** Puts a digest of yesterday's or last week's mail into the inbox. */
export { default } from '../lib/standard/digest.ts';
