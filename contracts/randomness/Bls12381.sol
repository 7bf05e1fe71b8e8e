// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Element of the base field Fp as EIP-2537 encodes it: a big-endian integer of 64 bytes, below the modulus p.
struct Fp {
    uint256 high;
    uint256 low;
}

/// @notice Affine point of G1; 128 bytes when encoded. The point at infinity is all zero.
struct G1Point {
    Fp x;
    Fp y;
}

/// @notice Affine point of G2 over Fp2 = Fp[v] / (v^2 + 1), x = x0 + x1·v, y = y0 + y1·v; 256 bytes when encoded.
struct G2Point {
    Fp x0;
    Fp x1;
    Fp y0;
    Fp y1;
}

/// @title Bls12381
/// @notice What a BLS signature in G1 needs of the curve BLS12-381: hashing to G1, the pairing check, compression.
/// @dev Curve arithmetic is done by the precompiles of EIP-2537, reduction modulo p by MODEXP. A precompile refuses bytes
/// that are no point by a failed call, which burns the gas it was given. Without the precompiles every call here reverts.
library Bls12381 {
    /// @notice Bytes of an encoded point of G1.
    uint256 internal constant G1_BYTES = 128;
    /// @notice Bytes of an encoded point of G2.
    uint256 internal constant G2_BYTES = 256;

    address private constant MODEXP = address(0x05);
    address private constant G1ADD = address(0x0b);
    address private constant G2MSM = address(0x0e);
    address private constant PAIRING_CHECK = address(0x0f);
    address private constant MAP_FP_TO_G1 = address(0x10);

    /// @dev Modulus p of the field.
    uint256 private constant P_HIGH = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant P_LOW = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;
    /// @dev (p - 1) / 2, the largest y that compression calls positive.
    uint256 private constant HALF_HIGH = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 private constant HALF_LOW = 0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;

    /// @notice A point has another length than its encoding.
    error BlsPointLength(uint256 actual, uint256 expected);
    /// @notice The point at infinity, which satisfies pairing equations that nobody signed.
    error BlsPointAtInfinity();
    /// @notice A field element that is not below the modulus: another encoding of a smaller one.
    error BlsFieldElementTooLarge(uint256 high, uint256 low);
    /// @notice A domain separation tag longer than 255 bytes.
    error BlsTagTooLong(uint256 length);
    /// @notice A precompile refused its input (not on the curve, not in the subgroup), is missing, or had too little gas.
    error BlsPrecompileFailed(address precompile);

    // ------------------------------------------------------------------------------------------------ encodings

    /// @notice Reads a point of G1 other than infinity. Whether it lies on the curve is for the pairing check to say.
    /// @param encoded x and y, 64 bytes each.
    function decodeG1(bytes memory encoded) internal pure returns (G1Point memory point) {
        _requirePoint(encoded, G1_BYTES);
        point = abi.decode(encoded, (G1Point));
        _requireCanonical(point.x);
        _requireCanonical(point.y);
    }

    /// @notice Reads a point of G2 other than infinity, and checks that it lies on the curve and in the subgroup.
    /// @param encoded x0, x1, y0 and y1, 64 bytes each.
    function decodeG2(bytes memory encoded) internal view returns (G2Point memory point) {
        _requirePoint(encoded, G2_BYTES);
        // Multiplication, unlike addition, includes the check of the subgroup. The precompile refuses elements from p on.
        bytes memory product = _call(G2MSM, bytes.concat(encoded, bytes32(uint256(1))), G2_BYTES);
        return abi.decode(product, (G2Point));
    }

    /// @notice The 48 bytes in which signatures are published: x with three flags in its highest bits.
    /// @param point A point of `decodeG1`: canonical, and not infinity.
    function compressG1(G1Point memory point) internal pure returns (bytes memory) {
        Fp memory y = point.y;
        bool negative = y.high > HALF_HIGH || (y.high == HALF_HIGH && y.low > HALF_LOW);
        // Bit 7: compressed. Bit 6: infinity. Bit 5: of y and -y the larger.
        uint128 flags = negative ? uint128(0xa0) << 120 : uint128(0x80) << 120;
        return abi.encodePacked(uint128(point.x.high) | flags, point.x.low);
    }

    // ------------------------------------------------------------------------------------------------ pairing

    /// @notice Whether `signature` is that of `hash` under `publicKey`: e(signature, -g2)·e(hash, publicKey) = 1.
    /// @dev The precompile checks that all points are on their curves and in their subgroups.
    function verify(
        G1Point memory signature,
        G1Point memory hash,
        G2Point memory publicKey
    ) internal view returns (bool) {
        bytes memory pairs = abi.encode(signature, _negatedGenerator(), hash, publicKey);
        return abi.decode(_call(PAIRING_CHECK, pairs, 32), (bool));
    }

    /// @dev -g2, the generator of G2 with its y negated.
    function _negatedGenerator() private pure returns (G2Point memory) {
        return
            G2Point(
                Fp(
                    0x024aa2b2f08f0a91260805272dc51051,
                    0xc6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8
                ),
                Fp(
                    0x13e02b6052719f607dacd3a088274f65,
                    0x596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e
                ),
                Fp(
                    0x0d1b3cc2c7027888be51d9ef691d77bc,
                    0xb679afda66c73f17f9ee3837a55024f78c71363275a75d75d86bab79f74782aa
                ),
                Fp(
                    0x13fa4d4a0ad8b1ce186ed5061789213d,
                    0x993923066dddaf1040bc3ff59f825c78df74f2d75467e25e0f55f8a00fa030ed
                )
            );
    }

    // ------------------------------------------------------------------------------------------------ hashing

    /// @notice `hash_to_curve` of RFC 9380, suite BLS12381G1_XMD:SHA-256_SSWU_RO_.
    /// @param message What is hashed.
    /// @param tag Domain separation tag, at most 255 bytes.
    function hashToG1(bytes memory message, bytes memory tag) internal view returns (G1Point memory) {
        bytes32[4] memory uniform = _expandMessage(message, tag);
        bytes memory first = _mapToG1(uniform[0], uniform[1]);
        bytes memory second = _mapToG1(uniform[2], uniform[3]);
        return abi.decode(_call(G1ADD, bytes.concat(first, second), G1_BYTES), (G1Point));
    }

    /// @dev `expand_message_xmd` of RFC 9380 section 5.3.1 with SHA-256, for 128 bytes.
    function _expandMessage(bytes memory message, bytes memory tag) private pure returns (bytes32[4] memory uniform) {
        require(tag.length <= type(uint8).max, BlsTagTooLong(tag.length));
        bytes memory suffix = abi.encodePacked(tag, uint8(tag.length));
        // A block of zeroes, the message, the length of the output in two bytes, a zero byte, the tag.
        bytes32 seed = sha256(abi.encodePacked(bytes32(0), bytes32(0), message, uint16(128), uint8(0), suffix));
        bytes32 previous;
        for (uint256 i; i < 4; ++i) {
            previous = sha256(abi.encodePacked(seed ^ previous, uint8(i + 1), suffix));
            uniform[i] = previous;
        }
    }

    /// @dev Reduces a 512-bit integer modulo p and maps it to the curve. The precompile clears the cofactor, which commutes
    /// with the addition that follows.
    function _mapToG1(bytes32 high, bytes32 low) private view returns (bytes memory point) {
        // Lengths of base, exponent and modulus; then the three, with exponent 1.
        bytes memory reduction = abi.encodePacked(
            uint256(64),
            uint256(1),
            uint256(64),
            high,
            low,
            uint8(1),
            P_HIGH,
            P_LOW
        );
        return _call(MAP_FP_TO_G1, _call(MODEXP, reduction, 64), G1_BYTES);
    }

    // ------------------------------------------------------------------------------------------------ internals

    /// @dev Infinity is the only point of zeroes alone.
    function _requirePoint(bytes memory encoded, uint256 length) private pure {
        require(encoded.length == length, BlsPointLength(encoded.length, length));
        require(keccak256(encoded) != keccak256(new bytes(length)), BlsPointAtInfinity());
    }

    function _requireCanonical(Fp memory element) private pure {
        require(
            element.high < P_HIGH || (element.high == P_HIGH && element.low < P_LOW),
            BlsFieldElementTooLarge(element.high, element.low)
        );
    }

    function _call(address precompile, bytes memory input, uint256 length) private view returns (bytes memory output) {
        bool success;
        // SAFETY: a precompile. On a chain without it the call succeeds with an empty answer.
        (success, output) = precompile.staticcall(input);
        require(success && output.length == length, BlsPrecompileFailed(precompile));
    }
}
