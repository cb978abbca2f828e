import { checkoutAndPay, type CheckoutInput, type CheckoutOutcome } from "./checkout.js";
import type { TypedDocument } from "./document.js";
import type { KitError } from "./errors.js";
import { Link } from "./link.js";
import type { Platform } from "./platform.js";
import { Session } from "./session.js";
import { type Listener, Socket } from "./socket.js";

/** Where the shop is, and who asks. */
export interface KitOptions {
  /** Such as https://shop.example.com/graphql. */
  endpoint: string;
  /** Of the WebSocket; by itself the endpoint with wss. */
  socket?: string;
  /** Of the mini-program. */
  appId: string;
  platform: Platform;
  /** Send the SHA-256 of documents instead of them: the server has to know them (HOLDFAST_DOCUMENTS). */
  trusted?: boolean;
}

/** A shop, as a mini-program talks to it. Every promise rejects with a KitError and nothing else. */
export interface Kit {
  query<T, V>(document: TypedDocument<T, V>, variables: V): Promise<T>;
  /**
   * Does something. When the answer is lost it is asked again with the same variables, and so with the same idempotency key,
   * unless `repeat` is false; by itself it is false for the few mutations of which two are more than one.
   */
  mutate<T, V>(document: TypedDocument<T, V>, variables: V, options?: { repeat?: boolean }): Promise<T>;
  /** Listens until the answer is called, across cuts, new tokens and the background. */
  subscribe<T, V>(document: TypedDocument<T, V>, variables: V, on: Listener<T>): () => void;
  /** Logs in, unless one is. Whatever needs a session does it by itself, too. */
  login(): Promise<void>;
  /** Ends the session. Nobody is logged in again until `login`. */
  logout(): Promise<void>;
  /** From the cart, or from lines, through the cashier to paid orders. */
  checkoutAndPay(input: CheckoutInput): Promise<CheckoutOutcome>;
  /** Ends all subscriptions. */
  close(): void;
}

/** The mutations that say of themselves that sent twice is done twice, or that a second try finds the first. */
const notTwice = /\{(\w+:)?\s*(orderBuyAgain|phoneNumberExchange|orderNoteAdd|productCreate|productVariantAdd|sessionCreate)\b/;

/** Makes a kit; nothing is sent yet. */
export function createKit({ endpoint, socket: socketUrl, appId, platform, trusted = false }: KitOptions): Kit {
  let isVisible = true;
  let resume: (() => void)[] = [];
  const visible = () => (isVisible ? Promise.resolve() : new Promise<void>((resolve) => resume.push(resolve)));
  const link = new Link(platform, endpoint, trusted, visible);
  const session: Session = new Session(platform, link, appId, () => socket.restart());
  const socket = new Socket(platform, socketUrl ?? endpoint.replace(/^http/, "ws"), link, session);
  const unwatch = platform.onVisible?.((now) => {
    isVisible = now;
    socket.setVisible(now);
    if (now) {
      resume.forEach((go) => go());
      resume = [];
    }
  });

  /** Sends with the token of the session; once more with another when that one is refused. */
  async function ask<T, V>(document: TypedDocument<T, V>, variables: V, repeat: boolean): Promise<T> {
    const token = await session.current();
    try {
      return (await link.send(document, variables, { token, repeat })).data;
    } catch (e) {
      if ((e as KitError).kind !== "unauthenticated") {
        throw e;
      }
    }
    const another = await session.renew(token);
    return (await link.send(document, variables, { token: another, repeat })).data;
  }

  const kit: Kit = {
    query: (document, variables) => ask(document, variables, true),
    mutate: (document, variables, { repeat = !notTwice.test(document) } = {}) => ask(document, variables, repeat),
    subscribe: (document, variables, on) => socket.subscribe(document, variables, on),
    login: () => session.login(),
    logout: () => session.logout(),
    checkoutAndPay: (input) => checkoutAndPay(kit, platform, input),
    close() {
      unwatch?.();
      socket.close();
    },
  };
  return kit;
}
