// The built pages, as WeChat would run them, from the list to a paid order, against a real server.
import { expect, test, vi } from "vitest";
import { build, event, MiniProgram } from "./miniprogram";
import { address, type Phone, phone, url, withServer } from "./phone";

/** A phone with the mini-program on it; `went` is where it was sent. */
function started(name: string, appId?: string, more = {}): { program: MiniProgram; went: string[]; it: Phone } {
  const it = phone(name);
  const went: string[] = [];
  const go = (option: { url: string }) => void went.push(option.url);
  const wx = Object.assign(it.wx, { navigateTo: go, redirectTo: go, switchTab: go, stopPullDownRefresh: vi.fn(), ...more });
  const program = new MiniProgram(build(`${url}/graphql`, appId), wx);
  program.launch();
  it.shop = program.app.shop; // so that the cashier pays for this one
  return { program, went, it };
}

withServer("pages", () => {
  test("all of them, from the list to the order", { timeout: 30_000 }, async () => {
    const { program, went, it } = started("pages");
    const last = () => went[went.length - 1]!;

    const list = await program.open("/pages/list/list");
    expect(list.data.error).toBe("");
    await list.onPullDownRefresh();
    const shown = list.data.products.length;
    await list.onReachBottom();
    expect(list.data.products.length).toBeGreaterThan(shown);
    await list.chooseShop(event({ id: list.data.shops[1].id }));
    await list.moreShops();
    list.openProduct(event({ id: list.data.products[0].id }));

    const product = await program.open(last());
    expect(product.data.title).toBe(list.data.products[0].title);
    expect(product.data.images[0]).toMatch(new RegExp(`^${url}/`));
    await vi.waitFor(() => expect(product.data.live).toBe(true));
    const [first, other] = product.data.choices;
    product.choose(event({ id: (other ?? first).id }));
    product.more();
    product.more();
    product.fewer();
    expect(product.data.quantity).toBe(2);
    product.typeQuantity(event({}, "1"));
    await product.addToCart();
    expect(product.data).toMatchObject({ notice: "已加入购物车", error: "" });

    const cart = await program.open("/pages/cart/cart");
    const line = cart.data.lines[0];
    await cart.setQuantity(event({ id: line.variantId, quantity: line.quantity + 1 }));
    expect(cart.data.lines[0].quantity).toBe(2);
    cart.openProduct(event({ id: line.productId }));
    cart.checkOut();
    expect(last()).toBe("/pages/checkout/checkout");

    const checkout = await program.open(last());
    expect(checkout.data.total).toBe(cart.data.subtotal);
    checkout.type(event({ field: "name" }, address.name));
    checkout.type(event({ field: "phone" }, address.phone));
    checkout.type(event({ field: "street" }, address.street));
    await checkout.pay();
    expect(checkout.data.refusals).toEqual(["请选择地区"]);
    checkout.chooseRegion(event({}, [address.province, address.city, address.district]));
    it.cashier = "cancel";
    await checkout.pay();
    expect(checkout.data.heldUntil).not.toBe("");
    it.cashier = "ok";
    await checkout.pay();
    expect(checkout.data).toMatchObject({ result: "支付成功", error: "", heldUntil: "" });
    expect(it.wx.calls.requestPayment).toBe(2);
    checkout.openOrders();

    const order = await program.open(last());
    expect(order.data).toMatchObject({ status: "已付款，待发货", total: cart.data.subtotal });
    expect(order.data.address).toContain(address.street);
    await vi.waitFor(() => expect(order.data.live).toBe(true));
    await order.buyAgain();
    expect(order.data.notice).toBe("已放入购物车");

    const orders = await program.open("/pages/orders/orders");
    await orders.chooseTab(event({ tab: 2 }));
    await orders.onPullDownRefresh();
    expect(orders.data.orders.map((o: { id: string }) => o.id)).toEqual([order.data.id]);
    await orders.chooseTab(event({ tab: 5 }));
    expect(orders.data.orders).toEqual([]);

    // "Buy now" brings its own lines, and the address that was kept.
    product.buyNow();
    const now = await program.open(last());
    expect(now.data).toMatchObject({ address, region: [address.province, address.city, address.district] });
    it.cashier = "cancel";
    await now.pay();
    await now.cancel();
    expect(now.data.result).toBe("订单已取消");

    expect(it.wx.calls).toMatchObject({ login: 1, connectSocket: 1 });
    [list, product, cart, checkout, order, orders, now].forEach((page) => page.onUnload());
    program.app.shop.kit.close();
  });

  test("as it is built for devtools it logs in as demo-lin, and asks before it pays", { timeout: 30_000 }, async () => {
    let confirm = false;
    const { program, went, it } = started("nobody", "", { showModal: async () => ({ confirm }) });
    const list = await program.open("/pages/list/list");
    const product = await program.open(`/pages/product/product?id=${list.data.products[5].id}`);
    product.buyNow();
    const checkout = await program.open(went[0]!);
    for (const [field, value] of Object.entries(address)) {
      checkout.type(event({ field }, value));
    }
    await checkout.pay();
    expect(checkout.data).toMatchObject({ result: "", error: "", refusals: [] });
    expect(checkout.data.heldUntil).not.toBe("");
    confirm = true;
    await checkout.pay();
    expect(checkout.data).toMatchObject({ result: "支付成功", error: "" });
    expect(it.wx.calls).toMatchObject({ login: 0, requestPayment: 0 });
    product.onUnload();
    program.app.shop.kit.close();
  });
});
