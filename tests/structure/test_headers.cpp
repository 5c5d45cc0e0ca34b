// What every header under include/ promises: it is short, says what it is, is plain ASCII, and
// neither prints, nor ends the program, nor reads the environment.
#include "source.hpp"
#include "support/catch.hpp"

#include "sgq/version.hpp"

namespace test_headers {

using namespace structure;

namespace {

constexpr std::size_t max_lines = 300;

// The one header that reads the environment: SGQ_ISA.
const std::string may_getenv = "sgq/kernels/simd/dispatch.hpp";

// The one header that only some standard libraries need; core/text.hpp includes it for them. And
// two that not every machine can compile.
const std::vector<std::string> left_out = {"sgq/core/text_stream.hpp", "sgq/distributed/mpi.hpp",
                                           "sgq/distributed/thread_communicator.hpp"};

const std::vector<std::string> forbidden_words = {
    "cout",   "cerr",  "clog",  "printf",     "fprintf", "vprintf",   "puts",   "putchar",
    "fputs",  "abort", "exit",  "quick_exit", "_Exit",   "terminate", "getenv", "setenv",
    "putenv", "rand",  "srand", "system",     "signal",  "setlocale"};

const std::vector<std::string> forbidden_includes = {"iostream", "regex",  "functional",
                                                     "format",   "ranges", "source_location"};

std::vector<std::string> header_problems(const Header& h) {
  std::vector<std::string> problems;
  const auto problem = [&](const std::string& text) { problems.push_back(h.path + ": " + text); };

  const auto lines = lines_of(h.text);
  const std::string title = "// " + h.path + " -- ";
  if (lines.empty() || lines[0].rfind(title, 0) != 0)
    problem("its first line is not \"" + title + "...\"");
  if (std::count(lines.begin(), lines.end(), "#pragma once") != 1) problem("no #pragma once");
  if (lines.size() > max_lines) problem(std::to_string(lines.size()) + " lines");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string at = "line " + std::to_string(i + 1) + ": ";
    for (char c : lines[i])
      if (c < ' ' || c > '~') { // tabs and carriage returns too
        problem(at + "a character that is not printable ASCII");
        break;
      }
    if (lines[i].size() > 100) problem(at + "longer than 100 columns");
    if (lines[i].rfind("#define ", 0) == 0 && lines[i].rfind("#define SGQ_", 0) != 0)
      problem(at + "a macro that does not begin with SGQ_");
    if (lines[i].find("#pragma omp") != std::string::npos)
      problem(at + "an OpenMP pragma outside SGQ_OMP");
    if (lines[i].rfind("using namespace", 0) == 0) problem(at + "using namespace");
  }

  const std::string code = code_of(h.text);
  for (const std::string& word : forbidden_words)
    if (has_word(code, word) && !(word == "getenv" && h.path == may_getenv)) problem(word);
  for (const Include& include : includes_of(h.text))
    for (const std::string& name : forbidden_includes)
      if (include.angled && include.target == name) problem("#include <" + name + ">");
  return problems;
}

} // namespace

TEST_CASE("every header keeps the rules of the house", "[structure]") {
  std::vector<std::string> problems;
  for (const Header& h : all_headers())
    for (const std::string& p : header_problems(h)) problems.push_back(p);
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("the header test sees what it must not let pass", "[structure]") {
  const std::string good = "// sgq/x.hpp -- an example.\n#pragma once\n";
  const auto problem = [&](const std::string& text) {
    const auto found = header_problems({"sgq/x.hpp", text});
    return found.empty() ? "" : found[0];
  };
  CHECK(problem(good) == "");
  CHECK(problem(good + "int i = 60'000; // printf, abort\n/* exit() */ char c = '\"'; auto s = "
                       "\"exit\\\"exit\";\n") == "");
  CHECK(problem(good + "void f() { snprintf(b, 9, s); my_exit(); }\n") == "");
  CHECK(problem("#pragma once\n") == "sgq/x.hpp: its first line is not \"// sgq/x.hpp -- ...\"");
  CHECK(problem("// sgq/x.hpp -- an example.\n") == "sgq/x.hpp: no #pragma once");
  CHECK(problem(good + "void f() { std::printf(\"\"); }\n") == "sgq/x.hpp: printf");
  CHECK(problem(good + "auto s = \"a\"; void f() { abort(); }\n") == "sgq/x.hpp: abort");
  CHECK(problem(good + "const char* s = std::getenv(\"HOME\");\n") == "sgq/x.hpp: getenv");
  CHECK(problem(good + "#include <iostream>\n") == "sgq/x.hpp: #include <iostream>");
  CHECK(problem(good + "#define X 1\n") != "");
  CHECK(problem(good + "#pragma omp simd\n") != "");
  CHECK(problem(good + "\tint i;\n") != "");
  CHECK(problem(good + "// caf\xc3\xa9\n") != "");
  CHECK(problem(good + std::string(101, '/') + "\n") != "");
  CHECK(problem(good + std::string(max_lines - 2, '\n')) == "");
  CHECK(problem(good + std::string(max_lines - 1, '\n')) == "sgq/x.hpp: 301 lines");
  CHECK(header_problems({may_getenv, "// " + may_getenv + " -- x\n#pragma once\nint i(getenv);\n"})
            .empty());
}

TEST_CASE("sgq.hpp includes every header", "[structure]") {
  std::vector<std::string> missing;
  const std::string umbrella = read("include/sgq/sgq.hpp");
  for (const Header& h : all_headers()) {
    const std::string line = "#include \"" + h.path + "\"";
    const bool wanted = h.path != "sgq/sgq.hpp" &&
                        std::find(left_out.begin(), left_out.end(), h.path) == left_out.end();
    if ((umbrella.find(line + "\n") != std::string::npos) != wanted) missing.push_back(line);
  }
  INFO("sgq.hpp lacks" << joined(missing));
  CHECK(missing.empty());
}

TEST_CASE("version.hpp says the same twice", "[structure]") {
  CHECK(std::string(sgq::version) == std::to_string(SGQ_VERSION_MAJOR) + "." +
                                         std::to_string(SGQ_VERSION_MINOR) + "." +
                                         std::to_string(SGQ_VERSION_PATCH));
}

} // namespace test_headers
