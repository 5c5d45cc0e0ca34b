// sgq/io/json_value.hpp -- a JSON value: null, a truth value, a number, text, an array, an object.
//
//     Json row;
//     row["net"] = "resnet20";                          // null becomes an object on first use
//     row["accuracy"] = 0.9137;
//     row["bits"] = Json::array({8, 4, 4, 8});
//     row["run"]["seconds"] = 12;                       // objects nest, members keep their order
//     double a = row.at("accuracy").as_double();        // value_error unless a number is there
//
// An integer and a real number are kept apart: 64-bit integers survive a round trip.
#pragma once

#include "sgq/core/error.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace sgq::io {

class Json {
public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  /// In order of insertion, keys unique. References to members stay valid when others are added:
  /// row["best"] = row["accuracy"].
  using Object = std::list<Member>;

  Json() = default; // null
  Json(std::nullptr_t) {}
  template <std::same_as<bool> B> // bool only: a pointer would convert to true
  Json(B value) : value_(value) {}
  template <std::floating_point F>
  Json(F value) : value_(static_cast<double>(value)) {}
  /// Throws value_error if the integer does not fit 63 bits and a sign.
  template <std::integral I>
  requires(!std::same_as<I, bool>) Json(I value) : value_(static_cast<std::int64_t>(value)) {
    if (!std::in_range<std::int64_t>(value))
      throw value_error(describe("json", "an integer below 2^63", to_text(value)));
  }
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  template <class T>
  Json(const std::vector<T>& values) : value_(Array(values.begin(), values.end())) {}

  static Json array(std::initializer_list<Json> values = {}) { return Json(Array(values)); }
  /// Json::object({{"a", 1}, {"b", "two"}}); of a repeated key the last value stays.
  static Json object(std::initializer_list<Member> members = {}) {
    Json json;
    json.value_ = Object();
    for (const Member& m : members) json[m.first] = m.second;
    return json;
  }
  /// The same from members whose keys are known to differ.
  static Json from_members(Object members) {
    Json json;
    json.value_ = std::move(members);
    return json;
  }

  bool is_null() const { return holds<std::monostate>(); }
  bool is_bool() const { return holds<bool>(); }
  bool is_int() const { return holds<std::int64_t>(); }
  bool is_number() const { return is_int() || holds<double>(); }
  bool is_string() const { return holds<std::string>(); }
  bool is_array() const { return holds<Array>(); }
  bool is_object() const { return holds<Object>(); }

  // Each throws value_error on another kind of value. An integer also reads as a double.
  bool as_bool() const { return get<bool>("true or false"); }
  std::int64_t as_int() const { return get<std::int64_t>("an integer"); }
  double as_double() const {
    return is_int() ? static_cast<double>(as_int()) : get<double>("a number");
  }
  const std::string& as_string() const { return get<std::string>("a string"); }
  const Array& as_array() const { return get<Array>("an array"); }
  const Object& as_object() const { return get<Object>("an object"); }

  /// The member's value, or nullptr where there is none or this is no object.
  const Json* find(std::string_view key) const {
    if (const Object* members = std::get_if<Object>(&value_))
      for (const Member& m : *members)
        if (m.first == key) return &m.second;
    return nullptr;
  }

  /// The member's value. Throws value_error where there is none.
  const Json& at(std::string_view key) const {
    if (const Json* value = find(key)) return *value;
    throw value_error(describe("json", "a member '" + std::string(key) + "'", kind()));
  }
  const Json& operator[](std::string_view key) const { return at(key); }

  /// The member's value, made (null) where there is none; null itself becomes an object.
  Json& operator[](std::string_view key) {
    if (is_null()) value_ = Object();
    if (const Json* value = find(key)) return const_cast<Json&>(*value);
    as_object(); // or throws
    Member& added = std::get<Object>(value_).emplace_back();
    added.first = key;
    return added.second;
  }

  // json[0] would be json[nullptr]. Elements are those of as_array().
  template <std::integral I>
  const Json& operator[](I) const = delete;
  template <std::integral I>
  Json& operator[](I) = delete;
  template <std::integral I>
  const Json& at(I) const = delete;

  /// Adds an element; null becomes an array.
  void push_back(Json value) {
    if (is_null()) value_ = Array();
    as_array(); // or throws
    std::get<Array>(value_).push_back(std::move(value));
  }

  /// What this is, for messages: "a string".
  const char* kind() const {
    static constexpr const char* names[] = {"null",     "true or false", "an integer", "a number",
                                            "a string", "an array",      "an object"};
    return names[value_.index()];
  }

  bool operator==(const Json&) const = default;

private:
  template <class T>
  bool holds() const {
    return std::holds_alternative<T>(value_);
  }
  template <class T>
  const T& get(const char* expected) const {
    if (const T* value = std::get_if<T>(&value_)) return *value;
    throw value_error(describe("json", expected, kind()));
  }

  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

} // namespace sgq::io
