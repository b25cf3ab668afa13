/** Copies the mailbox to S3 or to a folder. */
export { default } from '../lib/standard/export.ts';
