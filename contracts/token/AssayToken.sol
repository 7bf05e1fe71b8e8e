// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title AssayToken
/// @notice A token for testnets: anyone mints, up to a limit a call. Worth nothing, on purpose. A deployment with real
/// value names its own ERC-20 instead.
contract AssayToken is ERC20, ERC20Permit {
    /// @notice Most that one call mints.
    uint256 public constant MAX_MINT = 1_000_000 ether;

    error TokenMintTooLarge(uint256 actual, uint256 maximum);

    constructor() ERC20("Assay Testnet Token", "ASSAY") ERC20Permit("Assay Testnet Token") {}

    /// @notice Mints `amount` to `account`; anyone may call.
    function mint(address account, uint256 amount) external {
        require(amount <= MAX_MINT, TokenMintTooLarge(amount, MAX_MINT));
        _mint(account, amount);
    }
}
