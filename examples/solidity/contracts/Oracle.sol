// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {InferenceConsumer} from "@assay/contracts/contracts/consumers/InferenceConsumer.sol";
import {Scores} from "@assay/contracts/contracts/consumers/Scores.sol";
import {ICreditLedger} from "@assay/contracts/contracts/interfaces/ICreditLedger.sol";
import {IInferenceMarket} from "@assay/contracts/contracts/interfaces/IInferenceMarket.sol";
import {ConsumerTerms} from "@assay/contracts/contracts/types/Consumer.sol";
import {AnswerStage} from "@assay/contracts/contracts/types/Request.sol";

/// @notice What an integrator writes: a contract that asks one classifier and keeps its final answers. Its base fixes
/// model, price and security when it is deployed, and refuses callers that are not the market, and requests that this
/// contract did not open. Deploy it with `acceptedStage` `Final`: a provisional answer can still be convicted.
contract Oracle is InferenceConsumer {
    using SafeERC20 for IERC20;

    /// @notice A final answer.
    /// @param class Class with the highest score.
    /// @param known Whether there is an answer.
    struct Answer {
        uint8 class;
        bool known;
    }

    /// @notice Who asks and pays, and gets back what is left.
    address public immutable OWNER;

    mapping(bytes32 requestId => Answer answer) public answerOf;

    event Answered(bytes32 indexed requestId, uint8 class);

    error OracleNotOwner(address actual, address expected);
    error OracleOutputsMissing(bytes32 requestId);

    constructor(IInferenceMarket market, ConsumerTerms memory terms) InferenceConsumer(market, terms) {
        OWNER = msg.sender;
    }

    /// @notice Asks on the owner's money: the fee is taken from the owner by allowance.
    /// @param inputs Bytes of the input tensors in order, without gaps; at most the market's `INLINE_LIMIT`.
    function ask(bytes calldata inputs) external returns (bytes32 requestId) {
        require(msg.sender == OWNER, OracleNotOwner(msg.sender, OWNER));
        TOKEN.safeTransferFrom(OWNER, address(this), FEE);
        return _ask(inputs);
    }

    /// @notice Sends the owner all that came back: fees of requests that failed, and damages for wrong answers. Anyone may
    /// call; the oracle needs no balance between two questions.
    function reclaim() external {
        _withdraw(MARKET);
        _withdraw(MARKET.STAKING());
        TOKEN.safeTransfer(OWNER, TOKEN.balanceOf(address(this)));
    }

    function _onAnswer(bytes32 requestId, AnswerStage stage, bytes32, bytes calldata outputs) internal override {
        if (stage != AnswerStage.Final) return;
        // The market leaves out outputs that are too large for calldata; such a model needs an oracle that keeps the root.
        require(outputs.length != 0, OracleOutputsMissing(requestId));
        uint8 class = Scores.best(outputs);
        answerOf[requestId] = Answer({class: class, known: true});
        emit Answered(requestId, class);
    }

    function _withdraw(ICreditLedger ledger) private {
        if (ledger.creditOf(address(this)) != 0) ledger.withdraw(address(this));
    }
}
