// Bundles the app and each page into dist, as WeChat's developer tools take it, and copies what is not TypeScript.
import { build } from "esbuild";
import { cp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const [source, out] = [join(here, "miniprogram"), process.env.HOLDFAST_SAMPLE_DIST ?? join(here, "dist")];
const { pages } = JSON.parse(await readFile(join(source, "app.json"), "utf8"));

await rm(out, { recursive: true, force: true });
await cp(source, out, { recursive: true, filter: (path) => !/\.ts$|\/(logic|tsconfig\.json)$/.test(path) });
const { warnings } = await build({
  entryPoints: ["app", ...pages].map((name) => ({ in: join(source, `${name}.ts`), out: name })),
  outdir: out,
  bundle: true,
  format: "iife", // nothing is shared between the files, not even by require: pages reach the kit through getApp()
  platform: "neutral",
  target: "es2018",
  charset: "utf8",
  define: {
    HOLDFAST_ENDPOINT: JSON.stringify(process.env.HOLDFAST_ENDPOINT ?? ""),
    HOLDFAST_APP_ID: JSON.stringify(process.env.HOLDFAST_APP_ID ?? ""),
  },
});
if (warnings.length > 0) {
  process.exitCode = 1; // esbuild has printed them
}
