/** The built program's first file: loads the rest of it with its code cache. */
import { createLoader, setV8Flags } from './loader.ts';

setV8Flags();
createLoader(__dirname)('lib/main.js');
