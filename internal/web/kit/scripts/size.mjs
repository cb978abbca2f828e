// Fails when the kit is larger than it may be: all of it, with every operation, minified and gzipped, as a mini-program would ship it.
import { build } from "esbuild";
import { gzipSync } from "node:zlib";

const most = 15 * 1024;
const sizeOf = async (contents) => {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: new URL("..", import.meta.url).pathname, loader: "ts" },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2020",
    write: false,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
};

const all = await sizeOf('export * from "./src/index.ts"');
const usual = await sizeOf('export { createKit, wxPlatform } from "./src/index.ts"');
const nothing = await sizeOf('import { createKit } from "./src/index.ts"; typeof createKit');
console.log(`everything ${all} bytes, createKit and wxPlatform ${usual}, an import that uses nothing ${nothing}; at most ${most}`);
if (all > most || nothing > 100) {
  process.exit(1);
}
