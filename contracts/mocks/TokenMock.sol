// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice A token that misbehaves on demand: takes a fee, returns false, or calls somewhere during a transfer.
contract TokenMock is ERC20 {
    uint256 public feeBps;
    bool public lying;
    address public callee;
    bytes public payload;
    address public refused;

    constructor() ERC20("Mock", "MOCK") {}

    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }

    function setFee(uint256 bps) external {
        feeBps = bps;
    }

    function setLying(bool value) external {
        lying = value;
    }

    function setRefused(address account) external {
        refused = account;
    }

    /// @notice Calls `callee_` once, during the next transfer.
    function setHook(address callee_, bytes calldata payload_) external {
        callee = callee_;
        payload = payload_;
    }

    /// @notice Lets the token act as an account of its own.
    function execute(address to, bytes calldata data) external returns (bytes memory) {
        (bool success, bytes memory result) = to.call(data);
        require(success, string(result));
        return result;
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        if (lying) return false;
        if (callee != address(0)) {
            address hook = callee;
            callee = address(0);
            (bool success, bytes memory result) = hook.call(payload);
            if (!success) {
                assembly {
                    revert(add(result, 0x20), mload(result))
                }
            }
        }
        return super.transferFrom(from, to, amount);
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        if (lying || to == refused) return false;
        return super.transfer(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        uint256 fee = from == address(0) || to == address(0) ? 0 : (amount * feeBps) / 10_000;
        if (fee != 0) super._update(from, address(0), fee);
        super._update(from, to, amount - fee);
    }
}
