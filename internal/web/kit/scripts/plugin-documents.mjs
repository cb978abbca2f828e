import { texts } from "./texts.mjs";

/** Writes each operation as a string that knows its types. */
export const plugin = (schema, files) => ({
  prepend: ['import type { TypedDocument } from "../document.js";'],
  content: texts(files)
    .map(({ operation: { name, operation }, text }) => {
      const type = name.value + operation[0].toUpperCase() + operation.slice(1);
      return `export const ${name.value}Document = ${JSON.stringify(text)} as TypedDocument<${type}, ${type}Variables>;`;
    })
    .join("\n\n"),
});
