#pragma once
// Interpreter: one thread's state for running a Model with the ops of a registry.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tfl/core/memory.hpp"
#include "tfl/core/parallel.hpp"
#include "tfl/core/status.hpp"
#include "tfl/core/strings.hpp"
#include "tfl/delegates/delegate.hpp"
#include "tfl/model/model.hpp"
#include "tfl/runtime/fusion.hpp"
#include "tfl/runtime/limits.hpp"
#include "tfl/runtime/registry.hpp"
#include "tfl/runtime/session.hpp"
#include "tfl/runtime/subgraph.hpp"
#include "tfl/simd/arch.hpp"

namespace tfl {

/// Elements of an input or output, with its shape and quantization. Valid until the next allocate() or resize_input(). An output may lie
/// where an input lay: read outputs before filling inputs again.
template <class T> class TensorView : public std::span<T> {
 public:
  TensorView(std::span<T> elements, const TensorDescription* description, std::string_view name)
      : std::span<T>(elements), description_(description), name_(name) {}
  std::string_view name() const { return name_; }
  const Shape& shape() const { return description_->shape; }
  TensorType type() const { return description_->type; }
  const Quantization& quantization() const { return description_->quantization; }

 private:
  const TensorDescription* description_;
  std::string_view name_;
};

struct InterpreterOptions {
  /// Memory for tensors; empty: the interpreter allocates its own. At least arena_bytes(), aligned to 16 bytes, kept by the caller.
  std::span<std::byte> arena{};
  /// Inputs keep their bytes over invoke(). Without it their memory is reused: fill them before every invoke().
  bool preserve_inputs = false;
  /// Leaves inference and planning to allocate(): for models whose inputs get their shapes by resize_input() first.
  bool defer_allocation = false;
  /// Nodes that the file left apart become one where results stay the same, and copies become views of the arena. Without it every
  /// tensor of the file exists while running, for an observer to look at.
  bool fuse = true;
  /// Weights are copied once, into the order in which kernels read them. Without it kernels read them where they lie in the model: slower,
  /// with the same results (float: within rounding), for processors with little memory.
  bool pack = true;
  /// The subgraph to run.
  int subgraph = 0;
  /// What the model may take at most.
  Limits limits{};
  /// Set by another thread, it ends allocate() and invoke() before their next node. Kept by the caller; may be absent.
  const CancelFlag* cancel = nullptr;
  Allocator allocator = heap_allocator();
};

/// One subgraph with its arena: what interpreters and signature runners share. Typed access, and running.
class Runner {
 public:
  int input_count() const { return subgraph().input_count(); }
  int output_count() const { return subgraph().output_count(); }
  /// The tensor's own name. Requires an index in range.
  std::string_view input_name(int i) const { return subgraph().graph_tensor(input_tensor(i)).name; }
  std::string_view output_name(int i) const { return subgraph().graph_tensor(output_tensor(i)).name; }
  const TensorDescription& input_description(int i) const { return subgraph().tensor(input_tensor(i)).description; }
  const TensorDescription& output_description(int i) const { return subgraph().tensor(output_tensor(i)).description; }

  /// Input i as elements of type T (std::byte gives the bytes of any type), or why not.
  template <class T> Result<TensorView<T>> input(int i) {
    if (i < 0 || i >= input_count()) return no_such("input", i, input_count());
    return typed<T>("input", i, input_tensor(i));
  }
  /// By the signature's name, where the interpreter was made for one, or by the tensor's own.
  template <class T> Result<TensorView<T>> input(std::string_view name) {
    const std::int32_t tensor = signature_tensor(name, true);
    for (int i = 0; i < input_count(); ++i) {
      if (input_tensor(i) == tensor || (tensor < 0 && input_name(i) == name)) return input<T>(i);
    }
    return no_such_name("input", name);
  }
  template <class T> Result<TensorView<const T>> output(int i) {
    if (i < 0 || i >= output_count()) return no_such("output", i, output_count());
    return typed<const T>("output", i, output_tensor(i));
  }
  template <class T> Result<TensorView<const T>> output(std::string_view name) {
    const std::int32_t tensor = signature_tensor(name, false);
    for (int i = 0; i < output_count(); ++i) {
      if (output_tensor(i) == tensor || (tensor < 0 && output_name(i) == name)) return output<T>(i);
    }
    return no_such_name("output", name);
  }

  /// Sets the strings of input i, one for each of its elements. They are copied.
  Result<void> set_strings(int i, std::span<const std::string_view> strings) {
    std::int64_t characters = 0;
    for (const std::string_view s : strings) characters += static_cast<std::int64_t>(s.size());
    const auto count = static_cast<std::int64_t>(strings.size());
    auto memory = string_input(i, count, string_bytes_for(count, characters));
    if (!memory) return memory.error();
    StringsWriter writer(*memory, count);
    for (const std::string_view s : strings) writer.add(s);
    return {};
  }
  /// The same from bytes as tensors hold them (see Strings), which are verified.
  Result<void> set_string_bytes(int i, std::span<const std::byte> bytes) {
    const std::int64_t count = i >= 0 && i < input_count() ? input_description(i).count() : 0;
    if (!Strings::valid(bytes, count)) {
      return Error(ErrorCode::invalid_argument, "set_string_bytes: these are not the bytes of ")
             << count << " strings: another count, or one that ends outside of them";
    }
    auto memory = string_input(i, count, static_cast<std::int64_t>(bytes.size()));
    if (!memory) return memory.error();
    std::memcpy(*memory, bytes.data(), bytes.size());
    return {};
  }
  /// The strings of output i. They stay until the next invoke().
  Result<Strings> output_strings(int i) {
    if (i < 0 || i >= output_count()) return no_such("output", i, output_count());
    if (!own_subgraph().ready()) return Error(ErrorCode::invalid_argument, "output: call allocate() after resize_input()");
    const Tensor& t = own_subgraph().tensor(output_tensor(i));
    if (t.description.type != TensorType::string)
      return Error(ErrorCode::invalid_argument, "output ") << i << " holds " << name_of(t.description.type) << ", not strings";
    return Strings(detail::address(t));
  }

  /// Exact size of the arena, valid after creation or allocate().
  std::size_t arena_bytes() const { return subgraph().arena_bytes(); }
  const Subgraph& subgraph() const { return subgraph_[0]; }
  /// Variables as they are before the first invoke: of the subgraph and of those that it calls, and resources. CALL_ONCE runs again.
  void reset_variables() {
    own_subgraph().reset_variables();
    if (session_.get() != nullptr) session_.get()->reset_variables();
  }
  /// The bytes of a variable tensor, by its index in the subgraph; empty where it is none.
  std::span<std::byte> variable(int tensor) {
    if (tensor < 0 || tensor >= static_cast<int>(own_subgraph().graph().tensors.size())) return {};
    Tensor& t = own_subgraph().tensor(tensor);
    if (!t.description.is_variable || t.data == nullptr) return {};
    return {t.data, static_cast<std::size_t>(t.description.bytes())};
  }

 protected:
  Subgraph& own_subgraph() { return subgraph_[0]; }
  using MakeSession = SessionHandle (*)(Model model, int main, FindEntry find, int workers, const SubgraphOptions& options);

  Result<void> load(const Model& model, int index, FindEntry find, int workers, const InterpreterOptions& options,
                    const FusionSteps& fusion = {}, detail::RunParts run_parts = nullptr, MakeSession make_session = nullptr) {
    if (index < 0 || index >= static_cast<int>(model.subgraphs().size())) {
      return Error(ErrorCode::invalid_argument, "interpreter: subgraph ")
             << index << " does not exist: the model has " << model.subgraphs().size();
    }
    options_ = options;
    if (!budget_.open(options.allocator, options.limits.memory)) return Error(ErrorCode::out_of_memory, "no memory for the interpreter");
    options_.allocator = budget_.allocator();
    SubgraphOptions settings{.allocator = options_.allocator,
                             .preserve_inputs = options.preserve_inputs,
                             .fusion = options.fuse ? fusion : FusionSteps{},
                             .run_parts = run_parts,
                             .pack = options.pack,
                             .limits = options.limits,
                             .cancel = options.cancel};
    if (!subgraph_.allocate(options_.allocator, 1)) return Error(ErrorCode::out_of_memory, "no memory for the interpreter");
    if (make_session != nullptr) {
      session_ = make_session(model, index, find, workers, settings);
      settings.session = session_.get();
      if (settings.session == nullptr) return Error(ErrorCode::out_of_memory, "no memory for the interpreter's session");
    }
    return own_subgraph().load(model, index, find, workers, settings);
  }
  Result<void> plan_and_bind(void* executor) {
    if (session_.get() != nullptr) session_.get()->begin();
    if (auto r = own_subgraph().plan(executor); !r) return r;
    if (!options_.arena.empty()) return own_subgraph().bind(options_.arena, executor);
    if (arena_.size() != own_subgraph().arena_bytes() && !arena_.allocate(options_.allocator, own_subgraph().arena_bytes())) {
      return Error(ErrorCode::out_of_memory, "arena: no memory for ") << own_subgraph().arena_bytes() << " bytes";
    }
    return own_subgraph().bind(arena_.span(), executor);
  }
  Result<void> run(void* executor, const ObserverHooks* observer) {
    if (!own_subgraph().ready()) return Error(ErrorCode::invalid_argument, "invoke: call allocate() after resize_input()");
    if (session_.get() != nullptr) session_.get()->begin();
    return own_subgraph().invoke(executor, observer);
  }

  std::int32_t input_tensor(int i) const { return subgraph().graph().inputs[static_cast<std::size_t>(i)]; }
  std::int32_t output_tensor(int i) const { return subgraph().graph().outputs[static_cast<std::size_t>(i)]; }

  /// The tensor that the signature calls so, or -1.
  std::int32_t signature_tensor(std::string_view name, bool input) const {
    if (signature_ < 0) return -1;
    const Model& model = subgraph().model();
    const int count = input ? model.signature_input_count(signature_) : model.signature_output_count(signature_);
    for (int i = 0; i < count; ++i) {
      const SignatureEntry entry = input ? model.signature_input(signature_, i) : model.signature_output(signature_, i);
      if (entry.name == name) return entry.tensor;
    }
    return -1;
  }

  template <class T> Result<TensorView<T>> typed(const char* kind, int i, std::int32_t index) {
    using Element = std::remove_const_t<T>;
    if (!own_subgraph().ready()) return Error(ErrorCode::invalid_argument) << kind << ": call allocate() after resize_input()";
    Tensor& t = own_subgraph().tensor(index);
    const std::string_view name = subgraph().graph_tensor(index).name;
    if constexpr (!std::is_const_v<T>) {
      if (t.description.is_constant)
        return Error(ErrorCode::invalid_argument) << kind << ' ' << i << " has constant data, which cannot be written";
      if (t.description.type == TensorType::string)
        return Error(ErrorCode::invalid_argument) << kind << ' ' << i << " holds strings: use set_strings() or set_string_bytes()";
    }
    if (!std::is_same_v<Element, std::byte> && t.description.type != tensor_type_of<Element>) {
      Error error(ErrorCode::invalid_argument);
      error << kind << ' ' << i << ' ';
      detail::print_name(error, name);
      return error << " holds " << name_of(t.description.type) << ", not " << name_of(tensor_type_of<Element>);
    }
    // Where a run has failed, an output may have a shape that nothing was counted for, and no data.
    const std::int64_t count = t.data == nullptr ? 0 : std::is_same_v<Element, std::byte> ? t.description.bytes() : t.description.count();
    return TensorView<T>({reinterpret_cast<T*>(t.data), static_cast<std::size_t>(count)}, &t.description, name);
  }
  /// Memory for an input of so many strings.
  Result<std::byte*> string_input(int i, std::int64_t count, std::int64_t bytes) {
    if (i < 0 || i >= input_count()) return no_such("input", i, input_count());
    if (!own_subgraph().ready()) return Error(ErrorCode::invalid_argument, "input: call allocate() after resize_input()");
    Tensor& t = own_subgraph().tensor(input_tensor(i));
    if (t.description.type != TensorType::string)
      return Error(ErrorCode::invalid_argument, "input ") << i << " holds " << name_of(t.description.type) << ", not strings";
    if (t.description.is_constant)
      return Error(ErrorCode::invalid_argument, "input ") << i << " has constant data, which cannot be written";
    if (count != t.description.count())
      return Error(ErrorCode::invalid_argument, "input ") << i << " holds " << t.description.count() << " strings, not " << count;
    if (bytes < 0) return Error(ErrorCode::invalid_argument, "input ") << i << " would take more than 2^31 - 1 bytes";
    const auto size = static_cast<std::size_t>(bytes);
    if (t.own.size() < size && !t.own.allocate(options_.allocator, size)) {
      t.data = nullptr;
      t.description.string_bytes = 0;
      return Error(ErrorCode::out_of_memory, "no memory for the strings of input ") << i;
    }
    t.data = t.own.data();
    t.description.string_bytes = bytes;
    return t.data;
  }
  static Error no_such(const char* kind, int i, int count) {
    return Error(ErrorCode::invalid_argument) << kind << ' ' << i << " does not exist: the model has " << count << ' ' << kind << 's';
  }
  static Error no_such_name(const char* kind, std::string_view name) {
    Error error(ErrorCode::invalid_argument);
    error << "no " << kind << " has the name ";
    detail::print_name(error, name);
    return error;
  }

  detail::MemoryBudget budget_;  // first: the others give their memory back to it
  SessionHandle session_;
  Array<Subgraph> subgraph_;  // one; it stays where it is
  InterpreterOptions options_;
  Array<std::byte> arena_;
  int signature_ = -1;
};

namespace detail {
/// Kernels get the interpreter's executor itself, unless the list of ops names a type that stands for every executor.
template <class Ops> struct KernelExecutorOf {
  static constexpr bool stands_in = false;
  struct type {};
};
template <class Ops>
requires requires { typename Ops::KernelExecutor; }
struct KernelExecutorOf<Ops> {
  static constexpr bool stands_in = true;
  using type = typename Ops::KernelExecutor;
};
}  // namespace detail

/// Runs one subgraph of a model with the ops of a registry, on one thread at a time; make one per thread, they share the Model
/// and its packed weights. Ops: an OpRegistry, or Dispatched<OpRegistry<...>>. DelegateList: Delegates<...>. Ex: who runs the pieces of a
/// large op.
template <class Ops, class DelegateList = NoDelegates, Executor Ex = SerialExecutor, class Arch = simd::NativeArch>
class Interpreter : public Runner {
 public:
  /// Reads every node, infers shapes, plans and allocates the arena, prepares the kernels.
  static Result<Interpreter> create(Model model, const InterpreterOptions& options = {}, Ex executor = Ex{}) {
    if constexpr (KernelExecutor::stands_in) {
      if (auto r = Ops::architecture(); !r) return r.error();
    }
    Interpreter interpreter(std::move(executor));
    SessionHandle (*make)(Model, int, FindEntry, int, const SubgraphOptions&) = nullptr;
    if constexpr (detail::needs_session<Ops>) make = &make_session<>;
    if (auto r = interpreter.load(model, options.subgraph, &find, interpreter.executor_.workers(), options,
                                  detail::FusionOf<Ops, detail::runs_in_bands<Arch>>::steps,
                                  KernelExecutor::stands_in ? nullptr : detail::run_parts_of<Ex>(), make);
        !r) {
      return r.error();
    }
    if (!options.defer_allocation) {
      if (auto r = interpreter.allocate(); !r) return r.error();
    }
    return interpreter;
  }
  /// As create(), for a signature of the model: inputs and outputs go by the signature's names too.
  static Result<Interpreter> create(Model model, std::string_view signature, InterpreterOptions options = {}, Ex executor = Ex{}) {
    const int index = model.find_signature(signature);
    if (index < 0) return no_such_name("signature", signature);
    options.subgraph = model.signature_subgraph(index);
    auto interpreter = create(std::move(model), options, std::move(executor));
    if (interpreter) interpreter->signature_ = index;
    return interpreter;
  }

  /// A new shape for input i: allocate() again before the next invoke().
  Result<void> resize_input(int i, std::span<const std::int32_t> shape) {
    if (!Shape::can_hold(shape)) {
      return Error(ErrorCode::invalid_argument, "resize_input: ")
             << shape.size() << " dimensions are too many, at most " << max_rank << " beside leading ones";
    }
    return own_subgraph().resize_input(i, Shape::from(shape));
  }
  /// Infers and plans again after resize_input(). Outputs, inputs and variables lose their contents.
  Result<void> allocate() { return plan_and_bind(kernel_executor()); }
  /// As allocate(), into the caller's memory.
  Result<void> allocate(std::span<std::byte> arena) {
    options_.arena = arena;
    return allocate();
  }

  /// Runs every node once. Fill the inputs before each call.
  Result<void> invoke() { return run(kernel_executor(), nullptr); }
  /// As invoke(), and calls observer(const NodeEvent&) after each node, while its outputs are still there. What fusion leaves out is not
  /// seen: InterpreterOptions::fuse.
  template <class Observer>
  requires std::is_invocable_v<Observer&, const NodeEvent&> Result<void> invoke(Observer&& observer) {
    const ObserverHooks hooks{const_cast<void*>(static_cast<const void*>(&observer)), nullptr, [](void* context, const NodeEvent& event) {
                                (*static_cast<std::remove_reference_t<Observer>*>(context))(event);
                              }};
    return run(kernel_executor(), &hooks);
  }

  Ex& executor() { return executor_; }

 private:
  using KernelExecutor = detail::KernelExecutorOf<Ops>;

  static const OpEntry* find(const GraphSubgraph& subgraph, const GraphNode& node) {
    if (const OpEntry* claimed = DelegateList::claim(subgraph, node); claimed != nullptr) return claimed;
    return find_op(Ops::template entries<Arch, Ex>(), subgraph, node);
  }
  explicit Interpreter(Ex executor) : executor_(std::move(executor)) {}
  void* kernel_executor() {
    if constexpr (KernelExecutor::stands_in) {
      stand_in_ = typename KernelExecutor::type(executor_);  // the executor moves with the interpreter
      return &stand_in_;
    } else {
      return &executor_;
    }
  }

  Ex executor_;
  [[no_unique_address]] typename KernelExecutor::type stand_in_;
};

}  // namespace tfl
