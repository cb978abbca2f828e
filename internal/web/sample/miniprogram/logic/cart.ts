import { CartDocument, CartLinesSetDocument, type CartStateFragment, type Kit } from "@holdfast/kit";
import { picture } from "./list";
import { type Common, Screen, type SetState, type Shop } from "./screen";
import { accepted, price, wordsOf } from "./words";

/** One line of the cart. */
export interface Line {
  variantId: string;
  productId: string;
  title: string;
  variant: string;
  shop: string;
  image: string;
  unit: string;
  quantity: number;
  amount: string;
  /** Why it cannot be bought as it is, in words. */
  problems: string[];
  /** Its price has changed since the buyer last set the quantity; setting it again agrees. */
  priceChanged: boolean;
}

/** What the page "cart" shows. */
export interface CartPageState extends Common {
  lines: Line[];
  /** "" when the cart is empty, or cannot be paid at once. */
  subtotal: string;
  /** All of it can be bought as it is. */
  ready: boolean;
}

/** Nothing yet. */
export const cartState = (): CartPageState => ({ lines: [], subtotal: "", ready: false, loading: false, error: "" });

/** The buyer's cart. */
export class Cart extends Screen<CartPageState> {
  constructor(shop: Shop, draw: SetState<CartPageState>) {
    super(shop, cartState(), draw);
  }

  async refresh(): Promise<void> {
    await this.busy(async () => this.show(await readCart(this.shop.kit)));
  }

  /** Sets how many of a line are wanted; 0 takes it out. The same number again agrees to its new price. */
  async setQuantity(variantId: string, quantity: number): Promise<void> {
    await this.busy(async () => this.show(await changeCart(this.shop.kit, variantId, () => quantity)));
  }

  private show(cart: CartStateFragment): void {
    const lines = cart.lines.map((line) => this.line(line));
    this.set({
      lines,
      subtotal: cart.subtotal ? price(cart.subtotal) : "",
      ready: cart.subtotal != null && lines.every((l) => l.problems.length === 0),
    });
  }

  private line({ variant, quantity, amount, problems }: CartStateFragment["lines"][number]): Line {
    return {
      variantId: variant.id,
      productId: variant.product.id,
      title: variant.product.title,
      variant: variant.title,
      shop: variant.product.shop.name,
      image: picture(this.shop, variant.product.imageUrls[0]),
      unit: price(variant.price),
      quantity,
      amount: price(amount),
      problems: problems.map((p) => wordsOf(p, () => "本商品")),
      priceChanged: problems.some((p) => p.code === "PRICE_CHANGED"),
    };
  }
}

/** The cart as it stands now. */
export async function readCart(kit: Kit): Promise<CartStateFragment> {
  await kit.login(); // unless one is: who only looks around needs no session
  const { viewer } = await kit.query(CartDocument, {});
  if (viewer?.__typename !== "Buyer") {
    throw new Error("whoever is logged in has no cart");
  }
  return viewer.cart;
}

/** Sets the quantity of one variant from the one that it has. A cart that moves meanwhile, on another phone, is read again. */
export async function changeCart(kit: Kit, variantId: string, change: (quantity: number) => number): Promise<CartStateFragment> {
  for (let attempt = 1; ; attempt++) {
    const cart = await readCart(kit);
    const was = cart.lines.find((l) => l.variant.id === variantId)?.quantity ?? 0;
    const lines = [{ variantId, quantity: change(was) }];
    const { cartLinesSet: answer } = await kit.mutate(CartLinesSetDocument, { lines, ifVersion: cart.version });
    if (answer.userErrors[0]?.code === "VERSION_MISMATCH" && attempt < 3) {
      continue;
    }
    accepted(answer.userErrors);
    return answer.cart ?? cart;
  }
}
