// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRandomness} from "../interfaces/IRandomness.sol";
import {TicketState} from "../types/Draw.sol";

/// @title LocalBlockRandomness
/// @notice For local chains and tests only: the seed is the hash of one fixed later block, which its builder can choose.
/// The hash is read from the EVM for 256 blocks and from the history contract of EIP-2935 for 8,191. Nobody chooses the
/// block: it follows from the commitment.
/// @dev What its strongest party can do: whoever builds that block chooses the outcome for nothing. Its hash changes with
/// every byte of extra data and every order of transactions, so the builder tries headers until it likes one. On a local
/// chain nobody has an interest in that, and nobody has to bring anything for a draw. Where draws matter deploy
/// DrandRandomness or, on Ethereum itself, RandaoRandomness; services/chain/deployment.ts refuses this one there.
contract LocalBlockRandomness is IRandomness {
    /// @notice Blocks between the commitment and the block of the seed.
    uint256 public constant DELAY_BLOCKS = 2;
    /// @notice History contract of EIP-2935.
    address public constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    /// @inheritdoc IRandomness
    function commit() external view returns (uint64 ticket) {
        return uint64(block.number + DELAY_BLOCKS);
    }

    /// @inheritdoc IRandomness
    function seedOf(uint64 ticket) external view returns (TicketState state, bytes32 seed) {
        if (block.number <= ticket) return (TicketState.Pending, 0);
        seed = blockhash(ticket);
        if (seed == 0) {
            // SAFETY: a fixed system contract; without it (an older chain) the answer is empty and the seed stays zero.
            (bool success, bytes memory answer) = HISTORY.staticcall(abi.encode(uint256(ticket)));
            if (success && answer.length == 32) seed = abi.decode(answer, (bytes32));
        }
        return (seed == 0 ? TicketState.Expired : TicketState.Ready, seed);
    }
}
