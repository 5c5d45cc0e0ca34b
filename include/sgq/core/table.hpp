// sgq/core/table.hpp -- tables of what can be chosen by name.
//
//     struct Row { std::string_view name; .. make; std::string_view about; };
//     inline constexpr Row optimizers[] = {{"sgd", make_sgd, "momentum"}, ..};
//
//     choose("optimizer", optimizers, text).make(..)     // or an error that lists the names
//
// Each such kind of thing has one table of rows with a name and a line about it. Parsers, errors,
// help texts and tests read the table, so adding one is a header and a row.
#pragma once

#include "sgq/core/error.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sgq {

/// The names of a table's rows, in its order.
template <class Rows>
std::vector<std::string> names_of(const Rows& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) names.emplace_back(row.name);
  return names;
}

/// "a", "a or b", "a, b or c".
inline std::string one_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + names[i];
  return text;
}

/// The row of that name, or null.
template <class Rows>
auto find_row(const Rows& rows, std::string_view name) {
  const decltype(&*std::begin(rows)) none = nullptr;
  for (const auto& row : rows)
    if (row.name == name) return &row;
  return none;
}

/// The row of that name. Throws value_error, which lists the names, where there is none.
template <class Rows>
const auto& choose(std::string_view what, const Rows& rows, std::string_view name) {
  if (const auto* row = find_row(rows, name)) return *row;
  throw value_error(describe(what, one_of(names_of(rows)), "'" + std::string(name) + "'"));
}

} // namespace sgq
