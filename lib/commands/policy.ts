/** `job policy`: the least IAM policy with which the program can do its work. */
import { defineCommand } from '../command.ts';
import { ExitCode, UsageError } from '../errors.ts';
import { textOption } from '../options.ts';

export default defineCommand({
  summary: 'Print the least IAM policy for the running app',
  options: {
    secret: textOption('<arn>', 'ARN of the secret (default GMAIL_SECRET_ID)'),
  },

  async run({ options, env, terminal }) {
    const arn = options.secret ?? env.GMAIL_SECRET_ID ?? '';
    if (!arn.startsWith('arn:')) throw new UsageError('the ARN of the secret is not known', 'Write --secret <arn>.');
    const statement = { Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: arn };
    terminal.print(JSON.stringify({ Version: '2012-10-17', Statement: [statement] }, null, 2));
    return ExitCode.ok;
  },
});
