// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title IntelNames
/// @notice keccak256 of the names in the certificates of Intel's provisioning certification service, in DER.
/// @dev Common name, then `O=Intel Corporation, L=Santa Clara, ST=CA, C=US`.
library IntelNames {
    /// @dev All but the common name.
    bytes private constant REST =
        hex"311a3018060355040a0c11496e74656c20436f72706f726174696f6e3114301206035504070c0b53616e746120436c617261310b300906035504080c024341310b3009060355040613025553";

    bytes32 internal constant ROOT = keccak256(
        abi.encodePacked(hex"3068311a301806035504030c11", "Intel SGX Root CA", REST)
    );
    bytes32 internal constant PROCESSOR_CA = keccak256(
        abi.encodePacked(hex"30713123302106035504030c1a", "Intel SGX PCK Processor CA", REST)
    );
    bytes32 internal constant PLATFORM_CA = keccak256(
        abi.encodePacked(hex"30703122302006035504030c19", "Intel SGX PCK Platform CA", REST)
    );
    bytes32 internal constant TCB_SIGNING = keccak256(
        abi.encodePacked(hex"306c311e301c06035504030c15", "Intel SGX TCB Signing", REST)
    );
    bytes32 internal constant PCK = keccak256(
        abi.encodePacked(hex"30703122302006035504030c19", "Intel SGX PCK Certificate", REST)
    );
}
