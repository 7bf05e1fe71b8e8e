// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {WeightTree} from "../staking/WeightTree.sol";

/// @title WeightTreeHarness
/// @notice Functions of WeightTree, callable from tests; the epoch is given by the caller.
contract WeightTreeHarness {
    using WeightTree for WeightTree.Tree;

    WeightTree.Tree private _tree;

    function append(uint256 places, uint64 present) external {
        for (uint256 i; i < places; ++i) _tree.append(present);
    }

    function set(uint256 place, uint64 weight, uint64 present) external {
        _tree.set(place, weight, present);
    }

    function setAll(uint256 first, uint64[] calldata weights, uint64 present) external {
        for (uint256 i; i < weights.length; ++i) _tree.set(first + i, weights[i], present);
    }

    function count() external view returns (uint256) {
        return _tree.count();
    }

    function upcoming(uint256 place) external view returns (uint64) {
        return _tree.upcoming(place);
    }

    function weightAt(uint256 place, uint64 epoch, uint64 present) external view returns (uint64) {
        return _tree.weightAt(place, epoch, present);
    }

    function totalAt(uint64 epoch, uint64 present) external view returns (uint64) {
        return _tree.totalAt(epoch, present);
    }

    function find(uint256 point, uint64 epoch, uint64 present) external view returns (uint256) {
        return _tree.find(point, epoch, present);
    }
}
