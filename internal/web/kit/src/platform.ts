/** What the kit needs of the runtime. `wxPlatform` and `webPlatform` make one; any part may be replaced. */
export interface Platform {
  /** Posts a body. Any HTTP status is an answer; it rejects only when none came. */
  request(request: PlatformRequest): Promise<PlatformAnswer>;
  /** Opens a WebSocket. It may throw, or call `closed`, when it cannot. */
  connect(url: string, protocol: string, on: SocketEvents): PlatformSocket;
  /** A code of wx.login, which works once. */
  login(): Promise<string>;
  /** Opens the cashier. Rejects when it could not be opened. */
  pay(payment: PayableOf, kit: CanMutate): Promise<"paid" | "cancelled">;
  /** Tells when the app goes to the background (false) and comes back (true); the answer ends that. */
  onVisible?(listener: (visible: boolean) => void): () => void;
  /** Where the refresh token is kept between starts; absent: nowhere. */
  storage?: { get(key: string): string | undefined; set(key: string, value: string | undefined): void };
}

/** A request to be posted, with a JSON text for a body. */
export interface PlatformRequest {
  url: string;
  headers: Record<string, string>;
  body: string;
  timeoutMs: number;
}

/** What came back: the body parsed where it is JSON, else as text. */
export interface PlatformAnswer {
  status: number;
  body: unknown;
  /** The Date header, if the runtime shows it: clocks of phones are wrong. */
  date?: string;
}

/** Whom a socket tells. */
export interface SocketEvents {
  opened(): void;
  message(text: string): void;
  /** Once, at its end, however it came. */
  closed(code: number): void;
}

/** An open socket, or one that is about to be. */
export interface PlatformSocket {
  send(text: string): void;
  close(): void;
}

/** A payment that is open. */
export interface PayableOf {
  id: string;
  weChatPay: { timeStamp: string; nonceStr: string; package: string; signType: string; paySign: string };
}

/** The part of a kit that a cashier may need. */
export interface CanMutate {
  mutate<T, V>(document: import("./document.js").TypedDocument<T, V>, variables: V): Promise<T>;
}
