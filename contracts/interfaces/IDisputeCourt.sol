// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {
    Accusation,
    Answer,
    CourtTerm,
    CourtTerms,
    Dispute,
    DisputeStatus,
    Execution,
    KernelOpening,
    Opening,
    OutputOpening,
    Place,
    TraceCase
} from "../types/Dispute.sol";
import {IClaimSource} from "./IClaimSource.sol";
import {IPrepaidLedger} from "./IPrepaidLedger.sol";
import {IModelRegistry} from "./IModelRegistry.sol";
import {ITensorMachine} from "./ITensorMachine.sol";
import {ModelManifest} from "../types/Model.sol";

/// @title IDisputeCourt
/// @notice Decides whether a claimed answer is what its model computes. Arithmetic decides, not a vote: one output
/// element that its committed operands do not produce convicts, and so does data that the operator does not show.
///
/// Course of a dispute:
/// 1. `challenge` inside the claim's window freezes finality. One dispute a claim; its terms never change.
/// 2. The operator answers with `commitTrace`: the root over the outputs of all kernels. No trace in time convicts.
/// 3. Watchers find the first wrong element, with published data or with `demandTrace`, `demandTensor` and `answer`.
///    Data not shown in time convicts.
/// 4. `accuse` and, in a later block, `proveFraud` convict; a long reduction is prepared by `replay`.
/// 5. `resolve` at the end upholds the operator if nothing convicted it.
///
/// Where a claim comes from is its source's matter (IClaimSource): the court learns its facts there, and the source acts on
/// the verdict. A claim's id binds its source.
///
/// Every move but the challenge and the trace is open to everybody, because its content is checkable: a challenger who
/// is the operator's friend cannot keep others out. Only the operator may call `commitTrace`: the court can check only
/// the outputs of a trace, so a stranger could commit a wrong trace in the operator's name.
///
/// Nothing here can be paused.
interface IDisputeCourt is IPrepaidLedger {
    // ------------------------------------------------------------------------------------------------ events

    /// @notice New terms, for disputes opened from `from` on, seconds since the epoch.
    event TermsAdded(uint256 indexed termsId, CourtTerms terms, uint256 from);

    /// @notice The court judges claims of this contract.
    event SourceAdded(IClaimSource indexed source, uint256 number);

    /// @notice Claims of this contract cannot be challenged after `until`.
    event SourceTombstoned(IClaimSource indexed source, uint256 until);

    /// @notice A claim is in dispute.
    event Challenged(
        bytes32 indexed claimId,
        bytes32 indexed id,
        address indexed challenger,
        address operator,
        address source,
        uint256 termsId,
        uint256 traceUntil
    );

    /// @notice The operator committed its trace; all further deadlines are fixed.
    event TraceCommitted(
        bytes32 indexed claimId,
        bytes32 traceRoot,
        bytes32[] outputRoots,
        uint256 demandUntil,
        uint256 end,
        string location
    );

    /// @notice Data was demanded.
    event Demanded(
        bytes32 indexed claimId,
        bytes32 indexed demandId,
        address indexed demander,
        Opening opening,
        uint256 answerUntil
    );

    /// @notice Demanded data, checked against traceRoot.
    event Answered(bytes32 indexed claimId, bytes32 indexed demandId, Answer answer);

    /// @notice Somebody will reveal an accusation.
    event Accused(bytes32 indexed claimId, bytes32 indexed commitment);

    /// @notice A reduction was executed up to `position`; anyone may continue from there.
    event Replayed(
        bytes32 indexed claimId,
        uint256 indexed kernelIndex,
        uint256 indexed element,
        uint256 position,
        uint64[] accumulators
    );

    /// @notice An element of the trace is not what its operands produce.
    event FraudProven(
        bytes32 indexed claimId,
        uint256 indexed kernelIndex,
        uint256 indexed element,
        uint64 claimed,
        uint64 executed
    );

    /// @notice The claim is wrong, or its operator did not show its data in time; `accuser` is rewarded from the slash.
    event Convicted(bytes32 indexed claimId, address indexed accuser);

    /// @notice No fraud was shown by the end.
    event Upheld(bytes32 indexed claimId, address indexed operator, uint256 paid, uint256 burned);

    // ------------------------------------------------------------------------------------------------ errors

    /// @notice A term is out of range.
    error CourtTermOutside(CourtTerm term, uint256 actual, uint256 minimum, uint256 maximum);
    error CourtStatus(DisputeStatus actual, DisputeStatus expected);
    /// @notice The newest terms do not count yet: only one set may wait.
    error CourtTermsPending(uint256 from);
    error CourtSourceKnown(IClaimSource source);
    /// @notice The source is unknown (`until` 0) or was tombstoned.
    error CourtSourceUnusable(IClaimSource source, uint256 until);
    /// @notice The source gives up on disputes before they must end.
    error CourtSourcePatience(uint256 actual, uint256 minimum);
    /// @notice The source's facts are not those of the claim that is named.
    error CourtClaimMismatch(bytes32 actual, bytes32 expected);
    error CourtWindowTooLong(uint256 secondsLeft, uint256 maximum);
    error CourtRequestMismatch(bytes32 actual, bytes32 expected);
    error CourtNotAuditDesk(address actual, address expected);
    error CourtOperatorOnly(address actual, address expected);
    error CourtTooLate(uint256 time, uint256 until);
    error CourtTooEarly(uint256 time, uint256 until);

    error CourtManifestMismatch(bytes32 actual, bytes32 expected);
    error CourtOutputCount(uint256 actual, uint256 expected);
    error CourtOutputRootMismatch(bytes32 actual, bytes32 expected);
    error CourtTraceMismatch(bytes32 actual, bytes32 expected);

    error CourtKernelMismatch(bytes32 actual, bytes32 expected);
    error CourtOperandCount(uint256 actual, uint256 expected);
    error CourtOperandSpace(uint256 operand, uint8 space);
    error CourtOperandLater(uint256 operand, uint256 index, uint256 kernelIndex);
    error CourtOperandMismatch(uint256 operand, bytes32 actual, bytes32 expected);
    error CourtElementOutside(uint256 element, uint256 first, uint256 count);
    error CourtNoFraud(uint64 bits);

    error CourtAccusationKnown(bytes32 commitment);
    error CourtAccusationUnknown(bytes32 commitment);
    error CourtAccusationTooRecent(uint256 blockNumber, uint256 accusedIn);

    error CourtReplayUnknown(bytes32 actual, bytes32 expected);
    error CourtReplayUnfinished(uint256 position);
    error CourtReplayFinished();

    error CourtPlaceOutside(uint256 level, uint256 index);
    error CourtDemandUnknown(bytes32 demandId);
    error CourtDemandAnswered(bytes32 demandId);
    error CourtDemandsOpen(uint256 count);
    error CourtNodeCount(uint256 actual, uint256 expected);

    // ------------------------------------------------------------------------------------------------ terms

    /// @notice Sets the terms of disputes opened after `NOTICE_SECONDS`. Open disputes keep theirs.
    /// @dev Requirements:
    /// - the caller may call it by the access manager;
    /// - every window is at least one minute; `demandWindow` is at least four answer windows, so that a watcher has its
    ///   rounds; all windows together leave a day of the longest dispute, so that the court ends it before a source gives
    ///   up; the bonds are not zero, and at most `MAX_BOND_FACTOR` times those of the first terms; `burnBps` is at most
    ///   10,000 (CourtTermOutside);
    /// - no other terms wait (CourtTermsPending).
    function addTerms(CourtTerms calldata terms) external returns (uint256 termsId);

    /// @notice Terms of a given id; ids count from 0.
    function termsOf(uint256 termsId) external view returns (CourtTerms memory);

    /// @notice Id of the terms of a dispute opened now.
    function currentTermsId() external view returns (uint256);

    // ------------------------------------------------------------------------------------------------ sources

    /// @notice Judges claims of `source` from now on.
    /// @dev Requirements: the caller may call it by the access manager; the source is new (CourtSourceKnown) and waits
    /// long enough for a verdict (CourtSourcePatience).
    function addSource(IClaimSource source) external;

    /// @notice Judges no claims of `source` that are challenged after `NOTICE_SECONDS`. Open disputes go on. A tombstoned
    /// source never comes back.
    /// @dev Requirements: the caller may call it by the access manager; the source is there and not tombstoned
    /// (CourtSourceUnusable).
    function tombstoneSource(IClaimSource source) external;

    /// @notice Last second in which claims of a source can be challenged; 0 when it is unknown, 2^40 - 1 while it is not
    /// tombstoned.
    function sourceUntil(IClaimSource source) external view returns (uint256);

    /// @notice Source of a number, from 1; zero when there is none.
    function sourceAt(uint256 number) external view returns (IClaimSource);

    // ------------------------------------------------------------------------------------------------ dispute

    /// @notice Opens the dispute of a claim and takes the challenger's bond.
    /// @dev Requirements:
    /// - the claim has no dispute yet (CourtStatus);
    /// - the source is registered and not tombstoned (CourtSourceUnusable);
    /// - the source knows `claimId` as the present claim of `id` and its window is open (errors of the source);
    /// - the facts that it gives are the claim's (CourtClaimMismatch), and the window is not longer than
    ///   `NOTICE_SECONDS` (CourtWindowTooLong);
    /// - the bond arrives whole (CreditTokenMismatch).
    /// @param source Where the claim stands.
    /// @param id The source's own id of what is claimed: a request of the market.
    /// @param claimId Hash of the claim: a reorganised chain cannot direct the bond at another one.
    function challenge(IClaimSource source, bytes32 id, bytes32 claimId) external;

    /// @notice Opens the dispute of an audited claim, in the name of its auditor. The auditor's bond is at the audit desk,
    /// which settles it by the verdict, so the court takes none and pays none back.
    /// @dev Requirements as for `challenge`, and the caller is the source's audit desk (CourtNotAuditDesk).
    /// @param challenger The auditor, who is rewarded as a challenger is.
    function challengeFor(IClaimSource source, bytes32 id, bytes32 claimId, address challenger) external;

    /// @notice Commits the operator's trace and fixes the end of the dispute.
    /// @dev Requirements:
    /// - the claim is Challenged (CourtStatus) and the caller is its operator (CourtOperatorOnly), in time (CourtTooLate);
    /// - the request is the claim's (errors of the source), the manifest its model (CourtManifestMismatch);
    /// - one output root and proof for each output (CourtOutputCount); their list root is the claim's output root
    ///   (CourtOutputRootMismatch); each is in the trace at the kernel that gives it (CourtTraceMismatch).
    /// @param claimId The claim.
    /// @param terms As IClaimSource.factsOf takes them.
    /// @param manifest The claim's model.
    /// @param traceRoot Root over the tensor roots of all kernel outputs.
    /// @param outputRoots Tensor root of each output.
    /// @param outputSiblings Proof of each in traceRoot.
    /// @param location Where the trace can be fetched; optional. Published data need not be demanded.
    function commitTrace(
        bytes32 claimId,
        bytes calldata terms,
        ModelManifest calldata manifest,
        bytes32 traceRoot,
        bytes32[] calldata outputRoots,
        bytes32[][] calldata outputSiblings,
        string calldata location
    ) external;

    /// @notice Convicts an operator that committed no trace in time. The challenger is rewarded.
    /// @dev Requirements: the claim is Challenged (CourtStatus), the time for the trace is over (CourtTooEarly) and the
    /// request is the claim's (errors of the source).
    function convictWithoutTrace(bytes32 claimId, bytes calldata terms) external;

    /// @notice Upholds the operator when the end has passed: it gets the challenger's bond, less the burn, and the bonds of
    /// all demands.
    /// @dev Requirements: a trace is committed (CourtStatus), the end is over (CourtTooEarly), no demand is unanswered
    /// (CourtDemandsOpen; `convictUnanswered` is due then).
    function resolve(bytes32 claimId) external;

    // ------------------------------------------------------------------------------------------------ fraud

    /// @notice Commits to an accusation, so that nobody gains by copying the proof from the mempool. Takes a bond, which
    /// comes back with a conviction (`reclaimAccusation`) and is the operator's when it is upheld.
    /// @dev Requirements: a trace is committed (CourtStatus), the end is not over (CourtTooLate), the commitment is new
    /// (CourtAccusationKnown), the bond arrives whole (CreditTokenMismatch).
    /// @param claimId The claim.
    /// @param commitment keccak256(abi.encode(claimId, kernelIndex, element, accuser, salt)).
    function accuse(bytes32 claimId, bytes32 commitment) external;

    /// @notice Returns the bond of an accusation of a convicted claim to who paid it.
    /// @dev Requirements: the claim is Convicted (CourtStatus); it was accused and the bond not yet returned
    /// (CourtAccusationUnknown).
    function reclaimAccusation(bytes32 claimId, bytes32 commitment) external;

    /// @notice Executes a part of an element's reduction and stores where it stands.
    /// @dev Requirements as for `proveFraud` up to the operands, then:
    /// - the element is not finished with this call (CourtReplayFinished).
    /// Of several accusers of one element, the one whose accusation was committed first is rewarded; but who demanded the
    /// element's leaf no later, and had it shown, comes before all of them.
    /// @param claimId The claim.
    /// @param accusation Committed in an earlier block.
    /// @param execution Where to go on, with the witness of this part.
    /// @param maxSteps Reduction steps to take.
    function replay(
        bytes32 claimId,
        Accusation calldata accusation,
        Execution calldata execution,
        uint64 maxSteps
    ) external;

    /// @notice Convicts: the committed element is not what the committed operands produce.
    /// @dev Requirements:
    /// - a trace is committed (CourtStatus), the end is not over (CourtTooLate);
    /// - the accusation was committed (CourtAccusationUnknown) in an earlier block (CourtAccusationTooRecent);
    /// - the kernel is in the program at its index (CourtKernelMismatch);
    /// - the progress is the beginning or a stored state (CourtReplayUnknown);
    /// - every operand that is read is the claim's own (CourtOperandCount, CourtOperandSpace, CourtOperandLater,
    ///   CourtOperandMismatch);
    /// - the element is finished (CourtReplayUnfinished);
    /// - the output leaves hold the element (CourtElementOutside) and are in the trace (CourtTraceMismatch);
    /// - the committed bits are not the executed ones (CourtNoFraud);
    /// - the request is the claim's (errors of the source).
    /// Errors of the machine and of the trees pass through.
    /// @param claimId The claim.
    /// @param terms As IClaimSource.factsOf takes them.
    /// @param accusation Who is rewarded, whoever sends the proof.
    /// @param execution The re-execution.
    /// @param output The committed element.
    function proveFraud(
        bytes32 claimId,
        bytes calldata terms,
        Accusation calldata accusation,
        Execution calldata execution,
        OutputOpening calldata output
    ) external;

    // ------------------------------------------------------------------------------------------------ openings

    /// @notice Demands nodes of the tree of traceRoot. The bond is taken for every place that is new; places demanded
    /// before are skipped, so that nobody can block a batch.
    /// @dev Requirements: a trace is committed (CourtStatus), demands are in time (CourtTooLate), the places exist
    /// (CourtPlaceOutside), the bond arrives whole (CreditTokenMismatch).
    /// @return fresh Number of new demands.
    function demandTrace(bytes32 claimId, Place[] calldata places) external returns (uint256 fresh);

    /// @notice Demands nodes or leaves of a kernel's output, as `demandTrace`.
    /// @dev Requirements as for `demandTrace`, and the kernel is in the program (CourtKernelMismatch): its type bounds
    /// the places that exist.
    /// @return fresh Number of new demands.
    function demandTensor(
        bytes32 claimId,
        KernelOpening calldata kernel,
        Place[] calldata places
    ) external returns (uint256 fresh);

    /// @notice Answers demands. Open to everybody; the bonds go to the operator, so that copying an answer gains nothing.
    /// Demands that are already answered are skipped.
    /// @dev Requirements, for each: it was demanded (CourtDemandUnknown), its time is not over (CourtTooLate), the
    /// number of nodes is that of the place (CourtNodeCount), nodes or bytes are in the trace (CourtTraceMismatch).
    function answer(bytes32 claimId, Answer[] calldata answers) external;

    /// @notice Convicts an operator that left a demand unanswered. The demander is rewarded.
    /// @dev Requirements: a trace is committed (CourtStatus); it was demanded (CourtDemandUnknown), is not answered
    /// (CourtDemandAnswered) and its time is over (CourtTooEarly); the request is the claim's (errors of the source).
    function convictUnanswered(bytes32 claimId, bytes calldata terms, Opening calldata opening) external;

    /// @notice Returns the bond of a demand, answered or not, of a convicted claim to its demander.
    /// @dev Requirements: the claim is Convicted (CourtStatus); it was demanded and its bond not yet returned
    /// (CourtDemandUnknown).
    function reclaim(bytes32 claimId, Opening calldata opening) external;

    // ------------------------------------------------------------------------------------------------ views

    /// @notice The dispute of a claim; all zero when there is none.
    function disputeOf(bytes32 claimId) external view returns (Dispute memory);

    /// @notice Says how a manifest is hashed.
    function REGISTRY() external view returns (IModelRegistry);

    /// @notice Re-executes elements.
    function MACHINE() external view returns (ITensorMachine);

    /// @notice What the trace is judged against; all zero before it is committed.
    function caseOf(bytes32 claimId) external view returns (TraceCase memory);

    /// @notice A demand.
    /// @return demander Who made it; zero when there is none or its bond was returned.
    /// @return answerUntil Last second to answer.
    /// @return answered Whether it was answered.
    function demandOf(
        bytes32 claimId,
        Opening calldata opening
    ) external view returns (address demander, uint256 answerUntil, bool answered);

    /// @notice An accusation.
    /// @return payer Who paid its bond; zero when there is none or its bond was returned.
    /// @return accusedIn Block in which it was committed; 0 when it was not.
    function accusationOf(bytes32 claimId, bytes32 commitment) external view returns (address payer, uint256 accusedIn);

    /// @notice keccak256(abi.encode(progress)) of a stored state of a replay; zero when there is none.
    function replayOf(
        bytes32 claimId,
        uint32 kernelIndex,
        uint32 element,
        uint64 position
    ) external view returns (bytes32);
}
