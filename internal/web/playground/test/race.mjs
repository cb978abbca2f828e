// Drives the race page with a real browser, as a visitor would, and fails when the promise is not kept on the page.
//
//   node test/race.mjs BASE [FOLDER]
//
// BASE is a server in demo mode, such as http://127.0.0.1:8080; FOLDER keeps the screenshots. CHROMIUM names another browser.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [base, folder] = process.argv.slice(2);
if (!base) {
  console.error("usage: node test/race.mjs BASE [FOLDER]");
  process.exit(2);
}
if (folder) mkdirSync(folder, { recursive: true });

const BUYERS = 50;
const KEPT = "50 buyers, 1 unit: 1 winner, 49 were told OUT_OF_STOCK; stock 0; nothing oversold.";

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
try {
  for (const [width, height, colorScheme] of [
    [1280, 900, "light"],
    [390, 844, "dark"],
  ]) {
    await visit(width, height, colorScheme);
  }
} finally {
  await browser.close();
}

/** One visitor: a race over HTTP, the winner cancelled, and another race with a socket for each buyer. */
async function visit(width, height, colorScheme) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const page = await context.newPage();
  const wrong = [];
  const placed = [];
  const host = new URL(base).host;
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && wrong.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => wrong.push(`page: ${error}`));
  page.on("requestfailed", (request) => wrong.push(`failed: ${request.url()}`));
  page.on("websocket", (socket) => new URL(socket.url()).host === host || wrong.push(`other host: ${socket.url()}`));
  page.on("request", (request) => {
    if (new URL(request.url()).host !== host) wrong.push(`other host: ${request.url()}`);
    if (request.postData()?.includes("checkoutPlace")) placed.push(request.headers().authorization);
  });
  const shot = async (name) => folder && (await page.screenshot({ path: join(folder, `race-${name}-${width}.png`), fullPage: true }));
  const text = async (id) => (await page.locator(`#${id}`).textContent()).trim();

  await page.goto(new URL("/playground/race.html", base).href);
  await page.locator("#go:enabled").waitFor({ timeout: 10_000 });
  await shot("before");

  await race(page, KEPT);
  assert.equal(placed.length, BUYERS, "requests of checkoutPlace over HTTP");
  assert.equal(new Set(placed).size, BUYERS, "buyers of their own");
  await looksRight();
  assert.notEqual(await text("queued"), "–");
  await shot("http");

  // The goods come back when the winner is cancelled.
  await page.locator("#release").click();
  await page.waitForFunction(() => document.getElementById("stock").textContent === "1", null, { timeout: 10_000 });
  assert.equal(await page.locator("#release").isVisible(), false);

  await page.locator("#way").selectOption("sockets");
  await race(page, KEPT);
  assert.equal(placed.length, BUYERS, "the second race went over sockets");
  await looksRight();
  await shot("sockets");

  // Again without a cancel by hand, and with more than one unit.
  await page.locator("#buyers").fill("30");
  await page.locator("#units").fill("3");
  await race(page, "30 buyers, 3 units: 3 winners, 27 were told OUT_OF_STOCK; stock 0; nothing oversold.");
  await shot("again");
  await page.locator("#release").click();
  await page.waitForFunction(() => document.getElementById("stock").textContent === "3", null, { timeout: 10_000 });

  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  assert.equal(kept, '[{},{},""]', "nothing is written to disk");
  assert.deepEqual(wrong, []);
  await context.close();
  console.log(`ok: ${width} px, ${colorScheme}`);

  async function looksRight() {
    assert.equal(await text("won"), "1");
    assert.equal(await text("refused"), String(BUYERS - 1));
    assert.equal(await text("codes"), `OUT_OF_STOCK × ${BUYERS - 1}`);
    assert.equal(await text("stock"), "0");
    assert.equal(await text("failed"), "0");
    assert.equal(await text("over"), "0");
    assert.match(await text("doing"), /1 on hand, 1 held, 0 available/);
    for (const id of ["p50", "p99"]) assert.match(await text(id), /^[\d.]+ ms$/);
    assert.equal(await page.locator("#crowd [data-state=won]").count(), 1);
    assert.equal(await page.locator("#crowd [data-state=refused]").count(), BUYERS - 1);
    assert.equal(await page.locator("#chart canvas").count(), 1);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `the page is ${wide} px wide`);
  }
}

async function race(page, sentence) {
  await page.locator("#go").click();
  await page.locator("#verdict:not([data-tone=none])").waitFor({ timeout: 60_000 });
  assert.equal(await page.locator("#verdict").textContent(), sentence);
  assert.equal(await page.locator("#verdict").getAttribute("data-tone"), "kept");
  await page.locator("#go:enabled").waitFor();
}
