import type { ShopApp } from "../../app";
import { List, listState } from "../../logic/list";
import type { Tap } from "../tap";

Page({
  data: listState(),
  screen: null as never as List,
  async onLoad() {
    this.screen = new List(getApp<ShopApp>().shop, (patch) => this.setData(patch));
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
  async chooseShop({ currentTarget }: Tap) {
    await this.screen.choose(currentTarget.dataset.id);
  },
  async moreShops() {
    await this.screen.moreShops();
  },
  openProduct({ currentTarget }: Tap) {
    wx.navigateTo({ url: `/pages/product/product?id=${currentTarget.dataset.id}` });
  },
});
