import { expect } from "chai";
import { type AssayErrorCode, isAssayError } from "../../../runner/errors.ts";
import { importModel } from "../../../runner/onnx/index.ts";
import {
  encode,
  f32,
  i64,
  onnxFile,
  rawNode,
  run,
  type TestModel,
  type TestNode,
  valueInfo,
} from "../../../testing/onnx-model.ts";

const failure = (bytes: Uint8Array): { readonly code: AssayErrorCode; readonly message: string } => {
  try {
    importModel(bytes);
  } catch (error) {
    if (isAssayError(error)) return error;
    throw error;
  }
  throw new Error("the import succeeded");
};

const add: TestModel = {
  inputs: { x: f32([2], [1, 2]), y: f32([2], [10, 20]) },
  nodes: [{ op: "Add", in: ["x", "y"], out: ["z"] }],
  outputs: ["z"],
};

describe("importModel", () => {
  describe("given a model of one node", () => {
    it("gives a program whose output is that of the node", () => {
      const { model, outputs } = run(add);
      expect([...(outputs[0]?.data ?? [])]).to.deep.equal([11, 22]);
      expect(model.inputs.map(({ name }) => name)).to.deep.equal(["x", "y"]);
      expect(model.outputs[0]).to.include({ name: "z", dtype: "f32" });
    });
  });

  describe("given a symbolic dimension", () => {
    const model: TestModel = {
      inputs: { x: f32(["N", 2], [1, -2, 3, -4]) },
      nodes: [{ op: "Relu", in: ["x"], out: ["y"] }],
      outputs: ["y"],
    };
    it("uses the size bound to its name", () => {
      expect([...(run(model, { shapes: { N: 2 } }).outputs[0]?.data ?? [])]).to.deep.equal([1, 0, 3, 0]);
    });
    it("fails when no size is bound", () => {
      expect(failure(onnxFile(model)).code).to.equal("ONNX_SHAPE_UNBOUND");
    });
  });

  describe("given an output that moves nothing", () => {
    it("copies an input", () => {
      const { outputs } = run({
        inputs: { x: f32([2, 2], [1, 2, 3, 4]) },
        nodes: [{ op: "Transpose", in: ["x"], out: ["y"] }],
        outputs: ["y", "x"],
      });
      expect(outputs.map(({ data }) => [...data])).to.deep.equal([
        [1, 3, 2, 4],
        [1, 2, 3, 4],
      ]);
    });
    it("copies a constant", () => {
      const { outputs, model } = run({
        inputs: {},
        constants: { c: i64([2], [7, 8]) },
        nodes: [{ op: "Identity", in: ["c"], out: ["y"] }],
        outputs: ["y", "y"],
      });
      expect(outputs.map(({ data }) => [...data])).to.deep.equal([
        [7n, 8n],
        [7n, 8n],
      ]);
      expect(model.program.kernels).to.have.length(2);
    });
  });

  describe("given nodes that depend on constants only", () => {
    it("folds them, so that no kernel is left but those of the inputs", () => {
      const { model } = run({
        inputs: { x: f32([2], [1, 2]) },
        constants: { a: f32([2], [3, 4]), b: f32([2], [5, 6]) },
        nodes: [
          { op: "Mul", in: ["a", "b"], out: ["c"] },
          { op: "Add", in: ["x", "c"], out: ["y"] },
        ],
        outputs: ["y"],
      });
      expect(model.program.kernels).to.have.length(1);
      expect([...(model.constants[0]?.data ?? [])]).to.deep.equal([15, 24]);
    });
  });

  describe("given the nodes of a file", () => {
    const names = (model: TestModel): string[] =>
      run(model).model.nodes.map((nodes) => nodes.map(({ operator, name }) => `${operator} ${name}`).join(", "));

    it("tells of each kernel whose work it does, in the order in which it is done", () => {
      const model: TestModel = {
        inputs: { x: f32([2], [1, 2]) },
        constants: { c: f32([2], [3, 4]) },
        nodes: [
          { op: "Mul", in: ["x", "c"], out: ["a"] },
          { op: "Add", in: ["a", "c"], out: ["b"] },
          { op: "Relu", in: ["b"], out: ["y"] },
          { op: "ReduceSum", in: ["b"], out: ["s"] },
        ],
        outputs: ["y", "s"],
      };
      expect(names(model)).to.deep.equal(["Mul Mul_a, Add Add_b", "Relu Relu_y", "ReduceSum ReduceSum_s"]);
    });

    it("tells nothing of a copy that only the program needs", () => {
      expect(names({ inputs: { x: f32([2], [1, 2]) }, nodes: [], outputs: ["x"] })).to.deep.equal([""]);
    });

    it("gives the path of a node inside another, and its own name to what follows", () => {
      const graph = {
        node: [rawNode({ op: "Neg", in: ["x"], out: ["inside"] })],
        output: [valueInfo("inside", f32([2]))],
      };
      const model: TestModel = {
        inputs: { x: f32([2], [1, 2]) },
        constants: { yes: { dtype: "bool", shape: [], data: [1] } },
        nodes: [
          { op: "If", in: ["yes"], out: ["a"], attributes: { then_branch: { graph }, else_branch: { graph } } },
          { op: "ReduceSum", in: ["a"], out: ["y"] },
        ],
        outputs: ["a", "y"],
      };
      expect(names(model)).to.deep.equal(["Neg If_a/Neg_inside", "ReduceSum ReduceSum_y"]);
    });
  });

  describe("given a file that is not a model", () => {
    const whole = onnxFile(add);
    it("refuses every truncation that cuts the graph or its opset", () => {
      // The last message imports an operator set that the graph does not use: the file is whole without it.
      const unused =
        whole.length - encode("ModelProto", { opset_import: [{ domain: "com.microsoft", version: 1 }] }).length;
      for (let n = 0; n < unused; n++) {
        const error = failure(whole.subarray(0, n));
        expect(["ONNX_MALFORMED", "ONNX_INVALID"]).to.include(error.code);
      }
    });
    it("refuses random bytes", () => {
      const bytes = Uint8Array.from({ length: 200 }, (_, i) => (i * 7919) & 0xff);
      expect(failure(bytes).code).to.equal("ONNX_MALFORMED");
    });
    it("refuses graphs nested too deep", () => {
      const field = (number: number, bytes: readonly number[]): number[] => {
        const length: number[] = [];
        for (let n = bytes.length; ; n >>= 7) {
          length.push(n > 127 ? (n & 127) | 128 : n);
          if (n <= 127) return [(number << 3) | 2, ...length, ...bytes];
        }
      };
      // A graph of one node whose attribute is a graph of one node whose attribute is a graph …
      let graph: number[] = [];
      for (let i = 0; i < 200; i++) graph = field(1, field(5, field(6, graph)));
      expect(failure(Uint8Array.from(field(7, graph))).code).to.be.oneOf(["ONNX_MALFORMED", "ONNX_LIMIT"]);
    });
  });

  describe("given hostile tensors", () => {
    const withConstant = (tensor: object): Uint8Array =>
      encode("ModelProto", {
        opset_import: [{ version: 17 }],
        graph: {
          initializer: [{ name: "c", ...tensor }],
          node: [{ op_type: "Identity", input: ["c"], output: ["y"] }],
          output: [{ name: "y" }],
        },
      });
    it("refuses ten gigabytes declared in a hundred bytes", () => {
      const error = failure(withConstant({ dims: [2684354560], data_type: 1, raw_data: new Uint8Array(4) }));
      expect(error.code).to.equal("ONNX_MALFORMED");
    });
    it("refuses dimensions whose product overflows", () => {
      expect(failure(withConstant({ dims: [2 ** 31, 2 ** 31, 4], data_type: 1 })).code).to.equal("ONNX_LIMIT");
    });
    it("refuses negative dimensions", () => {
      expect(failure(withConstant({ dims: [-1], data_type: 1 })).code).to.equal("ONNX_LIMIT");
    });
    it("refuses strings", () => {
      expect(failure(withConstant({ dims: [1], data_type: 8 })).code).to.equal("ONNX_UNSUPPORTED");
    });
    it("refuses external data without a folder", () => {
      const external = { dims: [1], data_type: 1, data_location: 1, external_data: [{ key: "location", value: "w" }] };
      expect(failure(withConstant(external)).code).to.equal("ONNX_EXTERNAL_DATA");
    });
    it("does not allocate what ConstantOfShape declares", () => {
      const { outputs } = run({
        inputs: { x: f32([1], [5]) },
        constants: { shape: i64([1], [4_000_000_000]), zero: i64([1], [0]), one: i64([1], [1]) },
        nodes: [
          { op: "ConstantOfShape", in: ["shape"], out: ["big"] },
          { op: "Slice", in: ["big", "zero", "one"], out: ["little"] },
          { op: "Add", in: ["x", "little"], out: ["y"] },
        ],
        outputs: ["y"],
      });
      expect([...(outputs[0]?.data ?? [])]).to.deep.equal([5]);
    });
  });

  describe("given hostile attributes", () => {
    const of = (node: TestNode, shape: readonly number[], more: readonly number[] = shape): Uint8Array =>
      onnxFile({ inputs: { x: f32(shape), y: f32(more) }, nodes: [node], outputs: node.out });

    it("makes no table of two billion entries", () => {
      const pads = [2, 2, 2 ** 31 - 1, 2];
      const pool: TestNode = { op: "AveragePool", in: ["x"], out: ["z"], attributes: { kernel_shape: [3, 3], pads } };
      expect(failure(of(pool, [1, 3, 28, 28])).code).to.equal("ONNX_LIMIT");
    });

    it("looks at no two billion places of a window", () => {
      const kernel = [3, 2 ** 31 - 1];
      const pool: TestNode = { op: "AveragePool", in: ["x"], out: ["z"], attributes: { kernel_shape: kernel } };
      expect(failure(of(pool, [1, 3, 28, 28])).code).to.be.oneOf(["ONNX_INVALID", "ONNX_LIMIT"]);
    });

    it("counts no more scan inputs than there are inputs", () => {
      const body = { graph: { node: [], input: [], output: [] } };
      const attributes = { num_scan_inputs: 2 ** 31 - 1, body };
      const error = failure(of({ op: "Scan", in: ["x", "y"], out: ["z"], attributes }, [2]));
      expect(error.code).to.equal("ONNX_INVALID");
      expect(error.message).to.include("num_scan_inputs 2147483647 of 2 inputs").and.to.include('node "Scan_z"');
    });

    it("refuses sizes that are no whole numbers", () => {
      const transpose: TestNode = { op: "ConvTranspose", in: ["x", "y"], out: ["z"], attributes: { group: 3 } };
      const error = failure(of(transpose, [1, 4, 3, 3], [4, 2, 3, 3]));
      expect(error.code).to.equal("ONNX_INVALID");
      expect(error.message).to.include('node "ConvTranspose_z"');
    });
  });

  describe("given a list that is shorter than it must be", () => {
    const refused = (node: TestNode, constants: TestModel["constants"] = {}): string => {
      const { code, message } = failure(
        onnxFile({ opset: 17, inputs: { x: f32([1, 1, 4, 4]) }, constants, nodes: [node], outputs: ["y"] }),
      );
      expect(code).to.equal("ONNX_INVALID");
      return message;
    };

    it("refuses starts without an end for each, by node, with the element that is missing", () => {
      const constants = { starts: i64([2], [0, 0]), ends: i64([1], [2]) };
      const message = refused({ op: "Slice", in: ["x", "starts", "ends"], out: ["y"] }, constants);
      expect(message).to.include("element 1 of [2] does not exist").and.to.include('node "Slice_y"');
    });
    it("refuses strides that are not one for each dimension of a window", () => {
      const node = { op: "ConvTranspose", in: ["x", "w"], out: ["y"], attributes: { strides: [2] } };
      expect(refused(node, { w: f32([1, 1, 1, 1], [1]) })).to.include("element 1 of [2] does not exist");
    });
  });

  describe("given an input that is too large", () => {
    it("names the input", () => {
      const { code, message } = failure(onnxFile({ ...add, inputs: { x: f32([2 ** 31, 4]), y: f32([1]) } }));
      expect([code, message]).to.deep.equal([
        "ONNX_LIMIT",
        'shape [2147483648, 4] is outside 0 to 2^32 - 1 elements (tensor "x")',
      ]);
    });
  });

  describe("given an operator that the model's opset does not have", () => {
    it("says which opsets have it", () => {
      const nodes = [{ op: "Gelu", in: ["x"], out: ["z"] }];
      const { message } = failure(onnxFile({ ...add, opset: 17, nodes }));
      expect(message).to.match(/it is supported from opset 20 on: convert the model to such an opset$/);
    });
    it("says that there is none", () => {
      const { message } = failure(onnxFile({ ...add, nodes: [{ op: "Unheard", in: ["x"], out: ["z"] }] }));
      expect(message).to.include("no version of it is supported");
    });
  });

  describe("given a graph that breaks a rule", () => {
    it("refuses types that do not fit, by node, with what went wrong as the cause", () => {
      const model: TestModel = {
        opset: 17,
        inputs: { x: f32([2, 3]), i: f32([2]) },
        nodes: [{ op: "ScatterElements", in: ["x", "i", "x"], out: ["y"] }],
        outputs: ["y"],
      };
      const error = failure(onnxFile(model));
      expect(error.code).to.equal("ONNX_INVALID");
      expect(error.message).to.include('node "ScatterElements_y"');
    });
    it("names the node of a kernel that the machine refuses", () => {
      const long = 3_000_000;
      const model: TestModel = {
        inputs: { x: f32([1, long]) },
        nodes: [{ op: "ReduceProd", in: ["x"], out: ["y"], attributes: { axes: [1] } }],
        outputs: ["y"],
      };
      const error = failure(onnxFile(model));
      expect(error.code).to.equal("ONNX_UNSUPPORTED");
      expect(error.message).to.include("transactions to replay").and.to.include('node "ReduceProd_y"');
    });
    const graph = (nodes: readonly object[], output = "y"): Uint8Array =>
      encode("ModelProto", {
        opset_import: [{ version: 17 }],
        graph: { node: nodes, input: [valueInfo("x", f32([1]))], output: [{ name: output }] },
      });
    it("refuses a cycle, by node", () => {
      const error = failure(
        graph(
          [rawNode({ op: "Add", in: ["x", "b"], out: ["a"] }), rawNode({ op: "Relu", in: ["a"], out: ["b"] })],
          "b",
        ),
      );
      expect(error.code).to.equal("ONNX_INVALID");
      expect(error.message).to.contain("cycle").and.to.contain("Add_a");
    });
    it("refuses a name defined twice", () => {
      const twice = [rawNode({ op: "Relu", in: ["x"], out: ["y"] }), rawNode({ op: "Neg", in: ["x"], out: ["y"] })];
      expect(failure(graph(twice)).code).to.equal("ONNX_INVALID");
    });
    it("refuses a name that nothing defines", () => {
      expect(failure(graph([rawNode({ op: "Relu", in: ["nothing"], out: ["y"] })])).message).to.contain("nothing");
    });
    it("refuses an output that nothing gives", () => {
      expect(failure(graph([], "nowhere")).message).to.contain("nowhere");
    });
    it("refuses inputs of different types", () => {
      const bytes = onnxFile({ ...add, inputs: { x: f32([2]), y: i64([2]) } });
      expect(failure(bytes).message).to.contain("f32, i64").and.to.contain("Add_z");
    });
  });

  describe("given what is not supported", () => {
    it("names the operator and the node", () => {
      const error = failure(onnxFile({ ...add, nodes: [{ op: "Nonsense", in: ["x"], out: ["z"] }] }));
      expect(error.code).to.equal("ONNX_UNSUPPORTED");
      expect(error.message).to.contain("operator Nonsense").and.to.contain('node "Nonsense_z"');
    });
    it("names the attribute", () => {
      const error = failure(
        onnxFile({ ...add, nodes: [{ op: "Relu", in: ["x"], out: ["z"], attributes: { slope: 3 } }] }),
      );
      expect(error.message).to.contain('attribute "slope"').and.to.contain('node "Relu_z"');
    });
  });
});
