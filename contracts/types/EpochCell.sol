// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice One amount in three epochs, in one word: its value in the epoch before `epoch`, in `epoch`, and in all later
/// ones (64 bits each, from the lowest bits up), then `epoch` itself (64 bits). A change that is made in an epoch counts
/// from the next one, so what a reader of the present or the previous epoch sees can no longer be changed by anybody.
/// @dev The word zero is the amount 0 in every epoch.
type EpochCell is uint256;

using {during, upcoming, changed, plus} for EpochCell global;

error EpochNotKept(uint64 epoch, uint64 present);
error EpochAmountOutOfRange(uint256 amount, int256 change);

/// @dev The word with the present epoch in the place of `epoch`.
function _rolled(EpochCell cell, uint64 present) pure returns (uint256 word) {
    word = EpochCell.unwrap(cell);
    uint256 epoch = word >> 192;
    if (epoch >= present) return word;
    uint256 last = uint64(word >> 128);
    uint256 before = present - epoch == 1 ? uint64(word >> 64) : last;
    return (uint256(present) << 192) | (last << 128) | (last << 64) | before;
}

/// @notice The amount in an epoch.
/// @param epoch The present epoch or the one before it: `EpochNotKept` for others.
/// @param present The epoch that it is now.
function during(EpochCell cell, uint64 epoch, uint64 present) pure returns (uint64) {
    uint256 word = _rolled(cell, present);
    if (epoch == present) return uint64(word >> 64);
    require(epoch + 1 == present, EpochNotKept(epoch, present));
    return uint64(word);
}

/// @notice The amount from the next epoch on.
function upcoming(EpochCell cell) pure returns (uint64) {
    return uint64(EpochCell.unwrap(cell) >> 128);
}

/// @notice The cell after a change that counts from the next epoch on.
/// @param present The epoch that it is now.
/// @param change What is added; the sum must fit 64 bits: `EpochAmountOutOfRange`.
function changed(EpochCell cell, uint64 present, int256 change) pure returns (EpochCell) {
    uint256 word = _rolled(cell, present);
    uint256 amount = uint64(word >> 128);
    int256 sum = int256(amount) + change;
    require(sum >= 0 && sum <= int256(uint256(type(uint64).max)), EpochAmountOutOfRange(amount, change));
    return EpochCell.wrap((word & ~(uint256(type(uint64).max) << 128)) | (uint256(sum) << 128));
}

/// @notice The sum of two cells in each epoch. The caller knows that no sum exceeds 64 bits.
function plus(EpochCell cell, EpochCell other, uint64 present) pure returns (EpochCell) {
    uint256 low = type(uint192).max;
    // SAFETY: both carry the present epoch; no field's sum reaches the next field.
    return EpochCell.wrap(_rolled(cell, present) + (_rolled(other, present) & low));
}
