import type { TypedDocument } from "./document.js";
import { errorOf, type GraphQLErrorShape, KitError } from "./errors.js";
import type { Link } from "./link.js";
import type { Platform, PlatformSocket } from "./platform.js";
import type { Session } from "./session.js";
import { backoff, later } from "./timing.js";

/** An open connection says something this often, so that one that is dead without a word is noticed… */
const pingMs = 20_000;
/** …this much later. It is also how long a connection may take to be made. */
const patienceMs = 10_000;
/** Back in the foreground, a connection that seems open has this long to prove it. */
const proofMs = 3_000;
/** A socket that nobody listens to stays open for the next page. */
const idleMs = 5_000;

/** Who listens to a subscription. */
export interface Listener<T> {
  next(data: T): void;
  /** The subscription has ended with this. What a new connection can mend is not told. */
  error?(error: KitError): void;
  /** The version of what an event tells: an event that is not newer than the last one about the same thing is left out. */
  version?(data: T): number;
  /** What an event is about, where one subscription tells of several things; by itself its `variantId` or `id`. */
  key?(data: T): string;
}

interface Subscription {
  document: TypedDocument<unknown, unknown>;
  variables: unknown;
  on: Listener<unknown>;
  versions: Map<string, number>;
}

interface Message {
  type: string;
  id?: string;
  payload?: unknown;
}

/** One socket for all subscriptions, by the graphql-transport-ws protocol. After each cut it comes back and subscribes again. */
export class Socket {
  private readonly subscriptions = new Map<string, Subscription>();
  private lastId = 0;
  private line?: PlatformSocket;
  private isAcknowledged = false;
  private failures = 0;
  private isVisible = true;
  private isClosed = false;
  private readonly cancel: Partial<Record<"retry" | "idle" | "watch", () => void>> = {};

  constructor(
    private readonly platform: Platform,
    private readonly url: string,
    private readonly link: Link,
    private readonly session: Session,
  ) {}

  subscribe<T, V>(document: TypedDocument<T, V>, variables: V, on: Listener<T>): () => void {
    const id = String(++this.lastId);
    this.subscriptions.set(id, { document: document as TypedDocument<unknown, unknown>, variables, on: on as Listener<unknown>, versions: new Map() });
    this.stop("idle");
    if (this.isAcknowledged) {
      this.start(id);
    } else if (!this.cancel.retry) {
      this.open();
    }
    return () => {
      if (this.end(id) && this.isAcknowledged) {
        this.send({ type: "complete", id });
      }
    };
  }

  /** The app goes to the background, where WeChat closes sockets soon, or comes back. */
  setVisible(isVisible: boolean): void {
    this.isVisible = isVisible;
    this.stop("watch");
    if (!isVisible) {
      this.stop("retry");
    } else if (!this.line) {
      this.failures = 0;
      this.open();
    } else {
      this.prove(proofMs);
    }
  }

  /** Connects anew, as somebody else. */
  restart(): void {
    this.drop();
    this.open();
  }

  close(): void {
    this.isClosed = true;
    this.subscriptions.clear();
    this.stop("idle");
    this.drop();
  }

  private open(): void {
    this.stop("retry");
    if (this.isClosed || this.line || !this.isVisible || this.subscriptions.size === 0) {
      return;
    }
    let line: PlatformSocket | undefined;
    let token: string | undefined;
    let isOver = false;
    const isMine = () => line !== undefined && this.line === line;
    const closed = (code: number) => {
      isOver = true;
      if (isMine()) {
        this.lost(code, token);
      }
    };
    try {
      line = this.platform.connect(this.url, "graphql-transport-ws", {
        opened: () => {
          this.session.current().then(
            (current) => {
              token = current;
              if (isMine()) {
                this.send({ type: "connection_init", payload: token ? { authorization: `Bearer ${token}` } : {} });
              }
            },
            () => isMine() && this.again(),
          );
        },
        message: (text) => isMine() && this.take(JSON.parse(text) as Message),
        closed,
      });
    } catch {
      isOver = true;
    }
    if (isOver || !line) {
      this.again();
      return;
    }
    this.line = line;
    this.cancel.watch = later(patienceMs, () => this.again());
  }

  private take(message: Message): void {
    const { type, id = "", payload } = message;
    if (this.isAcknowledged) {
      this.rest(); // whatever came, the line is alive
    }
    switch (type) {
      case "connection_ack":
        this.isAcknowledged = true;
        this.failures = 0;
        this.rest();
        [...this.subscriptions.keys()].forEach((each) => this.start(each));
        break;
      case "ping":
        this.send({ type: "pong", payload });
        break;
      case "next":
        this.tell(id, payload as { data?: unknown; errors?: GraphQLErrorShape[] });
        break;
      case "error":
        this.refused(id, errorOf(payload as GraphQLErrorShape[]));
        break;
      case "complete":
        this.end(id);
    }
  }

  private tell(id: string, { data, errors }: { data?: unknown; errors?: GraphQLErrorShape[] }): void {
    const subscription = this.subscriptions.get(id);
    if (!subscription) {
      return;
    }
    if (errors?.length || !data) {
      this.refused(id, errorOf(errors));
      return;
    }
    const { on, versions } = subscription;
    if (on.version) {
      const [key, version] = [on.key?.(data) ?? keyOf(data), on.version(data)];
      if (version <= (versions.get(key) ?? -Infinity)) {
        return;
      }
      versions.set(key, version);
    }
    on.next(data);
  }

  /** The server has ended a subscription: what passes is tried again, the rest is told. */
  private refused(id: string, error: KitError): void {
    const subscription = this.subscriptions.get(id);
    if (!subscription) {
      return;
    }
    if (error.kind === "rateLimited" || error.kind === "overloaded") {
      const line = this.line;
      later(Math.max(error.retryAfterMs ?? 0, backoff(2)), () => this.line === line && this.isAcknowledged && this.start(id));
      return;
    }
    this.end(id);
    subscription.on.error?.(error);
  }

  private start(id: string): void {
    const subscription = this.subscriptions.get(id);
    if (subscription) {
      this.send({ type: "subscribe", id, payload: this.link.params(subscription.document, subscription.variables) });
    }
  }

  private end(id: string): boolean {
    const wasThere = this.subscriptions.delete(id);
    if (wasThere && this.subscriptions.size === 0) {
      this.stop("idle");
      this.cancel.idle = later(idleMs, () => this.drop());
    }
    return wasThere;
  }

  /** The line ended by itself. 4403 and 4401 say that it was for the token: the next one is opened with another. */
  private lost(code: number, token: string | undefined): void {
    if (token && (code === 4403 || code === 4401)) {
      this.session.renew(token).then(undefined, (error: KitError) => {
        if (error.kind === "unauthenticated") {
          [...this.subscriptions.keys()].forEach((id) => this.refused(id, error));
        }
      });
    }
    this.again();
  }

  private again(): void {
    this.drop();
    if (this.isVisible && !this.isClosed) {
      this.cancel.retry = later(backoff(this.failures++), () => this.open());
    }
  }

  private drop(): void {
    const { line } = this;
    this.line = undefined;
    this.isAcknowledged = false;
    this.stop("watch");
    this.stop("retry");
    try {
      line?.close();
    } catch {
      // It is gone already.
    }
  }

  /** Waits a while, then asks whether the line is alive. In the background nobody asks: timers stand still there. */
  private rest(): void {
    this.stop("watch");
    if (this.isVisible) {
      this.cancel.watch = later(pingMs, () => this.prove(patienceMs));
    }
  }

  private prove(withinMs: number): void {
    this.stop("watch");
    if (this.isAcknowledged) {
      this.send({ type: "ping" });
    }
    this.cancel.watch = later(withinMs, () => this.again());
  }

  private send(message: Message): void {
    try {
      this.line?.send(JSON.stringify(message));
    } catch {
      this.again();
    }
  }

  private stop(what: "retry" | "idle" | "watch"): void {
    this.cancel[what]?.();
    this.cancel[what] = undefined;
  }
}

/** What an event is about: the id of the one object in it. */
function keyOf(data: unknown): string {
  const [about] = Object.values(data as Record<string, { variantId?: string; id?: string } | null>);
  return about?.variantId ?? about?.id ?? "";
}
