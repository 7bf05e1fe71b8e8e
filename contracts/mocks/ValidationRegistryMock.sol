// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IValidationRegistry} from "../interfaces/IERC8004.sol";

/// @title ValidationRegistryMock
/// @notice Validation Registry of ERC-8004 without identities: anyone requests for any agent.
contract ValidationRegistryMock is IValidationRegistry {
    struct Validation {
        address validator;
        uint256 agentId;
        uint8 response;
        bytes32 responseHash;
        string tag;
        uint256 lastUpdate;
    }

    mapping(bytes32 requestHash => Validation validation) private _validations;

    event ValidationResponse(
        address indexed validatorAddress,
        uint256 indexed agentId,
        bytes32 indexed requestHash,
        uint8 response,
        string responseURI,
        bytes32 responseHash,
        string tag
    );

    function validationRequest(address validator, uint256 agentId, string calldata, bytes32 requestHash) external {
        Validation storage validation = _validations[requestHash];
        (validation.validator, validation.agentId) = (validator, agentId);
    }

    function validationResponse(
        bytes32 requestHash,
        uint8 response,
        string calldata responseURI,
        bytes32 responseHash,
        string calldata tag
    ) external {
        Validation storage validation = _validations[requestHash];
        require(msg.sender == validation.validator);
        (validation.response, validation.responseHash) = (response, responseHash);
        (validation.tag, validation.lastUpdate) = (tag, block.timestamp);
        emit ValidationResponse(msg.sender, validation.agentId, requestHash, response, responseURI, responseHash, tag);
    }

    function getValidationStatus(
        bytes32 requestHash
    ) external view returns (address, uint256, uint8, bytes32, string memory, uint256) {
        Validation storage validation = _validations[requestHash];
        return (
            validation.validator,
            validation.agentId,
            validation.response,
            validation.responseHash,
            validation.tag,
            validation.lastUpdate
        );
    }
}
