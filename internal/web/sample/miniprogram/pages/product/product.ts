import type { ShopApp } from "../../app";
import { Product, productState } from "../../logic/product";
import type { Input, Tap } from "../tap";

Page({
  data: productState(),
  screen: null as never as Product,
  async onLoad({ id = "" }: { id?: string }) {
    this.screen = new Product(getApp<ShopApp>().shop, (patch) => this.setData(patch));
    await this.screen.open(id);
  },
  onUnload() {
    this.screen.close();
  },
  choose({ currentTarget }: Tap) {
    this.screen.choose(currentTarget.dataset.id);
  },
  fewer() {
    this.screen.setQuantity(this.data.quantity - 1);
  },
  more() {
    this.screen.setQuantity(this.data.quantity + 1);
  },
  typeQuantity({ detail }: Input) {
    this.screen.setQuantity(Number(detail.value));
  },
  async addToCart() {
    await this.screen.addToCart();
  },
  buyNow() {
    const url = this.screen.buyNow();
    if (url) {
      wx.navigateTo({ url });
    }
  },
});
