// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @title IHalo2Verifier
/// @notice The one function that contracts made by EZKL, for one circuit each, have in common.
interface IHalo2Verifier {
    /// @notice Whether a proof holds for these instances; may revert when it does not.
    function verifyProof(bytes calldata proof, uint256[] calldata instances) external view returns (bool);
}
