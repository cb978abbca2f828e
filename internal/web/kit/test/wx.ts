import WebSocket from "ws";
import type { Wx, WxSocketTask } from "../src/wx.js";

/** The limits and delays of WeChat, as it documents them. */
const mostRequests = 10;
const mostSockets = 5;
const backgroundGraceMs = 5_000;

/** How a fake `wx` is to behave. */
export interface FakeWxOptions {
  /** Who holds the phone. With `exchange`, codes of wx.login become `demo-<name>` on their way to the server, once each. */
  name: string;
  /** What the cashier says; by itself that the buyer has paid. */
  cashier?: (parameters: { package: string; paySign: string }) => Promise<"ok" | "cancel"> | "ok" | "cancel";
  /** True: the request reaches the server, and its answer is lost. */
  loseAnswer?: (body: string) => boolean;
  /** How long the system lets the app go on in the background; 5 s, if not said otherwise. */
  graceMs?: number;
}

type Option<K extends "request" | "connectSocket" | "login" | "requestPayment"> = Parameters<Wx[K]>[0];

/**
 * The global `wx` of one phone, by WeChat's documentation: any HTTP status is a success, 10 requests run at once and the others
 * wait, there are 5 sockets, and 5 s after the app went to the background requests are interrupted and sockets closed.
 */
export class FakeWx implements Wx {
  /** What was called, to be counted. */
  readonly calls = { request: 0, connectSocket: 0, login: 0, requestPayment: 0 };
  private readonly storage = new Map<string, unknown>();
  private readonly codes = new Set<string>();
  private readonly queue: (() => void)[] = [];
  private readonly requests = new Set<AbortController>();
  private readonly sockets = new Set<WebSocket>();
  private readonly shows = new Set<() => void>();
  private readonly hides = new Set<() => void>();
  private inBackground?: ReturnType<typeof setTimeout>;
  private isFrozen = false;

  constructor(private readonly options: FakeWxOptions) {}

  request(option: Option<"request">): { abort(): void } {
    this.calls.request++;
    for (const name of Object.keys(option.header)) {
      if (name.toLowerCase() === "referer") {
        throw new Error("a Referer cannot be set");
      }
    }
    const abort = new AbortController();
    const run = () => void this.run(option, abort);
    if (this.requests.size < mostRequests) {
      run();
    } else {
      this.queue.push(run);
    }
    return { abort: () => abort.abort("request:fail abort") };
  }

  private async run(option: Option<"request">, abort: AbortController): Promise<void> {
    this.requests.add(abort);
    const timer = setTimeout(() => abort.abort("request:fail timeout"), option.timeout);
    try {
      if (this.isFrozen) {
        abort.abort("request:fail interrupted");
      }
      const body = this.exchange(option.data);
      const answer = await fetch(option.url, {
        method: option.method,
        headers: { ...option.header, referer: "https://servicewechat.com/wxdemo/devtools/page-frame.html" },
        body,
        signal: abort.signal,
      });
      const text = await answer.text();
      if (this.options.loseAnswer?.(body)) {
        throw new Error("the line broke");
      }
      const header = Object.fromEntries([...answer.headers].map(([name, value]) => [titled(name), value]));
      this.leave(abort, timer);
      option.success({ ...{ errMsg: "request:ok", cookies: [] }, data: parsed(text), statusCode: answer.status, header });
    } catch {
      this.leave(abort, timer);
      const errMsg = abort.signal.aborted ? String(abort.signal.reason) : "request:fail errcode:-100 cronet_error_code:-100 error_msg:net::ERR_CONNECTION_CLOSED";
      option.fail({ errMsg, errno: abort.signal.aborted ? 5 : 600001 });
    }
  }

  private leave(abort: AbortController, timer: ReturnType<typeof setTimeout>): void {
    clearTimeout(timer);
    this.requests.delete(abort);
    this.queue.shift()?.();
  }

  /** Stands in for WeChat's server, of whom the shop's asks whose code it is: each works once. */
  private exchange(body: string): string {
    return body.replace(/fakewx-code-[0-9]+-[a-z0-9]+/, (code) => (this.codes.delete(code) ? `demo-${this.options.name}` : "used"));
  }

  connectSocket(option: Option<"connectSocket">): WxSocketTask {
    this.calls.connectSocket++;
    if (this.sockets.size >= mostSockets || this.isFrozen) {
      const errMsg = this.isFrozen ? "connectSocket:fail interrupted" : "connectSocket:fail exceed max concurrent socket count 5";
      setTimeout(() => option.fail({ errMsg, errno: 1005 }));
      return { send: noop, close: noop, onOpen: noop, onMessage: noop, onClose: noop, onError: noop };
    }
    const socket = new WebSocket(option.url, option.protocols);
    this.sockets.add(socket);
    socket.on("close", () => this.sockets.delete(socket));
    socket.on("error", noop); // a close follows
    return {
      // Sending before it is open, or after its end, fails without a word to those who pass no callback.
      send: ({ data }) => socket.readyState === WebSocket.OPEN && socket.send(data),
      close: ({ code, reason }) => socket.close(code ?? 1000, reason),
      onOpen: (listener) => socket.on("open", listener),
      onMessage: (listener) => socket.on("message", (data, isBinary) => !isBinary && listener({ data: data.toString() })),
      onClose: (listener) => socket.on("close", (code, reason) => listener({ code, reason: reason.toString() })),
      onError: (listener) => socket.on("error", (e) => listener({ errMsg: `connectSocket:fail ${e.message}` })),
    };
  }

  login(option: Option<"login">): void {
    this.calls.login++;
    const code = `fakewx-code-${this.calls.login}-${Math.random().toString(36).slice(2)}`;
    this.codes.add(code);
    setTimeout(() => option.success({ ...{ errMsg: "login:ok" }, code }));
  }

  requestPayment(option: Option<"requestPayment">): void {
    this.calls.requestPayment++;
    const { timeStamp, nonceStr, package: prepay, signType, paySign } = option;
    if (![timeStamp, nonceStr, signType, paySign].every(Boolean) || !prepay.startsWith("prepay_id=")) {
      setTimeout(() => option.fail({ errMsg: "requestPayment:fail parameter error" }));
      return;
    }
    void Promise.resolve(this.options.cashier?.({ package: prepay, paySign }) ?? "ok").then((said) =>
      said === "ok" ? option.success() : option.fail({ errMsg: "requestPayment:fail cancel" }),
    );
  }

  onAppShow(listener: () => void): void {
    this.shows.add(listener);
  }

  onAppHide(listener: () => void): void {
    this.hides.add(listener);
  }

  offAppShow(listener: () => void): void {
    this.shows.delete(listener);
  }

  offAppHide(listener: () => void): void {
    this.hides.delete(listener);
  }

  getStorageSync(key: string): unknown {
    return this.storage.get(key) ?? "";
  }

  setStorageSync(key: string, value: string): void {
    this.storage.set(key, value);
  }

  removeStorageSync(key: string): void {
    this.storage.delete(key);
  }

  /** The buyer looks at something else. */
  hide(): void {
    this.hides.forEach((tell) => tell());
    clearTimeout(this.inBackground);
    this.inBackground = setTimeout(() => {
      this.isFrozen = true;
      this.requests.forEach((abort) => abort.abort("request:fail interrupted"));
      this.cut();
    }, this.options.graceMs ?? backgroundGraceMs);
  }

  /** The buyer comes back. */
  show(): void {
    clearTimeout(this.inBackground);
    this.isFrozen = false;
    this.shows.forEach((tell) => tell());
  }

  /** Breaks every socket off, as a lift or the system does: code 1006. */
  cut(): void {
    this.sockets.forEach((socket) => socket.terminate());
  }

  /** How many sockets there are. */
  get openSockets(): number {
    return this.sockets.size;
  }
}

const noop = (): void => undefined;
const titled = (name: string): string => name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
