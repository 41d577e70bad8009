// libraries: tfl_tool_ops tfl_codegen_ops
// tfl_conformance DIR [--op NAME] [--test SUBSTRING] [--arch NAME] [--threads N] [--verbose]
// Runs a corpus of kernel tests (one folder per suite with index.txt and data.bin) and prints passed, failed and skipped cases per
// operator, with the first difference of each failure. Skipped are cases with an operator that this program doesn't hold. It holds two
// architectures: the one that it was compiled for, and scalar, which runs on one thread.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "tfl/core/float16.hpp"
#include "tfl/runtime/interpreter.hpp"
#include "tfl/runtime/thread_pool.hpp"
#include "tools/common/all_ops.hpp"
#include "tools/tfl_codegen/ops.hpp"

namespace {

using tfl::tools::SharedPool;
using NativeInterpreter = tfl::Interpreter<tfl::tools::PrecompiledOps, tfl::NoDelegates, SharedPool>;
using ScalarInterpreter = tfl::Interpreter<tfl::codegen::Ops, tfl::NoDelegates, tfl::SerialExecutor, tfl::simd::Scalar>;
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
  double absolute = 0, relative = 0;  // what the test itself allows
  double spread = 0;                  // what TensorFlow Lite's own kernels differ by
  double reference_lsb = 0;           // how far the reference kernels' integers are from `out`

  double allowed(double wanted) const {
    return std::max({1e-6 + 1e-5 * std::fabs(wanted), absolute + relative * std::fabs(wanted), spread});
  }
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
    case 21: return uint4;
    case 22: return float8_e4m3fn;
    case 23: return float8_e5m2;
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
      c.absolute = a;
      c.relative = r;
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

/// Element i (of complex numbers: part i) of a type of real numbers.
double real_element(tfl::TensorType type, const std::byte* bytes, std::int64_t i) {
  switch (type) {
    case tfl::TensorType::float16: return tfl::to_float(element<tfl::Float16>(bytes, i));
    case tfl::TensorType::bfloat16: return tfl::to_float(element<tfl::BFloat16>(bytes, i));
    case tfl::TensorType::float8_e4m3fn: return tfl::to_float(element<tfl::Float8E4M3>(bytes, i));
    case tfl::TensorType::float8_e5m2: return tfl::to_float(element<tfl::Float8E5M2>(bytes, i));
    case tfl::TensorType::float64:
    case tfl::TensorType::complex128: return element<double>(bytes, i);
    default: return element<float>(bytes, i);
  }
}
/// Bytes of what real_element() counts; 0 for other types.
int real_bytes(tfl::TensorType type) {
  switch (type) {
    case tfl::TensorType::float8_e4m3fn:
    case tfl::TensorType::float8_e5m2: return 1;
    case tfl::TensorType::float16:
    case tfl::TensorType::bfloat16: return 2;
    case tfl::TensorType::float32:
    case tfl::TensorType::complex64: return 4;
    case tfl::TensorType::float64:
    case tfl::TensorType::complex128: return 8;
    default: return 0;
  }
}
std::int64_t integer_element(tfl::TensorType type, const std::byte* bytes, std::int64_t i) {
  switch (type) {
    case tfl::TensorType::int8: return element<std::int8_t>(bytes, i);
    case tfl::TensorType::int16: return element<std::int16_t>(bytes, i);
    case tfl::TensorType::uint16: return element<std::uint16_t>(bytes, i);
    case tfl::TensorType::int32: return element<std::int32_t>(bytes, i);
    case tfl::TensorType::uint32: return element<std::uint32_t>(bytes, i);
    case tfl::TensorType::int64:
    case tfl::TensorType::uint64: return element<std::int64_t>(bytes, i);
    default: return element<std::uint8_t>(bytes, i);  // packed integers and strings byte by byte
  }
}

/// What differs first, or "".
std::string compare(const Case& c, tfl::TensorType type, const std::byte* got, const std::byte* want, std::int64_t length) {
  std::ostringstream out;
  if (const int bytes = real_bytes(type); bytes > 0) {
    for (std::int64_t i = 0; i < length / bytes; ++i) {
      const double g = real_element(type, got, i), w = real_element(type, want, i);
      if (g == w || (std::isnan(g) && std::isnan(w)) || std::fabs(g - w) <= c.allowed(w)) continue;
      out << "element " << i << " of " << length / bytes << " is " << g << ", not " << w << " (allowed " << c.allowed(w) << ")";
      return out.str();
    }
    return {};
  }
  if (length == 0 || std::memcmp(got, want, static_cast<std::size_t>(length)) == 0) return {};
  const int bytes = std::max(1, tfl::bits_of(type) / 8);
  // The reference's SUM overflows, which is no target.
  const double lsb = c.ops.count("SUM") != 0 ? 0 : c.reference_lsb;
  std::int64_t differing = 0;
  double worst = 0;
  for (std::int64_t i = 0; i < length / bytes; ++i) {
    const std::int64_t g = integer_element(type, got, i), w = integer_element(type, want, i);
    if (g == w) continue;
    if (++differing == 1) out << "element " << i << " is " << g << ", not " << w;
    worst = std::max(worst, std::fabs(static_cast<double>(g) - static_cast<double>(w)));
  }
  if (worst <= lsb) return {};
  out << "; " << differing << " of " << length / bytes << " differ, by up to " << worst;
  return out.str();
}

/// "" where the case passed, "skip: ..." where an op is not in this program, else what went wrong.
template <class Interpreter, class Executor> std::string run(const Case& c, const std::vector<std::byte>& data, Executor executor) {
  const auto at = [&](std::int64_t offset) { return data.data() + offset; };
  // Where no step can succeed, a model may be refused as a whole.
  bool must_fail = true;
  for (const Step& step : c.steps) must_fail = must_fail && step.status != "0";
  auto model = tfl::Model::from_copy({at(c.model_offset), static_cast<std::size_t>(c.model_length)});
  if (!model) return must_fail ? "" : "load: " + std::string(model.message());
  auto made = Interpreter::create(*model, {.defer_allocation = true}, executor);
  if (!made) {
    if (made.error().code() == tfl::ErrorCode::unsupported_op) return "skip: " + std::string(made.message());
    return must_fail ? "" : "create: " + std::string(made.message());
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
          static_cast<int>(b.shape.size()) == interpreter.input_description(i).shape.full_rank())
        continue;
      if (auto r = interpreter.resize_input(i, b.shape); !r) failed = true, why = r.message();
      resized = true;
    }
    if (resized && !failed) {
      if (auto r = interpreter.allocate(); !r) failed = true, why = r.message();
    }
    if (step.status == "allocfail" && !failed) return where + "these shapes should have been refused";
    if (step.reset && !failed) interpreter.reset_variables();
    if (!failed) {
      for (const Blob& b : step.variables) {
        auto v = interpreter.variable(b.tensor);
        if (static_cast<std::int64_t>(v.size()) == b.length) std::memcpy(v.data(), at(b.offset), v.size());
      }
      for (const Blob& b : step.inputs) {
        if (b.offset < 0) continue;
        if (b.type == 5) {
          const std::span bytes(at(b.offset), static_cast<std::size_t>(b.length));
          if (auto r = interpreter.set_string_bytes(input_of(b.tensor), bytes); !r) failed = true, why = r.message();
          continue;
        }
        auto in = interpreter.template input<std::byte>(input_of(b.tensor));
        if (!in) return where + std::string(in.message());
        if (static_cast<std::int64_t>(in->size()) != b.length)
          return where + "input takes " + std::to_string(in->size()) + " bytes, the case has " + std::to_string(b.length);
        if (!in->empty()) std::memcpy(in->data(), at(b.offset), in->size());
      }
      if (!failed) {
        if (auto r = interpreter.invoke(); !r) failed = true, why = r.message();
      }
    }
    if (step.status != "0") {
      if (!failed) return where + "should have failed";
      continue;
    }
    if (failed) return where + why;
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      const Blob& b = step.outputs[o];
      if (b.offset < 0) continue;
      auto out = interpreter.template output<std::byte>(static_cast<int>(o));
      if (!out) return where + std::string(out.message());
      const std::string name = where + "output " + std::to_string(o) + ": ";
      if (out->type() != from_lite_type(b.type)) return name + "has type " + tfl::name_of(out->type());
      if (static_cast<int>(b.shape.size()) != out->shape().full_rank() || !(out->shape() == tfl::Shape::from(b.shape))) {
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
  std::string only_op, only_test, arch = tfl::simd::name_of(tfl::simd::NativeArch{});
  int threads = 1;
  bool verbose = false, understood = true;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--op" && i + 1 < argc)
      only_op = argv[++i];
    else if (word == "--test" && i + 1 < argc)
      only_test = argv[++i];
    else if (word == "--arch" && i + 1 < argc)
      arch = argv[++i];
    else if (word == "--threads" && i + 1 < argc)
      threads = std::atoi(argv[++i]);
    else if (word == "--verbose")
      verbose = true;
    else if (root.empty() && word.rfind("--", 0) != 0)
      root = word;
    else
      understood = false;
  }
  if (!understood || !fs::is_directory(root) || threads < 1 || threads > 256) {
    std::fprintf(stderr, "usage: tfl_conformance DIR [--op NAME] [--test SUBSTRING] [--arch NAME] [--threads N] [--verbose]\n");
    return 2;
  }
  const bool native = arch == tfl::simd::name_of(tfl::simd::NativeArch{}),
             scalar = !native && arch == tfl::simd::name_of(tfl::simd::Scalar{});
  if (!native && !scalar) {
    std::fprintf(stderr, "tfl_conformance: this program was compiled for %s and scalar; for %s compile it with that architecture's flags\n",
                 tfl::simd::name_of(tfl::simd::NativeArch{}), arch.c_str());
    return 2;
  }
  if (scalar && threads > 1) {
    std::fprintf(stderr, "tfl_conformance: scalar runs on one thread\n");
    return 2;
  }
  tfl::ThreadPool pool(threads);
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
      const std::string result =
          scalar ? run<ScalarInterpreter>(c, data, tfl::SerialExecutor{}) : run<NativeInterpreter>(c, data, SharedPool{&pool, true});
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
    std::printf("%-40s %7d %7d %7d\n", op.c_str(), t.passed, t.failed, t.skipped);
  }
  std::printf("%d passed, %d failed, %d skipped\n", all.passed, all.failed, all.skipped);
  return all.failed == 0 ? 0 : 1;
}
