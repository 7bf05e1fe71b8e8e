// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EpochCell} from "../types/EpochCell.sol";

/// @title WeightTree
/// @notice Weights of numbered places, with the sum of all and the place at a point of that sum, in logarithmic time.
/// @dev A binary indexed tree (P. M. Fenwick, "A new data structure for cumulative frequency tables", 1994). Node i holds
/// the sum of the places i - lowbit(i) to i - 1, where lowbit is the lowest set bit of i. Each node is an `EpochCell`: a
/// change counts from the next epoch on, and the weights of the present and the previous epoch stay readable. A change or
/// a search among n places touches at most log2(n) + 1 nodes.
library WeightTree {
    /// @param places Weight of each place.
    /// @param nodes Sums; index 0 holds the sum of all places.
    struct Tree {
        EpochCell[] places;
        mapping(uint256 node => EpochCell sum) nodes;
    }

    error WeightTreePlaceOutside(uint256 place, uint256 places);
    error WeightTreePointOutside(uint256 point, uint256 total);

    /// @notice Number of places, also of those without weight.
    function count(Tree storage tree) internal view returns (uint256) {
        return tree.places.length;
    }

    /// @notice Adds a place without weight.
    /// @return place Its number; numbers count from 0.
    function append(Tree storage tree, uint64 present) internal returns (uint256 place) {
        place = tree.places.length;
        tree.places.push();
        // The node of the new place also covers older ones: it starts with the sums that are known of them.
        uint256 node = place + 1;
        uint256 first = node & place;
        EpochCell sum;
        for (uint256 part = place; part != first; part &= part - 1) sum = sum.plus(tree.nodes[part], present);
        if (EpochCell.unwrap(sum) != 0) tree.nodes[node] = sum;
    }

    /// @notice Sets the weight of a place from the next epoch on.
    function set(Tree storage tree, uint256 place, uint64 weight, uint64 present) internal {
        uint256 places = tree.places.length;
        require(place < places, WeightTreePlaceOutside(place, places));
        EpochCell cell = tree.places[place];
        int256 change = int256(uint256(weight)) - int256(uint256(cell.upcoming()));
        if (change == 0) return;
        tree.places[place] = cell.changed(present, change);
        tree.nodes[0] = tree.nodes[0].changed(present, change);
        // SAFETY: node <= places, which is the length of an array.
        unchecked {
            for (uint256 node = place + 1; node <= places; node += node & (~node + 1)) {
                tree.nodes[node] = tree.nodes[node].changed(present, change);
            }
        }
    }

    /// @notice Weight of a place from the next epoch on.
    function upcoming(Tree storage tree, uint256 place) internal view returns (uint64) {
        return tree.places[place].upcoming();
    }

    /// @notice Weight of a place in an epoch.
    /// @param epoch The present epoch or the one before.
    function weightAt(Tree storage tree, uint256 place, uint64 epoch, uint64 present) internal view returns (uint64) {
        return tree.places[place].during(epoch, present);
    }

    /// @notice Sum of all weights in an epoch.
    function totalAt(Tree storage tree, uint64 epoch, uint64 present) internal view returns (uint64) {
        return tree.nodes[0].during(epoch, present);
    }

    /// @notice The place in which a point of the sum lies: the first whose weight, together with the weights of all places
    /// before it, exceeds `point`. A place without weight is never found.
    /// @param point Below the total of the epoch.
    function find(
        Tree storage tree,
        uint256 point,
        uint64 epoch,
        uint64 present
    ) internal view returns (uint256 place) {
        uint256 total = totalAt(tree, epoch, present);
        require(point < total, WeightTreePointOutside(point, total));
        uint256 places = tree.places.length;
        uint256 step = 1;
        while (step << 1 <= places) step <<= 1;
        // INVARIANT: the sum of the places before `place` is at most the first `point`; `point` is what remains of it.
        for (; step != 0; step >>= 1) {
            uint256 next = place + step;
            if (next > places) continue;
            uint256 sum = tree.nodes[next].during(epoch, present);
            if (sum > point) continue;
            point -= sum;
            place = next;
        }
    }
}
