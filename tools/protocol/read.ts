import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { id, Interface, keccak256 } from "ethers";

/** A node of the compiler's syntax tree, as far as it is read here. */
interface Node {
  readonly nodeType: string;
  readonly name?: string;
  readonly nodes?: readonly Node[];
  readonly members?: readonly Node[];
  readonly constant?: boolean;
  readonly visibility?: string;
  readonly kind?: string;
  readonly value?: Node | string;
  readonly hexValue?: string;
  readonly expression?: Node;
  readonly arguments?: readonly Node[];
  readonly memberName?: string;
  readonly modifiers?: readonly Node[];
  readonly modifierName?: Node;
  readonly typeDescriptions?: { readonly typeString?: string };
}

interface AbiInput {
  readonly name: string;
  readonly type: string;
  readonly internalType?: string;
}

interface AbiEntry {
  readonly type: string;
  readonly name?: string;
  readonly inputs?: readonly AbiInput[];
}

interface BuildInfo {
  readonly output: {
    readonly sources: Readonly<Record<string, { readonly ast: Node }>>;
    readonly contracts: Readonly<Record<string, Readonly<Record<string, { readonly abi: readonly AbiEntry[] }>>>>;
  };
}

export interface EnumDefinition {
  readonly name: string;
  readonly source: string;
  readonly members: readonly string[];
}

export interface ConstantDefinition {
  /** Contract that declares it; the source's name for one outside of contracts. */
  readonly scope: string;
  readonly name: string;
  readonly value: number | bigint | string;
}

export interface TypedDataDefinition {
  readonly name: string;
  readonly domain: { readonly name: string; readonly version: string };
  readonly fields: readonly { readonly name: string; readonly type: string }[];
}

export interface ErrorDefinition {
  readonly selector: string;
  readonly name: string;
  /** `NAME(TYPE NAME, …)`, where the type of an enum's code is the name of the enum. */
  readonly signature: string;
}

/** All that TypeScript repeats of the contracts. */
export interface Protocol {
  readonly enums: readonly EnumDefinition[];
  readonly constants: readonly ConstantDefinition[];
  readonly typedData: readonly TypedDataDefinition[];
  readonly errors: readonly ErrorDefinition[];
}

const PREFIX = "project/contracts/";
const isOwn = (source: string): boolean => source.startsWith(PREFIX) && !source.startsWith(`${PREFIX}mocks/`);
/** Where a source is below the root of the project. */
const pathOf = (source: string): string => source.slice("project/".length);
const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

/** Reads enums, constants, typed data and errors of the contracts from what the compiler wrote into `artifacts`. */
export function readProtocol(artifacts: string): Protocol {
  const folder = join(artifacts, "build-info");
  // Oldest first: what Hardhat compiled before stays in the folder, and the last compilation of a source counts.
  const outputs = readdirSync(folder)
    .filter((file) => file.endsWith(".output.json"))
    .map((file) => join(folder, file))
    .sort((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs)
    .map((file) => (JSON.parse(readFileSync(file, "utf8")) as BuildInfo).output);
  const root = join(artifacts, "..");
  const exists = ([source]: readonly [string, unknown]): boolean =>
    isOwn(source) && existsSync(join(root, pathOf(source)));
  const sources = new Map(outputs.flatMap((output) => Object.entries(output.sources)).filter(exists));
  const contracts = new Map(outputs.flatMap((output) => Object.entries(output.contracts)).filter(exists));
  const own = [...sources].sort(([a], [b]) => (a < b ? -1 : 1));
  const enums: EnumDefinition[] = [];
  const constants: ConstantDefinition[] = [];
  const typedData: TypedDataDefinition[] = [];
  for (const [source, { ast }] of own) {
    const path = pathOf(source);
    const scopes = [ast, ...(ast.nodes ?? []).filter(({ nodeType }) => nodeType === "ContractDefinition")];
    for (const scope of scopes) {
      const scopeName = scope.name ?? path.replace(/^.*\/|\.sol$/g, "");
      for (const node of scope.nodes ?? []) {
        if (node.nodeType === "EnumDefinition") enums.push(enumOf(node, path));
        if (node.nodeType !== "VariableDeclaration" || node.constant !== true || !isMirrored(node)) continue;
        const name = node.name ?? "";
        constants.push({ scope: scopeName, name, value: valueOf(node.value, `${scopeName}.${name}`, scope) });
        if (name.endsWith("_TYPEHASH")) typedData.push(typedDataOf(node, scope));
      }
    }
  }
  return {
    enums: enums.sort(byName),
    constants,
    typedData: typedData.sort(byName),
    errors: errorsOf([...contracts.values()]),
  };
}

/** What a contract shows, or its siblings use; and the limits, which the runner has to keep too. */
const isMirrored = ({ visibility, name = "" }: Node): boolean => visibility !== "private" || name.startsWith("MAX_");

const enumOf = ({ name = "", members = [] }: Node, source: string): EnumDefinition => ({
  name,
  source,
  members: members.map((member) => member.name ?? ""),
});

/** The value of a constant of a scope. @throws when its expression has a form that no constant had so far. */
function valueOf(value: Node | string | undefined, what: string, scope: Node): number | bigint | string {
  if (typeof value === "object") {
    if (value.nodeType === "Identifier") {
      const named = (scope.nodes ?? []).find(({ name, constant }) => constant === true && name === value.name);
      if (named !== undefined) return valueOf(named.value, what, scope);
    }
    const type = value.typeDescriptions?.typeString ?? "";
    const integer = /^int_const ([0-9]+)$/.exec(type)?.[1];
    if (integer !== undefined) return numberOf(BigInt(integer));
    // The compiler shortens long integers in the name of their type.
    if (value.nodeType === "Literal" && typeof value.value === "string" && type.startsWith("int_const")) {
      return numberOf(BigInt(value.value.replaceAll("_", "")));
    }
    if (typeof value.value === "string" && type === "address") return value.value;
    const text = hashedText(value);
    if (text !== undefined) return id(text);
    const bytes = value.expression?.name === "keccak256" ? packedOf(value.arguments?.[0], scope) : undefined;
    if (bytes !== undefined) return keccak256(`0x${bytes}`);
    const size = /^bytes([0-9]+)$/.exec(type)?.[1];
    if (value.kind === "typeConversion" && size !== undefined) {
      const whole = valueOf(value.arguments?.[0], what, scope);
      if (typeof whole === "string") return whole.slice(0, 2 + 2 * Number(size));
    }
    const bits = /^uint([0-9]+)$/.exec(type)?.[1];
    if (value.memberName === "max" && bits !== undefined) return numberOf(2n ** BigInt(bits) - 1n);
  }
  throw new Error(`${what}: tools/protocol/read.ts cannot compute this expression`);
}

const numberOf = (value: bigint): number | bigint => (value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value);

/** The text in `keccak256("text")`. */
function hashedText(value: Node | string | undefined): string | undefined {
  if (typeof value !== "object" || value.expression?.name !== "keccak256") return undefined;
  const [argument] = value.arguments ?? [];
  return argument?.kind === "string" && typeof argument.value === "string" ? argument.value : undefined;
}

/** The bytes of literals, of constants made of them, and of `abi.encodePacked` of both; hex digits. */
function packedOf(value: Node | undefined, scope: Node): string | undefined {
  if (value?.nodeType === "Literal") return value.hexValue;
  if (value?.nodeType === "Identifier") {
    const named = (scope.nodes ?? []).find(({ name, constant }) => constant === true && name === value.name)?.value;
    return typeof named === "object" ? packedOf(named, scope) : undefined;
  }
  if (value?.expression?.memberName !== "encodePacked") return undefined;
  const parts = (value.arguments ?? []).map((argument) => packedOf(argument, scope));
  return parts.every((part) => part !== undefined) ? parts.join("") : undefined;
}

/** The typed data behind a type hash; name and version of the domain stand in the contract's constructor. */
function typedDataOf({ value, name }: Node, contract: Node): TypedDataDefinition {
  const [, type, fields] = /^([A-Za-z]+)\((.*)\)$/.exec(hashedText(value) ?? "") ?? [];
  const constructor = (contract.nodes ?? []).find(({ kind }) => kind === "constructor");
  const domain = constructor?.modifiers?.find(({ modifierName }) => modifierName?.name === "EIP712");
  const [domainName, version] = (domain?.arguments ?? []).map((argument) => argument.value);
  if (type === undefined || fields === undefined || typeof domainName !== "string" || typeof version !== "string") {
    throw new Error(`${String(contract.name)}.${String(name)} is no type of EIP-712 with a domain`);
  }
  const parts = fields.split(",").map((field) => {
    const [fieldType = "", fieldName = ""] = field.split(" ");
    return { name: fieldName, type: fieldType };
  });
  return { name: type, domain: { name: domainName, version }, fields: parts };
}

/** Errors of all ABIs, each selector once. */
function errorsOf(sources: readonly BuildInfo["output"]["contracts"][string][]): readonly ErrorDefinition[] {
  const found = new Map<string, ErrorDefinition>();
  for (const { abi } of sources.flatMap((contracts) => Object.values(contracts))) {
    for (const entry of abi) {
      const error = entry.type === "error" ? new Interface([entry]).getError(entry.name ?? "") : null;
      if (error !== null)
        found.set(error.selector, { selector: error.selector, name: error.name, signature: signatureOf(entry) });
    }
  }
  return [...found.values()].sort((a, b) => byName(a, b) || (a.selector < b.selector ? -1 : 1));
}

function signatureOf({ name = "", inputs = [] }: AbiEntry): string {
  const parts = inputs.map((input) => {
    const enumName = /^enum (?:.*\.)?([A-Za-z]+)$/.exec(input.internalType ?? "")?.[1];
    return `${enumName ?? input.type} ${input.name}`;
  });
  return `${name}(${parts.join(", ")})`;
}
