import { parseEther } from "ethers";

import { ANSWER_STAGE } from "../../../runner/protocol/enums.ts";
import { ethers } from "./market.ts";
import { filled, type Protocol, requestIn, termsOf } from "./protocol.ts";

/** Ten scores, or fewer and then zeros, as little-endian f32. */
export const scoresOf = (...values: readonly number[]): string => {
  const bytes = Buffer.alloc(40);
  values.forEach((value, i) => bytes.writeFloatLE(value, 4 * i));
  return `0x${bytes.toString("hex")}`;
};

/** Terms of a consumer of the published model, changed as told. */
export const consumerTerms = (protocol: Protocol, overrides: object = {}) => {
  const { versionId, policy, fee, valueAtRisk, openSeconds, claimSeconds, windowSeconds, minimumHolders } =
    termsOf(protocol);
  const taken = { versionId, policy, fee, valueAtRisk, openSeconds, claimSeconds, windowSeconds, minimumHolders };
  return { ...taken, callbackGas: 150_000, acceptedStage: ANSWER_STAGE.provisional, ...overrides };
};

/** A DigitReader of the market, and how the requester asks it. */
export const digitReader = async (protocol: Protocol, overrides: object = {}) => {
  const contract = await ethers.deployContract("DigitReader", [protocol.market, consumerTerms(protocol, overrides)]);
  await protocol.token.connect(protocol.requester).approve(contract, parseEther("100"));
  const ask = async (inputs = filled(256, 1)) =>
    requestIn(protocol, await contract.connect(protocol.requester).ask(inputs));
  return { contract, ask };
};
