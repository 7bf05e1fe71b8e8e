// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Groth16
/// @notice Verification of Groth16 proofs over BN254: e(-A, B) · e(alpha, beta) · e(S, gamma) · e(C, delta) = 1 with
/// S = IC[0] + Σ inputs[i] · IC[i + 1] (J. Groth, On the Size of Pairing-Based Non-interactive Arguments, 2016).
/// @dev Points are encoded as in EIP-196 and EIP-197: 32-byte big-endian coordinates; of an element of the extension
/// field the imaginary part comes first. Curve arithmetic is done by the precompiles, which refuse coordinates from the
/// modulus on and points that are not on the curve or not in the subgroup by a failed call.
/// Proof: A (64), B (128), C (64). Key: alpha (64), beta (128), gamma (128), delta (128), then IC, 64 bytes each.
library Groth16 {
    /// @notice Bytes of a proof.
    uint256 internal constant PROOF_BYTES = 256;
    /// @notice Bytes of a key before its IC.
    uint256 internal constant KEY_HEAD_BYTES = 448;
    /// @notice Modulus of the coordinates.
    uint256 internal constant P = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
    /// @notice Order of the groups: modulus of public inputs.
    uint256 internal constant R = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;

    uint256 private constant WORD = 32;
    uint256 private constant G1_BYTES = 64;
    uint256 private constant G2_BYTES = 128;
    /// @dev Offsets in a key.
    uint256 private constant BETA = 64;
    uint256 private constant GAMMA = 192;
    uint256 private constant DELTA = 320;

    /// @dev Addresses of the precompiles.
    uint256 private constant ECADD = 0x06;
    uint256 private constant ECMUL = 0x07;
    uint256 private constant PAIRING = 0x08;

    /// @notice A key or a proof has not the length that its number of public inputs asks for.
    error Groth16Length(uint256 actual, uint256 expected);
    /// @notice A coordinate from the modulus on: another encoding of a smaller one.
    error Groth16CoordinateTooLarge(uint256 offset, uint256 value);
    /// @notice The point at infinity, which no honest proof or key has.
    error Groth16PointAtInfinity(uint256 offset);
    /// @notice A public input from the group's order on: another encoding of a smaller one.
    error Groth16InputTooLarge(uint256 index, uint256 value);
    /// @notice A precompile refused its input (not on the curve, not in the subgroup), is missing, or had too little gas.
    error Groth16PrecompileFailed(address precompile);

    /// @notice Bytes of a key for that many public inputs.
    function keyBytes(uint256 inputs) internal pure returns (uint256) {
        return KEY_HEAD_BYTES + (inputs + 1) * G1_BYTES;
    }

    /// @notice Reverts unless a key is well-formed: its length, and each of its points.
    /// @param key Verifying key.
    /// @param inputs Number of public inputs.
    function requireKey(bytes calldata key, uint256 inputs) internal view {
        require(key.length == keyBytes(inputs), Groth16Length(key.length, keyBytes(inputs)));
        for (uint256 offset; offset < key.length; offset += WORD) _requireCoordinate(key, offset);
        _requirePoint(key, 0, G1_BYTES);
        for (uint256 offset = BETA; offset < KEY_HEAD_BYTES; offset += G2_BYTES) _requirePoint(key, offset, G2_BYTES);
        // Twice alpha, so that the precompile looks at each point of either group.
        bytes calldata alpha = key[:BETA];
        _call(
            PAIRING,
            bytes.concat(alpha, key[BETA:GAMMA], alpha, key[GAMMA:DELTA], alpha, key[DELTA:KEY_HEAD_BYTES]),
            WORD
        );
        for (uint256 offset = KEY_HEAD_BYTES; offset < key.length; offset += G1_BYTES) {
            // INVARIANT: none is infinity, or the circuit would not see that input.
            _requirePoint(key, offset, G1_BYTES);
            _call(ECADD, bytes.concat(key[offset:offset + G1_BYTES], alpha), G1_BYTES);
        }
    }

    /// @notice Whether gamma and delta are equal, as they are before the second phase of a set-up: then anyone forges.
    function isUnfinished(bytes calldata key) internal pure returns (bool) {
        return keccak256(key[GAMMA:DELTA]) == keccak256(key[DELTA:KEY_HEAD_BYTES]);
    }

    /// @notice Whether a proof holds for these public inputs.
    /// @dev Reverts unless the proof is well-formed and the inputs are below the order.
    /// @param key A key that `requireKey` accepts for that many inputs.
    /// @param proof Points A, B and C.
    /// @param inputs Public inputs.
    function holds(bytes calldata key, bytes calldata proof, uint256[] memory inputs) internal view returns (bool) {
        require(proof.length == PROOF_BYTES, Groth16Length(proof.length, PROOF_BYTES));
        require(key.length == keyBytes(inputs.length), Groth16Length(key.length, keyBytes(inputs.length)));
        uint256[8] memory words = abi.decode(proof, (uint256[8]));
        for (uint256 i; i < 8; ++i) require(words[i] < P, Groth16CoordinateTooLarge(WORD * i, words[i]));
        require(words[0] | words[1] != 0, Groth16PointAtInfinity(0));
        require(words[2] | words[3] | words[4] | words[5] != 0, Groth16PointAtInfinity(G1_BYTES));
        require(words[6] | words[7] != 0, Groth16PointAtInfinity(G1_BYTES + G2_BYTES));
        (bytes32 sumX, bytes32 sumY) = combine(key[KEY_HEAD_BYTES:], inputs);
        // SAFETY: y is below P; A is not infinity, and no point of the curve has y = 0, so P - y is a coordinate.
        uint256 negated = P - words[1];
        bytes memory pairs = bytes.concat(
            proof[:WORD],
            bytes32(negated),
            proof[G1_BYTES:G1_BYTES + G2_BYTES],
            key[:GAMMA],
            sumX,
            sumY,
            key[GAMMA:DELTA],
            proof[G1_BYTES + G2_BYTES:],
            key[DELTA:KEY_HEAD_BYTES]
        );
        return abi.decode(_call(PAIRING, pairs, WORD), (uint256)) == 1;
    }

    /// @notice The point points[0] + Σ inputs[i] · points[i + 1].
    /// @dev `Groth16Plain` in contracts/mocks is the same without assembly, where the copies cost some 8,000 gas.
    /// @param points One point more than there are inputs, 64 bytes each.
    /// @param inputs Scalars; each must be below the order (Groth16InputTooLarge).
    function combine(bytes calldata points, uint256[] memory inputs) internal view returns (bytes32 x, bytes32 y) {
        uint256 failed;
        uint256 place;
        assembly ("memory-safe") {
            // SAFETY: memory beyond the free pointer is only borrowed: the sum, then a point and its scalar, which the
            // product overwrites. A precompile gives 64 bytes, or the call fails, or there is none and it gives nothing.
            let sum := mload(0x40)
            let product := add(sum, 64)
            calldatacopy(sum, points.offset, 64)
            let next := points.offset
            let last := add(inputs, shl(5, mload(inputs)))
            for {
                place := inputs
            } lt(place, last) {} {
                place := add(place, 32)
                next := add(next, 64)
                let scalar := mload(place)
                if iszero(lt(scalar, R)) {
                    failed := R
                    break
                }
                calldatacopy(product, next, 64)
                mstore(add(product, 64), scalar)
                if iszero(staticcall(gas(), ECMUL, product, 96, product, 64)) {
                    failed := ECMUL
                }
                if iszero(eq(returndatasize(), 64)) {
                    failed := ECMUL
                }
                if failed {
                    break
                }
                if iszero(staticcall(gas(), ECADD, sum, 128, sum, 64)) {
                    failed := ECADD
                }
                if iszero(eq(returndatasize(), 64)) {
                    failed := ECADD
                }
                if failed {
                    break
                }
            }
            x := mload(sum)
            y := mload(add(sum, 32))
            place := sub(shr(5, sub(place, inputs)), 1)
        }
        if (failed == 0) return (x, y);
        require(failed != R, Groth16InputTooLarge(place, inputs[place]));
        revert Groth16PrecompileFailed(address(uint160(failed)));
    }

    function _word(bytes calldata data, uint256 offset) private pure returns (uint256) {
        return uint256(bytes32(data[offset:]));
    }

    function _requireCoordinate(bytes calldata data, uint256 offset) private pure {
        uint256 value = _word(data, offset);
        require(value < P, Groth16CoordinateTooLarge(offset, value));
    }

    /// @dev Infinity is the only point of zeroes alone.
    function _requirePoint(bytes calldata data, uint256 offset, uint256 length) private pure {
        uint256 bits;
        for (uint256 end = offset + length; end > offset; end -= WORD) bits |= _word(data, end - WORD);
        require(bits != 0, Groth16PointAtInfinity(offset));
    }

    function _call(uint256 number, bytes memory input, uint256 length) private view returns (bytes memory output) {
        bool success;
        address precompile = address(uint160(number));
        // SAFETY: a precompile. On a chain without it the call succeeds with an empty answer.
        (success, output) = precompile.staticcall(input);
        require(success && output.length == length, Groth16PrecompileFailed(precompile));
    }
}
