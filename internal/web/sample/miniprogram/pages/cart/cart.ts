import type { ShopApp } from "../../app";
import { Cart, cartState } from "../../logic/cart";
import type { Tap } from "../tap";

Page({
  data: cartState(),
  screen: null as never as Cart,
  onLoad() {
    this.screen = new Cart(getApp<ShopApp>().shop, (patch) => this.setData(patch));
  },
  // Each time that the tab is shown: other pages fill the cart.
  async onShow() {
    await this.screen.refresh();
  },
  onUnload() {
    this.screen.close();
  },
  async onPullDownRefresh() {
    await this.screen.refresh();
    wx.stopPullDownRefresh();
  },
  /** data-quantity says how many are wanted then. */
  async setQuantity({ currentTarget }: Tap) {
    const { id, quantity } = currentTarget.dataset;
    await this.screen.setQuantity(id, Number(quantity));
  },
  openProduct({ currentTarget }: Tap) {
    wx.navigateTo({ url: `/pages/product/product?id=${currentTarget.dataset.id}` });
  },
  checkOut() {
    if (this.data.ready) {
      wx.navigateTo({ url: "/pages/checkout/checkout" });
    }
  },
});
