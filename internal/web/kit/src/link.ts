import type { TypedDocument } from "./document.js";
import { errorOf, type GraphQLErrorShape, KitError } from "./errors.js";
import type { Platform, PlatformAnswer } from "./platform.js";
import { sha256 } from "./sha256.js";
import { backoff, sleep } from "./timing.js";

/** How often one request is sent at most. */
const attempts = 6;
/** The longest that one waits between two of them: a server that wants more time than this gets its error through. */
const mostWaitMs = 15_000;

/** What the server answered, and when, by its own clock. */
export interface Answer<T> {
  data: T;
  /** The server's time, or the phone's where the answer does not show it. */
  serverNow: number;
}

/** How a request goes. */
export interface SendOptions {
  token?: string;
  /** False: what may have been done already is not sent again. */
  repeat?: boolean;
}

/** Sends operations, and sends them again, word for word, while that can help. */
export class Link {
  private readonly ids = new Map<string, string>();

  constructor(
    private readonly platform: Platform,
    private readonly endpoint: string,
    private readonly trusted: boolean,
    /** Resolves while the app is in the foreground. */
    readonly visible: () => Promise<void>,
  ) {}

  /** The request for a document: its text, or the hash of it. */
  params<T, V>(document: TypedDocument<T, V>, variables: V): Record<string, unknown> {
    if (!this.trusted) {
      return { query: document, variables };
    }
    let documentId = this.ids.get(document);
    if (!documentId) {
      this.ids.set(document, (documentId = sha256(document)));
    }
    return { documentId, variables };
  }

  /** Sends until there is an answer, or it is no use. Rejects with a KitError. */
  async send<T, V>(document: TypedDocument<T, V>, variables: V, { token, repeat = true }: SendOptions = {}): Promise<Answer<T>> {
    const body = JSON.stringify(this.params(document, variables));
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.once<T>(body, token);
      } catch (e) {
        const error = e as KitError;
        const wait = Math.max(error.retryAfterMs ?? 0, backoff(attempt));
        if (attempt + 1 >= attempts || !mayRepeat(error, repeat) || (error.retryAfterMs ?? 0) > mostWaitMs) {
          throw error;
        }
        await sleep(wait);
        await this.visible();
      }
    }
  }

  private async once<T>(body: string, token: string | undefined): Promise<Answer<T>> {
    let answer: PlatformAnswer;
    try {
      answer = await this.platform.request({
        url: this.endpoint,
        headers: { "content-type": "application/json", accept: "application/json", ...(token && { authorization: `Bearer ${token}` }) },
        body,
        timeoutMs: 30_000,
      });
    } catch (e) {
      throw new KitError("network", e instanceof Error ? e.message : String(e));
    }
    const { data, errors } = (answer.body ?? {}) as { data?: T | null; errors?: GraphQLErrorShape[] };
    if (errors?.length) {
      throw errorOf(errors);
    }
    if (data === undefined || data === null) {
      throw notGraphQL(answer);
    }
    return { data, serverNow: Date.parse(answer.date ?? "") || Date.now() };
  }
}

/** An answer that is none of Holdfast's comes from what stands before it, which may have passed the request on. */
function notGraphQL({ status }: PlatformAnswer): KitError {
  const kind = status === 429 ? "rateLimited" : status === 503 ? "overloaded" : status >= 500 || status < 400 ? "network" : "badRequest";
  return new KitError(kind, `HTTP ${status} without an answer`);
}

function mayRepeat({ kind }: KitError, repeat: boolean): boolean {
  switch (kind) {
    case "rateLimited":
    case "overloaded":
      return true; // nothing was done
    case "network":
      return repeat;
    default:
      return false;
  }
}
