// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TicketState} from "../types/Draw.sol";
import {IRandaoRandomness} from "../interfaces/IRandaoRandomness.sol";
import {IRandomness} from "../interfaces/IRandomness.sol";
import {BlockHeader} from "./BlockHeader.sol";

/// @title RandaoRandomness
/// @notice The seed is `prevrandao` of one fixed later block, read from that block's header, which the block's hash
/// proves. Nobody chooses the block: it follows from the commitment. For Ethereum itself, where DrandRandomness shall not
/// be trusted.
/// @dev Anyone brings the header, within the 8,191 blocks (27 hours) for which the history contract of EIP-2935 knows the
/// hash. A ticket that nobody served by then is lost: `seedOf` says Expired and the market draws anew. Whoever has an
/// interest in the first outcome can prevent that for one transaction; a pause of the market does not.
/// What its strongest party can do. By EIP-4399 `prevrandao` of block t is the mix that the proposer of block t - 1 leaves;
/// each proposer's part is a signature that it cannot choose. But it can withhold its block, and so reject one outcome, at
/// the price of that block's income (one bit): the mix is then the one before it. The proposers of the last k blocks
/// before t, if they work together, choose among up to 2^k outcomes. What a block contains has no effect on the seed.
/// Who proposes every block from the commitment's to t - 1 knows the seed when it commits. The delay has to make that
/// unlikely: by chance it happens with a share s of all stake to the power of DELAY_BLOCKS. But proposers are known one to
/// two epochs ahead (32 to 64 slots), so that a requester that proposes picks its moment; with the four epochs that
/// EIP-4399 advises, 128 blocks, it cannot.
/// Not for rollups: on the OP Stack `prevrandao` is that of a block of Ethereum, the same for several blocks and chosen by
/// the sequencer; on Arbitrum it is constant, and the constructor refuses.
contract RandaoRandomness is IRandaoRandomness {
    /// @notice Least delay: one honest proposer among four makes the seed unknown at the commitment.
    uint256 public constant MIN_DELAY_BLOCKS = 4;
    /// @notice Largest delay.
    uint256 public constant MAX_DELAY_BLOCKS = 1_024;
    /// @notice History contract of EIP-2935.
    address public constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    /// @notice Blocks between the commitment and the block of the seed.
    uint256 public immutable DELAY_BLOCKS;

    mapping(uint64 blockNumber => bytes32 prevRandao) private _prevRandao;

    /// @param delayBlocks Between MIN_DELAY_BLOCKS and MAX_DELAY_BLOCKS; see above for how to choose it.
    constructor(uint256 delayBlocks) {
        require(
            delayBlocks >= MIN_DELAY_BLOCKS && delayBlocks <= MAX_DELAY_BLOCKS,
            RandaoDelayOutOfRange(delayBlocks, MIN_DELAY_BLOCKS, MAX_DELAY_BLOCKS)
        );
        _requireDrawn(block.prevrandao);
        DELAY_BLOCKS = delayBlocks;
    }

    /// @inheritdoc IRandaoRandomness
    function submit(uint64 blockNumber, bytes calldata header) external returns (bytes32 prevRandao) {
        prevRandao = _prevRandao[blockNumber];
        if (prevRandao != 0) return prevRandao;

        require(block.number > blockNumber, RandaoBlockPending(blockNumber, block.number));
        bytes32 expected = _hashOf(blockNumber);
        require(expected != 0, RandaoBlockLost(blockNumber));
        bytes32 actual = keccak256(header);
        require(actual == expected, RandaoHeaderMismatch(actual, expected));
        prevRandao = BlockHeader.prevRandao(header);
        _requireDrawn(uint256(prevRandao));
        _prevRandao[blockNumber] = prevRandao;
        emit BlockProven(blockNumber, prevRandao);
    }

    /// @inheritdoc IRandomness
    function commit() external view returns (uint64 ticket) {
        return uint64(block.number + DELAY_BLOCKS);
    }

    /// @notice Seed of a ticket: pending until its block's header was brought, and then the same for ever. Expired when the
    /// chain has forgotten the block's hash before that.
    /// @inheritdoc IRandomness
    function seedOf(uint64 ticket) external view returns (TicketState state, bytes32 seed) {
        seed = _prevRandao[ticket];
        if (seed != 0) return (TicketState.Ready, seed);
        bool isLost = block.number > ticket && _hashOf(ticket) == 0;
        return (isLost ? TicketState.Expired : TicketState.Pending, 0);
    }

    /// @dev EIP-4399 leaves the numbers below 2^64 to difficulties. Zero, besides, would mean that nothing is stored.
    function _requireDrawn(uint256 prevRandao) private pure {
        require(prevRandao > type(uint64).max, RandaoMissing(prevRandao));
    }

    /// @dev Hash of a block that is over; zero when this chain does not know it any more.
    function _hashOf(uint64 blockNumber) private view returns (bytes32 hash) {
        hash = blockhash(blockNumber);
        if (hash == 0) {
            // SAFETY: a fixed system contract; without it (an older chain) the answer is empty and the hash stays zero.
            (bool success, bytes memory answer) = HISTORY.staticcall(abi.encode(uint256(blockNumber)));
            if (success && answer.length == 32) hash = abi.decode(answer, (bytes32));
        }
    }
}
