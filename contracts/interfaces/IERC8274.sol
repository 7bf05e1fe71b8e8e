// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @title IProofVerifier
/// @notice Inner layer of ERC-8274 (draft 0.2), without state: does a proof show that this input gives this output?
interface IProofVerifier {
    /// @notice Whether a proof holds.
    /// @param inputHash Commitment to the input, in the scheme of the implementation.
    /// @param outputHash Commitment to the output, in the scheme of the implementation.
    /// @param metadata What does not change between calls.
    /// @param proof Evidence for this one answer.
    function verify(
        bytes32 inputHash,
        bytes32 outputHash,
        bytes calldata metadata,
        bytes calldata proof
    ) external returns (bool);

    /// @notice Kind of proof, `{paradigm}/{variant}`.
    function proofSystem() external view returns (string memory);

    /// @notice Identifies this deployment.
    function proofProfile() external view returns (bytes32);
}
