import { expect } from "chai";
import { AbiCoder, id, keccak256, ZeroAddress } from "ethers";
import { network } from "hardhat";

import { CONTEXT, contextOf } from "../support/answer.ts";
import { DAY, deployProtocol, OPTIMISTIC, policyOf, SIGNED } from "../support/protocol.ts";

const connection = await network.create();
const { ethers, networkHelpers } = connection;

const MOCK = "0xaaaaaaaa";
const OTHER = "0xbbbbbbbb";

describe("AttestationVerifier", () => {
  const fixture = async () => {
    const protocol = await deployProtocol(connection);
    const mock = await ethers.deployContract("VerifierMock");
    await protocol.attestation.addRoute(MOCK, mock);
    await protocol.attestation.addRoute(OTHER, mock);
    return { ...protocol, mock };
  };
  let protocol: Awaited<ReturnType<typeof fixture>>;
  let attestation: (typeof protocol)["attestation"];
  beforeEach(async () => {
    protocol = await networkHelpers.loadFixture(fixture);
    attestation = protocol.attestation;
  });

  const evidenceFor = (context: object) => keccak256(AbiCoder.defaultAbiCoder().encode([CONTEXT], [context]));

  describe("addRoute", () => {
    it("adds a route and says so", async () => {
      await expect(attestation.addRoute("0xcccccccc", protocol.mock))
        .to.emit(attestation, "RouteAdded")
        .withArgs("0xcccccccc", protocol.mock.target);
      expect([...(await attestation.routeOf("0xcccccccc"))]).to.deep.equal([protocol.mock.target, 1n]);
    });
    it("refuses the zero selector and a verifier without code", async () => {
      await expect(attestation.addRoute("0x00000000", protocol.mock))
        .to.be.revertedWithCustomError(attestation, "AttestationRouteInvalid")
        .withArgs("0x00000000", protocol.mock.target);
      await expect(attestation.addRoute("0xcccccccc", protocol.alice))
        .to.be.revertedWithCustomError(attestation, "AttestationRouteInvalid")
        .withArgs("0xcccccccc", protocol.alice.address);
    });
    it("never replaces a route, dead or alive", async () => {
      await expect(attestation.addRoute(MOCK, protocol.mock))
        .to.be.revertedWithCustomError(attestation, "AttestationRouteTaken")
        .withArgs(MOCK, 1);
      await attestation.tombstoneRoute(MOCK);
      await expect(attestation.addRoute(MOCK, protocol.mock))
        .to.be.revertedWithCustomError(attestation, "AttestationRouteTaken")
        .withArgs(MOCK, 2);
    });
    it("is governance's alone", async () => {
      const stranger = attestation.connect(protocol.stranger);
      await expect(stranger.addRoute("0xcccccccc", protocol.mock))
        .to.be.revertedWithCustomError(attestation, "AccessManagedUnauthorized")
        .withArgs(protocol.stranger.address);
      await expect(stranger.tombstoneRoute(MOCK))
        .to.be.revertedWithCustomError(attestation, "AccessManagedUnauthorized")
        .withArgs(protocol.stranger.address);
    });
    it("waits for the delay that governance was given", async () => {
      const { authority, admin } = protocol;
      const role = 7n;
      const selector = attestation.getFunction("addRoute").fragment.selector;
      await authority.connect(admin).setTargetFunctionRole(attestation, [selector], role);
      await authority.connect(admin).grantRole(role, protocol.bob, 50 * DAY);
      const call = attestation.interface.encodeFunctionData("addRoute", ["0xcccccccc", protocol.mock.target]);
      const operation = await authority.hashOperation(protocol.bob, attestation, call);
      await expect(attestation.connect(protocol.bob).addRoute("0xcccccccc", protocol.mock))
        .to.be.revertedWithCustomError(authority, "AccessManagerNotScheduled")
        .withArgs(operation);
      await authority.connect(protocol.bob).schedule(attestation, call, 0);
      await networkHelpers.time.increase(50 * DAY - 10);
      await expect(attestation.connect(protocol.bob).addRoute("0xcccccccc", protocol.mock))
        .to.be.revertedWithCustomError(authority, "AccessManagerNotReady")
        .withArgs(operation);
      await networkHelpers.time.increase(10);
      await attestation.connect(protocol.bob).addRoute("0xcccccccc", protocol.mock);
    });
  });

  describe("tombstoneRoute", () => {
    it("kills a route for ever", async () => {
      await expect(attestation.tombstoneRoute(MOCK)).to.emit(attestation, "RouteTombstoned").withArgs(MOCK);
      expect(await attestation.isLive(policyOf(MOCK))).to.equal(false);
      expect(await attestation.isLive(policyOf(OTHER))).to.equal(true);
      for (const [selector, state] of [
        [MOCK, 2],
        ["0xdddddddd", 0],
      ] as const) {
        await expect(attestation.tombstoneRoute(selector))
          .to.be.revertedWithCustomError(attestation, "AttestationRouteUnusable")
          .withArgs(selector, state);
      }
    });
  });

  describe("requirePolicy", () => {
    it("passes when every route is active and every verifier accepts the terms", async () => {
      await attestation.requirePolicy(policyOf(MOCK), id("version"), 0);
      await attestation.requirePolicy(policyOf(MOCK, OPTIMISTIC, SIGNED, OTHER), id("version"), 60);
    });
    it("refuses policies that are empty, have a gap or name a mode twice", async () => {
      for (const policy of [policyOf(), policyOf(MOCK, "0x00000000", OTHER), policyOf(MOCK, OTHER, MOCK)]) {
        await expect(attestation.requirePolicy(policy, id("version"), 60))
          .to.be.revertedWithCustomError(attestation, "AttestationPolicyMalformed")
          .withArgs(policy);
      }
    });
    it("refuses unknown and dead routes, even behind active ones", async () => {
      await attestation.tombstoneRoute(OTHER);
      for (const [selector, state] of [
        ["0xdddddddd", 0],
        [OTHER, 2],
      ] as const) {
        await expect(attestation.requirePolicy(policyOf(MOCK, selector), id("version"), 60))
          .to.be.revertedWithCustomError(attestation, "AttestationRouteUnusable")
          .withArgs(selector, state);
      }
    });
    it("refuses terms that a verifier could never accept", async () => {
      await expect(attestation.requirePolicy(policyOf(OPTIMISTIC), id("version"), 59))
        .to.be.revertedWithCustomError(protocol.optimistic, "EvidenceTermsRefused")
        .withArgs(id("version"), 59);
      await protocol.mock.setRefusing(true);
      await expect(attestation.requirePolicy(policyOf(OPTIMISTIC, MOCK), id("version"), 60))
        .to.be.revertedWithCustomError(protocol.mock, "EvidenceTermsRefused")
        .withArgs(id("version"), 60);
    });
    it("takes eight modes", async () => {
      const selectors = ["0x10000000", "0x20000000", "0x30000000", "0x40000000", "0x50000000", "0x60000000"];
      for (const selector of selectors) await attestation.addRoute(selector, protocol.mock);
      const policy = policyOf(MOCK, OTHER, ...selectors);
      await attestation.requirePolicy(policy, id("version"), 60);
      expect(await attestation.isLive(policy)).to.equal(true);
    });
  });

  describe("verify", () => {
    it("asks every mode with the whole context and its own selector", async () => {
      const evidence = [
        evidenceFor(contextOf(protocol, { mode: MOCK })),
        evidenceFor(contextOf(protocol, { mode: OTHER })),
      ];
      await attestation.verify(policyOf(MOCK, OTHER), contextOf(protocol), evidence);
    });
    it("fails when any field of the context differs", async () => {
      const evidence = [evidenceFor(contextOf(protocol, { mode: MOCK }))];
      for (const field of [
        { market: ZeroAddress },
        { requestId: id("?") },
        { versionId: id("?") },
        { numericsVersion: 2 },
        { inputRoot: id("?") },
        { outputRoot: id("?") },
        { operator: protocol.bob.address },
        { deadline: 1 },
        { windowSeconds: 61 },
      ]) {
        await expect(attestation.verify(policyOf(MOCK), contextOf(protocol, field), evidence))
          .to.be.revertedWithCustomError(protocol.mock, "EvidenceRejected")
          .withArgs(MOCK, contextOf(protocol, field).requestId);
      }
      await attestation.verify(policyOf(MOCK), contextOf(protocol), evidence);
    });
    it("fails when one of several modes does not hold", async () => {
      const evidence = [
        evidenceFor(contextOf(protocol, { mode: MOCK })),
        evidenceFor(contextOf(protocol, { mode: MOCK })),
      ];
      await expect(attestation.verify(policyOf(MOCK, OTHER), contextOf(protocol), evidence))
        .to.be.revertedWithCustomError(protocol.mock, "EvidenceRejected")
        .withArgs(OTHER, id("request"));
    });
    it("fails with too little or too much evidence", async () => {
      for (const evidence of [[], ["0x", "0x"]]) {
        await expect(attestation.verify(policyOf(MOCK), contextOf(protocol), evidence))
          .to.be.revertedWithCustomError(attestation, "AttestationEvidenceCount")
          .withArgs(evidence.length, 1);
      }
    });
    it("fails when a route is dead", async () => {
      await attestation.tombstoneRoute(MOCK);
      await expect(attestation.verify(policyOf(MOCK), contextOf(protocol), ["0x"]))
        .to.be.revertedWithCustomError(attestation, "AttestationRouteUnusable")
        .withArgs(MOCK, 2);
    });
  });
});
