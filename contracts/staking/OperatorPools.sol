// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IOperatorPools} from "../interfaces/IOperatorPools.sol";
import {IOperatorStaking} from "../interfaces/IOperatorStaking.sol";
import {EpochCell} from "../types/EpochCell.sol";
import {DrawTerms, PlaceTerms, PlaceView} from "../types/Place.sol";
import {Operator, OperatorStatus} from "../types/Staking.sol";
import {VersionStatus} from "../types/Version.sol";
import {WeightTree} from "./WeightTree.sol";

/// @title OperatorPools
/// @notice See IOperatorPools.
/// @dev Time is counted in epochs. Weights and terms of an epoch are fixed before it begins, and a draw uses those of the
/// epoch in which it was committed: nothing that anybody does after the commitment changes whom a seed names.
contract OperatorPools is IOperatorPools {
    using WeightTree for WeightTree.Tree;

    /// @dev One operator's place among those of a version.
    /// @param operator Whose place it is.
    /// @param leftIn Epoch in which the operator left; zero while it is in.
    /// @param termsFrom Epoch from which `coming` counts.
    /// @param settled Terms before `termsFrom`.
    /// @param coming Terms from `termsFrom` on.
    struct Place {
        address operator;
        uint32 leftIn;
        uint32 termsFrom;
        PlaceTerms settled;
        PlaceTerms coming;
    }

    /// @dev Operators of a version. Places of those who left are given to others in the order in which they were left.
    struct Pool {
        WeightTree.Tree tree;
        EpochCell holders;
        Place[] places;
        uint32[] left;
        uint256 taken;
    }

    /// @notice Points of the sum of weights that a draw looks at before it gives up.
    uint256 public constant MAX_TRIES = 24;
    /// @inheritdoc IOperatorPools
    uint256 public constant WEIGHT_UNIT = 1_000_000;
    uint32 public constant MIN_EPOCH_SECONDS = 1 minutes;

    IModelRegistry public immutable REGISTRY;
    IOperatorStaking public immutable STAKING;
    /// @dev The staking contract's.
    uint256 private immutable MINIMUM_STAKE;
    /// @inheritdoc IOperatorPools
    uint32 public immutable EPOCH_SECONDS;
    /// @notice An operator's weight stops growing at this part of all weights: 10 stands for a tenth. Where a version has
    /// fewer holders, at the part that each would have if all had the same.
    uint16 public immutable SATURATION;

    mapping(bytes32 versionId => Pool pool) private _pools;
    /// @dev Counts from 1; zero when the operator has no place.
    mapping(address operator => mapping(bytes32 versionId => uint256 place)) private _placeOf;

    /// @param epochSeconds Length of an epoch.
    /// @param saturation See `SATURATION`.
    constructor(IModelRegistry registry, IOperatorStaking staking, uint32 epochSeconds, uint16 saturation) {
        require(epochSeconds >= MIN_EPOCH_SECONDS, PoolEpochTooShort(epochSeconds, MIN_EPOCH_SECONDS));
        require(saturation != 0, PoolSaturationZero());
        REGISTRY = registry;
        STAKING = staking;
        MINIMUM_STAKE = staking.MINIMUM_STAKE();
        EPOCH_SECONDS = epochSeconds;
        SATURATION = saturation;
    }

    // ------------------------------------------------------------------------------------------------ operators

    /// @inheritdoc IOperatorPools
    function optIn(bytes32 versionId, PlaceTerms calldata terms) external {
        uint64 weight = _weightByStake(msg.sender);
        require(weight != 0, PoolOperatorUnable(msg.sender));
        require(STAKING.signingKeyAt(msg.sender, uint40(block.timestamp)) != address(0), PoolKeyMissing(msg.sender));
        VersionStatus status = REGISTRY.statusOf(versionId);
        require(status == VersionStatus.Active || status == VersionStatus.Deprecated, PoolVersionUnusable(versionId));
        require(!isOptedIn(msg.sender, versionId), PoolOptedIn(msg.sender, versionId));

        Pool storage pool = _pools[versionId];
        uint256 index = _takePlace(pool, versionId);
        Place storage place = pool.places[index];
        // Whoever comes back in the epoch in which it left has terms that draws under way still read.
        if (place.operator != msg.sender) {
            place.operator = msg.sender;
            (place.settled, place.coming, place.termsFrom) = (terms, terms, 0);
            emit TermsSet(msg.sender, versionId, terms, epoch() + 1);
        } else {
            _setTerms(place, versionId, terms);
        }
        place.leftIn = 0;
        _placeOf[msg.sender][versionId] = index + 1;
        emit OptedIn(msg.sender, versionId, index);
        _setWeight(pool, msg.sender, versionId, index, weight);
    }

    /// @inheritdoc IOperatorPools
    function setTerms(bytes32 versionId, PlaceTerms calldata terms) external {
        (Pool storage pool, uint256 index) = _membership(msg.sender, versionId);
        _setTerms(pool.places[index], versionId, terms);
    }

    /// @inheritdoc IOperatorPools
    function optOut(bytes32 versionId) external {
        (Pool storage pool, uint256 index) = _membership(msg.sender, versionId);
        uint64 present = epoch();
        pool.places[index].leftIn = uint32(present);
        pool.left.push(uint32(index));
        _setWeight(pool, msg.sender, versionId, index, 0);
        emit OptedOut(msg.sender, versionId, present);
    }

    /// @inheritdoc IOperatorPools
    function weigh(address operator, bytes32[] calldata versionIds) external {
        uint64 weight = _weightByStake(operator);
        for (uint256 i; i < versionIds.length; ++i) {
            (Pool storage pool, uint256 index) = _membership(operator, versionIds[i]);
            _setWeight(pool, operator, versionIds[i], index, weight);
        }
    }

    // ------------------------------------------------------------------------------------------------ views

    /// @inheritdoc IOperatorPools
    function epoch() public view returns (uint64) {
        return uint64(block.timestamp / EPOCH_SECONDS);
    }

    /// @inheritdoc IOperatorPools
    function holders(bytes32 versionId) external view returns (uint64) {
        return _pools[versionId].holders.upcoming();
    }

    /// @inheritdoc IOperatorPools
    function weightOf(address operator, bytes32 versionId, uint64 epoch_) external view returns (uint64) {
        uint256 place = _placeOf[operator][versionId];
        return place == 0 ? 0 : _pools[versionId].tree.weightAt(place - 1, epoch_, epoch());
    }

    /// @inheritdoc IOperatorPools
    function totalWeightOf(bytes32 versionId, uint64 epoch_) external view returns (uint64) {
        return _pools[versionId].tree.totalAt(epoch_, epoch());
    }

    /// @inheritdoc IOperatorPools
    function termsOf(address operator, bytes32 versionId, uint64 epoch_) external view returns (PlaceTerms memory) {
        uint256 place = _placeOf[operator][versionId];
        require(place != 0, PoolNotOptedIn(operator, versionId));
        return _termsIn(_pools[versionId].places[place - 1], epoch_);
    }

    /// @inheritdoc IOperatorPools
    function placesOf(
        bytes32 versionId,
        uint256 first,
        uint256 count
    ) external view returns (PlaceView[] memory views) {
        Pool storage pool = _pools[versionId];
        uint256 places = pool.places.length;
        views = new PlaceView[](first < places ? Math.min(count, places - first) : 0);
        uint64 present = epoch();
        for (uint256 i; i < views.length; ++i) {
            Place storage place = pool.places[first + i];
            views[i] = PlaceView({
                operator: place.operator,
                weight: pool.tree.weightAt(first + i, present, present),
                terms: _termsIn(place, present)
            });
        }
    }

    /// @inheritdoc IOperatorPools
    function isOptedIn(address operator, bytes32 versionId) public view returns (bool) {
        uint256 place = _placeOf[operator][versionId];
        return place != 0 && _pools[versionId].places[place - 1].leftIn == 0;
    }

    // ------------------------------------------------------------------------------------------------ draw

    /// @inheritdoc IOperatorPools
    function draw(
        DrawTerms calldata terms,
        bytes32 seed
    ) external view returns (address operator, uint256 stake, uint32 capacity) {
        Pool storage pool = _pools[terms.versionId];
        (uint64 kept, uint64 present) = (terms.epoch, epoch());
        uint256 total = pool.tree.totalAt(kept, present);
        if (total == 0) return (address(0), 0, 0);
        uint256 limit = total / Math.min(SATURATION, pool.holders.during(kept, present));
        for (uint256 i; i < MAX_TRIES; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            // SAFETY: totals are below 2^64, so the remainder of 128 bits favours no point by more than 2^-64.
            uint256 index = pool.tree.find((random >> 128) % total, kept, present);
            uint256 weight = pool.tree.weightAt(index, kept, present);
            // Beyond the limit a weight is passed over as often as makes it count for the limit.
            if (weight > limit && uint128(random) % weight >= limit) continue;
            stake = (weight * MINIMUM_STAKE) / WEIGHT_UNIT;
            Place storage place = pool.places[index];
            PlaceTerms memory accepted = _termsIn(place, kept);
            if (stake >= terms.collateral && _accepts(accepted, terms)) {
                return (place.operator, stake, accepted.capacity);
            }
        }
        return (address(0), 0, 0);
    }

    function _accepts(PlaceTerms memory terms, DrawTerms calldata wanted) private pure returns (bool) {
        return
            terms.capacity != 0 &&
            wanted.fee >= terms.feeFor(wanted.callbackGas) &&
            wanted.claimSeconds >= terms.minimumClaimSeconds &&
            wanted.callbackGas <= terms.maximumCallbackGas;
    }

    // ------------------------------------------------------------------------------------------------ internals

    function _membership(address operator, bytes32 versionId) private view returns (Pool storage, uint256 index) {
        require(isOptedIn(operator, versionId), PoolNotOptedIn(operator, versionId));
        return (_pools[versionId], _placeOf[operator][versionId] - 1);
    }

    function _termsIn(Place storage place, uint64 epoch_) private view returns (PlaceTerms storage) {
        return epoch_ >= place.termsFrom ? place.coming : place.settled;
    }

    /// @dev Two sets of terms are kept, so the last change must count in every epoch that a draw can still use.
    function _setTerms(Place storage place, bytes32 versionId, PlaceTerms calldata terms) private {
        uint64 present = epoch();
        require(present > place.termsFrom, PoolTermsPending(place.termsFrom + 1));
        place.settled = place.coming;
        place.coming = terms;
        place.termsFrom = uint32(present + 1);
        emit TermsSet(msg.sender, versionId, terms, present + 1);
    }

    /// @dev The caller's old place, else the place left longest ago if no draw can mean who left it, else a new one.
    function _takePlace(Pool storage pool, bytes32 versionId) private returns (uint256 index) {
        uint256 own = _placeOf[msg.sender][versionId];
        if (own != 0 && pool.places[own - 1].operator == msg.sender) return own - 1;
        uint256 taken = pool.taken;
        if (taken < pool.left.length) {
            index = pool.left[taken];
            uint256 leftIn = pool.places[index].leftIn;
            // Draws of the epoch in which it was left may be made in the next one. Zero: its operator came back.
            bool unused = leftIn != 0 && epoch() >= leftIn + 2;
            if (unused || leftIn == 0) pool.taken = taken + 1;
            if (unused) {
                // Whoever left comes back to another place.
                delete _placeOf[pool.places[index].operator][versionId];
                return index;
            }
        }
        pool.places.push();
        return pool.tree.append(epoch());
    }

    /// @dev Weight by the stake now; zero for who may not answer.
    function _weightByStake(address operator) private view returns (uint64) {
        Operator memory record = STAKING.operatorOf(operator);
        bool counts = record.status == OperatorStatus.Active && record.stake >= MINIMUM_STAKE;
        return counts ? uint64((uint256(record.stake) * WEIGHT_UNIT) / MINIMUM_STAKE) : 0;
    }

    function _setWeight(Pool storage pool, address operator, bytes32 versionId, uint256 index, uint64 weight) private {
        uint64 before = pool.tree.upcoming(index);
        if (before == weight) return;
        uint64 present = epoch();
        if (before == 0) pool.holders = pool.holders.changed(present, 1);
        else if (weight == 0) pool.holders = pool.holders.changed(present, -1);
        pool.tree.set(index, weight, present);
        emit Weighed(operator, versionId, weight, present + 1);
    }
}
