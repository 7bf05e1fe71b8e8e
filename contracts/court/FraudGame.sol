// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputeCourt} from "../interfaces/IDisputeCourt.sol";
import {OperandRoot, Progress} from "../interfaces/ITensorMachine.sol";
import {TensorTree} from "../commitment/TensorTree.sol";
import {
    Accusation,
    Dispute,
    DisputeStatus,
    Execution,
    Opening,
    OutputOpening,
    Place,
    TraceCase
} from "../types/Dispute.sol";
import {Space} from "../types/Space.sol";
import {CourtRecord} from "./CourtRecord.sol";

/// @title FraudGame
/// @notice Convicts by arithmetic: the committed operands do not produce the element that the operator committed.
/// @dev The court never needs the challenger's values. It trusts nothing in a proof: the kernel is bound by the model,
/// the operands by the model, the request and the trace, the element by the trace.
///
/// A replay is a pure function of what is committed, so the state of an element at a position is unique: anyone may
/// store it, anyone may continue it, and two watchers that replay the same element help each other.
abstract contract FraudGame is CourtRecord {
    /// @dev Who is rewarded for a replayed element, and since which block.
    struct Pursuit {
        address accuser;
        uint64 accusedIn;
    }

    /// @dev An accusation that was committed. One word of storage.
    struct Filed {
        address payer;
        uint64 accusedIn;
    }

    mapping(bytes32 claimId => mapping(bytes32 commitment => Filed filed)) private _filed;
    mapping(bytes32 key => bytes32 state) private _replays;
    mapping(bytes32 key => Pursuit pursuit) private _pursuits;

    // ------------------------------------------------------------------------------------------------ moves

    /// @inheritdoc IDisputeCourt
    function accuse(bytes32 claimId, bytes32 commitment) external nonReentrant {
        Dispute storage dispute = _disputeAt(claimId, DisputeStatus.TraceCommitted);
        _requireUntil(dispute.end);
        // Kept for each claim: whoever sees a commitment and registers it under another claim takes nothing from its author.
        Filed storage filed = _filed[claimId][commitment];
        require(filed.accusedIn == 0, CourtAccusationKnown(commitment));
        (filed.payer, filed.accusedIn) = (msg.sender, uint64(block.number));
        // SAFETY: every accusation costs a bond and a slot; 2^64 cannot be reached.
        ++dispute.accusations;
        emit Accused(claimId, commitment);
        _charge(_termsOf(dispute).accusationBond);
    }

    /// @inheritdoc IDisputeCourt
    function reclaimAccusation(bytes32 claimId, bytes32 commitment) external {
        Dispute storage dispute = _disputeAt(claimId, DisputeStatus.Convicted);
        Filed storage filed = _filed[claimId][commitment];
        address payer = filed.payer;
        require(payer != address(0), CourtAccusationUnknown(commitment));
        filed.payer = address(0);
        _credit(claimId, payer, _termsOf(dispute).accusationBond);
    }

    /// @inheritdoc IDisputeCourt
    function accusationOf(
        bytes32 claimId,
        bytes32 commitment
    ) external view returns (address payer, uint256 accusedIn) {
        Filed storage filed = _filed[claimId][commitment];
        return (filed.payer, filed.accusedIn);
    }

    /// @inheritdoc IDisputeCourt
    function replay(
        bytes32 claimId,
        Accusation calldata accusation,
        Execution calldata execution,
        uint64 maxSteps
    ) external {
        Dispute storage dispute = _disputeAt(claimId, DisputeStatus.TraceCommitted);
        _requireUntil(dispute.end);
        Pursuit memory pursuit = _pursuit(claimId, accusation, execution);
        (bool done, , Progress memory next) = _execute(claimId, execution, maxSteps);
        require(!done, CourtReplayFinished());

        (uint32 kernelIndex, uint32 element) = (execution.kernel.index, execution.element);
        _pursuits[_elementKey(claimId, kernelIndex, element)] = pursuit;
        _replays[_stateKey(claimId, kernelIndex, element, next.position)] = keccak256(abi.encode(next));
        emit Replayed(claimId, kernelIndex, element, next.position, next.accumulators);
    }

    /// @inheritdoc IDisputeCourt
    function proveFraud(
        bytes32 claimId,
        bytes calldata terms,
        Accusation calldata accusation,
        Execution calldata execution,
        OutputOpening calldata output
    ) external {
        Dispute storage dispute = _disputeAt(claimId, DisputeStatus.TraceCommitted);
        _requireUntil(dispute.end);
        Pursuit memory pursuit = _pursuit(claimId, accusation, execution);
        // More steps than any reduction has left. A literal here would make the compiler copy `_execute` for it.
        uint64 maxSteps = type(uint64).max - execution.progress.position;
        (bool done, uint64 executed, Progress memory next) = _execute(claimId, execution, maxSteps);
        require(done, CourtReplayUnfinished(next.position));
        (uint8 dtype, uint64 length) = MACHINE.outputType(execution.kernel.encoded);
        uint64 claimed = _committedBits(_cases[claimId], execution, output, dtype, length);
        require(claimed != executed, CourtNoFraud(executed));
        emit FraudProven(claimId, execution.kernel.index, execution.element, claimed, executed);
        _convict(claimId, dispute, terms, _rewarded(claimId, execution, dtype, length, pursuit));
    }

    /// @inheritdoc IDisputeCourt
    function replayOf(
        bytes32 claimId,
        uint32 kernelIndex,
        uint32 element,
        uint64 position
    ) external view returns (bytes32) {
        return _replays[_stateKey(claimId, kernelIndex, element, position)];
    }

    // ------------------------------------------------------------------------------------------------ accusers

    /// @dev Who is rewarded for the element. If the element was replayed, there are two accusations: this one, and the one
    /// that the replay was recorded for. The one that was committed first is rewarded: a replay makes its element public
    /// before it convicts, and whoever accuses after reading it comes second.
    function _pursuit(
        bytes32 claimId,
        Accusation calldata accusation,
        Execution calldata execution
    ) private view returns (Pursuit memory pursuit) {
        (uint32 kernelIndex, uint32 element) = (execution.kernel.index, execution.element);
        bytes32 commitment = keccak256(abi.encode(claimId, kernelIndex, element, accusation.accuser, accusation.salt));
        uint256 committedIn = _filed[claimId][commitment].accusedIn;
        require(committedIn != 0, CourtAccusationUnknown(commitment));
        require(block.number > committedIn, CourtAccusationTooRecent(block.number, committedIn));
        pursuit = _pursuits[_elementKey(claimId, kernelIndex, element)];
        if (pursuit.accusedIn == 0 || committedIn < pursuit.accusedIn) {
            pursuit = Pursuit({accuser: accusation.accuser, accusedIn: uint64(committedIn)});
        }
    }

    /// @dev Who is paid for the element: the accuser, unless the element is in a leaf that somebody demanded no later than the
    /// accusation was committed, and that was shown. Whoever demands a leaf tells everybody where to look, and everybody
    /// reads the answer: without this, a stranger could accuse every element of the leaf before the demander can know
    /// which one is wrong.
    function _rewarded(
        bytes32 claimId,
        Execution calldata execution,
        uint8 dtype,
        uint64 length,
        Pursuit memory pursuit
    ) private view returns (address) {
        uint256 leaf = (uint256(execution.element) << TensorTree.dtypeShift(dtype)) / TensorTree.LEAF_BYTES;
        // SAFETY: a leaf's index is below 2^25 times the size of an element.
        Place memory place = Place({level: LEVEL_BYTES, index: uint32(leaf)});
        Opening memory opening = Opening(execution.kernel.index, dtype, length, place);
        Demand storage demand = _demands[_demandId(claimId, opening)];
        bool earlier = demand.answered && demand.demandedIn <= pursuit.accusedIn;
        return earlier ? demand.demander : pursuit.accuser;
    }

    function _elementKey(bytes32 claimId, uint32 kernelIndex, uint32 element) private pure returns (bytes32) {
        return keccak256(abi.encode(claimId, kernelIndex, element));
    }

    function _stateKey(
        bytes32 claimId,
        uint32 kernelIndex,
        uint32 element,
        uint64 position
    ) private pure returns (bytes32) {
        return keccak256(abi.encode(claimId, kernelIndex, element, position));
    }

    // ------------------------------------------------------------------------------------------------ arithmetic

    /// @dev Executes from the beginning or from a stored state, on the claim's own kernel and operands only.
    function _execute(
        bytes32 claimId,
        Execution calldata execution,
        uint64 maxSteps
    ) private view returns (bool done, uint64 bits, Progress memory next) {
        TraceCase storage trace = _cases[claimId];
        _requireKernel(trace, execution.kernel);
        Progress calldata progress = execution.progress;
        if (progress.position != 0 || progress.accumulators.length != 0) {
            bytes32 state = keccak256(abi.encode(progress));
            bytes32 stored = _replays[_stateKey(claimId, execution.kernel.index, execution.element, progress.position)];
            require(state == stored, CourtReplayUnknown(state, stored));
        }
        OperandRoot[] memory roots;
        (done, bits, next, roots) = MACHINE.execute(
            execution.kernel.encoded,
            execution.element,
            progress,
            maxSteps,
            execution.witness
        );
        _requireOperands(trace, execution, roots);
    }

    /// @dev Every operand that the machine read is the one that the claim commits to.
    function _requireOperands(
        TraceCase storage trace,
        Execution calldata execution,
        OperandRoot[] memory roots
    ) private view {
        bytes32[][] calldata siblings = execution.operandSiblings;
        require(siblings.length == roots.length, CourtOperandCount(siblings.length, roots.length));
        for (uint256 i; i < roots.length; ++i) {
            OperandRoot memory operand = roots[i];
            // The witness does not cover this operand, so it was not read: the machine refuses a read outside the witness.
            if (operand.root == bytes32(0)) continue;
            (bytes32 expected, uint256 count) = _list(trace, i, operand, execution.kernel.index);
            bytes32 leaf = TensorTree.itemHash(operand.root);
            bytes32 actual = TensorTree.itemRoot(leaf, operand.index, count, siblings[i]);
            require(actual == expected, CourtOperandMismatch(i, actual, expected));
        }
    }

    /// @dev Root and width of the list that holds an operand of the kernel.
    function _list(
        TraceCase storage trace,
        uint256 i,
        OperandRoot memory operand,
        uint256 kernelIndex
    ) private view returns (bytes32 root, uint256 count) {
        if (operand.space == Space.INPUT) return (trace.inputRoot, trace.inputCount);
        if (operand.space == Space.CONSTANT) return (trace.weightsRoot, trace.constantCount);
        require(operand.space == Space.KERNEL, CourtOperandSpace(i, operand.space));
        // INVARIANT: a kernel reads only earlier ones. A program that says otherwise has no first wrong element.
        require(operand.index < kernelIndex, CourtOperandLater(i, operand.index, kernelIndex));
        return (trace.traceRoot, trace.kernelCount);
    }

    /// @dev Bits of the element in the output that the operator committed.
    function _committedBits(
        TraceCase storage trace,
        Execution calldata execution,
        OutputOpening calldata output,
        uint8 dtype,
        uint64 length
    ) private view returns (uint64) {
        bytes32 tensorRoot = TensorTree.segmentRoot(
            dtype,
            length,
            output.leaves.firstLeaf,
            output.leaves.data,
            output.leaves.siblings
        );
        _requireInTrace(trace.traceRoot, trace.kernelCount, tensorRoot, execution.kernel.index, output.siblings);
        uint256 shift = TensorTree.dtypeShift(dtype);
        uint256 first = (uint256(output.leaves.firstLeaf) * TensorTree.LEAF_BYTES) >> shift;
        uint256 count = output.leaves.data.length >> shift;
        uint256 element = execution.element;
        require(element >= first && element - first < count, CourtElementOutside(element, first, count));
        return TensorTree.elementOf(dtype, element - first, output.leaves.data);
    }
}
