#!/usr/bin/env python3
"""Prints how many lines of the library the tests of the preset `coverage` have run, room by room; see scripts/coverage.sh.

    scripts/coverage.py BUILD_DIR [--missed ROOM] [ROOM]...

--missed lists the lines of a room that nothing has run. A line that several programs hold counts as run where one of them runs it."""
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

words = sys.argv[1:]
missed_room = None
if "--missed" in words:
    at = words.index("--missed")
    missed_room = words[at + 1]
    del words[at : at + 2]
build = pathlib.Path(words[0]).resolve()
rooms = words[1:] or ["core", "quant", "simd", "linalg", "kernels", "model", "runtime"]
library = pathlib.Path(__file__).resolve().parent.parent / "include" / "tfl"


def lines_of(data):
    """{file: {line: times run}} of one object."""
    out = subprocess.run(["gcov", "--json-format", "--stdout", str(data)], cwd=build, capture_output=True, check=True).stdout
    found = collections.defaultdict(dict)
    for text in out.splitlines():
        report = json.loads(text)
        for file in report["files"]:
            path = os.path.normpath(os.path.join(report["current_working_directory"], file["file"]))
            if not path.startswith(f"{library}{os.sep}"):
                continue
            counts = found[os.path.relpath(path, library)]
            for line in file["lines"]:
                number = line["line_number"]
                counts[number] = max(counts.get(number, 0), line["count"])
    return found


counts = collections.defaultdict(dict)
with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
    for found in pool.map(lines_of, sorted(build.rglob("*.gcda"))):
        for path, lines in found.items():
            for number, count in lines.items():
                counts[path][number] = max(counts[path].get(number, 0), count)

for room in rooms:
    files = {path: lines for path, lines in counts.items() if path.startswith(room + "/")}
    total = sum(len(lines) for lines in files.values())
    run = sum(sum(count > 0 for count in lines.values()) for lines in files.values())
    print(f"{room:8} {run:6} of {total:6} lines  {100 * run / max(total, 1):5.1f} %")
    if room != missed_room:
        continue
    for path, lines in sorted(files.items()):
        missed = sorted(number for number, count in lines.items() if count == 0)
        if missed:
            print(f"  {path}: {len(missed)} of {len(lines)}: {' '.join(map(str, missed))}")
