// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title BondTokenMock
/// @notice A token that can turn hostile: it keeps a fee, or refuses a recipient.
contract BondTokenMock is ERC20 {
    uint256 public feeBps;
    mapping(address account => bool isBlocked) public blocked;

    error BondTokenBlocked(address account);

    constructor() ERC20("Bond", "BOND") {}

    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }

    function setFee(uint256 bps) external {
        feeBps = bps;
    }

    function setBlocked(address account, bool state) external {
        blocked[account] = state;
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!blocked[to], BondTokenBlocked(to));
        uint256 fee = from == address(0) ? 0 : (amount * feeBps) / 10_000;
        super._update(from, to, amount - fee);
        if (fee != 0) super._update(from, address(0), fee);
    }
}
