import { parseEther } from "ethers";
import { network } from "hardhat";

import VaultModule from "../../ignition/modules/Vault.ts";
import type { Signer } from "../../services/chain/connection.ts";
import { deploySuite } from "../../services/chain/deploy.ts";
import { attach } from "../../services/chain/deployment.ts";
import { BEGINNING, steadyTime } from "../../testing/court-stage.ts";
import { DelegationVault__factory } from "../../typechain-types/index.ts";
import type { GasScenario } from "./gauge.ts";

/** Delegation: what holders of shares pay. */
export const vaultScenario: GasScenario = {
  title: "Delegated stake",
  text:
    "A vault that is an operator. Requests of a period share one exit; whoever sends `sync` pays for all of them. A sync " +
    "without anything to do looks at the whole queue of exits.",
  run: async (gauge) => {
    const connection = await network.create({ override: { initialDate: BEGINNING } });
    steadyTime(connection);
    const { ethers, networkHelpers } = connection;
    const [deployer, alice, bob] = (await ethers.getSigners()) as [Signer, Signer, Signer];
    const suite = attach(await deploySuite(connection), deployer);
    const parameters = { Vault: { pools: await suite.pools.getAddress() } };
    const { vault: deployed } = await connection.ignition.deploy(VaultModule, { parameters });
    const vault = DelegationVault__factory.connect(await deployed.getAddress(), deployer);
    const whole = parseEther("1000");
    for (const holder of [alice, bob]) {
      await suite.token.mint(holder, 4n * whole);
      await suite.token.connect(holder).approve(vault, 4n * whole);
    }
    const [byAlice, byBob] = [vault.connect(alice), vault.connect(bob)];
    const shares = await vault.convertToShares(whole);
    await byAlice.deposit(whole, alice);
    await gauge.measure("deposit, first of a holder", "stake and shares", byBob.deposit(whole, bob));
    await gauge.measure("deposit, later", "stake and shares", byBob.deposit(whole, bob));
    await gauge.measure("sync, nothing to do", "eight places of the queue read", vault.sync());
    await suite.token.mint(vault, whole);
    await gauge.measure("sync, earnings", "earnings staked, commission set aside", vault.sync());
    await gauge.measure(
      "requestRedeem, first of a batch",
      "a place in the next exit",
      byAlice.requestRedeem(shares, alice, alice),
    );
    await gauge.measure("requestRedeem, later", "a place in the same exit", byBob.requestRedeem(shares, bob, bob));
    await networkHelpers.time.increase(await vault.BATCH_SECONDS());
    await gauge.measure("sync, closes a batch", "shares burned, stake unbonded, for all requests", vault.sync());
    await networkHelpers.time.increase(await suite.staking.UNBONDING_SECONDS());
    await gauge.measure("sync, settles a batch", "the exit withdrawn, for all requests", vault.sync());
    await gauge.measure("redeem", "a claim", byAlice.redeem(shares, alice, alice));
    await gauge.measure("redeem, last of a batch", "a claim", byBob.redeem(shares, bob, bob));
    await connection.close();
  },
};
