// Runs the program of README.md, word for word but for the server's address.
import { build } from "esbuild";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { FakeWx } from "./wx.js";

const url = process.env.HOLDFAST_URL;

test.skipIf(!url || process.env.HOLDFAST_TRUSTED === "true")("the README's program ends with a paid order", { timeout: 30_000 }, async () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const [, program] = /```ts\n([^]*?)```/.exec(readme)!;
  const { outputFiles } = await build({
    stdin: { contents: program!.replace("http://127.0.0.1:8080", url!), resolveDir: new URL(".", import.meta.url).pathname, loader: "ts" },
    alias: { "@holdfast/kit": new URL("../src/index.ts", import.meta.url).pathname },
    bundle: true,
    format: "iife",
    write: false,
  });
  const data: Record<string, unknown> = {};
  let page: { onLoad(): Promise<void>; buy(): Promise<void>; setData(to: object): void } | undefined;
  new Function("wx", "Page", outputFiles[0]!.text)(new FakeWx({ name: "readme" }), (it: typeof page) => (page = it));
  page!.setData = (to) => Object.assign(data, to);
  await page!.onLoad();
  await expect.poll(() => data.left).toBeGreaterThan(0);
  const before = data.left as number;
  await page!.buy();
  expect(data.said).toMatch(/^paid: /);
  await expect.poll(() => data.left).toBe(before - 1);
});
