// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {ModelManifest} from "../types/Model.sol";
import {Claim, Request, RequestStatus} from "../types/Request.sol";

/// @title CourtStageMock
/// @notice Market, registry and access manager in one, as far as the court sees them, with every rule in plain sight.
contract CourtStageMock {
    IERC20 public immutable TOKEN;
    address public immutable REGISTRY = address(this);
    uint40 public constant MAX_DISPUTE_SECONDS = 10 days;
    address public governor;
    address public auditDesk;

    /// @notice Verdicts, in order.
    event StageConvicted(bytes32 requestId, bytes32 claimId, address accuser);
    event StageUpheld(bytes32 requestId, bytes32 claimId);

    mapping(bytes32 requestId => Claim present) private _claims;
    mapping(bytes32 versionId => bytes32 commitment) private _commitments;

    constructor(IERC20 token) {
        TOKEN = token;
        governor = msg.sender;
    }

    function clock() external view returns (uint40) {
        return uint40(block.timestamp);
    }

    function canCall(address caller, address, bytes4) external view returns (bool immediate, uint32 delay) {
        return (caller == governor, 0);
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

    function commitmentOf(bytes32 versionId) external view returns (bytes32) {
        return _commitments[versionId];
    }

    function idOf(Request calldata request) public pure returns (bytes32) {
        return keccak256(abi.encode(request));
    }

    function claimOf(bytes32 requestId) external view returns (Claim memory) {
        return _claims[requestId];
    }

    function claim(Request calldata request, address operator, bytes32 outputRoot, uint40 windowEnd) external {
        bytes32 requestId = idOf(request);
        _claims[requestId] = Claim({
            status: RequestStatus.Claimed,
            operator: operator,
            outputRoot: outputRoot,
            windowEnd: windowEnd,
            claimedBlock: uint40(block.number),
            claimId: keccak256(abi.encode(requestId, operator, outputRoot, windowEnd))
        });
    }

    function giveUp(bytes32 requestId) external {
        _claims[requestId].status = RequestStatus.Refunded;
    }

    function markChallenged(bytes32 requestId, bytes32 claimId) external {
        Claim storage present = _claims[requestId];
        require(
            present.status == RequestStatus.Claimed,
            IInferenceMarket.MarketStatusForbids(requestId, present.status)
        );
        require(present.claimId == claimId, IInferenceMarket.MarketClaimMismatch(present.claimId, claimId));
        uint40 time = uint40(block.timestamp);
        require(time < present.windowEnd, IInferenceMarket.MarketDeadlinePassed(present.windowEnd, time));
        present.status = RequestStatus.Challenged;
    }

    function upheld(bytes32 requestId, bytes32 claimId) external {
        _leave(requestId, claimId, RequestStatus.Final);
        emit StageUpheld(requestId, claimId);
    }

    function convict(Request calldata request, bytes32 claimId, address accuser) external returns (uint256) {
        bytes32 requestId = idOf(request);
        _leave(requestId, claimId, RequestStatus.Convicted);
        emit StageConvicted(requestId, claimId, accuser);
        return 0;
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
