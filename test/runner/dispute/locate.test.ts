import { expect } from "chai";

import { type Hash, hashBytes, toHash } from "../../../runner/commitment/keccak.ts";
import { leafHash, MerkleTree, rootOfRange } from "../../../runner/commitment/merkle.ts";
import { commitTrace } from "../../../runner/commitment/trace.ts";
import { segmentRoot } from "../../../runner/commitment/tensor.ts";
import { KnownTree, placesUnder } from "../../../runner/dispute/known-tree.ts";
import { locate, type Located, openingOf, type OwnTrace } from "../../../runner/dispute/locate.ts";
import { answerTo } from "../../../runner/dispute/operator.ts";
import { afterEvent, type DisputeView, noDispute } from "../../../runner/dispute/view.ts";
import { createRandom } from "../../../runner/machine/prng.ts";
import { createTensor, elementBits, setElementBits, type Tensor } from "../../../runner/machine/tensor.ts";

const CLAIM: Hash = `0x${"11".repeat(32)}`;
const NOTHING = { roots: null, outputs: new Map<number, Tensor | null>([[123, null]]) };

const own = async (lengths: readonly number[]): Promise<OwnTrace> => {
  const random = createRandom(5);
  const trace = lengths.map((length) => {
    const tensor = createTensor("i32", length);
    for (let i = 0; i < length; i += 7) setElementBits(tensor, i, BigInt(random.u32()));
    return tensor;
  });
  return { trace, commitment: await commitTrace(trace) };
};

/** The same trace with one bit of one element flipped. */
const forge = async ({ trace }: OwnTrace, kernel: number, element: number): Promise<OwnTrace> => {
  const forged = trace.map((tensor) => {
    const copy = createTensor(tensor.dtype, tensor.data.length);
    for (let i = 0; i < tensor.data.length; i++) setElementBits(copy, i, elementBits(tensor, i));
    return copy;
  });
  const output = forged[kernel] as Tensor;
  setElementBits(output, element, elementBits(output, element) ^ 8n);
  return { trace: forged, commitment: await commitTrace(forged) };
};

/** A watcher without published data against an operator that answers everything. */
function search(mine: OwnTrace, theirs: OwnTrace, rounds: number) {
  let view: DisputeView = afterEvent(noDispute(CLAIM), {
    name: "TraceCommitted",
    traceRoot: theirs.commitment.root,
    demandUntil: 0,
    end: 0,
    location: "",
  });
  const demands: number[] = [];
  for (;;) {
    const found = locate(mine, view, NOTHING, rounds - demands.length);
    if (found.kind !== "demand") return { found, demands };
    demands.push(found.places.length);
    for (const place of found.places) {
      const opening = openingOf(mine, found.kernel, place);
      view = afterEvent(view, { name: "Demanded", opening, demander: "", answerUntil: 0 });
      expect(locate(mine, view, NOTHING, 1).kind).to.not.equal("equal");
      view = afterEvent(view, { name: "Answered", answer: answerTo({ ...theirs, outputKernels: [] }, opening) });
    }
  }
}

describe("locate", () => {
  let mine: OwnTrace;
  let theirs: OwnTrace;
  const [kernel, element] = [123, 299_999];
  before(async () => {
    // 200 kernels; the wrong one has 1,563 leaves.
    mine = await own(Array.from({ length: 200 }, (_, i) => (i === kernel ? 400_001 : 1 + (i % 5) * 100)));
    theirs = await forge(mine, kernel, element);
  });

  const expectFound = (found: ReturnType<typeof locate>): Located => {
    if (found.kind !== "located") throw new Error(`not located: ${found.kind}`);
    expect([found.kernel, found.element]).to.deep.equal([kernel, element]);
    const type = mine.commitment.outputs[kernel]?.type;
    if (type === undefined) throw new Error("no type");
    const root = segmentRoot(type, found.leaves);
    expect(root).to.equal(theirs.commitment.outputs[kernel]?.root);
    const leaf = toHash(leafHash(hashBytes(root)));
    expect(rootOfRange([leaf], kernel, 200, found.siblings)).to.equal(theirs.commitment.root);
    return found;
  };

  describe("given an operator that publishes nothing and answers", () => {
    it("finds the element with one demand a round, four levels at a time, when there is time", () => {
      const { found, demands } = search(mine, theirs, 20);
      expectFound(found);
      // 8 levels of the trace's tree, 11 of the tensor's, the bytes.
      expect(demands).to.deep.equal([1, 1, 1, 1, 1, 1]);
    });

    it("finds it in three rounds with more demands at once, when there is none", () => {
      const { found, demands } = search(mine, theirs, 3);
      expectFound(found);
      expect(demands).to.deep.equal([13, 98, 1]);
    });

    it("finds it in four rounds, the least that the court's terms leave", () => {
      const { found, demands } = search(mine, theirs, 4);
      expectFound(found);
      expect(demands.length).to.be.at.most(4);
    });

    it("can prove the operands of the wrong kernel in the operator's tree", () => {
      const { traceTree } = expectFound(search(mine, theirs, 20).found);
      for (const operand of [0, 1, 63, 64, 112, 121, 122]) {
        const root = mine.commitment.outputs[operand]?.root;
        if (root === undefined) throw new Error("no root");
        const siblings = traceTree.prove(operand, kernel);
        const leaf = toHash(leafHash(hashBytes(root)));
        expect(rootOfRange([leaf], operand, 200, siblings)).to.equal(theirs.commitment.root);
      }
    });
  });

  describe("given published data", () => {
    const rootsOf = ({ commitment }: OwnTrace) => commitment.outputs.map(({ root }) => root);
    const view = (): DisputeView =>
      afterEvent(noDispute(CLAIM), {
        name: "TraceCommitted",
        traceRoot: theirs.commitment.root,
        demandUntil: 0,
        end: 0,
        location: "",
      });

    it("asks for the roots, then for one output, and needs no demand", () => {
      expect(locate(mine, view(), { outputs: new Map() }, 9)).to.deep.equal({ kind: "fetchRoots" });
      const roots = rootsOf(theirs);
      expect(locate(mine, view(), { roots, outputs: new Map() }, 9)).to.deep.equal({ kind: "fetchOutput", kernel });
      const outputs = new Map([[kernel, theirs.trace[kernel] as Tensor]]);
      expectFound(locate(mine, view(), { roots, outputs }, 9));
    });

    it("demands what is published but not faithful", () => {
      const found = locate(mine, view(), { roots: rootsOf(mine), outputs: new Map() }, 9);
      expect(found.kind).to.equal("demand");
      const outputs = new Map([[kernel, mine.trace[kernel] as Tensor]]);
      const second = locate(mine, view(), { roots: rootsOf(theirs), outputs }, 9);
      expect(second).to.deep.include({ kind: "demand", kernel });
      const other = new Map([[kernel, createTensor("i8", 3)]]);
      expect(locate(mine, view(), { roots: rootsOf(theirs), outputs: other }, 9)).to.deep.include({ kind: "demand" });
    });

    it("says equal for one's own trace", () => {
      const same = { ...view(), traceRoot: mine.commitment.root };
      expect(locate(mine, same, NOTHING, 9)).to.deep.equal({ kind: "equal" });
    });
  });
});

describe("KnownTree", () => {
  const items = (width: number, changed = -1): MerkleTree =>
    MerkleTree.ofItems(Array.from({ length: width }, (_, i) => Uint8Array.of(i & 255, i >> 8, i === changed ? 1 : 0)));

  it("leads from any root to the first leaf that differs, for every width up to 40", () => {
    for (let width = 1; width <= 40; width++) {
      for (const changed of [0, width >> 1, width - 1]) {
        const [mine, theirs] = [items(width), items(width, changed)];
        const known = new KnownTree(mine);
        let rounds = 0;
        let found = known.difference();
        for (; found.kind === "under"; found = known.difference()) {
          for (const { level, index } of placesUnder(width, found.level, found.index, 4)) {
            const count = Math.min(16, Math.ceil(width / 2 ** level) - index);
            known.learn(level, index, theirs.nodes(index, count, level), theirs.proveRange(index, count, level));
          }
          rounds++;
        }
        expect(found.index).to.equal(changed);
        expect(rounds).to.be.at.most(2);
        expect(known.prove(changed, changed)).to.deep.equal(theirs.prove(changed));
      }
    }
  });

  it("refuses a proof that it does not know", () => {
    const known = new KnownTree(items(9));
    expect(() => known.prove(3, 0)).to.throw("is not known");
  });
});
