import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";

/**
 * One vault for a deployment. Parameters: `pools` (address of the deployment's OperatorPools; must be given), `curator`
 * (default: the deployer), `commissionBps` (in 1/10,000 of earnings, at most 2,000), `name` and `symbol` of the shares. A
 * second vault needs a deployment id of its own (`--deployment-id`).
 */
const VaultModule = buildModule("Vault", (m) => ({
  vault: m.contract("DelegationVault", [
    m.getParameter<string>("pools"),
    m.getParameter("curator", m.getAccount(0)),
    m.getParameter("commissionBps", 1_000),
    m.getParameter("name", "Delegated stake"),
    m.getParameter("symbol", "dSTAKE"),
  ]),
}));

/** What `npx hardhat ignition deploy ignition/modules/Vault.ts` runs. */
export default VaultModule;
