// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title GasMeter
/// @notice Measures a call from inside, where neither the calldata of the transaction nor its floor counts.
contract GasMeter {
    function measure(address target, bytes calldata data) external view returns (uint256 gasUsed) {
        bytes memory copy = data;
        uint256 start = gasleft();
        (bool ok, ) = target.staticcall(copy);
        gasUsed = start - gasleft();
        require(ok);
    }
}
