import { type UserError, Trouble, granted, nonce, patiently, post } from "./api";
import type { Shelf } from "./tally";

/** The merchant's side of a race: goods of its own, and the number of them that the race is about. */

const TITLE = "限量 Limited edition";
const PRICE = 9900;
/** What was touched less than this long ago may be in somebody else's race. */
const IDLE_MS = 2 * 60 * 1000;

interface Stock extends Shelf {
  changedAt: string;
}
interface Variant {
  id: string;
  sku: string;
  isArchived: boolean;
  stock: Stock;
}
interface Product {
  id: string;
  title: string;
  status: string;
  variants: Variant[];
}

const STOCK = "stock { available onHand held version changedAt }";
const VARIANT = `id sku isArchived ${STOCK}`;

/** Logs in as the demo's merchant and gives the access token. */
export async function merchant(): Promise<string> {
  const { sessionCreate } = await patiently(() =>
    post<{ sessionCreate: { session: { accessToken: string } | null; userErrors: UserError[] } }>(
      `mutation { sessionCreate(input: {staff: {email: "merchant@demo.test", password: "holdfast-demo"}}) {
        session { accessToken } userErrors { code message } } }`,
      {},
    ),
  );
  return granted(sessionCreate.session, sessionCreate.userErrors).accessToken;
}

/** What the race is about. */
export class Goods {
  private constructor(
    private readonly token: string,
    readonly variantId: string,
    readonly sku: string,
    readonly shop: string,
  ) {}

  /**
   * Takes a variant that nobody races for: one that has lain idle, or a new one. It is taken by compare-and-set on the
   * version of its stock, so that of two visitors one gets it and the other looks further.
   */
  static async take(token: string): Promise<Goods> {
    const shop = await openShop(token);
    const { shop: found } = await post<{ shop: { products: { nodes: Product[] } } }>(
      `query ($id: ID!, $title: String!) { shop(id: $id) { products(first: 20, search: $title) {
        nodes { id title status variants { ${VARIANT} } } } } }`,
      { id: shop.id, title: TITLE },
      token,
    );
    const products = found.products.nodes.filter((p) => p.title === TITLE && p.status === "ACTIVE");
    const idle = products
      .flatMap((p) => p.variants)
      .filter((v) => !v.isArchived && v.stock.held === 0 && Date.now() - Date.parse(v.stock.changedAt) > IDLE_MS);
    for (const variant of idle) {
      const goods = new Goods(token, variant.id, variant.sku, shop.name);
      try {
        await goods.adjust({ delta: 1, ifVersion: variant.stock.version, reason: "taken for a race" });
        return goods;
      } catch (error) {
        if (!(error instanceof Trouble) || error.code !== "VERSION_MISMATCH") throw error;
      }
    }
    const roomy = products.find((p) => p.variants.length < 200);
    const made = roomy ? await addVariant(token, roomy.id) : await createProduct(token, shop.id);
    return new Goods(token, made.id, made.sku, shop.name);
  }

  /** Sets how many there are, and gives the stock as it is then. */
  count(onHand: number): Promise<Shelf> {
    return this.adjust({ onHand, reason: "a race of the playground" });
  }

  /** Reads the stock as staff see it. */
  async shelf(): Promise<Shelf> {
    const { node } = await post<{ node: { stock: Shelf } | null }>(
      `query ($id: ID!) { node(id: $id) { ... on ProductVariant { ${STOCK} } } }`,
      { id: this.variantId },
      this.token,
    );
    return granted(node, []).stock;
  }

  private async adjust(input: { onHand?: number; delta?: number; ifVersion?: number; reason: string }): Promise<Shelf> {
    const variables = { input: { ...input, variantId: this.variantId, idempotencyKey: `race-${nonce()}` } };
    const { stockAdjust } = await patiently(() =>
      post<{ stockAdjust: { stock: Stock | null; userErrors: UserError[] } }>(
        `mutation ($input: StockAdjustInput!) { stockAdjust(input: $input) { ${STOCK} userErrors { code message } } }`,
        variables,
        this.token,
      ),
    );
    return granted(stockAdjust.stock, stockAdjust.userErrors);
  }
}

async function openShop(token: string): Promise<{ id: string; name: string }> {
  const { viewer } = await post<{ viewer: { shops?: { nodes: { id: string; name: string; currency: string; isOpen: boolean }[] } } | null }>(
    "{ viewer { ... on Staff { shops(first: 100) { nodes { id name currency isOpen } } } } }",
    {},
    token,
  );
  const shop = viewer?.shops?.nodes.find((s) => s.isOpen && s.currency === "CNY"); // what the sandbox takes
  if (!shop) throw new Trouble("The demo's merchant has no open shop that sells in yuan.", "NO_SHOP");
  return shop;
}

const fresh = () => ({ sku: `RACE-${nonce()}`, price: { amount: PRICE, currency: "CNY" }, onHand: 0 });

async function addVariant(token: string, productId: string): Promise<Variant> {
  const { productVariantAdd } = await post<{ productVariantAdd: { variant: Variant | null; userErrors: UserError[] } }>(
    `mutation ($input: ProductVariantAddInput!) { productVariantAdd(input: $input) {
      variant { ${VARIANT} } userErrors { code message } } }`,
    { input: { productId, ...fresh() } },
    token,
  );
  return granted(productVariantAdd.variant, productVariantAdd.userErrors);
}

async function createProduct(token: string, shopId: string): Promise<Variant> {
  const { productCreate } = await post<{ productCreate: { product: Product | null; userErrors: UserError[] } }>(
    `mutation ($input: ProductCreateInput!) { productCreate(input: $input) {
      product { id title status variants { ${VARIANT} } } userErrors { code message } } }`,
    {
      input: {
        shopId,
        title: TITLE,
        description: "只为抢购页而设。Of the playground's race page, which sets its stock.",
        status: "ACTIVE",
        requiresShipping: false,
        variants: [fresh()],
      },
    },
    token,
  );
  return granted(granted(productCreate.product, productCreate.userErrors).variants[0], []);
}
