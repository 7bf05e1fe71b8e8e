import { dataSlice, hexlify, keccak256, type Result, toUtf8Bytes } from "ethers";
import type { HardhatEthers } from "@nomicfoundation/hardhat-ethers/types";

import {
  authorityChain,
  authorityList,
  qeIdentity,
  ROOT_KEY,
  rootList,
  signedDocument,
  tcbInfo,
  tcbSigningChain,
  type Authority,
} from "../../../testing/enclave/collateral.ts";
import type { SampleCollateral } from "../../../testing/enclave/samples.ts";
import type { CollateralRegistry } from "../../../typechain-types/index.js";

export const SGX = 0n;
export const TDX = 1n;
export const SYNTHETIC_ROOT = { x: hexlify(ROOT_KEY.x), y: hexlify(ROOT_KEY.y) };

/** Identity of a chain: the hash of its text without the line feed at its end. */
export const chainId = (text: string): string => keccak256(toUtf8Bytes(text.replace(/\n$/, "")));

/** Everything that verifies quotes, under a root key. */
export const deployVerifier = async (ethers: HardhatEthers, root: { x: string; y: string }) => {
  const reader = await ethers.deployContract("CollateralReader");
  const collateral = await ethers.deployContract("CollateralRegistry", [root, reader]);
  const verifier = await ethers.deployContract("QuoteVerifier", [collateral]);
  return { reader, collateral, verifier };
};

/** Signature as two words. */
export const halves = (signature: Uint8Array | string): [string, string] => [
  dataSlice(hexlify(signature), 0, 32),
  dataSlice(hexlify(signature), 32, 64),
];

/** Submits all collateral of a sample. */
export const submitSample = async (registry: CollateralRegistry, collateral: SampleCollateral): Promise<void> => {
  const text = (value: string) => toUtf8Bytes(value);
  await registry.submitChain(text(collateral.pck_crl_issuer_chain));
  await registry.submitChain(text(collateral.tcb_info_issuer_chain));
  await registry.submitRootRevocationList(`0x${collateral.root_ca_crl}`);
  await registry.submitRevocationList(chainId(collateral.pck_crl_issuer_chain), `0x${collateral.pck_crl}`);
  const signer = chainId(collateral.tcb_info_issuer_chain);
  await registry.submitTcbInfo(signer, text(collateral.tcb_info), ...halves(`0x${collateral.tcb_info_signature}`));
  await registry.submitQeIdentity(
    signer,
    text(collateral.qe_identity),
    ...halves(`0x${collateral.qe_identity_signature}`),
  );
};

export const submitTcbInfo = async (registry: CollateralRegistry, tee: "SGX" | "TDX", changes = {}) => {
  const { json, signature } = signedDocument(tcbInfo(tee, changes));
  return registry.submitTcbInfo(chainId(tcbSigningChain()), toUtf8Bytes(json), ...halves(signature));
};

export const submitQeIdentity = async (registry: CollateralRegistry, tee: "SGX" | "TDX", changes = {}) => {
  const { json, signature } = signedDocument(qeIdentity(tee, changes));
  return registry.submitQeIdentity(chainId(tcbSigningChain()), toUtf8Bytes(json), ...halves(signature));
};

/** Submits chains and empty revocation lists of the synthetic PKI. */
export const submitIssuers = async (registry: CollateralRegistry): Promise<void> => {
  await registry.submitChain(toUtf8Bytes(tcbSigningChain()));
  await registry.submitRootRevocationList(rootList());
  for (const authority of ["Platform", "Processor"] satisfies Authority[]) {
    await registry.submitChain(toUtf8Bytes(authorityChain(authority)));
    await registry.submitRevocationList(chainId(authorityChain(authority)), authorityList(authority));
  }
};

/** Submits all collateral of the synthetic platform. */
export const submitSynthetic = async (registry: CollateralRegistry): Promise<void> => {
  await submitIssuers(registry);
  for (const tee of ["SGX", "TDX"] as const) {
    await submitTcbInfo(registry, tee);
    await submitQeIdentity(registry, tee);
  }
};

/** The fields of a struct that a contract returned, by their names. */
export const fieldsOf = (struct: object): Record<string, unknown> =>
  (struct as Result).toObject(true) as Record<string, unknown>;
