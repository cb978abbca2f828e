import type { ShopApp } from "../../app";
import type { Address } from "../../logic/address";
import { Checkout, checkoutState } from "../../logic/checkout";
import type { Input } from "../tap";

Page({
  data: checkoutState(),
  screen: null as never as Checkout,
  /** Without a variant it is the cart that is bought. */
  async onLoad({ product, variant, quantity }: { product?: string; variant?: string; quantity?: string }) {
    this.screen = new Checkout(getApp<ShopApp>().shop, (patch) => this.setData(patch));
    await this.screen.open(product && variant ? { productId: product, variantId: variant, quantity: Number(quantity) || 1 } : null);
  },
  onUnload() {
    this.screen.close();
  },
  /** data-field says which field of the form. */
  type({ currentTarget, detail }: Input) {
    this.screen.type(currentTarget.dataset.field as keyof Address, detail.value);
  },
  chooseRegion({ detail }: Input<string[]>) {
    this.screen.chooseRegion(detail.value);
  },
  async pay() {
    await this.screen.pay();
  },
  async cancel() {
    await this.screen.cancel();
  },
  openOrders() {
    const [only, second] = this.data.orderIds;
    if (only && !second) {
      wx.redirectTo({ url: `/pages/order/order?id=${only}` });
    } else {
      wx.switchTab({ url: "/pages/orders/orders" });
    }
  },
});
