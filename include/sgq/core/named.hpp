// sgq/core/named.hpp -- tables of things that are chosen by a name.
//
//     struct Row { std::string_view name, about; ... };
//     inline constexpr Row rows[] = {{"cosine", ...}, {"step", ...}};
//
//     row_named("schedule", rows, text)   the row, or a value_error that lists the names
//     names_of(rows)                      {"cosine", "step"}
//
// Programs, help texts and tests read the table, so a new row is known everywhere.
#pragma once

#include "sgq/core/error.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sgq {

/// The row of that name, or null.
template <class Rows>
constexpr auto find_named(const Rows& rows, std::string_view name) -> decltype(&*std::begin(rows)) {
  for (const auto& row : rows)
    if (row.name == name) return &row;
  return nullptr;
}

/// All names, in the table's order.
template <class Rows>
std::vector<std::string> names_of(const Rows& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) names.emplace_back(row.name);
  return names;
}

/// "a, b or c"
template <class Rows>
std::string list_of(const Rows& rows) {
  const std::vector<std::string> names = names_of(rows);
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + names[i];
  return text;
}

/// The row of that name. Throws value_error if there is none; `what` says what was to be chosen.
template <class Rows>
const auto& row_named(std::string_view what, const Rows& rows, std::string_view name) {
  if (const auto* row = find_named(rows, name)) return *row;
  throw value_error(describe(what, list_of(rows), "'" + std::string(name) + "'"));
}

} // namespace sgq
