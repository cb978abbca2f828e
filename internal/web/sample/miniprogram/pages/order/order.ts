import type { ShopApp } from "../../app";
import { Order, orderState } from "../../logic/order";

Page({
  data: orderState(),
  screen: null as never as Order,
  async onLoad({ id = "" }: { id?: string }) {
    this.screen = new Order(getApp<ShopApp>().shop, (patch) => this.setData(patch));
    await this.screen.open(id);
  },
  onUnload() {
    this.screen.close();
  },
  async cancel() {
    await this.screen.cancel();
  },
  async complete() {
    await this.screen.complete();
  },
  async buyAgain() {
    await this.screen.buyAgain();
  },
});
