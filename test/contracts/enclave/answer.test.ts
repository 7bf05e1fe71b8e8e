import { expect } from "chai";
import { concat, getBytes, parseEther, Wallet, ZeroHash } from "ethers";
import { network } from "hardhat";

import EnclavesModule, { TEE_MODE } from "../../../ignition/modules/Enclaves.ts";
import { REQUEST_STATUS } from "../../../runner/protocol/enums.ts";
import { ANSWER_TYPED_DATA } from "../../../runner/protocol/typed-data.ts";
import { EXPIRES_AT, NOW } from "../../../testing/enclave/collateral.ts";
import { syntheticQuote } from "../../../testing/enclave/quote.ts";
import { submitSynthetic, SYNTHETIC_ROOT } from "../support/enclave.ts";
import {
  assign,
  DAY,
  deployProtocol,
  join,
  nextEpoch,
  open,
  OPTIMISTIC,
  OUTPUT,
  policyOf,
  rootOfF32,
  WINDOW,
  type Opened,
} from "../support/protocol.ts";

const connection = await network.create({ override: { initialDate: new Date((NOW - 2 * DAY) * 1000) } });
const { ethers, networkHelpers } = connection;

describe("An answer of an enclave", () => {
  const fixture = async () => {
    const protocol = await deployProtocol(connection);
    await join(protocol, protocol.alice);
    const parameters = {
      Enclaves: {
        authority: await protocol.authority.getAddress(),
        root: SYNTHETIC_ROOT,
      },
    };
    const deployed = await connection.ignition.deploy(EnclavesModule, { parameters });
    const collateral = await ethers.getContractAt("CollateralRegistry", await deployed.collateral.getAddress());
    const enclaves = await ethers.getContractAt("EnclaveRegistry", await deployed.enclaves.getAddress());
    const verifier = await ethers.getContractAt("QuoteVerifier", await deployed.quoteVerifier.getAddress());
    const tee = await ethers.getContractAt("SignatureVerifier", await deployed.tee.getAddress());
    await protocol.attestation.addRoute(TEE_MODE, tee);
    await networkHelpers.time.increaseTo(NOW);
    await submitSynthetic(collateral);
    // Only the enclave knows this key; the operator relays what it signs.
    const key = new Wallet(`0x${"5e".repeat(32)}`);
    const data = await enclaves.reportDataOf(key.address, protocol.alice);
    const quote = syntheticQuote({ reportData: getBytes(concat([data, ZeroHash])) });
    await enclaves.setMeasurement((await verifier.verify(quote)).measurement, true);
    await enclaves.connect(protocol.alice).enrol(key.address, quote);
    await nextEpoch(connection);
    return { protocol, enclaves, tee, key };
  };
  const answer = async (
    { protocol, tee, key }: Awaited<ReturnType<typeof fixture>>,
    { id, request }: Opened,
    changes: object = {},
    signer: Pick<Wallet, "signTypedData"> = key,
  ) => {
    const { deadline } = await protocol.market.stateOf(id);
    const { chainId } = await ethers.provider.getNetwork();
    return signer.signTypedData(
      { ...ANSWER_TYPED_DATA.domain, chainId, verifyingContract: await tee.getAddress() },
      ANSWER_TYPED_DATA.types,
      {
        market: await protocol.market.getAddress(),
        requestId: id,
        versionId: protocol.versionId,
        numericsVersion: 1,
        inputRoot: request.inputRoot,
        outputRoot: rootOfF32(OUTPUT),
        operator: protocol.alice.address,
        mode: TEE_MODE,
        deadline,
        windowSeconds: WINDOW,
        ...changes,
      },
    );
  };
  const claimWith = (protocol: Awaited<ReturnType<typeof fixture>>["protocol"], opened: Opened, evidence: string[]) =>
    protocol.market.connect(protocol.alice).claim(opened.request, OUTPUT, rootOfF32(OUTPUT), "", evidence);

  for (const [title, policy, rest] of [
    ["TEE", policyOf(TEE_MODE), []],
    ["TEE and optimistic", policyOf(TEE_MODE, OPTIMISTIC), ["0x"]],
  ] as const) {
    it(`becomes final under the policy ${title}`, async () => {
      const state = await networkHelpers.loadFixture(fixture);
      const { protocol } = state;
      const opened = await open(protocol, { policy });
      await assign(connection, protocol, opened);
      await claimWith(protocol, opened, [await answer(state, opened), ...rest]);
      await networkHelpers.time.increase(WINDOW + 1);
      const before = await protocol.token.balanceOf(protocol.alice);
      await protocol.market.finalise(opened.request, "0x");
      expect((await protocol.market.stateOf(opened.id)).status).to.equal(REQUEST_STATUS.final);
      expect(await protocol.token.balanceOf(protocol.alice)).to.equal(before);
    });
  }

  it("is refused when another key signed, or another answer, and when the key expired", async () => {
    const state = await networkHelpers.loadFixture(fixture);
    const { protocol, tee } = state;
    await networkHelpers.time.increaseTo(EXPIRES_AT - 20_000);
    const opened = await open(protocol, {
      policy: policyOf(TEE_MODE),
      claimSeconds: 50_000,
      fee: parseEther("100"),
    });
    await assign(connection, protocol, opened);
    const refuses = async (evidence: string) =>
      expect(claimWith(protocol, opened, [evidence]))
        .to.be.revertedWithCustomError(tee, "EvidenceRejected")
        .withArgs(TEE_MODE, opened.id);
    await refuses(await answer(state, opened, {}, protocol.alice));
    await refuses(await answer(state, opened, { outputRoot: ZeroHash }));
    await refuses(await answer(state, opened, { mode: "0x00000002" }));
    const good = await answer(state, opened);
    const snapshot = await networkHelpers.takeSnapshot();
    await claimWith(protocol, opened, [good]);
    await snapshot.restore();
    await networkHelpers.time.increaseTo(EXPIRES_AT + 1);
    await refuses(good);
  });

  it("costs at most 30,000 gas more than an optimistic one", async () => {
    const state = await networkHelpers.loadFixture(fixture);
    const { protocol } = state;
    const costs: bigint[] = [];
    for (const mode of [OPTIMISTIC, TEE_MODE]) {
      const opened = await open(protocol, { policy: policyOf(mode), fee: parseEther("10") });
      await assign(connection, protocol, opened);
      const evidence = mode === TEE_MODE ? await answer(state, opened) : "0x";
      const receipt = await (await claimWith(protocol, opened, [evidence])).wait();
      costs.push(receipt?.gasUsed ?? 0n);
    }
    expect((costs[1] ?? 0n) - (costs[0] ?? 0n)).to.be.lessThanOrEqual(30_000n);
  });
});
