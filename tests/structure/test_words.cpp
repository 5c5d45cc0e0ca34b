// The library speaks the field's words (docs/glossary.md). Words of its own that were replaced do not
// come back: here is the list, with what to write instead.
#include "source.hpp"
#include "support/catch.hpp"

namespace test_words {

using namespace structure;

namespace {

enum class Kind {
  part,       // anywhere, whatever the case: "staircase" finds Staircase and make_staircase
  phrase,     // whole words of prose, whatever the case, over line breaks and comment marks too
  identifier, // a whole name in code; comments and strings do not count
};

struct Word {
  const char* word;
  Kind kind;
  const char* instead;
  const char* found;   // a text in which the word stands
  const char* allowed; // a text in which it does not
  const char* in = ""; // only in paths that begin so
};

constexpr Word words[] = {
    {"stairs", Kind::part, "thresholds", "struct Stairs {};", "a stair"},
    {"staircase", Kind::part, "thresholds", "make_staircase(x)", "a stair case"},
    {"climb", Kind::part, "search the thresholds", "climbing takes 4 ns", "a limb"},
    {"settle", Kind::part, "materialise", "// the settled signal", "set, let"},
    {"prepare(", Kind::phrase, "quantize_weights()", "net.prepare();", "to prepare a net"},
    {"PixelGrid", Kind::part, "QuantParams", "const PixelGrid& g;", "a pixel grid"},
    {"Grid", Kind::identifier, "QuantRange", "Grid grid;", "grid = g; // Grid: odd", "include/"},
    {"min_code", Kind::part, "quant_min", "g.min_code", "the lowest code"},
    {"k_block", Kind::identifier, "kc", "int k_block = 256;", "unpack_block(k)"},
    {"m_block", Kind::identifier, "mc", "int m_block = 8;", "item_block(m)"},
    {"n_block", Kind::identifier, "nc", "int n_block = 512;", "run_block(n)"},
    {"combine", Kind::identifier, "split-K reduction", "combine(parts);", "// sums combine",
     "include/sgq/kernels/"},
    {"fold_lanes", Kind::part, "horizontal sum", "fold_lanes(x)", "fold(lanes)"},
    {"folding lanes", Kind::phrase, "horizontal sums", "// folding  lanes", "folding planes"},
    {"byte_dot", Kind::part, "u8s8_dot", "byte_dot_tile()", "bytes, dots"},
    {"Panels", Kind::identifier, "packed weights", "Panels<T> p;", "int panels; // Panels of A"},
    {"AfterImage", Kind::part, "EpilogueCallback", "AfterImage after;", "after an image"},
    {"Roles", Kind::identifier, "ParameterGroups", "Roles roles;", "int roles; // Roles"},
    {"Role", Kind::identifier, "ParameterGroup", "Role::weight", "int role; // Role"},
    {"select_lowest", Kind::part, "lowest_k", "select_lowest(x)", "select the lowest"},
    {"count_passed", Kind::part, "bucketize", "count_passed(x, t)", "count what passed"},
    {"null band", Kind::phrase, "between-seed baseline", "the null\nband", "a null pointer"},
    {"null and floor", Kind::phrase, "the baselines", "// null and\n// floor", "null, floor()"},
    {"band and floor", Kind::phrase, "the baselines", "band and floor", "a band"},
    {"the floor, fp32", Kind::phrase, "the random-weights baseline",
     "// the\n// floor, fp32 against", "below the floor it is"},
    {"the floor, for", Kind::phrase, "the random-weights baseline", "the floor, for random weights",
     "the floor of alpha"},
    {"(the floor)", Kind::phrase, "the random-weights baseline", "weights (the floor).",
     "weights (floor(x))"},
    {"are the floor", Kind::phrase, "the random-weights baseline", "Random weights are the floor.",
     "are floored"},
    {"weights the floor", Kind::phrase, "the random-weights baseline", "random weights the floor",
     "weights floored"},
    {"floor: random", Kind::phrase, "baseline: random weights", "\"floor: random weights\"",
     "floor(random)"},
    {"guided less plain", Kind::phrase, "guided - plain", "guided less plain",
     "guided, less noise"},
    {"% right", Kind::phrase, "accuracy", "98.1 % right", "% of the right margin"},
    {"at rest", Kind::phrase, "an idle machine", "two cores at\nrest", "looks at the rest"},
    {"sitting", Kind::phrase, "a run", "in one sitting", "a fitting"},
    {"sittings", Kind::phrase, "interleaved runs", "medians of five sittings", "fittings"},
    {"whoever", Kind::phrase, "name the actor", "Whoever reads it", "who, ever"},
    {"of which", Kind::phrase, "split the sentence", "the last of\n/// which", "often, which"},
    {"makes of it", Kind::phrase, "name the result", "what C makes of it", "makes one of it"},
};

/// Lower case, comment marks and line breaks as single spaces; `line` has each character's line.
struct Prose {
  std::string text;
  std::vector<int> line;
};

Prose prose_of(const std::string& text) {
  Prose p;
  int line = 1;
  bool begins = true; // of a line, where comment marks stand
  const auto append = [&](char c) {
    if (c == ' ' && !p.text.empty() && p.text.back() == ' ') return;
    p.text += c;
    p.line.push_back(line);
  };
  for (const char c : text) {
    const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (space || (begins && (c == '/' || c == '#' || c == '*' || c == '<')))
      append(' ');
    else {
      begins = false;
      append(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    }
    if (c == '\n') ++line, begins = true;
  }
  return p;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// The first line in which the word stands, or 0.
int line_of(const Word& w, const std::string& text) {
  if (w.kind == Kind::identifier) {
    const std::vector<std::string> lines = lines_of(code_of(text));
    for (std::size_t i = 0; i < lines.size(); ++i)
      if (has_word(lines[i], w.word)) return static_cast<int>(i) + 1;
    return 0;
  }
  const Prose p = prose_of(text);
  const std::string word = lower(w.word);
  const bool whole = w.kind == Kind::phrase;
  for (std::size_t at = p.text.find(word); at != std::string::npos;
       at = p.text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool begins = at == 0 || !is_word(word.front()) || !is_word(p.text[at - 1]);
    const bool ends = end == p.text.size() || !is_word(word.back()) || !is_word(p.text[end]);
    if (!whole || (begins && ends)) return p.line[at];
  }
  return 0;
}

/// What a reader of the repository meets: headers, programs, pages. docs/results are records.
std::vector<std::filesystem::path> read_by_people() {
  std::vector<std::filesystem::path> files = {"README.md"};
  for (const char* folder : {"include", "examples", "docs"})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      const std::string path = entry.path().generic_string(), type = entry.path().extension();
      const bool text = type == ".hpp" || type == ".cpp" || type == ".md" || type == ".c" ||
                        type == ".sh" || type == ".txt" || type == ".in";
      if (entry.is_regular_file() && text && path.rfind("docs/results/", 0) != 0)
        files.push_back(entry.path());
    }
  std::sort(files.begin(), files.end());
  return files;
}

} // namespace

TEST_CASE("words that the field has other words for do not come back", "[structure]") {
  std::vector<std::string> problems;
  for (const auto& file : read_by_people()) {
    const std::string path = file.generic_string(), text = read(file);
    for (const Word& w : words) {
      if (path.rfind(w.in, 0) != 0) continue;
      const int line = line_of(w, text);
      const bool named =
          w.kind == Kind::part && lower(path).find(lower(w.word)) != std::string::npos;
      if (line > 0 || named)
        problems.push_back(path + (line > 0 ? ":" + std::to_string(line) : "") + ": \"" + w.word +
                           "\"; write: " + w.instead);
    }
  }
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("the test of words finds each, and lets its neighbours pass", "[structure]") {
  for (const Word& w : words) {
    INFO(w.word);
    CHECK(line_of(w, w.found) > 0);
    CHECK(line_of(w, w.allowed) == 0);
  }
  CHECK(line_of({"at rest", Kind::phrase, "", "", ""}, "one\n  // two at\n  // rest\n") == 2);
}

} // namespace test_words
