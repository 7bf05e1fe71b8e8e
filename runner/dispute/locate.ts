import { item } from "../items.ts";
import { type Hash, hashBytes, toHash } from "../commitment/keccak.ts";
import { leafHash, levelWidth, rootOfRange } from "../commitment/merkle.ts";
import { type ModelCommitment, rootsTree } from "../commitment/model.ts";
import { commitTensor, LEAF_BYTES, type Segment, segmentRoot, tensorRootOf } from "../commitment/tensor.ts";
import type { TraceCommitment } from "../commitment/trace.ts";
import { DTYPE_BYTES, DTYPE_CODE } from "../machine/dtype.ts";
import type { Program } from "../machine/kernel.ts";
import { firstDifference, type Tensor, tensorBytes, tensorType } from "../machine/tensor.ts";
import { openElement } from "../proving/witness.ts";
import { KnownTree, placesUnder } from "./known-tree.ts";
import {
  type DemandAnswer,
  type DisputeView,
  LEVEL_BYTES,
  type Opening,
  openingKey,
  type Place,
  TRACE_TREE,
} from "./view.ts";

/** One's own outputs of all kernels. */
export interface OwnTrace {
  readonly trace: readonly Tensor[];
  readonly commitment: TraceCommitment;
}

/** One's own execution of the claim's model on the claim's input. */
export interface OwnExecution extends OwnTrace {
  readonly program: Program;
  readonly model: ModelCommitment;
  readonly inputs: readonly Tensor[];
  readonly constants: readonly Tensor[];
}

/** What was found at the location that the operator gave for its trace; null is what could not be fetched. */
export interface Published {
  readonly roots?: readonly Hash[] | null;
  readonly outputs: ReadonlyMap<number, Tensor | null>;
}

/** Where the operator's trace first differs, or what is needed to find it. */
export type LocateResult =
  | { readonly kind: "equal" }
  | { readonly kind: "fetchRoots" }
  | { readonly kind: "fetchOutput"; readonly kernel: number }
  /** `kernel` is TRACE_TREE for the tree of traceRoot. */
  | { readonly kind: "demand"; readonly kernel: number; readonly places: readonly Place[] }
  /** All that is needed is demanded. */
  | { readonly kind: "pending" }
  | Located;

/** A wrong element with the operator's own commitment to it. */
export interface Located {
  readonly kind: "located";
  readonly kernel: number;
  readonly element: number;
  /** The operator's leaf that holds the element. */
  readonly leaves: Segment;
  /** Proof of its tensor root in traceRoot. */
  readonly siblings: readonly Hash[];
  /** The operator's trace tree as far as it is known. */
  readonly traceTree: KnownTree;
}

/**
 * Finds the first wrong kernel and the first wrong element of it: from published data where they hash to what was
 * committed, otherwise from answers on chain.
 * @param rounds Rounds of demands for which there is time, this one included; the fewer, the more is demanded at once.
 */
export function locate(own: OwnTrace, view: DisputeView, published: Published, rounds: number): LocateResult {
  const { traceRoot } = view;
  if (traceRoot === 0 || traceRoot === own.commitment.root) return { kind: "equal" };
  if (published.roots === undefined) return { kind: "fetchRoots" };
  const answers = [...view.demands.values()].flatMap(({ answer }) => answer ?? []);
  const traceTree = learnTrace(own, answers, published.roots, traceRoot);
  const depths = own.commitment.outputs.map(({ tree }) => tree.depth);
  const later = 1 + Math.ceil(Math.max(...depths) / 4);
  const found = traceTree.difference();
  if (found.kind === "under") {
    const stride = strideFor(found.level, rounds - later);
    return demand(view, TRACE_TREE, placesUnder(traceTree.own.width, found.level, found.index, stride));
  }
  return locateElement(own, view, published, rounds, traceTree, found.index, answers);
}

/** Levels to go down at once: four, or more when there are few rounds for that many levels. */
const strideFor = (levels: number, rounds: number): number => Math.max(4, Math.ceil(levels / Math.max(1, rounds)));

/** The nodes of the trace's tree that answers and faithful roots give. */
function learnTrace(
  own: OwnTrace,
  answers: readonly DemandAnswer[],
  roots: readonly Hash[] | null | undefined,
  traceRoot: Hash,
): KnownTree {
  const tree = new KnownTree(own.commitment.tree);
  if (roots?.length === tree.own.width && rootsTree(roots).root === traceRoot) {
    tree.learn(
      0,
      0,
      roots.map((root) => toHash(leafHash(hashBytes(root)))),
    );
  }
  for (const answer of answers) {
    const { kernelIndex, place } = answer.opening;
    if (kernelIndex === TRACE_TREE) tree.learn(place.level, place.index, answer.nodes, answer.siblings);
    else {
      const root = answeredRoot(own, answer);
      if (root !== undefined) tree.learn(0, kernelIndex, [toHash(leafHash(hashBytes(root)))], answer.traceSiblings);
    }
  }
  return tree;
}

/** Tensor root that an answer about a kernel's output leads to. */
function answeredRoot(own: OwnTrace, { opening, nodes, data, siblings }: DemandAnswer): Hash | undefined {
  const commitment = own.commitment.outputs[opening.kernelIndex];
  if (commitment === undefined) return undefined;
  const { level, index } = opening.place;
  if (level === LEVEL_BYTES) return segmentRoot(commitment.type, { firstLeaf: index, data, siblings });
  const width = levelWidth(commitment.tree.width, level);
  return tensorRootOf(commitment.type, rootOfRange(nodes, index, width, siblings));
}

/** Inside the first wrong kernel. */
function locateElement(
  own: OwnTrace,
  view: DisputeView,
  published: Published,
  rounds: number,
  traceTree: KnownTree,
  kernel: number,
  answers: readonly DemandAnswer[],
): LocateResult {
  const [mine, commitment] = [item(own.trace, kernel), item(own.commitment.outputs, kernel)];
  const output = published.outputs.get(kernel);
  if (output === undefined) return { kind: "fetchOutput", kernel };
  if (output !== null && sameType(output, mine)) {
    const committed = commitTensor(output);
    if (toHash(leafHash(hashBytes(committed.root))) === traceTree.node(0, kernel)) {
      const element = firstDifference(mine, output);
      const { leaves } = openElement(output, committed, element);
      return { kind: "located", kernel, element, leaves, siblings: traceTree.prove(kernel, kernel), traceTree };
    }
  }

  const tree = new KnownTree(commitment.tree);
  const ofKernel = answers.filter(({ opening }) => opening.kernelIndex === kernel);
  for (const { opening, nodes, data, siblings } of ofKernel) {
    const { level, index } = opening.place;
    if (level === LEVEL_BYTES) tree.learn(0, index, [toHash(leafHash(data))], siblings);
    else tree.learn(level, index, nodes, siblings);
  }
  const found = tree.difference();
  if (found.kind === "under") {
    const stride = strideFor(found.level, rounds - 1);
    return demand(view, kernel, placesUnder(tree.own.width, found.level, found.index, stride));
  }
  const place = { level: LEVEL_BYTES, index: found.index };
  const shown = ofKernel.find(({ opening }) => openingKey(opening) === openingKey(openingOf(own, kernel, place)));
  if (shown === undefined) return demand(view, kernel, [place]);
  const { data, siblings, traceSiblings } = shown;
  const element = firstDifferentElement(mine, found.index, data);
  const leaves = { firstLeaf: found.index, data, siblings };
  return { kind: "located", kernel, element, leaves, siblings: traceSiblings, traceTree };
}

/** What to demand for a place of a kernel's output, or of the trace's tree. */
export function openingOf(own: OwnTrace, kernel: number, place: Place): Opening {
  const type = own.commitment.outputs[kernel]?.type;
  if (type === undefined) return { kernelIndex: TRACE_TREE, dtype: 0, length: 0, place };
  return { kernelIndex: kernel, dtype: DTYPE_CODE[type.dtype], length: type.length, place };
}

/** The places that nobody demanded yet. */
function demand({ demands }: DisputeView, kernel: number, places: readonly Place[]): LocateResult {
  const fresh = places.filter((place) => !demands.has(openingKey({ kernelIndex: kernel, dtype: 0, length: 0, place })));
  return fresh.length === 0 ? { kind: "pending" } : { kind: "demand", kernel, places: fresh };
}

/** First element of a leaf that differs from one's own tensor. There must be one. */
function firstDifferentElement(mine: Tensor, leaf: number, data: Uint8Array): number {
  const start = leaf * LEAF_BYTES;
  const bytes = tensorBytes(mine).subarray(start, start + data.length);
  const first = data.findIndex((byte, i) => byte !== bytes[i]);
  return Math.floor((start + first) / DTYPE_BYTES[mine.dtype]);
}

function sameType(a: Tensor, b: Tensor): boolean {
  const [left, right] = [tensorType(a), tensorType(b)];
  return left.dtype === right.dtype && left.length === right.length;
}
