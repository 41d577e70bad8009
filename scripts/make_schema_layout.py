#!/usr/bin/env python3
"""Writes include/tfl/model/schema_layout.hpp: which fields the tables of schema.fbs have, for model/structure.hpp.

  scripts/make_schema_layout.py            writes the header
  scripts/make_schema_layout.py --check    says whether it is what the schema gives
"""

import pathlib
import re
import sys

MODEL = pathlib.Path(__file__).resolve().parent.parent / "include/tfl/model"
WIDTHS = {"bool": 1, "byte": 1, "ubyte": 1, "int8": 1, "uint8": 1, "short": 2, "ushort": 2, "int16": 2, "uint16": 2, "int": 4, "uint": 4,
          "int32": 4, "uint32": 4, "float": 4, "long": 8, "ulong": 8, "int64": 8, "uint64": 8, "double": 8}

HEAD = '''#pragma once
// The fields of the schema's tables. Made from schema.fbs by scripts/make_schema_layout.py; not to be edited by hand.

#include <cstdint>

namespace tfl::detail {

/// What a field holds. Widths 1, 2, 4 and 8 stand for themselves, and in `list_of + width` for the elements of a list.
/// `table`, `tables` and `choice` are followed by the number of the table, of the elements' table, or of the union.
enum SchemaField : std::uint8_t { no_more = 0, list_of = 16, text = 32, table, tables, choice, unused };

// clang-format off
/// For each table its fields in order, then no_more.
inline constexpr std::uint8_t schema_fields[] = {
'''


def layout(text):
    text = re.sub(r"//[^\n]*", "", text)
    widths = dict(WIDTHS)
    for name, base in re.findall(r"\benum\s+(\w+)\s*:\s*(\w+)", text):
        widths[name] = WIDTHS[base]
    unions = [(name, [m.strip() for m in body.split(",") if m.strip()]) for name, body in re.findall(r"\bunion\s+(\w+)\s*{([^}]*)}", text)]
    union_numbers = {name: i for i, (name, _) in enumerate(unions)}
    tables = re.findall(r"\btable\s+(\w+)\s*{([^}]*)}", text)
    numbers = {name: i for i, (name, _) in enumerate(tables)}

    def fields(body):
        for field in body.split(";"):
            if not field.strip():
                continue
            kind, attributes = re.fullmatch(r"\s*\w+\s*:\s*(\[?\w+\]?)[^(]*(\([^)]*\))?\s*", field).groups()
            element = kind.strip("[]")
            if attributes and "required" in attributes:
                sys.exit(f"required fields are not known here: {field}")
            if attributes and "deprecated" in attributes:
                yield "unused"
            elif kind in widths:
                yield str(widths[kind])
            elif kind == "string":
                yield "text"
            elif kind in union_numbers:
                yield from ("1", f"choice, {union_numbers[kind]}")
            elif kind in numbers:
                yield f"table, {numbers[kind]}"
            elif kind.startswith("[") and element in widths:
                yield f"list_of + {widths[element]}"
            elif kind.startswith("[") and element in numbers:
                yield f"tables, {numbers[element]}"
            else:
                sys.exit(f"no way to describe {field}")

    root = re.search(r"\broot_type\s+(\w+)", text).group(1)
    lines = [HEAD]
    for name, body in tables:
        lines.append(f"  {', '.join([*fields(body), 'no_more'])},  // {numbers[name]} {name}\n")
    lines.append("};\n// clang-format on\n\n")
    lines.append(f"inline constexpr int schema_tables = {len(tables)}, schema_root = {numbers[root]};\n\n")
    lines.append("/// For each union how many tables it chooses from, then their numbers.\n// clang-format off\n")
    lines.append("inline constexpr std::uint8_t schema_unions[] = {\n")
    for i, (name, members) in enumerate(unions):
        listed = [str(numbers[m]) for m in members]
        lines.append(f"  {len(listed)},  // {i} {name}\n")
        lines += [f"  {', '.join(listed[k:k + 24])},\n" for k in range(0, len(listed), 24)]
    lines.append("};\n// clang-format on\n\n}  // namespace tfl::detail\n")
    return "".join(lines)


def main():
    header = MODEL / "schema_layout.hpp"
    text = layout((MODEL / "schema.fbs").read_text())
    if "--check" in sys.argv:
        sys.exit(0 if header.read_text() == text else f"{header} is not what the schema gives: run scripts/make_schema_layout.py")
    header.write_text(text)


main()
