// Writes dist/: the package as teams take it (`npm pack ./dist`), JavaScript with types, and the documents that a server may trust.
import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const here = new URL("..", import.meta.url).pathname;
rmSync(`${here}dist`, { recursive: true, force: true });
execFileSync("npx", ["tsc", "-p", "."], { cwd: here, stdio: "inherit" });
const { name, version, type, sideEffects } = JSON.parse(readFileSync(`${here}package.json`, "utf8"));
const entry = { types: "./index.d.ts", default: "./index.js" };
const published = { name, version, type, sideEffects, main: "./index.js", types: "./index.d.ts", exports: { ".": entry, "./documents.json": "./documents.json" } };
writeFileSync(`${here}dist/package.json`, JSON.stringify(published, null, 2) + "\n");
for (const file of ["README.md", "documents.json"]) {
  copyFileSync(`${here}${file}`, `${here}dist/${file}`);
}
