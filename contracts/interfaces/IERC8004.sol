// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @title IValidationRegistry
/// @notice What a validator needs of the Validation Registry of ERC-8004 (draft).
interface IValidationRegistry {
    /// @notice Answers a request that names the caller as its validator.
    /// @param requestHash Identifies the request: hash of its payload.
    /// @param response 0 (failed) to 100 (passed).
    /// @param responseURI Where evidence is, or empty.
    /// @param responseHash Hash of the evidence, or zero.
    /// @param tag Category.
    function validationResponse(
        bytes32 requestHash,
        uint8 response,
        string calldata responseURI,
        bytes32 responseHash,
        string calldata tag
    ) external;

    /// @notice A request and the last answer to it.
    function getValidationStatus(
        bytes32 requestHash
    )
        external
        view
        returns (
            address validatorAddress,
            uint256 agentId,
            uint8 response,
            bytes32 responseHash,
            string memory tag,
            uint256 lastUpdate
        );
}
