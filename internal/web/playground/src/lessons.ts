import browse from "./lessons/1-browse.graphql?raw";
import cart from "./lessons/2-cart.graphql?raw";
import checkOut from "./lessons/3-check-out.graphql?raw";
import pay from "./lessons/4-pay.graphql?raw";
import watch from "./lessons/5-watch.graphql?raw";
import refund from "./lessons/6-refund.graphql?raw";
import restock from "./lessons/7-restock.graphql?raw";

/** What earlier answers said that later tabs need. */
export interface Known {
  /** A variant of one shop, and one of another. */
  first?: string;
  second?: string;
  payment?: string;
  order?: string;
  /** Idempotency keys, by lesson: the same one does nothing twice. */
  keys: Record<string, string>;
}

/** A tab that runs as it is, once those before it have run. */
export interface Lesson {
  /** The name of its operation, and so of its tab. */
  name: string;
  query: string;
  /** Who runs it; undefined for anybody. */
  as?: string;
  /** Its variables; one that is undefined is not known yet. */
  variables(known: Known): Record<string, string | undefined>;
  /** What of its answer others need. */
  learn?(data: any, known: Known): void; // eslint-disable-line @typescript-eslint/no-explicit-any -- the shape is the query's beside it
  /** What has to run before, when a variable is not known. */
  after?: string;
}

interface Browsed {
  miniProgram: { shops: { nodes: { products: { nodes: { variants: { id: string; stock: { available: number } }[] }[] } }[] } };
}

/** The tour, in order. */
export const lessons: Lesson[] = [
  {
    name: "Browse",
    query: browse,
    variables: () => ({}),
    learn(data: Browsed, known) {
      const [first, second] = data.miniProgram.shops.nodes.map((shop) =>
        shop.products.nodes.flatMap((p) => p.variants).find((v) => v.stock.available > 1),
      );
      Object.assign(known, { first: first?.id, second: second?.id });
    },
  },
  { name: "Cart", query: cart, as: "buyer", after: "Browse", variables: ({ first, second }) => ({ first, second }) },
  {
    name: "CheckOut",
    query: checkOut,
    as: "buyer",
    after: "Cart",
    variables: (known) => ({ key: known.first && keyOf(known, "checkout") }),
    learn(data: { checkoutPlace: { checkout: { payment: { id: string }; orders: { id: string }[] } | null } }, known) {
      const placed = data.checkoutPlace.checkout;
      if (placed) Object.assign(known, { payment: placed.payment.id, order: placed.orders[0]?.id });
    },
  },
  {
    name: "Pay",
    query: pay,
    as: "buyer",
    after: "CheckOut",
    variables: ({ payment }) => ({ payment }),
    learn(data: { sandboxPaymentConfirm: { payment: { status: string } | null } }, known) {
      if (data.sandboxPaymentConfirm.payment?.status === "PAID") delete known.keys.checkout; // the next one is another
    },
  },
  { name: "WatchStock", query: watch, after: "Browse", variables: ({ first, second }) => ({ first, second }) },
  {
    name: "Refund",
    query: refund,
    as: "owner",
    after: "CheckOut",
    variables: (known) => ({ order: known.order, key: known.order && keyOf(known, `refund of ${known.order}`) }),
  },
  {
    name: "Restock",
    query: restock,
    as: "owner",
    after: "Browse",
    variables: (known) => ({ first: known.first, second: known.second, key: known.first && keyOf(known, "restock") }),
  },
];

/** What a server without a demo begins with. */
export const plainQuery = `# Say who you are under "Headers", below: {"Authorization": "Bearer …"}. Nothing of it is written to disk.
query Shops {
  shops(first: 5) {
    nodes { id name }
  }
}
`;

function keyOf(known: Known, lesson: string): string {
  return (known.keys[lesson] ??= `${lesson.split(" ")[0]}-${crypto.randomUUID()}`);
}
