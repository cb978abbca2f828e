// What the pages do, without pages, as buyers with phones do it, against a real server.
import { StocksDocument } from "@holdfast/kit";
import { expect, test, vi } from "vitest";
import { Cart } from "../miniprogram/logic/cart";
import { Checkout, type What } from "../miniprogram/logic/checkout";
import { List, pageSize } from "../miniprogram/logic/list";
import { Order } from "../miniprogram/logic/order";
import { Orders } from "../miniprogram/logic/orders";
import { type Choice, Product } from "../miniprogram/logic/product";
import { address, type Phone, phone, url, withServer } from "./phone";

const draw = () => {};

/** The page of the product that the first shop shows at that place. */
async function productAt({ shop }: Phone, place: number): Promise<Product> {
  const list = new List(shop, draw);
  await list.refresh();
  const product = new Product(shop, draw);
  await product.open(list.state.products[place]!.id);
  expect(product.state.error).toBe("");
  return product;
}

const chosen = ({ state }: Product): Choice => state.choices.find((c) => c.id === state.chosen)!;

/** Buys at once, without the cart. */
async function checkout({ shop }: Phone, what: What): Promise<Checkout> {
  const page = new Checkout(shop, draw);
  await page.open(what);
  Object.entries(address).forEach(([field, value]) => page.type(field as keyof typeof address, value));
  return page;
}

const whatOf = ({ state }: Product, quantity: number): What => ({ productId: state.id, variantId: state.chosen, quantity });

/** Does something as the shops' owner, who has a web page and no mini-program. */
async function asMerchant(query: string): Promise<void> {
  const ask = async (text: string, token = "") => {
    const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
    return (await fetch(`${url}/graphql`, { method: "POST", headers, body: JSON.stringify({ query: text }) })).json() as Promise<{
      data: { sessionCreate: { session: { accessToken: string } } };
    }>;
  };
  const staff = `{staff: {email: "merchant@demo.test", password: "holdfast-demo"}}`;
  const { data } = await ask(`mutation { sessionCreate(input: ${staff}) { session { accessToken } } }`);
  expect(JSON.stringify(await ask(query, data.sessionCreate.session.accessToken))).toMatch(/"userErrors":\[\]/);
}

withServer("a day in the shop", () => {
  test("from the list through the cart to a paid order, while others buy", { timeout: 30_000 }, async () => {
    const [lin, other] = [phone("lin"), phone("other")];

    const list = new List(lin.shop, draw);
    await list.refresh();
    expect(list.state.error).toBe("");
    expect(list.state.shops.length).toBeGreaterThan(1);
    expect(list.state.products).toHaveLength(pageSize);
    expect(list.state.products[0]!.price).toMatch(/^¥\d+\.\d\d/);
    while (list.state.more) {
      await list.next();
    }
    expect(new Set(list.state.products.map((p) => p.id)).size).toBe(list.state.products.length);
    expect(list.state.products.length).toBeGreaterThan(pageSize);
    await list.choose(list.state.shops[1]!.id);
    expect(list.state.products[0]!.title).not.toBe("");

    const product = await productAt(lin, 0);
    await vi.waitFor(() => expect(product.state.live).toBe(true));
    const before = chosen(product).available;
    const rival = await checkout(other, whatOf(product, 2));
    await rival.pay();
    expect(rival.state.result).toBe("支付成功");
    await vi.waitFor(() => expect(chosen(product).available).toBe(before - 2));

    product.setQuantity(3);
    await product.addToCart();
    expect(product.state.notice).toBe("已加入购物车");
    const cart = new Cart(lin.shop, draw);
    await cart.refresh();
    expect(cart.state.lines.map((l) => [l.variantId, l.quantity])).toEqual([[product.state.chosen, 3]]);
    await cart.setQuantity(product.state.chosen, 2);
    expect(cart.state).toMatchObject({ ready: true, error: "" });

    const page = await checkout(lin, null);
    expect(page.state.total).toBe(cart.state.subtotal);
    await page.pay();
    expect(page.state).toMatchObject({ result: "支付成功", refusals: [], error: "", heldUntil: "" });
    await vi.waitFor(() => expect(chosen(product).available).toBe(before - 4));
    await cart.refresh();
    expect(cart.state.lines).toEqual([]);

    const orders = new Orders(lin.shop, draw);
    await orders.choose(2);
    expect(orders.state.orders.map((o) => o.id)).toEqual(page.state.orderIds);
    await orders.choose(1);
    expect(orders.state.orders).toEqual([]);

    // The address was kept for the next time.
    const next = new Checkout(lin.shop, draw);
    await next.open(whatOf(product, 1));
    expect(next.state.address).toEqual(address);
  });

  test("who closes the cashier may go on, or cancel; the order's page sees it happen", { timeout: 30_000 }, async () => {
    const it = phone("hesitant");
    const product = await productAt(it, 1);
    it.cashier = "cancel";
    const page = await checkout(it, whatOf(product, 1));
    await page.pay();
    expect(page.state).toMatchObject({ result: "", refusals: [] });
    expect(page.state.heldUntil).toMatch(/^\d\d-\d\d \d\d:\d\d$/);

    const order = new Order(it.shop, draw);
    await order.open(page.state.orderIds[0]!);
    expect(order.state).toMatchObject({ status: "待付款", canCancel: true });
    await vi.waitFor(() => expect(order.state.live).toBe(true));

    it.cashier = "ok";
    await page.pay();
    expect(page.state).toMatchObject({ result: "支付成功", heldUntil: "" });
    await vi.waitFor(() => expect(order.state).toMatchObject({ status: "已付款，待发货", canCancel: false }));
    order.close();
    const orders = new Orders(it.shop, draw);
    await orders.refresh();
    expect(orders.state.orders).toHaveLength(1); // one purchase, however often "pay" was pressed

    it.cashier = "cancel";
    const second = await checkout(it, whatOf(product, 1));
    await second.pay();
    await second.cancel();
    expect(second.state).toMatchObject({ result: "订单已取消", error: "", heldUntil: "" });
    const cancelled = new Order(it.shop, draw);
    await cancelled.open(second.state.orderIds[0]!);
    expect(cancelled.state.status).toBe("已取消");
    await cancelled.buyAgain();
    expect(cancelled.state.notice).toBe("已放入购物车");
    cancelled.close();
    product.close();
  });

  test("refusals are told in words, and leave the way open", { timeout: 30_000 }, async () => {
    const [it, rival] = [phone("late"), phone("quick")];
    const product = await productAt(it, 2);
    product.choose([...product.state.choices].sort((a, b) => b.available - a.available)[0]!.id);
    const { id, title } = chosen(product);
    const restock = `{idempotencyKey: "${Date.now()}", variantId: "${id}", delta: 3, reason: "for a test"}`;
    await asMerchant(`mutation { stockAdjust(input: ${restock}) { userErrors { code } } }`);
    await product.open(product.state.id);
    product.choose(id);
    const { available } = chosen(product);
    const page = await checkout(it, whatOf(product, 3));
    product.setQuantity(3);
    await product.addToCart();

    const most = await checkout(rival, whatOf(product, available - 1));
    await most.pay();
    expect(most.state.result).toBe("支付成功");

    await page.pay();
    expect(page.state).toMatchObject({ result: "", heldUntil: "", orderIds: [] });
    expect(page.state.refusals).toHaveLength(1);
    expect(page.state.refusals[0]).toContain(title);
    expect(page.state.refusals[0]).toMatch(/要 3 件，仅剩 1 件$/);
    await vi.waitFor(() => expect(product.state).toMatchObject({ canBuy: false }));
    expect(product.buyNow()).toBe("");
    const cart = new Cart(it.shop, draw);
    await cart.refresh();
    expect(cart.state.lines[0]).toMatchObject({ variantId: id, problems: ["本商品：要 3 件，仅剩 1 件"] });
    expect(cart.state.ready).toBe(false);

    const [empty, nowhere] = [new Checkout(rival.shop, draw), new Checkout(it.shop, draw)];
    await empty.open(null);
    expect(empty.state.error).toBe("购物车是空的");
    await nowhere.open(whatOf(product, 1));
    await nowhere.pay();
    expect(nowhere.state.refusals).toEqual(["请填写收货人"]);
    product.close();
  });

  test("another price is told, agreed to, and paid", { timeout: 30_000 }, async () => {
    const it = phone("careful");
    const product = await productAt(it, 4);
    const { id, price } = chosen(product);
    await product.addToCart();
    const page = await checkout(it, null);
    expect(page.state.total).toBe(price);
    const fen = Number(price.replace(/\D/g, "")) + 1;
    await asMerchant(`mutation { productVariantUpdate(input: {variantId: "${id}", price: {amount: ${fen}, currency: CNY}}) { userErrors { code } } }`);

    const cart = new Cart(it.shop, draw);
    await cart.refresh();
    const line = cart.state.lines[0]!;
    expect(line.problems).toHaveLength(1);
    expect(line).toMatchObject({ priceChanged: true, problems: [expect.stringContaining(`原为 ${price}`)] });
    await page.pay();
    expect(page.state.refusals).toEqual([expect.stringMatching(/^价格有变：原为 .*，现为 .*，请确认$/)]);
    expect(page.state).toMatchObject({ total: line.amount, result: "" });
    await cart.setQuantity(id, 1);
    expect(cart.state).toMatchObject({ ready: true });
    await page.pay();
    expect(page.state).toMatchObject({ result: "支付成功", refusals: [] });
    product.close();
  });

  test("back from the background, the stock is the newest", { timeout: 30_000 }, async () => {
    const [it, rival] = [phone("sleeper"), phone("awake")];
    const product = await productAt(it, 3);
    await vi.waitFor(() => expect(product.state.live).toBe(true));
    const before = chosen(product).available;
    it.wx.hide();
    await vi.waitFor(() => expect(it.wx.openSockets).toBe(0));
    const page = await checkout(rival, whatOf(product, 1));
    await page.pay();
    expect(page.state.result).toBe("支付成功");
    expect(chosen(product).available).toBe(before); // nobody could tell it

    it.wx.show();
    await vi.waitFor(() => expect(chosen(product).available).toBe(before - 1), 5_000);
    const { nodes } = await rival.shop.kit.query(StocksDocument, { variantIds: [product.state.chosen] });
    const now = nodes[0]?.__typename === "ProductVariant" ? nodes[0].stock : undefined;
    expect(chosen(product)).toMatchObject({ available: now?.available, version: now?.version });
    product.close();
  });
});
