// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {IRequestRelay} from "../interfaces/IRequestRelay.sol";
import {RequestTerms} from "../types/Request.sol";

/// @title RequestRelay
/// @notice See IRequestRelay. It holds no money: a fee comes in and goes on to the market in the same transaction.
contract RequestRelay is IRequestRelay, EIP712, Nonces {
    using SafeERC20 for IERC20;

    /// @notice What requesters sign.
    bytes32 public constant REQUEST_TYPEHASH = keccak256(
        "Request(address market,address requester,bytes32 versionId,bytes inputs,bytes32 inputRoot,string inputUri,bytes32 policy,uint96 fee,uint96 valueAtRisk,uint32 openSeconds,uint32 claimSeconds,uint32 windowSeconds,address callback,uint32 callbackGas,uint32 minimumHolders,uint256 nonce,uint256 deadline)"
    );

    /// @inheritdoc IRequestRelay
    IInferenceMarket public immutable MARKET;
    IERC20 private immutable TOKEN;

    constructor(IInferenceMarket market) EIP712("Assay RequestRelay", "1") {
        MARKET = market;
        TOKEN = market.TOKEN();
        TOKEN.forceApprove(address(market), type(uint256).max);
    }

    /// @inheritdoc IRequestRelay
    function request(
        address requester,
        RequestTerms calldata terms,
        uint256 deadline,
        bytes calldata signature
    ) external returns (bytes32 requestId) {
        require(block.timestamp <= deadline, RelaySignatureExpired(deadline, block.timestamp));
        uint256 nonce = _useNonce(requester);
        // SAFETY: a static call to a requester that is a contract; the nonce is used up already.
        require(
            SignatureChecker.isValidSignatureNowCalldata(
                requester,
                digestOf(requester, terms, nonce, deadline),
                signature
            ),
            RelaySignatureInvalid(requester, nonce)
        );
        TOKEN.safeTransferFrom(requester, address(this), terms.fee);
        return MARKET.requestFor(requester, terms);
    }

    /// @inheritdoc IRequestRelay
    function cancel() external {
        _useNonce(msg.sender);
    }

    /// @inheritdoc IRequestRelay
    function digestOf(
        address requester,
        RequestTerms calldata terms,
        uint256 nonce,
        uint256 deadline
    ) public view returns (bytes32) {
        bytes memory who = abi.encode(
            REQUEST_TYPEHASH,
            MARKET,
            requester,
            terms.versionId,
            keccak256(terms.inputs),
            terms.inputRoot,
            keccak256(bytes(terms.inputUri)),
            terms.policy
        );
        bytes memory how = abi.encode(
            terms.fee,
            terms.valueAtRisk,
            terms.openSeconds,
            terms.claimSeconds,
            terms.windowSeconds,
            terms.callback,
            terms.callbackGas,
            terms.minimumHolders,
            nonce,
            deadline
        );
        return _hashTypedDataV4(keccak256(bytes.concat(who, how)));
    }
}
