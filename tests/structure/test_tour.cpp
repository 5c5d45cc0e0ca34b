// docs/tour.md leads a reader from file to file. A stop is a file and, after it in the same
// list item (further lines are indented), names to look for there, each in backticks:
//
//     1. `include/sgq/ops/conv2d.hpp`: `conv2d_forward`,
//        then `conv2d_backward`
#include "source.hpp"
#include "support/catch.hpp"

namespace test_tour {

using namespace structure;

namespace {

// "conv2d_forward", "Tape::push" and "fit()" are names; "x + 1" is not.
bool is_name(const std::string& text) {
  return !text.empty() && !std::isdigit(static_cast<unsigned char>(text[0])) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_word(c) || c == ':'; });
}

struct Tour {
  int stops = 0; // names that were found in their file
  std::vector<std::string> problems;
};

Tour walk(const std::string& text) {
  Tour tour;
  std::string file, contents;
  for (const std::string& line : lines_of(text)) {
    if (line.empty() || line[0] != ' ') contents.clear(); // not a continued line
    for (std::string item : in_backticks(line)) {
      if (item.size() > 2 && item.substr(item.size() - 2) == "()") item.resize(item.size() - 2);
      if (item.find('/') != std::string::npos && item.find(' ') == std::string::npos) {
        file = item;
        contents.clear();
        if (std::filesystem::is_regular_file(file))
          contents = read(file);
        else if (!std::filesystem::is_directory(file))
          tour.problems.push_back("no file " + file);
      } else if (!contents.empty() && is_name(item)) {
        const std::size_t colons = item.rfind("::"); // Tape::push: look for the last part
        const std::string name = colons == std::string::npos ? item : item.substr(colons + 2);
        if (has_word(contents, name))
          ++tour.stops;
        else
          tour.problems.push_back(file + " has no " + item);
      }
    }
  }
  return tour;
}

} // namespace

TEST_CASE("docs/tour.md names files and functions that exist", "[structure]") {
  const std::string text = read("docs/tour.md");
  CHECK(lines_of(text).size() <= 150);
  const Tour tour = walk(text);
  INFO(joined(tour.problems));
  CHECK(tour.problems.empty());
  CHECK(tour.stops >= 10);
}

TEST_CASE("the tour test sees what it must not let pass", "[structure]") {
  const Tour good =
      walk("1. `include/sgq/core/shape.hpp`: `Shape::stride`, `check_shape()`; `1 + 1`\n"
           "no file in this line: `anything`\n"
           "2. `include/sgq/core/shape.hpp`: read on\n"
           "   till `Shape`.\n");
  CHECK(good.problems.empty());
  CHECK(good.stops == 3);
  CHECK(walk("`include/sgq/core/shapes.hpp`: `Shape`\n").problems ==
        std::vector<std::string>{"no file include/sgq/core/shapes.hpp"});
  CHECK(walk("`include/sgq/core/shape.hpp`: `Shap`\n").problems ==
        std::vector<std::string>{"include/sgq/core/shape.hpp has no Shap"});
}

} // namespace test_tour
