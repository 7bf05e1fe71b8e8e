#!/usr/bin/env python3
"""Makes every file in this folder except README.md and this one.

Needs Python 3.11 with torch 1.13, scikit-learn 1.2, onnx 1.12 and numpy 1.24
(Debian 12: python3-torch python3-sklearn python3-onnx python3-numpy).
No network: scikit-learn carries the digits. Takes about ten seconds on one core.

    python3 recipe.py
"""
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

HERE = Path(__file__).resolve().parent
SEED, EPOCHS, BATCH, HELD_OUT, OPSET = 7, 60, 64, 360, 13


# --- Data ------------------------------------------------------------------
# The images are in order of writer, so the last 360 were mostly drawn by
# people whose hand the training set does not contain.
def load():
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target)
    return (images[:-HELD_OUT], labels[:-HELD_OUT]), (images[-HELD_OUT:], labels[-HELD_OUT:])


# --- Model and training ----------------------------------------------------
def block(inputs, outputs, kernel, groups=1):
    return [
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]


def build():
    return nn.Sequential(
        *block(1, 16, 3),
        *block(16, 32, 3),
        nn.MaxPool2d(2),
        *block(32, 32, 3, groups=32),  # depthwise
        *block(32, 64, 1),  # pointwise
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


def jitter(batch):
    """Shift, turn and scale each image a little."""
    count = len(batch)
    angle = (torch.rand(count) - 0.5) * 0.5
    scale = 1 + (torch.rand(count) - 0.5) * 0.3
    shift = (torch.rand(count, 2) - 0.5) * 0.4
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    theta = torch.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], 1).view(-1, 2, 3)
    return F.grid_sample(batch, F.affine_grid(theta, list(batch.shape), align_corners=False), align_corners=False)


def train(model, images, labels):
    steps = EPOCHS * ((len(images) + BATCH - 1) // BATCH)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=steps)
    model.train()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(images)).split(BATCH):
            loss = F.cross_entropy(model(jitter(images[rows])), labels[rows], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return model.eval()


# --- Quantisation ----------------------------------------------------------
def fold(conv, norm):
    """One convolution that equals `conv` followed by `norm`."""
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return conv.weight * gain.view(-1, 1, 1, 1), (conv.bias - norm.running_mean) * gain + norm.bias


def layers_of(model):
    """The model as quantisable steps, with batch normalisation folded in."""
    for index, module in enumerate(model):
        if isinstance(module, nn.Conv2d):
            weight, bias = fold(module, model[index + 1])
            yield "conv", weight, bias, module
        elif isinstance(module, nn.MaxPool2d):
            yield "pool", None, None, module
        elif isinstance(module, nn.Flatten):
            yield "flatten", None, None, module
        elif isinstance(module, nn.Linear):
            yield "matmul", module.weight, module.bias, module


def quantise(model, images):
    """Static quantisation: uint8 activations, int8 weights symmetric per output channel.

    Pixels are multiples of 1/16, so a scale of 1/16 holds them exactly. A ReLU
    needs no node: its output starts at zero point 0, where uint8 saturates.
    """
    steps, value, scale = [], images, np.float32(1 / 16)
    for kind, weight, bias, module in layers_of(model):
        if kind == "pool":
            value = module(value)
            steps.append(dict(kind=kind))
        elif kind == "flatten":
            value = module(value)
            steps.append(dict(kind=kind))
        else:
            if kind == "conv":
                value = F.relu(F.conv2d(value, weight, bias, padding=module.padding, groups=module.groups))
                low, high = 0.0, float(value.max())
            else:
                value = value @ weight.T  # the bias is added in f32, after dequantisation
                low, high = float(value.min()), float(value.max())
            flat = weight.detach().numpy().reshape(len(weight), -1)
            w_scale = (np.abs(flat).max(axis=1) / 127).astype(np.float32)
            y_scale = np.float32((high - low) / 255)
            step = dict(kind=kind, x_scale=scale, w_scale=w_scale, y_scale=y_scale)
            step["y_zero"] = int(round(-low / float(y_scale)))
            step["weight"] = np.rint(flat / w_scale[:, None]).astype(np.int8).reshape(weight.shape)
            if kind == "conv":
                step["bias"] = np.rint(bias.detach().numpy() / (scale * w_scale)).astype(np.int32)
                step["pad"], step["groups"] = module.padding[0], module.groups
            else:
                step["bias"] = bias.detach().numpy()
            steps.append(step)
            scale = y_scale
    return steps


def run_int8(steps, images):
    """Reference evaluation: exact integers, f32 rescaling. Gives uint8 scores and probabilities."""
    value = torch.round(images * 16).clamp(0, 255).double()  # integers, exact in f64
    for step in steps:
        if step["kind"] == "pool":
            value = F.max_pool2d(value, 2)
        elif step["kind"] == "flatten":
            value = value.flatten(1)
        else:
            weight = torch.tensor(step["weight"]).double()
            if step["kind"] == "conv":
                total = F.conv2d(value, weight, torch.tensor(step["bias"]).double(), padding=step["pad"], groups=step["groups"])
            else:
                total = value @ weight.T
            factor = (step["x_scale"] * step["w_scale"] / step["y_scale"]).reshape([-1] + [1] * (total.dim() - 2))
            scaled = np.rint(total.numpy().astype(np.float32) * factor) + step["y_zero"]
            value = torch.tensor(np.clip(scaled, 0, 255)).double()
    last = steps[-1]
    logits = (value.numpy() - last["y_zero"]).astype(np.float32) * last["y_scale"] + last["bias"]
    return value.to(torch.uint8), F.softmax(torch.tensor(logits), dim=1)


def export_int8(steps, path):
    nodes, tensors = [], []

    def keep(name, array):
        tensors.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    params = [keep("image_scale", np.float32(1 / 16)), keep("image_zero", np.uint8(0))]
    value = node("QuantizeLinear", ["image", *params], "image_q")
    for index, step in enumerate(steps):
        name = f"{step['kind']}{index}"
        if step["kind"] == "pool":
            value = node("MaxPool", [value], name, kernel_shape=[2, 2], strides=[2, 2])
            continue
        if step["kind"] == "flatten":
            value = node("Flatten", [value], name, axis=1)
            continue
        conv = step["kind"] == "conv"
        weight = keep(f"{name}_weight", step["weight"] if conv else np.ascontiguousarray(step["weight"].T))
        w_params = [keep(f"{name}_weight_scale", step["w_scale"]), keep(f"{name}_weight_zero", np.zeros(len(step["w_scale"]), np.int8))]
        y_params = [keep(f"{name}_scale", step["y_scale"]), keep(f"{name}_zero", np.uint8(step["y_zero"]))]
        inputs = [value, *params, weight, *w_params, *y_params]
        bias = keep(f"{name}_bias", step["bias"])
        if conv:
            kernel, pad = list(step["weight"].shape[2:]), step["pad"]
            value = node("QLinearConv", [*inputs, bias], name, dilations=[1, 1], group=step["groups"],
                         kernel_shape=kernel, pads=[pad] * 4, strides=[1, 1])
        else:
            value = node("QLinearMatMul", inputs, name)
            value = node("DequantizeLinear", [value, *y_params], f"{name}_f32")
            value = node("Add", [value, bias], "logits")
        params = y_params
    node("Softmax", [value], "probabilities", axis=1)
    graph = helper.make_graph(
        nodes, "digits_int8",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])],
        tensors,
    )
    model = helper.make_model(graph, producer_name="recipe.py", opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 7
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


# --- Everything ------------------------------------------------------------
def export_f32(model, path):
    # PRESERVE keeps Conv and BatchNormalization apart; EVAL would fuse them.
    torch.onnx.export(
        nn.Sequential(*model, nn.Softmax(dim=1)).eval(), torch.zeros(1, 1, 8, 8), str(path),
        training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False, opset_version=OPSET,
        input_names=["image"], output_names=["probabilities"],
        dynamic_axes={"image": {0: "N"}, "probabilities": {0: "N"}},
    )
    onnx.checker.check_model(onnx.load(str(path)), full_check=True)


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    (train_x, train_y), (test_x, test_y) = load()
    model = train(build(), train_x, train_y)
    with torch.no_grad():
        steps = quantise(model, train_x)
        f32 = F.softmax(model(test_x), dim=1)
        scores, int8 = run_int8(steps, test_x)
    export_f32(model, HERE / "digits.onnx")
    export_int8(steps, HERE / "digits.int8.onnx")

    right = {"f32": f32.argmax(1) == test_y, "int8": int8.argmax(1) == test_y}
    for name, hits in right.items():
        print(f"{name}: {int(hits.sum())} of {HELD_OUT} held-out digits right ({100 * hits.float().mean():.2f} %)")
    print(f"the two models agree on {int((f32.argmax(1) == int8.argmax(1)).sum())} of {HELD_OUT}")

    (HERE / "images").mkdir(exist_ok=True)
    expected = []
    for digit in range(10):  # the first held-out image of each class that both models get right
        row = int(torch.nonzero((test_y == digit) & right["f32"] & right["int8"])[0])
        np.save(HERE / "images" / f"digit-{digit}.npy", test_x[row : row + 1].numpy())
        expected.append({"file": f"digit-{digit}.npy", "label": digit, "heldOutIndex": row,
                         "f32": {"probabilities": f32[row].tolist()},
                         "int8": {"quantisedScores": scores[row].tolist(), "probabilities": int8[row].tolist()}})
    write_json(HERE / "images" / "expected.json", expected)
    np.save(HERE / "held-out-images.npy", (test_x * 16).to(torch.uint8).numpy())
    np.save(HERE / "held-out-labels.npy", test_y.to(torch.uint8).numpy())

    def entry(name, file, **more):
        digest = hashlib.sha256((HERE / file).read_bytes()).hexdigest()
        return {"file": file, "sha256": digest, "heldOutRight": int(right[name].sum()), "heldOutCount": HELD_OUT, **more}

    write_json(HERE / "metadata.json", {
        "licence": {"models": "MIT", "images": "CC-BY-4.0"},
        "input": {"name": "image", "shape": ["N", 1, 8, 8], "type": "f32", "range": [0, 1], "step": 1 / 16},
        "output": {"name": "probabilities", "shape": ["N", 10], "type": "f32"},
        "models": [entry("f32", "digits.onnx"), entry("int8", "digits.int8.onnx", derivedFrom="digits.onnx")],
    })


if __name__ == "__main__":
    main()
