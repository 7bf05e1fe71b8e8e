// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";
import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

import {P256Key} from "../types/Enclave.sol";
import {Der} from "./Der.sol";

/// @title P256Signature
/// @notice ECDSA over P-256 and SHA-256, by the precompile of EIP-7951 where the chain has it, else in Solidity.
/// @dev OpenZeppelin's library refuses the higher of the two values of `s`, which Intel's signatures may have: it is
/// replaced by the lower one, which is a signature exactly when the higher one is.
library P256Signature {
    /// @notice Whether `r` and `s` sign the hash.
    function isValid(bytes32 hash, bytes32 r, bytes32 s, P256Key memory key) internal view returns (bool) {
        if (uint256(s) > P256.N / 2 && uint256(s) < P256.N) s = bytes32(P256.N - uint256(s));
        return P256.verify(hash, r, s, key.x, key.y);
    }

    /// @notice Reads `SEQUENCE { r INTEGER, s INTEGER }`, which must be all of `der[offset:end]`.
    function readDer(Memory.Slice der, uint256 offset, uint256 end) internal pure returns (bytes32 r, bytes32 s) {
        (uint256 start, uint256 next) = Der.expect(der, offset, end, Der.SEQUENCE);
        require(next == end, Der.DerMalformed(offset));
        uint256 value;
        (value, start) = Der.readUint(der, start, end);
        r = bytes32(value);
        (value, start) = Der.readUint(der, start, end);
        s = bytes32(value);
        require(start == end, Der.DerMalformed(start));
    }
}
