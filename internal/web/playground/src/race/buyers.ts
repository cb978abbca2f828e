import { type UserError, crowd, granted, patiently, post, type Trouble } from "./api";

/** The buyers of the races: demo-racer-1, demo-racer-2 and so on, each with a session of its own. */

/** Somebody who is logged in. The token lives in the memory of this page alone. */
export interface Buyer {
  number: number;
  token: string;
  expires: number;
}

/** How many log in at once; browsers open no more connections to one host over HTTP/1.1. */
const WIDTH = 6;
/** A session that ends sooner than this is not taken into another race. */
const SPARE_MS = 5 * 60 * 1000;

/** Keeps who has logged in for the next race. */
export class Buyers {
  private readonly known = new Map<number, Buyer>();

  /** The first n buyers; who has no session yet gets one. */
  first(n: number, progress: (done: number) => void, wait: (trouble: Trouble) => void): Promise<Buyer[]> {
    let done = 0;
    const numbers = Array.from({ length: n }, (_, i) => i + 1);
    return crowd(numbers, WIDTH, async (number) => {
      let buyer = this.known.get(number);
      if (!buyer || buyer.expires - Date.now() < SPARE_MS) {
        buyer = await patiently(() => logIn(number), wait);
        this.known.set(number, buyer);
      }
      progress(++done);
      return buyer;
    });
  }
}

async function logIn(number: number): Promise<Buyer> {
  const { sessionCreate } = await post<{
    sessionCreate: { session: { accessToken: string; expiresAt: string } | null; userErrors: UserError[] };
  }>(
    `mutation ($code: String!) { sessionCreate(input: {weChat: {appId: "wxdemo", code: $code}}) {
      session { accessToken expiresAt } userErrors { code message } } }`,
    { code: `demo-racer-${number}` },
  );
  const session = granted(sessionCreate.session, sessionCreate.userErrors);
  return { number, token: session.accessToken, expires: Date.parse(session.expiresAt) };
}

/** Lets the goods of a checkout go. One that is over already is no trouble. */
export async function cancel(buyer: Buyer, checkoutId: string): Promise<void> {
  const { checkoutCancel } = await patiently(() =>
    post<{ checkoutCancel: { userErrors: UserError[] } }>(
      "mutation ($id: ID!) { checkoutCancel(checkoutId: $id) { userErrors { code message } } }",
      { id: checkoutId },
      buyer.token,
    ),
  );
  const [refusal] = checkoutCancel.userErrors;
  if (refusal && refusal.code !== "PAYMENT_CLOSED") granted(null, [refusal]);
}
