// sgq/core/function_ref.hpp -- a callable object as an argument, whatever its type.
//
//     function_ref<void(index_t)> call = f;      // two pointers; no allocation, no copy of f
//
// It does not own what it refers to, so it binds to named objects only: a temporary, which it
// could outlive, does not compile. A function that takes one is compiled once instead of once per
// lambda.
#pragma once

#include "sgq/config.hpp"

#include <memory>
#include <type_traits>

namespace sgq {

template <class Signature>
class function_ref;

template <class Result, class... Args>
class function_ref<Result(Args...)> {
public:
  /// Refers to nothing.
  function_ref() = default;

  /// f must outlive every call.
  template <class F>
  requires(!std::is_same_v<std::remove_const_t<F>, function_ref> && std::is_object_v<F> &&
           std::is_invocable_r_v<Result, F&, Args...>) function_ref(F& f)
  noexcept
      : object_(const_cast<std::remove_const_t<F>*>(std::addressof(f))),
        call_([](void* object, Args... args) -> Result {
          return static_cast<Result>((*static_cast<F*>(object))(args...));
        }) {}

  template <class F>
  requires(!std::is_same_v<std::remove_const_t<F>, function_ref>) function_ref(const F&&)
  = delete;

  /// True where there is something to call.
  explicit operator bool() const noexcept { return call_ != nullptr; }

  Result operator()(Args... args) const { return call_(object_, args...); }

private:
  void* object_ = nullptr;
  Result (*call_)(void*, Args...) = nullptr;
};

} // namespace sgq
