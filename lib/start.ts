/** The built program's first file: loads the rest of it with its code cache. */
import { createLoader } from './loader.ts';

createLoader(__dirname)('lib/main.js');
