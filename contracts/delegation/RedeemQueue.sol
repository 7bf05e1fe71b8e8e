// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IDelegationVault} from "../interfaces/IDelegationVault.sol";
import {IERC7540Operator, IERC7540Redeem} from "../interfaces/IERC7540.sol";
import {CuratedOperator} from "./CuratedOperator.sol";
import {RedeemBatch} from "../types/Delegation.sol";

/// @title RedeemQueue
/// @notice Requests to redeem and their claims. How a batch is closed and settled is in DelegationVault.
/// @dev Claims depend on nothing but the vault's own tokens: what is settled can be claimed whatever happens to the stake.
abstract contract RedeemQueue is CuratedOperator, ERC4626, ReentrancyGuard {
    using Math for uint256;
    using SafeCast for uint256;

    /// @dev ERC-7575's interface id.
    bytes4 private constant ERC7575_ID = 0x2f0a18c5;

    /// @inheritdoc IERC7540Operator
    mapping(address controller => mapping(address operator => bool status)) public isOperator;
    /// @inheritdoc IDelegationVault
    uint256 public reserved;
    /// @inheritdoc IDelegationVault
    uint256 public settledBatch;

    mapping(uint256 requestId => RedeemBatch batch) internal _batches;
    /// @dev Period in which the open batch got its first request.
    uint40 internal _openedIn;
    uint256 internal _openBatch = 1;

    mapping(uint256 requestId => mapping(address controller => uint256 shares)) private _requested;
    /// @dev Requests of a controller in their order; those before `_claimed` are claimed.
    mapping(address controller => uint256[] requestIds) private _requestsOf;
    mapping(address controller => uint256 count) private _claimed;

    // ------------------------------------------------------------------------------------------------ requests

    /// @inheritdoc IERC7540Operator
    function setOperator(address operator, bool approved) external returns (bool) {
        isOperator[msg.sender][operator] = approved;
        emit OperatorSet(msg.sender, operator, approved);
        return true;
    }

    /// @inheritdoc IERC7540Redeem
    function requestRedeem(
        uint256 shares,
        address controller,
        address owner
    ) external nonReentrant returns (uint256 requestId) {
        require(shares != 0, VaultSharesZero());
        require(controller != address(0), VaultControllerZero());
        if (msg.sender != owner && !isOperator[owner][msg.sender]) _spendAllowance(owner, msg.sender, shares);
        // A batch whose time has come is closed without this request.
        _sync();

        requestId = _openBatch;
        RedeemBatch storage batch = _batches[requestId];
        if (batch.shares == 0) _openedIn = _period();
        batch.shares += shares.toUint128();
        if (_requested[requestId][controller] == 0) _requestsOf[controller].push(requestId);
        _requested[requestId][controller] += shares;
        _transfer(owner, address(this), shares);
        emit RedeemRequest(controller, owner, requestId, msg.sender, shares);
    }

    // ------------------------------------------------------------------------------------------------ claims

    /// @notice ERC-7540: claims `shares` of the controller's requests, the oldest first.
    /// @dev Each part gets its pro rata of what its batch got, rounded down; so a claim in many parts loses some units.
    function redeem(
        uint256 shares,
        address receiver,
        address controller
    ) public override(ERC4626) nonReentrant returns (uint256 assets) {
        _requireController(controller);
        uint256 left = shares;
        while (left != 0) {
            (uint256 requestId, uint256 held) = _oldest(controller);
            if (held == 0) revert ERC4626ExceededMaxRedeem(controller, shares, shares - left);
            uint256 part = Math.min(left, held);
            RedeemBatch storage batch = _batches[requestId];
            uint256 paid = part.mulDiv(batch.assets, batch.shares);
            _take(requestId, controller, part, paid);
            left -= part;
            assets += paid;
        }
        _pay(receiver, controller, assets, shares);
    }

    /// @notice ERC-7540: claims `assets` of the controller's requests, the oldest first.
    function withdraw(
        uint256 assets,
        address receiver,
        address controller
    ) public override(ERC4626) nonReentrant returns (uint256 shares) {
        _requireController(controller);
        uint256 left = assets;
        while (left != 0) {
            (uint256 requestId, uint256 held) = _oldest(controller);
            if (held == 0) revert ERC4626ExceededMaxWithdraw(controller, assets, assets - left);
            RedeemBatch storage batch = _batches[requestId];
            uint256 paid = held.mulDiv(batch.assets, batch.shares);
            uint256 part = held;
            if (paid > left) (part, paid) = (left.mulDiv(batch.shares, batch.assets, Math.Rounding.Ceil), left);
            _take(requestId, controller, part, paid);
            left -= paid;
            shares += part;
        }
        _pay(receiver, controller, assets, shares);
    }

    // ------------------------------------------------------------------------------------------------ views

    /// @inheritdoc IERC7540Redeem
    function pendingRedeemRequest(uint256 requestId, address controller) external view returns (uint256) {
        return requestId > settledBatch ? _requested[requestId][controller] : 0;
    }

    /// @inheritdoc IERC7540Redeem
    function claimableRedeemRequest(uint256 requestId, address controller) external view returns (uint256) {
        return requestId > settledBatch ? 0 : _requested[requestId][controller];
    }

    /// @inheritdoc IDelegationVault
    function claimableOf(address controller) public view returns (uint256 shares, uint256 assets) {
        uint256[] storage requests = _requestsOf[controller];
        for (uint256 i = _claimed[controller]; i < requests.length && requests[i] <= settledBatch; ++i) {
            uint256 held = _requested[requests[i]][controller];
            RedeemBatch storage batch = _batches[requests[i]];
            shares += held;
            assets += held.mulDiv(batch.assets, batch.shares);
        }
    }

    /// @inheritdoc IERC4626
    function maxRedeem(address controller) public view override(ERC4626) returns (uint256 shares) {
        (shares, ) = claimableOf(controller);
    }

    /// @inheritdoc IERC4626
    function maxWithdraw(address controller) public view override(ERC4626) returns (uint256 assets) {
        (, assets) = claimableOf(controller);
    }

    /// @notice ERC-7540: always reverts.
    function previewRedeem(uint256) public pure override(ERC4626) returns (uint256) {
        return _noPreview();
    }

    /// @notice ERC-7540: always reverts.
    function previewWithdraw(uint256) public pure override(ERC4626) returns (uint256) {
        return _noPreview();
    }

    /// @inheritdoc IDelegationVault
    function share() external view returns (address) {
        return address(this);
    }

    /// @inheritdoc IDelegationVault
    function batchOf(uint256 requestId) external view returns (RedeemBatch memory) {
        return _batches[requestId];
    }

    /// @inheritdoc IDelegationVault
    function openBatch() public view override returns (uint256) {
        return _openBatch;
    }

    /// @inheritdoc IDelegationVault
    function overdue() public view override returns (bool) {
        return _batches[_openBatch].shares != 0 && _period() > _openedIn + 1;
    }

    /// @notice ERC-165.
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return
            interfaceId == type(IERC7540Operator).interfaceId ||
            interfaceId == type(IERC7540Redeem).interfaceId ||
            interfaceId == ERC7575_ID ||
            interfaceId == type(IERC165).interfaceId;
    }

    // ------------------------------------------------------------------------------------------------ internals

    function _sync() internal virtual;

    /// @dev Whether the open batch has requests and its period is over.
    function _isDue() internal view returns (bool) {
        return _batches[_openBatch].shares != 0 && _period() > _openedIn;
    }

    /// @dev Number of the present period.
    function _period() internal view returns (uint40) {
        return uint40(block.timestamp) / BATCH_SECONDS;
    }

    /// @dev Always reverts. With a plain `revert` the compiler warns that OpenZeppelin's code after it is never reached.
    function _noPreview() private pure returns (uint256 nothing) {
        nothing = 0;
        require(false, VaultPreviewUnavailable());
    }

    function _requireController(address controller) private view {
        require(
            msg.sender == controller || isOperator[controller][msg.sender],
            VaultNotController(msg.sender, controller)
        );
    }

    /// @dev The oldest claimable request of a controller; no shares when there is none.
    function _oldest(address controller) private view returns (uint256 requestId, uint256 held) {
        uint256[] storage requests = _requestsOf[controller];
        uint256 claimed = _claimed[controller];
        if (claimed == requests.length) return (0, 0);
        requestId = requests[claimed];
        if (requestId <= settledBatch) held = _requested[requestId][controller];
    }

    /// @dev Takes `part` shares and `paid` assets out of a request.
    function _take(uint256 requestId, address controller, uint256 part, uint256 paid) private {
        uint256 held = _requested[requestId][controller] - part;
        _requested[requestId][controller] = held;
        if (held == 0) ++_claimed[controller];
        RedeemBatch storage batch = _batches[requestId];
        uint128 unclaimed = batch.unclaimed - uint128(part);
        uint104 unpaid = batch.unpaid - uint104(paid);
        reserved -= paid;
        if (unclaimed == 0) {
            // What rounding left belongs to the vault.
            reserved -= unpaid;
            unpaid = 0;
        }
        (batch.unclaimed, batch.unpaid) = (unclaimed, unpaid);
    }

    function _pay(address receiver, address controller, uint256 assets, uint256 shares) private {
        emit Withdraw(msg.sender, receiver, controller, assets, shares);
        _transferOut(receiver, assets);
    }
}
