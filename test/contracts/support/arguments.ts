import { AbiCoder, keccak256 } from "ethers";

import type { openingOf } from "../../../testing/toy-court.ts";

/** For `withArgs`: a root that comes out of tampered data; only that it is a hash can be said of it beforehand. */
export const anyHash = (value: unknown): boolean => /^0x[0-9a-f]{64}$/u.test(String(value));

const OPENING = "tuple(uint32 kernelIndex, uint8 dtype, uint64 length, tuple(uint8 level, uint32 index) place)";

/** The court's id of a demand. */
export const demandIdOf = (claimId: string, opening: ReturnType<typeof openingOf>): string =>
  keccak256(AbiCoder.defaultAbiCoder().encode(["bytes32", OPENING], [claimId, opening]));
