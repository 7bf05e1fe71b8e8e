/** What the package exports as its client. */
export { AssayClient } from "./client.ts";
export type { AskOptions, ClientContext, ClientOptions, Connecting, Verification } from "./client.ts";
export type { Outcome } from "./ask.ts";
export { type Deployment, deploymentIn } from "../chain/deployment.ts";
export { OPTIMISTIC_MODE, policyOf, SIGNATURE_MODE } from "../chain/evidence.ts";
