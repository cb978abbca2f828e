import { createHash } from "node:crypto";
import { texts } from "./texts.mjs";

/** Writes the operations by the SHA-256 of their texts, as HOLDFAST_DOCUMENTS takes them. */
export const plugin = (schema, files) => {
  const entries = texts(files).map(({ text }) => [createHash("sha256").update(text).digest("hex"), text]);
  return JSON.stringify(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))), null, 2) + "\n";
};
