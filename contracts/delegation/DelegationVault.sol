// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20, ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IDelegationVault} from "../interfaces/IDelegationVault.sol";
import {IOperatorPools} from "../interfaces/IOperatorPools.sol";
import {BPS} from "../types/BasisPoints.sol";
import {CuratedOperator} from "./CuratedOperator.sol";
import {RedeemBatch} from "../types/Delegation.sol";
import {RedeemQueue} from "./RedeemQueue.sol";
import {Operator, OperatorStatus, Unbonding} from "../types/Staking.sol";

/// @title DelegationVault
/// @notice See IDelegationVault. The curator's part is in CuratedOperator, requests and claims are in RedeemQueue; here is
/// what the assets are and how they move.
/// @dev Virtual shares (10^6) and a virtual asset stand beside the real ones, as in OpenZeppelin's ERC4626: the first
/// depositor cannot make a share so dear that the deposits of others round to nothing. An exit gets no part of the virtual
/// asset, so no exit is worth more than its exact part of the assets.
contract DelegationVault is RedeemQueue {
    using Math for uint256;
    using SafeERC20 for IERC20;

    /// @notice Time over which earnings vest.
    uint40 public constant VESTING_SECONDS = 7 days;
    /// @dev Decimals that a share has more than the token.
    uint8 private constant OFFSET = 6;
    /// @dev A share below this part of its first price takes no deposits: otherwise rounds of slashes and deposits could
    /// multiply the shares until their number overflows.
    uint256 private constant LEAST_PRICE = 1_000;
    /// @dev Limit of a batch that is closed while the vault winds down.
    uint104 private constant NO_LIMIT = type(uint104).max;

    /// @inheritdoc IDelegationVault
    uint256 public exitingShares;
    /// @inheritdoc IDelegationVault
    uint256 public commissionOwed;
    /// @notice When `sync` learned of the tombstone; zero before.
    uint40 public windingDownSince;
    /// @dev Period of the last unbonding.
    uint40 private _unbondedIn;
    /// @dev Staked earnings, which vest evenly between the two times.
    uint40 private _vestingFrom;
    uint40 private _vestingUntil;
    uint96 private _vesting;

    constructor(
        IOperatorPools pools,
        address curator,
        uint16 commission,
        string memory name_,
        string memory symbol_
    ) CuratedOperator(pools, curator, commission) ERC4626(pools.STAKING().TOKEN()) ERC20(name_, symbol_) {
        // Only deposits of this contract itself use it.
        IERC20(asset()).forceApprove(address(STAKING), type(uint256).max);
    }

    // ------------------------------------------------------------------------------------------------ deposits

    /// @inheritdoc IERC4626
    function deposit(uint256 assets, address receiver) public override(ERC4626) nonReentrant returns (uint256) {
        return super.deposit(assets, receiver);
    }

    /// @inheritdoc IERC4626
    function mint(uint256 shares, address receiver) public override(ERC4626) nonReentrant returns (uint256) {
        return super.mint(shares, receiver);
    }

    /// @inheritdoc IDelegationVault
    function sync() external nonReentrant {
        _sync();
    }

    /// @inheritdoc IDelegationVault
    function withdrawCommission(address recipient) external onlyOwner nonReentrant returns (uint256 amount) {
        amount = commissionOwed;
        require(amount != 0, VaultCommissionZero());
        commissionOwed = 0;
        reserved -= amount;
        emit CommissionPaid(recipient, amount);
        _transferOut(recipient, amount);
    }

    // ------------------------------------------------------------------------------------------------ views

    /// @notice Assets of the shares that are not in a closed batch, in units of the token.
    function totalAssets() public view override(ERC4626) returns (uint256) {
        Operator memory operator = STAKING.operatorOf(address(this));
        if (operator.status != OperatorStatus.Tombstoned) return uint256(operator.stake).saturatingSub(unvested());
        (uint256 assets, uint256 shares) = _estate(operator);
        return shares == 0 ? assets : totalSupply().mulDiv(assets, shares);
    }

    /// @inheritdoc IERC4626
    function maxDeposit(address) public view override(ERC4626) returns (uint256) {
        return retired() ? 0 : _room();
    }

    /// @inheritdoc IERC4626
    function maxMint(address receiver) public view override(ERC4626) returns (uint256) {
        return convertToShares(maxDeposit(receiver));
    }

    /// @inheritdoc IDelegationVault
    function unvested() public view returns (uint256) {
        if (block.timestamp >= _vestingUntil) return 0;
        uint256 left = _vestingUntil - block.timestamp;
        return uint256(_vesting).mulDiv(left, _vestingUntil - _vestingFrom, Math.Rounding.Ceil);
    }

    /// @inheritdoc IDelegationVault
    function windingDown() public view returns (bool) {
        return STAKING.operatorOf(address(this)).status == OperatorStatus.Tombstoned;
    }

    /// @inheritdoc IDelegationVault
    function retired() public view returns (bool) {
        uint256 virtualShares = 10 ** OFFSET;
        return windingDown() || (totalAssets() + 1) * virtualShares * LEAST_PRICE < totalSupply() + virtualShares;
    }

    // ------------------------------------------------------------------------------------------------ life

    /// @dev Matured exits come in and are settled first: what is left then are earnings.
    function _sync() internal override {
        _collect();
        if (windingDown()) {
            if (windingDownSince == 0) {
                windingDownSince = uint40(block.timestamp);
                emit WindingDown(windingDownSince);
            }
            if (_isDue()) _close(NO_LIMIT);
            _settleEstate();
            _unbond(STAKING.freeStakeOf(address(this)));
        } else {
            _settle();
            _stakeEarnings();
            if (_isDue()) _closeAtPrice();
        }
    }

    /// @dev Withdraws matured exits; strangers can have done so before.
    function _collect() private {
        Unbonding[] memory queue = STAKING.unbondingOf(address(this));
        for (uint256 i; i < queue.length; ++i) {
            if (queue[i].amount != 0 && queue[i].releaseAt <= block.timestamp)
                STAKING.completeUnbonding(address(this), i);
        }
    }

    /// @dev Unbonding stake is taken for fraud only, and fraud tombstones. So each batch got what was unbonded for it. As many
    /// batches as the queue has places can have matured since the last call.
    function _settle() private {
        for (uint256 id = settledBatch + 1; id < _openBatch && _batches[id].releaseAt <= block.timestamp; ++id) {
            _settleBatch(id, _batches[id].assets);
        }
    }

    /// @dev Settles batches while the vault winds down, once no lock can take anything any more, and as far as tokens came in.
    /// At most one batch is closed in a period, and locks end and stake is unbonded in a few of them.
    function _settleEstate() private {
        Operator memory operator = STAKING.operatorOf(address(this));
        if (operator.open != 0 && !_locksForgotten()) return;
        (uint256 assets, uint256 shares) = _estate(operator);
        for (uint256 id = settledBatch + 1; id < _openBatch && _batches[id].releaseAt <= block.timestamp; ++id) {
            RedeemBatch storage batch = _batches[id];
            uint256 part = Math.min(batch.assets, uint256(batch.shares).mulDiv(assets, shares));
            if (part > _cash()) return;
            assets -= part;
            shares -= batch.shares;
            _settleBatch(id, part);
        }
    }

    function _settleBatch(uint256 id, uint256 assets) private {
        RedeemBatch storage batch = _batches[id];
        uint128 shares = batch.shares;
        (batch.assets, batch.unpaid, batch.unclaimed) = (uint104(assets), uint104(assets), shares);
        exitingShares -= shares;
        reserved += assets;
        settledBatch = id;
        emit BatchSettled(id, shares, assets);
    }

    function _stakeEarnings() private {
        uint256 earnings = Math.min(_cash(), _room());
        if (earnings == 0) return;
        uint256 commission = (earnings * commissionBps()) / BPS;
        commissionOwed += commission;
        reserved += commission;
        uint256 amount = earnings - commission;
        // New earnings get the whole time, old ones keep theirs; so a donation of one unit delays nothing.
        uint256 before = unvested();
        uint256 left = before == 0 ? 0 : _vestingUntil - block.timestamp;
        uint256 time = (before * left + amount * VESTING_SECONDS) / (before + amount);
        _vesting = uint96(Math.min(before + amount, type(uint96).max));
        _vestingFrom = uint40(block.timestamp);
        _vestingUntil = uint40(block.timestamp + time);
        emit EarningsStaked(amount, commission, _vestingUntil);
        STAKING.deposit(uint96(amount));
    }

    /// @dev Closes the open batch at the present price, if free stake covers it.
    function _closeAtPrice() private {
        uint256 assets = uint256(_batches[_openBatch].shares).mulDiv(totalAssets(), totalSupply() + 10 ** OFFSET);
        if (assets > STAKING.freeStakeOf(address(this))) return;
        _close(uint104(assets));
        _unbond(assets);
    }

    /// @dev Burns the shares of the open batch. Without assets or while the vault winds down, nothing is unbonded for it, so
    /// nothing has to mature.
    function _close(uint104 limit) private {
        uint256 id = _openBatch;
        RedeemBatch storage batch = _batches[id];
        uint128 shares = batch.shares;
        uint40 releaseAt = uint40(block.timestamp);
        if (limit != 0 && limit != NO_LIMIT) releaseAt += STAKING.UNBONDING_SECONDS();
        (batch.assets, batch.releaseAt) = (limit, releaseAt);
        exitingShares += shares;
        _openBatch = id + 1;
        _burn(address(this), shares);
        emit BatchClosed(id, shares, limit, releaseAt);
    }

    /// @dev At most once a period: the queue of the staking contract never fills.
    function _unbond(uint256 amount) private {
        uint40 period = _period();
        if (amount == 0 || period == _unbondedIn) return;
        _unbondedIn = period;
        STAKING.unbond(uint96(amount));
    }

    // ------------------------------------------------------------------------------------------------ internals

    /// @dev What a vault that winds down still has, and the shares that it belongs to.
    function _estate(Operator memory operator) private view returns (uint256 assets, uint256 shares) {
        assets = operator.stake;
        if (_locksForgotten()) assets -= operator.locked;
        assets = assets.saturatingSub(STAKING.owedOf(address(this))) + _cash();
        Unbonding[] memory queue = STAKING.unbondingOf(address(this));
        for (uint256 i; i < queue.length; ++i) assets += queue[i].amount;
        shares = totalSupply() + exitingShares;
    }

    /// @dev Every lock ends within an unbonding time. One that did not keeps nobody waiting, and counts for nothing.
    function _locksForgotten() private view returns (bool) {
        return windingDownSince != 0 && block.timestamp >= windingDownSince + STAKING.UNBONDING_SECONDS();
    }

    /// @dev Tokens in the vault that belong to no claim.
    function _cash() private view returns (uint256) {
        uint256 cash = IERC20(asset()).balanceOf(address(this)) - reserved;
        return Math.min(cash, type(uint96).max);
    }

    /// @dev What the staking contract can still take in.
    function _room() private view returns (uint256) {
        return type(uint96).max - STAKING.operatorOf(address(this)).stake;
    }

    /// @dev The assets are staked at once.
    function _deposit(address caller, address receiver, uint256 assets, uint256 shares) internal override {
        require(shares != 0, VaultSharesZero());
        IERC20 token = IERC20(asset());
        uint256 before = token.balanceOf(address(this));
        super._deposit(caller, receiver, assets, shares);
        STAKING.deposit(uint96(assets));
        // Tokens of claims never pay for a deposit.
        uint256 present = token.balanceOf(address(this));
        require(present == before, VaultTokenMismatch(present, before));
    }

    function _decimalsOffset() internal pure override returns (uint8) {
        return OFFSET;
    }
}
