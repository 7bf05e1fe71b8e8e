// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IQuorumMarket} from "../interfaces/IQuorumMarket.sol";
import {QuorumConsumerTerms} from "../types/Consumer.sol";
import {QuorumTerms} from "../types/Quorum.sol";
import {StagedConsumer} from "./StagedConsumer.sol";

/// @title QuorumConsumer
/// @notice Base of contracts that ask a quorum and are called with the answer. It asks one model version under terms that are
/// fixed when it is deployed and pays from its own balance of the token. What a failed quorum gives back is its credit in the
/// quorum market, and damages are its credit in the staking contract; anyone may have both sent to it (`withdraw`).
abstract contract QuorumConsumer is StagedConsumer {
    using SafeERC20 for IERC20;

    /// @notice Quorum market that is asked.
    IQuorumMarket public immutable QUORUMS;
    /// @notice Token of fees.
    IERC20 public immutable TOKEN;
    // See QuorumConsumerTerms.
    bytes32 public immutable VERSION_ID;
    bytes32 public immutable POLICY;
    uint8 public immutable SEATS;
    uint8 public immutable THRESHOLD;
    /// @notice Price of one seat.
    uint96 public immutable FEE;
    uint96 public immutable VALUE_AT_RISK;
    uint32 public immutable OPEN_SECONDS;
    uint32 public immutable COMMIT_SECONDS;
    uint32 public immutable REVEAL_SECONDS;
    uint32 public immutable WINDOW_SECONDS;
    uint32 public immutable CALLBACK_GAS;

    constructor(
        IQuorumMarket quorums,
        QuorumConsumerTerms memory terms
    ) StagedConsumer(address(quorums), terms.acceptedStage) {
        QUORUMS = quorums;
        TOKEN = quorums.TOKEN();
        VERSION_ID = terms.versionId;
        POLICY = terms.policy;
        SEATS = terms.seats;
        THRESHOLD = terms.threshold;
        FEE = terms.fee;
        VALUE_AT_RISK = terms.valueAtRisk;
        OPEN_SECONDS = terms.openSeconds;
        COMMIT_SECONDS = terms.commitSeconds;
        REVEAL_SECONDS = terms.revealSeconds;
        WINDOW_SECONDS = terms.windowSeconds;
        CALLBACK_GAS = terms.callbackGas;
        // Once for all questions: the quorum market takes the fees of what this contract asks, and nothing else.
        TOKEN.forceApprove(address(quorums), type(uint256).max);
    }

    /// @dev Asks.
    /// @param inputs Bytes of the input tensors in order, without gaps.
    function _ask(bytes memory inputs) internal returns (bytes32 quorumId) {
        quorumId = QUORUMS.open(
            QuorumTerms({
                versionId: VERSION_ID,
                inputs: inputs,
                policy: POLICY,
                seats: SEATS,
                threshold: THRESHOLD,
                fee: FEE,
                valueAtRisk: VALUE_AT_RISK,
                openSeconds: OPEN_SECONDS,
                commitSeconds: COMMIT_SECONDS,
                revealSeconds: REVEAL_SECONDS,
                windowSeconds: WINDOW_SECONDS,
                callback: address(this),
                callbackGas: CALLBACK_GAS
            })
        );
        askerOf[quorumId] = msg.sender;
    }
}
