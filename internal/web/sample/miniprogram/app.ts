import { createKit, wxPlatform } from "@holdfast/kit";
import { config } from "./config";
import { demoPlatform } from "./demo";
import type { Shop } from "./logic/screen";

/** What pages get from `getApp()`. */
export interface ShopApp {
  shop: Shop;
}

App<ShopApp>({
  // Made when the app starts.
  shop: null as never,
  onLaunch() {
    const { endpoint, appId, isDemo } = config;
    this.shop = {
      // One kit, so that all pages share its session and its one socket.
      kit: createKit({ endpoint, appId, platform: isDemo ? demoPlatform() : wxPlatform(wx) }),
      appId,
      origin: endpoint.replace(/^(https?:\/\/[^/]+).*$/, "$1"),
    };
    // While the first page is read. If it fails, whatever needs a session tries again and tells.
    this.shop.kit.login().catch(() => undefined);
  },
});
