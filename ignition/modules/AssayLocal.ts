import { governanceModule } from "./Assay.ts";

/** What `npx hardhat ignition deploy ignition/modules/AssayLocal.ts` runs: draws by block hashes, for local chains only. */
export default governanceModule("local");
