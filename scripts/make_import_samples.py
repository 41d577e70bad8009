#!/usr/bin/env python3
"""Writes tests/converter/samples: small models for the tests of the converter's importers, with one input and what they give for it.

    python3 scripts/make_import_samples.py            # the samples
    python3 scripts/make_import_samples.py FOLDER     # ResNet-18, MobileNetV2 and a U-Net at full width, to try tfl_convert on

Needs Debian's python3-torch and python3-h5py. The results are PyTorch's own; Keras files are written field by field, with PyTorch's
weights in Keras' order, so that neither TensorFlow nor Keras is needed.
"""

import io
import json
import pathlib
import sys
import zipfile

import h5py
import numpy as np
import torch
from torch import nn

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests" / "converter" / "samples"


def save(name, inputs, outputs):
    (FOLDER / f"{name}.in").write_bytes(inputs.detach().numpy().tobytes())
    (FOLDER / f"{name}.out").write_bytes(np.ascontiguousarray(outputs.detach().numpy()).tobytes())


# ---- ONNX


class Block(nn.Module):
    """A residual block, a depthwise convolution and a classifier."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.inner = nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1, groups=4), nn.Hardswish(), nn.Conv2d(4, 4, 1))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(4 * 4 * 4, 5))

    def forward(self, x):
        y = self.stem(x)
        return self.head(torch.relu(y + self.inner(y)))


class Segmenter(nn.Module):
    """Down and up again, with a skip connection."""

    def __init__(self):
        super().__init__()
        self.down, self.middle = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.up, self.out = nn.ConvTranspose2d(4, 4, 3, 2, 1, 1), nn.Conv2d(8, 2, 1)

    def forward(self, x):
        a = torch.relu(self.down(x))
        b = self.up(torch.nn.functional.leaky_relu(self.middle(nn.functional.max_pool2d(a, 2))))
        y = nn.functional.interpolate(self.out(torch.cat([b, a], 1)), scale_factor=2.0, mode="bilinear", align_corners=False)
        return torch.softmax(y, 1)


class Shuffled(nn.Module):
    """What needs care with layouts: groups, PReLU, pooling without its border, pixel shuffle, reductions."""

    def __init__(self):
        super().__init__()
        self.conv, self.prelu, self.pool = nn.Conv2d(4, 8, 3, 2, 1, groups=2), nn.PReLU(8), nn.AvgPool2d(3, 2, 1, count_include_pad=False)
        self.norm = nn.InstanceNorm2d(8, affine=True)

    def forward(self, x):
        a, b = self.prelu(self.conv(x)).chunk(2, 1)
        z = self.norm(nn.functional.pad(self.pool(torch.cat([b, a], 1)), (1, 0, 0, 1)))
        z = nn.functional.pixel_shuffle(nn.functional.interpolate(z, scale_factor=2.0, mode="nearest"), 2)
        return torch.clamp(z[:, :, 1:, ::2], -1, 1).permute(0, 2, 3, 1).reshape(z.shape[0], -1, 2)


class Recurrent(nn.Module):
    def __init__(self, kind, bidirectional):
        super().__init__()
        self.cell = kind(3, 4, 1, batch_first=True, bidirectional=bidirectional)

    def forward(self, x):
        return self.cell(x)[0]


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.attention = nn.Embedding(10, 8), nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm, self.inner = nn.LayerNorm(8), nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 8))

    def forward(self, indices):
        x = self.table(indices)
        x = self.norm(x + self.attention(x, x, x)[0])
        return (x + self.inner(x))[:, 0]


class ResidualBlock(nn.Module):
    def __init__(self, inner, outer, stride):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(inner, outer, 3, stride, 1, bias=False), nn.BatchNorm2d(outer), nn.ReLU(),
                                  nn.Conv2d(outer, outer, 3, 1, 1, bias=False), nn.BatchNorm2d(outer))
        same = stride == 1 and inner == outer
        self.side = nn.Identity() if same else nn.Sequential(nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer))

    def forward(self, x):
        return torch.relu(self.body(x) + self.side(x))


class ResNet18(nn.Module):
    """The eight blocks of ResNet-18; its own width is 64."""

    def __init__(self, width):
        super().__init__()
        sizes = [(width, width, 1), (width, width, 1), (width, 2 * width, 2), (2 * width, 2 * width, 1), (2 * width, 4 * width, 2),
                 (4 * width, 4 * width, 1), (4 * width, 8 * width, 2), (8 * width, 8 * width, 1)]
        self.stem = nn.Sequential(nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.blocks = nn.Sequential(*[ResidualBlock(*s) for s in sizes])
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8 * width, 10))

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)))


class InvertedResidual(nn.Module):
    def __init__(self, inner, outer, stride, factor):
        super().__init__()
        wide = inner * factor
        self.adds = stride == 1 and inner == outer
        self.body = nn.Sequential(nn.Conv2d(inner, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
                                  nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
                                  nn.Conv2d(wide, outer, 1, bias=False), nn.BatchNorm2d(outer))

    def forward(self, x):
        return x + self.body(x) if self.adds else self.body(x)


class MobileNetV2(nn.Module):
    """The seventeen blocks of MobileNetV2; its own width is 1."""

    def __init__(self, width):
        super().__init__()
        channels = lambda c: max(2, round(c * width))
        layers, inner = [nn.Conv2d(3, channels(32), 3, 2, 1, bias=False), nn.BatchNorm2d(channels(32)), nn.ReLU6()], channels(32)
        for factor, outer, count, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
            for i in range(count):
                layers.append(InvertedResidual(inner, channels(outer), stride if i == 0 else 1, factor))
                inner = channels(outer)
        layers += [nn.Conv2d(inner, channels(1280), 1, bias=False), nn.BatchNorm2d(channels(1280)), nn.ReLU6()]
        self.trunk, self.head = nn.Sequential(*layers), nn.Sequential(nn.Dropout(0.2), nn.Linear(channels(1280), 10))

    def forward(self, x):
        return self.head(self.trunk(x).mean([2, 3]))


class UNet(nn.Module):
    """Three floors, each with a way across; its own width would be 64."""

    def __init__(self, width):
        super().__init__()
        double = lambda a, b: nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.Conv2d(b, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU())
        self.first, self.second, self.bottom = double(3, width), double(width, 2 * width), double(2 * width, 4 * width)
        self.up_1, self.back_1 = nn.ConvTranspose2d(4 * width, 2 * width, 2, 2), double(4 * width, 2 * width)
        self.up_2, self.back_2 = nn.ConvTranspose2d(2 * width, width, 2, 2), double(2 * width, width)
        self.out = nn.Conv2d(width, 2, 1)

    def forward(self, x):
        a = self.first(x)
        b = self.second(nn.functional.max_pool2d(a, 2))
        c = self.back_1(torch.cat([b, self.up_1(self.bottom(nn.functional.max_pool2d(b, 2)))], 1))
        return torch.softmax(self.out(self.back_2(torch.cat([a, self.up_2(c)], 1))), 1)


def with_statistics(model):
    """Batch normalizations as training would leave them."""
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.uniform_(-0.2, 0.2), part.running_var.uniform_(0.8, 1.25)
            nn.init.uniform_(part.weight, 0.8, 1.2), nn.init.uniform_(part.bias, -0.2, 0.2)
    return model


def write_architectures(full):
    """Known networks, `full` or as narrow as their structure allows."""
    # The samples before them were drawn without these.
    torch.manual_seed(2)
    models = {
        "resnet18": (ResNet18(64 if full else 2), torch.randn(1, 3, *([224, 224] if full else [32, 32]))),
        "mobilenet_v2": (MobileNetV2(1 if full else 1 / 16), torch.randn(1, 3, *([224, 224] if full else [32, 32]))),
        "unet": (UNet(64 if full else 2), torch.randn(1, 3, *([128, 128] if full else [16, 16]))),
    }
    for name, (model, x) in models.items():
        with_statistics(model).eval()
        save(name, x, model(x))
        torch.onnx.export(model, x, str(FOLDER / f"{name}.onnx"), opset_version=13, input_names=["x"], output_names=["y"])


class Steps(nn.Module):
    """A loop of known length, a loop until something holds, and a branch, which PyTorch exports as such from a script."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, x):
        for _ in range(3):
            x = torch.tanh(self.inner(x)) + x
        y = x
        while bool(y.abs().sum() < 50):
            y = y * 2
        if bool(x.sum() > 0):
            y = y + self.inner(y)
        else:
            y = y - 1
        return y


def write_control_flow():
    torch.manual_seed(3)
    model, x = torch.jit.script(Steps().eval()), torch.randn(2, 4)
    save("loop", x, model(x))
    torch.onnx.export(model, x, str(FOLDER / "loop.onnx"), opset_version=13, input_names=["x"], output_names=["y"])


def write_onnx():
    models = {
        "block": (Block(), torch.randn(1, 3, 14, 14)),
        "segmenter": (Segmenter(), torch.randn(1, 2, 8, 8)),
        "shuffled": (Shuffled(), torch.randn(1, 4, 11, 14)),
        "lstm": (Recurrent(nn.LSTM, False), torch.randn(1, 5, 3)),
        "bilstm": (Recurrent(nn.LSTM, True), torch.randn(1, 5, 3)),
        "gru": (Recurrent(nn.GRU, False), torch.randn(1, 3, 3)),
        "rnn": (Recurrent(nn.RNN, False), torch.randn(1, 5, 3)),
        "encoder": (Encoder(), torch.randint(0, 10, (1, 4))),
    }
    for name, (model, x) in models.items():
        model.eval()
        save(name, x, model(x))
        axes = {"x": {0: "batch"}} if name in ("segmenter", "lstm") else None
        torch.onnx.export(model, x, str(FOLDER / f"{name}.onnx"), opset_version=13, input_names=["x"], output_names=["y"], dynamic_axes=axes)


# ---- Keras


def layer(class_name, name, inputs, keras_3, shape=None, **config):
    config = {"name": name, **config}
    if class_name == "InputLayer":
        config["batch_shape" if keras_3 else "batch_input_shape"] = shape
        nodes = []
    elif keras_3:
        history = [{"class_name": "__keras_tensor__", "config": {"shape": [], "keras_history": [i, 0, 0]}} for i in inputs]
        nodes = [{"args": [history] if len(history) > 1 else history, "kwargs": {}}]
    else:
        nodes = [[[i, 0, 0, {}] for i in inputs]]
    return {"class_name": class_name, "config": config, "name": name, "inbound_nodes": nodes}


def functional(layers, first, last):
    return {"class_name": "Functional", "config": {"name": "model", "layers": layers, "input_layers": [[first, 0, 0]], "output_layers": [[last, 0, 0]]}}


def write_h5(name, model, weights):
    with h5py.File(FOLDER / f"{name}.h5", "w", track_order=True) as file:
        file.attrs["keras_version"], file.attrs["model_config"] = "2.12.0", json.dumps(model)
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [np.bytes_(w) for w in weights]
        for layer_name, arrays in weights.items():
            group = root.create_group(layer_name)
            group.attrs["weight_names"] = [np.bytes_(f"{layer_name}/{w}:0") for w in arrays]
            for weight, values in arrays.items():
                group.create_dataset(f"{layer_name}/{weight}:0", data=values.detach().numpy().astype(np.float32))


def write_keras(name, model, weights):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for group, arrays in weights.items():
            for i, values in enumerate(arrays):
                file.create_dataset(f"layers/{group}/vars/{i}", data=values.detach().numpy().astype(np.float32))
    with zipfile.ZipFile(FOLDER / f"{name}.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for file_name, data in (("metadata.json", json.dumps({"keras_version": "3.3.3"})), ("config.json", json.dumps(model)), ("model.weights.h5", buffer.getvalue())):
            archive.writestr(zipfile.ZipInfo(file_name), data, zipfile.ZIP_DEFLATED)


def gates(matrix, order):
    return torch.cat([matrix.chunk(len(order))[g] for g in order])


def write_image_model():
    conv, norm = nn.Conv2d(3, 4, 3, 1, 1), nn.BatchNorm2d(4, eps=1e-3)
    norm.running_mean.uniform_(-0.5, 0.5), norm.running_var.uniform_(0.5, 2)
    depth, dense = nn.Conv2d(4, 4, 3, 1, 1, groups=4, bias=False), nn.Linear(4, 3)
    for part in (conv, norm, depth, dense):
        part.eval()
    x = torch.randn(1, 3, 6, 6)
    y = torch.relu(norm(conv(x)))
    y = nn.functional.softmax(dense((y + depth(y)).mean([2, 3])), -1)
    save("image", x.permute(0, 2, 3, 1).contiguous(), y)
    same = {"padding": "same", "strides": [1, 1], "dilation_rate": [1, 1], "data_format": "channels_last"}
    for keras_3 in (False, True):
        add = lambda class_name, name, inputs, **config: layer(class_name, name, inputs, keras_3, **config)
        model = functional([
            add("InputLayer", "picture", [], shape=[None, 6, 6, 3]),
            add("Conv2D", "conv", ["picture"], activation="linear", use_bias=True, **same),
            add("BatchNormalization", "norm", ["conv"], axis=[3] if not keras_3 else -1, epsilon=1e-3, center=True, scale=True),
            add("ReLU", "relu", ["norm"], max_value=None, negative_slope=0.0, threshold=0.0),
            add("DepthwiseConv2D", "depth", ["relu"], activation="linear", use_bias=False, **same),
            add("Add", "sum", ["relu", "depth"]),
            add("GlobalAveragePooling2D", "pool", ["sum"], data_format="channels_last", keepdims=False),
            add("Dropout", "drop", ["pool"], rate=0.1),
            add("Dense", "classes", ["drop"], activation="softmax", use_bias=True),
        ], "picture", "classes")
        kernel, depth_kernel = conv.weight.permute(2, 3, 1, 0), depth.weight.permute(2, 3, 0, 1)
        if keras_3:
            write_keras("image", model, {"conv2d": [kernel, conv.bias], "batch_normalization": [norm.weight, norm.bias, norm.running_mean, norm.running_var],
                                         "depthwise_conv2d": [depth_kernel], "dense": [dense.weight.T, dense.bias]})
        else:
            write_h5("image", model, {"conv": {"kernel": kernel, "bias": conv.bias},
                                      "norm": {"gamma": norm.weight, "beta": norm.bias, "moving_mean": norm.running_mean, "moving_variance": norm.running_var},
                                      "depth": {"depthwise_kernel": depth_kernel}, "classes": {"kernel": dense.weight.T, "bias": dense.bias}})


def write_sequence_model():
    lstm, gru = nn.LSTM(3, 4, batch_first=True, bidirectional=True), nn.GRU(8, 5, batch_first=True)
    x = torch.randn(1, 6, 3)
    save("sequence", x, gru(lstm(x)[0])[0][:, -1])
    turned = lambda m: m.T
    half = lambda s: (turned(getattr(lstm, "weight_ih_l0" + s)), turned(getattr(lstm, "weight_hh_l0" + s)), getattr(lstm, "bias_ih_l0" + s) + getattr(lstm, "bias_hh_l0" + s))
    order = (1, 0, 2)  # PyTorch: reset, update, new; Keras: update, reset, new
    gru_weights = {"kernel": turned(gates(gru.weight_ih_l0, order)), "recurrent_kernel": turned(gates(gru.weight_hh_l0, order)),
                   "bias": torch.stack([gates(gru.bias_ih_l0, order), gates(gru.bias_hh_l0, order)])}
    cell = {"activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": True}
    inner = {"class_name": "LSTM", "config": {"name": "lstm", "units": 4, "return_sequences": True, **cell}}
    model = {"class_name": "Sequential", "config": {"name": "model", "layers": [
        {"class_name": "Bidirectional", "config": {"name": "both", "batch_input_shape": [None, 6, 3], "merge_mode": "concat", "layer": inner}},
        {"class_name": "GRU", "config": {"name": "gru", "units": 5, "return_sequences": False, "reset_after": True, **cell}},
    ]}}
    both = {}
    for side, suffix in (("forward_lstm", ""), ("backward_lstm", "_reverse")):
        for weight, values in zip(("kernel", "recurrent_kernel", "bias"), half(suffix)):
            both[f"{side}/lstm_cell/{weight}"] = values
    write_h5("sequence", model, {"both": both, "gru": gru_weights})


# ---- TensorFlow


def node(name, op, inputs=(), **attributes):
    lines = [f'node {{ name: "{name}" op: "{op}"'] + [f'  input: "{i}"' for i in inputs]
    lines += [f'  attr {{ key: "{key}" value {{ {value} }} }}' for key, value in attributes.items()]
    return "\n".join(lines) + " }\n"


def constant(name, values):
    kind, field = ("DT_INT32", "int_val") if values.dtype == torch.int32 else ("DT_FLOAT", "float_val")
    dims = " ".join(f"dim {{ size: {d} }}" for d in values.shape)
    numbers = " ".join(f"{field}: {v}" for v in values.detach().flatten().tolist())
    return node(name, "Const", dtype=f"type: {kind}", value=f"tensor {{ dtype: {kind} tensor_shape {{ {dims} }} {numbers} }}")


def write_graph():
    """A frozen graph: its reshape computes with the unknown size of the batch, as Keras' Flatten does."""
    conv, norm, dense = nn.Conv2d(2, 3, 3, 1, 1), nn.BatchNorm2d(3, eps=1e-3).eval(), nn.Linear(3 * 4 * 4, 4)
    norm.running_mean.uniform_(-0.5, 0.5), norm.running_var.uniform_(0.5, 2)
    x = torch.randn(1, 2, 4, 4)
    y = nn.functional.relu6(norm(conv(x))).permute(0, 2, 3, 1).reshape(1, -1)
    save("graph", x.permute(0, 2, 3, 1).contiguous(), torch.softmax(dense(y), -1))
    ints = lambda *values: torch.tensor(values, dtype=torch.int32)
    (FOLDER / "graph.pbtxt").write_text(
        node("x", "Placeholder", dtype="type: DT_FLOAT", shape="shape { dim { size: -1 } dim { size: 4 } dim { size: 4 } dim { size: 2 } }")
        + constant("kernel", conv.weight.permute(2, 3, 1, 0)) + constant("bias", conv.bias)
        + node("conv", "Conv2D", ["x", "kernel"], padding='s: "SAME"', strides="list { i: 1 i: 1 i: 1 i: 1 }")
        + node("added", "BiasAdd", ["conv", "bias"])
        + constant("scale", norm.weight) + constant("offset", norm.bias) + constant("mean", norm.running_mean) + constant("variance", norm.running_var)
        + node("norm", "FusedBatchNormV3", ["added", "scale", "offset", "mean", "variance"], epsilon="f: 0.001", is_training="b: false")
        + node("relu", "Relu6", ["norm"]) + node("shape", "Shape", ["relu"])
        + constant("zero", ints(0)) + constant("one", ints(1)) + constant("rest", torch.tensor(48, dtype=torch.int32))
        + node("batch", "StridedSlice", ["shape", "zero", "one", "one"], shrink_axis_mask="i: 1")
        + node("sizes", "Pack", ["batch", "rest"], N="i: 2") + node("flat", "Reshape", ["relu", "sizes"])
        + constant("weights", dense.weight.T) + constant("more", dense.bias)
        + node("product", "MatMul", ["flat", "weights"]) + node("sum", "AddV2", ["product", "more"]) + node("y", "Softmax", ["sum"])
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        # The known networks at full width, into a folder of the caller's.
        FOLDER = pathlib.Path(sys.argv[1])
        FOLDER.mkdir(parents=True, exist_ok=True)
        write_architectures(True)
        sys.exit(0)
    torch.manual_seed(1)
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_onnx()
    write_image_model()
    write_sequence_model()
    write_graph()
    write_architectures(False)
    write_control_flow()
