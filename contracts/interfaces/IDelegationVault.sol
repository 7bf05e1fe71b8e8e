// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {IERC7540Operator, IERC7540Redeem} from "./IERC7540.sol";
import {IOperatorPools} from "./IOperatorPools.sol";
import {IOperatorStaking} from "./IOperatorStaking.sol";
import {RedeemBatch} from "../types/Delegation.sol";
import {PlaceTerms} from "../types/Place.sol";

/// @title IDelegationVault
/// @notice An operator that is a contract: an ERC-4626 vault whose assets are its stake. Holders of its shares carry what
/// the operator earns and what it loses. Its owner, the **curator**, names who runs it and under which terms, and can never
/// take an asset but its commission on earnings.
///
/// Rules:
/// - Deposits count at once, at the price of `totalAssets`: stake, less earnings that have not vested.
/// - Earnings are all tokens that arrive outside a deposit or an exit, donations too. `sync` stakes them, less commission;
///   they vest over `VESTING_SECONDS`. So nobody gains by a deposit just before they arrive.
/// - An exit is a request (ERC-7540). Requests of one period of `BATCH_SECONDS` form a **batch**, numbered from 1; the number
///   is the request's id. It is **closed** in a later period, by the first `sync` for which free stake covers it: its
///   shares are burned at the price of that moment, and their assets are unbonded. Locked stake cannot be unbonded: until
///   then the batch waits, still bears every slash, and takes further requests.
/// - A batch that waits longer than one period is **overdue**: anyone may take the vault out of its versions, and the
///   curator cannot bring it back before the batch is closed. So locks end, and the exit comes.
/// - After unbonding, the batch is **settled** by the next `sync`, and claimable from then on for ever. What was settled no
///   slash can touch.
/// - Proven fraud ends an operator, and so the vault: it takes no deposits and **winds down**. Live shares and shares of every
///   batch that is not settled get the same part of what is left, but no batch more than it was closed with: who asked first
///   has no advantage. Settlement waits until every lock has ended, at most one unbonding time.
/// - A vault whose share is worth less than a thousandth of its first price takes no deposits either.
/// - Every function but the curator's can be called by anyone, and none depends on the curator.
interface IDelegationVault is IERC7540Operator, IERC7540Redeem {
    /// @notice Earnings were staked; all earnings so far are vested at `vestedAt`.
    event EarningsStaked(uint256 amount, uint256 commission, uint40 vestedAt);
    /// @notice The shares of a batch were burned. It gets at most `limit`, from `releaseAt` on.
    event BatchClosed(uint256 indexed requestId, uint256 shares, uint256 limit, uint40 releaseAt);
    event BatchSettled(uint256 indexed requestId, uint256 shares, uint256 assets);
    event WindingDown(uint40 since);
    event CommissionAnnounced(uint16 bps, uint40 activeFrom);
    event CommissionPaid(address indexed recipient, uint256 amount);

    error VaultSharesZero();
    error VaultControllerZero();
    /// @notice The caller is neither the controller of the request nor its operator.
    error VaultNotController(address caller, address controller);
    /// @notice What an exit brings is known when it is settled (ERC-7540).
    error VaultPreviewUnavailable();
    /// @notice The token moved another amount than asked.
    error VaultTokenMismatch(uint256 actual, uint256 expected);
    error VaultCommissionTooHigh(uint256 actual, uint256 maximum);
    error VaultCommissionZero();
    /// @notice An exit waits for free stake: the vault takes no new work before it is closed.
    error VaultExitOverdue(uint256 requestId);
    /// @notice No exit has waited long enough to take the vault out of its versions.
    error VaultExitNotOverdue(uint256 requestId);

    /// @notice Takes in what is there: matured exits, earnings, and the next batch if its time has come. Anyone may call.
    function sync() external;

    /// @notice Takes the vault out of versions while an exit is overdue. Anyone may call.
    /// @dev Requirements: a batch is overdue (VaultExitNotOverdue).
    function optOutOverdue(bytes32[] calldata versionIds) external;

    /// @notice Names the account that draws, claims and defends for the vault. Only the curator, as all functions below.
    function setAgent(address agent) external;

    function setEndpoint(string calldata endpoint) external;
    function rotateSigningKey(address key) external;
    function unjail() external;

    /// @dev Requirements: no batch is overdue (VaultExitOverdue).
    function optIn(bytes32 versionId, PlaceTerms calldata terms) external;

    function optOut(bytes32 versionId) external;
    function setTerms(bytes32 versionId, PlaceTerms calldata terms) external;

    /// @notice Changes the commission: a cut at once, a rise after `COMMISSION_DELAY_SECONDS`, in place of one announced before.
    /// Earnings that no `sync` has taken in by then pay the new commission, as anyone can call `sync`.
    /// @param bps In 1/10,000 of earnings, at most `MAX_COMMISSION_BPS`.
    function announceCommission(uint16 bps) external;

    /// @notice Pays the commission so far.
    /// @dev Requirements: there is some (VaultCommissionZero).
    function withdrawCommission(address recipient) external returns (uint256 amount);

    function POOLS() external view returns (IOperatorPools);
    function STAKING() external view returns (IOperatorStaking);

    /// @notice Seconds of a period; at most one batch is unbonded in each, so that the queue of the staking contract has room.
    function BATCH_SECONDS() external view returns (uint40);

    /// @notice Time between the announcement of a higher commission and its start: unbonding and two periods, so that who
    /// dislikes it is out first.
    function COMMISSION_DELAY_SECONDS() external view returns (uint40);

    /// @notice ERC-7575: the token of the shares, which is the vault.
    function share() external view returns (address);

    /// @notice Commission now, in 1/10,000 of earnings.
    function commissionBps() external view returns (uint16);

    /// @notice Commission that was not paid yet.
    function commissionOwed() external view returns (uint256);

    /// @notice Staked earnings that do not count yet.
    function unvested() external view returns (uint256);

    /// @notice Tokens in the vault that belong to claims and commission.
    function reserved() external view returns (uint256);

    /// @notice Shares of closed batches that are not settled.
    function exitingShares() external view returns (uint256);

    /// @notice Batch that takes requests now.
    function openBatch() external view returns (uint256 requestId);

    /// @notice Last batch that can be claimed; all before it can be claimed too.
    function settledBatch() external view returns (uint256 requestId);

    function batchOf(uint256 requestId) external view returns (RedeemBatch memory);

    /// @notice Whether the open batch waits longer than one period for free stake.
    function overdue() external view returns (bool);

    /// @notice Whether fraud of the operator was proven.
    function windingDown() external view returns (bool);

    /// @notice Whether the vault takes no deposits: it winds down, or its share is worth less than a thousandth of its first
    /// price.
    function retired() external view returns (bool);

    /// @notice Shares that an account transferred in a request, or that a controller can claim, are not its balance.
    /// @return shares All shares of the controller that can be claimed now.
    /// @return assets What they bring.
    function claimableOf(address controller) external view returns (uint256 shares, uint256 assets);
}
