// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {ClaimFacts, HeldClaim, claimIdOf} from "../types/Claim.sol";
import {ModelManifest} from "../types/Model.sol";
import {Claim, Request, RequestStatus} from "../types/Request.sol";

/// @title CourtStageMock
/// @notice Source of claims, registry and access manager in one, as far as the court sees them, with every rule in plain sight.
contract CourtStageMock {
    IERC20 public immutable TOKEN;
    address public immutable REGISTRY = address(this);
    // solhint-disable-next-line var-name-mixedcase
    uint40 public MAX_DISPUTE_SECONDS = 10 days;
    address public governor;
    bool public reverting;
    address public auditDesk;

    /// @notice Verdicts, in order.
    event StageConvicted(bytes32 requestId, bytes32 claimId, address accuser);
    event StageUpheld(bytes32 requestId, bytes32 claimId);

    error StageReverting();

    mapping(bytes32 requestId => Claim present) private _claims;
    mapping(bytes32 versionId => bytes32 commitment) private _commitments;

    constructor(IERC20 token) {
        TOKEN = token;
        governor = msg.sender;
    }

    function canCall(address caller, address, bytes4) external view returns (bool immediate, uint32 delay) {
        return (caller == governor, 0);
    }

    /// @notice Who acts for every operator, besides itself.
    address public agent;

    function setAgent(address agent_) external {
        agent = agent_;
    }

    function actsFor(address account, address operator) external view returns (bool) {
        return account == operator || account == agent;
    }

    function setAuditDesk(address desk) external {
        auditDesk = desk;
    }

    function publish(bytes32 versionId, ModelManifest calldata manifest) external {
        _commitments[versionId] = commitmentFor(manifest);
    }

    function commitmentFor(ModelManifest calldata manifest) public pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("assay.model.v1"), manifest));
    }

    function idOf(bytes calldata terms) public pure returns (bytes32) {
        return keccak256(terms);
    }

    function claimOf(bytes32 requestId) external view returns (Claim memory) {
        return _claims[requestId];
    }

    function claim(bytes calldata terms, address operator, bytes32 outputRoot, uint40 windowEnd) external {
        bytes32 id = idOf(terms);
        uint40 blockNumber = uint40(block.number);
        _claims[id] = Claim({
            status: RequestStatus.Claimed,
            operator: operator,
            outputRoot: outputRoot,
            windowEnd: windowEnd,
            claimedBlock: blockNumber,
            claimId: claimIdOf(address(this), id, operator, outputRoot, windowEnd, blockNumber)
        });
    }

    function giveUp(bytes32 requestId) external {
        _claims[requestId].status = RequestStatus.Refunded;
    }

    /// @notice Makes `markChallenged` and `isChallenged` lie, as a hostile source would.
    function lie(bytes32 requestId, Claim calldata facts, bool reverts) external {
        _claims[requestId] = facts;
        reverting = reverts;
    }

    function lieAboutPatience(uint40 patience) external {
        MAX_DISPUTE_SECONDS = patience;
    }

    /// @notice The id that the court expects of a claim of this source.
    function claimIdFor(
        bytes32 id,
        address operator,
        bytes32 outputRoot,
        uint40 windowEnd,
        uint40 claimedBlock
    ) external view returns (bytes32) {
        return claimIdOf(address(this), id, operator, outputRoot, windowEnd, claimedBlock);
    }

    function markChallenged(bytes32 requestId, bytes32 claimId) external returns (HeldClaim memory) {
        Claim storage present = _claims[requestId];
        require(
            present.status == RequestStatus.Claimed,
            IInferenceMarket.MarketStatusForbids(requestId, present.status)
        );
        require(present.claimId == claimId, IInferenceMarket.MarketClaimMismatch(present.claimId, claimId));
        uint40 time = uint40(block.timestamp);
        require(time < present.windowEnd, IInferenceMarket.MarketDeadlinePassed(present.windowEnd, time));
        present.status = RequestStatus.Challenged;
        return
            HeldClaim({
                operator: present.operator,
                outputRoot: present.outputRoot,
                windowEnd: present.windowEnd,
                claimedBlock: present.claimedBlock,
                secondsLeft: present.windowEnd - time
            });
    }

    function isChallenged(bytes32 requestId, bytes32 claimId) external view returns (bool) {
        require(!reverting, StageReverting());
        Claim storage present = _claims[requestId];
        return present.status == RequestStatus.Challenged && present.claimId == claimId;
    }

    function factsOf(bytes32 claimId, bytes calldata terms) external view returns (ClaimFacts memory) {
        Claim storage present = _claims[idOf(terms)];
        require(present.claimId == claimId, IInferenceMarket.MarketClaimMismatch(present.claimId, claimId));
        Request memory request = abi.decode(terms, (Request));
        return ClaimFacts(_commitments[request.versionId], request.inputRoot, present.outputRoot);
    }

    function upheld(bytes32 requestId, bytes32 claimId) external {
        _leave(requestId, claimId, RequestStatus.Final);
        emit StageUpheld(requestId, claimId);
    }

    function convict(bytes32 claimId, bytes calldata terms, address accuser) external {
        bytes32 requestId = idOf(terms);
        _leave(requestId, claimId, RequestStatus.Convicted);
        emit StageConvicted(requestId, claimId, accuser);
    }

    function _leave(bytes32 requestId, bytes32 claimId, RequestStatus status) private {
        Claim storage present = _claims[requestId];
        require(
            present.status == RequestStatus.Challenged,
            IInferenceMarket.MarketStatusForbids(requestId, present.status)
        );
        require(present.claimId == claimId, IInferenceMarket.MarketClaimMismatch(present.claimId, claimId));
        present.status = status;
    }
}
