// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title ScalarPlain
/// @notice The scalar instructions without assembly and without haste: what Binary32 and Scalar must equal.
/// @dev A finite f32 is `m * 2^q` with a sign. Ints are int64, so that the compiler's own arithmetic is the reference.
library ScalarPlain {
    uint256 private constant NAN = 0x7fc00000;
    uint256 private constant INFINITY = 0x7f800000;
    uint256 private constant SIGN = 0x80000000;

    struct Number {
        bool negative;
        uint256 m;
        int256 q;
    }

    // ------------------------------------------------------------------------------------------------ f32

    function isNan(uint256 a) internal pure returns (bool) {
        return (a & 0x7fffffff) > INFINITY;
    }

    function isInfinite(uint256 a) internal pure returns (bool) {
        return (a & 0x7fffffff) == INFINITY;
    }

    function isZero(uint256 a) internal pure returns (bool) {
        return (a & 0x7fffffff) == 0;
    }

    function isNegative(uint256 a) internal pure returns (bool) {
        return a >= SIGN;
    }

    function decode(uint256 a) internal pure returns (Number memory) {
        uint256 field = (a >> 23) & 0xff;
        uint256 fraction = a & 0x7fffff;
        if (field == 0) return Number(isNegative(a), fraction, -149);
        return Number(isNegative(a), fraction + 2 ** 23, int256(field) - 150);
    }

    /// @notice m * 2^q to the nearest f32, the even one of two.
    function round(Number memory n) internal pure returns (uint256) {
        uint256 sign = n.negative ? SIGN : 0;
        uint256 m = n.m;
        int256 q = n.q;
        bool half;
        bool rest;
        while (m >= 2 ** 24 || q < -149) {
            rest = rest || half;
            half = m % 2 == 1;
            m /= 2;
            ++q;
        }
        if (half && (rest || m % 2 == 1)) ++m;
        if (m == 2 ** 24) {
            m /= 2;
            ++q;
        }
        while (m < 2 ** 23 && q > -149) {
            m *= 2;
            --q;
        }
        if (q > 104) return sign | INFINITY;
        return m < 2 ** 23 ? sign | m : sign | (uint256(q + 150) << 23) | (m - 2 ** 23);
    }

    function add(uint256 a, uint256 b) internal pure returns (uint256) {
        if (isNan(a) || isNan(b)) return NAN;
        if (isInfinite(a)) return isInfinite(b) && a != b ? NAN : a;
        if (isInfinite(b)) return b;
        if (isZero(a) && isZero(b)) return a == b ? a : 0;
        Number memory x = decode(a);
        Number memory y = decode(b);
        if (x.q < y.q) (x, y) = (y, x);
        // One that is 2^100 times smaller only says on which side of the other the sum lies.
        if (x.q - y.q > 100) y.q = x.q - 100;
        int256 sum = int256(x.m << uint256(x.q - y.q));
        if (x.negative) sum = -sum;
        sum += y.negative ? -int256(y.m) : int256(y.m);
        if (sum == 0) return 0;
        return round(Number(sum < 0, uint256(sum < 0 ? -sum : sum), y.q));
    }

    function mul(uint256 a, uint256 b) internal pure returns (uint256) {
        if (isNan(a) || isNan(b)) return NAN;
        uint256 sign = (a ^ b) & SIGN;
        if (isInfinite(a) || isInfinite(b)) return isZero(a) || isZero(b) ? NAN : sign | INFINITY;
        Number memory x = decode(a);
        Number memory y = decode(b);
        return round(Number(sign != 0, x.m * y.m, x.q + y.q));
    }

    function div(uint256 a, uint256 b) internal pure returns (uint256) {
        if (isNan(a) || isNan(b)) return NAN;
        if (isInfinite(a) && isInfinite(b)) return NAN;
        if (isZero(a) && isZero(b)) return NAN;
        uint256 sign = (a ^ b) & SIGN;
        if (isInfinite(a) || isZero(b)) return sign | INFINITY;
        if (isInfinite(b)) return sign;
        Number memory x = decode(a);
        Number memory y = decode(b);
        uint256 dividend = x.m << 100;
        // The last place of the quotient says whether something is left.
        uint256 quotient = 2 * (dividend / y.m) + (dividend % y.m == 0 ? 0 : 1);
        return round(Number(sign != 0, quotient, x.q - y.q - 101));
    }

    function sqrt(uint256 a) internal pure returns (uint256) {
        if (isNan(a)) return NAN;
        if (isZero(a)) return a;
        if (isNegative(a)) return NAN;
        if (isInfinite(a)) return a;
        Number memory x = decode(a);
        uint256 even = x.q % 2 == 0 ? 100 : 101;
        uint256 square = x.m << even;
        uint256 low = 0;
        uint256 high = 2 ** 64;
        while (low + 1 < high) {
            uint256 middle = (low + high) / 2;
            if (middle * middle <= square) low = middle;
            else high = middle;
        }
        uint256 root = 2 * low + (low * low == square ? 0 : 1);
        return round(Number(false, root, (x.q - int256(even)) / 2 - 1));
    }

    function neg(uint256 a) internal pure returns (uint256) {
        if (isNan(a)) return NAN;
        return isNegative(a) ? a - SIGN : a + SIGN;
    }

    function abs(uint256 a) internal pure returns (uint256) {
        if (isNan(a)) return NAN;
        return isNegative(a) ? a - SIGN : a;
    }

    function eq(uint256 a, uint256 b) internal pure returns (bool) {
        if (isNan(a) || isNan(b)) return false;
        return a == b || (isZero(a) && isZero(b));
    }

    function lt(uint256 a, uint256 b) internal pure returns (bool) {
        if (isNan(a) || isNan(b) || eq(a, b)) return false;
        if (isNegative(a) != isNegative(b)) return isNegative(a);
        return isNegative(a) ? a > b : a < b;
    }

    function min(uint256 a, uint256 b) internal pure returns (uint256) {
        if (isNan(a) || isNan(b)) return NAN;
        if (isZero(a) && isZero(b)) return isNegative(a) ? a : b;
        return lt(a, b) ? a : b;
    }

    function max(uint256 a, uint256 b) internal pure returns (uint256) {
        if (isNan(a) || isNan(b)) return NAN;
        if (isZero(a) && isZero(b)) return isNegative(a) ? b : a;
        return lt(a, b) ? b : a;
    }

    enum Direction {
        Down,
        Up,
        Zero,
        Nearest
    }

    function integral(uint256 a, Direction direction) internal pure returns (uint256) {
        if (isNan(a)) return NAN;
        Number memory x = decode(a);
        if (isInfinite(a) || x.q >= 0) return a;
        uint256 one = 2 ** uint256(-x.q);
        uint256 whole = x.m / one;
        uint256 fraction = x.m % one;
        bool away = direction == Direction.Down && x.negative && fraction > 0;
        away = away || (direction == Direction.Up && !x.negative && fraction > 0);
        if (direction == Direction.Nearest) {
            away = 2 * fraction > one || (2 * fraction == one && whole % 2 == 1);
        }
        return round(Number(x.negative, away ? whole + 1 : whole, 0));
    }

    function toInt(uint256 a) internal pure returns (int64) {
        if (isNan(a)) return 0;
        Number memory x = decode(a);
        if (isInfinite(a) || x.q > 100) return x.negative ? type(int64).min : type(int64).max;
        uint256 magnitude = x.q < 0 ? x.m / 2 ** uint256(-x.q) : x.m * 2 ** uint256(x.q);
        if (magnitude >= 2 ** 63) return x.negative ? type(int64).min : type(int64).max;
        return x.negative ? -int64(int256(magnitude)) : int64(int256(magnitude));
    }

    function fromInt(int64 v) internal pure returns (uint256) {
        return round(Number(v < 0, uint256(v < 0 ? -int256(v) : int256(v)), 0));
    }

    function fromUint(uint64 v) internal pure returns (uint256) {
        return round(Number(false, v, 0));
    }

    // ------------------------------------------------------------------------------------------------ instructions

    /// @notice The result of an instruction as the 64 bits of a register; `b` of wrap is the dtype code.
    function evaluate(uint256 op, uint64 a, uint64 b, uint64 c) internal pure returns (uint64) {
        if (op < 0x20) return _float(op, a, b);
        if (op == 0x40) return a != 0 ? b : c;
        if (op == 0x32) return wrap(b, a);
        return _integer(op, int64(a), int64(b));
    }

    function wrap(uint64 dtype, uint64 a) internal pure returns (uint64) {
        if (dtype == 2) return uint64(int64(int32(uint32(a))));
        if (dtype == 3) return uint64(int64(int16(uint16(a))));
        if (dtype == 4) return uint64(int64(int8(uint8(a))));
        if (dtype == 6) return uint32(a);
        if (dtype == 7) return uint16(a);
        if (dtype >= 8) return uint8(a);
        return a;
    }

    function _float(uint256 op, uint64 a, uint64 b) private pure returns (uint64) {
        if (op == 0x01) return uint64(add(a, b));
        if (op == 0x02) return uint64(add(a, neg(b)));
        if (op == 0x03) return uint64(mul(a, b));
        if (op == 0x04) return uint64(div(a, b));
        if (op == 0x05) return uint64(sqrt(a));
        if (op == 0x06) return uint64(neg(a));
        if (op == 0x07) return uint64(abs(a));
        if (op == 0x08) return uint64(min(a, b));
        if (op == 0x09) return uint64(max(a, b));
        if (op == 0x0a) return uint64(integral(a, Direction.Down));
        if (op == 0x0b) return uint64(integral(a, Direction.Up));
        if (op == 0x0c) return uint64(integral(a, Direction.Zero));
        if (op == 0x0d) return uint64(integral(a, Direction.Nearest));
        if (op == 0x0e) return eq(a, b) ? 1 : 0;
        if (op == 0x0f) return lt(a, b) ? 1 : 0;
        if (op == 0x10) return lt(a, b) || eq(a, b) ? 1 : 0;
        if (op == 0x11) return uint64(toInt(a));
        if (op == 0x12) return uint64(fromInt(int64(a)));
        if (op == 0x13) return uint64(fromUint(a));
        uint64 bits = uint32(a);
        return isNan(bits) ? uint64(NAN) : bits;
    }

    function _integer(uint256 op, int64 a, int64 b) private pure returns (uint64) {
        uint64 ua = uint64(a);
        uint64 ub = uint64(b);
        unchecked {
            if (op == 0x20) return uint64(a + b);
            if (op == 0x21) return uint64(a - b);
            if (op == 0x22) return uint64(a * b);
            if (op == 0x23) return b == 0 ? 0 : uint64(a / b);
            if (op == 0x24) return b == 0 ? 0 : uint64(a % b);
        }
        if (op == 0x25) return ub == 0 ? 0 : ua / ub;
        if (op == 0x26) return ub == 0 ? 0 : ua % ub;
        if (op == 0x27) return ua & ub;
        if (op == 0x28) return ua | ub;
        if (op == 0x29) return ua ^ ub;
        if (op == 0x2a) return ub >= 64 ? 0 : ua << ub;
        if (op == 0x2b) return ub >= 64 ? (a < 0 ? type(uint64).max : 0) : uint64(a >> ub);
        if (op == 0x2c) return ub >= 64 ? 0 : ua >> ub;
        if (op == 0x2d) return a < b ? ua : ub;
        if (op == 0x2e) return a > b ? ua : ub;
        if (op == 0x2f) return a == b ? 1 : 0;
        if (op == 0x30) return a < b ? 1 : 0;
        return ua < ub ? 1 : 0;
    }
}
