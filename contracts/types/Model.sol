// SPDX-License-Identifier: MIT
pragma solidity >=0.8.20 <0.9.0;

/// @notice A tensor as the machine sees it: a flat row of elements.
/// @param dtype Element type code, see docs/tensor-machine.md section 1.
/// @param length Number of elements, 1 to 2^32 - 1.
struct TensorType {
    uint8 dtype;
    uint64 length;
}

/// @notice What a model is, to the bit. Its hash is the model commitment.
/// @param numericsVersion Version of docs/tensor-machine.md that defines the arithmetic.
/// @param programRoot Root over the encoded kernels.
/// @param kernelCount Number of kernels, at least 1.
/// @param weightsRoot Root over the tensor roots of the constants; zero when there are none.
/// @param constantCount Number of constants.
/// @param inputs Types of the inputs, in order.
/// @param outputs Types of the outputs, in order.
/// @param outputKernels Index of the kernel that gives each output.
struct ModelManifest {
    uint32 numericsVersion;
    bytes32 programRoot;
    uint32 kernelCount;
    bytes32 weightsRoot;
    uint32 constantCount;
    TensorType[] inputs;
    TensorType[] outputs;
    uint32[] outputKernels;
}
