// tfl_conformance DIR [--op NAME] [--test SUBSTRING] [--verbose]
// Runs a corpus of kernel tests (one folder per suite with index.txt and data.bin) and prints passed, failed and skipped cases per
// operator, with the first difference of each failure.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#ifndef TFL_CONFORMANCE_OPS
#include "tfl/tfl.hpp"
#define TFL_CONFORMANCE_OPS tfl::AllOps
#else
#include TFL_CONFORMANCE_HEADER
#endif
#include "tfl/runtime/interpreter.hpp"

namespace {

using Interpreter = tfl::Interpreter<TFL_CONFORMANCE_OPS>;
namespace fs = std::filesystem;

struct Blob {
  int tensor = 0, type = 0;
  std::vector<std::int32_t> shape;
  std::int64_t offset = 0, length = 0;
};
struct Step {
  std::string status;
  bool reset = false;
  std::vector<Blob> variables, inputs, outputs;
};
struct Case {
  std::string id, test;
  std::set<std::string> ops;
  std::int64_t model_offset = 0, model_length = 0;
  std::vector<Step> steps;
  double absolute = 1e-6, relative = 1e-5;  // what float outputs may differ by
  double spread = 0, reference_lsb = -1;    // -1: the reference kernels answer exactly as `out`
};

// TfLiteType to the schema's TensorType.
tfl::TensorType from_lite_type(int t) {
  using enum tfl::TensorType;
  switch (t) {
    case 1: return float32;
    case 2: return int32;
    case 3: return uint8;
    case 4: return int64;
    case 5: return string;
    case 6: return boolean;
    case 7: return int16;
    case 8: return complex64;
    case 9: return int8;
    case 10: return float16;
    case 11: return float64;
    case 12: return complex128;
    case 13: return uint64;
    case 14: return resource;
    case 15: return variant;
    case 16: return uint32;
    case 17: return uint16;
    case 18: return int4;
    case 19: return bfloat16;
    case 20: return int2;
    default: return none;
  }
}

Blob read_blob(std::istringstream& line) {
  Blob b;
  int rank = 0;
  line >> b.tensor >> b.type >> rank;
  b.shape.resize(static_cast<std::size_t>(rank));
  for (std::int32_t& d : b.shape) line >> d;
  line >> b.offset >> b.length;
  return b;
}

std::vector<Case> read_index(const fs::path& path) {
  std::vector<Case> cases;
  std::ifstream file(path);
  for (std::string text; std::getline(file, text);) {
    std::istringstream line(text);
    std::string key;
    line >> key;
    if (key == "case") {
      cases.emplace_back();
      line >> cases.back().id;
      continue;
    }
    if (cases.empty()) continue;
    Case& c = cases.back();
    if (key == "test") {
      line >> c.test;
    } else if (key == "op") {
      std::string name;
      line >> name;
      c.ops.insert(name);
    } else if (key == "model") {
      line >> c.model_offset >> c.model_length;
    } else if (key == "step") {
      Step s;
      std::string word;
      line >> s.status;
      while (line >> word) s.reset = s.reset || word == "reset";
      c.steps.push_back(s);
    } else if (key == "var") {
      c.steps.back().variables.push_back(read_blob(line));
    } else if (key == "in") {
      c.steps.back().inputs.push_back(read_blob(line));
    } else if (key == "out") {
      c.steps.back().outputs.push_back(read_blob(line));
    } else if (key == "spread") {
      line >> c.spread;
    } else if (key == "tol" || key == "testtol") {
      double a = 0, r = 0;
      line >> a >> r;
      c.absolute = std::max(c.absolute, a);
      c.relative = std::max(c.relative, r);
    } else if (key == "ref" || key == "avx2") {
      std::string word;
      double x = 0;
      line >> word >> x;
      if (word != "near") continue;
      c.spread = std::max(c.spread, x);
      if (key == "ref") c.reference_lsb = x;
    }
  }
  return cases;
}

template <class T> T element(const std::byte* bytes, std::int64_t i) {
  T value;
  std::memcpy(&value, bytes + i * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
  return value;
}

std::string compare(const Case& c, tfl::TensorType type, const std::byte* got, const std::byte* want, std::int64_t length) {
  std::ostringstream out;
  if (type == tfl::TensorType::float32 || type == tfl::TensorType::float64 || type == tfl::TensorType::complex64) {
    const bool wide = type == tfl::TensorType::float64;
    const std::int64_t n = length / (wide ? 8 : 4);
    for (std::int64_t i = 0; i < n; ++i) {
      const double g = wide ? element<double>(got, i) : element<float>(got, i),
                   w = wide ? element<double>(want, i) : element<float>(want, i);
      if (g == w || (std::isnan(g) && std::isnan(w))) continue;
      const double allowed = std::max(c.spread, std::max(c.absolute, 1e-6) + c.relative * std::fabs(w));
      if (std::fabs(g - w) <= allowed) continue;
      out << "element " << i << " of " << n << " is " << g << ", not " << w << " (allowed " << allowed << ")";
      return out.str();
    }
    return {};
  }
  if (std::memcmp(got, want, static_cast<std::size_t>(length)) == 0) return {};
  const int bytes = std::max(1, tfl::bits_of(type) / 8);
  std::int64_t differing = 0, worst = 0, first = -1;
  for (std::int64_t i = 0; i < length / bytes; ++i) {
    std::int64_t g = 0, w = 0;
    switch (type) {
      case tfl::TensorType::int8: g = element<std::int8_t>(got, i), w = element<std::int8_t>(want, i); break;
      case tfl::TensorType::int16: g = element<std::int16_t>(got, i), w = element<std::int16_t>(want, i); break;
      default:
        std::memcpy(&g, got + i * bytes, static_cast<std::size_t>(std::min(bytes, 8))),
            std::memcpy(&w, want + i * bytes, static_cast<std::size_t>(std::min(bytes, 8)));
    }
    if (g == w) continue;
    ++differing;
    worst = std::max(worst, std::abs(g - w));
    if (first < 0) {
      first = i;
      out << "element " << i << " is " << g << ", not " << w;
    }
  }
  if (static_cast<double>(worst) <= c.reference_lsb) return {};
  out << "; " << differing << " of " << length / bytes << " differ, by up to " << worst;
  return out.str();
}

/// "" where the case passed, "skip: ..." where an op is not in this program, else what went wrong.
std::string run(const Case& c, const std::vector<std::byte>& data) {
  const auto at = [&](std::int64_t offset) { return data.data() + offset; };
  auto model = tfl::Model::from_copy({at(c.model_offset), static_cast<std::size_t>(c.model_length)});
  const bool must_fail = !c.steps.empty() && c.steps.front().status == "allocfail";
  if (!model) return must_fail ? "" : "load: " + std::string(model.message());
  auto made = Interpreter::create(*model, {.defer_allocation = true});
  if (!made) {
    if (made.error().code() == tfl::ErrorCode::unsupported_op) return "skip: " + std::string(made.message());
    if (must_fail || (!c.steps.empty() && c.steps.front().status != "0")) return "";
    return "create: " + std::string(made.message());
  }
  Interpreter& interpreter = *made;
  const auto input_of = [&](int tensor) {
    const auto inputs = interpreter.subgraph().graph().inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] == tensor) return static_cast<int>(i);
    }
    return -1;
  };
  for (std::size_t s = 0; s < c.steps.size(); ++s) {
    const Step& step = c.steps[s];
    const std::string where = "step " + std::to_string(s) + ": ";
    bool resized = s == 0, failed = false;
    std::string why;
    for (const Blob& b : step.inputs) {
      const int i = input_of(b.tensor);
      if (i < 0 && b.offset < 0) continue;  // the handle of a resource
      if (i < 0) return where + "tensor " + std::to_string(b.tensor) + " is no input";
      if (interpreter.input_description(i).shape == tfl::Shape::from(b.shape) &&
          static_cast<int>(b.shape.size()) == interpreter.input_description(i).shape.rank())
        continue;
      if (auto r = interpreter.resize_input(i, b.shape); !r) failed = true, why = r.message();
      resized = true;
    }
    if (resized && !failed) {
      if (auto r = interpreter.allocate(); !r) failed = true, why = r.message();
    }
    if (step.reset && !failed) interpreter.reset_variables();
    if (!failed) {
      for (const Blob& b : step.variables) {
        auto v = interpreter.variable(b.tensor);
        if (static_cast<std::int64_t>(v.size()) == b.length) std::memcpy(v.data(), at(b.offset), v.size());
      }
      for (const Blob& b : step.inputs) {
        if (b.offset < 0) continue;
        auto in = interpreter.input<std::byte>(input_of(b.tensor));
        if (!in) return where + std::string(in.message());
        if (static_cast<std::int64_t>(in->size()) != b.length)
          return where + "input takes " + std::to_string(in->size()) + " bytes, the case has " + std::to_string(b.length);
        if (!in->empty()) std::memcpy(in->data(), at(b.offset), in->size());
      }
      if (auto r = interpreter.invoke(); !r) failed = true, why = r.message();
    }
    if (step.status != "0") {
      if (!failed) return where + "should have failed";
      continue;
    }
    if (failed) return where + why;
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      const Blob& b = step.outputs[o];
      if (b.offset < 0) continue;
      auto out = interpreter.output<std::byte>(static_cast<int>(o));
      if (!out) return where + std::string(out.message());
      const std::string name = where + "output " + std::to_string(o) + ": ";
      if (out->type() != from_lite_type(b.type)) return name + "has type " + tfl::name_of(out->type());
      if (static_cast<int>(b.shape.size()) != out->shape().rank() || !(out->shape() == tfl::Shape::from(b.shape))) {
        std::string text = name + "has shape [";
        for (const auto d : out->shape().dims()) text += std::to_string(d) + ",";
        text += "] not [";
        for (const auto d : b.shape) text += std::to_string(d) + ",";
        return text + "]";
      }
      if (static_cast<std::int64_t>(out->size()) != b.length)
        return name + std::to_string(out->size()) + " bytes, not " + std::to_string(b.length);
      if (const std::string difference = compare(c, out->type(), out->data(), at(b.offset), b.length); !difference.empty())
        return name + difference;
    }
  }
  return {};
}

struct Tally {
  int passed = 0, failed = 0, skipped = 0;
};

}  // namespace

int main(int argc, char** argv) {
  fs::path root;
  std::string only_op, only_test;
  bool verbose = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--op" && i + 1 < argc)
      only_op = argv[++i];
    else if (word == "--test" && i + 1 < argc)
      only_test = argv[++i];
    else if (word == "--verbose")
      verbose = true;
    else
      root = word;
  }
  if (root.empty() || !fs::is_directory(root)) {
    std::fprintf(stderr, "usage: tfl_conformance DIR [--op NAME] [--test SUBSTRING] [--verbose]\n");
    return 2;
  }
  std::map<std::string, Tally> tallies;
  Tally all;
  std::set<fs::path> suites;
  for (const auto& entry : fs::directory_iterator(root)) {
    if (fs::exists(entry.path() / "index.txt")) suites.insert(entry.path());
  }
  if (fs::exists(root / "index.txt")) suites.insert(root);
  for (const fs::path& suite : suites) {
    std::vector<Case> cases = read_index(suite / "index.txt");
    std::vector<std::byte> data;
    for (const Case& c : cases) {
      if (!only_op.empty() && c.ops.count(only_op) == 0) continue;
      if (!only_test.empty() && c.test.find(only_test) == std::string::npos &&
          suite.filename().string().find(only_test) == std::string::npos)
        continue;
      if (data.empty()) {
        data.resize(fs::file_size(suite / "data.bin"));
        std::ifstream(suite / "data.bin", std::ios::binary)
            .read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(data.size()));
      }
      if (verbose) std::printf("run %s/%s %s\n", suite.filename().c_str(), c.id.c_str(), c.test.c_str()), std::fflush(stdout);
      const std::string result = run(c, data);
      const bool skipped = result.rfind("skip: ", 0) == 0;
      if (!result.empty() && (!skipped || verbose)) {
        std::printf("%s %s/%s %s: %s\n", skipped ? "SKIP" : "FAIL", suite.filename().c_str(), c.id.c_str(), c.test.c_str(), result.c_str());
      }
      for (const std::string& op : c.ops) {
        Tally& t = tallies[op];
        ++(result.empty() ? t.passed : skipped ? t.skipped : t.failed);
      }
      ++(result.empty() ? all.passed : skipped ? all.skipped : all.failed);
    }
  }
  std::printf("%-40s %7s %7s %7s\n", "operator", "passed", "failed", "skipped");
  for (const auto& [op, t] : tallies) {
    if (t.passed + t.failed > 0 || verbose) std::printf("%-40s %7d %7d %7d\n", op.c_str(), t.passed, t.failed, t.skipped);
  }
  std::printf("%d passed, %d failed, %d skipped\n", all.passed, all.failed, all.skipped);
  return all.failed == 0 ? 0 : 1;
}
