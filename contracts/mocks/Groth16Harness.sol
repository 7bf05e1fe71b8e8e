// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Groth16} from "../proofs/Groth16.sol";
import {Groth16Plain} from "./Groth16Plain.sol";

/// @title Groth16Harness
/// @notice The library's functions, with public inputs that no claim leads to.
contract Groth16Harness {
    function requireKey(bytes calldata key, uint256 inputs) external view {
        Groth16.requireKey(key, inputs);
    }

    function holds(bytes calldata key, bytes calldata proof, uint256[] calldata inputs) external view returns (bool) {
        return Groth16.holds(key, proof, inputs);
    }

    function combine(bytes calldata points, uint256[] calldata inputs) external view returns (bytes32 x, bytes32 y) {
        return Groth16.combine(points, inputs);
    }

    function combinePlain(
        bytes calldata points,
        uint256[] calldata inputs
    ) external view returns (bytes32 x, bytes32 y) {
        return Groth16Plain.combine(points, inputs);
    }
}
