/* Generated from the contracts by `npm run protocol`: do not edit. */

import { nameOf } from "./name-of.ts";

/** `AnswerStage` of contracts/types/Request.sol. */
export const ANSWER_STAGE = { provisional: 0n, attested: 1n, final: 2n, failed: 3n } as const;

export type AnswerStage = keyof typeof ANSWER_STAGE;

/** @throws AssayError OUT_OF_RANGE for a code that `AnswerStage` does not have. */
export const answerStageOf = (code: bigint | number): AnswerStage => nameOf("AnswerStage", ANSWER_STAGE, code);

/** `AuditStatus` of contracts/types/Audit.sol. */
export const AUDIT_STATUS = { none: 0n, begun: 1n, committed: 2n, settled: 3n } as const;

export type AuditStatus = keyof typeof AUDIT_STATUS;

/** @throws AssayError OUT_OF_RANGE for a code that `AuditStatus` does not have. */
export const auditStatusOf = (code: bigint | number): AuditStatus => nameOf("AuditStatus", AUDIT_STATUS, code);

/** `Collateral` of contracts/types/Enclave.sol. */
export const COLLATERAL = { issuer: 0n, revocationList: 1n, tcbInfo: 2n, qeIdentity: 3n } as const;

export type Collateral = keyof typeof COLLATERAL;

/** @throws AssayError OUT_OF_RANGE for a code that `Collateral` does not have. */
export const collateralOf = (code: bigint | number): Collateral => nameOf("Collateral", COLLATERAL, code);

/** `CourtTerm` of contracts/types/Dispute.sol. */
export const COURT_TERM = {
  challengeBond: 0n,
  demandBond: 1n,
  accusationBond: 2n,
  traceWindow: 3n,
  demandWindow: 4n,
  answerWindow: 5n,
  proofMargin: 6n,
  burnBps: 7n,
  disputeSeconds: 8n,
} as const;

export type CourtTerm = keyof typeof COURT_TERM;

/** @throws AssayError OUT_OF_RANGE for a code that `CourtTerm` does not have. */
export const courtTermOf = (code: bigint | number): CourtTerm => nameOf("CourtTerm", COURT_TERM, code);

/** `DataKind` of contracts/types/Availability.sol. */
export const DATA_KIND = { input: 0n, output: 1n } as const;

export type DataKind = keyof typeof DATA_KIND;

/** @throws AssayError OUT_OF_RANGE for a code that `DataKind` does not have. */
export const dataKindOf = (code: bigint | number): DataKind => nameOf("DataKind", DATA_KIND, code);

/** `DisputeStatus` of contracts/types/Dispute.sol. */
export const DISPUTE_STATUS = { none: 0n, challenged: 1n, traceCommitted: 2n, upheld: 3n, convicted: 4n } as const;

export type DisputeStatus = keyof typeof DISPUTE_STATUS;

/** @throws AssayError OUT_OF_RANGE for a code that `DisputeStatus` does not have. */
export const disputeStatusOf = (code: bigint | number): DisputeStatus => nameOf("DisputeStatus", DISPUTE_STATUS, code);

/** `DrawOutcome` of contracts/types/Place.sol. */
export const DRAW_OUTCOME = { nobody: 0n, drawn: 1n, busy: 2n, missed: 3n } as const;

export type DrawOutcome = keyof typeof DRAW_OUTCOME;

/** @throws AssayError OUT_OF_RANGE for a code that `DrawOutcome` does not have. */
export const drawOutcomeOf = (code: bigint | number): DrawOutcome => nameOf("DrawOutcome", DRAW_OUTCOME, code);

/** `Fault` of contracts/types/Staking.sol. */
export const FAULT = { liveness: 0n, fraud: 1n } as const;

export type Fault = keyof typeof FAULT;

/** @throws AssayError OUT_OF_RANGE for a code that `Fault` does not have. */
export const faultOf = (code: bigint | number): Fault => nameOf("Fault", FAULT, code);

/** `Finality` of contracts/types/Request.sol. */
export const FINALITY = { unknown: 0n, pending: 1n, provisional: 2n, disputed: 3n, final: 4n, failed: 5n } as const;

export type Finality = keyof typeof FINALITY;

/** @throws AssayError OUT_OF_RANGE for a code that `Finality` does not have. */
export const finalityOf = (code: bigint | number): Finality => nameOf("Finality", FINALITY, code);

/** `IssuerKind` of contracts/types/Enclave.sol. */
export const ISSUER_KIND = { none: 0n, processorCa: 1n, platformCa: 2n, tcbSigning: 3n } as const;

export type IssuerKind = keyof typeof ISSUER_KIND;

/** @throws AssayError OUT_OF_RANGE for a code that `IssuerKind` does not have. */
export const issuerKindOf = (code: bigint | number): IssuerKind => nameOf("IssuerKind", ISSUER_KIND, code);

/** `Limit` of contracts/interfaces/ITensorMachine.sol. */
export const LIMIT = {
  kernelBytes: 0n,
  rank: 1n,
  reductionRank: 2n,
  elements: 3n,
  accumulators: 4n,
  operands: 5n,
  reads: 6n,
  guards: 7n,
  constants: 8n,
  registers: 9n,
  reach: 10n,
} as const;

export type Limit = keyof typeof LIMIT;

/** @throws AssayError OUT_OF_RANGE for a code that `Limit` does not have. */
export const limitOf = (code: bigint | number): Limit => nameOf("Limit", LIMIT, code);

/** `OperatorStatus` of contracts/types/Staking.sol. */
export const OPERATOR_STATUS = { none: 0n, active: 1n, jailed: 2n, tombstoned: 3n } as const;

export type OperatorStatus = keyof typeof OPERATOR_STATUS;

/** @throws AssayError OUT_OF_RANGE for a code that `OperatorStatus` does not have. */
export const operatorStatusOf = (code: bigint | number): OperatorStatus =>
  nameOf("OperatorStatus", OPERATOR_STATUS, code);

/** `Phase` of contracts/governance/ExpiringPause.sol. */
export const PHASE = { armed: 0n, used: 1n, ended: 2n } as const;

export type Phase = keyof typeof PHASE;

/** @throws AssayError OUT_OF_RANGE for a code that `Phase` does not have. */
export const phaseOf = (code: bigint | number): Phase => nameOf("Phase", PHASE, code);

/** `QuorumFinality` of contracts/types/Quorum.sol. */
export const QUORUM_FINALITY = {
  unknown: 0n,
  pending: 1n,
  provisional: 2n,
  attested: 3n,
  disputed: 4n,
  final: 5n,
  failed: 6n,
} as const;

export type QuorumFinality = keyof typeof QUORUM_FINALITY;

/** @throws AssayError OUT_OF_RANGE for a code that `QuorumFinality` does not have. */
export const quorumFinalityOf = (code: bigint | number): QuorumFinality =>
  nameOf("QuorumFinality", QUORUM_FINALITY, code);

/** `QuorumStatus` of contracts/types/Quorum.sol. */
export const QUORUM_STATUS = {
  none: 0n,
  open: 1n,
  seated: 2n,
  revealing: 3n,
  answered: 4n,
  final: 5n,
  failed: 6n,
  unfilled: 7n,
} as const;

export type QuorumStatus = keyof typeof QUORUM_STATUS;

/** @throws AssayError OUT_OF_RANGE for a code that `QuorumStatus` does not have. */
export const quorumStatusOf = (code: bigint | number): QuorumStatus => nameOf("QuorumStatus", QUORUM_STATUS, code);

/** `Relation` of contracts/types/Version.sol. */
export const RELATION = {
  fineTunedFrom: 0n,
  quantisedFrom: 1n,
  convertedFrom: 2n,
  distilledFrom: 3n,
  mergedFrom: 4n,
  prunedFrom: 5n,
} as const;

export type Relation = keyof typeof RELATION;

/** @throws AssayError OUT_OF_RANGE for a code that `Relation` does not have. */
export const relationOf = (code: bigint | number): Relation => nameOf("Relation", RELATION, code);

/** `RequestStatus` of contracts/types/Request.sol. */
export const REQUEST_STATUS = {
  none: 0n,
  open: 1n,
  assigned: 2n,
  claimed: 3n,
  challenged: 4n,
  final: 5n,
  refunded: 6n,
  timedOut: 7n,
  cancelled: 8n,
  convicted: 9n,
} as const;

export type RequestStatus = keyof typeof REQUEST_STATUS;

/** @throws AssayError OUT_OF_RANGE for a code that `RequestStatus` does not have. */
export const requestStatusOf = (code: bigint | number): RequestStatus => nameOf("RequestStatus", REQUEST_STATUS, code);

/** `RouteState` of contracts/types/Evidence.sol. */
export const ROUTE_STATE = { none: 0n, active: 1n, tombstoned: 2n } as const;

export type RouteState = keyof typeof ROUTE_STATE;

/** @throws AssayError OUT_OF_RANGE for a code that `RouteState` does not have. */
export const routeStateOf = (code: bigint | number): RouteState => nameOf("RouteState", ROUTE_STATE, code);

/** `SeatStatus` of contracts/types/Quorum.sol. */
export const SEAT_STATUS = {
  none: 0n,
  taken: 1n,
  committed: 2n,
  revealed: 3n,
  challenged: 4n,
  silent: 5n,
  convicted: 6n,
  expired: 7n,
} as const;

export type SeatStatus = keyof typeof SEAT_STATUS;

/** @throws AssayError OUT_OF_RANGE for a code that `SeatStatus` does not have. */
export const seatStatusOf = (code: bigint | number): SeatStatus => nameOf("SeatStatus", SEAT_STATUS, code);

/** `TcbStatus` of contracts/types/Enclave.sol. */
export const TCB_STATUS = {
  upToDate: 0n,
  sWHardeningNeeded: 1n,
  configurationNeeded: 2n,
  configurationAndSWHardeningNeeded: 3n,
  outOfDate: 4n,
  outOfDateConfigurationNeeded: 5n,
  revoked: 6n,
} as const;

export type TcbStatus = keyof typeof TCB_STATUS;

/** @throws AssayError OUT_OF_RANGE for a code that `TcbStatus` does not have. */
export const tcbStatusOf = (code: bigint | number): TcbStatus => nameOf("TcbStatus", TCB_STATUS, code);

/** `Tee` of contracts/types/Enclave.sol. */
export const TEE = { sgx: 0n, tdx: 1n } as const;

export type Tee = keyof typeof TEE;

/** @throws AssayError OUT_OF_RANGE for a code that `Tee` does not have. */
export const teeOf = (code: bigint | number): Tee => nameOf("Tee", TEE, code);

/** `TicketState` of contracts/types/Draw.sol. */
export const TICKET_STATE = { pending: 0n, ready: 1n, expired: 2n } as const;

export type TicketState = keyof typeof TICKET_STATE;

/** @throws AssayError OUT_OF_RANGE for a code that `TicketState` does not have. */
export const ticketStateOf = (code: bigint | number): TicketState => nameOf("TicketState", TICKET_STATE, code);

/** `VersionStatus` of contracts/types/Version.sol. */
export const VERSION_STATUS = { none: 0n, active: 1n, deprecated: 2n, withdrawn: 3n } as const;

export type VersionStatus = keyof typeof VERSION_STATUS;

/** @throws AssayError OUT_OF_RANGE for a code that `VersionStatus` does not have. */
export const versionStatusOf = (code: bigint | number): VersionStatus => nameOf("VersionStatus", VERSION_STATUS, code);

/** Every enum by its name in Solidity. */
export const ENUMS = {
  AnswerStage: ANSWER_STAGE,
  AuditStatus: AUDIT_STATUS,
  Collateral: COLLATERAL,
  CourtTerm: COURT_TERM,
  DataKind: DATA_KIND,
  DisputeStatus: DISPUTE_STATUS,
  DrawOutcome: DRAW_OUTCOME,
  Fault: FAULT,
  Finality: FINALITY,
  IssuerKind: ISSUER_KIND,
  Limit: LIMIT,
  OperatorStatus: OPERATOR_STATUS,
  Phase: PHASE,
  QuorumFinality: QUORUM_FINALITY,
  QuorumStatus: QUORUM_STATUS,
  Relation: RELATION,
  RequestStatus: REQUEST_STATUS,
  RouteState: ROUTE_STATE,
  SeatStatus: SEAT_STATUS,
  TcbStatus: TCB_STATUS,
  Tee: TEE,
  TicketState: TICKET_STATE,
  VersionStatus: VERSION_STATUS,
} as const;
