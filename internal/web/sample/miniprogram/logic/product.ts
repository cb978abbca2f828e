import { ProductDocument, type StockStateFragment, StockChangedDocument } from "@holdfast/kit";
import { changeCart } from "./cart";
import { picture } from "./list";
import { type Common, Screen, type SetState, type Shop } from "./screen";
import { price, stockWords, Words, wordsOfError } from "./words";

/** One variant, with its stock as it is now. */
export interface Choice {
  id: string;
  title: string;
  price: string;
  available: number;
  stock: string;
  /** Of its stock; only newer ones take its place. */
  version: number;
}

/** What the page "product" shows. */
export interface ProductState extends Common {
  id: string;
  title: string;
  description: string;
  images: string[];
  shop: string;
  isOpen: boolean;
  choices: Choice[];
  /** The variant that is chosen; "" before there is one. */
  chosen: string;
  quantity: number;
  /** The chosen variant can be bought in this quantity. */
  canBuy: boolean;
  /** Stock is watched, and moves as it changes. */
  live: boolean;
  /** Good news. */
  notice: string;
}

/** Nothing yet. */
export const productState = (): ProductState => ({
  id: "", title: "", description: "", images: [], shop: "", isOpen: true, choices: [], chosen: "", quantity: 1,
  canBuy: false, live: false, notice: "", loading: false, error: "",
});

/** One product, its variants and their live stock. */
export class Product extends Screen<ProductState> {
  private unwatch = () => {};

  constructor(shop: Shop, draw: SetState<ProductState>) {
    super(shop, productState(), draw);
  }

  override close(): void {
    this.unwatch();
    super.close();
  }

  /** Reads the product, and watches its stock until the page is closed. */
  async open(id: string): Promise<void> {
    await this.busy(async () => {
      const { product } = await this.shop.kit.query(ProductDocument, { id });
      if (!product) {
        throw new Words("商品不存在或已下架");
      }
      const choices = product.variants.map((v) => ({
        id: v.id, title: v.title, price: price(v.price), available: v.stock.available, stock: stockWords(v.stock), version: v.stock.version,
      }));
      this.set({
        id, title: product.title, description: product.description, shop: product.shop.name, isOpen: product.shop.isOpen, choices,
        images: product.imageUrls.map((url) => picture(this.shop, url)),
      });
      this.choose((choices.find((c) => c.available > 0) ?? choices[0])?.id ?? "");
      this.watch(choices.map((c) => c.id));
    });
  }

  choose(variantId: string): void {
    this.set({ chosen: variantId, notice: "" });
    this.setQuantity(1);
  }

  setQuantity(quantity: number): void {
    this.set({ quantity: Math.max(1, Math.min(9999, Math.floor(quantity) || 1)) });
    this.judge();
  }

  /** Puts what is chosen into the cart, beside what is there. */
  async addToCart(): Promise<void> {
    const { chosen, quantity } = this.state;
    const added = await this.busy(async () => {
      await changeCart(this.shop.kit, chosen, (was) => was + quantity);
    });
    this.set({ notice: added ? "已加入购物车" : "" });
  }

  /** The address of the page that buys what is chosen; "" while it cannot be bought. */
  buyNow(): string {
    const { id, chosen, quantity, canBuy } = this.state;
    return canBuy ? `/pages/checkout/checkout?product=${id}&variant=${chosen}&quantity=${quantity}` : "";
  }

  private watch(variantIds: string[]): void {
    this.unwatch();
    if (variantIds.length === 0) {
      return;
    }
    this.unwatch = this.shop.kit.subscribe(StockChangedDocument, { variantIds }, {
      version: ({ stockChanged }) => stockChanged.version,
      next: ({ stockChanged }) => this.moved(stockChanged),
      error: (e) => this.set({ live: false, error: wordsOfError(e) }),
    });
  }

  private moved(stock: StockStateFragment): void {
    const choices = this.state.choices.map((c) =>
      c.id === stock.variantId && stock.version >= c.version
        ? { ...c, available: stock.available, stock: stockWords(stock), version: stock.version }
        : c,
    );
    this.set({ choices, live: true });
    this.judge();
  }

  private judge(): void {
    const { choices, chosen, quantity, isOpen } = this.state;
    const available = choices.find((c) => c.id === chosen)?.available ?? 0;
    this.set({ canBuy: isOpen && quantity <= available });
  }
}
