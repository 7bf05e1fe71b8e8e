// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {CreditLedger} from "../credit/CreditLedger.sol";
import {PrepaidLedger} from "../credit/PrepaidLedger.sol";
import {IClaimSource} from "../interfaces/IClaimSource.sol";
import {ICreditLedger} from "../interfaces/ICreditLedger.sol";
import {IDisputeCourt} from "../interfaces/IDisputeCourt.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {ITensorMachine} from "../interfaces/ITensorMachine.sol";
import {TensorTree} from "../commitment/TensorTree.sol";
import {CourtTerms, Dispute, DisputeStatus, KernelOpening, Opening, TraceCase} from "../types/Dispute.sol";

/// @title CourtRecord
/// @notice What every part of the court shares: disputes, terms, sources, demands and the verdict.
/// @dev Money comes in as bonds of exact size, from credit or from tokens, and goes out as credit that its owner withdraws. At any time
/// balance >= credits + challenge bonds of open disputes + bonds of demands and accusations that are not yet settled.
/// Every bond is paid out once, by the dispute that it came in for: a source can move no other.
abstract contract CourtRecord is IDisputeCourt, PrepaidLedger, ReentrancyGuardTransient {
    /// @dev One word of storage.
    struct Demand {
        address demander;
        uint40 answerUntil;
        uint40 demandedIn;
        bool answered;
    }

    /// @notice `level` of a place that stands for the bytes of a leaf.
    uint8 public constant LEVEL_BYTES = type(uint8).max;

    /// @inheritdoc IDisputeCourt
    IModelRegistry public immutable REGISTRY;

    /// @inheritdoc IDisputeCourt
    ITensorMachine public immutable MACHINE;

    /// @dev Terms are added and never changed, so an open dispute still finds the terms that it was opened under.
    CourtTerms[] internal _terms;

    /// @dev By number, from 1. Sources are added and never replaced.
    mapping(uint256 number => IClaimSource source) internal _sources;

    mapping(bytes32 claimId => Dispute dispute) internal _disputes;
    mapping(bytes32 claimId => TraceCase trace) internal _cases;
    mapping(bytes32 demandId => Demand demand) internal _demands;

    constructor(IERC20 token, IModelRegistry registry, ITensorMachine machine) CreditLedger(token) {
        REGISTRY = registry;
        MACHINE = machine;
    }

    /// @inheritdoc ICreditLedger
    function withdraw(
        address account
    ) public override(CreditLedger, ICreditLedger) nonReentrant returns (uint256 amount) {
        return super.withdraw(account);
    }

    // ------------------------------------------------------------------------------------------------ states

    /// @inheritdoc IDisputeCourt
    function disputeOf(bytes32 claimId) external view returns (Dispute memory) {
        return _disputes[claimId];
    }

    /// @inheritdoc IDisputeCourt
    function caseOf(bytes32 claimId) external view returns (TraceCase memory) {
        return _cases[claimId];
    }

    /// @dev The dispute, which must stand at `expected`.
    function _disputeAt(bytes32 claimId, DisputeStatus expected) internal view returns (Dispute storage dispute) {
        dispute = _disputes[claimId];
        require(dispute.status == expected, CourtStatus(dispute.status, expected));
    }

    /// @dev The terms that the dispute was opened under.
    function _termsOf(Dispute storage dispute) internal view returns (CourtTerms storage) {
        return _terms[dispute.termsId];
    }

    /// @dev The challenger's bond that the court holds.
    function _challengeBond(Dispute storage dispute) internal view returns (uint256) {
        return dispute.audit ? 0 : _termsOf(dispute).challengeBond;
    }

    /// @dev Reverts after the deadline. A move at exactly its deadline is in time.
    function _requireUntil(uint256 until) internal view {
        require(block.timestamp <= until, CourtTooLate(block.timestamp, until));
    }

    /// @dev Reverts unless the deadline is over: a default counts only when the move can no longer be made.
    function _requireAfter(uint256 until) internal view {
        require(block.timestamp > until, CourtTooEarly(block.timestamp, until));
    }

    /// @dev The kernel is the one at its index in the claim's program.
    function _requireKernel(TraceCase storage trace, KernelOpening calldata kernel) internal view {
        bytes32 leaf = TensorTree.itemHash(kernel.encoded);
        bytes32 root = TensorTree.itemRoot(leaf, kernel.index, trace.kernelCount, kernel.siblings);
        require(root == trace.programRoot, CourtKernelMismatch(root, trace.programRoot));
    }

    /// @dev `tensorRoot` is the committed output of the kernel at `index`.
    function _requireInTrace(
        bytes32 traceRoot,
        uint256 kernelCount,
        bytes32 tensorRoot,
        uint256 index,
        bytes32[] calldata siblings
    ) internal pure {
        bytes32 root = TensorTree.itemRoot(TensorTree.itemHash(tensorRoot), index, kernelCount, siblings);
        require(root == traceRoot, CourtTraceMismatch(root, traceRoot));
    }

    /// @dev The id binds everything that an answer is checked against, so the record does not store it.
    function _demandId(bytes32 claimId, Opening memory opening) internal pure returns (bytes32) {
        return keccak256(abi.encode(claimId, opening));
    }

    /// @dev Where the claim of a dispute stands.
    function _sourceOf(Dispute storage dispute) internal view returns (IClaimSource) {
        return _sources[dispute.source];
    }

    /// @dev The verdict against an operator. The challenger gets its bond back, whoever found the fault.
    function _convict(bytes32 claimId, Dispute storage dispute, bytes calldata terms, address accuser) internal {
        dispute.status = DisputeStatus.Convicted;
        _credit(claimId, dispute.challenger, _challengeBond(dispute));
        emit Convicted(claimId, accuser);
        IClaimSource source = _sourceOf(dispute);
        if (source.isChallenged(dispute.id, claimId)) source.convict(claimId, terms, accuser);
    }
}
