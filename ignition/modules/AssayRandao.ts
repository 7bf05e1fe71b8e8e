import { governanceModule } from "./Assay.ts";

/** What `npx hardhat ignition deploy ignition/modules/AssayRandao.ts` runs: draws by RANDAO, for Ethereum itself. */
export default governanceModule("randao");
