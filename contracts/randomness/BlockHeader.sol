// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title BlockHeader
/// @notice Reads a block header in RLP, the bytes whose keccak256 is the block's hash.
/// @dev Strict: every length lies inside the header and has its one shortest form. Fields behind the one that is read are
/// not looked at; forks append theirs there.
library BlockHeader {
    /// @dev Place of `mixHash`, counted from 0; since EIP-4399 it holds `prevrandao`.
    uint256 private constant MIX_HASH = 13;

    /// @notice The bytes at `offset` are not what a header has there, or lie outside it.
    error BlockHeaderMalformed(uint256 offset);

    /// @notice `prevrandao` of the block of that header.
    /// @dev Reverts with BlockHeaderMalformed, with where reading stopped.
    function prevRandao(bytes calldata header) internal pure returns (bytes32) {
        (bool isList, uint256 start, uint256 end) = _item(header, 0);
        require(isList && end == header.length, BlockHeaderMalformed(0));
        for (uint256 i; i < MIX_HASH; ++i) {
            uint256 offset = start;
            (isList, , start) = _item(header, offset);
            // No field of a header is a list.
            require(!isList, BlockHeaderMalformed(offset));
        }
        uint256 position = start;
        (isList, start, end) = _item(header, position);
        require(!isList && end - start == 32, BlockHeaderMalformed(position));
        return bytes32(header[start:end]);
    }

    /// @dev Reads the prefix of the item at `offset`. Its content is `header[start:end]`.
    function _item(
        bytes calldata header,
        uint256 offset
    ) private pure returns (bool isList, uint256 start, uint256 end) {
        require(offset < header.length, BlockHeaderMalformed(offset));
        uint256 prefix = uint8(header[offset]);
        // A byte below 0x80 is itself.
        if (prefix < 0x80) return (false, offset, offset + 1);
        isList = prefix >= 0xc0;
        start = offset + 1;
        uint256 length = prefix - (isList ? 0xc0 : 0x80);
        if (length > 55) {
            // The length itself follows, big-endian, in up to 8 bytes.
            uint256 size = length - 55;
            require(start + size <= header.length, BlockHeaderMalformed(offset));
            length = uint256(bytes32(header[start:start + size])) >> (256 - 8 * size);
            require(length > 55 && header[start] != 0, BlockHeaderMalformed(offset));
            start += size;
        }
        end = start + length;
        require(end <= header.length, BlockHeaderMalformed(offset));
        // One byte below 0x80 has no prefix.
        require(isList || length != 1 || uint8(header[start]) >= 0x80, BlockHeaderMalformed(offset));
    }
}
