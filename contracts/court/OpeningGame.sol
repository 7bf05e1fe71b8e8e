// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDisputeCourt} from "../interfaces/IDisputeCourt.sol";
import {TensorTree} from "../commitment/TensorTree.sol";
import {Answer, Dispute, DisputeStatus, KernelOpening, Opening, Place, TraceCase} from "../types/Dispute.sol";
import {CourtRecord} from "./CourtRecord.sol";

/// @title OpeningGame
/// @notice Makes a committed trace public where it matters. An operator is convicted if it cannot answer a demand: because
/// it hides its data, because it published other data than it committed, or because it committed to no trace at all.
/// @dev A watcher that knows the honest trace demands the tensor roots, then nodes of the first tensor that differs,
/// then the bytes of its first leaf that differs. An answer is checked against traceRoot alone. The court stores one word
/// for each demand, however large the trees are.
///
/// All demands run side by side and their deadlines end before the dispute does, so their number delays nothing.
abstract contract OpeningGame is CourtRecord {
    /// @notice Most nodes of one demand.
    uint256 public constant NODES = 16;

    /// @notice `kernelIndex` of an opening that stands for the tree of traceRoot itself.
    uint32 public constant TRACE_TREE = type(uint32).max;

    // ------------------------------------------------------------------------------------------------ demands

    /// @inheritdoc IDisputeCourt
    function demandTrace(bytes32 claimId, Place[] calldata places) external nonReentrant returns (uint256 fresh) {
        Dispute storage dispute = _disputeAt(claimId, DisputeStatus.TraceCommitted);
        uint256 kernelCount = _cases[claimId].kernelCount;
        for (uint256 i; i < places.length; ++i) {
            // The leaves of this tree are the hashes of tensor roots. They have no bytes beyond their nodes.
            require(places[i].level != LEVEL_BYTES, CourtPlaceOutside(places[i].level, places[i].index));
        }
        Opening memory tree;
        tree.kernelIndex = TRACE_TREE;
        return _demand(claimId, dispute, tree, kernelCount, places);
    }

    /// @inheritdoc IDisputeCourt
    function demandTensor(
        bytes32 claimId,
        KernelOpening calldata kernel,
        Place[] calldata places
    ) external nonReentrant returns (uint256 fresh) {
        Dispute storage dispute = _disputeAt(claimId, DisputeStatus.TraceCommitted);
        _requireKernel(_cases[claimId], kernel);
        // The program says how large the tensor is, not the operator. So nobody can demand a leaf that does not exist.
        (uint8 dtype, uint64 length) = MACHINE.outputType(kernel.encoded);
        uint256 leaves = TensorTree.leafCount(TensorTree.byteLength(dtype, length));
        Opening memory tree;
        (tree.kernelIndex, tree.dtype, tree.length) = (kernel.index, dtype, length);
        return _demand(claimId, dispute, tree, leaves, places);
    }

    /// @dev Records the places that are new and takes their bonds.
    /// @param opening Says which tree; its place is overwritten.
    /// @param leaves Width of the tree.
    function _demand(
        bytes32 claimId,
        Dispute storage dispute,
        Opening memory opening,
        uint256 leaves,
        Place[] calldata places
    ) private returns (uint256 fresh) {
        _requireUntil(dispute.demandUntil);
        uint256 answerUntil = block.timestamp + _termsOf(dispute).answerWindow;
        for (uint256 i; i < places.length; ++i) {
            Place calldata place = places[i];
            require(_exists(place, leaves), CourtPlaceOutside(place.level, place.index));
            opening.place = place;
            bytes32 demandId = _demandId(claimId, opening);
            // Demanded before: skipped. Otherwise the operator could block a batch by demanding one of its places itself.
            if (_demands[demandId].demander != address(0)) continue;
            ++fresh;
            _demands[demandId] = Demand({
                demander: msg.sender,
                // SAFETY: a time of this era plus at most 30 days.
                answerUntil: uint40(answerUntil),
                demandedIn: uint40(block.number),
                answered: false
            });
            emit Demanded(claimId, demandId, msg.sender, opening, answerUntil);
        }
        if (fresh == 0) return 0;
        // SAFETY: every demand costs a bond and a slot; 2^64 cannot be reached.
        dispute.demands += uint64(fresh);
        dispute.openDemands += uint64(fresh);
        _charge(fresh * _termsOf(dispute).demandBond);
    }

    /// @dev Whether a tree has the place. Levels above the root would repeat the root: they are refused, so that the number
    /// of places is finite.
    function _exists(Place calldata place, uint256 leaves) private pure returns (bool) {
        (uint256 level, uint256 index) = (place.level, place.index);
        if (level == LEVEL_BYTES) return index < leaves;
        // A tree has at most 2^32 leaves.
        if (level > 32 || index % NODES != 0) return false;
        bool belowRoot = level == 0 || TensorTree.levelWidth(leaves, level - 1) > 1;
        return belowRoot && index < TensorTree.levelWidth(leaves, level);
    }

    // ------------------------------------------------------------------------------------------------ answers

    /// @inheritdoc IDisputeCourt
    function answer(bytes32 claimId, Answer[] calldata answers) external {
        Dispute storage dispute = _disputeAt(claimId, DisputeStatus.TraceCommitted);
        uint64 fresh;
        for (uint256 i; i < answers.length; ++i) {
            bytes32 demandId = _demandId(claimId, answers[i].opening);
            Demand storage demand = _demandAt(demandId);
            // Answered before: skipped. Otherwise a stranger's early answer to one demand would revert a whole batch.
            if (demand.answered) continue;
            _requireUntil(demand.answerUntil);
            _requireAnswer(_cases[claimId], answers[i]);
            demand.answered = true;
            ++fresh;
            emit Answered(claimId, demandId, answers[i]);
        }
        dispute.openDemands -= fresh;
    }

    /// @dev The data are what traceRoot commits to at the place.
    function _requireAnswer(TraceCase storage trace, Answer calldata given) private view {
        Opening calldata opening = given.opening;
        (bytes32 traceRoot, uint256 kernelCount) = (trace.traceRoot, trace.kernelCount);
        if (opening.kernelIndex == TRACE_TREE) {
            bytes32 root = _nodesRoot(given, kernelCount);
            require(root == traceRoot, CourtTraceMismatch(root, traceRoot));
            return;
        }
        bytes32 tensorRoot;
        if (opening.place.level == LEVEL_BYTES) {
            uint256 count = TensorTree.leafCount(given.data.length);
            require(count == 1, CourtNodeCount(count, 1));
            tensorRoot = TensorTree.segmentRoot(
                opening.dtype,
                opening.length,
                opening.place.index,
                given.data,
                given.siblings
            );
        } else {
            uint256 leaves = TensorTree.leafCount(TensorTree.byteLength(opening.dtype, opening.length));
            tensorRoot = TensorTree.tensorRoot(opening.dtype, opening.length, _nodesRoot(given, leaves));
        }
        _requireInTrace(traceRoot, kernelCount, tensorRoot, opening.kernelIndex, given.traceSiblings);
    }

    /// @dev Root of a tree of `leaves` leaves by the nodes given: all of the level from the index on, 16 at most.
    function _nodesRoot(Answer calldata given, uint256 leaves) private pure returns (bytes32) {
        Place calldata place = given.opening.place;
        uint256 width = TensorTree.levelWidth(leaves, place.level);
        uint256 count = width - place.index;
        if (count > NODES) count = NODES;
        require(given.nodes.length == count, CourtNodeCount(given.nodes.length, count));
        return TensorTree.rangeRoot(given.nodes, place.index, width, given.siblings);
    }

    // ------------------------------------------------------------------------------------------------ outcome

    /// @inheritdoc IDisputeCourt
    function convictUnanswered(bytes32 claimId, bytes calldata terms, Opening calldata opening) external {
        Dispute storage dispute = _disputeAt(claimId, DisputeStatus.TraceCommitted);
        bytes32 demandId = _demandId(claimId, opening);
        Demand storage demand = _demandAt(demandId);
        require(!demand.answered, CourtDemandAnswered(demandId));
        _requireAfter(demand.answerUntil);
        _convict(claimId, dispute, terms, demand.demander);
    }

    /// @inheritdoc IDisputeCourt
    function reclaim(bytes32 claimId, Opening calldata opening) external {
        Dispute storage dispute = _disputeAt(claimId, DisputeStatus.Convicted);
        bytes32 demandId = _demandId(claimId, opening);
        address demander = _demandAt(demandId).demander;
        delete _demands[demandId];
        _credit(claimId, demander, _termsOf(dispute).demandBond);
    }

    /// @inheritdoc IDisputeCourt
    function demandOf(
        bytes32 claimId,
        Opening calldata opening
    ) external view returns (address demander, uint256 answerUntil, bool answered) {
        Demand storage demand = _demands[_demandId(claimId, opening)];
        return (demand.demander, demand.answerUntil, demand.answered);
    }

    function _demandAt(bytes32 demandId) private view returns (Demand storage demand) {
        demand = _demands[demandId];
        require(demand.demander != address(0), CourtDemandUnknown(demandId));
    }
}
