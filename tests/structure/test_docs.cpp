// What README.md, CONTRIBUTING.md and docs/ point to is there.
#include "source.hpp"
#include "support/catch.hpp"

namespace test_docs {

using namespace structure;

namespace {

// The targets of [text](target) and ![text](target) that name a file, without their #anchor.
std::vector<std::string> linked_files(const std::string& markdown) {
  std::vector<std::string> found;
  for (std::size_t at = markdown.find("]("); at != std::string::npos;
       at = markdown.find("](", at + 1)) {
    const std::size_t begin = at + 2, end = markdown.find_first_of(")#\n ", begin);
    const std::string target = markdown.substr(begin, end - begin);
    if (!target.empty() && target.find("://") == std::string::npos) found.push_back(target);
  }
  return found;
}

// The headers that a page names in backticks: `sgq/core/shape.hpp`, `core/shape.hpp` or from the root.
// Headers called my_.. are the reader's own, those in build/ are made.
std::vector<std::string> named_headers(const std::string& markdown) {
  std::vector<std::string> found;
  for (const std::string& item : in_backticks(markdown)) {
    const std::size_t end = item.rfind(".hpp");
    if (item.find('/') != std::string::npos && end != std::string::npos && end + 4 == item.size() &&
        item.find_first_of(" *\n,") == std::string::npos &&
        item.find("/my_") == std::string::npos && item.rfind("build/", 0) != 0)
      found.push_back(item);
  }
  return found;
}

bool header_exists(const std::string& name) {
  for (const char* root : {"", "include/", "include/sgq/", "examples/"})
    if (std::filesystem::exists(root + name)) return true;
  return false;
}

std::vector<std::filesystem::path> all_pages() {
  std::vector<std::filesystem::path> pages = {"README.md", "CONTRIBUTING.md"};
  for (const auto& entry : std::filesystem::recursive_directory_iterator("docs"))
    if (entry.path().extension() == ".md") pages.push_back(entry.path());
  return pages;
}

// The blocks of C++ on a page that stand, as they are, in no program that the page has named before
// them ("From `examples/x.cpp`"), and those that are longer than `longest` lines.
std::vector<std::string> foreign_blocks(const std::string& markdown, std::size_t longest) {
  std::vector<std::string> problems;
  std::string program, block;
  bool on = false;
  for (const std::string& line : lines_of(markdown)) {
    const std::size_t named = line.find("`examples/");
    if (!on && named != std::string::npos)
      program = line.substr(named + 1, line.find('`', named + 1) - named - 1);
    if (on && line == "```") {
      on = false;
      if (!std::filesystem::exists(program) || read(program).find(block) == std::string::npos)
        problems.push_back("not in " + program + ":\n" + block);
      if (lines_of(block).size() > longest) problems.push_back("too long: " + program);
    } else if (on)
      block += line + "\n";
    else if (line == "```cpp") {
      on = true;
      block.clear();
    }
  }
  return problems;
}

} // namespace

TEST_CASE("what docs/extending.md shows is cut from programs that are compiled", "[structure]") {
  const std::string text = read("docs/extending.md");
  const std::vector<std::string> problems = foreign_blocks(text, 40);
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("the test of excerpts sees foreign ones", "[structure]") {
  const std::string page = "From `examples/quickstart.cpp`.\n```cpp\n";
  CHECK(foreign_blocks(page + "using namespace sgq;\n```\n", 40).empty());
  CHECK(foreign_blocks(page + "using namespace std;\n```\n", 40).size() == 1);
  CHECK(foreign_blocks(page + "using namespace sgq;\nusing namespace sgq::nn;\n```\n", 1).size() ==
        1);
  CHECK(foreign_blocks("```cpp\nusing namespace sgq;\n```\n", 40).size() == 1);
}

TEST_CASE("headers that the documentation names exist", "[structure]") {
  std::vector<std::string> problems;
  for (const auto& page : all_pages())
    for (const std::string& name : named_headers(without_code(read(page))))
      if (!header_exists(name)) problems.push_back(page.string() + " names " + name);
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("the header test sees headers", "[structure]") {
  CHECK(named_headers("`nn/my_layer.hpp`, `core/shape.hpp`, `a b/c.hpp`, `x.hpp`; `docs/a.md`, "
                      "`sgq/no/such.hpp`") ==
        std::vector<std::string>{"core/shape.hpp", "sgq/no/such.hpp"});
  CHECK(header_exists("core/shape.hpp"));
  CHECK(header_exists("sgq/core/shape.hpp"));
  CHECK_FALSE(header_exists("sgq/no/such.hpp"));
}

TEST_CASE("links in the documentation lead somewhere", "[structure]") {
  std::vector<std::string> problems;
  for (const auto& page : all_pages())
    for (const std::string& target : linked_files(without_code(read(page))))
      if (!std::filesystem::exists(page.parent_path() / target))
        problems.push_back(page.string() + " links to " + target);
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("the link test sees links", "[structure]") {
  CHECK(without_code("a\n```cpp\n[](int x) {}\n```\nb\n") == "a\nb\n");
  CHECK(linked_files("See [a](docs/a.md#part), ![b](b.png \"title\"), [c](https://c.org/d) and "
                     "[e](#e).\n") == std::vector<std::string>{"docs/a.md", "b.png"});
}

} // namespace test_docs
