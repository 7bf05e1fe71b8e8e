// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {CourtRecord} from "./CourtRecord.sol";
import {FraudGame} from "./FraudGame.sol";
import {OpeningGame} from "./OpeningGame.sol";
import {IDisputeCourt} from "../interfaces/IDisputeCourt.sol";
import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {ITensorMachine} from "../interfaces/ITensorMachine.sol";
import {TensorTree} from "../commitment/TensorTree.sol";
import {BPS} from "../types/BasisPoints.sol";
import {CourtTerm, CourtTerms, Dispute, DisputeStatus, TraceCase} from "../types/Dispute.sol";
import {ModelManifest} from "../types/Model.sol";
import {Claim, Request} from "../types/Request.sol";

/// @title DisputeCourt
/// @notice Opens disputes, takes the operator's trace, ends disputes. What happens in between is in OpeningGame (data
/// that must be shown) and FraudGame (arithmetic that convicts).
/// @dev Clocks run in block time and do not stop while the market is paused: a pause never shields an operator. All of a
/// dispute's deadlines are fixed once and never move.
///
/// Assumed of the market: `markChallenged` refuses a claim that is not present or whose window is over; a challenged
/// claim stays as it is until the verdict or until the market gives up; `convict` and `upheld` accept the verdict of a
/// challenged claim, whatever its operator or requester does.
contract DisputeCourt is OpeningGame, FraudGame, AccessManaged {
    /// @notice Shortest window of any terms. A public network wants hours.
    uint256 public constant MIN_WINDOW = 1 minutes;

    /// @notice Answer windows that fit in the shortest demand window: one for each round of demands. A search takes four
    /// rounds: the tensor roots, two levels of nodes, and the bytes of a leaf.
    uint256 public constant ROUNDS = 4;

    /// @notice Time between the last possible end of a dispute and the market's giving up.
    uint256 public constant VERDICT_MARGIN = 1 days;

    /// @notice Where the burnt share of bonds goes.
    address public constant SINK = 0x000000000000000000000000000000000000dEaD;

    /// @param authority Access manager that may add terms.
    /// @param market Where the claims stand; its token is the token of the bonds.
    /// @param machine Re-executes elements.
    /// @param terms First terms.
    constructor(
        address authority,
        IInferenceMarket market,
        ITensorMachine machine,
        CourtTerms memory terms
    ) CourtRecord(market, machine) AccessManaged(authority) {
        _addTerms(terms);
    }

    // ------------------------------------------------------------------------------------------------ terms

    /// @inheritdoc IDisputeCourt
    function addTerms(CourtTerms calldata terms) external restricted returns (uint256 termsId) {
        return _addTerms(terms);
    }

    /// @inheritdoc IDisputeCourt
    function termsOf(uint256 termsId) external view returns (CourtTerms memory) {
        return _terms[termsId];
    }

    /// @inheritdoc IDisputeCourt
    function currentTermsId() public view returns (uint256) {
        return _terms.length - 1;
    }

    function _addTerms(CourtTerms memory terms) private returns (uint256 termsId) {
        uint256 longest = uint256(terms.traceWindow) + terms.demandWindow + terms.answerWindow + terms.proofMargin;
        // A row for each CourtTerm, in its order: actual, minimum, maximum.
        uint256[3][8] memory rows = [
            [uint256(terms.challengeBond), 1, type(uint128).max],
            [uint256(terms.demandBond), 1, type(uint128).max],
            [uint256(terms.traceWindow), MIN_WINDOW, type(uint32).max],
            [uint256(terms.demandWindow), ROUNDS * terms.answerWindow, type(uint32).max],
            [uint256(terms.answerWindow), MIN_WINDOW, type(uint32).max],
            [uint256(terms.proofMargin), MIN_WINDOW, type(uint32).max],
            [uint256(terms.burnBps), 0, BPS],
            [longest + VERDICT_MARGIN, 0, MARKET.MAX_DISPUTE_SECONDS()]
        ];
        for (uint256 i; i < rows.length; ++i) {
            (uint256 actual, uint256 minimum, uint256 maximum) = (rows[i][0], rows[i][1], rows[i][2]);
            require(actual >= minimum && actual <= maximum, CourtTermOutside(CourtTerm(i), actual, minimum, maximum));
        }
        termsId = _terms.length;
        _terms.push(terms);
        emit TermsAdded(termsId, terms);
    }

    // ------------------------------------------------------------------------------------------------ dispute

    /// @inheritdoc IDisputeCourt
    function challenge(bytes32 requestId, bytes32 claimId) external nonReentrant {
        _challenge(requestId, claimId, msg.sender);
        _takeBond(_terms[currentTermsId()].challengeBond);
    }

    /// @inheritdoc IDisputeCourt
    function challengeFor(bytes32 requestId, bytes32 claimId, address challenger) external {
        address desk = address(MARKET.auditDesk());
        require(msg.sender == desk, CourtNotAuditDesk(msg.sender, desk));
        _challenge(requestId, claimId, challenger).audit = true;
    }

    function _challenge(
        bytes32 requestId,
        bytes32 claimId,
        address challenger
    ) private returns (Dispute storage dispute) {
        dispute = _disputeAt(claimId, DisputeStatus.None);
        uint256 termsId = currentTermsId();
        CourtTerms storage terms = _terms[termsId];
        Claim memory claim = MARKET.claimOf(requestId);
        uint256 traceUntil = block.timestamp + terms.traceWindow;

        dispute.challenger = challenger;
        dispute.termsId = uint32(termsId);
        dispute.traceUntil = uint40(traceUntil);
        dispute.status = DisputeStatus.Challenged;
        dispute.operator = claim.operator;
        dispute.requestId = requestId;
        // The rest of the window is measured by the market's clock, which stops during a pause. INVARIANT: the window is
        // open, because `markChallenged` below refuses a claim whose window is over.
        uint256 clock = MARKET.clock();
        dispute.challengeableUntil = uint40(block.timestamp + (claim.windowEnd > clock ? claim.windowEnd - clock : 0));
        emit Challenged(claimId, requestId, challenger, claim.operator, termsId, traceUntil);

        MARKET.markChallenged(requestId, claimId);
    }

    /// @inheritdoc IDisputeCourt
    function commitTrace(
        bytes32 claimId,
        Request calldata request,
        ModelManifest calldata manifest,
        bytes32 traceRoot,
        bytes32[] calldata outputRoots,
        bytes32[][] calldata outputSiblings,
        string calldata location
    ) external {
        Dispute storage dispute = _disputeAt(claimId, DisputeStatus.Challenged);
        require(msg.sender == dispute.operator, CourtOperatorOnly(msg.sender, dispute.operator));
        _requireUntil(dispute.traceUntil);
        _requireRequest(dispute, request);
        bytes32 commitment = REGISTRY.commitmentFor(manifest);
        bytes32 expected = REGISTRY.commitmentOf(request.versionId);
        require(commitment == expected, CourtManifestMismatch(commitment, expected));
        _requireOutputs(dispute.requestId, manifest, traceRoot, outputRoots, outputSiblings);

        CourtTerms storage terms = _termsOf(dispute);
        // The demand window starts no earlier than the claim's own window ends. So a watcher who comes in the last second
        // has all rounds of demands, even if a friend of the operator opened the dispute early.
        uint256 demandUntil = Math.max(block.timestamp, dispute.challengeableUntil) + terms.demandWindow;
        uint256 end = demandUntil + terms.answerWindow + terms.proofMargin;
        dispute.status = DisputeStatus.TraceCommitted;
        dispute.demandUntil = uint40(demandUntil);
        dispute.end = uint40(end);
        _cases[claimId] = TraceCase({
            programRoot: manifest.programRoot,
            weightsRoot: manifest.weightsRoot,
            inputRoot: request.inputRoot,
            traceRoot: traceRoot,
            kernelCount: manifest.kernelCount,
            constantCount: manifest.constantCount,
            // SAFETY: the registry bounds the number of inputs far below 2^32.
            inputCount: uint32(manifest.inputs.length)
        });
        emit TraceCommitted(claimId, traceRoot, outputRoots, demandUntil, end, location);
    }

    /// @dev The outputs of the trace are the claimed outputs. Otherwise an operator could defend a wrong claim with the
    /// right trace of another answer.
    function _requireOutputs(
        bytes32 requestId,
        ModelManifest calldata manifest,
        bytes32 traceRoot,
        bytes32[] calldata outputRoots,
        bytes32[][] calldata outputSiblings
    ) private view {
        uint256 count = manifest.outputKernels.length;
        require(outputRoots.length == count, CourtOutputCount(outputRoots.length, count));
        require(outputSiblings.length == count, CourtOutputCount(outputSiblings.length, count));
        bytes32 outputRoot = TensorTree.listRoot(outputRoots);
        bytes32 claimed = MARKET.claimOf(requestId).outputRoot;
        require(outputRoot == claimed, CourtOutputRootMismatch(outputRoot, claimed));
        for (uint256 i; i < count; ++i) {
            _requireInTrace(
                traceRoot,
                manifest.kernelCount,
                outputRoots[i],
                manifest.outputKernels[i],
                outputSiblings[i]
            );
        }
    }

    /// @inheritdoc IDisputeCourt
    function convictWithoutTrace(bytes32 claimId, Request calldata request) external {
        Dispute storage dispute = _disputeAt(claimId, DisputeStatus.Challenged);
        _requireAfter(dispute.traceUntil);
        _convict(claimId, dispute, request, dispute.challenger);
    }

    /// @inheritdoc IDisputeCourt
    function resolve(bytes32 claimId) external {
        Dispute storage dispute = _disputeAt(claimId, DisputeStatus.TraceCommitted);
        _requireAfter(dispute.end);
        // INVARIANT: every answer was due before the end, so a demand that is still open was not answered in time.
        require(dispute.openDemands == 0, CourtDemandsOpen(dispute.openDemands));

        CourtTerms storage terms = _termsOf(dispute);
        (address operator, bytes32 requestId) = (dispute.operator, dispute.requestId);
        uint256 bond = _challengeBond(dispute);
        uint256 burned = Math.ceilDiv(bond * terms.burnBps, BPS);
        uint256 paid = bond - burned + uint256(dispute.demands) * terms.demandBond;
        dispute.status = DisputeStatus.Upheld;
        _credit(claimId, operator, paid);
        _credit(claimId, SINK, burned);
        emit Upheld(claimId, operator, paid, burned);
        if (_marketWaits(dispute)) MARKET.upheld(requestId, claimId);
    }
}
