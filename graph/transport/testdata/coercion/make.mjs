// Writes cases.json: what graphql-js says to each value, as a literal and as a variable.
import { readFileSync, writeFileSync } from 'node:fs';
import { buildSchema, graphqlSync, version } from 'graphql';

const schema = buildSchema(readFileSync('schema.graphql', 'utf8'));
const safe = (n) => {
  if (typeof n !== 'number' || !Number.isSafeInteger(n)) throw new TypeError('no Int64');
  return n;
};
const int64 = schema.getType('Int64');
int64.parseValue = safe;
int64.parseLiteral = (node) => {
  if (node.kind !== 'IntValue' && node.kind !== 'FloatValue') throw new TypeError('no Int64');
  return safe(Number(node.value));
};

// Each is a field and what is given to it: as both, or as a literal and as JSON; undefined for what cannot be written so.
const both = (text) => [text, text];
const object = (literal) => [literal, literal.replace(/([{ ,])(\w+):/g, '$1"$2":').replace(/: (RED|GREEN|BLUE|red)/g, ': "$1"')];
const given = {
  int: ['0', '-0', '7', '-2147483648', '2147483647', '2147483648', '-2147483649', '3e9', '99999999999999999999', '1.5', '1.0', '1e3', '0.0', '"7"', '""', 'true', 'null', '[7]', '[]', '{}'].map(both),
  mustInt: ['7', 'null', '"7"'].map(both).concat([[undefined, undefined]]),
  int64: ['0', '9007199254740991', '-9007199254740991', '9007199254740992', '-9007199254740992', '9223372036854775807', '9223372036854775808', '1.0', '1e3', '1.5', '"7"', 'true', 'null', '[7]', '{}'].map(both),
  string: ['"a"', '""', '7', '1.5', 'true', 'null', '["a"]', '{}', '"\\u0000"', '"\\u4f60"', '"\\ud83d\\ude00"', '"\\uD83D\\uDE00"', '"\\ude00\\ud83d"', '"\\ud83d"', '"\\ude00"', '"\\ud83dx"',
    '"\\ufffd"', '"😀"', '"\\ufeff"', '"\\u00e9\\u0065\\u0301"', '"\\n\\t\\"\\\\\\/\\b\\f\\r"', '"\\u12"', '"\\x41"', '"\\u2028"', '"a\\u0000b"'].map(both)
    .concat([['"\\u{1F600}"'], ['"\\u{D83D}"'], ['"\\u{110000}"'], ['"\\u{}"'], ['"""a\n  b"""'], ['RED'], ['"""\\ud83d"""']]),
  id: ['"a"', '7', '-7', '7.0', '7.5', '"7"', 'true', 'null', '9007199254740991', '["a"]', '{}'].map(both).concat([['RED']]),
  boolean: ['true', 'false', 'null', '0', '1', '"true"', '[true]', '{}'].map(both).concat([['TRUE']]),
  color: [['RED', '"RED"'], ['"RED"', undefined], ['red', '"red"'], ['BLUE', '"BLUE"'], ['7', '7'], ['true', 'true'], ['null', 'null'], ['[RED]', '["RED"]']],
  choice: ['{a: 1}', '{b: 1}', '{a: 1, b: 2}', '{a: null}', '{a: 1, b: null}', '{}', '{c: 1}', '{a: "1"}', '[{a: 1}]', 'null', '7'].map(object),
  item: ['{id: "a", quantity: 1}', '{id: "a"}', '{quantity: 1}', '{id: null, quantity: 1}', '{id: "a", quantity: null}', '{id: "a", quantity: 1, color: null}',
    '{id: "a", quantity: 1, color: GREEN}', '{id: "a", quantity: 1, color: BLUE}', '{id: "a", quantity: 1, other: 2}', '{id: "a", quantity: 1, note: 7}', '{id: 7, quantity: 1}',
    '{id: "a", quantity: 1.5}', '{id: "a", quantity: 4294967296}', '[{id: "a", quantity: 1}]', '"a"', '7', '[]', 'null'].map(object),
  nested: ['{}', '{items: {id: "a", quantity: 1}}', '{items: [{id: "a", quantity: 1}]}', '{items: [null]}', '{items: [{id: "a"}]}', '{items: []}', '{items: null}', '{tags: "a"}', '{tags: ["a", null]}', '{tags: [7]}',
    '{choice: {a: 1, b: 2}}', '{choice: {a: null}}', '{choice: {b: 2}}', '{grid: 1}', '{grid: [1, 2]}', '{grid: [[1], null, [null]]}', '{grid: [["1"]]}', '{grid: [[1.5]]}'].map(object),
  ints: ['[1, 2]', '1', '[1, null]', 'null', '[]', '["1"]', '[1.5]', '[[1]]', '"1"', '{}', '[2147483648]'].map(both),
  fullInts: ['[1, 2]', '1', '[1, null]', 'null', '[]', '[null]', '["1"]'].map(both).concat([[undefined, undefined]]),
  grid: ['[[1, 2], [3]]', '[1, 2]', '1', '[[1], null]', '[[null]]', '[[[1]]]', '[["1"]]', 'null', '[]'].map(both),
};

const cases = [];
for (const [field, values] of Object.entries(given)) {
  const arg = schema.getQueryType().getFields()[field].args[0];
  const run = (source, variableValues) => {
    let value;
    const rootValue = { [field]: (args) => { value = args; return 'ran'; } };
    const result = graphqlSync({ schema, source, variableValues, rootValue });
    return result.errors ? { ok: false } : { ok: true, value: value.v };
  };
  for (const [literal, json] of values) {
    const one = { field, type: String(arg.type) };
    if (literal !== undefined) {
      one.literal = literal;
      one.asLiteral = run(`{ ${field}(v: ${literal}) }`);
    }
    if (json !== undefined) {
      one.json = json;
      try { JSON.parse(json); one.asVariable = run(`query ($v: ${arg.type}) { ${field}(v: $v) }`, { v: JSON.parse(json) }); } catch { one.asVariable = { ok: false }; }
    }
    if (literal === undefined && json === undefined) {
      one.asLiteral = run(`{ ${field} }`);
      one.asVariable = run(`query ($v: ${arg.type}) { ${field}(v: $v) }`, {});
    }
    cases.push(one);
  }
}
writeFileSync('cases.json', JSON.stringify({ graphql: version, cases }, null, 1) + '\n');
