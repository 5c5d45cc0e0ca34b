// A report as a list of blocks, which html.hpp makes a page and markdown.hpp a file for a
// repository. Texts may hold **strong** and `code`.
#pragma once

#include "text.hpp"

#include "../tools/png.hpp"

#include <variant>

namespace examples {

struct Heading {
  std::string text{};
};
struct Text {
  std::string text{};
};
struct Code {
  std::string text{};
};

struct Table {
  std::string caption{};
  std::vector<std::string> head{};
  std::vector<std::vector<TableCell>> rows{}; ///< the first cell is the row's name
  bool folded = false;                        ///< shown on demand: a list to look things up in
  bool defines = false;                       ///< heads of other tables link to its rows

  /// True if the column is set as words, at the left.
  bool is_words(std::size_t column) const {
    return !rows.empty() && column < rows[0].size() && !rows[0][column].tone.empty();
  }
};

/// A picture as SVG text; `name` is that of its file.
struct Drawing {
  std::string name{}, svg{};
};
/// Pictures side by side, as many as there is room for, under one caption.
struct Figure {
  std::vector<Drawing> drawings{};
  std::string caption{};
};

/// Rows of images and maps with a line below each.
struct MapTable {
  std::string name{}, caption{};
  std::vector<std::pair<std::string, std::size_t>> groups{}; ///< heads over several columns
  std::vector<std::string> columns{}, rows{};
  std::vector<std::vector<Tile>> tiles{}; ///< [rows][columns]
};

using Block = std::variant<Heading, Text, Code, Table, Figure, MapTable>;

struct Document {
  std::string title{}, lead{}, facts{}, terms{}; ///< facts: what the numbers are of; terms: the
                                                 ///< words that the page needs
  Figure glance{};                               ///< the answer as a picture, before all else
  std::vector<Answer> answers{};
  std::vector<Block> blocks{};
};

inline void add(Document& d, Figure figure) {
  if (!figure.drawings.empty()) d.blocks.push_back(std::move(figure));
}
inline void add(Document& d, Table table) {
  if (!table.rows.empty()) d.blocks.push_back(std::move(table));
}
inline void add(Document& d, Text text) {
  if (!text.text.empty()) d.blocks.push_back(std::move(text));
}

} // namespace examples
