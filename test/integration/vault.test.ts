import { expect } from "chai";
import { parseEther } from "ethers";
import { network } from "hardhat";

import VaultModule from "../../ignition/modules/Vault.ts";
import { deploySuite } from "../../services/chain/deploy.ts";
import { attach } from "../../services/chain/deployment.ts";
import { DelegationVault__factory } from "../../typechain-types/index.ts";

describe("VaultModule", () => {
  it("deploys a vault for a deployment, which takes deposits", async () => {
    const connection = await network.create();
    const [deployer, curator] = await connection.ethers.getSigners();
    if (deployer === undefined || curator === undefined) throw new Error("too few accounts");
    const suite = attach(await deploySuite(connection), deployer);
    const pools = await suite.pools.getAddress();
    const parameters = { Vault: { pools, curator: curator.address, commissionBps: 500, name: "A vault", symbol: "A" } };
    const { vault: deployed } = await connection.ignition.deploy(VaultModule, { parameters });
    const vault = DelegationVault__factory.connect(await deployed.getAddress(), deployer);
    expect(await vault.STAKING()).to.equal(await suite.staking.getAddress());
    expect(await vault.owner()).to.equal(curator.address);
    expect(await vault.commissionBps()).to.equal(500n);
    await suite.token.mint(deployer, parseEther("10"));
    await suite.token.approve(vault, parseEther("10"));
    await vault.deposit(parseEther("10"), deployer);
    expect(await suite.staking.freeStakeOf(vault)).to.equal(parseEther("10"));
  });
});
