// The errors of AWS Secrets Manager, by their real names and in their real format.
import type { Answer } from './http.ts';

type MessageOf = (operation: string, resource: string) => string;

/** Status and default message of each error. */
export const AWS_ERRORS = {
  ResourceNotFoundException: known(400, "Secrets Manager can't find the specified secret."),
  InvalidRequestException: known(
    400,
    "You can't perform this operation on the secret because it was marked for deletion.",
  ),
  InvalidParameterException: known(400, 'The parameter name or value is invalid.'),
  ResourceExistsException: known(400, 'A resource with the ID you requested already exists.'),
  DecryptionFailure: known(400, "Secrets Manager can't decrypt the protected secret text using the provided KMS key."),
  InternalServiceError: known(500, 'An error occurred on the server side.'),
  AccessDeniedException: known(
    400,
    (operation, resource) =>
      `User: arn:aws:iam::123456789012:user/gmail-jobs is not authorized to perform: secretsmanager:${operation} on resource: ${resource} because no identity-based policy allows the secretsmanager:${operation} action`,
  ),
  ThrottlingException: known(400, 'Rate exceeded'),
  InvalidNextTokenException: known(400, 'The NextToken value is invalid.'),
  ValidationException: known(
    400,
    "1 validation error detected: Value null at 'secretId' failed to satisfy constraint: Member must not be null",
  ),
  UnrecognizedClientException: known(400, 'The security token included in the request is invalid.'),
  InvalidSignatureException: known(
    400,
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
  ),
  ExpiredTokenException: known(400, 'The security token included in the request is expired'),
  IncompleteSignature: known(400, 'The request signature does not conform to AWS standards.'),
  MissingAuthenticationTokenException: known(400, 'Missing Authentication Token'),
  SerializationException: known(400, 'The request body is not a JSON object.'),
  UnknownOperationException: known(400, 'The operation is not known.'),
} satisfies Record<string, { status: number; message: MessageOf }>;

export type AwsErrorName = keyof typeof AWS_ERRORS;

/** Thrown inside the stand-in to give an error as the answer. */
export class AwsRefusal extends Error {
  override readonly name = 'AwsRefusal';
  readonly answer: Answer;
  constructor(answer: Answer) {
    super(`answered ${answer.status}`);
    this.answer = answer;
  }
}

/** Returns an error to throw, with its default message unless one is given. */
export function awsError(name: AwsErrorName, message = AWS_ERRORS[name].message('', '')): AwsRefusal {
  return new AwsRefusal({ status: AWS_ERRORS[name].status, body: { __type: name, Message: message } });
}

/** The ResourceNotFoundException. */
export function notFound(what: string): AwsRefusal {
  return awsError('ResourceNotFoundException', `Secrets Manager can't find ${what}`);
}

function known(status: number, message: string | MessageOf): { status: number; message: MessageOf } {
  return { status, message: typeof message === 'string' ? () => message : message };
}
