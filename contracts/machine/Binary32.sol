// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Binary32
/// @notice IEEE 754 binary32 on bit patterns, in integer arithmetic alone, as docs/tensor-machine.md section 3 defines.
/// @dev Arguments are bit patterns below 2^32; results too, and the only NaN among them is `NAN`. Round to nearest even,
/// subnormals kept. Below, a finite number is `m * 2^(e - 150)` with `m < 2^24`: `e` is the exponent field, or 1 where
/// the field is 0 (then `m < 2^23`), so that exponent and mantissa of subnormals need no other formula.
/// Every assembly routine has its plain twin in contracts/mocks/ScalarPlain.sol and is fuzzed equal to it.
library Binary32 {
    /// @notice The only NaN.
    uint256 internal constant NAN = 0x7fc00000;

    /// @notice Any NaN becomes `NAN`; everything else stays.
    function canonical(uint256 a) internal pure returns (uint256 r) {
        assembly ("memory-safe") {
            r := a
            if gt(and(a, 0x7fffffff), 0x7f800000) {
                r := 0x7fc00000
            }
        }
    }

    /// @notice a + b.
    function add(uint256 a, uint256 b) internal pure returns (uint256 r) {
        assembly ("memory-safe") {
            let ea := and(shr(23, a), 0xff)
            let eb := and(shr(23, b), 0xff)
            // From here on a has the larger exponent.
            if lt(ea, eb) {
                let t := a
                a := b
                b := t
                t := ea
                ea := eb
                eb := t
            }
            switch eq(ea, 255)
            case 0 {
                let x := add(eb, iszero(eb))
                let d := sub(add(ea, iszero(ea)), x)
                // Beyond 64 places b is only a direction in which a is left: any distance will do.
                if gt(d, 64) {
                    x := add(x, sub(d, 64))
                    d := 64
                }
                // Both as signed multiples of 2^(x - 150): the sum is exact.
                let s := sub(0, shr(31, a))
                let sum := xor(add(shl(d, or(and(a, 0x7fffff), shl(23, gt(ea, 0)))), s), s)
                s := sub(0, shr(31, b))
                sum := add(sum, xor(add(or(and(b, 0x7fffff), shl(23, gt(eb, 0))), s), s))
                switch sum
                case 0 {
                    // Of an exact zero only -0 + -0 is negative.
                    r := and(and(a, b), 0x80000000)
                }
                default {
                    s := sar(255, sum)
                    let m := sub(xor(sum, s), s)
                    let shift := sub(232, clz(m))
                    let e := add(x, shift)
                    switch sgt(shift, 0)
                    case 1 {
                        // Nearest even: more than half carries, and half does so onto an odd last place.
                        m := shr(shift, add(m, add(sub(shl(sub(shift, 1), 1), 1), and(shr(shift, m), 1))))
                    }
                    default {
                        // Exact. A subnormal result stops at the smallest exponent.
                        if slt(e, 1) {
                            shift := sub(1, x)
                            e := 1
                        }
                        m := shl(sub(0, shift), m)
                    }
                    // The hidden bit, and a carry out of the mantissa, add themselves to the exponent.
                    r := add(shl(23, sub(e, 1)), m)
                    if gt(r, 0x7f800000) {
                        r := 0x7f800000
                    }
                    r := or(r, and(s, 0x80000000))
                }
            }
            default {
                r := a
                if or(
                    or(gt(and(a, 0x7fffffff), 0x7f800000), gt(and(b, 0x7fffffff), 0x7f800000)),
                    and(eq(eb, 255), shr(31, xor(a, b)))
                ) {
                    r := 0x7fc00000
                }
            }
        }
    }

    /// @notice a - b.
    function sub(uint256 a, uint256 b) internal pure returns (uint256) {
        return add(a, b ^ 0x80000000);
    }

    /// @notice a * b.
    function mul(uint256 a, uint256 b) internal pure returns (uint256 r) {
        assembly ("memory-safe") {
            let ea := and(shr(23, a), 0xff)
            let eb := and(shr(23, b), 0xff)
            r := and(xor(a, b), 0x80000000)
            switch or(eq(ea, 255), eq(eb, 255))
            case 0 {
                // One bit more than the product, so that at least one place is always rounded away.
                let p := shl(1, mul(or(and(a, 0x7fffff), shl(23, gt(ea, 0))), or(and(b, 0x7fffff), shl(23, gt(eb, 0)))))
                if p {
                    let shift := sub(232, clz(p))
                    let e := add(add(ea, iszero(ea)), add(add(eb, iszero(eb)), sub(shift, 151)))
                    if slt(e, 1) {
                        shift := add(shift, sub(1, e))
                        e := 1
                    }
                    p := shr(shift, add(p, add(sub(shl(sub(shift, 1), 1), 1), and(shr(shift, p), 1))))
                    p := add(shl(23, sub(e, 1)), p)
                    if gt(p, 0x7f800000) {
                        p := 0x7f800000
                    }
                    r := or(r, p)
                }
            }
            default {
                // Infinity times zero, or a NaN, gives NaN; otherwise the infinity remains.
                let ma := and(a, 0x7fffffff)
                let mb := and(b, 0x7fffffff)
                r := or(r, 0x7f800000)
                if or(or(gt(ma, 0x7f800000), gt(mb, 0x7f800000)), or(iszero(ma), iszero(mb))) {
                    r := 0x7fc00000
                }
            }
        }
    }

    /// @notice a / b.
    function div(uint256 a, uint256 b) internal pure returns (uint256 r) {
        assembly ("memory-safe") {
            let ea := and(shr(23, a), 0xff)
            let eb := and(shr(23, b), 0xff)
            let za := iszero(and(a, 0x7fffffff))
            let zb := iszero(and(b, 0x7fffffff))
            r := and(xor(a, b), 0x80000000)
            switch or(or(eq(ea, 255), eq(eb, 255)), or(za, zb))
            case 0 {
                // At least 48 bits of quotient, whose last place says whether anything is left below it.
                let n := shl(72, or(and(a, 0x7fffff), shl(23, gt(ea, 0))))
                let m := or(and(b, 0x7fffff), shl(23, gt(eb, 0)))
                let q := or(div(n, m), gt(mod(n, m), 0))
                let shift := sub(232, clz(q))
                let e := add(sub(add(ea, iszero(ea)), add(eb, iszero(eb))), add(shift, 78))
                if slt(e, 1) {
                    shift := add(shift, sub(1, e))
                    e := 1
                }
                q := shr(shift, add(q, add(sub(shl(sub(shift, 1), 1), 1), and(shr(shift, q), 1))))
                q := add(shl(23, sub(e, 1)), q)
                if gt(q, 0x7f800000) {
                    q := 0x7f800000
                }
                r := or(r, q)
            }
            default {
                let ia := eq(ea, 255)
                let ib := eq(eb, 255)
                // 0/0, inf/inf and NaN; then x/0 and inf/x give infinity, 0/x and x/inf zero.
                switch or(
                    or(and(za, zb), and(ia, ib)),
                    or(gt(and(a, 0x7fffffff), 0x7f800000), gt(and(b, 0x7fffffff), 0x7f800000))
                )
                case 0 {
                    if or(ia, zb) {
                        r := or(r, 0x7f800000)
                    }
                }
                default {
                    r := 0x7fc00000
                }
            }
        }
    }

    /// @notice Square root; of a negative number, but not of -0, NaN.
    function sqrt(uint256 a) internal pure returns (uint256 r) {
        assembly ("memory-safe") {
            let e := and(shr(23, a), 0xff)
            let m := or(and(a, 0x7fffff), shl(23, gt(e, 0)))
            switch or(or(shr(31, a), eq(e, 255)), iszero(m))
            case 0 {
                // 24 bits of mantissa, then an even exponent: the root has 26 or 27 bits.
                let lift := sub(clz(m), 232)
                e := sub(add(e, iszero(e)), lift)
                let k := add(28, and(e, 1))
                m := shl(add(lift, k), m)
                // Newton from above; 2^27 is within a factor of 2.9, and five steps reach the floor.
                let root := 0x8000000
                root := shr(1, add(root, div(m, root)))
                root := shr(1, add(root, div(m, root)))
                root := shr(1, add(root, div(m, root)))
                root := shr(1, add(root, div(m, root)))
                root := shr(1, add(root, div(m, root)))
                root := sub(root, gt(mul(root, root), m))
                let q := or(shl(1, root), gt(m, mul(root, root)))
                let shift := sub(232, clz(q))
                e := add(add(sar(1, sub(sub(e, k), 150)), 149), shift)
                q := shr(shift, add(q, add(sub(shl(sub(shift, 1), 1), 1), and(shr(shift, q), 1))))
                r := add(shl(23, sub(e, 1)), q)
            }
            default {
                // Both zeros and +inf are their own roots.
                r := a
                if and(gt(and(a, 0x7fffffff), 0), gt(a, 0x7f800000)) {
                    r := 0x7fc00000
                }
            }
        }
    }

    /// @notice -a: the sign flipped.
    function neg(uint256 a) internal pure returns (uint256) {
        return canonical(a ^ 0x80000000);
    }

    /// @notice |a|: the sign cleared.
    function abs(uint256 a) internal pure returns (uint256) {
        return canonical(a & 0x7fffffff);
    }

    /// @notice The smaller one; NaN if either is; -0 is below +0.
    function min(uint256 a, uint256 b) internal pure returns (uint256 r) {
        assembly ("memory-safe") {
            // Flipping all bits of negatives and the sign of the others orders the patterns as integers.
            let ka := xor(a, or(mul(shr(31, a), 0x7fffffff), 0x80000000))
            let kb := xor(b, or(mul(shr(31, b), 0x7fffffff), 0x80000000))
            r := xor(b, mul(xor(a, b), lt(ka, kb)))
            if or(gt(and(a, 0x7fffffff), 0x7f800000), gt(and(b, 0x7fffffff), 0x7f800000)) {
                r := 0x7fc00000
            }
        }
    }

    /// @notice The larger one; NaN if either is; -0 is below +0.
    function max(uint256 a, uint256 b) internal pure returns (uint256 r) {
        assembly ("memory-safe") {
            let ka := xor(a, or(mul(shr(31, a), 0x7fffffff), 0x80000000))
            let kb := xor(b, or(mul(shr(31, b), 0x7fffffff), 0x80000000))
            r := xor(b, mul(xor(a, b), gt(ka, kb)))
            if or(gt(and(a, 0x7fffffff), 0x7f800000), gt(and(b, 0x7fffffff), 0x7f800000)) {
                r := 0x7fc00000
            }
        }
    }

    /// @notice The next integral value at or below a.
    function floor(uint256 a) internal pure returns (uint256) {
        return _integral(a, a >> 31, 0);
    }

    /// @notice The next integral value at or above a.
    function ceil(uint256 a) internal pure returns (uint256) {
        return _integral(a, (a >> 31) ^ 1, 0);
    }

    /// @notice The next integral value toward zero.
    function trunc(uint256 a) internal pure returns (uint256) {
        return _integral(a, 0, 0);
    }

    /// @notice The nearest integral value, the even one of two.
    function rint(uint256 a) internal pure returns (uint256) {
        return _integral(a, 0, 1);
    }

    /// @dev To an integral value: away from zero if `away`, to nearest even if `nearest`, else toward zero.
    function _integral(uint256 a, uint256 away, uint256 nearest) private pure returns (uint256 r) {
        assembly ("memory-safe") {
            let e := and(shr(23, a), 0xff)
            switch gt(e, 126)
            case 1 {
                // At 150 and above there is no fraction; only NaN needs a look.
                switch gt(e, 149)
                case 0 {
                    let places := sub(150, e)
                    let fraction := sub(shl(places, 1), 1)
                    // A carry runs into the exponent, as it should. The last place of 1.x is its hidden bit, which the
                    // odd exponent field 127 stands for.
                    let carry := mul(fraction, away)
                    if nearest {
                        carry := add(shr(1, fraction), and(shr(places, a), 1))
                    }
                    r := and(add(a, carry), not(fraction))
                }
                default {
                    r := a
                    if gt(and(a, 0x7fffffff), 0x7f800000) {
                        r := 0x7fc00000
                    }
                }
            }
            default {
                // Below 1: zero or one, with the sign of a.
                let magnitude := and(a, 0x7fffffff)
                r := and(a, 0x80000000)
                if or(and(away, gt(magnitude, 0)), and(nearest, gt(magnitude, 0x3f000000))) {
                    r := or(r, 0x3f800000)
                }
            }
        }
    }

    /// @notice 1 if a equals b (the zeros do), else 0; 0 with NaN.
    function eq(uint256 a, uint256 b) internal pure returns (uint256 r) {
        assembly ("memory-safe") {
            r := and(
                or(eq(a, b), iszero(and(or(a, b), 0x7fffffff))),
                iszero(or(gt(and(a, 0x7fffffff), 0x7f800000), gt(and(b, 0x7fffffff), 0x7f800000)))
            )
        }
    }

    /// @notice 1 if a is below b, else 0; 0 with NaN.
    function lt(uint256 a, uint256 b) internal pure returns (uint256 r) {
        assembly ("memory-safe") {
            let ma := and(a, 0x7fffffff)
            let mb := and(b, 0x7fffffff)
            // Magnitudes with their signs; both zeros become 0.
            let sa := sub(0, shr(31, a))
            let sb := sub(0, shr(31, b))
            r := and(
                slt(xor(add(ma, sa), sa), xor(add(mb, sb), sb)),
                iszero(or(gt(ma, 0x7f800000), gt(mb, 0x7f800000)))
            )
        }
    }

    /// @notice 1 if a is below or equal to b, else 0; 0 with NaN.
    function le(uint256 a, uint256 b) internal pure returns (uint256 r) {
        assembly ("memory-safe") {
            let ma := and(a, 0x7fffffff)
            let mb := and(b, 0x7fffffff)
            let sa := sub(0, shr(31, a))
            let sb := sub(0, shr(31, b))
            r := iszero(or(sgt(xor(add(ma, sa), sa), xor(add(mb, sb), sb)), or(gt(ma, 0x7f800000), gt(mb, 0x7f800000))))
        }
    }

    /// @notice a toward zero as an int, sign-extended to 256 bits; NaN gives 0, what is outside i64 its nearest end.
    function toInt(uint256 a) internal pure returns (uint256 r) {
        assembly ("memory-safe") {
            let e := and(shr(23, a), 0xff)
            if gt(e, 126) {
                switch gt(e, 189)
                case 0 {
                    let s := sub(0, shr(31, a))
                    // The mantissa at 2^64, brought down: e is at most 189, so nothing leaves the top.
                    r := shr(sub(214, e), shl(64, or(and(a, 0x7fffff), 0x800000)))
                    r := xor(add(r, s), s)
                }
                default {
                    if iszero(gt(and(a, 0x7fffffff), 0x7f800000)) {
                        r := xor(0x7fffffffffffffff, sub(0, shr(31, a)))
                    }
                }
            }
        }
    }

    /// @notice The int v, sign-extended to 256 bits, rounded to nearest even.
    function fromInt(uint256 v) internal pure returns (uint256 r) {
        assembly ("memory-safe") {
            r := xor(add(v, sar(255, v)), sar(255, v))
        }
        return _fromMagnitude(r) | ((v >> 255) << 31);
    }

    /// @notice The low 64 bits of v as an unsigned integer, rounded to nearest even.
    function fromUint(uint256 v) internal pure returns (uint256) {
        return _fromMagnitude(v & 0xffffffffffffffff);
    }

    /// @dev v at most 2^64, so nothing overflows.
    function _fromMagnitude(uint256 v) private pure returns (uint256 r) {
        assembly ("memory-safe") {
            if v {
                // Forty zero places below, so that there is always a place to round at.
                v := shl(40, v)
                let shift := sub(232, clz(v))
                r := shr(shift, add(v, add(sub(shl(sub(shift, 1), 1), 1), and(shr(shift, v), 1))))
                r := add(shl(23, add(shift, 109)), r)
            }
        }
    }
}
