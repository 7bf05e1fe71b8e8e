import { expect } from "chai";
import { ZeroAddress } from "ethers";
import { network } from "hardhat";

import { isAssayError } from "../../runner/errors.ts";
import { deploySuite } from "../../services/chain/deploy.ts";
import { attach } from "../../services/chain/deployment.ts";

const ADMIN_ROLE = 0n;
/** Longer than unbonding, which takes 35 days. */
const DELAY = 37 * 86_400;

describe("deploySuite", () => {
  const chain = async () => {
    const connection = await network.create();
    const [deployer, other] = await connection.ethers.getSigners();
    if (deployer === undefined || other === undefined) throw new Error("too few accounts");
    /** The delay of each of the two after a deployment; undefined for who does not govern. */
    const governors = async (governance?: string, parameters = {}) => {
      const { authority } = attach(await deploySuite(connection, { governance, parameters }), deployer);
      const roles = [await authority.hasRole(ADMIN_ROLE, deployer), await authority.hasRole(ADMIN_ROLE, other)];
      return roles.map(([member, delay]) => (member ? Number(delay) : undefined));
    };
    return { connection, deployer, other, governors };
  };

  it("leaves governance with the deployer, behind the delay", async () => {
    const { governors } = await chain();
    expect(await governors()).to.deep.equal([DELAY, undefined]);
  });
  it("takes the deployer's own address in any case of its letters, so that somebody governs", async () => {
    const { deployer, governors } = await chain();
    expect(await governors(deployer.address.toLowerCase())).to.deep.equal([DELAY, undefined]);
  });
  it("hands governance over, and takes it from the deployer", async () => {
    const { other, governors } = await chain();
    expect(await governors(other.address)).to.deep.equal([undefined, DELAY]);
  });
  it("takes the governor of the parameters when there is no other", async () => {
    const { other, governors } = await chain();
    expect(await governors(undefined, { Governance: { governance: other.address } })).to.deep.equal([undefined, DELAY]);
  });
  it("refuses what is no address before it sends anything", async () => {
    const { connection, governors } = await chain();
    for (const governance of ["0x12", ZeroAddress, "0x70997970c51812dc3A010C7d01b50e0d17dc79C8"]) {
      const refusal = await governors(governance).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(isAssayError(refusal, "OPTION_INVALID"), governance).to.equal(true);
    }
    expect(await connection.ethers.provider.getBlockNumber()).to.equal(0);
  });
});
