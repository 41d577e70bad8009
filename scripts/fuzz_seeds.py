#!/usr/bin/env python3
"""Writes the models of a conformance corpus (folders with index.txt and data.bin) as files: seeds for the fuzzers.

    scripts/fuzz_seeds.py CORPUS DIR [MOST_BYTES]

Models that differ in nothing are written once, those of more than MOST_BYTES (8192) not at all."""
import hashlib
import pathlib
import sys

corpus, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
most = int(sys.argv[3]) if len(sys.argv) > 3 else 8192
target.mkdir(parents=True, exist_ok=True)
for index in sorted(corpus.glob("*/index.txt")):
    data = (index.parent / "data.bin").read_bytes()
    for line in index.read_text().splitlines():
        words = line.split()
        if words[:1] != ["model"] or int(words[2]) > most:
            continue
        model = data[int(words[1]) : int(words[1]) + int(words[2])]
        (target / f"{index.parent.name}-{hashlib.sha1(model).hexdigest()[:12]}").write_bytes(model)
