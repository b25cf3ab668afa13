/** Undoes a run. */
export { default } from '../lib/standard/undo.ts';
