import { item } from "../../items.ts";
import { nodePlace } from "../build/node.ts";
import type { RawNode } from "../file/decode.ts";
import { importError } from "../file/refusal.ts";

/** Subgraphs and functions may nest this deep. */
export const MAX_DEPTH = 32;

/** Names that the subgraphs of a node read from outside. */
const outerNames = (node: RawNode, depth = 0): string[] => {
  if (depth > MAX_DEPTH)
    throw importError("ONNX_LIMIT", `graphs nest deeper than ${String(MAX_DEPTH)}`, nodePlace(node));
  const graphs = node.attribute.flatMap(({ g, graphs: list }) => (g ? [g, ...list] : list));
  return graphs.flatMap((graph) => {
    const own = new Set([
      ...graph.input.map(({ name }) => name ?? ""),
      ...graph.initializer.map(({ name }) => name ?? ""),
      ...graph.node.flatMap(({ output }) => output),
    ]);
    const read = [
      ...graph.node.flatMap((inner) => [...inner.input, ...outerNames(inner, depth + 1)]),
      ...graph.output.map(({ name }) => name ?? ""),
    ];
    return read.filter((name) => name !== "" && !own.has(name));
  });
};

/** Nodes in an order in which every name is defined before it is read. Files are usually sorted; some are not. */
export const sortNodes = (
  nodes: readonly RawNode[],
  scope: { readonly has: (name: string) => boolean },
): readonly RawNode[] => {
  const producer = new Map<string, number>();
  nodes.forEach((node, i) => {
    for (const name of node.output) {
      if (name !== "" && producer.has(name)) {
        throw importError("ONNX_INVALID", `"${name}" is the output of two nodes`, nodePlace(node));
      }
      if (name !== "") producer.set(name, i);
    }
  });
  const waiting = nodes.map(() => 0);
  const users = nodes.map((): number[] => []);
  nodes.forEach((node, i) => {
    const reads = [...node.input, ...outerNames(node)].filter((name) => name !== "");
    for (const name of new Set(reads)) {
      const from = producer.get(name);
      if (from !== undefined) {
        users[from]?.push(i);
        waiting[i] = item(waiting, i) + 1;
      } else if (!scope.has(name)) {
        throw importError("ONNX_INVALID", `the node reads "${name}", which nothing defines`, nodePlace(node));
      }
    }
  });
  const order: number[] = [];
  const ready = nodes.map((_, i) => i).filter((i) => waiting[i] === 0);
  for (let r = 0; r < ready.length; r++) {
    const i = item(ready, r);
    order.push(i);
    for (const user of item(users, i)) {
      waiting[user] = item(waiting, user) - 1;
      if (waiting[user] === 0) ready.push(user);
    }
  }
  if (order.length < nodes.length) {
    const stuck = nodes.find((_, i) => item(waiting, i) > 0);
    throw importError("ONNX_INVALID", "the graph has a cycle", stuck ? nodePlace(stuck) : {});
  }
  const sorted = order.every((i, position) => i === position);
  return sorted ? nodes : order.map((i) => item(nodes, i));
};
