#pragma once
// Options of .tflite operators as attributes by name, and back. The schema itself says which fields an options table has: its text is
// part of the program.

#include <flatbuffers/flatbuffers.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "tfl/core/builtin_operator.hpp"
#include "tfl/model/builder.hpp"
#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// The fields that a table of the schema has, by name, where they differ from their defaults. Requires a verified table. A value that
/// its enumeration doesn't have is a problem of `where`.
Attributes read_options(const flatbuffers::Table& table, std::string_view table_name, const std::string& where, Problems& problems);

/// The name of the table that `number` stands for in the union BuiltinOptions or BuiltinOptions2; empty for none.
std::string_view options_table_name(std::uint8_t number, bool second_union);

/// The table that holds the operator's options: "Conv2DOptions"; empty where it has none.
std::string_view options_table_of(BuiltinOperator code);

/// Writes the node's attributes as the operator's options table. An attribute that the table lacks, or whose value has the wrong kind, is
/// a problem.
OperatorOptions write_options(flatbuffers::FlatBufferBuilder& builder, const Node& node, Problems& problems);

}  // namespace tfl::converter
