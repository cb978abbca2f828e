import { getNamedType, isListType, isNonNullType, isObjectType, isScalarType } from "graphql";

/**
 * Writes the union of refusals by code. What a type of error gives beyond every error belongs to the code that the description of
 * its `code` names; what comes with several codes (LineError) may come with any.
 */
export const plugin = (schema) => {
  const common = Object.keys(schema.getType("UserError").getFields());
  const codes = schema.getType("UserErrorCode").getValues();
  const extra = (type) => Object.values(type.getFields()).filter((f) => !common.includes(f.name));
  const errors = schema.getPossibleTypes(schema.getType("UserError")).filter((type) => extra(type).length > 0);
  const codeOf = (type) => codes.find((c) => `${c.name}.` === type.getFields().code.description)?.name;
  const line = (f, optional) => `  /** ${f.description} */\n  ${f.name}${optional ? "?" : ""}: ${typeOf(f.type)};`;
  const anyCode = errors.filter((type) => !codeOf(type)).flatMap(extra).map((f) => line(f, true));
  const union = codes.map(({ name, description }) => {
    const own = errors.filter((type) => codeOf(type) === name).flatMap(extra).map((f) => line(f, false).replaceAll("\n  ", "\n      ").trim());
    return `  /** ${description} */\n  | (Refused & {\n      code: ${JSON.stringify(name)};\n${own.map((l) => `      ${l}\n`).join("")}    })`;
  });
  return `/** What every refusal says. */
export interface Refused {
  /** Fit to show. */
  message: string;
  /** Path from the argument; null when none is at fault. */
  field: string[] | null;
${anyCode.join("\n")}
}

/** Why an action was refused. A \`switch\` over \`code\` is exhaustive; a code that is newer than this kit comes as INVALID. */
export type Refusal =
${union.join("\n")};

/** The codes that this kit knows. */
export const refusalCodes: readonly Refusal["code"][] = ${JSON.stringify(codes.map((c) => c.name))};
`;
};

/** A type of the SDL in TypeScript, objects field by field. */
function typeOf(type) {
  if (!isNonNullType(type)) {
    return `${nonNull(type)} | null`;
  }
  return nonNull(type.ofType);
}

function nonNull(type) {
  if (isListType(type)) {
    return `${typeOf(type.ofType)}[]`;
  }
  if (isObjectType(type)) {
    return `{ ${Object.values(type.getFields()).map((f) => `${f.name}: ${typeOf(f.type)}`).join("; ")} }`;
  }
  const { name } = getNamedType(type);
  return isScalarType(type) && ["Int", "Int64", "Float"].includes(name) ? "number" : "string";
}
