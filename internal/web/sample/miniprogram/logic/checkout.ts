import { CheckoutCancelDocument, type CheckoutOutcome, type MoneyInput, ProductDocument } from "@holdfast/kit";
import { type Address, defaultAddress, emptyAddress, problemOf, saveAddress, shipTo } from "./address";
import { readCart } from "./cart";
import { type Common, Screen, type SetState, type Shop } from "./screen";
import { accepted, moment, price, type Refused, Words, wordsOf } from "./words";

/** What the page "checkout" shows. */
export interface CheckoutState extends Common {
  lines: { variantId: string; title: string; quantity: number; amount: string }[];
  total: string;
  /** Something is shipped, so the form is shown. */
  needsAddress: boolean;
  address: Address;
  /** For the picker: 省, 市, 区. */
  region: string[];
  /** Why it was not placed, in words. */
  refusals: string[];
  /** The goods are held until then, "11-23 08:05", and wait for the payment; "" when none are. The form is closed meanwhile. */
  heldUntil: string;
  /** The cashier is open, or what became of it is being asked. */
  paying: boolean;
  /** Where it ended, in words; "" until then. */
  result: string;
  /** The orders that were made, one a shop. */
  orderIds: string[];
}

/** What to buy: one variant, or, when null, the cart. */
export type What = { productId: string; variantId: string; quantity: number } | null;

/** Nothing yet. */
export const checkoutState = (): CheckoutState => ({
  lines: [], total: "", needsAddress: false, address: emptyAddress(), region: [], refusals: [], heldUntil: "",
  paying: false, result: "", orderIds: [], loading: false, error: "",
});

interface Wanted {
  variantId: string;
  title: string;
  quantity: number;
  amount: MoneyInput;
  requiresShipping: boolean;
}

/** From what is wanted to what is paid. */
export class Checkout extends Screen<CheckoutState> {
  private what: What = null;
  private wanted: Wanted[] = [];
  private total: MoneyInput | null = null;
  /** One key for all tries of one purchase: whatever is lost on the way, it is placed once. A refusal leaves it free. */
  private readonly key = newKey();
  /** "" until it is placed. */
  private checkoutId = "";
  /** Goes on with the checkout that is placed and waits for its payment. */
  private unpaid: (() => Promise<CheckoutOutcome>) | null = null;
  /** Has saved no address yet. */
  private isNewBuyer = false;

  constructor(shop: Shop, draw: SetState<CheckoutState>) {
    super(shop, checkoutState(), draw);
  }

  async open(what: What): Promise<void> {
    this.what = what;
    await this.busy(async () => {
      const [, address] = await Promise.all([this.read(), defaultAddress(this.shop.kit)]);
      this.isNewBuyer = !address;
      if (address) {
        this.set({ address, region: [address.province, address.city, address.district] });
      }
    });
  }

  /** One field of the form. */
  type(field: keyof Address, value: string): void {
    this.set({ address: { ...this.state.address, [field]: value } });
  }

  /** What the picker of regions gives. */
  chooseRegion([province = "", city = "", district = ""]: string[]): void {
    this.set({ address: { ...this.state.address, province, city, district }, region: [province, city, district] });
  }

  /** Places the checkout, or goes on with the one that holds goods, and opens the cashier. */
  async pay(): Promise<void> {
    const { paying, needsAddress, address, result } = this.state;
    if (paying || result || !this.total) {
      return;
    }
    const problem = needsAddress ? problemOf(address) : "";
    this.set({ refusals: problem ? [problem] : [] });
    if (problem) {
      return;
    }
    this.set({ paying: true });
    await this.busy(() => this.place());
    this.set({ paying: false });
  }

  /** Lets the goods go that wait for the payment. */
  async cancel(): Promise<void> {
    await this.busy(async () => {
      const { checkoutCancel } = await this.shop.kit.mutate(CheckoutCancelDocument, { checkoutId: this.checkoutId });
      accepted(checkoutCancel.userErrors);
      this.unpaid = null;
      this.set({ heldUntil: "", refusals: [], result: "订单已取消" });
    });
  }

  private async place(): Promise<void> {
    const { what, total } = this;
    const to = this.state.needsAddress ? shipTo(this.state.address) : undefined;
    this.tell(
      await (this.unpaid
        ? this.unpaid()
        : this.shop.kit.checkoutAndPay({
            idempotencyKey: this.key,
            ...(what && { lines: [{ variantId: what.variantId, quantity: what.quantity }] }),
            ...(to && { shipTo: to }),
            ...(total && { expectedTotal: total }),
          })),
    );
    if (to && this.isNewBuyer && this.checkoutId) {
      this.isNewBuyer = false;
      // The purchase is made; that the form is empty again next time is nothing to be told.
      await saveAddress(this.shop.kit, this.state.address).catch(() => undefined);
    }
  }

  private tell(outcome: CheckoutOutcome): void {
    if (outcome.kind === "refused") {
      this.refused(outcome.refusals);
      return;
    }
    const { id, heldUntil, orders } = outcome.checkout;
    this.checkoutId = id;
    this.unpaid = null;
    this.set({ orderIds: orders.map((o) => o.id), heldUntil: "" });
    switch (outcome.kind) {
      case "paid":
        this.set({ result: "支付成功" });
        break;
      case "expired":
        this.set({ result: "订单已关闭；如已付款，将原路退回" });
        break;
      case "pending":
        this.set({ refusals: ["支付结果还在确认，请稍后继续；已付的钱不会再付一次"] });
      // falls through: the goods wait in both cases
      case "cancelled":
        this.unpaid = outcome.pay;
        this.set({ heldUntil: moment(heldUntil) });
    }
  }

  private refused(refusals: readonly Refused[]): void {
    const nameOf = (id: string) => this.wanted.find((w) => w.variantId === id)?.title;
    this.set({ refusals: refusals.map((r) => wordsOf(r, nameOf)) });
    // The new total is shown and sent when the buyer presses again.
    const actual = refusals.find((r) => r.code === "PRICE_CHANGED")?.actual as MoneyInput | undefined;
    if (actual) {
      this.setTotal(actual);
    }
  }

  private async read(): Promise<void> {
    this.wanted = this.what ? [await this.readVariant(this.what)] : await this.readCart();
    if (this.wanted.length === 0) {
      throw new Words("购物车是空的");
    }
    const currency = this.wanted[0]!.amount.currency;
    if (this.wanted.some((w) => w.amount.currency !== currency)) {
      throw new Words("不同币种的商品请分开结算");
    }
    this.setTotal({ amount: this.wanted.reduce((sum, w) => sum + w.amount.amount, 0), currency });
    this.set({
      lines: this.wanted.map(({ variantId, title, quantity, amount }) => ({ variantId, title, quantity, amount: price(amount) })),
      needsAddress: this.wanted.some((w) => w.requiresShipping),
    });
  }

  private setTotal(total: MoneyInput): void {
    this.total = total;
    this.set({ total: price(total) });
  }

  private async readVariant({ productId, variantId, quantity }: NonNullable<What>): Promise<Wanted> {
    const { product } = await this.shop.kit.query(ProductDocument, { id: productId });
    const variant = product?.variants.find((v) => v.id === variantId);
    if (!product || !variant) {
      throw new Words("商品不存在或已下架");
    }
    const { amount, currency } = variant.price;
    return {
      variantId, quantity, title: `${product.title} ${variant.title}`, requiresShipping: product.requiresShipping,
      amount: { amount: amount * quantity, currency },
    };
  }

  private async readCart(): Promise<Wanted[]> {
    const cart = await readCart(this.shop.kit);
    return cart.lines.map(({ variant, quantity, amount }) => ({
      variantId: variant.id, quantity, amount, title: `${variant.product.title} ${variant.title}`, requiresShipping: variant.product.requiresShipping,
    }));
  }
}

/** A key that no other purchase of this buyer has. */
function newKey(): string {
  const random = () => Math.random().toString(36).slice(2, 12);
  return `sample-${Date.now().toString(36)}-${random()}${random()}`;
}
