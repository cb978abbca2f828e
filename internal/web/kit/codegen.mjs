// What graphql-codegen makes of ../schema.graphql and src/operations: types, documents as strings, refusals, and the trusted documents.
const scalars = { ID: "string", Int64: "number", DateTime: "string" };

export default {
  schema: "../schema.graphql",
  documents: "src/operations/*.graphql",
  emitLegacyCommonJSImports: false,
  generates: {
    "src/generated/operations.ts": {
      plugins: ["typescript-operations", "./scripts/plugin-documents.mjs"],
      config: { scalars, strictScalars: true, useTypeImports: true, enumType: "string-literal", inputMaybeValue: "T | null | undefined", skipTypename: true },
    },
    "src/generated/refusals.ts": { plugins: ["./scripts/plugin-refusals.mjs"] },
    "documents.json": { plugins: ["./scripts/plugin-trusted.mjs"] },
  },
};
