import { type ProductCardFragment, ShopProductsDocument, ShopsDocument } from "@holdfast/kit";
import { type Common, Screen, type SetState, type Shop } from "./screen";
import { price, Words } from "./words";

/** One product of the list. */
export interface Card {
  id: string;
  title: string;
  image: string;
  /** Of the cheapest variant. */
  price: string;
  soldOut: boolean;
}

/** What the page "list" shows. */
export interface ListState extends Common {
  shops: { id: string; name: string; isOpen: boolean }[];
  /** The shop whose products are shown; "" before there is one. */
  shopId: string;
  products: Card[];
  /** There are more pages of products. */
  more: boolean;
}

/** How many products are a page. */
export const pageSize = 6;

/** Nothing yet. */
export const listState = (): ListState => ({ shops: [], shopId: "", products: [], more: false, loading: false, error: "" });

/** Shops, and the products of one of them, page by page. */
export class List extends Screen<ListState> {
  private nextShops: string | null = null;
  private nextProducts: string | null = null;
  /** Grows when another list is begun, so that pages of the one before are not put into it. */
  private round = 0;

  constructor(shop: Shop, draw: SetState<ListState>) {
    super(shop, listState(), draw);
  }

  /** Reads everything anew, and keeps the shop that was chosen. */
  async refresh(): Promise<void> {
    await this.busy(async () => {
      const shops = await this.shopsAfter(null);
      const chosen = shops.find((s) => s.id === this.state.shopId) ?? shops[0];
      this.set({ shops, shopId: chosen?.id ?? "" });
      await this.firstProducts();
    });
  }

  /** Shows another shop. */
  async choose(shopId: string): Promise<void> {
    this.set({ shopId, products: [], more: false });
    await this.busy(() => this.firstProducts());
  }

  /** Adds the next page of products, if there is one and none is on its way. */
  async next(): Promise<void> {
    if (this.state.more && !this.state.loading) {
      await this.busy(() => this.productsAfter(this.nextProducts, this.state.products));
    }
  }

  /** Adds the next page of shops, if there is one. */
  async moreShops(): Promise<void> {
    const after = this.nextShops;
    if (after && !this.state.loading) {
      await this.busy(async () => this.set({ shops: [...this.state.shops, ...(await this.shopsAfter(after))] }));
    }
  }

  private async shopsAfter(after: string | null): Promise<ListState["shops"]> {
    const { miniProgram } = await this.shop.kit.query(ShopsDocument, { appId: this.shop.appId, first: 20, after });
    if (!miniProgram) {
      throw new Words(`没有小程序 ${this.shop.appId}`);
    }
    const { nodes, pageInfo } = miniProgram.shops;
    this.nextShops = pageInfo.hasNextPage ? (pageInfo.endCursor ?? null) : null;
    return nodes.map(({ id, name, isOpen }) => ({ id, name, isOpen }));
  }

  private async firstProducts(): Promise<void> {
    this.round++;
    await this.productsAfter(null, []);
  }

  private async productsAfter(after: string | null, before: Card[]): Promise<void> {
    const { shopId } = this.state;
    const round = this.round;
    if (!shopId) {
      return;
    }
    const { node } = await this.shop.kit.query(ShopProductsDocument, { shopId, first: pageSize, after });
    if (round !== this.round || node?.__typename !== "Shop") {
      return;
    }
    const { nodes, pageInfo } = node.products;
    this.nextProducts = pageInfo.endCursor ?? null;
    this.set({ products: [...before, ...nodes.map((p) => this.card(p))], more: pageInfo.hasNextPage });
  }

  private card(product: ProductCardFragment): Card {
    const prices = product.variants.map((v) => v.price).sort((a, b) => a.amount - b.amount);
    const [lowest, highest] = [prices[0], prices[prices.length - 1]];
    return {
      id: product.id,
      title: product.title,
      image: picture(this.shop, product.imageUrls[0]),
      price: lowest ? price(lowest) + (lowest.amount === highest?.amount ? "" : " 起") : "",
      soldOut: product.variants.every((v) => v.stock.available <= 0),
    };
  }
}

/** The whole address of a picture; "" when there is none. */
export function picture(shop: Shop, url: string | null | undefined): string {
  return url?.startsWith("/") ? shop.origin + url : (url ?? "");
}
