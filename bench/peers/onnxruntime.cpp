// ONNX Runtime as a Runner, from its shared library alone: packages for Node.js and Python carry the library without its headers.

#include <dlfcn.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/peers/graph.hpp"
#include "bench/peers/onnx_model.hpp"
#include "bench/peers/runner.hpp"

namespace tfl::bench {

namespace {

// The C interface is a table of functions that only ever grows at its end; these are the places of those that are used here.
enum Place : std::size_t {
  get_error_message = 2,
  create_env = 3,
  create_session_from_array = 8,
  run = 9,
  create_session_options = 10,
  set_graph_optimization_level = 23,
  set_intra_op_threads = 24,
  create_tensor_with_data = 49,
  create_cpu_memory_info = 69,
  release_env = 92,
  release_status = 93,
  release_memory_info = 94,
  release_session = 95,
  release_value = 96,
  release_session_options = 100,
};

struct Status;
struct Env;
struct Options;
struct Session;
struct MemoryInfo;
struct Value;

struct ApiBase {
  const void* const* (*get_api)(std::uint32_t version);
  const char* (*version)();
};

class Api {
 public:
  explicit Api(const std::string& library) {
    void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) throw CannotRun(std::string("ONNX Runtime: ") + dlerror());
    const auto base = reinterpret_cast<const ApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"));
    if (base == nullptr) throw CannotRun("ONNX Runtime: " + library + " is another library");
    // The first version has all that is needed here.
    table_ = base()->get_api(1);
    if (table_ == nullptr) throw CannotRun("ONNX Runtime: it no longer offers the first version of its interface");
    constexpr int errors_only = 3;
    call<int, const char*, Env**>(create_env, "an environment", errors_only, "tfl_compare", &env_);
  }

  template <class... Parameters> void call(Place place, const char* what, std::type_identity_t<Parameters>... arguments) const {
    Status* status = at<Status*(Parameters...)>(place)(arguments...);
    if (status == nullptr) return;
    const std::string reason = at<const char*(const Status*)>(get_error_message)(status);
    at<void(Status*)>(release_status)(status);
    throw CannotRun(std::string("ONNX Runtime refuses ") + what + ": " + reason);
  }
  template <class T> void release(Place place, T* object) const { at<void(T*)>(place)(object); }
  Env* env() const { return env_; }

 private:
  template <class Function> Function* at(Place place) const { return reinterpret_cast<Function*>(const_cast<void*>(table_[place])); }
  const void* const* table_ = nullptr;
  Env* env_ = nullptr;  // of the process: it lives as long as the library stays loaded
};

const Api& api_of(const std::string& library) {
  static const Api api(library);
  return api;
}

class OnnxRunner final : public Runner {
 public:
  OnnxRunner(const Model& model, int threads, Activations activations, const std::string& library)
      : api_(api_of(library)), graph_(model.subgraphs()[0]), onnx_(to_onnx(graph_, activations)) {
    Options* options = nullptr;
    api_.call<Options**>(create_session_options, "options", &options);
    constexpr int all_optimizations = 99;
    api_.call<Options*, int>(set_graph_optimization_level, "an optimization level", options, all_optimizations);
    api_.call<Options*, int>(set_intra_op_threads, "a number of threads", options, threads);
    api_.call<Env*, const void*, std::size_t, const Options*, Session**>(create_session_from_array, "the model", api_.env(),
                                                                         onnx_.bytes.data(), onnx_.bytes.size(), options, &session_);
    api_.release(release_session_options, options);
    onnx_.bytes.clear();
    MemoryInfo* memory = nullptr;
    constexpr int arena_allocator = 1, default_memory = 0;
    api_.call<int, int, MemoryInfo**>(create_cpu_memory_info, "memory", arena_allocator, default_memory, &memory);
    for (std::size_t i = 0; i < onnx_.inputs.size(); ++i) add(onnx_.inputs[i], graph_.inputs[i], memory, inputs_);
    for (std::size_t i = 0; i < onnx_.outputs.size(); ++i) add(onnx_.outputs[i], graph_.outputs[i], memory, outputs_);
    api_.release(release_memory_info, memory);
  }
  ~OnnxRunner() override {
    for (Edges* edges : {&inputs_, &outputs_}) {
      for (Value* value : edges->values) api_.release(release_value, value);
    }
    api_.release(release_session, session_);
  }

  void set_input(int i, std::span<const std::byte> bytes) override {
    const auto n = static_cast<std::size_t>(i);
    copy(onnx_.inputs[n], graph_.inputs[n], bytes.data(), inputs_.bytes[n].data(), true);
  }
  void invoke() override {
    api_.call<Session*, const void*, const char* const*, const Value* const*, std::size_t, const char* const*, std::size_t, Value**>(
        Place::run, "a run", session_, nullptr, inputs_.names.data(), inputs_.values.data(), inputs_.values.size(), outputs_.names.data(),
        outputs_.values.size(), outputs_.values.data());
  }
  std::vector<std::byte> output(int i) const override {
    const auto n = static_cast<std::size_t>(i);
    std::vector<std::byte> bytes(outputs_.bytes[n].size());
    copy(onnx_.outputs[n], graph_.outputs[n], outputs_.bytes[n].data(), bytes.data(), false);
    return bytes;
  }

 private:
  struct Edges {
    std::vector<std::vector<std::byte>> bytes;
    std::vector<const char*> names;
    std::vector<Value*> values;
  };

  const TensorDescription& tensor(std::int32_t index) const { return graph_.tensors[static_cast<std::size_t>(index)].description; }

  void add(const OnnxEdge& edge, std::int32_t index, MemoryInfo* memory, Edges& edges) {
    edges.bytes.emplace_back(static_cast<std::size_t>(tensor(index).bytes()));
    edges.names.push_back(edge.name.c_str());
    Value* value = nullptr;
    api_.call<const MemoryInfo*, void*, std::size_t, const std::int64_t*, std::size_t, int, Value**>(
        create_tensor_with_data, "a tensor", memory, edges.bytes.back().data(), edges.bytes.back().size(), edge.dims.data(),
        edge.dims.size(), edge.element_type, &value);
    edges.values.push_back(value);
  }

  /// Between the .tflite model's layout and the ONNX model's, either way.
  void copy(const OnnxEdge& edge, std::int32_t index, const std::byte* from, std::byte* to, bool to_onnx) const {
    const TensorDescription& d = tensor(index);
    const auto count = static_cast<std::size_t>(d.count());
    const std::size_t size = static_cast<std::size_t>(d.bytes()) / count;
    const std::byte flip{static_cast<unsigned char>(edge.flipped ? 0x80 : 0)};
    const auto channels = edge.channels_first ? static_cast<std::size_t>(d.shape[3]) : 1;
    const auto pixels = edge.channels_first ? static_cast<std::size_t>(d.shape[1]) * static_cast<std::size_t>(d.shape[2]) : count;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t c = i % channels, pixel = i / channels % pixels, batch = i / channels / pixels;
      const std::size_t j = (batch * channels + c) * pixels + pixel;  // i counts as the .tflite model does, j as the ONNX model
      const std::size_t source = to_onnx ? i : j, target = to_onnx ? j : i;
      for (std::size_t b = 0; b < size; ++b) to[target * size + b] = from[source * size + b] ^ flip;
    }
  }

  const Api& api_;
  const GraphSubgraph& graph_;
  OnnxModel onnx_;
  Session* session_ = nullptr;
  Edges inputs_, outputs_;
};

}  // namespace

std::unique_ptr<Runner> run_by_onnxruntime(const Model& model, int threads, Activations activations, const std::string& library) {
  return std::make_unique<OnnxRunner>(model, threads, activations, library);
}

}  // namespace tfl::bench
