#!/bin/sh
# make_arduino_library.sh TFL_CODEGEN OUT: lays out the headers that static plans need as a library for Arduino's IDE (copy OUT to the
# folder libraries) and for PlatformIO (lib_deps = OUT), with the digit model as an example. Boards' packages must compile C++20: the
# library's README says how to tell them.
set -eu
codegen=$1
out=$2
root=$(cd "$(dirname "$0")/.." && pwd)
version=$(sed -n 's/^#define TFL_VERSION_[A-Z]* //p' "$root/include/tfl/config.hpp" | paste -sd.)

rm -rf "$out"
mkdir -p "$out/src/tfl" "$out/examples/Digit"
for room in core quant simd linalg kernels plan; do
  cp -r "$root/include/tfl/$room" "$out/src/tfl/"
done
cp "$root/include/tfl/config.hpp" "$out/src/tfl/"
cp "$root/LICENSE" "$out/"

cat > "$out/src/tfl_static_plan.h" <<'END'
#pragma once
// What a sketch includes before its model's header: Arduino finds a library by a header in its first folder.
#include "tfl/plan/static_plan.hpp"
END
cat > "$out/library.properties" <<END
name=tfl
version=$version
author=The authors of tfl
maintainer=The authors of tfl
sentence=TensorFlow Lite models as C++ types.
paragraph=Models are written as headers by tfl_codegen: no interpreter, no heap; weights stay in flash. Needs a compiler for C++20.
category=Data Processing
architectures=*
includes=tfl_static_plan.h
END
cat > "$out/library.json" <<END
{
  "name": "tfl",
  "version": "$version",
  "description": "TensorFlow Lite models as C++ types: no interpreter, no heap; weights stay in flash",
  "license": "Apache-2.0",
  "frameworks": "*",
  "platforms": "*",
  "headers": "tfl_static_plan.h",
  "build": {"flags": ["-std=gnu++20", "-DTFL_NO_ERROR_TEXT"], "unflags": ["-std=gnu++11", "-std=gnu++14", "-std=gnu++17"]}
}
END
cat > "$out/README.md" <<'END'
# tfl for Arduino and PlatformIO

`tfl_codegen model.tflite -o model.hpp --target cortex-m` writes a model as a header beside the sketch; `examples/Digit` shows the rest.

The headers are C++20. PlatformIO takes the flags from `library.json`. Arduino's boards say their standard in `platform.txt`: put
`compiler.cpp.extra_flags=-std=gnu++20 -DTFL_NO_ERROR_TEXT` into a `platform.local.txt` beside it (g++ 10 or newer).
END
"$codegen" "$root/examples/data/digits/digits_int8.tflite" -o "$out/examples/Digit/digits.hpp" --name digits --target cortex-m --quiet
cat > "$out/examples/Digit/Digit.ino" <<'END'
// Reads a handwritten digit: the model is a type, its constants stay in flash, its arena is a variable.
#include <tfl_static_plan.h>

#include "digits.hpp"

static tfl::StaticPlan<digits> plan;

// '#' is ink.
static const char picture[] =
    "  ####  "
    " #####  "
    "    ##  "
    "    #   "
    "  ##### "
    "   ##   "
    "  ##    "
    "  ##    ";

void setup() { Serial.begin(115200); }

void loop() {
  auto input = plan.input<0>();
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = picture[i] == '#' ? 127 : -128;
  plan.invoke();
  const auto output = plan.output<0>();
  int best = 0;
  for (int digit = 0; digit < static_cast<int>(output.size()); ++digit) {
    if (output[static_cast<std::size_t>(digit)] > output[static_cast<std::size_t>(best)]) best = digit;
  }
  Serial.print("this is a ");
  Serial.println(best);
  delay(1000);
}
END
