// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DotProduct} from "../machine/DotProduct.sol";
import {Words} from "../machine/Words.sol";
import {ScalarPlain} from "./ScalarPlain.sol";

/// @title DotProductHarness
/// @notice The routines of DotProduct beside the plain loops that they must equal.
/// @dev Runs are calldata; an empty one stands for a repeated register.
contract DotProductHarness {
    /// @param acc Bits of the accumulator.
    /// @param x Little-endian f32, or nothing: then `xs` is repeated.
    /// @param y As x.
    /// @param count Elements.
    function f32(
        uint256 acc,
        bytes calldata x,
        uint256 xs,
        bytes calldata y,
        uint256 ys,
        uint256 count
    ) external pure returns (uint256) {
        return DotProduct.f32(acc, _position(x), DotProduct.f32Lanes(xs), _position(y), DotProduct.f32Lanes(ys), count);
    }

    function f32Plain(
        uint256 acc,
        bytes calldata x,
        uint256 xs,
        bytes calldata y,
        uint256 ys,
        uint256 count
    ) external pure returns (uint256) {
        for (uint256 i; i < count; ++i) {
            uint256 a = x.length == 0 ? xs : _element(x, i);
            uint256 b = y.length == 0 ? ys : _element(y, i);
            acc = ScalarPlain.add(acc, ScalarPlain.mul(a, b));
        }
        return acc;
    }

    /// @return dot Sum of products, of signed bytes where `signed` says so.
    /// @return sum Sum of the bytes of x.
    function integers(
        bytes calldata x,
        bool signedX,
        bytes calldata y,
        bool signedY
    ) external pure returns (int256 dot, int256 sum) {
        uint256 flipX = signedX ? (type(uint256).max / 0xff) * 0x80 : 0;
        uint256 flipY = signedY ? (type(uint256).max / 0xff) * 0x80 : 0;
        uint256 n = x.length;
        uint256 sumX = DotProduct.byteSum(_position(x), flipX, n);
        uint256 sumY = DotProduct.byteSum(_position(y), flipY, n);
        int256 biasX = signedX ? int256(128) : int256(0);
        int256 biasY = signedY ? int256(128) : int256(0);
        dot = int256(DotProduct.bytes_(_position(x), flipX, _position(y), flipY, n));
        dot += int256(n) * biasX * biasY - int256(sumX) * biasY - int256(sumY) * biasX;
        sum = int256(sumX) - int256(n) * biasX;
    }

    function integersPlain(
        bytes calldata x,
        bool signedX,
        bytes calldata y,
        bool signedY
    ) external pure returns (int256 dot, int256 sum) {
        for (uint256 i; i < x.length; ++i) {
            int256 a = signedX ? int256(int8(uint8(x[i]))) : int256(uint256(uint8(x[i])));
            int256 b = signedY ? int256(int8(uint8(y[i]))) : int256(uint256(uint8(y[i])));
            dot += a * b;
            sum += a;
        }
    }

    function _element(bytes calldata data, uint256 i) private pure returns (uint256) {
        bytes4 word = bytes4(data[4 * i:4 * i + 4]);
        uint32 v = uint32(word);
        return (v >> 24) | ((v >> 8) & 0xff00) | ((v & 0xff00) << 8) | (uint256(v & 0xff) << 24);
    }

    function _position(bytes calldata data) private pure returns (uint256) {
        return data.length == 0 ? 0 : Words.positionOf(data);
    }
}
