/*
 * The compiler's syntax tree, as far as mutation needs it: nodes with a type, a place, and any other fields.
 */

/** A node of solc's JSON syntax tree. `src` is "start:length:file" in bytes. */
export interface SyntaxNode {
  readonly nodeType: string;
  readonly src: string;
  readonly [field: string]: unknown;
}

/** Bytes of a source file, from `start` up to and without `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A node and its place: its parent and the parent's field that holds it. */
export interface NodePlace {
  readonly node: SyntaxNode;
  readonly parent?: SyntaxNode;
  readonly field: string;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

/** Whether a value is a node of the tree, and not one of its lists or plain fields. */
export const isNode = (value: unknown): value is SyntaxNode =>
  isObject(value) && typeof value.nodeType === "string" && typeof value.src === "string";

/** The bytes of a node. */
export const spanOf = (node: SyntaxNode): Span => {
  const [start = 0, length = 0] = node.src.split(":").map(Number);
  return { start, end: start + length };
};

/** The node in a field, if there is one. */
export const childOf = (node: SyntaxNode, field: string): SyntaxNode | undefined => {
  const value = node[field];
  return isNode(value) ? value : undefined;
};

/** The nodes in a field that holds a list. */
export const childrenOf = (node: SyntaxNode, field: string): readonly SyntaxNode[] => {
  const value = node[field];
  return Array.isArray(value) ? value.filter(isNode) : [];
};

/** All nodes under `node`, itself first, without those whose place `skip` names and what is under them. */
export function* walk(
  node: SyntaxNode,
  skip: (place: NodePlace) => boolean,
  parent?: SyntaxNode,
  field = "",
): Generator<NodePlace> {
  const place: NodePlace = parent === undefined ? { node, field } : { node, parent, field };
  if (skip(place)) return;
  yield place;
  for (const [name, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) yield* walk(child, skip, node, name);
    }
  }
}
