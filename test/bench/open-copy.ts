/** Opens the copy in a folder, goes through its messages, and prints their number; a child process of the benchmark. */
import { openCopy } from '../../lib/export/copy.ts';
import { FolderStore } from '../../lib/store/folder.ts';

const copy = await openCopy(new FolderStore(process.argv[2] ?? ''), new AbortController().signal);
let bytes = 0;
for (const { size } of copy) bytes += size;
process.stdout.write(`${copy.size} messages, ${bytes} bytes, ids ${copy.ids().size}, damage ${copy.damageCount}\n`);
