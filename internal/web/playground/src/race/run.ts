import { Trouble, crowd, nonce, shuffled, sleep, type UserError } from "./api";
import { type Buyer, Buyers, cancel } from "./buyers";
import { Fetches, type Lines, Sockets, asTrouble, connect } from "./lines";
import { Goods, merchant } from "./market";
import { type Answer, type Shelf, tally } from "./tally";

/** What the visitor has chosen. */
export interface Plan {
  buyers: number;
  units: number;
  way: "http" | "sockets";
}

/** What a race tells while it happens. Times are milliseconds since its start, which stock may precede. */
export interface Watcher {
  /** What is being prepared, in words. */
  doing(text: string): void;
  /** All requests go out now. */
  start(at: number): void;
  stock(at: number, available: number): void;
  answer(answer: Answer): void;
}

const PLACE = `mutation ($key: String!, $variant: ID!) {
  checkoutPlace(input: {idempotencyKey: $key, lines: [{variantId: $variant, quantity: 1}]}) {
    checkout { id } userErrors { code message } } }`;
const WATCH = "subscription ($ids: [ID!]!) { stockChanged(variantIds: $ids) { available version } }";

interface Placed {
  checkoutPlace: { checkout: { id: string } | null; userErrors: UserError[] };
}
interface Won {
  buyer: Buyer;
  checkoutId: string;
}

/** Holds races one after the other, and keeps who has logged in and what was taken for them. */
export class Races {
  private readonly buyers = new Buyers();
  private token = "";
  private since = 0;
  private goods: Goods | null = null;
  private won: Won[] = [];

  /** How many winners' goods are still held. */
  get held(): number {
    return this.won.length;
  }

  /** What the races are about: its sku and its shop; null before the first. */
  get about(): { sku: string; shop: string } | null {
    return this.goods;
  }

  /** Cancels what the winners hold, and gives the stock as it is then. */
  async release(): Promise<Shelf | null> {
    await crowd(this.won, 6, async (won) => {
      await cancel(won.buyer, won.checkoutId);
      this.won = this.won.filter((other) => other !== won);
    });
    return this.goods ? this.goods.shelf() : null;
  }

  /** Holds one race and gives the stock as the merchant reads it after the last answer. */
  async hold(plan: Plan, watcher: Watcher): Promise<Shelf> {
    watcher.doing(this.won.length > 0 ? "Cancelling what the last winners hold…" : "Setting the stock…");
    await this.release().catch(() => (this.won = [])); // what cannot be cancelled ends with its hold; other goods are taken then
    const goods = await this.stocked(plan.units);

    const wait = (trouble: Trouble) =>
      watcher.doing(`The server asks to wait ${Math.ceil(trouble.retryAfterMs / 1000)} s (${trouble.code})…`);
    const crowdOf = await this.buyers.first(plan.buyers, (n) => watcher.doing(`Logging in buyer ${n} of ${plan.buyers}…`), wait);

    let began = performance.now();
    const stop = await watch(this.token, goods.variantId, (available) => watcher.stock(performance.now() - began, available));
    let lines: Lines | null = null;
    try {
      if (plan.way === "sockets") watcher.doing(`Opening ${plan.buyers} sockets…`);
      lines = plan.way === "http" ? new Fetches() : await Sockets.open(crowdOf);
      watcher.doing("Ready…");
      await sleep(300); // so that a person sees the stock before it goes
      began = performance.now();
      watcher.start(began);
      const race = nonce();
      const open = lines;
      const answers = await Promise.all(
        shuffled(crowdOf).map(async (buyer) => {
          const answer = await this.place(open, buyer, goods.variantId, `race-${race}-${buyer.number}`, began);
          watcher.answer(answer);
          return answer;
        }),
      );
      return await this.settled(goods, plan.units - tally(answers).won);
    } finally {
      lines?.close();
      await sleep(200); // the last change of the stock may still be on its way
      stop();
    }
  }

  /** Goods of our own with so many on hand and none held. */
  private async stocked(units: number): Promise<Goods> {
    if (Date.now() - this.since > 20 * 60 * 1000) {
      this.token = await merchant();
      this.since = Date.now();
      this.goods = null; // others may have taken it meanwhile, and it holds the old token
    }
    for (let tries = 0; tries < 3; tries++) {
      this.goods ??= await Goods.take(this.token);
      const shelf = await this.goods.count(units);
      if (shelf.available === units) return this.goods;
      this.goods = null; // something is held of it
    }
    throw new Trouble("The merchant's goods are held by somebody else again and again.", "CONFLICT");
  }

  /** One buyer's attempt. An unknown outcome is asked for again with the same key, which can never buy twice. */
  private async place(lines: Lines, buyer: Buyer, variant: string, key: string, began: number): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      const { result, timing } = await lines.send<Placed>(buyer, PLACE, { key, variant });
      const times = { buyer: buyer.number, at: timing.end - began, latency: timing.latency, queued: timing.queued };
      try {
        const { checkout, userErrors } = (await result).checkoutPlace;
        if (!checkout) return { ...times, kind: "refused", code: userErrors[0]?.code ?? "EMPTY" };
        this.won.push({ buyer, checkoutId: checkout.id });
        return { ...times, kind: "won", code: "" };
      } catch (error) {
        const trouble = error instanceof Trouble ? error : asTrouble(error);
        if (trouble.retryAfterMs === 0 || tries === 3) return { ...times, kind: "failed", code: trouble.code };
        await sleep(trouble.retryAfterMs);
      }
    }
  }

  /** The stock once it is what the answers say, or as it stands after a second. */
  private async settled(goods: Goods, available: number): Promise<Shelf> {
    for (let tries = 0; ; tries++) {
      const shelf = await goods.shelf();
      if (shelf.available === available || tries === 5) return shelf;
      await sleep(200);
    }
  }
}

/** Tells the stock now and whenever it changes; resolves to what ends it, once the first state has come. */
function watch(token: string, variantId: string, tell: (available: number) => void): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const { client, ready } = connect(token);
    ready.catch(reject);
    client.subscribe<{ stockChanged: { available: number } }>(
      { query: WATCH, variables: { ids: [variantId] } },
      {
        next: ({ data }) => {
          if (data) tell(data.stockChanged.available);
          resolve(() => void client.dispose());
        },
        error: (error) => reject(asTrouble(error)),
        complete: () => {},
      },
    );
  });
}
