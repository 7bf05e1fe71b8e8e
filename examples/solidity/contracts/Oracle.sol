// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {InferenceConsumer} from "@assay/contracts/contracts/consumers/InferenceConsumer.sol";
import {Scores} from "@assay/contracts/contracts/consumers/Scores.sol";
import {IInferenceMarket} from "@assay/contracts/contracts/interfaces/IInferenceMarket.sol";
import {AnswerStage, RequestTerms} from "@assay/contracts/contracts/types/Request.sol";

/// @notice What an integrator writes: a contract that asks one classifier and keeps its final answers. Its base refuses
/// callers that are not the market, and requests that this contract did not open.
contract Oracle is InferenceConsumer {
    using SafeERC20 for IERC20;

    /// @notice How every question is asked. All of it is fixed when the oracle is deployed, so nobody who asks can choose
    /// another model or less security.
    /// @param versionId Model version that must answer; its output is one score (f32) a class.
    /// @param policy Evidence that an answer must bring.
    /// @param fee Price of a question, in token units.
    /// @param valueAtRisk What a wrong answer would cost; sets the stake that is locked for the answer.
    /// @param windowSeconds How long an answer can be challenged.
    /// @param minimumHolders Least number of operators that could be drawn.
    struct Settings {
        bytes32 versionId;
        bytes32 policy;
        uint96 fee;
        uint96 valueAtRisk;
        uint32 windowSeconds;
        uint32 minimumHolders;
    }

    /// @notice A final answer.
    /// @param class Class with the highest score.
    /// @param known Whether there is an answer.
    struct Answer {
        uint8 class;
        bool known;
    }

    uint32 private constant STAGE_SECONDS = 1 hours;
    /// @dev Enough for `Scores.best` of 256 classes and one new storage slot.
    uint32 private constant CALLBACK_GAS = 200_000;

    /// @notice Who asks and pays, and gets back what is left.
    address public immutable OWNER;

    Settings public settings;

    mapping(bytes32 requestId => Answer answer) public answerOf;

    event Answered(bytes32 indexed requestId, uint8 class);

    error OracleNotOwner(address actual, address expected);
    error OracleOutputsMissing(bytes32 requestId);

    constructor(IInferenceMarket market, Settings memory settings_) InferenceConsumer(market) {
        OWNER = msg.sender;
        settings = settings_;
    }

    /// @notice Asks on the owner's money: the fee is taken from the owner by allowance.
    /// @param inputs Bytes of the input tensors in order, without gaps; at most the market's `INLINE_LIMIT`.
    function ask(bytes calldata inputs) external returns (bytes32 requestId) {
        require(msg.sender == OWNER, OracleNotOwner(msg.sender, OWNER));
        Settings memory pinned = settings;
        MARKET.TOKEN().safeTransferFrom(OWNER, address(this), pinned.fee);
        return
            _ask(
                RequestTerms({
                    versionId: pinned.versionId,
                    inputs: inputs,
                    inputRoot: 0,
                    inputUri: "",
                    policy: pinned.policy,
                    fee: pinned.fee,
                    valueAtRisk: pinned.valueAtRisk,
                    openSeconds: STAGE_SECONDS,
                    claimSeconds: STAGE_SECONDS,
                    windowSeconds: pinned.windowSeconds,
                    callback: address(this),
                    callbackGas: CALLBACK_GAS,
                    minimumHolders: pinned.minimumHolders
                })
            );
    }

    /// @notice Sends the owner all that came back: fees of requests that failed, and damages for wrong answers. Anyone may
    /// call; the oracle needs no balance between two questions.
    function reclaim() external {
        if (MARKET.creditOf(address(this)) != 0) MARKET.withdraw(address(this));
        IERC20 token = MARKET.TOKEN();
        token.safeTransfer(OWNER, token.balanceOf(address(this)));
    }

    /// @dev A provisional answer can still be convicted: nothing happens before the answer is final.
    function _onAnswer(bytes32 requestId, AnswerStage stage, bytes32, bytes calldata outputs) internal override {
        if (stage != AnswerStage.Final) return;
        // The market leaves out outputs that are too large for calldata; such a model needs an oracle that keeps the root.
        require(outputs.length != 0, OracleOutputsMissing(requestId));
        uint8 class = Scores.best(outputs);
        answerOf[requestId] = Answer({class: class, known: true});
        emit Answered(requestId, class);
    }
}
