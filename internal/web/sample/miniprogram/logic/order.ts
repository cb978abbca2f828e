import {
  CheckoutCancelDocument, OrderBuyAgainDocument, OrderChangedDocument, OrderCompleteDocument, OrderDocument, type OrderQuery, type OrderStateFragment,
} from "@holdfast/kit";
import { picture } from "./list";
import { statusOf } from "./orders";
import { type Common, Screen, type SetState, type Shop } from "./screen";
import { accepted, moment, price, Words, wordsOf, wordsOfError } from "./words";

/** What the page "order" shows. */
export interface OrderPageState extends Common {
  id: string;
  number: string;
  shop: string;
  status: string;
  lines: { id: string; title: string; image: string; quantity: number; unit: string }[];
  total: string;
  /** "" when nothing was. */
  refunded: string;
  /** What happened when. */
  times: { title: string; at: string }[];
  address: string;
  parcels: { id: string; words: string }[];
  /** It is unpaid and can be cancelled, with all that was checked out with it. */
  canCancel: boolean;
  /** It is on its way and can be said to have arrived. */
  canComplete: boolean;
  /** It is watched, and its state moves as it changes. */
  live: boolean;
  notice: string;
}

/** Nothing yet. */
export const orderState = (): OrderPageState => ({
  id: "", number: "", shop: "", status: "", lines: [], total: "", refunded: "", times: [], address: "", parcels: [],
  canCancel: false, canComplete: false, live: false, notice: "", loading: false, error: "",
});

/** One order, with its state as it is now. */
export class Order extends Screen<OrderPageState> {
  private unwatch = () => {};
  private version = -1;
  private checkoutId = "";

  constructor(shop: Shop, draw: SetState<OrderPageState>) {
    super(shop, orderState(), draw);
  }

  override close(): void {
    this.unwatch();
    super.close();
  }

  /** Reads the order, and watches it until the page is closed. */
  async open(id: string): Promise<void> {
    this.set({ id });
    await this.busy(() => this.read());
    if (this.state.number) {
      this.unwatch();
      this.unwatch = this.shop.kit.subscribe(OrderChangedDocument, { orderId: id }, {
        version: ({ orderChanged }) => orderChanged.version,
        next: ({ orderChanged }) => this.moved(orderChanged),
        error: (e) => this.set({ live: false, error: wordsOfError(e) }),
      });
    }
  }

  /** Cancels the checkout that the order is of, while it is unpaid. */
  async cancel(): Promise<void> {
    await this.busy(async () => {
      const { checkoutCancel } = await this.shop.kit.mutate(CheckoutCancelDocument, { checkoutId: this.checkoutId });
      accepted(checkoutCancel.userErrors);
      await this.read();
    });
  }

  /** Says that it has arrived. */
  async complete(): Promise<void> {
    await this.busy(async () => {
      const { orderComplete } = await this.shop.kit.mutate(OrderCompleteDocument, { orderId: this.state.id });
      accepted(orderComplete.userErrors);
      await this.read();
    });
  }

  /** Puts what it bought into the cart again; what is left out is told. */
  async buyAgain(): Promise<void> {
    await this.busy(async () => {
      const { orderBuyAgain } = await this.shop.kit.mutate(OrderBuyAgainDocument, { orderId: this.state.id });
      const left = orderBuyAgain.userErrors.map((e) => wordsOf(e));
      if (!orderBuyAgain.cart) {
        throw new Words(left.join("；"));
      }
      this.set({ notice: ["已放入购物车", ...left].join("；") });
    });
  }

  private async read(): Promise<void> {
    await this.shop.kit.login();
    const { order } = await this.shop.kit.query(OrderDocument, { id: this.state.id });
    if (!order) {
      throw new Words("没有这个订单");
    }
    this.checkoutId = order.checkout?.id ?? "";
    this.set({ address: addressOf(order.shipTo), parcels: order.shipments.map(parcel) });
    this.show(order);
  }

  private moved(order: OrderStateFragment): void {
    this.set({ live: true });
    if (order.version > this.version) {
      this.show(order);
      void this.busy(() => this.read()); // parcels are no part of what is watched
    }
  }

  private show(order: OrderStateFragment): void {
    if (order.version < this.version) {
      return; // an answer that was overtaken
    }
    this.version = order.version;
    const times: [string, string | null | undefined][] = [
      ["下单", order.placedAt], ["付款", order.paidAt], ["发货", order.shippedAt], ["完成", order.completedAt],
    ];
    this.set({
      number: order.number,
      shop: order.shop.name,
      status: statusOf(order.status),
      total: price(order.total),
      refunded: order.refunded.amount > 0 ? price(order.refunded) : "",
      times: times.filter(([, at]) => at).map(([title, at]) => ({ title, at: moment(at ?? "") })),
      canCancel: order.status === "PENDING_PAYMENT" && this.checkoutId !== "",
      canComplete: order.status === "SHIPPED",
      lines: order.lines.map((l) => ({
        id: l.id, title: l.title, image: picture(this.shop, l.imageUrl), quantity: l.quantity, unit: price(l.unitPrice),
      })),
    });
  }
}

type Detail = NonNullable<OrderQuery["order"]>;

function addressOf(to: Detail["shipTo"]): string {
  return to ? `${to.name} ${to.phone} ${to.province}${to.city}${to.district ?? ""}${to.street}` : "";
}

function parcel({ id, carrier, trackingNumber, shippedAt }: Detail["shipments"][number]): { id: string; words: string } {
  return { id, words: [carrier ?? "商家配送", trackingNumber ?? "", moment(shippedAt)].filter(Boolean).join(" ") };
}
