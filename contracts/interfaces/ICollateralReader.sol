// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {Certificate, QeIdentity, RevocationList, TcbInfo} from "../types/Enclave.sol";

/// @title ICollateralReader
/// @notice Reads certificates, revocation lists, TCB Info (version 3) and QE identities (version 2) as Intel's provisioning
/// certification service gives them.
/// @dev Whether somebody signed them, and whether they count now, is for the caller to verify. Besides the errors here:
/// JsonMalformed, PemMalformed and DerMalformed, each with where reading stopped.
interface ICollateralReader {
    /// @notice The document has no field, or two, of those that count.
    error CollateralFieldsIncomplete(uint256 offset);
    /// @notice A document of another kind or version than those that are read here.
    error CollateralFormatUnknown(bytes32 id, uint256 version);
    /// @notice A status that is not one of `TcbStatus`.
    error CollateralStatusUnknown(uint256 offset);
    /// @notice More elements than a list may have.
    error CollateralTooLarge(uint256 offset);

    /// @notice Reads the text in PEM of a certificate and of the one that is the root's.
    /// @return certificate The first.
    /// @return root The second.
    /// @return chain keccak256 of the text without the line feed at its end.
    function readChain(
        bytes calldata text
    ) external pure returns (Certificate memory certificate, Certificate memory root, bytes32 chain);

    /// @notice Reads a revocation list that is all of `der`.
    function readRevocationList(bytes calldata der) external pure returns (RevocationList memory list);

    /// @notice Reads a TCB Info that is all of `json`.
    function readTcbInfo(bytes calldata json) external pure returns (TcbInfo memory info);

    /// @notice Reads a QE identity that is all of `json`.
    function readQeIdentity(bytes calldata json) external pure returns (QeIdentity memory identity);
}
