// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHalo2Verifier} from "../interfaces/IHalo2Verifier.sol";

/// @title Halo2Mock
/// @notice Takes the hash of the instances for a proof. A proof of one byte asks for another behaviour.
contract Halo2Mock is IHalo2Verifier {
    error Halo2Refused();

    function verifyProof(bytes calldata proof, uint256[] calldata instances) external pure returns (bool) {
        if (proof.length != 1) return keccak256(proof) == keccak256(abi.encode(keccak256(abi.encode(instances))));
        require(proof[0] != 0x01, Halo2Refused());
        assembly {
            // An answer of one word that is no boolean; nothing; more than a word.
            let size := byte(0, calldataload(proof.offset))
            mstore(0, size)
            mstore(32, 1)
            if eq(size, 2) {
                return(0, 32)
            }
            if eq(size, 3) {
                return(0, 0)
            }
            return(32, 64)
        }
    }
}
