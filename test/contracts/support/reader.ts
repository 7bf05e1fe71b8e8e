import { parseEther } from "ethers";

import { ethers } from "./market.ts";
import { type Protocol, requestIn, termsOf } from "./protocol.ts";

/** Ten scores, or fewer and then zeros, as little-endian f32. */
export const scoresOf = (...values: readonly number[]): string => {
  const bytes = Buffer.alloc(40);
  values.forEach((value, i) => bytes.writeFloatLE(value, 4 * i));
  return `0x${bytes.toString("hex")}`;
};

/** A DigitReader of the market, and how the requester asks it. */
export const digitReader = async (protocol: Protocol) => {
  const contract = await ethers.deployContract("DigitReader", [protocol.market]);
  await protocol.token.connect(protocol.requester).approve(contract, parseEther("100"));
  const callback = { callback: await contract.getAddress(), callbackGas: 150_000 };
  const ask = async (overrides: object = {}) => {
    const terms = termsOf(protocol, { ...callback, ...overrides });
    return requestIn(protocol, await contract.connect(protocol.requester).ask(terms));
  };
  return { contract, ask };
};
