import { id, parseEther } from "ethers";
import { network } from "hardhat";

import { FAULT } from "../../../runner/protocol/enums.ts";
import { deployProtocol, nextEpoch, OPEN_TERMS, type Protocol, type Signer, STAKING, useFixture } from "./protocol.ts";

/*
 * A vault with a curator and an agent; alice, bob and carol can deposit, and the signer `court` locks and slashes its stake.
 */

export const connection = await network.create();
export const { ethers, networkHelpers } = connection;

export const ONE = parseEther("1");
/** Shares for one base unit of the token in a new vault. */
export const VIRTUAL_SHARES = 1_000_000n;
export const COMMISSION_BPS = 1_000;
export const VESTING = 7 * 86_400;
/** Seconds of a period: an eighth place in the queue is free again when it is needed. */
export const PERIOD = Math.floor(STAKING.unbondingSeconds / 7) + 1;

/** Deploys a vault for a deployment. */
export async function deployVault({ pools }: Pick<Protocol, "pools">, curator: Signer) {
  return ethers.deployContract("DelegationVault", [pools, curator, COMMISSION_BPS, "Vault of Assay", "vASSAY"]);
}

const vaultProtocol = async (tokenAddress?: string) => {
  const protocol = await deployProtocol(connection, tokenAddress);
  const signers = await ethers.getSigners();
  const [curator, agent] = signers.slice(11, 13) as [Signer, Signer];
  const vault = await deployVault(protocol, curator);
  await protocol.staking.addManager(protocol.court);
  for (const holder of [protocol.alice, protocol.bob, protocol.carol]) {
    await protocol.token.connect(holder).approve(vault, parseEther("100000"));
  }
  return { ...protocol, vault, curator, agent };
};

/** That vault on a token of its own, which a test makes hostile. */
export const hostileVault = async () => {
  const hostile = await ethers.deployContract("TokenMock");
  return { hostile, ...(await vaultProtocol(await hostile.getAddress())) };
};

export type VaultProtocol = Awaited<ReturnType<typeof vaultProtocol>>;

export const emptyVault = () => vaultProtocol();

/** Alice deposited 3,000 and bob 1,000. */
const fundedVault = async () => {
  const protocol = await vaultProtocol();
  await protocol.vault.connect(protocol.alice).deposit(parseEther("3000"), protocol.alice);
  await protocol.vault.connect(protocol.bob).deposit(parseEther("1000"), protocol.bob);
  return protocol;
};

/** What tests do with a vault. */
export function actionsOn(protocol: VaultProtocol) {
  const byManager = () => protocol.staking.connect(protocol.court);
  const actions = {
    request: (holder: Signer, shares: bigint, controller: Signer = holder) =>
      protocol.vault.connect(holder).requestRedeem(shares, controller, holder),
    /** Tokens arrive, as fees do. */
    earn: (amount: bigint) => protocol.token.mint(protocol.vault, amount),
    lock: (amount: bigint, name = "lock") => byManager().lockDrawn(protocol.vault, 0, 1_000, amount, id(name)),
    release: (name = "lock") => byManager().release(id(name)),
    slash: async (fault: keyof typeof FAULT, name = "lock") =>
      byManager().slash(id(name), FAULT[fault], await networkHelpers.time.latest(), protocol.carol, protocol.bob),
    /** Goes on to the first second of the next period. */
    nextPeriod: async () => {
      const next = (Math.floor((await networkHelpers.time.latest()) / PERIOD) + 1) * PERIOD;
      await networkHelpers.time.increaseTo(next);
      return next;
    },
    /** Closes the open batch in the next period; the time of that. */
    close: async () => {
      await actions.nextPeriod();
      await protocol.vault.sync();
      return networkHelpers.time.latest();
    },
    mature: () => networkHelpers.time.increase(STAKING.unbondingSeconds),
    /** From the request to what can be claimed. */
    exit: async (holder: Signer, shares: bigint) => {
      await actions.request(holder, shares);
      await actions.close();
      await actions.mature();
      await protocol.vault.sync();
    },
    /** The vault can be drawn for the published version. */
    join: async () => {
      const curated = protocol.vault.connect(protocol.curator);
      await curated.rotateSigningKey(protocol.agent);
      await curated.setAgent(protocol.agent);
      await curated.optIn(protocol.versionId, OPEN_TERMS);
      await nextEpoch(connection);
    },
  };
  return actions;
}

/** That protocol and these actions, fresh for each test of a `describe`. */
export function useVault() {
  const protocol = useFixture(connection, fundedVault);
  return { protocol, ...actionsOn(protocol) };
}
