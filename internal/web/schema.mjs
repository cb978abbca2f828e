// Says what of a schema changed, and fails when clients of the old one would break: node schema.mjs OLD.graphql NEW.graphql
import { readFileSync } from "node:fs";
import { CriticalityLevel, diff } from "@graphql-inspector/core";
import { buildSchema } from "graphql";

const [before, after] = process.argv.slice(2).map((file) => buildSchema(readFileSync(file, "utf8")));
const changes = await diff(before, after);
const breaking = changes.filter((change) => change.criticality.level === CriticalityLevel.Breaking);
for (const change of changes) {
  console.log(`${change.criticality.level.toLowerCase().replace("_", " ")}: ${change.message}`);
}
if (breaking.length > 0) {
  console.error(`${breaking.length} of ${changes.length} changes of the API break its clients. Add beside it what is new, and deprecate what is old; or run .ci/schema --break.`);
  process.exit(1);
}
