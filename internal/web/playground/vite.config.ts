import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const at = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const server = "http://127.0.0.1:8080";

export default defineConfig({
  base: "/playground/",
  plugins: [react()],
  worker: { format: "es" },
  build: {
    target: "es2022",
    // Files of our own rather than data: addresses, and no script that others would have to allow inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 5000, // Monaco
    rolldownOptions: {
      input: ["index.html", "race.html"].map(at).filter((page) => existsSync(page)),
      // GraphiQL was compiled already by what reads its "use no memo".
      onLog: (level, log, handle) => log.code !== "MODULE_LEVEL_DIRECTIVE" && handle(level, log),
    },
  },
  // For work on these pages, beside `go run ./server`.
  server: { proxy: { "/graphql": { target: server, ws: true }, "/playground/config.json": server } },
});
