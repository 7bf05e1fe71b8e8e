// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {CreditLedger} from "../credit/CreditLedger.sol";
import {ICreditLedger} from "../interfaces/ICreditLedger.sol";
import {IDisputeCourt} from "../interfaces/IDisputeCourt.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {ITensorMachine} from "../interfaces/ITensorMachine.sol";
import {TensorTree} from "../commitment/TensorTree.sol";
import {CourtTerms, Dispute, DisputeStatus, KernelOpening, TraceCase} from "../types/Dispute.sol";
import {Request, RequestStatus} from "../types/Request.sol";

/// @title CourtRecord
/// @notice What every part of the court shares: disputes, terms, bonds and the verdict.
/// @dev Money comes in as bonds of exact size and goes out as credit that its owner withdraws. At any time
/// balance >= credits + challenge bonds of open disputes + bonds of demands that are not yet settled.
abstract contract CourtRecord is IDisputeCourt, CreditLedger, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @notice Where the claims stand.
    IInferenceMarket public immutable MARKET;

    /// @notice Which model a version is: the market's registry.
    IModelRegistry public immutable REGISTRY;

    /// @notice Re-executes elements.
    ITensorMachine public immutable MACHINE;

    /// @dev Terms are added and never changed, so an open dispute still finds the terms that it was opened under.
    CourtTerms[] internal _terms;

    mapping(bytes32 claimId => Dispute dispute) internal _disputes;
    mapping(bytes32 claimId => TraceCase trace) internal _cases;

    constructor(IInferenceMarket market, ITensorMachine machine) CreditLedger(market.TOKEN()) {
        MARKET = market;
        REGISTRY = market.REGISTRY();
        MACHINE = machine;
    }

    // ------------------------------------------------------------------------------------------------ money

    /// @inheritdoc ICreditLedger
    function withdraw(
        address account
    ) public override(CreditLedger, ICreditLedger) nonReentrant returns (uint256 amount) {
        return super.withdraw(account);
    }

    /// @dev Takes `amount` from the caller. A token that keeps a fee is refused: what is owed later is the whole bond.
    function _takeBond(uint256 amount) internal {
        uint256 before = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = TOKEN.balanceOf(address(this)) - before;
        require(received >= amount, CourtBondShort(received, amount));
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

    /// @dev The caller's request is the one in dispute; the market keeps only its hash.
    function _requireRequest(Dispute storage dispute, Request calldata request) internal view {
        bytes32 requestId = MARKET.idOf(request);
        require(requestId == dispute.requestId, CourtRequestMismatch(requestId, dispute.requestId));
    }

    /// @dev Whether the market still waits for a verdict. It gives up on a dispute that takes too long; the court then
    /// settles its own bonds without it.
    function _marketWaits(Dispute storage dispute) internal view returns (bool) {
        return MARKET.claimOf(dispute.requestId).status == RequestStatus.Challenged;
    }

    /// @dev The verdict against an operator. The challenger gets its bond back, whoever found the fault.
    function _convict(bytes32 claimId, Dispute storage dispute, Request calldata request, address accuser) internal {
        _requireRequest(dispute, request);
        dispute.status = DisputeStatus.Convicted;
        _credit(claimId, dispute.challenger, _challengeBond(dispute));
        emit Convicted(claimId, accuser);
        if (_marketWaits(dispute)) MARKET.convict(request, claimId, accuser);
    }
}
