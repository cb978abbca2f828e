/** Asking the server, as any client would: POST /graphql, and nothing that only this page may do. */

/** What went wrong, in words for the person, with the code of the API where it gave one. */
export class Trouble extends Error {
  constructor(
    message: string,
    /** RATE_LIMITED, UNAUTHENTICATED and so on; NETWORK when no answer came. */
    readonly code: string,
    /** When the same request may be sent again; 0 when that would not help. */
    readonly retryAfterMs = 0,
  ) {
    super(message);
  }
}

/** A refusal that a mutation returns. */
export interface UserError {
  code: string;
  message: string;
}

/** Where the API is; a path, so that the page talks to its own host alone. */
export const ENDPOINT = "/graphql";

/** A response of GraphQL, over HTTP or a socket. */
export interface GraphQLAnswer {
  data?: unknown;
  errors?: readonly { message: string; extensions?: Record<string, unknown> }[];
}

/** Asks once. The address may carry a mark by which the browser's timing is found again. */
export async function post<T>(query: string, variables: object, token?: string, address = ENDPOINT): Promise<T> {
  let answer: GraphQLAnswer;
  let status = 0;
  try {
    const headers: Record<string, string> = { "Content-Type": "application/json", Accept: "application/json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    const response = await fetch(address, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
    status = response.status;
    answer = (await response.json()) as GraphQLAnswer;
  } catch {
    throw status === 0
      ? new Trouble("The server does not answer.", "NETWORK", 500)
      : new Trouble(`The server answered HTTP ${status}, and not in GraphQL.`, `HTTP_${status}`);
  }
  return unwrap<T>(answer);
}

/** The data of an answer; throws its first error. */
export function unwrap<T>(answer: GraphQLAnswer): T {
  const error = answer.errors?.[0];
  if (error) {
    const { code, retryAfterMs } = error.extensions ?? {};
    throw new Trouble(error.message, typeof code === "string" ? code : "ERROR", typeof retryAfterMs === "number" ? retryAfterMs : 0);
  }
  return answer.data as T;
}

/** Runs it again as often as the server says when to come back, up to five times; tells wait first. */
export async function patiently<T>(run: () => Promise<T>, wait?: (trouble: Trouble) => void): Promise<T> {
  for (let again = 0; ; again++) {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof Trouble) || error.retryAfterMs === 0 || again === 5) throw error;
      wait?.(error);
      await sleep(error.retryAfterMs);
    }
  }
}

/** Throws what a mutation refused. */
export function granted<T>(value: T | null | undefined, errors: readonly UserError[]): T {
  if (value === null || value === undefined || errors.length > 0) {
    throw new Trouble(errors[0]?.message ?? "Nothing came back.", errors[0]?.code ?? "EMPTY");
  }
  return value;
}

/** Does work for each item, at most width at once, and gives the results in the items' order. */
export async function crowd<T, R>(items: readonly T[], width: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const i = next++;
      results[i] = await work(items[i] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return results;
}

/** The same items in an order by chance. */
export function shuffled<T>(items: readonly T[]): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [out[i], out[j]] = [out[j] as T, out[i] as T];
  }
  return out;
}

/** Resolves later. */
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A random word, also where crypto.randomUUID is missing because the page came over plain HTTP. */
export function nonce(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, "0")).join("");
}
