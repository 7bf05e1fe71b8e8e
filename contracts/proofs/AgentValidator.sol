// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IValidationRegistry} from "../interfaces/IERC8004.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {StatementContext} from "./StatementContext.sol";

/// @title AgentValidator
/// @notice A validator for agents of ERC-8004 (draft): answers a validation request with 100 once anyone shows evidence
/// that the agent's answer holds.
/// @dev An agent requests with `requestHash = keccak256(abi.encode(chain id, validation registry, agent id, version id,
/// input root, output root))` and this contract as validator. It never answers with less: that nobody has shown evidence
/// says nothing about the answer, and anyone could bring evidence that does not hold. The evidence is for a context whose
/// market is this contract and whose request is `requestHash`, so it serves no other request.
contract AgentValidator {
    /// @notice Answer to a request whose evidence holds.
    uint8 public constant PASSED = 100;

    /// @notice Where requests are and answers go.
    IValidationRegistry public immutable VALIDATIONS;
    /// @notice Registry of the versions.
    IModelRegistry public immutable REGISTRY;
    /// @notice Who checks.
    IVerifier public immutable VERIFIER;

    /// @notice Category of the answers.
    string public tag;

    /// @notice The request does not exist, or names another validator or agent.
    error ValidationNotRequested(bytes32 requestHash, address validator, uint256 agentId);

    constructor(IValidationRegistry validations, IModelRegistry registry, IVerifier verifier, string memory tag_) {
        (VALIDATIONS, REGISTRY, VERIFIER) = (validations, registry, verifier);
        tag = tag_;
    }

    /// @notice Answers the request of an agent; reverts as the verifier does when the evidence does not hold.
    /// @param agentId The agent in the identity registry.
    /// @param versionId Model version that must have answered.
    /// @param inputRoot Root of the input.
    /// @param outputRoot Root of the agent's answer.
    /// @param evidence Bytes in the verifier's own format.
    function validate(
        uint256 agentId,
        bytes32 versionId,
        bytes32 inputRoot,
        bytes32 outputRoot,
        bytes calldata evidence
    ) external {
        bytes32 requestHash = requestHashFor(agentId, versionId, inputRoot, outputRoot);
        (address validator, uint256 agent, , , , ) = VALIDATIONS.getValidationStatus(requestHash);
        require(validator == address(this) && agent == agentId, ValidationNotRequested(requestHash, validator, agent));
        VERIFIER.verify(StatementContext.statement(REGISTRY, requestHash, versionId, inputRoot, outputRoot), evidence);
        VALIDATIONS.validationResponse(requestHash, PASSED, "", keccak256(evidence), tag);
    }

    /// @notice Hash under which an agent requests the validation of an answer.
    function requestHashFor(
        uint256 agentId,
        bytes32 versionId,
        bytes32 inputRoot,
        bytes32 outputRoot
    ) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, VALIDATIONS, agentId, versionId, inputRoot, outputRoot));
    }
}
