// The same report for a repository: Markdown, and its pictures as files beside it.
#pragma once

#include "document.hpp"

#include <filesystem>

namespace examples {

namespace detail {

class MarkdownWriter {
public:
  /// Pictures go to FOLDER/figures.
  explicit MarkdownWriter(std::string folder) : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_ + "/figures");
  }

  std::string text{};

  void operator()(const Heading& h) { text += "## " + h.text + "\n\n"; }
  void operator()(const Text& t) { text += t.text + "\n\n"; }
  void operator()(const Code& c) { text += "```\n" + c.text + "\n```\n\n"; }

  void operator()(const Table& t) {
    line(t.head);
    std::vector<std::string> rule(t.head.size(), "---:");
    for (std::size_t c = 0; c < rule.size(); ++c)
      if (c == 0 || t.is_words(c)) rule[c] = "---";
    line(rule);
    for (const auto& row : t.rows) {
      std::vector<std::string> cells;
      for (const TableCell& c : row)
        cells.push_back(c.small.empty() ? c.text
                                        : c.text + (c.text.empty() ? "" : "<br>") + c.small);
      line(cells);
    }
    text += "\n*" + t.caption + "*\n\n";
  }

  void operator()(const Figure& f) {
    for (const Drawing& d : f.drawings) {
      const std::string file = "figures/" + d.name + ".svg";
      sgq::io::write_file_atomically(folder_ + "/" + file, on_white(d.svg));
      text += "![" + d.name + "](" + file + ")\n";
    }
    text += "\n*" + f.caption + "*\n\n";
  }

  void operator()(const MapTable& m) {
    const std::string file = "figures/" + m.name + ".png";
    std::vector<std::string> columns;
    std::size_t group = 0, left = m.groups.empty() ? m.columns.size() : m.groups[0].second;
    for (const std::string& c : m.columns) {
      if (left == 0 && group + 1 < m.groups.size()) left = m.groups[++group].second;
      --left;
      const bool said = group < m.groups.size() && !m.groups[group].first.empty();
      columns.push_back(said ? m.groups[group].first + " " + c : c);
    }
    write_png(
        folder_ + "/" + file,
        compose_grid(m.tiles, {.columns = columns, .rows = m.rows, .zoom = 2, .text_zoom = 1}));
    text += "![" + m.name + "](" + file + ")\n\n*" + m.caption + "*\n\n";
  }

private:
  /// A picture that can be read where a page is dark.
  static std::string on_white(const std::string& svg) {
    const std::size_t begun = svg.find('>') + 1;
    return svg.substr(0, begun) + "\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>" +
           svg.substr(begun);
  }

  void line(const std::vector<std::string>& cells) {
    text += "|";
    for (const std::string& cell : cells) {
      text += " ";
      for (const char c : cell) text += c == '|' ? "\\|" : c == '\n' ? " " : std::string(1, c);
      text += " |";
    }
    text += "\n";
  }

  std::string folder_;
};

} // namespace detail

/// Writes the pictures to FOLDER/figures and returns the text.
inline std::string to_markdown(const Document& d, const std::string& folder) {
  detail::MarkdownWriter writer(folder);
  writer.text = "# " + d.title + "\n\n" + d.lead + "\n\n" + d.facts + "\n\n" + d.terms + "\n\n";
  if (!d.glance.drawings.empty()) writer(d.glance);
  for (const Answer& a : d.answers) {
    writer.text += "**" + a.label + (a.label.ends_with('?') ? "**\n\n" : ".**\n\n");
    for (const std::string& line : a.lines) writer.text += "- " + line + "\n";
    writer.text += "\n";
  }
  std::string contents;
  for (const Block& block : d.blocks)
    if (const Heading* h = std::get_if<Heading>(&block))
      contents += (contents.empty() ? "Contents: [" : " \u00b7 [") + h->text + "](#" +
                  anchor_of(h->text) + ")";
  if (!contents.empty()) writer.text += contents + "\n\n";
  for (const Block& block : d.blocks) std::visit(writer, block);
  return writer.text;
}

} // namespace examples
