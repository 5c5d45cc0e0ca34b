// Functions are short: at most 40 lines outside kernels/, so that each can be read at once.
#include "source.hpp"
#include "support/catch.hpp"

namespace test_functions {

using namespace structure;

namespace {

constexpr std::size_t max_lines = 40;

/// Text without raw strings, whose line breaks stay: a program inside one is not ours.
std::string without_raw_strings(const std::string& text) {
  std::string result = text;
  for (std::size_t at = 0; (at = result.find("R\"", at)) != std::string::npos;) {
    const std::size_t open = result.find('(', at);
    const std::string end = ")" + result.substr(at + 2, open - at - 2) + "\"";
    const std::size_t close = result.find(end, open);
    if (open == std::string::npos || close == std::string::npos) break;
    std::string lines(static_cast<std::size_t>(
                          std::count(result.begin() + static_cast<std::ptrdiff_t>(at),
                                     result.begin() + static_cast<std::ptrdiff_t>(close), '\n')),
                      '\n');
    result.replace(at, close + end.size() - at, "0" + lines);
  }
  return result;
}

/// The code of a text; lines for the preprocessor are empty.
std::string statements_of(const std::string& text) {
  std::string result;
  bool continued = false;
  for (const std::string& line : lines_of(code_of(without_raw_strings(text)))) {
    const bool directive = continued || line.rfind('#', 0) == 0;
    continued = directive && !line.empty() && line.back() == '\\';
    result += (directive ? "" : line) + "\n";
  }
  return result;
}

/// The text before a brace, from the statement's beginning: does it open a function's body?
bool opens_function(std::string head) {
  const std::size_t first = head.find_first_not_of(" \n");
  head = first == std::string::npos ? "" : head.substr(first);
  while (!head.empty() && (head.back() == ' ' || head.back() == '\n')) head.pop_back();
  if (head.rfind("template <", 0) == 0) head.erase(0, head.find('\n') + 1); // npos + 1 is 0
  if (head.find('(') == std::string::npos || head.rfind("namespace", 0) == 0) return false;
  for (const char* keyword :
       {"if", "for", "while", "switch", "else", "do", "catch", "try", "return"})
    if (head.rfind(keyword, 0) == 0 &&
        (head.size() == std::string(keyword).size() || !is_word(head[std::string(keyword).size()])))
      return false;
  const std::size_t close = head.rfind(')');
  if (head.substr(0, head.find('(')).find('=') != std::string::npos &&
      head.find("operator") == std::string::npos)
    return false;
  if (close == std::string::npos) return false;
  const std::string tail = head.substr(close + 1);
  return tail.find_first_of("=,;") == std::string::npos;
}

struct Function {
  std::string head;
  std::size_t line, lines;
};

/// The outermost function bodies of a text and how many lines each has, its head included.
std::vector<Function> functions_of(const std::string& text) {
  const std::string code = statements_of(text);
  struct Brace {
    bool function;
    std::size_t start;
  };
  std::vector<Brace> open;
  std::vector<Function> found;
  std::size_t start = 0;
  const auto line_of = [&](std::size_t at) {
    return 1 + static_cast<std::size_t>(
                   std::count(code.begin(), code.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
  };
  int parentheses = 0; // braces within them open nothing: a default argument, a lambda
  for (std::size_t i = 0; i < code.size(); ++i) {
    parentheses += (code[i] == '(') - (code[i] == ')');
    if (parentheses > 0) continue;
    if (code[i] == '{') {
      bool inside = false;
      for (const Brace& b : open) inside |= b.function;
      const std::size_t head = std::min(code.find_first_not_of(" \n", start), i);
      open.push_back({!inside && opens_function(code.substr(start, i - start)), head});
    } else if (code[i] == '}' && !open.empty()) {
      const Brace b = open.back();
      open.pop_back();
      if (b.function)
        found.push_back({code.substr(b.start, code.find('\n', b.start) - b.start), line_of(b.start),
                         line_of(i) - line_of(b.start) + 1});
    }
    if (code[i] == ';' || code[i] == '{' || code[i] == '}') start = i + 1;
  }
  return found;
}

std::vector<std::string> long_functions(const std::filesystem::path& folder) {
  std::vector<std::string> problems;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string path = entry.path().generic_string();
    const std::string ext = entry.path().extension().string();
    if ((ext != ".hpp" && ext != ".cpp") || path.find("/kernels/") != std::string::npos) continue;
    for (const Function& f : functions_of(read(path)))
      if (f.lines > max_lines)
        problems.push_back(path + ":" + std::to_string(f.line) + ": " + std::to_string(f.lines) +
                           " lines: " + f.head);
  }
  return problems;
}

} // namespace

TEST_CASE("functions outside kernels/ have at most 40 lines", "[structure]") {
  std::vector<std::string> problems;
  for (const char* folder : {"include", "examples", "bench"})
    for (const std::string& p : long_functions(folder)) problems.push_back(p);
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("the function test measures what it must", "[structure]") {
  const std::string body = "int f(int x) const noexcept {\n" + std::string(39, '\n') + "}\n";
  CHECK(functions_of(body).at(0).lines == 41);
  CHECK(
      functions_of("struct A {\n  A() : x_(1) {\n    if (true) {\n    }\n  }\n};\n").at(0).lines ==
      4);
  CHECK(functions_of("template <class T>\nauto g(T t) -> int {\n}\n").at(0).lines == 3);
  const std::string lines(39, '\n');
  for (const char* head : {"template <class T = int>\nvoid f() {", "A& operator=(A&& a) {\n",
                           "int f(const A& a = {}, int b = 1) {\n", "A(A a = {}) : a_(a) {\n"})
    CHECK(functions_of(head + lines + "}\n").at(0).lines == 41);
  CHECK(functions_of("namespace a {\nint b = 1;\n}\n").empty());
  CHECK(functions_of("auto f = [](int x = 1) {\n};\n").empty());
  CHECK(functions_of("auto text = R\"(\nint f() {\n)\";\nvoid h() {\n}\n").at(0).line == 4);
}

} // namespace test_functions
