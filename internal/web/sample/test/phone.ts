import { createKit, type Kit, SandboxPaymentConfirmDocument, wxPlatform } from "@holdfast/kit";
import { FakeWx } from "@holdfast/kit/test/wx";
import { afterAll, describe } from "vitest";
import type { Shop } from "../miniprogram/logic/screen";

/** Of the server to test against, which is in demo mode. */
export const url = process.env.HOLDFAST_URL ?? "";
if (!url) {
  console.warn("\n*** This part of the sample was NOT tested: it needs a server in demo mode, HOLDFAST_URL=http://127.0.0.1:8080 ***\n");
}

/** Tests that need the server. */
export const withServer = describe.skipIf(!url);

export const address = { name: "林小雨", phone: "13800138000", province: "广东省", city: "深圳市", district: "南山区", street: "科技路 1 号" };

const run = Math.random().toString(36).slice(2, 8);
const kits: Kit[] = [];
afterAll(() => kits.forEach((kit) => kit.close()));

/** A phone whose cashier pays in the sandbox, while it says "ok". */
export interface Phone {
  wx: FakeWx;
  shop: Shop;
  cashier: "ok" | "cancel";
}

/** A phone of a buyer who was not there before. */
export function phone(name: string): Phone {
  const it: Phone = { cashier: "ok" } as Phone;
  it.wx = new FakeWx({
    name: `sample-${run}-${name}`,
    graceMs: 50,
    // What WeChat does when the buyer pays: it takes the money and tells the shop's server.
    async cashier({ package: prepay }) {
      if (it.cashier === "ok") {
        await it.shop.kit.mutate(SandboxPaymentConfirmDocument, { paymentId: prepay.replace("prepay_id=sandbox_", "") });
      }
      return it.cashier;
    },
  });
  const kit = createKit({ endpoint: `${url}/graphql`, appId: "wxdemo", platform: wxPlatform(it.wx) });
  kits.push(kit);
  it.shop = { kit, appId: "wxdemo", origin: url };
  return it;
}
