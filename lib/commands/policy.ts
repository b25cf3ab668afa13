/** `job policy`: prints the least IAM policy, or a CloudFormation template. */
import type { Environment } from '../base/environment.ts';
import { defineCommand } from '../command.ts';
import { ExitCode, UsageError } from '../errors.ts';
import { choiceOption, switchOption, textOption, textsOption, valueOption } from '../options.ts';
import {
  appPolicy,
  type FurtherAccess,
  fleetPolicy,
  type PolicyDocument,
  type PolicyKeys,
  personPolicy,
  stackTemplate,
} from '../policy/documents.ts';
import {
  readAccount,
  readFilesPlace,
  readFleetTargets,
  readJobTarget,
  readRegion,
  readTarget,
  requireKeyIn,
  requirePlace,
  requireSigningKey,
} from '../policy/target.ts';

export default defineCommand({
  summary: 'Print the smallest IAM policy for the app, or for the person who authorizes',
  description:
    'Prints one JSON document and nothing else, so that it can be written to a file:\n' +
    '`job policy > policy.json`\n' +
    '`aws iam put-user-policy … --policy-document file://policy.json`\n' +
    'Sends no request, and needs no AWS credentials. For the app, the document covers the secret in JOB_SECRET_ID too.',
  options: {
    for: choiceOption(['app', 'authorize'], 'for the running app, or for the person who runs authorize and rotate'),
    secret: textOption('<arn|name>', 'the secret (default GMAIL_SECRET_ID)'),
    account: valueOption('<12 digits>', 'AWS account, when the secret is given by name', readAccount),
    region: valueOption('<region>', 'AWS region, when the secret is given by name (default AWS_REGION)', readRegion),
    kmsKey: textOption('<arn>', 'your own KMS key, if one encrypts the secret'),
    kmsSign: textsOption(
      '<arn>',
      'the KMS key to which the refresh token is bound; with --cloudformation, alias/NAME creates one',
    ),
    export: switchOption(
      'for the files of jobs too: the app may read, write and list them in the bucket in EXPORT_URL',
    ),
    fleet: switchOption('for the secrets of a fleet, which mailboxes.yaml (MAILBOXES_FILE) names'),
    cloudformation: switchOption('print a CloudFormation template (JSON) that creates secret, user and policy'),
  },

  async run({ options, env, terminal }) {
    const encryptionKey = options.kmsKey?.trim();
    const signingKeys = (options.kmsSign ?? []).map((key) => key.trim());
    const keys = { encryptionKey, signingKeys };
    for (const key of signingKeys) requireSigningKey(key, options.cloudformation && signingKeys.length === 1);
    if (options.export && options.for !== 'app') {
      throw new UsageError(
        `--export and --for ${options.for} exclude each other`,
        'Leave one out: only the running app works with the files in EXPORT_URL.',
      );
    }
    const files = options.export ? readFilesPlace(options.fleet, env) : undefined;
    if (options.fleet) {
      terminal.printExactly(JSON.stringify(await fleetDocument(options, keys, files, env), null, 2));
      return ExitCode.ok;
    }
    const target = readTarget(options, env, signingKeys);
    if (encryptionKey !== undefined) {
      requireKeyIn('region' in target.place ? target.place.region : options.region, encryptionKey);
    }
    const further = (): FurtherAccess => ({ jobTarget: readJobTarget(target, env), files });
    const document = () => {
      if (options.cloudformation) {
        if (options.for === 'app') return stackTemplate(target, keys, further());
        throw new UsageError(
          '--cloudformation creates a user for the running app; there is no template for a person',
          'Leave out --for, or leave out --cloudformation and attach the policy to the person in the AWS console.',
        );
      }
      const place = requirePlace(target);
      if (options.for === 'authorize') return personPolicy(target, place, keys);
      return appPolicy(target, place, keys, further());
    };
    terminal.printExactly(JSON.stringify(document(), null, 2));
    return ExitCode.ok;
  },
});

interface FleetOptionsOfPolicy {
  readonly for: string;
  readonly secret: string | undefined;
  readonly account: string | undefined;
  readonly region: string | undefined;
  readonly cloudformation: boolean;
}

async function fleetDocument(
  options: FleetOptionsOfPolicy,
  keys: PolicyKeys,
  files: FurtherAccess['files'],
  env: Environment,
): Promise<PolicyDocument> {
  const others = [
    ...(options.secret === undefined ? [] : ['--secret']),
    ...(options.for === 'app' ? [] : [`--for ${options.for}`]),
    ...(options.cloudformation ? ['--cloudformation'] : []),
  ];
  if (others.length > 0) {
    throw new UsageError(
      `--fleet and ${others[0]} exclude each other`,
      'With --fleet, the command prints the policy of the running app for the secrets in mailboxes.yaml.',
    );
  }
  const targets = await readFleetTargets(options, env);
  const place = requirePlace({ place: targets.place, source: 'an entry of mailboxes.yaml' });
  if (keys.encryptionKey !== undefined) requireKeyIn(place.region, keys.encryptionKey);
  const jobTarget = readJobTarget({ name: '', source: 'mailboxes.yaml', place }, env);
  return fleetPolicy(targets, place, keys, { jobTarget, files });
}
