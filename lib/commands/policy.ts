/** `job policy`: the least that AWS must allow, as a document for IAM or for CloudFormation, and nothing besides it. */
import { isRegion } from '../aws/names.ts';
import { defineCommand } from '../command.ts';
import { ExitCode, UsageError } from '../errors.ts';
import { choiceOption, type OptionSpec, switchOption, textOption } from '../options.ts';
import { appPolicy, personPolicy, stackTemplate } from '../policy/documents.ts';
import {
  readAccount,
  readRegion,
  readTarget,
  requireKeyIn,
  requirePlace,
  type TargetOptions,
} from '../policy/target.ts';

export default defineCommand({
  summary: 'Print the least IAM policy, for the app or for the person who authorizes',
  description:
    'Prints one JSON document and nothing else, so that it can be written to a file:\n' +
    '`job policy > policy.json`\n' +
    '`aws iam put-user-policy … --policy-document file://policy.json`\n' +
    'Asks nobody: it needs no AWS credentials.',
  options: {
    for: choiceOption(['app', 'authorize'], 'who: the running app, or a person for authorize and rotate'),
    secret: textOption('<arn|name>', 'the secret (default GMAIL_SECRET_ID)'),
    account: checked('<12 digits>', 'AWS account, when the secret is given by name', readAccount),
    region: checked('<region>', 'when the secret is given by name (default AWS_REGION)', readRegion),
    kmsKey: textOption('<arn>', 'the key that encrypts the secret, when it is one of your own'),
    cloudformation: switchOption('print a CloudFormation template (JSON) that makes secret, user and policy'),
  },

  async run({ options, env, terminal }) {
    const named: TargetOptions = {
      ...whichSecret(options.secret, env.GMAIL_SECRET_ID),
      account: options.account,
      region: options.region,
      fallbackRegion: regionFrom(env),
    };
    const target = readTarget(named);
    const kmsKey = options.kmsKey?.trim();
    if (kmsKey !== undefined) requireKeyIn(target.place?.region ?? options.region, kmsKey);
    const document = () => {
      if (options.cloudformation) {
        if (options.for === 'app') return stackTemplate(target, kmsKey);
        throw new UsageError(
          '--cloudformation makes the user of the running app; there is no template for a person',
          'Leave out --for, or leave out --cloudformation and attach the policy to the person in the AWS console.',
        );
      }
      const place = requirePlace(target, named);
      return options.for === 'app' ? appPolicy(target, place, kmsKey) : personPolicy(target, place, kmsKey);
    };
    terminal.printExactly(JSON.stringify(document(), null, 2));
    return ExitCode.ok;
  },
});

function whichSecret(option: string | undefined, variable: string | undefined): { secret: string; source: string } {
  const source = option === undefined ? 'GMAIL_SECRET_ID' : '--secret';
  const secret = (option ?? variable ?? '').trim();
  if (secret !== '') return { secret, source };
  throw new UsageError(
    option === undefined ? 'the secret is not named' : '--secret is empty',
    'Write --secret <arn>, or --secret <name> --account <12 digits> --region <region>, or set GMAIL_SECRET_ID.',
  );
}

function regionFrom({ AWS_REGION, AWS_DEFAULT_REGION }: Readonly<Record<string, string | undefined>>) {
  const region = AWS_REGION?.trim() || AWS_DEFAULT_REGION?.trim() || undefined;
  if (region === undefined || isRegion(region)) return region;
  throw new UsageError('AWS_REGION is no AWS region', 'Set it to one such as eu-central-1, or write --region.');
}

function checked(
  placeholder: string,
  summary: string,
  parse: (text: string) => string,
): OptionSpec<string | undefined> {
  return { placeholder, summary, parse, fallback: undefined };
}
