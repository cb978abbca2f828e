import type { ShopApp } from "../../app";
import { Orders, ordersState } from "../../logic/orders";
import type { Tap } from "../tap";

Page({
  data: ordersState(),
  screen: null as never as Orders,
  onLoad() {
    this.screen = new Orders(getApp<ShopApp>().shop, (patch) => this.setData(patch));
  },
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
  async onReachBottom() {
    await this.screen.next();
  },
  async chooseTab({ currentTarget }: Tap) {
    await this.screen.choose(Number(currentTarget.dataset.tab));
  },
  openOrder({ currentTarget }: Tap) {
    wx.navigateTo({ url: `/pages/order/order?id=${currentTarget.dataset.id}` });
  },
});
