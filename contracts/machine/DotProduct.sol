// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Binary32} from "./Binary32.sol";

/// @title DotProduct
/// @notice Dot products of contiguous runs of elements, arranged for what networks hold: eight f32 or thirty-two bytes
/// a word of calldata.
/// @dev Each function says the plain expression that it equals; contracts/mocks/DotProductHarness.sol has that expression,
/// and both are fuzzed against each other. A run is a calldata position, or 0 and a word that stands for every word of
/// the run: a constant repeated, as `f32Lanes` and `byteLanes` make it.
library DotProduct {
    /// @dev Two runs of f32 and how many elements of them are left. A position of 0 stands for a run that repeats its
    /// word. The order of the fields is their place in memory, which `_f32Words` counts on.
    struct Runs {
        uint256 x;
        uint256 xs;
        uint256 y;
        uint256 ys;
        uint256 left;
    }

    /// @notice `count` steps of `acc = acc + x * y`, each operation rounded: a loop of Binary32.mul and Binary32.add.
    /// @param acc Bits of the accumulator.
    /// @param x Calldata position of the first run, or 0.
    /// @param xs The repeated word of the first run when `x` is 0.
    /// @param y Calldata position of the second run, or 0.
    /// @param ys The repeated word of the second run when `y` is 0.
    /// @param count Elements.
    function f32(
        uint256 acc,
        uint256 x,
        uint256 xs,
        uint256 y,
        uint256 ys,
        uint256 count
    ) internal pure returns (uint256) {
        unchecked {
            while (count != 0) {
                // The fast path cannot hold -0, NaN, infinities, nor magnitudes from 2^77 on.
                if ((acc >> 23) & 0xff < 204 && acc != 0x80000000) {
                    Runs memory runs = Runs({x: x, xs: xs, y: y, ys: ys, left: count});
                    acc = _f32Words(acc, runs);
                    (x, y, count) = (runs.x, runs.y, runs.left);
                }
                // One word by the general routines, then the fast path may go on.
                uint256 lanes = count < 8 ? count : 8;
                for (uint256 i; i < lanes; ++i) {
                    acc = Binary32.add(acc, Binary32.mul(_f32Lane(x, xs), _f32Lane(y, ys)));
                    if (x != 0) x += 4;
                    if (y != 0) y += 4;
                }
                count -= lanes;
            }
        }
        return acc;
    }

    /// @dev Words of eight lanes, until one needs the general routines.
    ///
    /// The accumulator is a signed multiple of 2^-174 of at most 24 significant bits, so that adding is integer
    /// addition and rounding a shift; 2^-174 and not 2^-149, so that a sum always has places to drop. With exponent
    /// fields ex + ey = s the product of two normal numbers, an integer of 47 or 48 bits, is rounded to 24 and shifted
    /// by s - 126. It is a normal f32 for 128 <= s <= 328; then eight products are below 2^253, and with an accumulator
    /// below 2^251 stay far inside 256 bits. All are multiples of 2^-149, so that what is subnormal is exact. A zero
    /// factor gives a zero product, which leaves an accumulator that is not -0 as it is. Everything else is left to
    /// the caller.
    /// @param acc The accumulator's bits.
    /// @param runs What is left to do; afterwards, what was not taken: nothing, or from a word that is not for this
    /// routine. In memory, for the stack is full.
    /// @return bits The accumulator.
    function _f32Words(uint256 acc, Runs memory runs) private pure returns (uint256 bits) {
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
            // From bits to the multiple of 2^-174.
            {
                let e := and(shr(23, acc), 0xff)
                let s := sub(0, shr(31, acc))
                acc := shl(add(sub(e, gt(e, 0)), 25), or(and(acc, 0x7fffff), shl(23, gt(e, 0))))
                acc := xor(add(acc, s), s)
            }

            for {} mload(add(runs, 0x80)) {} {
                let u := mload(add(runs, 0x20))
                if mload(runs) {
                    u := swapped(calldataload(mload(runs)))
                }
                let v := mload(add(runs, 0x60))
                if mload(add(runs, 0x40)) {
                    v := swapped(calldataload(mload(add(runs, 0x40))))
                }
                if lt(mload(add(runs, 0x80)), 8) {
                    // Lanes behind the end become zeros.
                    let mask := not(shr(shl(5, mload(add(runs, 0x80))), not(0)))
                    u := and(u, mask)
                    v := and(v, mask)
                }
                let signs := xor(u, v)
                let eu := and(u, 0x7f8000007f8000007f8000007f8000007f8000007f8000007f8000007f800000)
                let ev := and(v, 0x7f8000007f8000007f8000007f8000007f8000007f8000007f8000007f800000)
                // 386 = 512 - 126: in range, a lane of the sum is 514 to 714, and its low nine bits are the shift.
                let sums := add(
                    shr(23, add(eu, ev)),
                    0x0000018200000182000001820000018200000182000001820000018200000182
                )
                // Less 2 and plus 53 they are 512 to 767; any other has one of bits 8 and 9 wrong.
                let bad := and(
                    or(
                        xor(
                            sub(sums, 0x0000000200000002000000020000000200000002000000020000000200000002),
                            0x0000020000000200000002000000020000000200000002000000020000000200
                        ),
                        xor(
                            add(sums, 0x0000003500000035000000350000003500000035000000350000003500000035),
                            0x0000020000000200000002000000020000000200000002000000020000000200
                        )
                    ),
                    0x0000030000000300000003000000030000000300000003000000030000000300
                )
                // Infinities and NaN: the exponent carries into the sign.
                if and(
                    or(
                        add(eu, 0x0080000000800000008000000080000000800000008000000080000000800000),
                        add(ev, 0x0080000000800000008000000080000000800000008000000080000000800000)
                    ),
                    0x8000000080000000800000008000000080000000800000008000000080000000
                ) {
                    break
                }
                if lt(clz(xor(acc, sar(255, acc))), 5) {
                    break
                }
                // Hidden bits, where the exponent is not zero.
                eu := and(
                    shr(8, add(eu, 0x7f8000007f8000007f8000007f8000007f8000007f8000007f8000007f800000)),
                    0x0080000000800000008000000080000000800000008000000080000000800000
                )
                ev := and(
                    shr(8, add(ev, 0x7f8000007f8000007f8000007f8000007f8000007f8000007f8000007f800000)),
                    0x0080000000800000008000000080000000800000008000000080000000800000
                )
                u := and(u, 0x007fffff007fffff007fffff007fffff007fffff007fffff007fffff007fffff)
                v := and(v, 0x007fffff007fffff007fffff007fffff007fffff007fffff007fffff007fffff)
                {
                    let both := and(eu, ev)
                    if or(bad, xor(both, 0x0080000000800000008000000080000000800000008000000080000000800000)) {
                        // Subnormals: a mantissa without hidden bit.
                        if and(
                            or(
                                and(
                                    add(u, 0x007fffff007fffff007fffff007fffff007fffff007fffff007fffff007fffff),
                                    not(eu)
                                ),
                                and(add(v, 0x007fffff007fffff007fffff007fffff007fffff007fffff007fffff007fffff), not(ev))
                            ),
                            0x0080000000800000008000000080000000800000008000000080000000800000
                        ) {
                            break
                        }
                        // Out of range, and neither factor is zero.
                        if and(bad, or(shr(14, both), shr(15, both))) {
                            break
                        }
                    }
                }
                u := or(u, eu)
                v := or(v, ev)

                // Eight times the same, unrolled. Both roundings, of the product p and of the sum, drop h places: more than
                // half carries, and half does so onto an odd last place. Of a negative sum the bits of its one's
                // complement count; that differs for powers of two alone, which are exact.
                let p := mul(shr(224, u), shr(224, v))
                if p {
                    let h := add(23, shr(47, p))
                    let s := sar(255, signs)
                    p := shl(
                        add(h, and(shr(224, sums), 0x1ff)),
                        shr(h, sub(add(p, shl(sub(h, 1), 1)), iszero(and(shr(h, p), 1))))
                    )
                    acc := add(acc, xor(add(p, s), s))
                    h := sub(232, clz(xor(acc, sar(255, acc))))
                    acc := shl(h, sar(h, sub(add(acc, shl(sub(h, 1), 1)), iszero(and(sar(h, acc), 1)))))
                }

                p := mul(and(shr(192, u), 0xffffff), and(shr(192, v), 0xffffff))
                if p {
                    let h := add(23, shr(47, p))
                    let s := sar(255, shl(32, signs))
                    p := shl(
                        add(h, and(shr(192, sums), 0x1ff)),
                        shr(h, sub(add(p, shl(sub(h, 1), 1)), iszero(and(shr(h, p), 1))))
                    )
                    acc := add(acc, xor(add(p, s), s))
                    h := sub(232, clz(xor(acc, sar(255, acc))))
                    acc := shl(h, sar(h, sub(add(acc, shl(sub(h, 1), 1)), iszero(and(sar(h, acc), 1)))))
                }

                p := mul(and(shr(160, u), 0xffffff), and(shr(160, v), 0xffffff))
                if p {
                    let h := add(23, shr(47, p))
                    let s := sar(255, shl(64, signs))
                    p := shl(
                        add(h, and(shr(160, sums), 0x1ff)),
                        shr(h, sub(add(p, shl(sub(h, 1), 1)), iszero(and(shr(h, p), 1))))
                    )
                    acc := add(acc, xor(add(p, s), s))
                    h := sub(232, clz(xor(acc, sar(255, acc))))
                    acc := shl(h, sar(h, sub(add(acc, shl(sub(h, 1), 1)), iszero(and(sar(h, acc), 1)))))
                }

                p := mul(and(shr(128, u), 0xffffff), and(shr(128, v), 0xffffff))
                if p {
                    let h := add(23, shr(47, p))
                    let s := sar(255, shl(96, signs))
                    p := shl(
                        add(h, and(shr(128, sums), 0x1ff)),
                        shr(h, sub(add(p, shl(sub(h, 1), 1)), iszero(and(shr(h, p), 1))))
                    )
                    acc := add(acc, xor(add(p, s), s))
                    h := sub(232, clz(xor(acc, sar(255, acc))))
                    acc := shl(h, sar(h, sub(add(acc, shl(sub(h, 1), 1)), iszero(and(sar(h, acc), 1)))))
                }

                p := mul(and(shr(96, u), 0xffffff), and(shr(96, v), 0xffffff))
                if p {
                    let h := add(23, shr(47, p))
                    let s := sar(255, shl(128, signs))
                    p := shl(
                        add(h, and(shr(96, sums), 0x1ff)),
                        shr(h, sub(add(p, shl(sub(h, 1), 1)), iszero(and(shr(h, p), 1))))
                    )
                    acc := add(acc, xor(add(p, s), s))
                    h := sub(232, clz(xor(acc, sar(255, acc))))
                    acc := shl(h, sar(h, sub(add(acc, shl(sub(h, 1), 1)), iszero(and(sar(h, acc), 1)))))
                }

                p := mul(and(shr(64, u), 0xffffff), and(shr(64, v), 0xffffff))
                if p {
                    let h := add(23, shr(47, p))
                    let s := sar(255, shl(160, signs))
                    p := shl(
                        add(h, and(shr(64, sums), 0x1ff)),
                        shr(h, sub(add(p, shl(sub(h, 1), 1)), iszero(and(shr(h, p), 1))))
                    )
                    acc := add(acc, xor(add(p, s), s))
                    h := sub(232, clz(xor(acc, sar(255, acc))))
                    acc := shl(h, sar(h, sub(add(acc, shl(sub(h, 1), 1)), iszero(and(sar(h, acc), 1)))))
                }

                p := mul(and(shr(32, u), 0xffffff), and(shr(32, v), 0xffffff))
                if p {
                    let h := add(23, shr(47, p))
                    let s := sar(255, shl(192, signs))
                    p := shl(
                        add(h, and(shr(32, sums), 0x1ff)),
                        shr(h, sub(add(p, shl(sub(h, 1), 1)), iszero(and(shr(h, p), 1))))
                    )
                    acc := add(acc, xor(add(p, s), s))
                    h := sub(232, clz(xor(acc, sar(255, acc))))
                    acc := shl(h, sar(h, sub(add(acc, shl(sub(h, 1), 1)), iszero(and(sar(h, acc), 1)))))
                }

                p := mul(and(u, 0xffffff), and(v, 0xffffff))
                if p {
                    let h := add(23, shr(47, p))
                    let s := sar(255, shl(224, signs))
                    p := shl(
                        add(h, and(sums, 0x1ff)),
                        shr(h, sub(add(p, shl(sub(h, 1), 1)), iszero(and(shr(h, p), 1))))
                    )
                    acc := add(acc, xor(add(p, s), s))
                    h := sub(232, clz(xor(acc, sar(255, acc))))
                    acc := shl(h, sar(h, sub(add(acc, shl(sub(h, 1), 1)), iszero(and(sar(h, acc), 1)))))
                }

                p := mload(runs)
                if p {
                    mstore(runs, add(p, 32))
                }
                p := mload(add(runs, 0x40))
                if p {
                    mstore(add(runs, 0x40), add(p, 32))
                }
                p := mload(add(runs, 0x80))
                mstore(add(runs, 0x80), mul(sub(p, 8), gt(p, 8)))
            }

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

    function _f32Lane(uint256 position, uint256 word) private pure returns (uint256 r) {
        assembly ("memory-safe") {
            r := shr(224, word)
            if position {
                r := shr(224, calldataload(position))
                r := or(shl(8, and(r, 0xff00ff)), and(shr(8, r), 0xff00ff))
                r := or(shl(16, and(r, 0xffff)), shr(16, r))
            }
        }
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
                    // Bytes behind the end of one run are enough to mask.
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
