import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import { id } from "ethers";

import { RANDOMNESS_MODULES, type RandomnessSource } from "../randomness.ts";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TOKEN = 10n ** 18n;

/** Role that may start and end a pause, and nothing else: what has to be quick and cannot take. */
const GUARDIAN_ROLE = 1n;
const ADMIN_ROLE = 0n;
/** Selectors of `pause()` and `unpause()`: governance's delay is longer than a pause. */
const PAUSES = ["pause()", "unpause()"].map((signature) => id(signature).slice(0, 10));

/** Selectors of the evidence modes: the first four bytes of the keccak256 of their names. */
export const OPTIMISTIC_MODE = id("assay.optimistic").slice(0, 10);
export const SIGNATURE_MODE = id("assay.signature").slice(0, 10);

/** Default length of an epoch of the pools. */
export const EPOCH_SECONDS = HOUR;
const MAX_DISPUTE_SECONDS = 21 * DAY;
/** Covers assignment, claim, window, dispute and pause; the market's constructor checks it. */
const UNBONDING_SECONDS = 35 * DAY;

/** What a deployment has where no file says otherwise. */
export const SHIPPED = {
  staking: {
    minimumStake: 1_000n * TOKEN,
    fraudMinimum: 500n * TOKEN,
    livenessPenalty: 10n * TOKEN,
    unbondingSeconds: UNBONDING_SECONDS,
    jailSeconds: DAY,
    keyDelaySeconds: DAY,
    correlationFactor: 3,
  },
  market: {
    minimumFee: TOKEN,
    lockFeeBps: 20,
    minimumCollateral: 100n * TOKEN,
    // A fifth less than the rate of the audits: as many of those who are drawn may be unable, or friends of the operator.
    catchBps: 2_000,
    auditBps: 1_250,
    maxDisputeSeconds: MAX_DISPUTE_SECONDS,
  },
  audit: {
    rateBps: 2_500,
    bond: 50n * TOKEN,
    periodSeconds: 10 * MINUTE,
    commitSeconds: 10 * MINUTE,
    publishSeconds: 10 * MINUTE,
    marginSeconds: 10 * MINUTE,
  },
  court: {
    challengeBond: 50n * TOKEN,
    demandBond: TOKEN,
    accusationBond: TOKEN,
    traceWindow: 12 * HOUR,
    demandWindow: 2 * DAY,
    answerWindow: 6 * HOUR,
    proofMargin: DAY,
    burnBps: 2_500,
  },
};

/**
 * The whole suite with a source of seeds, wired. Parameters of the source are in `ignition/randomness.ts`. Every other
 * parameter can be given in a file, see `ignition/parameters/`: `token` (of all amounts, with 18 decimals, where
 * `existingToken` says that it is there already; otherwise a token for tests is deployed), `guardian` (may start and end a pause; default the
 * deployer), `sink` (gets what nobody is to gain from), `minimumWindow` of optimistic claims in seconds,
 * `dataBond` for each chunk of a committed input or output, and
 * the structs `staking`, `market`, `audit` and `court` as their contracts take them.
 *
 * The deployer governs without delay until `GovernanceModule` has run.
 */
const suiteModule = (source: RandomnessSource, existingToken: boolean) =>
  buildModule("Assay", (m) => {
    const deployer = m.getAccount(0);
    const guardian = m.getParameter("guardian", deployer);
    const sink = m.getParameter("sink", "0x000000000000000000000000000000000000dEaD");
    const minimumWindow = m.getParameter("minimumWindow", MINUTE);
    const stakingParameters = m.getParameter("staking", SHIPPED.staking);
    const epochSeconds = m.getParameter("epochSeconds", EPOCH_SECONDS);
    const saturation = m.getParameter("saturation", 10);
    const marketParameters = m.getParameter("market", SHIPPED.market);
    const auditParameters = m.getParameter("audit", SHIPPED.audit);
    // A demand of 32 KiB costs who answers it some 25 times the gas of a leaf in court, and so its bond.
    const dataBond = m.getParameter("dataBond", 25n * TOKEN);
    const courtTerms = m.getParameter("court", SHIPPED.court);

    const authority = m.contract("Authority", [deployer]);
    const token = existingToken
      ? m.contractAt("AssayToken", m.getParameter<string>("token"))
      : m.contract("AssayToken");
    const registry = m.contract("ModelRegistry");
    const { randomness } = m.useModule(RANDOMNESS_MODULES[source]);
    const staking = m.contract("OperatorStaking", [authority, token, sink, stakingParameters]);
    const pools = m.contract("OperatorPools", [registry, staking, epochSeconds, saturation]);
    const attestation = m.contract("AttestationVerifier", [authority]);
    const optimistic = m.contract("OptimisticVerifier", [minimumWindow]);
    const signature = m.contract("SignatureVerifier", [staking]);
    const availability = m.contract("DataAvailability", [token, registry, dataBond]);
    const market = m.contract("InferenceMarket", [
      authority,
      registry,
      pools,
      attestation,
      randomness,
      availability,
      marketParameters,
    ]);
    const machine = m.contract("TensorMachine");
    const court = m.contract("DisputeCourt", [authority, token, registry, machine, market, courtTerms]);
    const relay = m.contract("RequestRelay", [market]);
    const quotes = m.contract("QuoteReader", [market]);

    const auditDesk = m.contract("AuditDesk", [market, court, pools, randomness, auditParameters]);

    m.call(staking, "addManager", [market], { id: "manageByMarket" });
    m.call(staking, "addManager", [auditDesk], { id: "manageByAuditDesk" });
    m.call(market, "setCourt", [court, auditDesk]);
    m.call(attestation, "addRoute", [OPTIMISTIC_MODE, optimistic], { id: "routeOptimistic" });
    m.call(attestation, "addRoute", [SIGNATURE_MODE, signature], { id: "routeSignature" });
    m.call(authority, "setTargetFunctionRole", [market, PAUSES, GUARDIAN_ROLE], { id: "guardPause" });
    m.call(authority, "grantRole", [GUARDIAN_ROLE, guardian, 0]);

    return {
      authority,
      token,
      registry,
      randomness,
      staking,
      pools,
      attestation,
      optimistic,
      signature,
      availability,
      market,
      machine,
      court,
      auditDesk,
      relay,
      quotes,
    };
  });

type Builder = Parameters<Parameters<typeof buildModule>[1]>[0];

/**
 * Puts governance behind a delay that is longer than unbonding: whoever dislikes a coming change can leave before it
 * counts. Parameters of both modules: `governance` (default: the deployer) and `delay` in seconds.
 */
const govern = (m: Builder, source: RandomnessSource, existingToken: boolean, handsOver: boolean) => {
  const suite = m.useModule(suiteModule(source, existingToken));
  const governance = m.getParameter("governance", m.getAccount(0));
  const delay = m.getParameter("delay", UNBONDING_SECONDS + 2 * DAY);
  const grant = m.call(suite.authority, "grantRole", [ADMIN_ROLE, governance, delay]);
  // Only after somebody else has the power, or nobody would have it.
  if (handsOver) m.call(suite.authority, "renounceRole", [ADMIN_ROLE, m.getAccount(0)], { after: [grant] });
  return suite;
};

/** The suite; the deployer governs. */
export const governanceModule = (source: RandomnessSource, existingToken = false) =>
  buildModule("Governance", (m) => govern(m, source, existingToken, false));

/** The suite; somebody else governs, and the deployer has no power left. */
export const handoverModule = (source: RandomnessSource, existingToken = false) =>
  buildModule("Handover", (m) => govern(m, source, existingToken, true));

/** What `npx hardhat ignition deploy ignition/modules/Assay.ts` runs: draws by drand. Its siblings have other sources. */
export default governanceModule("drand");
