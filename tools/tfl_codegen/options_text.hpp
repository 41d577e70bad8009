#pragma once
// A plain struct as the C++ text that makes it: {.padding = tfl::Padding::same, .stride_h = 2}. The compiler tells the names.

#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tfl/core/shape.hpp"

namespace tfl::codegen {

/// A float as C++ reads it back, to the bit. Requires a finite one.
inline std::string float_text(float value) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  std::string result(text, end);
  if (result.find_first_of(".e") == std::string::npos) result += ".0";
  return result + 'f';
}

inline std::string shape_text(const Shape& shape) {
  std::string result = "{";
  for (int i = 0; i < shape.rank(); ++i) result += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return result + '}';
}

namespace detail {

// An object whose members have addresses that the compiler can print.
template <class T> struct Holder { T value; };
template <class T> inline constexpr Holder<T> holder{};
template <class M> struct Member { const M* address; };
template <class M> Member(const M*) -> Member<M>;

template <auto M> constexpr std::string_view printed() { return __PRETTY_FUNCTION__; }

constexpr bool is_name(char c) { return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// "stride_h" of "... holder.value.stride_h}]".
constexpr std::string_view last_name(std::string_view text) {
  std::size_t end = text.rfind('}');
  while (end > 0 && !is_name(text[end - 1])) --end;
  std::size_t begin = end;
  while (begin > 0 && is_name(text[begin - 1])) --begin;
  return text.substr(begin, end - begin);
}

/// "tfl::Padding::same" of "... [with auto M = tfl::Padding::same; ...]"; "(tfl::Padding)7" where the value has no name.
constexpr std::string_view value_of(std::string_view text) {
  const std::size_t begin = text.find("M = ") + 4;
  return text.substr(begin, text.find_first_of(";]", begin) - begin);
}

struct Anything {
  template <class T> operator T() const;  // NOLINT: only ever named, to count what a struct can be made of
};

/// The members of an aggregate: the most initializers that it takes.
template <class T, class... Given> constexpr std::size_t member_count() {
  if constexpr (requires { T{Given{}..., Anything{}}; }) {
    return member_count<T, Given..., Anything>();
  } else {
    return sizeof...(Given);
  }
}

/// Calls f with a reference to every member.
template <class T, class F> constexpr decltype(auto) with_members(const T& t, F f) {
  constexpr std::size_t count = member_count<T>();
  static_assert(count <= 12, "codegen: Options with more members need a line here");
  if constexpr (count == 0) {
    return f();
  } else if constexpr (count == 1) {
    const auto& [a] = t;
    return f(a);
  } else if constexpr (count == 2) {
    const auto& [a, b] = t;
    return f(a, b);
  } else if constexpr (count == 3) {
    const auto& [a, b, c] = t;
    return f(a, b, c);
  } else if constexpr (count == 4) {
    const auto& [a, b, c, d] = t;
    return f(a, b, c, d);
  } else if constexpr (count == 5) {
    const auto& [a, b, c, d, e] = t;
    return f(a, b, c, d, e);
  } else if constexpr (count == 6) {
    const auto& [a, b, c, d, e, g] = t;
    return f(a, b, c, d, e, g);
  } else if constexpr (count == 7) {
    const auto& [a, b, c, d, e, g, h] = t;
    return f(a, b, c, d, e, g, h);
  } else if constexpr (count == 8) {
    const auto& [a, b, c, d, e, g, h, i] = t;
    return f(a, b, c, d, e, g, h, i);
  } else if constexpr (count == 9) {
    const auto& [a, b, c, d, e, g, h, i, j] = t;
    return f(a, b, c, d, e, g, h, i, j);
  } else if constexpr (count == 10) {
    const auto& [a, b, c, d, e, g, h, i, j, k] = t;
    return f(a, b, c, d, e, g, h, i, j, k);
  } else if constexpr (count == 11) {
    const auto& [a, b, c, d, e, g, h, i, j, k, l] = t;
    return f(a, b, c, d, e, g, h, i, j, k, l);
  } else {
    const auto& [a, b, c, d, e, g, h, i, j, k, l, m] = t;
    return f(a, b, c, d, e, g, h, i, j, k, l, m);
  }
}

/// The name of member I of T.
template <class T, std::size_t I> constexpr std::string_view member_name() {
  constexpr auto member = with_members(holder<T>.value, [](const auto&... all) { return std::get<I>(std::tuple(Member{&all}...)); });
  return last_name(printed<member>());
}

template <class E> std::string enum_text(E value) {
  constexpr int known = 32;
  std::string result;
  [&]<int... V>(std::integer_sequence<int, V...>) {
    ((static_cast<int>(value) == V ? void(result = value_of(printed<static_cast<E>(V)>())) : void()), ...);
  }
  (std::make_integer_sequence<int, known>{});
  if (!result.empty()) return result;
  const std::string_view type = value_of(printed<static_cast<E>(known)>());  // "(tfl::Padding)32"
  return std::string(type.substr(0, type.find(')') + 1)) + std::to_string(static_cast<int>(value));
}

}  // namespace detail

/// The braced initializer of an aggregate, or the literal of a number. Members that are as by default are left out.
template <class T> std::string initializer_text(const T& value) {
  if constexpr (std::is_same_v<T, Shape>) {
    return shape_text(value);
  } else if constexpr (std::is_same_v<T, std::span<const float>>) {
    if (value.empty()) return "{}";
    std::string result = "tfl::detail::float_list<";
    for (std::size_t i = 0; i < value.size(); ++i) {
      result += (i > 0 ? ", " : "") + std::to_string(std::bit_cast<std::uint32_t>(value[i])) + 'u';
    }
    return result + '>';
  } else if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_floating_point_v<T>) {
    static_assert(std::is_same_v<T, float>);
    return float_text(value);
  } else if constexpr (std::is_integral_v<T>) {
    return std::to_string(value);
  } else if constexpr (std::is_enum_v<T>) {
    return detail::enum_text(value);
  } else {
    static_assert(std::is_aggregate_v<T>);
    std::string result = "{";
    const T usual{};
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      [[maybe_unused]] const auto add = [&](std::string_view name, const std::string& text, const std::string& usual_text) {
        if (text == usual_text) return;
        if (result.size() > 1) result += ", ";
        result.append(".").append(name).append(" = ").append(text);
      };
      [[maybe_unused]] const auto member_text = [](const T& of, auto index) {
        return detail::with_members(
            of, [](const auto&... all) { return initializer_text(std::get<decltype(index)::value>(std::tie(all...))); });
      };
      (add(detail::member_name<T, I>(), member_text(value, std::integral_constant<std::size_t, I>{}),
           member_text(usual, std::integral_constant<std::size_t, I>{})),
       ...);
    }
    (std::make_index_sequence<detail::member_count<T>()>{});
    return result + '}';
  }
}

}  // namespace tfl::codegen
