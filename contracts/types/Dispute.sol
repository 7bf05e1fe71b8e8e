// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {Progress, Segment} from "./Witness.sol";

/// @notice Where the dispute of a claim stands. Upheld and Convicted are terminal.
enum DisputeStatus {
    None,
    Challenged,
    TraceCommitted,
    Upheld,
    Convicted
}

/// @notice The court's prices and clocks. A set of terms never changes; a dispute keeps the one it was opened under.
/// @param challengeBond What a challenger deposits; the operator's, less the burn, when no fraud is shown.
/// @param demandBond What a demander deposits for each run of nodes or leaf; the operator's when it is upheld.
/// @param accusationBond What an accusation costs; back with a conviction, the operator's when it is upheld.
/// @param traceWindow Seconds from the challenge in which the operator commits its trace.
/// @param demandWindow Seconds from the trace in which data may be demanded.
/// @param answerWindow Seconds from a demand in which it must be answered.
/// @param proofMargin Seconds after the last possible answer in which a fraud proof is still accepted.
/// @param burnBps Share of the challenger's bond that is burnt when the operator is upheld, in basis points. A challenger
/// who is the operator's friend loses at least this.
struct CourtTerms {
    uint96 challengeBond;
    uint96 demandBond;
    uint32 traceWindow;
    uint32 demandWindow;
    uint96 accusationBond;
    uint32 answerWindow;
    uint32 proofMargin;
    uint16 burnBps;
}

/// @notice What a limit of the terms is about; `DisputeSeconds` is the sum of all windows and the court's verdict margin.
enum CourtTerm {
    ChallengeBond,
    DemandBond,
    AccusationBond,
    TraceWindow,
    DemandWindow,
    AnswerWindow,
    ProofMargin,
    BurnBps,
    DisputeSeconds
}

/// @notice The dispute of one claim. Times are seconds since the epoch; a move at exactly its deadline is in time.
/// @param challenger Who opened it and whose bond is at stake.
/// @param termsId Terms it was opened under.
/// @param traceUntil Last second to commit the trace.
/// @param status Where it stands.
/// @param source Number of the claim's source, from 1.
/// @param operator Who made the claim.
/// @param demandUntil Last second to demand data; zero before the trace is committed.
/// @param end Last second to prove fraud; zero before the trace is committed. Fixed then, never moved.
/// @param demands Demands made.
/// @param openDemands Demands not yet answered.
/// @param challengeableUntil End of the claim's own window. The demand window starts no earlier; otherwise a friend of the
/// operator could shorten the time of the watchers by an early challenge.
/// @param accusations Accusations made.
/// @param audit Whether an audit opened it; then there is no challenger's bond in the court.
/// @param id The source's own id of what is claimed.
struct Dispute {
    address challenger;
    uint32 termsId;
    uint40 traceUntil;
    DisputeStatus status;
    uint16 source;
    address operator;
    uint40 demandUntil;
    uint40 end;
    uint64 demands;
    uint64 openDemands;
    uint40 challengeableUntil;
    uint64 accusations;
    bool audit;
    bytes32 id;
}

/// @notice What a committed trace is judged against: roots and the widths of their trees.
/// @param programRoot Over the encoded kernels.
/// @param weightsRoot Over the constants.
/// @param inputRoot Over the inputs of the request.
/// @param traceRoot Over the outputs of all kernels, as the operator committed it.
/// @param kernelCount Width of programRoot and of traceRoot.
/// @param constantCount Width of weightsRoot.
/// @param inputCount Width of inputRoot.
struct TraceCase {
    bytes32 programRoot;
    bytes32 weightsRoot;
    bytes32 inputRoot;
    bytes32 traceRoot;
    uint32 kernelCount;
    uint32 constantCount;
    uint32 inputCount;
}

/// @notice One kernel of the program with its inclusion proof.
/// @param index Position in the program.
/// @param encoded Encoded kernel (docs/tensor-machine.md section 4).
/// @param siblings Proof in programRoot.
struct KernelOpening {
    uint32 index;
    bytes encoded;
    bytes32[] siblings;
}

/// @notice Re-execution of one element, from the start or from a stored state.
/// @param kernel The kernel.
/// @param element Flat row-major index of the output element.
/// @param progress Position 0 and no accumulators to begin; otherwise the state that an earlier `replay` stored.
/// @param witness Segments of each operand, as ITensorMachine.execute takes them.
/// @param operandSiblings For each operand the proof of its tensor root in inputRoot, weightsRoot or traceRoot by its
/// space; empty for an operand that the witness does not cover.
struct Execution {
    KernelOpening kernel;
    uint32 element;
    Progress progress;
    Segment[][] witness;
    bytes32[][] operandSiblings;
}

/// @notice The output element as the operator committed it.
/// @param leaves A run of leaves of the kernel's output that holds the element; one leaf suffices.
/// @param siblings Proof of the output's tensor root in traceRoot.
struct OutputOpening {
    Segment leaves;
    bytes32[] siblings;
}

/// @notice Reveals a committed accusation: keccak256(abi.encode(claimId, kernelIndex, element, accuser, salt)).
/// @param accuser Who is paid, unless the leaf of the element was demanded by somebody else before.
/// @param salt Random, so that the commitment hides the element.
struct Accusation {
    address accuser;
    bytes32 salt;
}

/// @notice A place in a tree: up to 16 consecutive nodes of a level, or the bytes of one leaf.
/// @param level Level of the nodes, 0 for the hashes of leaves; 255 for the bytes of a leaf.
/// @param index First node, a multiple of 16; for bytes the leaf.
struct Place {
    uint8 level;
    uint32 index;
}

/// @notice What a demand asks for; its hash with the claim is the demand's id.
/// @param kernelIndex Kernel in whose output the place is; 2^32 - 1 for the tree of traceRoot itself.
/// @param dtype Element type of that output; 0 for the tree of traceRoot.
/// @param length Elements of that output; 0 for the tree of traceRoot.
/// @param place Where in the tree.
struct Opening {
    uint32 kernelIndex;
    uint8 dtype;
    uint64 length;
    Place place;
}

/// @notice Data for a demand, checkable against traceRoot alone.
/// @param opening What was demanded.
/// @param nodes The nodes; empty for bytes.
/// @param data The bytes of the leaf; empty for nodes.
/// @param siblings Range proof of the nodes, or of the leaf, in the tensor's tree (or in traceRoot's).
/// @param traceSiblings Proof of the tensor root in traceRoot; empty for the tree of traceRoot.
struct Answer {
    Opening opening;
    bytes32[] nodes;
    bytes data;
    bytes32[] siblings;
    bytes32[] traceSiblings;
}
