import { concat, getBytes, id, parseEther, ZeroHash } from "ethers";
import { network } from "hardhat";

import { NOW } from "../../testing/enclave/collateral.ts";
import { syntheticQuote } from "../../testing/enclave/quote.ts";
import { TEE_MODE } from "../../ignition/modules/Enclaves.ts";
import { ANSWER_TYPED_DATA } from "../../runner/protocol/typed-data.ts";
import { deployVerifier, submitSynthetic, SYNTHETIC_ROOT } from "../../test/contracts/support/enclave.ts";
import {
  assign,
  deployProtocol,
  join,
  nextEpoch,
  open,
  OPTIMISTIC,
  OUTPUT,
  policyOf,
  rootOfF32,
  WINDOW,
} from "../../test/contracts/support/protocol.ts";
import type { Gauge, GasScenario } from "./gauge.ts";

/** What a key of an enclave costs, and then each answer. */
const measureKey = async (gauge: Gauge): Promise<void> => {
  const connection = await network.create({ override: { initialDate: new Date((NOW - 200_000) * 1_000) } });
  const { ethers, networkHelpers } = connection;
  const protocol = await deployProtocol(connection);
  await join(protocol, protocol.alice);
  const { verifier, collateral } = await deployVerifier(ethers, SYNTHETIC_ROOT);
  const enclaves = await ethers.deployContract("EnclaveRegistry", [protocol.authority, verifier, 1]);
  const tee = await ethers.deployContract("SignatureVerifier", [enclaves]);
  await protocol.attestation.addRoute(TEE_MODE, tee);
  await networkHelpers.time.increaseTo(NOW);
  await submitSynthetic(collateral);
  const key = new ethers.Wallet(id("the key of an enclave"));
  const data = await enclaves.reportDataOf(key.address, protocol.alice);
  const quote = syntheticQuote({ reportData: getBytes(concat([data, ZeroHash])) });
  await enclaves.setMeasurement((await verifier.verify(quote)).measurement, true);
  const byAlice = enclaves.connect(protocol.alice);
  await gauge.measure(
    "enrol, quote of TDX (version 4)",
    "a key, for as long as the collateral",
    byAlice.enrol(key.address, quote),
    { atMost: 700_000n },
  );
  await gauge.measure("renew", "the key, as long as newer collateral", enclaves.renew(protocol.alice, quote));
  await nextEpoch(connection);
  const claims: bigint[] = [];
  for (const mode of [OPTIMISTIC, TEE_MODE]) {
    const opened = await open(protocol, { policy: policyOf(mode), fee: parseEther("10") });
    await assign(connection, protocol, opened);
    const { deadline } = await protocol.market.stateOf(opened.id);
    const domain = { ...ANSWER_TYPED_DATA.domain, chainId: 31_337, verifyingContract: await tee.getAddress() };
    const evidence = await key.signTypedData(domain, ANSWER_TYPED_DATA.types, {
      market: await protocol.market.getAddress(),
      requestId: opened.id,
      versionId: protocol.versionId,
      numericsVersion: 1,
      inputRoot: opened.request.inputRoot,
      outputRoot: rootOfF32(OUTPUT),
      operator: protocol.alice.address,
      mode,
      deadline,
      windowSeconds: WINDOW,
    });
    const market = protocol.market.connect(protocol.alice);
    const answer = await market.claim(opened.request, OUTPUT, rootOfF32(OUTPUT), "", [
      mode === TEE_MODE ? evidence : "0x",
    ]);
    claims.push((await answer.wait())?.gasUsed ?? 0n);
  }
  const [optimistic = 0n, attested = 0n] = claims;
  await gauge.measure("answer, attested", "one signature of the enclave", attested);
  await gauge.measure("answer, above an optimistic one", "what the mode TEE adds", attested - optimistic, {
    atMost: 30_000n,
  });
  await connection.close();
};

/** Enclaves: what is submitted once for all, a key, an answer. */
export const enclaveScenario: GasScenario = {
  title: "Enclaves",
  text:
    "The key is enrolled by a quote under a PKI made for tests, since only an enclave can make one that names a key. What " +
    "Intel's real documents cost is in [enclaves.md](enclaves.md).",
  run: measureKey,
};
