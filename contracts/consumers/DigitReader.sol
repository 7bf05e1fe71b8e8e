// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IInferenceMarket, RequestTerms} from "../interfaces/IInferenceMarket.sol";
import {InferenceConsumer} from "./InferenceConsumer.sol";

/// @title DigitReader
/// @notice Example: reads a handwritten digit through a classifier whose output is one score (f32) a class, and keeps
/// the class with the highest score.
contract DigitReader is InferenceConsumer {
    using SafeERC20 for IERC20;

    /// @notice Digit of a request.
    /// @param digit Class with the highest score.
    /// @param stage How far it may be relied on.
    /// @param known Whether there is an answer.
    struct Reading {
        uint8 digit;
        Stage stage;
        bool known;
    }

    /// @notice Who paid for a request, and how much that asker can still reclaim.
    struct Payment {
        address asker;
        uint96 fee;
    }

    mapping(bytes32 requestId => Reading reading) public readingOf;
    mapping(bytes32 requestId => Payment payment) public paymentOf;

    error ReaderNothingToReclaim(bytes32 requestId);

    event DigitRead(bytes32 indexed requestId, uint8 digit, Stage stage);

    constructor(IInferenceMarket market) InferenceConsumer(market) {}

    /// @notice Asks on the caller's money: the fee is taken from the caller by allowance.
    function ask(RequestTerms calldata terms) external returns (bytes32 requestId) {
        MARKET.TOKEN().safeTransferFrom(msg.sender, address(this), terms.fee);
        requestId = _ask(terms);
        paymentOf[requestId] = Payment({asker: msg.sender, fee: terms.fee});
    }

    /// @notice Returns the fee of a request that failed to whoever asked; anyone may call.
    function reclaim(bytes32 requestId) external {
        Payment memory payment = paymentOf[requestId];
        (IInferenceMarket.Finality finality, ) = MARKET.resultOf(requestId);
        require(payment.fee != 0 && finality == IInferenceMarket.Finality.Failed, ReaderNothingToReclaim(requestId));
        delete paymentOf[requestId];
        if (MARKET.creditOf(address(this)) != 0) MARKET.withdraw(address(this));
        MARKET.TOKEN().safeTransfer(payment.asker, payment.fee);
    }

    function _onAnswer(bytes32 requestId, Stage stage, bytes32, bytes calldata outputs) internal override {
        uint8 digit = argmax(outputs);
        readingOf[requestId] = Reading({digit: digit, stage: stage, known: true});
        emit DigitRead(requestId, digit, stage);
    }

    /// @notice Index of the largest of at most 256 little-endian f32 scores; the first of equal ones.
    function argmax(bytes calldata scores) public pure returns (uint8 best) {
        uint256 highest;
        uint256 end = scores.length & ~uint256(3);
        for (uint256 at; at < end;) {
            uint256 bits = uint256(bytes32(scores[at:])) >> 224;
            // Little-endian: the bytes in pairs, then the pairs.
            bits = ((bits & 0x00ff00ff) << 8) | ((bits >> 8) & 0x00ff00ff);
            bits = ((bits & 0xffff) << 16) | (bits >> 16);
            // Floats order like integers once negative ones are flipped and the rest raised above them.
            uint256 rank = bits ^ (bits >> 31 == 1 ? 0xffffffff : 0x80000000);
            if (rank > highest) {
                highest = rank;
                best = uint8(at / 4);
            }
            // Never beyond the length of calldata.
            unchecked {
                at += 4;
            }
        }
    }
}
