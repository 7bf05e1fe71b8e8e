// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {IOperatorPools} from "../interfaces/IOperatorPools.sol";
import {BPS} from "../types/BasisPoints.sol";
import {PlaceTerms, PlaceView} from "../types/Place.sol";
import {PlaceQuote, QuoteTerms} from "../types/Quote.sol";

/// @title QuoteReader
/// @notice What a request would cost: the stake behind it, the least fee of the market, and the least fee of each operator
/// that would take it. It only reads.
contract QuoteReader {
    /// @dev Rounds of the search for the market's least fee. A fee locks more stake and so asks for more fee; each round
    /// finds at least half of what is missing where the price of a lock is below half of its own stake.
    uint256 private constant MAX_ROUNDS = 96;

    IInferenceMarket public immutable MARKET;

    constructor(IInferenceMarket market) {
        MARKET = market;
    }

    /// @notice Quotes a request that is opened now. A fee of which much weight would take the request is answered soon: a
    /// draw gives up after `OperatorPools.MAX_TRIES` places that would not, and another one is made.
    /// @dev Reverts as the market does where the policy cannot be met.
    /// @param terms What is asked.
    /// @param first Number of the first place to look at, from 0.
    /// @param count Most places to look at.
    /// @return collateral Stake that is locked for the answer at the least fee, in token units; a higher fee locks more.
    /// @return minimumFee Least fee that the market takes, in token units.
    /// @return quotes What the places among those that would take the request want; places that would not are left out.
    function quote(
        QuoteTerms calldata terms,
        uint256 first,
        uint256 count
    ) external view returns (uint256 collateral, uint256 minimumFee, PlaceQuote[] memory quotes) {
        MARKET.ATTESTATION().requirePolicy(terms.policy, terms.versionId, terms.windowSeconds);
        minimumFee = _minimumFee(terms);
        collateral = _collateral(terms, minimumFee);
        (, , uint256 royaltyBps, ) = MARKET.REGISTRY().termsOf(terms.versionId);
        uint256 auditBps = MARKET.AUDIT_BPS();
        uint256 minimumStake = MARKET.STAKING().MINIMUM_STAKE();

        IOperatorPools pools = MARKET.POOLS();
        PlaceView[] memory places = pools.placesOf(terms.versionId, first, count);
        PlaceQuote[] memory found = new PlaceQuote[](places.length);
        uint256 able;
        for (uint256 i; i < places.length; ++i) {
            PlaceTerms memory wanted = places[i].terms;
            if (
                places[i].weight == 0 ||
                wanted.capacity == 0 ||
                terms.claimSeconds < wanted.minimumClaimSeconds ||
                terms.callbackGas > wanted.maximumCallbackGas
            ) continue;
            uint256 fee = _gross(wanted.feeFor(terms.callbackGas), minimumFee, royaltyBps, auditBps);
            if ((places[i].weight * minimumStake) / pools.WEIGHT_UNIT() < _collateral(terms, fee)) continue;
            found[able++] = PlaceQuote({operator: places[i].operator, weight: places[i].weight, leastFee: fee});
        }
        quotes = new PlaceQuote[](able);
        for (uint256 i; i < able; ++i) quotes[i] = found[i];
    }

    /// @dev The market's least fee: the least one that pays for the stake that it locks itself.
    function _minimumFee(QuoteTerms calldata terms) private view returns (uint256 fee) {
        for (uint256 i; i < MAX_ROUNDS; ++i) {
            uint256 lockSeconds = uint256(terms.claimSeconds) + terms.windowSeconds;
            uint256 next = MARKET.minimumFeeFor(_collateral(terms, fee), lockSeconds);
            if (next == fee) return fee;
            fee = next;
        }
    }

    function _collateral(QuoteTerms calldata terms, uint256 fee) private view returns (uint256) {
        return MARKET.collateralFor(terms.valueAtRisk, SafeCast.toUint96(fee));
    }

    /// @dev A fee from `minimumFee` on of which `net` is left after royalty and the share of the audits, each rounded down. No
    /// fee that is lower by more than one unit leaves as much.
    function _gross(
        uint256 net,
        uint256 minimumFee,
        uint256 royaltyBps,
        uint256 auditBps
    ) private pure returns (uint256 fee) {
        fee = Math.ceilDiv(net * BPS, BPS - royaltyBps - auditBps);
        for (uint256 i; i < 2; ++i) if (fee != 0 && _net(fee - 1, royaltyBps, auditBps) >= net) --fee;
        fee = Math.max(fee, minimumFee);
        // One unit more may cost two units of shares.
        return _net(fee, royaltyBps, auditBps) < net ? fee + 1 : fee;
    }

    function _net(uint256 fee, uint256 royaltyBps, uint256 auditBps) private pure returns (uint256) {
        return fee - (fee * royaltyBps) / BPS - (fee * auditBps) / BPS;
    }
}
