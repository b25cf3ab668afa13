/** `job rotate` on the command line; authorize/rotate.ts does the work. */
import { rotateOptions } from '../authorize/options.ts';
import { rotate } from '../authorize/rotate.ts';
import { defineCommand } from '../command.ts';

export default defineCommand({
  summary: 'Replace the stored credentials; put the old ones back if the new ones do not work',
  description:
    'Asks for consent again, stores the new credentials as AWSPENDING, checks them, makes them current, checks again, ' +
    'and puts the previous version back if that fails. Jobs keep running meanwhile. After an interruption, run the ' +
    'command again to continue. With a new file of the same client (--client) only the client secret changes, without consent.',
  options: rotateOptions,
  listens: true,
  run: rotate,
});
