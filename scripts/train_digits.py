#!/usr/bin/env python3
"""Trains the small digit classifier of examples/data/digits and writes everything that the C++ side needs.

Data: the 1797 handwritten digits (8x8 pixels, 0..16) of sklearn.datasets.load_digits. 360 of them, picked by a fixed permutation,
are held out: neither the training nor the calibration sees them. Same seed, same torch build and one thread give the same weights.

    python3 scripts/train_digits.py [--out examples/data/digits] [--keep-weights]

--keep-weights trains nothing: it takes the weights that are there and writes only what the converter reads.

Files written (numbers are little-endian):
    digits_weights.txt  one line a tensor, "tensor NAME DIM...", in the order of digits_weights.bin; one line an activation,
                        "range NAME MIN MAX", observed on the training digits
    digits_weights.bin  float32, TensorFlow Lite layouts: convolution OHWI, depthwise 1HWC, fully connected OI
    digits_heldout.bin  uint32 count, then for each digit 64 bytes of pixels (row-major, 0..255) and 1 byte of label
    heldout/            DIGIT_INDEX.pgm for some held-out digits; INDEX counts in digits_heldout.bin
    digits_sheet.png    the digits of heldout/, one class a row, enlarged
    digits.onnx         the network with a softmax behind it, as torch.onnx exports it
    digits_pytorch.txt  how many of the held-out digits PyTorch itself reads right
    digits_calibration.npy  some of the training digits, uint8 [n,8,8,1], from which tfl_convert learns the ranges
"""

import argparse
import math
import pathlib
import struct
import zlib

import numpy as np
import sklearn.datasets
import torch
import torch.nn.functional as F
from torch import nn

SEED = 20
HELD_OUT = 360
PICTURES_PER_CLASS = 6
CALIBRATION = 200
EPOCHS = 60
BATCH = 64


class DigitNet(nn.Module):
    """8x8x1 in 0..1 -> 10 logits; 11,402 parameters."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.pointwise = nn.Conv2d(16, 32, 1)
        self.conv2 = nn.Conv2d(32, 32, 3, padding=1)
        self.logits = nn.Linear(2 * 2 * 32, 10)

    def forward(self, x, tap=None):
        tap = tap if tap is not None else {}
        tap["input"] = x
        x = tap["conv1"] = F.relu(self.conv1(x))
        x = tap["depthwise"] = F.relu(self.depthwise(x))
        x = tap["pointwise"] = F.relu(self.pointwise(x))
        x = F.max_pool2d(x, 2)
        x = tap["conv2"] = F.relu(self.conv2(x))
        x = F.max_pool2d(x, 2)
        # TensorFlow Lite keeps channels last, so the flattened order must be H, W, C.
        x = x.permute(0, 2, 3, 1).reshape(x.shape[0], -1)
        x = F.dropout(x, 0.2, self.training)
        x = tap["logits"] = self.logits(x)
        return x


def augmented(batch, generator):
    """Turns, scales and shifts each picture a little; edges fill with black."""
    count = batch.shape[0]
    uniform = lambda width: (torch.rand(count, generator=generator) * 2 - 1) * width
    angle, scale, dx, dy = uniform(math.radians(12)), 1 + uniform(0.1), uniform(0.2), uniform(0.12)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    theta = torch.stack([torch.stack([cos, -sin, dx], 1), torch.stack([sin, cos, dy], 1)], 1)
    return F.grid_sample(batch, F.affine_grid(theta, list(batch.shape), align_corners=False), align_corners=False)


def train(pixels, labels):
    generator = torch.Generator().manual_seed(SEED)
    net = DigitNet()
    steps = EPOCHS * math.ceil(len(labels) / BATCH)
    optimizer = torch.optim.Adam(net.parameters(), lr=4e-3, weight_decay=1e-5)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=8e-3, total_steps=steps)
    for epoch in range(EPOCHS):
        net.train()
        total = 0.0
        for index in torch.randperm(len(labels), generator=generator).split(BATCH):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(augmented(pixels[index], generator)), labels[index], label_smoothing=0.02)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(index)
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: loss {total / len(labels):.4f}", flush=True)
    return net.eval()


def tensors_of(net):
    """Name -> array in the layout of TensorFlow Lite."""
    values = {}
    for name in ["conv1", "pointwise", "conv2"]:
        layer = getattr(net, name)
        values[f"{name}/filter"] = layer.weight.permute(0, 2, 3, 1)
        values[f"{name}/bias"] = layer.bias
    values["depthwise/filter"] = net.depthwise.weight.permute(1, 2, 3, 0)
    values["depthwise/bias"] = net.depthwise.bias
    values["logits/weights"] = net.logits.weight
    values["logits/bias"] = net.logits.bias
    return {name: np.ascontiguousarray(value.detach().numpy(), dtype="<f4") for name, value in values.items()}


def load_weights(net, folder):
    """What tensors_of() wrote."""
    values = np.frombuffer((folder / "digits_weights.bin").read_bytes(), "<f4")
    at = 0
    for words in (line.split() for line in (folder / "digits_weights.txt").read_text().splitlines()):
        if words[0] != "tensor":
            continue
        shape = [int(size) for size in words[2:]]
        value = torch.from_numpy(values[at:at + math.prod(shape)].reshape(shape).copy())
        at += math.prod(shape)
        layer, kind = words[1].split("/")
        if value.dim() == 4:
            value = value.permute(3, 0, 1, 2) if layer == "depthwise" else value.permute(0, 3, 1, 2)
        with torch.no_grad():
            getattr(getattr(net, layer), "bias" if kind == "bias" else "weight").copy_(value)
    return net.eval()


def write_onnx(net, path):
    whole = nn.Sequential(net, nn.Softmax(1)).eval()
    torch.onnx.export(whole, torch.zeros(1, 1, 8, 8), str(path), opset_version=13, input_names=["image"], output_names=["probabilities"],
                      dynamic_axes={"image": {0: "batch"}, "probabilities": {0: "batch"}})


def write_png(path, gray):
    """8-bit grayscale PNG."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    height, width = gray.shape
    rows = b"".join(b"\0" + gray[y].tobytes() for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def write_pictures(out, images, labels):
    folder = out / "heldout"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.pgm"):
        old.unlink()
    zoom, gap = 4, 4
    cell = 8 * zoom + gap
    sheet = np.full((10 * cell + gap, PICTURES_PER_CLASS * cell + gap), 96, np.uint8)
    for digit in range(10):
        for column, index in enumerate(np.flatnonzero(labels == digit)[:PICTURES_PER_CLASS]):
            image = images[index]
            (folder / f"{digit}_{index:03d}.pgm").write_bytes(b"P5\n8 8\n255\n" + image.tobytes())
            y, x = gap + digit * cell, gap + column * cell
            sheet[y:y + 8 * zoom, x:x + 8 * zoom] = image.repeat(zoom, 0).repeat(zoom, 1)
    write_png(out / "digits_sheet.png", sheet)


def main():
    parser = argparse.ArgumentParser(description="train the digit classifier of the examples")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent / "examples/data/digits")
    parser.add_argument("--keep-weights", action="store_true", help="do not train; write digits.onnx and the calibration digits only")
    arguments = parser.parse_args()
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    digits = sklearn.datasets.load_digits()
    images = np.floor(digits.images * (255 / 16) + 0.5).astype(np.uint8)
    labels = digits.target.astype(np.uint8)
    order = np.random.RandomState(0).permutation(len(labels))
    held, kept = order[:HELD_OUT], order[HELD_OUT:]
    as_input = lambda index: torch.from_numpy(images[index].astype(np.float32) / 255).unsqueeze(1)
    as_target = lambda index: torch.from_numpy(labels[index].astype(np.int64))

    net = load_weights(DigitNet(), out) if arguments.keep_weights else train(as_input(kept), as_target(kept))
    with torch.no_grad():
        calibration = {}
        fitted = net(as_input(kept), calibration).argmax(1) == as_target(kept)
        right = net(as_input(held)).argmax(1) == as_target(held)
    print(f"parameters {sum(p.numel() for p in net.parameters())}")
    print(f"training accuracy {fitted.float().mean().item():.4f}")
    print(f"held-out accuracy {right.float().mean().item():.4f} ({int(right.sum())} of {len(held)})")

    write_onnx(net, out / "digits.onnx")
    (out / "digits_pytorch.txt").write_text(f"{int(right.sum())} of {len(held)} right ({100 * right.float().mean().item():.1f} %)\n")
    np.save(out / "digits_calibration.npy", images[kept[:CALIBRATION]].reshape(-1, 8, 8, 1))
    if arguments.keep_weights:
        return

    tensors = tensors_of(net)
    lines = ["tensor " + name + "".join(f" {size}" for size in value.shape) for name, value in tensors.items()]
    # 9 significant digits keep a float32 exactly.
    lines += [f"range {name} {value.min().item():.9g} {value.max().item():.9g}" for name, value in calibration.items()]
    (out / "digits_weights.txt").write_text("\n".join(lines) + "\n")
    (out / "digits_weights.bin").write_bytes(b"".join(value.tobytes() for value in tensors.values()))
    records = b"".join(images[index].tobytes() + bytes([labels[index]]) for index in held)
    (out / "digits_heldout.bin").write_bytes(struct.pack("<I", len(held)) + records)
    write_pictures(out, images[held], labels[held])


if __name__ == "__main__":
    main()
