import type { ConstantDefinition, EnumDefinition, ErrorDefinition, Protocol, TypedDataDefinition } from "./read.ts";

const HEAD = "/* Generated from the contracts by `npm run protocol`: do not edit. */\n\n";

/** The generated files of runner/protocol/, by name, before they are formatted. */
export const protocolFiles = (protocol: Protocol): ReadonlyMap<string, string> =>
  new Map([
    ["enums.ts", HEAD + enumsText(protocol.enums)],
    ["constants.ts", HEAD + constantsText(protocol.constants)],
    ["typed-data.ts", HEAD + typedDataText(protocol.typedData)],
    ["errors.ts", HEAD + errorsText(protocol.errors)],
  ]);

const lowerFirst = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);
const upperSnake = (name: string): string => name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();

function enumsText(enums: readonly EnumDefinition[]): string {
  const parts = enums.map(({ name, source, members }) => {
    const codes = members.map((member, code) => `${lowerFirst(member)}: ${String(code)}n`).join(", ");
    return `/** \`${name}\` of ${source}. */
export const ${upperSnake(name)} = { ${codes} } as const;

export type ${name} = keyof typeof ${upperSnake(name)};

/** @throws AssayError OUT_OF_RANGE for a code that \`${name}\` does not have. */
export const ${lowerFirst(name)}Of = (code: bigint | number): ${name} => nameOf("${name}", ${upperSnake(name)}, code);
`;
  });
  const table = enums.map(({ name }) => `${name}: ${upperSnake(name)}`).join(", ");
  const last = `/** Every enum by its name in Solidity. */\nexport const ENUMS = { ${table} } as const;\n`;
  return ['import { nameOf } from "./name-of.ts";\n', ...parts, last].join("\n");
}

const literal = (value: ConstantDefinition["value"]): string =>
  typeof value === "string" ? JSON.stringify(value) : typeof value === "bigint" ? `${String(value)}n` : String(value);

function constantsText(constants: readonly ConstantDefinition[]): string {
  const scopes = [...new Set(constants.map(({ scope }) => scope))].sort();
  const parts = scopes.map((scope) => {
    const own = constants.filter((constant) => constant.scope === scope);
    return `${scope}: { ${own.map(({ name, value }) => `${name}: ${literal(value)}`).join(", ")} }`;
  });
  return `/** Constants by the contract or source file that declares them. Times are seconds, sizes bytes unless named otherwise. */
export const CONSTANTS = { ${parts.join(", ")} } as const;\n`;
}

function typedDataText(types: readonly TypedDataDefinition[]): string {
  const parts = types.map(
    ({ name, domain, fields }) => `/** What is signed as \`${name}\`; the domain also names chain and contract. */
export const ${upperSnake(name)}_TYPED_DATA = {
  domain: ${JSON.stringify(domain)},
  types: { ${name}: ${JSON.stringify(fields)} as { name: string; type: string }[] },
};\n`,
  );
  return parts.join("\n");
}

function errorsText(errors: readonly ErrorDefinition[]): string {
  const entries = errors.map(({ selector, signature }) => `"${selector}": ${JSON.stringify(signature)}`);
  return `/** Custom errors of all contracts by selector; an argument that is a code of an enum has the enum's name as its type. */
export const ERRORS: Readonly<Record<string, string>> = { ${entries.join(", ")} };\n`;
}
