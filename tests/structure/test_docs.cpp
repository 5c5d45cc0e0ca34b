// What README.md and docs/ point to is there.
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

} // namespace

TEST_CASE("links in the documentation lead somewhere", "[structure]") {
  std::vector<std::filesystem::path> pages = {"README.md"};
  for (const auto& entry : std::filesystem::recursive_directory_iterator("docs"))
    if (entry.path().extension() == ".md") pages.push_back(entry.path());
  std::vector<std::string> problems;
  for (const auto& page : pages)
    for (const std::string& target : linked_files(read(page)))
      if (!std::filesystem::exists(page.parent_path() / target))
        problems.push_back(page.string() + " links to " + target);
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("the link test sees links", "[structure]") {
  CHECK(linked_files("See [a](docs/a.md#part), ![b](b.png \"title\"), [c](https://c.org/d) and "
                     "[e](#e).\n") == std::vector<std::string>{"docs/a.md", "b.png"});
}

} // namespace test_docs
