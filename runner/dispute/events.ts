import { bytesFromHex, type Hash } from "../commitment/keccak.ts";
import type { DemandAnswer, DisputeEvent, Opening } from "./view.ts";

/** A decoded log, as ethers' Interface.parseLog gives it, with the block it is in. */
export interface DecodedLog {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly block: number;
}

/** The dispute event of a log of IDisputeCourt; undefined for those that change no view. */
export function disputeEventOf({ name, args, block }: DecodedLog): DisputeEvent | undefined {
  switch (name) {
    case "Challenged": {
      const [, , challenger, operator, , termsId, traceUntil] = args;
      return {
        name,
        challenger: String(challenger),
        operator: String(operator),
        termsId: Number(termsId),
        traceUntil: Number(traceUntil),
      };
    }
    case "TraceCommitted": {
      const [, traceRoot, , demandUntil, end, location] = args;
      return {
        name,
        traceRoot: hash(traceRoot),
        demandUntil: Number(demandUntil),
        end: Number(end),
        location: String(location),
      };
    }
    case "Demanded": {
      const [, , demander, opening, answerUntil] = args;
      return { name, demander: String(demander), opening: openingOf(opening), answerUntil: Number(answerUntil) };
    }
    case "Answered":
      return { name, answer: answerOf(args[2]) };
    case "Accused":
      return { name, commitment: String(args[1]), block };
    case "Replayed": {
      const [, kernel, element, position, accumulators] = args;
      return {
        name,
        kernel: Number(kernel),
        element: Number(element),
        position: Number(position),
        accumulators: row(accumulators).map((bits) => BigInt(String(bits))),
      };
    }
    case "Convicted":
    case "Upheld":
      return { name };
    default:
      return undefined;
  }
}

// ABI structs arrive as rows in the order of their fields (contracts/types/Dispute.sol).
const row = (value: unknown): readonly unknown[] => value as readonly unknown[];
const hash = (value: unknown): Hash => String(value) as Hash;

function openingOf(value: unknown): Opening {
  const [kernelIndex, dtype, length, place] = row(value);
  const [level, index] = row(place);
  return {
    kernelIndex: Number(kernelIndex),
    dtype: Number(dtype),
    length: Number(length),
    place: { level: Number(level), index: Number(index) },
  };
}

function answerOf(value: unknown): DemandAnswer {
  const [opening, nodes, data, siblings, traceSiblings] = row(value);
  return {
    opening: openingOf(opening),
    nodes: row(nodes).map(hash),
    data: bytesFromHex(String(data)),
    siblings: row(siblings).map(hash),
    traceSiblings: row(traceSiblings).map(hash),
  };
}
