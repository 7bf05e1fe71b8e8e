// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Binary32} from "./Binary32.sol";
import {Words} from "./Words.sol";

/// @title DotProduct
/// @notice Dot products of contiguous runs of elements, arranged for what networks hold: eight f32 or thirty-two bytes
/// a word of calldata.
/// @dev Each function says the plain expression that it equals; contracts/mocks/DotProductHarness.sol has that expression,
/// and both are fuzzed against each other. A run is a calldata position, or 0 and a word that stands for every word of
/// the run: an f32 repeated, as `f32Lanes` makes it.
library DotProduct {
    /// @dev Two runs of f32. A position of 0 stands for a run that repeats its word. The order of the fields is their
    /// place in memory, which `_f32Words` counts on.
    struct Runs {
        uint256 x;
        uint256 xs;
        uint256 y;
        uint256 ys;
    }

    /// @dev Fields of an f32 in each of eight lanes of 32 bits.
    uint256 private constant SIGNS = 0x8000000080000000800000008000000080000000800000008000000080000000;
    uint256 private constant EXPONENTS = 0x7f8000007f8000007f8000007f8000007f8000007f8000007f8000007f800000;
    uint256 private constant MANTISSAS = 0x007fffff007fffff007fffff007fffff007fffff007fffff007fffff007fffff;
    /// @dev The hidden bit of a normal number; added to an exponent, one more.
    uint256 private constant HIDDEN = 0x0080000000800000008000000080000000800000008000000080000000800000;

    /// @notice `count` steps of `acc = acc + x * y`, each operation rounded: a loop of Binary32.mul and Binary32.add.
    /// @param acc Bits of the accumulator.
    /// @param x Calldata position of the first run, or 0.
    /// @param xs The repeated word of the first run when `x` is 0.
    /// @param y Calldata position of the second run, or 0.
    /// @param ys The repeated word of the second run when `y` is 0.
    /// @param count Elements.
    /// @return The accumulator's bits afterwards.
    function f32(
        uint256 acc,
        uint256 x,
        uint256 xs,
        uint256 y,
        uint256 ys,
        uint256 count
    ) internal pure returns (uint256) {
        unchecked {
            Runs memory runs = Runs({x: x, xs: xs, y: y, ys: ys});
            while (count != 0) {
                // The fast path cannot hold -0, NaN, infinities, nor magnitudes from 2^77 on.
                if ((acc >> 23) & 0xff < 204 && acc != 0x80000000) {
                    uint256 left;
                    (acc, left) = _f32Words(acc, runs, count);
                    if (left == 0) return acc;
                    _skip(runs, count - left);
                    count = left;
                }
                // One word by the general routines, then the fast path may go on.
                for (uint256 lanes = count < 8 ? count : 8; lanes != 0; --lanes) {
                    acc = Binary32.add(acc, Binary32.mul(_f32Lane(runs.x, xs), _f32Lane(runs.y, ys)));
                    _skip(runs, 1);
                    --count;
                }
            }
        }
        return acc;
    }

    /// @dev Words of eight lanes, until one needs the general routines.
    ///
    /// The accumulator is a signed multiple of 2^-174 of at most 24 significant bits, so that adding is integer
    /// addition and rounding clears bits; 2^-174 and not 2^-149, so that a sum always has places to drop. With exponent
    /// fields ex + ey = s the product of two normal numbers is an integer of 47 or 48 bits times 2^(s - 300): it is
    /// rounded to 24 bits and shifted by s - 126. It is a normal f32 for 128 <= s <= 328; then eight products are below
    /// 2^253, and with an accumulator below 2^251 stay far inside 256 bits. All are multiples of 2^-149, so that what is
    /// subnormal is exact. A zero factor gives a zero product, which leaves an accumulator that is not -0 as it is.
    /// Everything else is left to the caller.
    /// @param acc The accumulator's bits.
    /// @param runs What to multiply; it is not changed.
    /// @param count Elements.
    /// @return bits The accumulator's bits afterwards.
    /// @return left Elements that were not taken: none, or from a word on that is not for this routine.
    function _f32Words(uint256 acc, Runs memory runs, uint256 count) private pure returns (uint256 bits, uint256 left) {
        assembly ("memory-safe") {
            // Each 32-bit lane of a word byte-reversed.
            function swapped(v) -> r {
                r := or(
                    shl(8, and(v, 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff)),
                    and(shr(8, v), 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff)
                )
                r := or(
                    shl(16, and(r, 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff)),
                    and(shr(16, r), 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff)
                )
            }
            // Four products of the 24-bit lanes in the lower halves of u and v, doubled, rounded to 24 significant
            // bits, in lanes of 64 bits.
            function products(u, v) -> r {
                // Two lanes of a factor that are 64 bits apart: their own products are 128 bits apart, and what they
                // give crosswise falls between.
                let even := mul(and(u, 0xffffff0000000000ffffff), and(v, 0xffffff0000000000ffffff))
                let odd := mul(and(u, 0xffffff0000000000ffffff00000000), and(v, 0xffffff0000000000ffffff00000000))
                r := or(
                    and(even, 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff),
                    and(odd, 0xffffffffffffffff0000000000000000ffffffffffffffff0000000000000000)
                )
                r := shl(1, r)
                // Of 49 bits the last place is bit 25, of 48 bits (and of a zero) bit 24.
                let last := 0x0000000001000000000000000100000000000000010000000000000001000000
                last := add(last, and(shr(24, r), last))
                // To nearest even: half a last place more, and where the last place is even a little less, so that half
                // does not carry. A doubled product has the room: 1 or 2 is no more than what it is a multiple of.
                r := sub(add(r, shr(1, last)), shr(24, and(not(r), last)))
                r := and(r, not(sub(last, 0x0000000000000001000000000000000100000000000000010000000000000001)))
            }
            // Adds p * 2^e, negated where s is all ones and not zero, and rounds to 24 significant bits, to nearest even
            // as above. Of a negative sum the bits of its one's complement count; that differs for powers of two alone,
            // which are exact.
            function accumulated(sum, p, e, s) -> r {
                r := add(sum, xor(add(shl(e, p), s), s))
                let half := shr(clz(xor(r, sar(255, r))), shl(231, 1))
                let last := shl(1, half)
                r := and(sub(add(r, half), iszero(and(r, last))), sub(0, last))
            }

            // From bits to the multiple of 2^-174.
            {
                let e := and(shr(23, acc), 0xff)
                let s := sub(0, shr(31, acc))
                acc := shl(add(sub(e, gt(e, 0)), 25), or(and(acc, 0x7fffff), shl(23, gt(e, 0))))
                acc := xor(add(acc, s), s)
            }

            let x := mload(runs)
            let y := mload(add(runs, 0x40))
            for {
                left := count
            } sgt(left, 0) {
                left := sub(left, 8)
            } {
                let u
                switch x
                case 0 {
                    u := mload(add(runs, 0x20))
                }
                default {
                    u := swapped(calldataload(x))
                    x := add(x, 32)
                }
                let v
                switch y
                case 0 {
                    v := mload(add(runs, 0x60))
                }
                default {
                    v := swapped(calldataload(y))
                    y := add(y, 32)
                }
                if lt(left, 8) {
                    // Lanes after the end become zeros.
                    let mask := not(shr(shl(5, left), not(0)))
                    u := and(u, mask)
                    v := and(v, mask)
                }
                let signs := xor(u, v)
                let eu := and(u, EXPONENTS)
                let ev := and(v, EXPONENTS)
                // 129 = 256 - 127: in range, a lane is 257 to 457, and its low byte is the shift of the doubled product.
                let sums := add(
                    shr(23, add(eu, ev)),
                    0x0000008100000081000000810000008100000081000000810000008100000081
                )
                // Infinities and NaN, for one more carries such an exponent into the sign; and an accumulator that is
                // too large.
                if or(and(or(add(eu, HIDDEN), add(ev, HIDDEN)), SIGNS), shr(252, add(acc, shl(251, 1)))) {
                    break
                }
                // Hidden bits, where the exponent is not zero.
                eu := and(shr(8, add(eu, EXPONENTS)), HIDDEN)
                ev := and(shr(8, add(ev, EXPONENTS)), HIDDEN)
                u := and(u, MANTISSAS)
                v := and(v, MANTISSAS)
                {
                    // Bit 9 of a lane: 768 less 256 or less, or 54 more than 458 or more.
                    let bad := and(
                        or(
                            sub(0x0000030000000300000003000000030000000300000003000000030000000300, sums),
                            add(sums, 0x0000003600000036000000360000003600000036000000360000003600000036)
                        ),
                        0x0000020000000200000002000000020000000200000002000000020000000200
                    )
                    let both := and(eu, ev)
                    if or(bad, xor(both, HIDDEN)) {
                        // Subnormals: a mantissa without hidden bit. Out of range, and neither factor is zero.
                        let subnormal := or(and(add(u, MANTISSAS), not(eu)), and(add(v, MANTISSAS), not(ev)))
                        if or(and(subnormal, HIDDEN), and(bad, shr(14, both))) {
                            break
                        }
                    }
                }
                u := or(u, eu)
                v := or(v, ev)

                // The top lane first.
                let p := products(shr(128, u), shr(128, v))
                acc := accumulated(acc, shr(192, p), byte(3, sums), sar(255, signs))
                acc := accumulated(acc, and(shr(128, p), 0xffffffffffffffff), byte(7, sums), sar(255, shl(32, signs)))
                acc := accumulated(acc, and(shr(64, p), 0xffffffffffffffff), byte(11, sums), sar(255, shl(64, signs)))
                acc := accumulated(acc, and(p, 0xffffffffffffffff), byte(15, sums), sar(255, shl(96, signs)))
                p := products(u, v)
                acc := accumulated(acc, shr(192, p), byte(19, sums), sar(255, shl(128, signs)))
                acc := accumulated(acc, and(shr(128, p), 0xffffffffffffffff), byte(23, sums), sar(255, shl(160, signs)))
                acc := accumulated(acc, and(shr(64, p), 0xffffffffffffffff), byte(27, sums), sar(255, shl(192, signs)))
                acc := accumulated(acc, and(p, 0xffffffffffffffff), byte(31, sums), sar(255, shl(224, signs)))
            }
            // The last word may have been longer than what was left.
            left := mul(left, sgt(left, 0))

            // Back to bits: exact, for there are at most 24.
            {
                let s := sar(255, acc)
                acc := sub(xor(acc, s), s)
                let places := sub(232, clz(acc))
                if slt(places, 25) {
                    places := 25
                }
                bits := or(and(s, 0x80000000), add(shl(23, sub(places, 25)), shr(places, acc)))
            }
        }
    }

    /// @dev Moves both runs some elements on.
    function _skip(Runs memory runs, uint256 elements) private pure {
        unchecked {
            if (runs.x != 0) runs.x += 4 * elements;
            if (runs.y != 0) runs.y += 4 * elements;
        }
    }

    /// @dev The first element of a run.
    function _f32Lane(uint256 position, uint256 word) private pure returns (uint256) {
        return position == 0 ? word >> 224 : Words.reversed32(Words.loadCalldata(position) >> 224);
    }

    /// @notice An f32 in each of eight lanes.
    function f32Lanes(uint256 bits) internal pure returns (uint256) {
        return bits * 0x0000000100000001000000010000000100000001000000010000000100000001;
    }

    /// @notice Sum of products of the bytes of two runs, each byte after an exclusive or with `flip`.
    /// @param x Calldata position of the first run.
    /// @param flipX 0x80 in every byte makes signed bytes unsigned, 128 more; 0 leaves them.
    /// @param y Calldata position of the second run.
    /// @param flipY As `flipX`.
    /// @param count Bytes, below 2^32.
    function bytes_(
        uint256 x,
        uint256 flipX,
        uint256 y,
        uint256 flipY,
        uint256 count
    ) internal pure returns (uint256 sum) {
        assembly ("memory-safe") {
            // Eight 32-bit lanes in reverse order: then the top lane of a product is the sum over lanes with equal
            // place, eight products below 2^16, and the lanes below it cannot carry.
            function reversed(v) -> r {
                r := or(shl(128, v), shr(128, v))
                r := or(
                    shl(64, and(r, 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff)),
                    and(shr(64, r), 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff)
                )
                r := or(
                    shl(32, and(r, 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff)),
                    and(shr(32, r), 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff)
                )
            }
            let m := 0x000000ff000000ff000000ff000000ff000000ff000000ff000000ff000000ff
            for {} count {} {
                let u := xor(calldataload(x), flipX)
                let v := xor(calldataload(y), flipY)
                if lt(count, 32) {
                    // Bytes after the end: masking those of one run is enough.
                    u := and(u, not(shr(shl(3, count), not(0))))
                }
                v := reversed(v)
                sum := add(
                    sum,
                    add(
                        add(shr(224, mul(and(u, m), and(v, m))), shr(224, mul(and(shr(8, u), m), and(shr(8, v), m)))),
                        add(
                            shr(224, mul(and(shr(16, u), m), and(shr(16, v), m))),
                            shr(224, mul(and(shr(24, u), m), and(shr(24, v), m)))
                        )
                    )
                )
                x := add(x, 32)
                y := add(y, 32)
                count := mul(sub(count, 32), gt(count, 32))
            }
        }
    }

    /// @notice Sum of the bytes of a run, each after an exclusive or with `flip`.
    function byteSum(uint256 x, uint256 flip, uint256 count) internal pure returns (uint256 sum) {
        assembly ("memory-safe") {
            let m := 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff
            for {} count {} {
                let u := xor(calldataload(x), flip)
                if lt(count, 32) {
                    u := and(u, not(shr(shl(3, count), not(0))))
                }
                // Sixteen lanes of at most 510, gathered in the top one.
                u := add(and(u, m), and(shr(8, u), m))
                sum := add(sum, shr(240, mul(u, 0x0001000100010001000100010001000100010001000100010001000100010001)))
                x := add(x, 32)
                count := mul(sub(count, 32), gt(count, 32))
            }
        }
    }
}
