#pragma once
// A static plan beside both interpreters of the same model: fed with the same bytes, they give the same bytes. Floats of the small
// interpreter, which packs no weights, are those of an interpreter that does not, either: sums of floats have another order there.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "run_model.hpp"
#include "tfl/plan/static_plan.hpp"

namespace tfl::fuzz {

/// Whether two tensors hold the same bytes. One number that is no number is as good as another.
inline bool same_bytes(TensorType type, std::span<const std::byte> a, std::span<const std::byte> b) {
  if (a.size() != b.size()) return false;
  if (type != TensorType::float32) return std::memcmp(a.data(), b.data(), a.size()) == 0;
  for (std::size_t at = 0; at + 4 <= a.size(); at += 4) {
    float x = 0, y = 0;
    std::memcpy(&x, a.data() + at, 4);
    std::memcpy(&y, b.data() + at, 4);
    if (std::memcmp(&x, &y, 4) != 0 && !(std::isnan(x) && std::isnan(y))) return false;
  }
  return true;
}

inline Bytes bytes_of_file(const std::string& path) {
  Bytes bytes;
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) broken("the model is there", path);
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) bytes.push_back(static_cast<std::uint8_t>(c));
  std::fclose(file);
  return bytes;
}

template <class Plan, class Interpreter, class Micro> class BesidePlan {
 public:
  /// Ends the program where one of the three can't run the model.
  explicit BesidePlan(const std::string& path) : path_(path) {
    const Bytes bytes = bytes_of_file(path);
    if (!file_.allocate(heap_allocator(), bytes.size()) || !arena_.allocate(heap_allocator(), std::size_t{1} << 20))
      broken("there is memory", path);
    std::memcpy(file_.data(), bytes.data(), bytes.size());
    auto model = Model::from_memory(std::span<const std::byte>(file_.span()));
    if (!model) broken("the model is sound", model.message());
    model_.emplace(std::move(*model));
    for (const GraphTensor& t : model_->subgraphs()[0].tensors) {
      holds_floats_ = holds_floats_ || t.description.type == TensorType::float32;
    }
    for (const bool is_plain : {false, true}) {
      InterpreterOptions options;
      options.fuse = options.pack = !is_plain;
      auto interpreter = Interpreter::create(*model_, options);
      if (!interpreter) broken("the interpreter runs what a plan runs", interpreter.message());
      (is_plain ? plain_ : interpreter_).emplace(std::move(*interpreter));
    }
    auto micro = Micro::create(file_.span(), arena_.span());
    if (!micro) broken("the small interpreter runs what a plan runs", micro.message());
    micro_.emplace(std::move(*micro));
  }

  /// Runs all three twice, with numbers of the way's kind or, where there are any, with these bytes over and over. Returns whether they
  /// came to their end.
  bool run(Way way, std::span<const std::uint8_t> raw) {
    plan_.reset_variables();
    interpreter_->reset_variables();
    plain_->reset_variables();
    micro_->reset_variables();
    Feed feed(way);
    for (int round = 0; round < 2; ++round) {
      fill(feed, raw, std::make_index_sequence<Plan::input_count>{});
      const std::optional<Violation> violation = invoke_plan();
      for (const ErrorCode code : {code_of(interpreter_->invoke()), code_of(plain_->invoke()), code_of(micro_->invoke())}) {
        if (code != (violation ? violation->code : ErrorCode::ok)) broken("all refuse the same numbers", path_);
      }
      if (violation) return false;
      compare(std::make_index_sequence<Plan::output_count>{});
    }
    return true;
  }

 private:
  template <class Span> static std::span<std::byte> bytes_of(Span span) {
    return {reinterpret_cast<std::byte*>(const_cast<std::remove_const_t<typename Span::element_type>*>(span.data())), span.size_bytes()};
  }
  static ErrorCode code_of(const Result<void>& result) { return told(result) ? ErrorCode::ok : result.error().code(); }

  template <std::size_t... I> void fill(Feed& feed, std::span<const std::uint8_t> raw, std::index_sequence<I...>) {
    (fill_one<I>(feed, raw), ...);
  }
  template <std::size_t I> void fill_one(Feed& feed, std::span<const std::uint8_t> raw) {
    auto input = plan_.template input<I>();
    const std::span<std::byte> bytes = bytes_of(input);
    if (raw.empty()) {
      feed.fill(input.type, bytes);
    } else {
      for (std::size_t k = 0; k < bytes.size(); ++k) bytes[k] = static_cast<std::byte>(raw[k % raw.size()] + k / raw.size());
    }
    copy_to(*interpreter_, static_cast<int>(I), bytes);
    copy_to(*plain_, static_cast<int>(I), bytes);
    copy_to(*micro_, static_cast<int>(I), bytes);
  }
  template <class Any> void copy_to(Any& any, int input, std::span<const std::byte> bytes) {
    auto view = any.template input<std::byte>(input);
    if (!told(view) || view->size() != bytes.size()) broken("all have the same inputs", path_);
    std::memcpy(view->data(), bytes.data(), bytes.size());
  }
  std::optional<Violation> invoke_plan() {
    if constexpr (std::is_void_v<decltype(plan_.invoke())>) {
      plan_.invoke();
      return {};
    } else {
      const Violation violation = plan_.invoke();
      if (violation) return violation;
      return {};
    }
  }
  template <std::size_t... O> void compare(std::index_sequence<O...>) { (compare_one<O>(), ...); }
  template <std::size_t O> void compare_one() {
    const auto output = plan_.template output<O>();
    constexpr int o = static_cast<int>(O);
    const std::span<const std::byte> bytes = bytes_of(output), plain = bytes_from(*plain_, o);
    expect_same(output.type, bytes_from(*interpreter_, o), bytes, "the interpreter gives the bytes of a plan", o);
    expect_same(output.type, bytes_from(*micro_, o), plain, "both interpreters give the same bytes", o);
    if (!holds_floats_) expect_same(output.type, plain, bytes, "packed weights give the bytes of others", o);
  }
  template <class Any> std::span<const std::byte> bytes_from(Any& any, int output) {
    auto view = any.template output<std::byte>(output);
    if (!told(view)) broken("all have the same outputs", path_);
    return {view->data(), view->size()};
  }
  void expect_same(TensorType type, std::span<const std::byte> a, std::span<const std::byte> b, const char* promise, int output) {
    if (!same_bytes(type, a, b)) broken(promise, path_ + ", output " + std::to_string(output));
  }

  std::string path_;
  Array<std::byte> file_, arena_;
  std::optional<Model> model_;
  bool holds_floats_ = false;
  std::optional<Interpreter> interpreter_, plain_;
  std::optional<Micro> micro_;
  Plan plan_;
};

}  // namespace tfl::fuzz
