#pragma once
// What TensorFlow's protobuf messages hold, as values of the converter.

#include <string>

#include "tools/converter/import/emitter.hpp"
#include "tools/converter/import/tensorflow/tensorflow.pb.h"

namespace tfl::converter {

/// Fills the message from a file, by its name text (.pbtxt) or binary. Throws ImportError.
void parse_tensorflow_file(const std::string& path, google::protobuf::Message& message);

/// Unknown sizes are -1. Throws where a size is too large.
Shape shape_of(const tensorflow::TensorShapeProto& proto);
/// A constant. Throws where it is damaged or too large.
Literal literal_of_proto(const tensorflow::TensorProto& proto);
/// float16, bfloat16 and float64 are computed in float32.
Literal computed(const Literal& value);
Attributes attributes_of(const google::protobuf::Map<std::string, tensorflow::AttrValue>& map);

}  // namespace tfl::converter
