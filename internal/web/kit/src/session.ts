import { KitError } from "./errors.js";
import { SessionCreateDocument, SessionRefreshDocument, SessionRevokeDocument } from "./generated/operations.js";
import type { Link } from "./link.js";
import type { Platform } from "./platform.js";
import { backoff, sleep } from "./timing.js";

/** An access token that has less than this to live is renewed before it is used. */
const marginMs = 60_000;
/** How often a log-in is tried whose answer is lost; each time with a new code, as a code works once. */
const loginAttempts = 6;

interface Tokens {
  accessToken: string;
  expiresAt: string;
  refreshToken: string;
}

/** Who is logged in. However many ask for a token, one request fetches it. */
export class Session {
  private token?: string;
  private refreshToken?: string;
  private renewAt = Infinity;
  private renewing?: Promise<string>;
  private isLoggedOut = false;

  constructor(
    private readonly platform: Platform,
    private readonly link: Link,
    private readonly appId: string,
    /** Somebody has come or gone, as opposed to: the token of the same session is a new one. */
    private readonly changed: () => void,
  ) {
    this.refreshToken = platform.storage?.get(this.key);
  }

  private get key(): string {
    return `holdfast:${this.appId}`;
  }

  /** A token that is good for a while; undefined while nobody has logged in. */
  async current(): Promise<string | undefined> {
    if (this.renewing) {
      return this.renewing;
    }
    return this.token && Date.now() >= this.renewAt ? this.renew(this.token) : this.token;
  }

  /** Another token than this one, which was refused or is about to end. */
  renew(used: string | undefined): Promise<string> {
    if (this.token && this.token !== used) {
      return Promise.resolve(this.token); // somebody else has been here meanwhile
    }
    this.renewing ??= this.fetch().finally(() => (this.renewing = undefined));
    return this.renewing;
  }

  /** Logs in, unless one is. */
  async login(): Promise<void> {
    this.isLoggedOut = false;
    await ((await this.current()) ?? this.renew(undefined));
  }

  /** Ends the session, here at once, and at the server as soon as it can be reached. */
  async logout(): Promise<void> {
    await this.renewing?.catch(() => undefined);
    const { token } = this;
    this.isLoggedOut = true;
    this.forget();
    this.changed();
    if (token) {
      await this.link.send(SessionRevokeDocument, {}, { token }).catch((e: KitError) => {
        if (e.kind !== "unauthenticated") {
          throw e;
        }
      });
    }
  }

  private async fetch(): Promise<string> {
    if (this.isLoggedOut) {
      throw new KitError("unauthenticated", "logged out", { code: "UNAUTHENTICATED" });
    }
    const isNew = !this.token;
    const { data, serverNow } = (await this.refreshed()) ?? (await this.created());
    this.keep(data, serverNow);
    if (isNew) {
      this.changed();
    }
    return data.accessToken;
  }

  /** The session goes on; undefined when it cannot. */
  private async refreshed(): Promise<{ data: Tokens; serverNow: number } | undefined> {
    const { refreshToken } = this;
    if (!refreshToken) {
      return undefined;
    }
    // The server takes a used token again for 30 s, as answers are lost: the attempts of send are over before that, mostly.
    const { data, serverNow } = await this.link.send(SessionRefreshDocument, { refreshToken });
    const { session } = data.sessionRefresh;
    return session ? { data: session, serverNow } : undefined;
  }

  private async created(): Promise<{ data: Tokens; serverNow: number }> {
    for (let attempt = 0; ; attempt++) {
      try {
        const code = await this.platform.login().catch((e: Error) => {
          throw new KitError("network", e.message);
        });
        const { data, serverNow } = await this.link.send(SessionCreateDocument, { appId: this.appId, code }, { repeat: false });
        const { session, userErrors } = data.sessionCreate;
        if (!session) {
          throw new KitError("unauthenticated", userErrors[0]?.message ?? "refused", { code: userErrors[0]?.code });
        }
        return { data: session, serverNow };
      } catch (e) {
        if ((e as KitError).kind !== "network" || attempt + 1 >= loginAttempts) {
          throw e;
        }
        await sleep(backoff(attempt));
        await this.link.visible(); // in the background each try would be interrupted
      }
    }
  }

  private keep({ accessToken, expiresAt, refreshToken }: Tokens, serverNow: number): void {
    const lives = Date.parse(expiresAt) - serverNow;
    this.token = accessToken;
    this.refreshToken = refreshToken;
    // A life that makes no sense (no Date header, and a phone whose clock is wrong) is left to UNAUTHENTICATED.
    this.renewAt = lives > 0 ? Date.now() + Math.max(lives - marginMs, lives / 2) : Infinity;
    this.platform.storage?.set(this.key, refreshToken);
  }

  private forget(): void {
    this.token = this.refreshToken = undefined;
    this.renewAt = Infinity;
    this.platform.storage?.set(this.key, undefined);
  }
}
