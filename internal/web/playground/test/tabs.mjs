// Drives the playground of a fresh demo server with Chromium, as a person would, and fails if anything is not as it should be:
//
//   node tabs.mjs http://127.0.0.1:8080 [FOLDER]     # screenshots go into FOLDER
//
// CHROMIUM names the browser; /usr/bin/chromium unless set.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [, , url, folder] = process.argv;
if (!url) throw new Error("usage: node tabs.mjs URL [FOLDER]");
if (folder) mkdirSync(folder, { recursive: true });

const patience = 30_000;

/** What each tab's answer has to show. */
const lessons = [
  ["Browse", "Anonymous", ({ miniProgram }) => assert.ok(miniProgram.shops.nodes.length === 2)],
  ["Cart", "Buyer Lin", ({ cartLinesSet }) => assert.equal(cartLinesSet.cart.lines.length, 2)],
  ["CheckOut", "Buyer Lin", ({ checkoutPlace }) => assert.equal(checkoutPlace.checkout.orders.length, 2)],
  ["Pay", "Buyer Lin", ({ sandboxPaymentConfirm }) => assert.equal(sandboxPaymentConfirm.payment.status, "PAID")],
  ["WatchStock", "Buyer Lin", ({ stockChanged }) => assert.ok(stockChanged.version > 1)],
  [
    "Refund",
    "Owner",
    ({ orderRefund }) => {
      assert.equal(orderRefund.order.refunded.amount, 1001);
      assert.ok(orderRefund.order.splits.length > 1);
    },
  ],
  [
    "Restock",
    "Owner",
    ({ stockAdjustMany: { verdicts } }) => {
      assert.deepEqual(verdicts[0].userErrors, []);
      assert.equal(verdicts[1].userErrors[0].code, "VERSION_MISMATCH");
    },
  ],
];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    ..."--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync".split(" "),
  ],
});
const troubles = [];
try {
  await tour({ width: 1280, height: 800 }, "light");
  await tour({ width: 390, height: 844 }, "dark");
} finally {
  await browser.close();
}
assert.deepEqual(troubles, []);
console.log("ok");

/** Runs every tab in order in a window of this size. */
async function tour(viewport, colorScheme) {
  const context = await browser.newContext({ viewport, colorScheme, locale: "en-US" });
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  const tokens = new Set();
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && troubles.push(`console: ${m.type()}: ${m.text()}`));
  page.on("pageerror", (e) => troubles.push(`page: ${e.stack}`));
  // Blobs and data: addresses are made by the page; the policy allows data: for pictures and fonts.
  const seen = (address) => {
    const to = new URL(address);
    if (to.protocol !== "data:" && to.host !== new URL(url).host) troubles.push(`asked another host: ${address}`);
  };
  context.on("request", (r) => seen(r.url()));
  page.on("websocket", (s) => seen(s.url()));
  page.on("response", (r) => r.status() >= 400 && troubles.push(`${r.url()}: ${r.status()}`));
  page.on("requestfailed", (r) => troubles.push(`${r.url()}: ${r.failure()?.errorText}`));
  page.on("request", (r) => r.headers().authorization && tokens.add(r.headers().authorization.replace("Bearer ", "")));

  await page.goto(url);
  const width = viewport.width;
  await page.getByRole("tab", { name: "Browse" }).waitFor();
  for (const [i, [name, who, check]] of lessons.entries()) {
    await page.locator(`#graphiql-session-tab-${i}`, { hasText: name }).click();
    await page.getByRole("radio", { name: who, checked: true }).waitFor();
    await editorSays(page, "operation.graphql", name);
    if (i > 0) await editorSays(page, "variables.json", '_|-'); // an id, or a key
    await page.getByRole("button", { name: "Execute query" }).click();
    if (name === "WatchStock") {
      await answered(page, (text) => text.includes("stockChanged"));
      const first = await version(page);
      await page.getByRole("button", { name: "Somebody else buys one" }).click();
      await answered(page, (text, before) => Number(/"version": (\d+)/.exec(text)?.[1]) > before, first);
    }
    const text = await answered(page, (t) => t.includes('"data"'));
    const answer = JSON.parse(text);
    assert.equal(answer.errors, undefined, text);
    check(answer.data);
    await page.locator(".spent").getByText(name).waitFor();
    // The server does not say what events cost.
    assert.match(await page.locator(".spent").innerText(), name === "WatchStock" ? /· \d+ ms/ : /cost [\d,]+ of [\d,]+ · \d+ ms/);
    if (folder) await page.screenshot({ path: join(folder, `playground-${width}-${i + 1}-${name}.png`) });
    if (name === "WatchStock") await page.getByRole("button", { name: "Stop query" }).click();
  }
  assert.ok(tokens.size >= 2, `${tokens.size} tokens were used`);

  // The page is not wider than the window.
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= width, `the page is ${wide} wide in a window of ${width}`);

  // Documentation, from introspection, with its search.
  await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
  await page.getByText("A GraphQL schema provides a root type").or(page.getByText("Root Types")).first().waitFor();
  if (folder) await page.screenshot({ path: join(folder, `playground-${width}-docs.png`) });
  await page.getByRole("button", { name: "Hide Documentation Explorer" }).click();

  // What is on the disk. GraphiQL writes half a second after a change.
  await page.waitForTimeout(1000);
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  for (const token of tokens) assert.ok(!kept.includes(token), "a token is in the browser's storage");
  assert.ok(!/tabState|headers|query|variables/i.test(kept), kept);
  assert.equal(await page.evaluate(async () => (await indexedDB.databases()).length), 0);
  await context.close();
}

/** The text of the editor whose file ends so. */
function textOf(page, file) {
  return page.evaluate((f) => globalThis.__MONACO?.editor.getModels().find((m) => m.uri.path.endsWith(f))?.getValue() ?? "", file);
}

/** Waits until an editor has text that matches. */
async function editorSays(page, file, pattern) {
  await until(async () => new RegExp(pattern).test(await textOf(page, file)), `${file} to say ${pattern}`);
}

/** Waits for an answer that is wanted. */
async function answered(page, wanted, given) {
  let text = "";
  await until(
    async () => {
      text = await textOf(page, "response.json");
      return wanted(text, given);
    },
    () => `an answer; there is ${text}`,
  );
  return text;
}

async function version(page) {
  return Number(/"version": (\d+)/.exec(await textOf(page, "response.json"))?.[1]);
}

async function until(done, what) {
  const end = Date.now() + patience;
  while (!(await done())) {
    if (Date.now() > end) throw new Error(`waited for ${typeof what === "function" ? what() : what}\n${troubles.join("\n")}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
