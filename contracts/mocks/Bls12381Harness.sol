// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bls12381, G1Point} from "../randomness/Bls12381.sol";

/// @title Bls12381Harness
/// @notice Makes the functions of Bls12381 callable. Points are encoded as EIP-2537 does.
contract Bls12381Harness {
    function compressG1(bytes calldata point) external pure returns (bytes memory) {
        return Bls12381.compressG1(Bls12381.decodeG1(point));
    }

    function decodeG2(bytes calldata point) external view returns (bytes memory) {
        return abi.encode(Bls12381.decodeG2(point));
    }

    function hashToG1(bytes calldata message, bytes calldata tag) external view returns (bytes memory) {
        return abi.encode(Bls12381.hashToG1(message, tag));
    }

    function verify(
        bytes calldata signature,
        bytes calldata hash,
        bytes calldata publicKey
    ) external view returns (bool) {
        G1Point memory hashed = abi.decode(hash, (G1Point));
        return Bls12381.verify(Bls12381.decodeG1(signature), hashed, Bls12381.decodeG2(publicKey));
    }
}
