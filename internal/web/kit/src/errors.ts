/** What went wrong with a request, as far as a program can act on it. */
export type KitErrorKind = "network" | "unauthenticated" | "rateLimited" | "overloaded" | "badRequest" | "internal";

/** A request that failed. Refusals of the shop are no errors: they are in the answer. */
export class KitError extends Error {
  override readonly name = "KitError";
  /** The API's own code, such as FORBIDDEN or LOGIN_FAILED; absent when no answer came. */
  readonly code?: string;
  /** When the same request may be sent again. */
  readonly retryAfterMs?: number;
  /** Of `checkoutAndPay` whose answer never came: give it again, and nothing is bought twice. */
  idempotencyKey?: string;

  constructor(
    readonly kind: KitErrorKind,
    message: string,
    more: { code?: string; retryAfterMs?: number } = {},
  ) {
    super(message);
    this.code = more.code;
    this.retryAfterMs = more.retryAfterMs;
  }
}

/** An entry of `errors` in an answer. */
export interface GraphQLErrorShape {
  message: string;
  extensions?: { code?: string; retryAfterMs?: number };
}

/** The first error of an answer as a KitError. */
export function errorOf(errors: readonly GraphQLErrorShape[] | undefined): KitError {
  const { message = "no reason was given", extensions = {} } = errors?.[0] ?? {};
  return new KitError(kindOf(extensions.code), message, extensions);
}

function kindOf(code: string | undefined): KitErrorKind {
  switch (code) {
    case "UNAUTHENTICATED":
      return "unauthenticated";
    case "RATE_LIMITED":
      return "rateLimited";
    case "OVERLOADED":
      return "overloaded";
    case "BAD_REQUEST":
    case "FORBIDDEN":
    case "COST_EXCEEDED":
      return "badRequest";
    default:
      return "internal";
  }
}
