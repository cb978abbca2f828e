import { OrdersDocument, type OrderStateFragment } from "@holdfast/kit";
import { type Common, Screen, type SetState, type Shop } from "./screen";
import { moment, price } from "./words";

type Status = OrderStateFragment["status"];

/** The tabs over the list, and the statuses that each shows; none is all. */
export const tabs: readonly { title: string; statuses: readonly Status[] }[] = [
  { title: "全部", statuses: [] },
  { title: "待付款", statuses: ["PENDING_PAYMENT"] },
  { title: "待发货", statuses: ["PAID"] },
  { title: "待收货", statuses: ["SHIPPED"] },
  { title: "已完成", statuses: ["COMPLETED"] },
  { title: "取消/退款", statuses: ["CANCELLED", "EXPIRED", "REFUNDED"] },
];

const statusWords: Record<Status, string> = {
  PENDING_PAYMENT: "待付款",
  PAID: "已付款，待发货",
  SHIPPED: "已发货",
  COMPLETED: "已完成",
  CANCELLED: "已取消",
  EXPIRED: "已超时关闭",
  REFUNDED: "已退款",
};

/** A status in words; one that is newer than this mini-program is shown as it is. */
export const statusOf = (status: Status): string => statusWords[status] ?? status;

/** One order of the list. */
export interface OrderRow {
  id: string;
  number: string;
  shop: string;
  status: string;
  total: string;
  placed: string;
  /** The first things in it. */
  what: string;
}

/** What the page "orders" shows. */
export interface OrdersState extends Common {
  tabs: string[];
  tab: number;
  orders: OrderRow[];
  more: boolean;
}

/** Nothing yet. */
export const ordersState = (): OrdersState => ({ tabs: tabs.map((t) => t.title), tab: 0, orders: [], more: false, loading: false, error: "" });

/** The buyer's orders, newest first, by status and page. */
export class Orders extends Screen<OrdersState> {
  private after: string | null = null;
  /** Grows with each list that is begun, so that pages of the one before are not put into it. */
  private round = 0;

  constructor(shop: Shop, draw: SetState<OrdersState>) {
    super(shop, ordersState(), draw);
  }

  async choose(tab: number): Promise<void> {
    this.set({ tab, orders: [], more: false });
    await this.refresh();
  }

  async refresh(): Promise<void> {
    this.round++;
    await this.busy(() => this.page(null, []));
  }

  async next(): Promise<void> {
    if (this.state.more && !this.state.loading) {
      await this.busy(() => this.page(this.after, this.state.orders));
    }
  }

  private async page(after: string | null, before: OrderRow[]): Promise<void> {
    const round = this.round;
    const statuses = tabs[this.state.tab]?.statuses ?? [];
    const filter = statuses.length > 0 ? { statuses: [...statuses] } : null;
    await this.shop.kit.login();
    const { viewer } = await this.shop.kit.query(OrdersDocument, { first: 10, after, filter });
    if (round !== this.round || viewer?.__typename !== "Buyer") {
      return;
    }
    const { nodes, pageInfo } = viewer.orders;
    this.after = pageInfo.endCursor ?? null;
    this.set({ orders: [...before, ...nodes.map(row)], more: pageInfo.hasNextPage });
  }
}

function row(order: OrderStateFragment): OrderRow {
  return {
    id: order.id,
    number: order.number,
    shop: order.shop.name,
    status: statusOf(order.status),
    total: price(order.total),
    placed: moment(order.placedAt),
    what: order.lines.map((l) => `${l.title} ×${l.quantity}`).join("，"),
  };
}
