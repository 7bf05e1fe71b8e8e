import { childOf, childrenOf, isNode, type SyntaxNode, type NodePlace, type Span, spanOf, walk } from "./tree.ts";

/*
 * What can be changed in a Solidity file such that a test should notice. Changes are found on the compiler's tree and
 * made on the file's bytes.
 */

/** Kinds of changes, in the order in which they are reported. */
export const MUTATION_OPERATORS = [
  "relation",
  "arithmetic",
  "logic",
  "number",
  "constant",
  "branch",
  "check",
  "statement",
  "choice",
  "modifier",
  "assembly",
] as const;

export type MutationOperator = (typeof MUTATION_OPERATORS)[number];

/** One change of one file. */
export interface Mutant extends Span {
  readonly operator: MutationOperator;
  /** Line of the file, from 1. */
  readonly line: number;
  /** The text that is replaced. */
  readonly original: string;
  /** The text that replaces it. */
  readonly replacement: string;
}

type Edit = Pick<Mutant, "operator" | "replacement"> & Span;

const SWAPS: Readonly<Record<string, readonly [MutationOperator, readonly string[]]>> = {
  "<": ["relation", ["<=", ">="]],
  "<=": ["relation", ["<", ">"]],
  ">": ["relation", [">=", "<="]],
  ">=": ["relation", [">", "<"]],
  "==": ["relation", ["!="]],
  "!=": ["relation", ["=="]],
  "+": ["arithmetic", ["-"]],
  "-": ["arithmetic", ["+"]],
  "*": ["arithmetic", ["/"]],
  "/": ["arithmetic", ["*"]],
  "%": ["arithmetic", ["*"]],
  "<<": ["arithmetic", [">>"]],
  ">>": ["arithmetic", ["<<"]],
  "&": ["arithmetic", ["|"]],
  "|": ["arithmetic", ["&"]],
  "^": ["arithmetic", ["&"]],
  "+=": ["arithmetic", ["-="]],
  "-=": ["arithmetic", ["+="]],
  "*=": ["arithmetic", ["/="]],
  "&&": ["logic", ["||"]],
  "||": ["logic", ["&&"]],
};

const YUL_SWAPS: Readonly<Record<string, string>> = {
  ...{ add: "sub", sub: "add", mul: "add", div: "mul", mod: "div", shl: "shr", shr: "shl", sar: "shr" },
  ...{ and: "or", or: "and", xor: "or", lt: "gt", gt: "lt", slt: "sgt", sgt: "slt", eq: "xor", iszero: "not" },
};

/** Statements whose absence should be noticed; each ends in a semicolon of its own. */
const REMOVABLE = new Set(["ExpressionStatement", "EmitStatement", "RevertStatement", "Break", "Continue"]);

/** What holds no code. */
const SILENT = new Set([
  ...["PragmaDirective", "ImportDirective", "StructuredDocumentation", "UsingForDirective"],
  ...["EventDefinition", "ErrorDefinition", "StructDefinition", "EnumDefinition", "UserDefinedValueTypeDefinition"],
]);

const isSilent = ({ node, field }: NodePlace): boolean =>
  SILENT.has(node.nodeType) || node.nodeType.endsWith("TypeName") || field === "typeName";

const nameOf = (node: SyntaxNode | undefined): unknown => node?.name;

/** The operator between two operands: there is nothing else but blanks, because parentheses belong to the operands. */
const between = (
  left: SyntaxNode,
  right: SyntaxNode,
  operator: string,
  text: (span: Span) => string,
): Span | undefined => {
  const gap = { start: spanOf(left).end, end: spanOf(right).start };
  const at = text(gap).indexOf(operator);
  return at < 0 ? undefined : { start: gap.start + at, end: gap.start + at + operator.length };
};

const swapsOf = (node: SyntaxNode, left: string, right: string, text: (span: Span) => string): readonly Edit[] => {
  const [first, second] = [childOf(node, left), childOf(node, right)];
  const swap = typeof node.operator === "string" ? SWAPS[node.operator] : undefined;
  if (first === undefined || second === undefined || swap === undefined) return [];
  const span = between(first, second, String(node.operator), text);
  const [operator, replacements] = swap;
  return span === undefined ? [] : replacements.map((replacement) => ({ ...span, operator, replacement }));
};

/** Other numbers in place of one: the next and zero. A unit such as `days` stays. */
const numbersOf = (node: SyntaxNode, operator: MutationOperator, text: (span: Span) => string): readonly Edit[] => {
  const [digits = ""] = /^[\w.]+/.exec(text(spanOf(node))) ?? [];
  const value = Number(digits.replaceAll("_", ""));
  // Twenty bytes in hexadecimal are an address, which a number does not replace.
  if (!Number.isSafeInteger(value) || /^0x\w{40}$/.test(digits)) return [];
  const { start } = spanOf(node);
  return [...new Set([value + 1, 0])]
    .filter((other) => other !== value)
    .map((other) => ({ start, end: start + digits.length, operator, replacement: String(other) }));
};

/** Up to its semicolon, or nothing when it has none, as in the head of a loop. */
const removalOf = (node: SyntaxNode, operator: MutationOperator, text: (span: Span) => string): readonly Edit[] => {
  const { start, end } = spanOf(node);
  const rest = text({ start: end, end: end + 80 });
  const blanks = rest.length - rest.trimStart().length;
  if (rest[blanks] !== ";") return [];
  return [{ start, end: end + blanks + 1, operator, replacement: "{}" }];
};

const isCheck = (node: SyntaxNode): boolean => {
  const call = childOf(node, "expression");
  const callee = call === undefined ? undefined : childOf(call, "expression");
  const name = nameOf(callee);
  return typeof name === "string" && /^_?require/.test(name);
};

/** All changes of one node. */
const editsOf = ({ node, field }: NodePlace, text: (span: Span) => string): readonly Edit[] => {
  const span = spanOf(node);
  switch (node.nodeType) {
    case "BinaryOperation":
      return swapsOf(node, "leftExpression", "rightExpression", text);
    case "Assignment":
      return swapsOf(node, "leftHandSide", "rightHandSide", text);
    case "UnaryOperation": {
      const operand = childOf(node, "subExpression");
      if (node.operator !== "!" || operand === undefined) return [];
      return [{ ...span, operator: "logic", replacement: text(spanOf(operand)) }];
    }
    case "Literal":
      if (node.kind === "number") return numbersOf(node, "number", text);
      if (node.kind !== "bool") return [];
      return [{ ...span, operator: "logic", replacement: node.value === "true" ? "false" : "true" }];
    case "IfStatement": {
      const condition = childOf(node, "condition");
      if (condition === undefined) return [];
      return ["true", "false"].map((replacement) => ({ ...spanOf(condition), operator: "branch", replacement }));
    }
    case "Conditional": {
      const [yes, no] = [childOf(node, "trueExpression"), childOf(node, "falseExpression")];
      if (yes === undefined || no === undefined) return [];
      const [first, second] = [spanOf(yes), spanOf(no)];
      const middle = text({ start: first.end, end: second.start });
      const replacement = `${text(second)}${middle}${text(first)}`;
      return [{ start: first.start, end: second.end, operator: "choice", replacement }];
    }
    case "VariableDeclaration": {
      const value = childOf(node, "value");
      if (node.constant !== true || value === undefined || value.nodeType === "Literal") return [];
      return [{ ...spanOf(value), operator: "constant", replacement: "0" }];
    }
    case "FunctionDefinition":
      return childrenOf(node, "modifiers")
        .filter(({ kind }) => kind === "modifierInvocation")
        .map((modifier) => ({ ...spanOf(modifier), operator: "modifier", replacement: "" }));
    case "YulFunctionCall": {
      const callee = childOf(node, "functionName");
      const name = nameOf(callee);
      const other = typeof name === "string" ? YUL_SWAPS[name] : undefined;
      if (callee === undefined || other === undefined) return [];
      return [{ ...spanOf(callee), operator: "assembly", replacement: other }];
    }
    case "YulLiteral":
      return node.kind === "number" ? numbersOf(node, "assembly", text) : [];
    default:
      if (!REMOVABLE.has(node.nodeType) || field === "initializationExpression") return [];
      return removalOf(node, isCheck(node) ? "check" : "statement", text);
  }
};

/**
 * All mutants of a source file, in its order, each once.
 * @param source The file.
 * @param tree Its tree, as the compiler gives it.
 */
export const mutantsOf = (source: string, tree: unknown): readonly Mutant[] => {
  if (!isNode(tree)) return [];
  const bytes = Buffer.from(source, "utf8");
  const text = ({ start, end }: Span): string => bytes.toString("utf8", start, end);
  const found = new Map<string, Mutant>();
  for (const place of walk(tree, isSilent)) {
    for (const edit of editsOf(place, text)) {
      const line = text({ start: 0, end: edit.start }).split("\n").length;
      found.set(`${String(edit.start)} ${String(edit.end)} ${edit.replacement}`, {
        ...edit,
        line,
        original: text(edit),
      });
    }
  }
  return [...found.values()].sort((left, right) => left.start - right.start || left.end - right.end);
};

/** The source with the mutant's change. */
export const mutate = (source: string, { start, end, replacement }: Mutant): string => {
  const bytes = Buffer.from(source, "utf8");
  return Buffer.concat([bytes.subarray(0, start), Buffer.from(replacement), bytes.subarray(end)]).toString("utf8");
};
