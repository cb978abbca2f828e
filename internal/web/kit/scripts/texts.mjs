import { Kind, parse, print, visit } from "graphql";

/** Each operation with its text, as it is sent: the operation, then the fragments that it needs, by name. */
export function texts(files) {
  const definitions = files.flatMap((file) => file.document.definitions);
  const fragments = new Map(definitions.filter((d) => d.kind === Kind.FRAGMENT_DEFINITION).map((d) => [d.name.value, d]));
  const needs = (node, found = new Set()) => {
    visit(node, {
      FragmentSpread({ name: { value } }) {
        if (!found.has(value)) {
          found.add(value);
          needs(fragments.get(value), found);
        }
      },
    });
    return found;
  };
  return definitions
    .filter((d) => d.kind === Kind.OPERATION_DEFINITION)
    .map((operation) => ({
      operation,
      text: short([operation, ...[...needs(operation)].sort().map((name) => fragments.get(name))].map(print).join("\n")),
    }));
}

/** The text without what means nothing. (There are no strings in the operations; a text that would change is refused.) */
function short(text) {
  const out = text.replace(/\s+/g, " ").replace(/ ?([{}():,!\[\]]|\.\.\.) ?/g, "$1");
  if (print(parse(out)) !== print(parse(text))) {
    throw new Error(`shortened, it would mean something else: ${text}`);
  }
  return out;
}
