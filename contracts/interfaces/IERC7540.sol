// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @title IERC7540Operator
/// @notice ERC-7540: who may manage the requests of an account for it. Interface id 0xe3bc4e65.
interface IERC7540Operator {
    event OperatorSet(address indexed controller, address indexed operator, bool approved);

    /// @notice Lets `operator` request exits of the caller's shares and claim the caller's requests, or no more.
    /// @return success Always true.
    function setOperator(address operator, bool approved) external returns (bool success);

    /// @notice Whether `operator` may act for `controller`.
    function isOperator(address controller, address operator) external view returns (bool status);
}

/// @title IERC7540Redeem
/// @notice ERC-7540: exits by request. What is claimable is claimed with `redeem` or `withdraw` of ERC-4626. Interface id
/// 0x620ee8e4.
interface IERC7540Redeem {
    event RedeemRequest(
        address indexed controller,
        address indexed owner,
        uint256 indexed requestId,
        address sender,
        uint256 shares
    );

    /// @notice Takes `shares` of `owner` and asks for their assets.
    /// @param shares Shares, more than zero.
    /// @param controller Who claims the assets.
    /// @param owner Whose shares they are: the caller, or who made the caller its operator or approved the shares to it.
    /// @return requestId Number of the batch that the request belongs to.
    function requestRedeem(uint256 shares, address controller, address owner) external returns (uint256 requestId);

    /// @notice Shares of a request that cannot be claimed yet.
    function pendingRedeemRequest(uint256 requestId, address controller) external view returns (uint256 shares);

    /// @notice Shares of a request that can be claimed and were not.
    function claimableRedeemRequest(uint256 requestId, address controller) external view returns (uint256 shares);
}
