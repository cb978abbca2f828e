import type { Platform } from "./platform.js";

interface WebSocketLike {
  send(text: string): void;
  close(code?: number): void;
  onopen: unknown;
  onmessage: unknown;
  onclose: unknown;
  onerror: unknown;
}

type FetchLike = (
  url: string,
  init: { method: "POST"; headers: Record<string, string>; body: string; signal: AbortSignalLike },
) => Promise<{ status: number; headers: { get(name: string): string | null }; text(): Promise<string> }>;

interface AbortSignalLike {
  readonly aborted: boolean;
}

// What browsers and Node have; WeChat has not, and never comes here.
declare const globalThis: {
  fetch: FetchLike;
  WebSocket: new (url: string, protocol: string) => WebSocketLike;
  AbortController: new () => { signal: AbortSignalLike; abort(): void };
  document?: {
    visibilityState: string;
    addEventListener(type: string, listener: () => void): void;
    removeEventListener(type: string, listener: () => void): void;
  };
};
declare function setTimeout(run: () => void, ms: number): unknown;
declare function clearTimeout(timer: unknown): void;

/** What a browser cannot know by itself. */
export interface WebOptions {
  /** Yields a code to log in with, such as `demo-lin`; without it nobody can log in. */
  login?: () => Promise<string>;
  /** The cashier; without it nobody can pay. */
  pay?: Platform["pay"];
  /** In place of the global one. */
  WebSocket?: new (url: string, protocol: string) => unknown;
}

/** Browsers, and Node from 22 on (20 with the WebSocket of a package). */
export function webPlatform(options: WebOptions = {}): Platform {
  const absent = (what: string) => () => Promise.reject(new Error(`webPlatform was given no ${what}`));
  return {
    login: options.login ?? absent("login"),
    pay: options.pay ?? absent("pay"),

    async request({ url, headers, body, timeoutMs }) {
      const abort = new globalThis.AbortController();
      const timer = setTimeout(() => abort.abort(), timeoutMs);
      try {
        const answer = await globalThis.fetch(url, { method: "POST", headers, body, signal: abort.signal });
        const text = await answer.text();
        return { status: answer.status, body: parsed(text), date: answer.headers.get("date") ?? undefined };
      } finally {
        clearTimeout(timer);
      }
    },

    connect(url, protocol, on) {
      const socket = new (options.WebSocket ?? globalThis.WebSocket)(url, protocol) as WebSocketLike;
      socket.onopen = () => on.opened();
      socket.onmessage = ({ data }: { data: unknown }) => on.message(String(data));
      socket.onclose = ({ code }: { code: number }) => on.closed(code);
      socket.onerror = () => undefined; // onclose follows
      return { send: (text) => socket.send(text), close: () => socket.close(1000) };
    },

    onVisible(listener) {
      const page = globalThis.document;
      const tell = () => listener(page?.visibilityState !== "hidden");
      page?.addEventListener("visibilitychange", tell);
      return () => page?.removeEventListener("visibilitychange", tell);
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
