// A report as a list of blocks, which html.hpp makes a page and markdown.hpp a file for a
// repository. Texts may hold **strong** and `code`.
#pragma once

#include "../png.hpp"

#include <string>
#include <variant>
#include <vector>

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

/// What was asked, or found, by a short name.
struct Answer {
  std::string label{}, text{};
};

/// A number and, below it, how sure it is. With a tone it is set as words: "words", or coloured by
/// a verdict: "yes", "no", "open".
struct TableCell {
  std::string text{}, small{}, tone{};
};

struct Table {
  std::string caption{};
  std::vector<std::string> head{};
  std::vector<std::vector<TableCell>> rows{}; ///< the first cell is the row's name
  bool folded = false;                        ///< shown on demand: a list to look things up in
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
  std::string title{}, lead{}, facts{}; ///< facts: one line, what the numbers are of
  std::vector<Answer> answers{};
  std::vector<Block> blocks{};
};

/// Calls plain(text), strong(text) or code(text) for the parts of a text.
template <class Plain, class Strong, class Code>
void each_span(const std::string& text, Plain plain, Strong strong, Code code) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t mark = std::min(text.find("**", at), text.find('`', at));
    if (mark == text.npos) break;
    const std::string fence = text[mark] == '`' ? "`" : "**";
    const std::size_t end = text.find(fence, mark + fence.size());
    if (end == text.npos) break;
    plain(text.substr(at, mark - at));
    const std::string inside = text.substr(mark + fence.size(), end - mark - fence.size());
    fence == "`" ? code(inside) : strong(inside);
    at = end + fence.size();
  }
  plain(text.substr(std::min(at, text.size())));
}

} // namespace examples
