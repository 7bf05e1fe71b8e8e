import { expect } from "chai";
import { parseEther } from "ethers";
import { network } from "hardhat";

const { ethers } = await network.create();

describe("AssayToken", () => {
  it("is minted by anyone, up to a limit a call", async () => {
    const token = await ethers.deployContract("AssayToken");
    const [account] = await ethers.getSigners();
    if (account === undefined) throw new Error("no account");
    await token.mint(account, parseEther("1000000"));
    expect(await token.balanceOf(account)).to.equal(parseEther("1000000"));
    await expect(token.mint(account, parseEther("1000000") + 1n))
      .to.be.revertedWithCustomError(token, "TokenMintTooLarge")
      .withArgs(parseEther("1000000") + 1n, parseEther("1000000"));
  });
});
