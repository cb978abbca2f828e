import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import * as kitModule from "../src/index.js";
import { CartDocument, createKit, type Kit, OrderBuyAgainDocument, OrderCompleteDocument, StockChangedDocument, wxPlatform } from "../src/index.js";
import { sha256 } from "../src/sha256.js";
import { failure, type Script, scripted, session } from "./server.js";
import { FakeWx, type FakeWxOptions } from "./wx.js";

const open: (() => void)[] = [];
afterEach(() => open.splice(0).forEach((close) => close()));

async function start(script: Script, options: Partial<FakeWxOptions> = {}, remember = false) {
  const server = await scripted(script);
  const wx = new FakeWx({ name: "unit", graceMs: 50, ...options });
  const make = (): Kit => {
    const kit = createKit({ endpoint: server.url, appId: "wxunit", platform: wxPlatform(wx, { remember }) });
    open.push(() => kit.close());
    return kit;
  };
  open.push(server.close);
  return { ...server, wx, kit: make(), make };
}

const nobody = { data: { viewer: null } };

test("sha256 is SHA-256", () => {
  for (let n = 0; n < 140; n++) {
    const text = "查询 🛒 {a}".repeat(n).slice(0, n * 3).replace(/[\ud800-\udbff]$/, "");
    expect(sha256(text)).toBe(createHash("sha256").update(text).digest("hex"));
  }
});

test("every document is among the trusted ones", () => {
  const trusted = JSON.parse(readFileSync(new URL("../documents.json", import.meta.url), "utf8")) as Record<string, string>;
  const texts = Object.entries(kitModule).flatMap(([name, value]) => (name.endsWith("Document") ? [String(value)] : []));
  expect(texts.map((text) => trusted[sha256(text)])).toEqual(texts);
  expect(Object.keys(trusted)).toHaveLength(texts.length);
});

describe("retries", () => {
  test("a lost answer: the same words again", async () => {
    const { kit, requests } = await start(() => (requests.length < 3 ? "cut" : { data: { orderComplete: { order: null, userErrors: [] } } }));
    await kit.mutate(OrderCompleteDocument, { orderId: "o" });
    expect(requests).toHaveLength(3);
    expect(new Set(requests.map((r) => r.body)).size).toBe(1);
  });

  test("not what would be done twice", async () => {
    const { kit, requests } = await start(() => "cut");
    await expect(kit.mutate(OrderBuyAgainDocument, { orderId: "o" })).rejects.toMatchObject({ name: "KitError", kind: "network" });
    expect(requests).toHaveLength(1);
  });

  test("what is overloaded is asked when it says so, and not for ever", { timeout: 20_000 }, async () => {
    const times: number[] = [];
    const { kit } = await start(() => (times.push(Date.now()), failure("OVERLOADED", { retryAfterMs: 400 })));
    await expect(kit.query(CartDocument, {})).rejects.toMatchObject({ kind: "overloaded", retryAfterMs: 400 });
    expect(times).toHaveLength(6);
    times.slice(1).forEach((time, i) => expect(time - times[i]!).toBeGreaterThanOrEqual(390));
  });

  test("no refusal, and no fault of one's own", async () => {
    const { kit, requests } = await start(({ name }) =>
      name === "Cart" ? failure("BAD_REQUEST") : { data: { checkoutPlace: { checkout: null, userErrors: [{ code: "BRAND_NEW", message: "m", field: null }] } } },
    );
    await expect(kit.query(CartDocument, {})).rejects.toMatchObject({ kind: "badRequest", code: "BAD_REQUEST" });
    expect(await kit.checkoutAndPay({})).toMatchObject({ kind: "refused", refusals: [{ code: "INVALID", message: "m" }] });
    expect(requests).toHaveLength(2);
  });
});

describe("sessions", () => {
  test("one refresh for all in flight, and a log-in when it is refused", async () => {
    let good = "first";
    const { kit, requests, wx } = await start(async ({ name, token }) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      switch (name) {
        case "SessionCreate":
          return session("sessionCreate", good);
        case "SessionRefresh":
          return good === "second" ? session("sessionRefresh", good) : { data: { sessionRefresh: { session: null, userErrors: [{ code: "SESSION_EXPIRED", message: "", field: null }] } } };
        default:
          return token === good ? nobody : failure("UNAUTHENTICATED");
      }
    });
    const ask = () => Promise.all(Array.from({ length: 10 }, () => kit.query(CartDocument, {})));
    const count = (name: string) => requests.filter((r) => r.name === name).length;
    await ask(); // nobody has logged in
    expect([count("SessionCreate"), count("SessionRefresh")]).toEqual([1, 0]);
    good = "second";
    await ask();
    expect([count("SessionCreate"), count("SessionRefresh")]).toEqual([1, 1]);
    good = "third";
    await ask();
    expect([count("SessionCreate"), count("SessionRefresh"), wx.calls.login]).toEqual([2, 2, 2]);
    good = "nobody's";
    await kit.logout();
    await expect(kit.query(CartDocument, {})).rejects.toMatchObject({ kind: "unauthenticated" });
    expect(wx.calls.login).toBe(2);
  });

  test("a token is renewed before it ends", async () => {
    const { kit, requests } = await start(({ name }) =>
      name === "SessionCreate" ? session("sessionCreate", "short", 2_400) : name === "SessionRefresh" ? session("sessionRefresh", "long") : nobody,
    );
    await kit.login();
    await kit.query(CartDocument, {});
    await new Promise((resolve) => setTimeout(resolve, 2_300));
    await kit.query(CartDocument, {});
    expect(requests.map((r) => [r.name, r.token])).toEqual([["SessionCreate", undefined], ["Cart", "short"], ["SessionRefresh", undefined], ["Cart", "long"]]);
  });

  test("a lost log-in is tried with a new code; one that is refused is not", async () => {
    const codes: unknown[] = [];
    const { kit, wx } = await start(({ variables }) => {
      codes.push(variables.code);
      return codes.length === 1 ? "cut" : { data: { sessionCreate: { session: null, userErrors: [{ code: "LOGIN_FAILED", message: "no", field: null }] } } };
    });
    await expect(kit.login()).rejects.toMatchObject({ kind: "unauthenticated", code: "LOGIN_FAILED" });
    expect([codes, wx.calls.login]).toEqual([["demo-unit", "demo-unit"], 2]); // each code was exchanged, which the fake does once
  });

  test("remembered, if asked, across starts", async () => {
    const script: Script = ({ name }) => (name === "SessionCreate" ? session("sessionCreate", "a") : session("sessionRefresh", "b"));
    const { kit, make, requests } = await start(script, {}, true);
    await kit.login();
    await make().login();
    expect(requests.map((r) => [r.name, r.variables.refreshToken])).toEqual([["SessionCreate", undefined], ["SessionRefresh", "a-refresh"]]);
  });
});

describe("subscriptions", () => {
  const state = (version: number, variantId = "v") => ({ stockChanged: { variantId, available: 1, isLow: false, version, changedAt: "" } });
  const tell = (socket: { send(text: string): void }, id: string, data: unknown) => socket.send(JSON.stringify({ type: "next", id, payload: { data } }));
  const listen = (kit: Kit, versions: number[]) =>
    kit.subscribe(StockChangedDocument, { variantIds: ["v", "w"] }, { version: (d) => d.stockChanged.version, next: (d) => versions.push(d.stockChanged.version) });
  const sessions: Script = ({ name }) => (name === "SessionCreate" ? session("sessionCreate", "one") : session("sessionRefresh", "two"));

  test("one socket for all; 4403 brings a new token; versions never go back", async () => {
    const { kit, sockets, requests } = await start(sessions);
    await kit.login();
    const versions: number[] = [];
    listen(kit, versions);
    const stop = listen(kit, []);
    const types = (i: number) => sockets[i]?.messages.map((m) => m.type);
    await expect.poll(() => types(0)).toEqual(["connection_init", "subscribe", "subscribe"]);
    expect(sockets[0]!.messages[0]!.payload).toEqual({ authorization: "Bearer one" });
    for (const data of [state(2), state(1), state(1, "w"), state(2), state(3)]) tell(sockets[0]!.socket, "1", data);
    sockets[0]!.socket.send('{"type":"ping","payload":{"n":1}}');
    await expect.poll(() => types(0)?.at(-1)).toBe("pong");
    expect(versions).toEqual([2, 1, 3]); // 1 is w's

    sockets[0]!.socket.close(4403, "Forbidden");
    await expect.poll(() => types(1)).toEqual(["connection_init", "subscribe", "subscribe"]);
    expect(sockets[1]!.messages[0]!.payload).toEqual({ authorization: "Bearer two" });
    expect(requests.map((r) => r.name)).toEqual(["SessionCreate", "SessionRefresh"]);
    tell(sockets[1]!.socket, "1", state(3));
    tell(sockets[1]!.socket, "1", state(7));
    await expect.poll(() => versions).toEqual([2, 1, 3, 7]);
    stop();
    await expect.poll(() => sockets[1]!.messages.at(-1)).toEqual({ type: "complete", id: "2" });
  });

  test("after the background it goes on, and asks for nothing while there", async () => {
    const { kit, sockets, wx } = await start(sessions);
    const versions: number[] = [];
    listen(kit, versions);
    await expect.poll(() => sockets[0]?.messages.at(-1)?.type).toBe("subscribe");
    wx.hide();
    await expect.poll(() => wx.openSockets).toBe(0); // WeChat has closed it
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(wx.calls.connectSocket).toBe(1);
    wx.show();
    await expect.poll(() => sockets[1]?.messages.at(-1)?.type).toBe("subscribe");
    tell(sockets[1]!.socket, "1", state(9));
    await expect.poll(() => versions).toEqual([9]);
  });

  test("a line that is dead without a word is noticed on coming back", { timeout: 10_000 }, async () => {
    const { kit, sockets, wx } = await start(sessions, { graceMs: 10_000 });
    listen(kit, []);
    await expect.poll(() => sockets[0]?.messages.at(-1)?.type).toBe("subscribe");
    sockets[0]!.socket.removeAllListeners("message"); // no pong from here on
    wx.hide();
    wx.show();
    await expect.poll(() => sockets[1]?.messages.at(-1)?.type, { timeout: 6_000 }).toBe("subscribe");
  });

  test("a subscription that is refused is told, and ends", async () => {
    const { kit, sockets } = await start(sessions);
    const errors: string[] = [];
    kit.subscribe(StockChangedDocument, { variantIds: [] }, { next: () => undefined, error: (e) => errors.push(e.kind) });
    await expect.poll(() => sockets[0]?.messages.at(-1)?.type).toBe("subscribe");
    sockets[0]!.socket.send(JSON.stringify({ type: "error", id: "1", payload: failure("BAD_REQUEST").errors }));
    await expect.poll(() => errors).toEqual(["badRequest"]);
  });
});

describe("the fake wx", () => {
  test("10 requests at once, and the background interrupts", async () => {
    let now = 0;
    let most = 0;
    const { kit, wx } = await start(async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 30));
      now--;
      return nobody;
    });
    await Promise.all(Array.from({ length: 25 }, () => kit.query(CartDocument, {})));
    expect(most).toBe(10);
    const slow = await scripted(() => new Promise(() => undefined));
    open.push(slow.close);
    const failed = new Promise<string>((resolve) =>
      wx.request({ url: slow.url, method: "POST", data: '{"query":""}', header: {}, timeout: 60_000, success: () => resolve("?"), fail: (e) => resolve(e.errMsg) }),
    );
    wx.hide();
    expect(await failed).toBe("request:fail interrupted");
  });

  test("5 sockets", async () => {
    const { url, wx } = await start(() => nobody);
    const fails: string[] = [];
    for (let i = 0; i < 6; i++) wx.connectSocket({ url: url.replace("http", "ws"), protocols: ["graphql-transport-ws"], fail: (e) => fails.push(e.errMsg) });
    await expect.poll(() => fails).toEqual(["connectSocket:fail exceed max concurrent socket count 5"]);
    wx.cut();
  });
});
