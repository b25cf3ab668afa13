// AWS STS with GetCallerIdentity only, which names the owner of an access key and needs no permission.
// See docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html.
import { randomUUID } from 'node:crypto';
import type { Answer, RecordedRequest, Service } from './http.ts';
import { ACCOUNT_ID, type SandboxIam } from './iam.ts';
import { checkSignature, type SignatureFault } from './sigv4.ts';

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';

/** Names of the same errors in the Query protocol, which differ from the JSON protocol. */
const FAULTS: Record<SignatureFault, [status: number, code: string, message: string]> = {
  MissingAuthenticationTokenException: [403, 'MissingAuthenticationToken', 'Request is missing Authentication Token'],
  IncompleteSignature: [400, 'IncompleteSignature', 'The request signature does not conform to AWS standards.'],
  UnrecognizedClientException: [403, 'InvalidClientTokenId', 'The security token included in the request is invalid.'],
  InvalidSignatureException: [
    403,
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
  ],
};

export class SandboxSts implements Service {
  readonly name = 'sts';
  readonly #iam: SandboxIam;

  constructor(iam: SandboxIam) {
    this.#iam = iam;
  }

  verb(): string {
    return 'GetCallerIdentity';
  }

  handle(request: RecordedRequest, rawBody: Buffer): Answer {
    const check = checkSignature(request, rawBody, 'sts', this.#iam.keys);
    if ('fault' in check) return stsError(...FAULTS[check.fault]);
    const form = new Map<string, string>(
      typeof request.body === 'object' && request.body !== null ? Object.entries(request.body) : request.query,
    );
    if (form.get('Action') !== 'GetCallerIdentity' || form.get('Version') !== '2011-06-15') {
      return stsError(400, 'InvalidAction', `Could not find operation ${form.get('Action') ?? ''} for this version`);
    }
    const { arn, id } = this.#iam.user(check.keyId);
    return xml(
      200,
      `<GetCallerIdentityResponse xmlns="${NAMESPACE}"><GetCallerIdentityResult><Arn>${arn}</Arn>` +
        `<UserId>${id}</UserId><Account>${ACCOUNT_ID}</Account></GetCallerIdentityResult>` +
        `<ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata></GetCallerIdentityResponse>`,
    );
  }
}

/** An error of STS, which can also be planted as a fault: `faults.add({ service: 'sts', ...stsError(…) })`. */
export function stsError(status: number, code: string, message: string): Answer & { body: string } {
  return xml(
    status,
    `<ErrorResponse xmlns="${NAMESPACE}"><Error><Type>Sender</Type><Code>${code}</Code>` +
      `<Message>${message}</Message></Error><RequestId>${randomUUID()}</RequestId></ErrorResponse>`,
  );
}

function xml(status: number, body: string): Answer & { body: string } {
  return { status, headers: { 'content-type': 'text/xml' }, body };
}
