// What goes wrong with a call, in words for the person who made it.

export class ApiError extends Error {
  constructor(
    /** The error's type as the API names it; `Unreachable` where there was no answer. */
    readonly type: string,
    message: string,
    readonly status: number,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** What is wrong, where a page can say it better than the server. */
export class Told extends Error {
  constructor(
    readonly title: string,
    readonly detail: string,
  ) {
    super(detail === '' ? title : `${title} ${detail}`);
    this.name = 'Told';
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  ValidationException: 'The request is not well-formed.',
  ResourceNotFoundException: 'It does not exist (any more).',
  ConflictException: 'It is in use, or exists already.',
  ServiceQuotaExceededException: 'A quota of the account is used up.',
  ThrottlingException: 'Too many requests at once; try again in a moment.',
  AccessDeniedException: 'This access key may not do that.',
  PendingVerification: 'The account waits for verification.',
  InternalServerException: 'The server could not do it; its log says why.',
  NotImplementedException: 'This build of the server does not do that.',
  InvalidSignatureException: 'The secret access key does not belong to this access key id.',
  SignatureDoesNotMatch: 'The secret access key does not belong to this access key id.',
  UnrecognizedClientException: 'The server does not know this access key id.',
  InvalidClientTokenId: 'The server does not know this access key id.',
  MissingAuthenticationToken: 'Sign in first.',
  MissingAuthenticationTokenException: 'Sign in first.',
  Unreachable: 'The server cannot be reached. Does it run?',
};

/** One line on what happened, and the server's own words where they say more. */
export function inWords(error: unknown): { readonly title: string; readonly detail: string } {
  if (error instanceof Told) return { title: error.title, detail: error.detail };
  // What the pages themselves object to is in words already; other kinds of errors are faults of theirs.
  if (error instanceof Error && error.name === 'Error') return { title: error.message, detail: '' };
  if (!(error instanceof ApiError)) {
    return { title: 'Something went wrong.', detail: error instanceof Error ? error.message : String(error) };
  }
  const title = ADVICE[error.type] ?? (error.type === '' ? `The server answered ${error.status}.` : error.type);
  return { title, detail: error.message };
}

/** Reads an answer that is no success. */
export function errorOf(status: number, headers: Headers, body: string): ApiError {
  const type = (headers.get('x-amzn-errortype') ?? '').split(':')[0] ?? '';
  return new ApiError(type, messageOf(body), status);
}

function messageOf(body: string): string {
  try {
    const members = JSON.parse(body) as Record<string, unknown>;
    for (const name of ['exceptionMessage', 'message', 'Message']) {
      const text = members[name];
      if (typeof text === 'string') return text;
    }
  } catch {
    // Not JSON: a proxy's page, say, which helps nobody.
  }
  return '';
}
