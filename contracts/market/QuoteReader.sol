// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IInferenceMarket} from "../interfaces/IInferenceMarket.sol";
import {BPS} from "../types/BasisPoints.sol";
import {PlaceTerms, PlaceView} from "../types/Place.sol";
import {PlaceQuote, QuoteTerms} from "../types/Quote.sol";

/// @title QuoteReader
/// @notice What a request would cost: the stake behind it, the least fee of the market, and the least fee of each operator
/// that would take it. It only reads.
contract QuoteReader {
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
    /// @return collateral Stake that is locked for the answer, in token units.
    /// @return minimumFee Least fee that the market takes, in token units.
    /// @return quotes What the places among those that would take the request want; places that would not are left out.
    function quote(
        QuoteTerms calldata terms,
        uint256 first,
        uint256 count
    ) external view returns (uint256 collateral, uint256 minimumFee, PlaceQuote[] memory quotes) {
        MARKET.ATTESTATION().requirePolicy(terms.policy, terms.versionId, terms.windowSeconds);
        collateral = MARKET.collateralFor(terms.valueAtRisk);
        minimumFee = MARKET.minimumFeeFor(collateral, uint256(terms.claimSeconds) + terms.windowSeconds);
        (, , uint16 royaltyBps, ) = MARKET.REGISTRY().termsOf(terms.versionId);
        uint256 stakeOfWeight = MARKET.STAKING().MINIMUM_STAKE();

        PlaceView[] memory places = MARKET.POOLS().placesOf(terms.versionId, first, count);
        PlaceQuote[] memory found = new PlaceQuote[](places.length);
        uint256 able;
        for (uint256 i; i < places.length; ++i) {
            PlaceTerms memory wanted = places[i].terms;
            // A weight of a million stands for the minimum stake.
            if (
                (places[i].weight * stakeOfWeight) / 1_000_000 < collateral ||
                places[i].weight == 0 ||
                wanted.capacity == 0 ||
                terms.claimSeconds < wanted.minimumClaimSeconds ||
                terms.callbackGas > wanted.maximumCallbackGas
            ) continue;
            uint256 net = wanted.minimumFee + uint256(wanted.callbackPrice) * terms.callbackGas * 2;
            found[able++] = PlaceQuote({
                operator: places[i].operator,
                weight: places[i].weight,
                leastFee: Math.max(_gross(net, royaltyBps), minimumFee)
            });
        }
        quotes = new PlaceQuote[](able);
        for (uint256 i; i < able; ++i) quotes[i] = found[i];
    }

    /// @dev Least fee of which `net` is left after the royalty, which is rounded down.
    function _gross(uint256 net, uint256 royaltyBps) private pure returns (uint256 fee) {
        fee = Math.ceilDiv(net * BPS, BPS - royaltyBps);
        if (fee != 0 && fee - 1 - ((fee - 1) * royaltyBps) / BPS >= net) --fee;
    }
}
