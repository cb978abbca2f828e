import type { Kit } from "@holdfast/kit";
import { wordsOfError } from "./words";

/** What the app has and every page needs. */
export interface Shop {
  kit: Kit;
  /** The mini-program whose shops are shown. */
  appId: string;
  /** Scheme and host of the server, to which pictures are relative. */
  origin: string;
}

/** Tells a page what is new, as `setData` takes it. */
export type SetState<S> = (patch: Partial<S>) => void;

/** What every page shows beside its own. */
export interface Common {
  /** Something is being asked for. */
  loading: boolean;
  /** What went wrong, in words; "" when nothing did. */
  error: string;
}

/** What a page knows and does, without the page: tests need none. */
export abstract class Screen<S extends Common> {
  readonly state: S;
  private closed = false;

  constructor(
    protected readonly shop: Shop,
    initial: S,
    private readonly draw: SetState<S>,
  ) {
    this.state = initial;
  }

  /** Ends what the page watches; what is still under way draws nothing any more. */
  close(): void {
    this.closed = true;
  }

  protected set(patch: Partial<S>): void {
    if (!this.closed) {
      Object.assign(this.state, patch);
      this.draw(patch);
    }
  }

  /** Does work, shows that it is under way, and shows what went wrong. Tells whether it went well. */
  protected async busy(work: () => Promise<void>): Promise<boolean> {
    this.set({ loading: true, error: "" } as Partial<S>);
    try {
      await work();
      return true;
    } catch (e) {
      this.set({ error: wordsOfError(e) } as Partial<S>);
      return false;
    } finally {
      this.set({ loading: false } as Partial<S>);
    }
  }
}
