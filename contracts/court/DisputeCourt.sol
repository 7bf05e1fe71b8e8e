// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {CourtRecord} from "./CourtRecord.sol";
import {FraudGame} from "./FraudGame.sol";
import {OpeningGame} from "./OpeningGame.sol";
import {IDisputeCourt} from "../interfaces/IDisputeCourt.sol";
import {IClaimSource} from "../interfaces/IClaimSource.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {ITensorMachine} from "../interfaces/ITensorMachine.sol";
import {TensorTree} from "../commitment/TensorTree.sol";
import {BPS} from "../types/BasisPoints.sol";
import {CourtTerm, CourtTerms, Dispute, DisputeStatus, TraceCase} from "../types/Dispute.sol";
import {ClaimFacts, HeldClaim, claimIdOf} from "../types/Claim.sol";
import {ModelManifest} from "../types/Model.sol";

/// @title DisputeCourt
/// @notice Opens disputes, takes the operator's trace, ends disputes. What happens in between is in OpeningGame (data
/// that must be shown) and FraudGame (arithmetic that convicts).
/// @dev Clocks run in block time and do not stop while a source is paused: a pause never shields an operator. All of a
/// dispute's deadlines are fixed once and never move. What the court assumes of a source is in IClaimSource.
contract DisputeCourt is OpeningGame, FraudGame, AccessManaged {
    /// @notice Shortest window of any terms. A public network wants hours.
    uint256 public constant MIN_WINDOW = 1 minutes;

    /// @notice Answer windows that fit in the shortest demand window: one for each round of demands. A search takes four
    /// rounds: the tensor roots, two levels of nodes, and the bytes of a leaf.
    uint256 public constant ROUNDS = 4;

    /// @notice Time between the last possible end of a dispute and the source's giving up.
    uint256 public constant VERDICT_MARGIN = 1 days;

    /// @notice Time before new terms count, and for which a tombstoned source's claims can still be challenged: more than the
    /// longest challenge window of the market with a pause in it. So new terms bind only claims that are made after
    /// everybody could know them.
    uint256 public constant NOTICE_SECONDS = 15 days;

    /// @notice New terms may ask at most this many times a bond of the first terms: no terms can make challenges
    /// unaffordable.
    uint256 public constant MAX_BOND_FACTOR = 16;

    /// @notice Where the burnt share of bonds goes.
    address public constant SINK = 0x000000000000000000000000000000000000dEaD;

    /// @notice Longest dispute: every source waits at least so long for a verdict.
    uint256 public immutable MAX_DISPUTE_SECONDS;

    /// @dev Number of sources so far.
    uint16 private _sourceCount;

    /// @dev When the newest terms count.
    uint40 private _newestFrom;

    /// @dev Where a source is in `_sources`, and the last second in which its claims can be challenged. Zero: unknown.
    struct SourceRecord {
        uint16 number;
        uint40 until;
    }

    mapping(IClaimSource source => SourceRecord record) private _sourceRecords;

    /// @param authority Access manager that may add terms and sources.
    /// @param token Token of the bonds.
    /// @param registry Says how a manifest is hashed.
    /// @param machine Re-executes elements.
    /// @param source First source of claims; its patience bounds every dispute.
    /// @param terms First terms.
    constructor(
        address authority,
        IERC20 token,
        IModelRegistry registry,
        ITensorMachine machine,
        IClaimSource source,
        CourtTerms memory terms
    ) CourtRecord(token, registry, machine) AccessManaged(authority) {
        MAX_DISPUTE_SECONDS = source.MAX_DISPUTE_SECONDS();
        _addSource(source);
        _addTerms(terms);
    }

    // ------------------------------------------------------------------------------------------------ sources

    /// @inheritdoc IDisputeCourt
    function addSource(IClaimSource source) external restricted {
        uint256 patience = source.MAX_DISPUTE_SECONDS();
        require(patience >= MAX_DISPUTE_SECONDS, CourtSourcePatience(patience, MAX_DISPUTE_SECONDS));
        _addSource(source);
    }

    /// @inheritdoc IDisputeCourt
    function tombstoneSource(IClaimSource source) external restricted {
        SourceRecord storage record = _sourceRecords[source];
        require(record.until == type(uint40).max, CourtSourceUnusable(source, record.until));
        record.until = uint40(block.timestamp + NOTICE_SECONDS);
        emit SourceTombstoned(source, record.until);
    }

    /// @inheritdoc IDisputeCourt
    function sourceAt(uint256 number) external view returns (IClaimSource) {
        return _sources[number];
    }

    function _addSource(IClaimSource source) private {
        SourceRecord storage record = _sourceRecords[source];
        require(record.number == 0, CourtSourceKnown(source));
        uint16 number = ++_sourceCount;
        (record.number, record.until) = (number, type(uint40).max);
        _sources[number] = source;
        emit SourceAdded(source, number);
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
        uint256 newest = _terms.length - 1;
        return block.timestamp < _newestFrom ? newest - 1 : newest;
    }

    function _addTerms(CourtTerms memory terms) private returns (uint256 termsId) {
        termsId = _terms.length;
        // Only one set of terms may wait, so that the present ones are the newest or those before.
        require(block.timestamp >= _newestFrom, CourtTermsPending(_newestFrom));
        // The first terms are the deployer's choice, and what later bonds are measured by.
        CourtTerms memory first = termsId == 0 ? terms : _terms[0];
        uint256 longest = uint256(terms.traceWindow) + terms.demandWindow + terms.answerWindow + terms.proofMargin;
        // A row for each CourtTerm, in its order: actual, minimum, maximum.
        uint256[3][9] memory rows = [
            [uint256(terms.challengeBond), 1, MAX_BOND_FACTOR * first.challengeBond],
            [uint256(terms.demandBond), 1, MAX_BOND_FACTOR * first.demandBond],
            [uint256(terms.accusationBond), 1, MAX_BOND_FACTOR * first.accusationBond],
            [uint256(terms.traceWindow), MIN_WINDOW, type(uint32).max],
            [uint256(terms.demandWindow), ROUNDS * terms.answerWindow, type(uint32).max],
            [uint256(terms.answerWindow), MIN_WINDOW, type(uint32).max],
            [uint256(terms.proofMargin), MIN_WINDOW, type(uint32).max],
            [uint256(terms.burnBps), 0, BPS],
            [longest + VERDICT_MARGIN, 0, MAX_DISPUTE_SECONDS]
        ];
        for (uint256 i; i < rows.length; ++i) {
            (uint256 actual, uint256 minimum, uint256 maximum) = (rows[i][0], rows[i][1], rows[i][2]);
            require(actual >= minimum && actual <= maximum, CourtTermOutside(CourtTerm(i), actual, minimum, maximum));
        }
        _terms.push(terms);
        uint256 from = termsId == 0 ? block.timestamp : block.timestamp + NOTICE_SECONDS;
        _newestFrom = uint40(from);
        emit TermsAdded(termsId, terms, from);
    }

    // ------------------------------------------------------------------------------------------------ dispute

    /// @inheritdoc IDisputeCourt
    function challenge(IClaimSource source, bytes32 id, bytes32 claimId) external nonReentrant {
        Dispute storage dispute = _challenge(source, id, claimId, msg.sender);
        // Said again after the calls of the source, which could have opened it as an audit meanwhile.
        dispute.audit = false;
        _charge(_termsOf(dispute).challengeBond);
    }

    /// @inheritdoc IDisputeCourt
    function challengeFor(bytes32 id, bytes32 claimId, address challenger) external {
        _challenge(IClaimSource(msg.sender), id, claimId, challenger).audit = true;
    }

    function _challenge(
        IClaimSource source,
        bytes32 id,
        bytes32 claimId,
        address challenger
    ) private returns (Dispute storage dispute) {
        dispute = _disputeAt(claimId, DisputeStatus.None);
        SourceRecord memory record = _sourceRecords[source];
        require(block.timestamp <= record.until, CourtSourceUnusable(source, record.until));
        HeldClaim memory claim = source.markChallenged(id, claimId);
        // INVARIANT: the id binds the source, so no source can take the place of another one's claim.
        bytes32 actual = claimIdOf(
            address(source),
            id,
            claim.operator,
            claim.outputRoot,
            claim.windowEnd,
            claim.claimedBlock
        );
        require(actual == claimId, CourtClaimMismatch(claimId, actual));
        // A source may not draw out a dispute beyond what every source waits for.
        require(claim.secondsLeft <= NOTICE_SECONDS, CourtWindowTooLong(claim.secondsLeft, NOTICE_SECONDS));

        uint256 termsId = currentTermsId();
        CourtTerms storage terms = _terms[termsId];
        uint256 traceUntil = block.timestamp + terms.traceWindow;
        dispute.challenger = challenger;
        dispute.termsId = uint32(termsId);
        dispute.traceUntil = uint40(traceUntil);
        dispute.status = DisputeStatus.Challenged;
        dispute.source = record.number;
        dispute.operator = claim.operator;
        dispute.id = id;
        // The rest of the window is measured by the source's clock, which stops during a pause.
        dispute.challengeableUntil = uint40(block.timestamp + claim.secondsLeft);
        emit Challenged(claimId, id, challenger, claim.operator, address(source), termsId, traceUntil);
    }

    /// @inheritdoc IDisputeCourt
    function commitTrace(
        bytes32 claimId,
        bytes calldata terms,
        ModelManifest calldata manifest,
        bytes32 traceRoot,
        bytes32[] calldata outputRoots,
        bytes32[][] calldata outputSiblings,
        string calldata location
    ) external {
        Dispute storage dispute = _disputeAt(claimId, DisputeStatus.Challenged);
        IClaimSource source = _sourceOf(dispute);
        require(source.actsFor(msg.sender, dispute.operator), CourtOperatorOnly(msg.sender, dispute.operator));
        _requireUntil(dispute.traceUntil);
        ClaimFacts memory facts = source.factsOf(claimId, terms);
        bytes32 commitment = REGISTRY.commitmentFor(manifest);
        require(commitment == facts.modelCommitment, CourtManifestMismatch(commitment, facts.modelCommitment));
        _requireOutputs(facts.outputRoot, manifest, traceRoot, outputRoots, outputSiblings);

        CourtTerms storage courtTerms = _termsOf(dispute);
        // The demand window starts no earlier than the claim's own window ends. So a watcher who comes in the last second
        // has all rounds of demands, even if a friend of the operator opened the dispute early.
        uint256 demandUntil = Math.max(block.timestamp, dispute.challengeableUntil) + courtTerms.demandWindow;
        uint256 end = demandUntil + courtTerms.answerWindow + courtTerms.proofMargin;
        dispute.status = DisputeStatus.TraceCommitted;
        dispute.demandUntil = uint40(demandUntil);
        dispute.end = uint40(end);
        _cases[claimId] = TraceCase({
            programRoot: manifest.programRoot,
            weightsRoot: manifest.weightsRoot,
            inputRoot: facts.inputRoot,
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
        bytes32 claimed,
        ModelManifest calldata manifest,
        bytes32 traceRoot,
        bytes32[] calldata outputRoots,
        bytes32[][] calldata outputSiblings
    ) private pure {
        uint256 count = manifest.outputKernels.length;
        _requireCount(outputRoots.length, count);
        _requireCount(outputSiblings.length, count);
        bytes32 outputRoot = TensorTree.listRoot(outputRoots);
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

    function _requireCount(uint256 actual, uint256 count) private pure {
        require(actual == count, CourtOutputCount(actual, count));
    }

    /// @inheritdoc IDisputeCourt
    function convictWithoutTrace(bytes32 claimId, bytes calldata terms) external {
        Dispute storage dispute = _disputeAt(claimId, DisputeStatus.Challenged);
        _requireAfter(dispute.traceUntil);
        _convict(claimId, dispute, terms, dispute.challenger);
    }

    /// @inheritdoc IDisputeCourt
    function resolve(bytes32 claimId) external {
        Dispute storage dispute = _disputeAt(claimId, DisputeStatus.TraceCommitted);
        _requireAfter(dispute.end);
        // INVARIANT: every answer was due before the end, so a demand that is still open was not answered in time.
        require(dispute.openDemands == 0, CourtDemandsOpen(dispute.openDemands));

        CourtTerms storage terms = _termsOf(dispute);
        (address operator, bytes32 id) = (dispute.operator, dispute.id);
        uint256 bond = _challengeBond(dispute);
        uint256 burned = Math.ceilDiv(bond * terms.burnBps, BPS);
        uint256 paid = bond - burned;
        paid += uint256(dispute.demands) * terms.demandBond + uint256(dispute.accusations) * terms.accusationBond;
        dispute.status = DisputeStatus.Upheld;
        _credit(claimId, operator, paid);
        _credit(claimId, SINK, burned);
        emit Upheld(claimId, operator, paid, burned);
        IClaimSource source = _sourceOf(dispute);
        if (source.isChallenged(id, claimId)) source.upheld(id, claimId);
    }
}
