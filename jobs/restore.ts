/** Puts messages of a copy back into the mailbox. */
export { default } from '../lib/standard/restore.ts';
