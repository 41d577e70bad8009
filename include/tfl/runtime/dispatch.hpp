#pragma once
// Kernels for several architectures in one program, of which one set is picked at start.
//
//     // ops.hpp
//     using Ops = tfl::OpRegistry<tfl::Conv2D, tfl::Softmax>;
//     // kernels.cpp
//     #include "ops.hpp"
//     TFL_DISPATCH(Ops)
//     // main.cpp
//     auto interpreter = tfl::Interpreter<tfl::Dispatched<Ops>>::create(model);
//
// CMake's tfl_enable_dispatch(target) compiles kernels.cpp once for each architecture. Without it the macro holds only the kernels
// that the compiler's flags allow. Sources that use Dispatched compile no kernel.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>

#include "tfl/core/parallel.hpp"
#include "tfl/core/status.hpp"
#include "tfl/runtime/fusion.hpp"
#include "tfl/runtime/registry.hpp"
#include "tfl/simd/arch.hpp"
#include "tfl/simd/cpu.hpp"

namespace tfl {

/// An executor behind two function pointers: what dispatched kernels get. So they are compiled once for all executors, and an
/// executor's own code, with its locks and whatever tables the standard library keeps for them, stays outside of their objects.
class AnyExecutor {
 public:
  AnyExecutor() = default;
  template <Executor E>
  requires(!std::is_same_v<E, AnyExecutor>) explicit AnyExecutor(E& executor)
      : executor_(std::addressof(executor)),
        workers_([](void* e) { return static_cast<int>(static_cast<E*>(e)->workers()); }),
        run_([](void* e, std::int64_t count, std::int64_t cost, Piece piece, void* context) {
          static_cast<E*>(e)->parallel_for(count, cost,
                                           [=](std::int64_t first, std::int64_t last, int worker) { piece(context, first, last, worker); });
        }) {}

  int workers() const { return workers_(executor_); }
  template <class Body> void parallel_for(std::int64_t count, std::int64_t cost, Body&& body) {
    using Plain = std::remove_reference_t<Body>;
    run_(
        executor_, count, cost,
        [](void* context, std::int64_t first, std::int64_t last, int worker) { (*static_cast<Plain*>(context))(first, last, worker); },
        const_cast<void*>(static_cast<const void*>(std::addressof(body))));
  }

 private:
  using Piece = void (*)(void* context, std::int64_t first, std::int64_t last, int worker);
  void* executor_ = nullptr;
  int (*workers_)(void* executor) = nullptr;
  void (*run_)(void* executor, std::int64_t count, std::int64_t cost, Piece piece, void* context) = nullptr;
};

/// Kernels for one architecture that the program holds.
struct Architecture {
  std::string_view name;
  int preference = 0;
  bool (*runs)(const simd::Processor& processor) = nullptr;
  std::span<const OpEntry> (*entries)() = nullptr;

  bool runs_here() const { return runs(simd::Processor::detect()); }
};

namespace detail {

/// The architectures of one list of ops, and the one in use. The first is what the program as a whole is compiled for.
class ArchitectureChoice {
 public:
  constexpr explicit ArchitectureChoice(std::span<const Architecture> architectures) : architectures_(architectures) {}

  std::span<const Architecture> architectures() const { return architectures_; }

  /// The one in use. The first call picks it: TFL_ARCH's, where that is set, else the best.
  Result<const Architecture*> current() {
    if (const Architecture* known = current_.load(std::memory_order_acquire); known != nullptr) return known;
    if (const char* name = std::getenv("TFL_ARCH"); name != nullptr && *name != '\0') {
      if (auto r = use("TFL_ARCH", name); !r) return r.error();
    } else {
      const simd::Processor processor = simd::Processor::detect();
      const Architecture* best = &architectures_[0];
      for (const Architecture& a : architectures_) {
        if (a.preference > best->preference && a.runs(processor)) best = &a;
      }
      current_.store(best, std::memory_order_release);
    }
    return current_.load(std::memory_order_acquire);
  }

  Result<void> use(std::string_view who, std::string_view name) {
    const simd::Processor processor = simd::Processor::detect();
    for (const Architecture& a : architectures_) {
      if (a.name != name) continue;
      if (!a.runs(processor)) {
        Error error(ErrorCode::invalid_argument, who);
        error << ": this machine does not run " << name << "; of this program's kernels it runs those for";
        return list(error, &processor);
      }
      current_.store(&a, std::memory_order_release);
      return {};
    }
    Error error(ErrorCode::invalid_argument, who);
    error << ": this program has no kernels for '" << name.substr(0, 64) << "', only for";
    return list(error, nullptr);
  }

 private:
  Error list(Error& error, const simd::Processor* processor) const {
    const char* separator = " ";
    for (const Architecture& a : architectures_) {
      if (processor != nullptr && !a.runs(*processor)) continue;
      error << separator << a.name;
      separator = ", ";
    }
    return error;
  }

  std::span<const Architecture> architectures_;
  std::atomic<const Architecture*> current_{nullptr};
};

/// The ops compiled for an architecture other than the program's own. TFL_DISPATCH defines it in that architecture's object, where it
/// is the only symbol that the rest of the program sees.
template <class Ops, class Arch> std::span<const OpEntry> kernel_table();

template <class... A> struct Archs {};

/// The program's own architecture first. One more object for the same would have nothing to offer.
template <class Ops, class... A> constexpr auto list_architectures(Archs<A...>) {
  using Native = simd::NativeArch;
  std::array<Architecture, 1 + (std::size_t{0} + ... + std::size_t{!std::is_same_v<A, Native>})> list{};
  std::size_t next = 0;
  list[next++] = {simd::name_of(Native{}), simd::preference(Native{}), [](const simd::Processor&) { return true; },
                  [] { return Ops::template entries<Native, AnyExecutor>(); }};
  const auto add = [&]<class Other>(Other) {
    if constexpr (!std::is_same_v<Other, Native>) {
      list[next++] = {simd::name_of(Other{}), simd::preference(Other{}), [](const simd::Processor& p) { return p.runs(Other{}); },
                      &kernel_table<Ops, Other>};
    }
  };
  (add(A{}), ...);
  return list;
}

}  // namespace detail

/// Stands for the registry Ops where its kernels are compiled by TFL_DISPATCH(Ops), once for each architecture. An interpreter takes
/// those of the architecture that is in use when it is created, and stays with them. Every
/// kernel gets an AnyExecutor, those of delegates too. The environment variable TFL_ARCH names the architecture to use; with a name that
/// this program or machine does not have, interpreters are not created.
template <class Ops> class Dispatched {
 public:
  using KernelExecutor = AnyExecutor;

  /// What the program holds; the first is what its other code is compiled for.
  static std::span<const Architecture> architectures() { return choice().architectures(); }
  /// The name of the one in use, or what is wrong with TFL_ARCH.
  static Result<std::string_view> architecture() {
    const auto current = choice().current();
    if (!current) return current.error();
    return (*current)->name;
  }
  /// Uses this one for interpreters that are created from now on, whatever TFL_ARCH says.
  static Result<void> use_architecture(std::string_view name) { return choice().use("use_architecture", name); }

  /// The kernels of the architecture in use. Requires that architecture() has one.
  template <class, class> static std::span<const OpEntry> entries() { return (*choice().current())->entries(); }

 private:
  static detail::ArchitectureChoice& choice();  // TFL_DISPATCH defines it
};

namespace detail {
template <class Ops, bool Bands> struct FusionOf<Dispatched<Ops>, Bands> : FusionOf<Ops> {};
template <class Ops> inline constexpr bool needs_session<Dispatched<Ops>> = needs_session<Ops>;
}  // namespace detail

}  // namespace tfl

// Once in a program for each list of ops, at the outermost level of a source file, before anything that uses Dispatched of the list.
// What its headers hold must need no initialization at start and must have no variables: each architecture would have its own.
#if defined(TFL_DISPATCH_ARCH)  // this is an architecture's object
#define TFL_DISPATCH(...)                                                                                 \
  template <> std::span<const tfl::OpEntry> tfl::detail::kernel_table<__VA_ARGS__, TFL_DISPATCH_ARCH>() { \
    return std::type_identity_t<__VA_ARGS__>::entries<TFL_DISPATCH_ARCH, tfl::AnyExecutor>();             \
  }
#else
#if !defined(TFL_DISPATCH_ARCHS)
#define TFL_DISPATCH_ARCHS
#endif
#define TFL_DISPATCH(...)                                                                                                \
  template <> tfl::detail::ArchitectureChoice& tfl::Dispatched<__VA_ARGS__>::choice() {                                  \
    static constexpr auto list = tfl::detail::list_architectures<__VA_ARGS__>(tfl::detail::Archs<TFL_DISPATCH_ARCHS>{}); \
    static constinit tfl::detail::ArchitectureChoice choice(list);                                                       \
    return choice;                                                                                                       \
  }
#endif
