// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Groth16Plain
/// @notice What `Groth16.combine` computes, without assembly.
library Groth16Plain {
    address private constant ECADD = address(0x06);
    address private constant ECMUL = address(0x07);

    error PlainPrecompileFailed(address precompile);

    function combine(bytes calldata points, uint256[] memory inputs) internal view returns (bytes32 x, bytes32 y) {
        bytes memory sum = points[:64];
        for (uint256 i; i < inputs.length; ++i) {
            bytes memory point = points[64 * (i + 1):64 * (i + 2)];
            bytes memory product = _call(ECMUL, bytes.concat(point, bytes32(inputs[i])));
            sum = _call(ECADD, bytes.concat(sum, product));
        }
        return abi.decode(sum, (bytes32, bytes32));
    }

    function _call(address precompile, bytes memory input) private view returns (bytes memory output) {
        bool success;
        (success, output) = precompile.staticcall(input);
        require(success && output.length == 64, PlainPrecompileFailed(precompile));
    }
}
