/** `job authorize` on the command line; authorize/authorize.ts does the work. */
import { authorize } from '../authorize/authorize.ts';
import { authorizeOptions } from '../authorize/options.ts';
import { defineCommand } from '../command.ts';

export default defineCommand({
  summary: 'Get the refresh token from Google and store it in AWS',
  description:
    "Opens Google's consent page in the browser, receives the answer on a port of this computer, asks Gmail for the " +
    "mailbox's address, and stores the credentials in the secret GMAIL_SECRET_ID, which it creates if necessary. You " +
    'copy nothing; no token is shown or written to a file. Needs the AWS permissions of `job policy --for authorize`.',
  options: authorizeOptions,
  listens: true,
  run: authorize,
});
