#!/usr/bin/env python3
"""Static plans on microcontrollers: flash, RAM and instructions of an inference, beside TensorFlow Lite Micro's and the goals.

    bench/micro/measure.py --codegen build/release/bin/tfl_codegen --counter insn_count.c [--data ../shared] [--boards m3,m4,m55]
                           [--models kws,vww,...] [--policies size,speed] [--schema build/release/include] [--out FOLDER]

Needs gcc-arm-none-eabi and qemu-system-arm. The counter is a plugin for QEMU that counts the instructions between mark_begin() and
mark_end(). Flash is what is linked without the start-up code, weights, biases and multipliers of channels; RAM is everything static.
Outputs are compared with the goldens. With --schema, the folder of the header that flatc makes of schema.fbs, MicroInterpreter is measured
too: alone, and with int8 kernels, where RAM is the arena that it needs.
"""
import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOARD = ROOT / "examples/micro/board"
MODELS = {
    "micro_speech": "micro/micro_speech_quantized",
    "kws": "mlperf_tiny/kws_ref_model",
    "vww": "mlperf_tiny/vww_96_int8",
    "vww_tiled": "mlperf_tiny/vww_96_int8",
    "resnet": "mlperf_tiny/pretrainedResnet_quant",
    "ad": "mlperf_tiny/ad01_int8",
}
BOARDS = {
    "m3": (["-mcpu=cortex-m3"], "mps2.ld", "mps2-an385"),
    "m4": (["-mcpu=cortex-m4"], "mps2.ld", "mps2-an386"),
    "m55": (["-mcpu=cortex-m55", "-mfloat-abi=hard", "-fno-if-conversion2"], "mps3-an547.ld", "mps3-an547"),
}
POLICIES = {"size": "-Os", "speed": "-O2"}
# TensorFlow Lite Micro, reference kernels on the M3 (KB of flash, bytes of arena, millions of instructions), and CMSIS-NN's instructions.
REFERENCE = {
    "micro_speech": (35.2, 6788, 9.16),
    "kws": (43.3, 22772, 42.0),
    "vww": (43.3, 100660, 98.8),
    "vww_tiled": (43.3, 100660, 98.8),
    "resnet": (47.8, 54340, 105.7),
    "ad": (22.2, 2260, 1.95),
}
CMSIS = {
    "micro_speech": {"m3": 1.51, "m4": 1.50, "m55": 1.02},
    "kws": {"m3": 10.5, "m4": 7.70, "m55": 1.81},
    "vww": {"m3": 32.0, "m4": 24.1, "m55": 6.56},
    "vww_tiled": {"m3": 32.0, "m4": 24.1, "m55": 6.56},
    "resnet": {"m3": 41.8, "m4": 29.9, "m55": 4.91},
    "ad": {"m3": 0.96, "m4": 0.58, "m55": 0.29},
}
FLASH_GOALS = {"micro_speech": 9, "kws": 11, "vww": 11, "vww_tiled": 11, "resnet": 12, "ad": 5}
RAM_GOALS = {"micro_speech": 6.1, "kws": 16.5, "vww": 56, "vww_tiled": 40, "resnet": 50, "ad": 1.2}
MODEL_DATA = re.compile(r"::weights$|channel_multipliers<")


def run(*command, **options):
    result = subprocess.run([str(c) for c in command], text=True, capture_output=True, **options)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}")
    return result


def fnv(data):
    value = 2166136261
    for byte in data:
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return f"{value:08x}"


def sections(elf):
    """Bytes of each section."""
    rows = (line.split() for line in run("arm-none-eabi-size", "-A", elf).stdout.splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 3 and row[0].startswith(".")}


def symbols(elf):
    """(address, bytes, name) of each symbol."""
    for line in run("arm-none-eabi-nm", "-C", "-S", elf).stdout.splitlines():
        parts = line.split(" ", 3)
        if len(parts) == 4 and len(parts[2]) == 1:
            yield int(parts[0], 16), int(parts[1], 16), parts[3]
        elif len(parts) == 3:
            yield int(parts[0], 16), 0, parts[2]


def compile_program(elf, source, board, policy, *options):
    flags, script, _ = BOARDS[board]
    run("arm-none-eabi-g++", "-std=c++20", *flags, "-mthumb", POLICIES[policy], "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics",
        "-ffunction-sections", "-fdata-sections", "-DTFL_NO_ERROR_TEXT", "-DNDEBUG", "-Wno-psabi", f"-I{ROOT}/include", f"-I{BOARD}", *options,
        ROOT / "bench/micro" / source, BOARD / "startup.cpp", "--specs=nano.specs", "--specs=nosys.specs", "-nostartfiles",
        "-Wl,--gc-sections", f"-L{BOARD}", f"-T{script}", "-o", elf)


def flash_of(elf):
    size = sections(elf)
    return sum(size.get(name, 0) for name in (".text", ".ARM.exidx", ".ARM.extab", ".data"))


def run_program(args, elf, model, board, *arguments):
    """What it prints, millions of instructions of an inference, and whether the outputs are the goldens."""
    address = {name: place for place, _, name in symbols(elf)}
    counts = args.out / "count.txt"
    words = "".join(f",arg={word}" for word in arguments)
    result = run("qemu-system-arm", "-M", BOARDS[board][2], "-nographic", "-semihosting-config", f"enable=on,target=native{words}", "-kernel", elf,
                 "-plugin", f"{args.out}/insn_count.so,begin={address['mark_begin']:#x},end={address['mark_end']:#x},out={counts}", timeout=600)
    text = result.stdout + result.stderr
    golden = args.data / "goldens" / MODELS[model]
    want = [fnv((golden / f"seed{seed}/out0.bin").read_bytes()) for seed in (1, 2, 3)]
    instructions = int(re.search(r"region (\d+)", counts.read_text()).group(1)) / 1e6
    return text, instructions, re.findall(r"^[0-9a-f]{8}$", text, re.M) == want


def measure(args, model, board, policy):
    elf = args.out / f"{model}-{board}-{policy}.elf"
    compile_program(elf, "run_model.cpp", board, policy, f"-I{args.out}", f'-DTFL_MICRO_HEADER="{model}.hpp"', f"-DTFL_MICRO_MODEL={model}",
                    "-DTFL_MICRO_EXTENTS=dynamic")
    size = sections(elf)
    data = sum(n for _, n, name in symbols(elf) if MODEL_DATA.search(name))
    _, instructions, same = run_program(args, elf, model, board)
    return (flash_of(elf) - data) / 1024, data, size.get(".data", 0) + size.get(".bss", 0), instructions, same


def measure_interpreter(args, board):
    """Flash of MicroInterpreter alone and with the ops of all models; arena and instructions of each model."""
    options = [f"-I{args.schema}", "-idirafter", "/usr/include"]
    alone, elf = args.out / f"interpreter-{board}.elf", args.out / f"interpreter-ops-{board}.elf"
    compile_program(alone, "interpret_model.cpp", board, "size", *options)
    compile_program(elf, "interpret_model.cpp", board, "size", *options, f'-DTFL_MICRO_OPS="{ROOT}/bench/micro/ops.hpp"')
    print(f"interpreter   {board:5} size   {flash_of(alone) / 1024:8.1f}     8  11.4  without ops; with int8 kernels of 8 ops "
          f"{flash_of(elf) / 1024:.1f} KB", flush=True)
    equal = True
    for model in args.models.split(","):
        if model.endswith("_tiled"):
            continue
        file = (args.data / "models" / f"{MODELS[model]}.tflite").resolve()
        text, instructions, same = run_program(args, elf, model, board, "interpreter", file)
        equal = equal and same
        arena = int(re.search(r"arena ([0-9a-f]+)", text).group(1), 16)
        print(f"{model:13} {board:5} interpreted, arena {arena:7} {REFERENCE[model][1]:7} {instructions:11.2f} M  "
              f"{'equal' if same else 'DIFFERENT'}", flush=True)
    return equal


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codegen", type=pathlib.Path, required=True)
    parser.add_argument("--counter", type=pathlib.Path, required=True, help="insn_count.c")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/micro"))
    parser.add_argument("--boards", default="m3,m4,m55")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--policies", default="size,speed")
    parser.add_argument("--schema", type=pathlib.Path, help="measures the interpreter, too")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    run("gcc", "-O2", "-fPIC", "-shared", args.counter, "-o", args.out / "insn_count.so")
    equal = True
    print(f"{'model':13} {'board':5} {'policy':6} {'flash KB':>8} {'goal':>5} {'TFLM':>5} {'data':>8} {'.tflite':>8} {'RAM':>7} {'goal':>7} "
          f"{'live':>7} {'TFLM':>7} {'instructions':>13} {'goal':>8}  bytes", flush=True)
    for model in args.models.split(","):
        file = args.data / "models" / f"{MODELS[model]}.tflite"
        table = run(args.codegen, file, "-o", args.out / f"{model}.hpp", "--name", model, "--target", "cortex-m",
                    *(["--tile"] if model.endswith("_tiled") else [])).stdout
        live = int(re.search(r"largest live set has (\d+)", table).group(1))
        for board in args.boards.split(","):
            for policy in args.policies.split(","):
                flash, data, ram, instructions, same = measure(args, model, board, policy)
                goal = REFERENCE[model][2] / 2 if policy == "size" else CMSIS[model][board] * (1 if board == "m55" else 0.9)
                equal = equal and same
                print(f"{model:13} {board:5} {policy:6} {flash:8.1f} {FLASH_GOALS[model]:5} {REFERENCE[model][0]:5} {data:8} "
                      f"{file.stat().st_size:8} {ram:7} {int(RAM_GOALS[model] * 1024):7} {live:7} {REFERENCE[model][1]:7} "
                      f"{instructions:11.2f} M {goal:6.2f} M  {'equal' if same else 'DIFFERENT'}", flush=True)
    if args.schema:
        for board in args.boards.split(","):
            equal = measure_interpreter(args, board) and equal
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
