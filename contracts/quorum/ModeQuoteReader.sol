// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IAttestationVerifier} from "../interfaces/IAttestationVerifier.sol";
import {IQuorumMarket} from "../interfaces/IQuorumMarket.sol";
import {QuoteReader} from "../market/QuoteReader.sol";
import {ModeQuote, QuorumQuoteTerms, QuoteTerms} from "../types/Quote.sol";

/// @title ModeQuoteReader
/// @notice Price and time of the ways to an answer, side by side: one operator of the market under each policy, and quorums.
/// It only reads.
contract ModeQuoteReader {
    /// @dev See QuoteReader: a fee locks more stake and so asks for more fee.
    uint256 private constant MAX_ROUNDS = 96;

    QuoteReader public immutable QUOTES;
    IQuorumMarket public immutable QUORUMS;
    IAttestationVerifier private immutable ATTESTATION;

    constructor(QuoteReader quotes, IQuorumMarket quorums) {
        QUOTES = quotes;
        QUORUMS = quorums;
        ATTESTATION = quorums.MARKET().ATTESTATION();
    }

    /// @notice Quotes requests of the market and quorums that are opened now.
    /// @dev Reverts as the contracts do where a policy cannot be met.
    /// @return quotes One for each of `single`, then one for each of `quorums`, in order.
    function quote(
        QuoteTerms[] calldata single,
        QuorumQuoteTerms[] calldata quorums
    ) external view returns (ModeQuote[] memory quotes) {
        quotes = new ModeQuote[](single.length + quorums.length);
        for (uint256 i; i < single.length; ++i) quotes[i] = _ofMarket(single[i]);
        for (uint256 i; i < quorums.length; ++i) quotes[single.length + i] = _ofQuorum(quorums[i]);
    }

    function _ofMarket(QuoteTerms calldata terms) private view returns (ModeQuote memory) {
        (uint256 collateral, uint256 fee, ) = QUOTES.quote(terms, 0, 0);
        uint256 answer = terms.claimSeconds;
        return ModeQuote(fee, collateral, answer, answer + terms.windowSeconds);
    }

    function _ofQuorum(QuorumQuoteTerms calldata terms) private view returns (ModeQuote memory) {
        ATTESTATION.requirePolicy(terms.policy, terms.versionId, terms.windowSeconds);
        uint256 answer = uint256(terms.commitSeconds) + terms.revealSeconds;
        uint256 last = answer + terms.windowSeconds;
        uint256 fee;
        uint256 collateral;
        for (uint256 i; i < MAX_ROUNDS; ++i) {
            collateral = QUORUMS.collateralFor(terms.valueAtRisk, SafeCast.toUint96(fee), terms.seats, terms.threshold);
            uint256 next = QUORUMS.minimumFeeFor(collateral, terms.openSeconds + last);
            if (next == fee) break;
            fee = next;
        }
        return ModeQuote(fee * terms.seats, collateral * terms.seats, answer, last);
    }
}
