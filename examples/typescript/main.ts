// What an integrator writes: bindings of the contracts, and the runner as a library.
import { IInferenceMarket__factory, type ITensorMachine, ITensorMachine__factory } from "@assay/contracts";
import machineAbi from "@assay/contracts/abi/ITensorMachine.json" with { type: "json" };
import { type Tensor, isAssayError, tensorFrom, tensorFromBytes, tensorRoot } from "@assay/contracts/runner";
import { AbiCoder, Interface } from "ethers";

const tensor: Tensor = tensorFrom("f32", [1, 2, 3]);

const refusal = ((): string => {
  try {
    tensorFromBytes("f32", new Uint8Array(3));
    return "none";
  } catch (error) {
    return isAssayError(error) ? error.code : "untyped";
  }
})();

const machine: ITensorMachine = ITensorMachine__factory.connect("0x0000000000000000000000000000000000000001");
const { data } = await machine.outputType.populateTransaction("0x00");

console.log(
  JSON.stringify({
    root: tensorRoot(tensor),
    refusal,
    calldata: data,
    sameAbi:
      new Interface(machineAbi).getFunction("execute")?.selector === machine.interface.getFunction("execute").selector,
    marketEvents: IInferenceMarket__factory.createInterface().fragments.filter(({ type }) => type === "event").length,
    coder: AbiCoder.defaultAbiCoder().encode(["uint8"], [1]).length,
  }),
);
