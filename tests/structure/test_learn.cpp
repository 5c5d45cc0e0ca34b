// docs/learn is true: code it quotes stands in the source, names exist, and numbers in its prose stand
// in a block of the same page. tests/learn/outputs.sh compares those blocks with what programs print.
//
//     <!-- from include/sgq/ops/relu.hpp -->    marks a fenced block as cut from that file
//
// Its lines follow each other in the file too, but for a line `...`, which skips some. They may be
// indented less.
#include "source.hpp"
#include "support/catch.hpp"

#include <set>
#include <utility>

namespace test_learn {

using namespace structure;

namespace {

std::string trimmed(const std::string& line) {
  const std::size_t first = line.find_first_not_of(' ');
  return first == std::string::npos ? ""
                                    : line.substr(first, line.find_last_not_of(' ') - first + 1);
}

/// True if the stretches of `quote` between lines "..." stand in the file one behind the other.
bool stands_in(const std::vector<std::string>& quote, const std::vector<std::string>& file) {
  std::size_t at = 0; // lines before it are taken
  for (std::size_t i = 0, last; i < quote.size(); i = last + 1) {
    for (last = i; last < quote.size() && trimmed(quote[last]) != "...";) ++last;
    const auto here = [&] {
      for (std::size_t k = i; k < last; ++k)
        if (trimmed(file[at + k - i]) != trimmed(quote[k])) return false;
      return true;
    };
    while (at + last - i <= file.size() && !here()) ++at;
    if (at + last - i > file.size()) return false;
    at += last - i;
  }
  return true;
}

/// A fenced block, the line before it, and the language after the fence.
struct Block {
  std::string mark, language;
  std::vector<std::string> lines;
};

std::vector<Block> blocks_of_page(const std::string& markdown) {
  std::vector<Block> blocks;
  std::string before;
  bool on = false;
  for (const std::string& line : lines_of(markdown)) {
    if (line.rfind("```", 0) == 0) {
      if (!on) blocks.push_back({before, line.substr(3), {}});
      on = !on;
    } else if (on)
      blocks.back().lines.push_back(line);
    before = line;
  }
  return blocks;
}

/// The page's prose: no blocks, no code in backticks, no comments, no targets of links.
std::string prose_of_page(const std::string& markdown) {
  std::string text;
  bool block = false, code = false;
  for (const std::string& line : lines_of(markdown)) {
    if (line.rfind("```", 0) == 0) block = !block;
    if (block || line.rfind("```", 0) == 0 || line.rfind("<!--", 0) == 0) continue;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '`') code = !code;
      if (!code && line[i] == ']' && i + 1 < line.size() && line[i + 1] == '(') {
        const std::size_t close = line.find(')', i);
        i = close == std::string::npos ? line.size() : close;
      } else if (!code && line[i] != '`')
        text += line[i];
    }
    text += '\n';
  }
  return text;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Numbers with a decimal point, and those before a percent sign: what a program has measured.
/// Numbers of papers at arXiv, four digits and five, are none.
std::vector<std::string> measured_numbers(const std::string& text) {
  std::vector<std::string> found;
  for (std::size_t i = 0, end; i < text.size(); i = end + 1) {
    end = i;
    if (!is_digit(text[i]) && !(text[i] == '.' && i + 1 < text.size() && is_digit(text[i + 1])))
      continue;
    while (end < text.size() &&
           (is_digit(text[end]) ||
            (text[end] == '.' && end + 1 < text.size() && is_digit(text[end + 1]))))
      ++end;
    const std::string number = text.substr(i, end - i);
    const std::size_t dot = number.find('.');
    const bool paper = dot == 4 && number.size() == 10;
    const bool percent = text.compare(end, 2, " %") == 0;
    if ((dot != std::string::npos && !paper) || percent) found.push_back(number);
  }
  return found;
}

/// Everything wrong with one page. `sources`: all words of the code.
std::vector<std::string> page_problems(const std::string& page, const std::string& markdown,
                                       const std::set<std::string>& sources) {
  std::vector<std::string> problems;
  const auto problem = [&](const std::string& text) { problems.push_back(page + ": " + text); };
  std::string shown;
  for (const Block& block : blocks_of_page(markdown)) {
    for (const std::string& line : block.lines) shown += line + "\n";
    const std::string begin = "<!-- from ", end = " -->";
    if (block.mark.rfind(begin, 0) == 0) {
      const std::string path =
          block.mark.substr(begin.size(), block.mark.size() - begin.size() - end.size());
      if (!std::filesystem::is_regular_file(path))
        problem("quotes " + path + ", which does not exist");
      else if (!stands_in(block.lines, lines_of(read(path))))
        problem("not in " + path + ": " + joined(block.lines));
    } else if (block.language == "cpp")
      problem("code without a source: " + joined(block.lines));
  }
  const std::vector<std::string> known = measured_numbers(shown + " ");
  std::set<std::string> numbers(known.begin(), known.end());
  for (std::size_t i = 0; i < shown.size(); ++i) // whole numbers too
    if (is_digit(shown[i]) && (i == 0 || !is_digit(shown[i - 1]))) {
      const std::size_t last = shown.find_first_not_of("0123456789", i);
      numbers.insert(shown.substr(i, last - i));
    }
  for (const std::string& number : measured_numbers(prose_of_page(markdown)))
    if (!numbers.count(number)) problem(number + " stands in no block");

  for (std::string name : in_backticks(without_code(markdown))) {
    if (name.size() > 2 && name.compare(name.size() - 2, 2, "()") == 0)
      name.resize(name.size() - 2);
    const std::size_t colons = name.rfind("::");
    if (colons != std::string::npos) name = name.substr(colons + 2);
    const bool identifier =
        !name.empty() && !is_digit(name[0]) && std::all_of(name.begin(), name.end(), is_word);
    if (identifier && !sources.count(name)) problem("no " + name + " in the code");
  }
  return problems;
}

std::set<std::string> words_of_code() {
  std::set<std::string> words;
  for (const char* folder : {"include", "examples"})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      words.insert(entry.path().stem().string());
      std::string word;
      for (const char c : read(entry.path()) + "\n")
        if (is_word(c))
          word += c;
        else if (!word.empty())
          words.insert(std::exchange(word, {}));
    }
  return words;
}

std::vector<std::filesystem::path> chapters() {
  std::vector<std::filesystem::path> pages;
  for (const auto& entry : std::filesystem::directory_iterator("docs/learn"))
    if (entry.path().extension() == ".md" && entry.path().filename() != "README.md")
      pages.push_back(entry.path());
  std::sort(pages.begin(), pages.end());
  return pages;
}

} // namespace

TEST_CASE("what docs/learn quotes, names and counts is there", "[structure]") {
  const std::set<std::string> sources = words_of_code();
  std::vector<std::string> problems;
  for (const auto& page : chapters())
    for (const std::string& p : page_problems(page.string(), read(page), sources))
      problems.push_back(p);
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("every chapter is listed and short, with three exercises and their solutions",
          "[structure]") {
  const std::string index = read("docs/learn/README.md"),
                    list = read("examples/learn/CMakeLists.txt");
  std::vector<std::string> problems;
  std::string pages;
  for (const auto& page : chapters()) {
    const std::string name = page.filename().string(), text = read(page);
    pages += text;
    if (index.find("(" + name + ")") == std::string::npos)
      problems.push_back("not listed: " + name);
    if (list.find(name) == std::string::npos) problems.push_back("not tested: " + name);
    for (const char* i : {"1", "2", "3"}) {
      const std::string solution =
          "examples/learn/exercises/chapter" + name.substr(0, name.find('-')) + "_" + i + ".cpp";
      if (!std::filesystem::exists(solution)) problems.push_back("no " + solution);
      if (text.find("(../../" + solution + ")") == std::string::npos)
        problems.push_back(name + " does not link to " + solution);
    }
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator("examples/learn")) {
    const std::string path = entry.path().generic_string(), file = entry.path().filename().string();
    if (entry.path().extension() != ".cpp" || path.find("/exercises/") != std::string::npos)
      continue;
    const std::size_t longest = file == "one_file.cpp"       ? 1000
                                : file.rfind("step", 0) == 0 ? 120
                                                             : 60;
    const std::size_t lines = lines_of(read(path)).size();
    if (lines > longest && file != "driver.cpp")
      problems.push_back(path + " has " + std::to_string(lines) + " lines");
    if (pages.find("(../../" + path + ")") == std::string::npos)
      problems.push_back("no page links to " + path);
  }
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("the test of docs/learn sees what it must not let pass", "[structure]") {
  const std::vector<std::string> file = {"a", "  b", "c", "d", "  b", "e"};
  CHECK(stands_in({"b", "c"}, file));
  CHECK(stands_in({"a", "...", "d", "b"}, file));
  CHECK(stands_in({"...", "  e"}, file));
  CHECK_FALSE(stands_in({"a", "c"}, file));
  CHECK_FALSE(stands_in({"d", "...", "c"}, file));
  CHECK_FALSE(stands_in({"e", "f"}, file));

  CHECK(measured_numbers("2 bits, 97.8 %, 3 % of .25; arXiv 1805.06085, step 4.") ==
        std::vector<std::string>{"97.8", "3", ".25"});
  CHECK(prose_of_page("a `b 1.5` [c](d 2.5)\n```\n3.5\n```\n<!-- 4.5 -->\n") == "a  [c\n");

  const auto problems = [](const std::string& markdown) {
    return page_problems("page", markdown, {"Tape", "push"}).size();
  };
  const std::string quote = "<!-- from include/sgq/config.hpp -->\n```cpp\n";
  CHECK(problems(quote + "#pragma once\n```\n") == 0);
  CHECK(problems(quote + "#pragma twice\n```\n") == 1);
  CHECK(problems("<!-- from include/sgq/no_such.hpp -->\n```cpp\n```\n") == 1);
  CHECK(problems("```cpp\nint i;\n```\n") == 1);
  CHECK(problems("`Tape::push()`, `1 + 1`\n") == 0);
  CHECK(problems("`Tape::pull()`\n") == 1);
  CHECK(problems("It prints 1.5 and 20 %.\n```\n1.5 20\n```\n") == 0);
  CHECK(problems("It prints 1.5 and 20 %.\n```\n11.5 200\n```\n") == 2);
}

} // namespace test_learn
