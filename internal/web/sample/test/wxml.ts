/** An element of a WXML page, or text. */
export interface Element {
  tag: string;
  attributes: Map<string, string>;
  children: (Element | string)[];
}

/** Parses WXML: elements, attributes in quotes or none, text, comments. Throws where they do not fit together. */
export function parseWXML(source: string): Element {
  const root: Element = { tag: "", attributes: new Map(), children: [] };
  const open = [root];
  const token = /<!--[\s\S]*?-->|<\/([\w-]+)\s*>|<([\w-]+)((?:\s+[\w:.-]+(?:\s*=\s*(?:"[^"]*"|'[^']*'))?)*)\s*(\/?)>|((?:\{\{[\s\S]*?\}\}|[^<{]|\{(?!\{))+)/y;
  while (token.lastIndex < source.length) {
    const at = token.lastIndex;
    const match = token.exec(source);
    if (!match) {
      throw new Error(`not WXML: ${source.slice(at, at + 60)}`);
    }
    const [, closes, opens, attributes = "", selfClosing, text] = match;
    const top = open[open.length - 1]!;
    if (closes) {
      if (top.tag !== closes) {
        throw new Error(`</${closes}> ends <${top.tag}>`);
      }
      open.pop();
    } else if (opens) {
      const element: Element = { tag: opens, attributes: attributesOf(attributes), children: [] };
      top.children.push(element);
      if (!selfClosing) {
        open.push(element);
      }
    } else if (text?.trim()) {
      top.children.push(text);
    }
  }
  if (open.length > 1) {
    throw new Error(`<${open[open.length - 1]!.tag}> has no end`);
  }
  return root;
}

function attributesOf(text: string): Map<string, string> {
  const found = [...text.matchAll(/([\w:.-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'))?/g)];
  const attributes = new Map(found.map(([, name, double, single]) => [name!, double ?? single ?? ""]));
  if (attributes.size < found.length) {
    throw new Error(`an attribute twice: ${text}`);
  }
  return attributes;
}

/** What a page needs: the handlers that its events name, and the variables that its expressions begin with. */
export function needs(root: Element): { handlers: Set<string>; variables: Set<string> } {
  const handlers = new Set<string>();
  const variables = new Set<string>();
  const use = (text: string, local: ReadonlySet<string>) => roots(text).filter((name) => !local.has(name)).forEach((name) => variables.add(name));
  const walk = (node: Element | string, local: ReadonlySet<string>): void => {
    if (typeof node === "string") {
      return use(node, local);
    }
    const { attributes } = node;
    const list = attributes.get("wx:for");
    const inside = list === undefined ? local : new Set([...local, attributes.get("wx:for-item") ?? "item", attributes.get("wx:for-index") ?? "index"]);
    for (const [name, value] of attributes) {
      if (/^(capture-)?(mut-)?(bind|catch)/.test(name)) {
        handlers.add(value);
      } else {
        use(value, name === "wx:for" ? local : inside);
      }
    }
    node.children.forEach((child) => walk(child, inside));
  };
  walk(root, new Set());
  return { handlers, variables };
}

/** The names that the {{expressions}} in a text begin with: `a` of `a.b[c] + 'd'`, and `c`. */
function roots(text: string): string[] {
  return [...text.matchAll(/\{\{([\s\S]*?)\}\}/g)].flatMap(([, expression = ""]) => {
    const bare = expression.replace(/'[^']*'|"[^"]*"/g, "''");
    const names = [...bare.matchAll(/(?<![\w$.])[A-Za-z_$][\w$]*/g)].map(([name]) => name);
    return names.filter((name) => !["true", "false", "null", "undefined"].includes(name));
  });
}
