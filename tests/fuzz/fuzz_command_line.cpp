#include "examples/tools/command_line.hpp"

#include "fuzz.hpp"

// Each line is an argument. --help would print, so it is left out.
void fuzz_one(std::string_view bytes) {
  std::vector<std::string> words = {"program"};
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    std::string word(bytes.substr(0, end));
    word.resize(std::min(word.find('\0'), word.size()));
    if (word != "--help" && word != "-h") words.push_back(word);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());

  std::string text, choice = "one";
  int integer = 3;
  double number = 0.5;
  std::optional<double> perhaps;
  bool flag = false;
  examples::CommandLine line("program", "A target.");
  line.text("--text", &text, "WORD", "a text");
  line.choice("--choice", &choice, {"one", "two"}, "one of two");
  line.integer("--integer", &integer, {-5, 100}, "an integer");
  line.number("--number", &number, "a number");
  line.number("--perhaps", &perhaps, "a number or nothing");
  line.flag("--flag", &flag, "a flag");
  try {
    fuzz::require(line.parse(static_cast<int>(arguments.size()), arguments.data()));
  } catch (const examples::usage_error& e) {
    fuzz::require(*e.what() != '\0');
  }
  fuzz::require(choice == "one" || choice == "two");
  fuzz::require(integer >= -5 && integer <= 100);
  fuzz::require(number >= 0 && std::isfinite(number));
  fuzz::require(!perhaps || (*perhaps >= 0 && std::isfinite(*perhaps)));
}
