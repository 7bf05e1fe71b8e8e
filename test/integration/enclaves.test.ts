import { expect } from "chai";
import { id } from "ethers";
import { network } from "hardhat";

import EnclavesModule, { INTEL_ROOT, TEE_MODE } from "../../ignition/modules/Enclaves.ts";
import { deploySuite } from "../../services/chain/deploy.ts";
import { attach } from "../../services/chain/deployment.ts";

const DELAY = 37 * 86_400;

describe("EnclavesModule", () => {
  it("deploys the TEE mode for a deployment, whose governance then routes it after its delay", async () => {
    const connection = await network.create();
    const { ethers, networkHelpers } = connection;
    const [deployer] = await ethers.getSigners();
    if (deployer === undefined) throw new Error("too few accounts");
    const suite = attach(await deploySuite(connection), deployer);
    const authority = await ethers.getContractAt("Authority", await suite.attestation.authority());
    const parameters = { Enclaves: { authority: await authority.getAddress() } };
    const deployed = await connection.ignition.deploy(EnclavesModule, { parameters });
    const at = async (name: "collateral" | "quoteVerifier" | "enclaves" | "tee") => deployed[name].getAddress();
    const collateral = await ethers.getContractAt("CollateralRegistry", await at("collateral"));
    const enclaves = await ethers.getContractAt("EnclaveRegistry", await at("enclaves"));
    const tee = await ethers.getContractAt("SignatureVerifier", await at("tee"));
    expect([await collateral.ROOT_X(), await collateral.ROOT_Y()]).to.deep.equal([INTEL_ROOT.x, INTEL_ROOT.y]);
    expect(await enclaves.VERIFIER()).to.equal(await at("quoteVerifier"));
    expect(await enclaves.acceptedStatuses()).to.equal(0b11);
    expect(await tee.KEYS()).to.equal(await at("enclaves"));

    const calls = [
      [suite.attestation, suite.attestation.interface.encodeFunctionData("addRoute", [TEE_MODE, tee.target])],
      [enclaves, enclaves.interface.encodeFunctionData("setMeasurement", [id("measurement"), true])],
    ] as const;
    for (const [target, data] of calls) {
      const sent = deployer.sendTransaction({ to: target.target, data });
      expect(
        await sent.then(
          () => "sent",
          () => "refused",
        ),
      ).to.equal("refused");
      await authority.schedule(target, data, 0);
    }
    await networkHelpers.time.increase(DELAY);
    for (const [target, data] of calls) await authority.execute(target, data);
    expect((await suite.attestation.routeOf(TEE_MODE)).verifier).to.equal(tee.target);
    expect(await enclaves.isAllowed(id("measurement"))).to.equal(true);
  });
});
