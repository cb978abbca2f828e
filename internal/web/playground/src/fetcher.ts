import type { ExecutionResult } from "graphql";
import { getOperationAST, parse } from "graphql";
import type { Fetcher, FetcherReturnType } from "@graphiql/toolkit";
import { createClient } from "graphql-ws";
import { post, type People } from "./people";
import { store } from "./store";

/** What an answer took. */
export interface Spent {
  operation: string;
  /** What the server counted, before it ran the operation; and the most that it lets run. */
  cost?: number;
  limit?: number;
  /** Until the answer was here, in milliseconds; of a subscription, until its first event. */
  took: number;
  /** Codes of errors and refusals. */
  refused: string[];
}

/** The last answer's. */
export const spent = store<Spent | undefined>(undefined);

type Answer = ExecutionResult<Record<string, unknown>, { cost?: { requested: number; limit: number } }>;

/** Told of the data of every answer, with the name of its operation. */
export type Learn = (operation: string, data: Record<string, unknown>) => void;

/** Asks this server, as whoever is logged in: queries and mutations over HTTP, subscriptions over a WebSocket. */
export function fetcherOf(people: People, learn: Learn): Fetcher {
  const ask = async (...[params, options]: Parameters<Fetcher>) => {
    const operation = getOperationAST(parseOrNothing(params.query), params.operationName) ?? getOperationAST(parseOrNothing(params.query));
    const name = operation?.name?.value ?? "";
    const headers = { ...(options?.headers as Record<string, string> | undefined) };
    if (!Object.keys(headers).some((h) => h.toLowerCase() === "authorization")) {
      const own = await people.authorization();
      if (own) headers.Authorization = own;
    }
    const start = performance.now();
    const took = (answer: Answer) => {
      if (answer.data && "__schema" in answer.data) return; // GraphiQL's own
      spent.set({
        operation: name || "the operation",
        cost: answer.extensions?.cost?.requested,
        limit: answer.extensions?.cost?.limit,
        took: performance.now() - start,
        refused: refusals(answer),
      });
      if (answer.data) learn(name, answer.data);
    };
    // The editor may still hold the name of what it showed before.
    const request = { query: params.query, variables: params.variables, operationName: name || undefined };
    if (operation?.operation === "subscription") return watch(request, headers, took);
    const answer = await post<Answer>(request, headers);
    took(answer);
    return answer;
  };
  // GraphiQL takes what can be subscribed to in either of two styles, and uses one.
  return ask as (...args: Parameters<Fetcher>) => FetcherReturnType;
}

function parseOrNothing(query: string) {
  try {
    return parse(query);
  } catch {
    return { kind: "Document" as never, definitions: [] }; // the server says it better
  }
}

interface Sink {
  next(value: unknown): void;
  error(reason: unknown): void;
  complete(): void;
}

/** A subscription on a socket of its own, as a socket speaks for one session. */
function watch(request: { query: string; variables?: Record<string, unknown> }, headers: Record<string, string>, took: (answer: Answer) => void) {
  const url = new URL("/graphql", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return {
    subscribe(sink: Sink) {
      const client = createClient({ url: url.href, connectionParams: headers });
      let first = true;
      const stop = client.subscribe<Record<string, unknown>, NonNullable<Answer["extensions"]>>(request, {
        next(answer) {
          if (first) took(answer as Answer);
          first = false;
          sink.next(answer);
        },
        error: (reason) => sink.error(reason instanceof CloseEvent ? new Error(`the socket was closed: ${reason.code} ${reason.reason}`) : reason),
        complete: () => sink.complete(),
      });
      return {
        unsubscribe() {
          stop();
          void client.dispose();
        },
      };
    },
  };
}

/** The codes of what was refused: errors of the request, and userErrors of its payloads. */
export function refusals(answer: Answer): string[] {
  const out = (answer.errors ?? []).map((e) => String(e.extensions?.code ?? "ERROR"));
  const look = (value: unknown) => {
    if (Array.isArray(value)) value.forEach(look);
    if (!value || typeof value !== "object") return;
    for (const [field, below] of Object.entries(value)) {
      if (field === "userErrors" && Array.isArray(below)) out.push(...below.map((e: { code?: string }) => e.code ?? "REFUSED"));
      else look(below);
    }
  };
  look(answer.data);
  return out;
}
