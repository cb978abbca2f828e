import { type Client, createClient } from "graphql-ws";
import { ENDPOINT, type GraphQLAnswer, Trouble, crowd, post, unwrap } from "./api";
import type { Buyer } from "./buyers";

/** The ways on which a buyer's request can go to the server. */

/** When a request left and its answer had come, by performance.now, and how long it queued in the browser before. */
export interface Timing {
  end: number;
  latency: number;
  queued: number;
}

/** Sends what buyers ask. */
export interface Lines {
  send<T>(buyer: Buyer, query: string, variables: object): Promise<{ result: Promise<T>; timing: Timing }>;
  close(): void;
}

/** Fetch, of which a browser carries out six at a time over HTTP/1.1; the rest queue in it, and that is measured apart. */
export class Fetches implements Lines {
  private sent = 0;
  private readonly waiting = new Map<string, (entry: PerformanceResourceTiming) => void>();
  private readonly observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as PerformanceResourceTiming[]) {
      const mark = new URL(entry.name).search;
      this.waiting.get(mark)?.(entry);
      this.waiting.delete(mark);
    }
  });

  constructor() {
    this.observer.observe({ type: "resource" });
  }

  async send<T>(buyer: Buyer, query: string, variables: object): Promise<{ result: Promise<T>; timing: Timing }> {
    const mark = `?race=${buyer.number}-${++this.sent}`; // by which the browser's own measure is found again
    const measured = new Promise<PerformanceResourceTiming | null>((resolve) => {
      this.waiting.set(mark, resolve);
    });
    const begin = performance.now();
    const result = post<T>(query, variables, buyer.token, ENDPOINT + mark);
    await result.catch(() => {});
    const end = performance.now();
    const entry = await Promise.race([measured, new Promise<null>((resolve) => setTimeout(resolve, 500, null))]);
    if (!entry || entry.requestStart === 0) return { result, timing: { end, latency: end - begin, queued: 0 } };
    return {
      result,
      timing: {
        end: entry.responseEnd,
        latency: entry.responseEnd - entry.requestStart,
        queued: entry.requestStart - entry.startTime,
      },
    };
  }

  close(): void {
    this.observer.disconnect();
    performance.clearResourceTimings(); // the browser's list of 250 is for the next race
  }
}

/** A socket for each buyer, opened before the race, so that nothing queues in the browser. */
export class Sockets implements Lines {
  private constructor(private readonly clients: Map<number, Client>) {}

  /** Opens them all. */
  static async open(buyers: readonly Buyer[]): Promise<Sockets> {
    const clients = new Map<number, Client>();
    const sockets = new Sockets(clients);
    try {
      await crowd(buyers, 20, (buyer) => {
        const { client, ready } = connect(buyer.token);
        clients.set(buyer.number, client);
        return ready;
      });
    } catch (error) {
      sockets.close();
      throw error;
    }
    return sockets;
  }

  async send<T>(buyer: Buyer, query: string, variables: object): Promise<{ result: Promise<T>; timing: Timing }> {
    const begin = performance.now();
    const result = once<T>(this.clients.get(buyer.number)!, query, variables);
    await result.catch(() => {});
    const end = performance.now();
    return { result, timing: { end, latency: end - begin, queued: 0 } };
  }

  close(): void {
    for (const client of this.clients.values()) void client.dispose();
  }
}

/** Opens a socket of graphql-transport-ws that speaks for a token; ready tells when the server has accepted it. */
export function connect(token: string): { client: Client; ready: Promise<void> } {
  let client!: Client;
  const ready = new Promise<void>((resolve, reject) => {
    client = createClient({
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${ENDPOINT}`,
      lazy: false,
      connectionParams: { authorization: `Bearer ${token}` },
      retryAttempts: 3,
      onNonLazyError: () => reject(new Trouble("The WebSocket was refused.", "SOCKET")),
      on: { connected: () => resolve() },
    });
  });
  return { client, ready };
}

function once<T>(client: Client, query: string, variables: object): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    client.subscribe<unknown>(
      { query, variables: variables as Record<string, unknown> },
      {
        next: (answer) => {
          try {
            resolve(unwrap<T>(answer as GraphQLAnswer));
          } catch (error) {
            reject(error);
          }
        },
        error: (error) => reject(asTrouble(error)),
        complete: () => reject(new Trouble("The socket ended without an answer.", "EMPTY")),
      },
    );
  });
}

/** What graphql-ws reports: errors of GraphQL, an Error, or the close of a socket. */
export function asTrouble(error: unknown): Trouble {
  if (Array.isArray(error)) {
    try {
      unwrap({ errors: error });
    } catch (trouble) {
      if (trouble instanceof Trouble) return trouble;
    }
  }
  const reason = error instanceof Error ? error.message : (error as { reason?: string } | null)?.reason;
  return new Trouble(`The WebSocket broke${reason ? `: ${reason}` : ""}.`, "SOCKET");
}
