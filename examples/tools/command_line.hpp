// Options of a program, and the frame around its main().
//
//     int main(int argc, char** argv) {
//       return run_program(argv, "mnist", [&] {
//         CommandLine line("mnist", "Trains a small CNN.");
//         line.integer("--epochs", &epochs, {1, 10000}, "passes over the training set");
//         if (!line.parse(argc, argv)) return; // --help was printed
//         ...
//
// A value follows its option, or an equals sign: `--out x` or `--out=x`. After a space it may not
// begin with "--", for then the value was forgotten.
//
// Exit codes: 0; 1 for an error, with its message; 2 for bad options, with one line.
#pragma once

#include "limit_spinning.hpp"

#include "sgq/core/error.hpp"
#include "sgq/core/shape.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace examples {

using sgq::index_t;

/// An option that cannot be used as it was given.
class usage_error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

struct Range {
  index_t low, high; ///< both included
};

class CommandLine {
public:
  CommandLine(std::string program, std::string about)
      : program_(std::move(program)), about_(std::move(about)) {}

  void text(const char* name, std::string* value, const char* placeholder, const char* help) {
    add({name, placeholder, help, *value, [value](const std::string& given) { *value = given; }});
  }

  void choice(const char* name, std::string* value, std::vector<std::string> among,
              const std::string& help) {
    std::string list;
    for (const std::string& one : among) list += (list.empty() ? "" : "|") + one;
    add({name, list, help, *value, [=](const std::string& given) {
           if (std::find(among.begin(), among.end(), given) == among.end()) bad(name, list, given);
           *value = given;
         }});
  }

  /// The same, or the path of a folder.
  void choice_or_folder(const char* name, std::string* value, std::vector<std::string> among,
                        const std::string& help) {
    std::string list;
    for (const std::string& one : among) list += one + "|";
    list += "DIR";
    add({name, list, help, *value, [=](const std::string& given) {
           std::error_code ignored;
           if (std::find(among.begin(), among.end(), given) == among.end() &&
               !std::filesystem::is_directory(given, ignored))
             bad(name, list, given);
           *value = given;
         }});
  }

  template <class Integer>
  void integer(const char* name, Integer* value, Range range, const char* help) {
    add({name, "N", help, sgq::to_text(*value), [=](const std::string& given) {
           index_t number = 0;
           if (!sgq::read_number(given, number) || number < range.low || number > range.high)
             bad(name,
                 "an integer from " + sgq::to_text(range.low) + " to " + sgq::to_text(range.high),
                 given);
           *value = static_cast<Integer>(number);
         }});
  }

  /// A finite number >= 0; as std::optional<double> where its absence means something of its own.
  template <class Value>
  void number(const char* name, Value* value, const char* help) {
    std::string shown;
    if constexpr (std::is_same_v<Value, double>) shown = sgq::to_text(*value);
    add({name, "X", help, shown, [=](const std::string& given) {
           double number = 0;
           if (!sgq::read_number(given, number) || !std::isfinite(number) || number < 0)
             bad(name, "a number, 0 or more", given);
           *value = number;
         }});
  }

  void flag(const char* name, bool* value, const char* help) {
    add({name, "", help, "", [value](const std::string&) { *value = true; }});
  }

  /// A flag that sets *value to `chosen`.
  template <class Value>
  void flag(const char* name, Value* value, std::type_identity_t<Value> chosen, const char* help) {
    add({name, "", help, "", [value, chosen](const std::string&) { *value = chosen; }});
  }

  /// The options that follow stand under this title in --help.
  void section(const char* title) { section_ = title; }

  /// Sets the variables; false if --help was asked for, which is printed here. Throws usage_error.
  bool parse(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
      std::string name = argv[i];
      if (name == "--help" || name == "-h") return print_help(), false;
      const std::size_t equals = name.find('=');
      const bool inside = equals != name.npos; // --name=value
      std::string value = inside ? name.substr(equals + 1) : "";
      name.resize(std::min(equals, name.size()));
      const Option& option = find(name);
      if (option.placeholder.empty() && inside) bad(name, "no value", value);
      if (!option.placeholder.empty() && !inside) {
        if (++i == argc) bad(name, option.placeholder + " after it", "nothing");
        value = argv[i];
        if (value.substr(0, 2) == "--") // a value was forgotten
          bad(name, option.placeholder + " after it, or " + name + "=" + value, value);
      }
      option.set(value);
    }
    return true;
  }

private:
  struct Option {
    std::string name, placeholder, help, shown_default;
    std::function<void(const std::string&)> set;
    std::string section = ""; ///< begins with this option
  };

  void add(Option option) {
    option.section = std::exchange(section_, "");
    options_.push_back(std::move(option));
  }

  const Option& find(const std::string& name) const {
    for (const Option& option : options_)
      if (option.name == name) return option;
    throw usage_error("unknown option '" + name + "' (--help lists them)");
  }

  [[noreturn]] static void bad(const std::string& name, const std::string& expected,
                               const std::string& got) {
    throw usage_error(sgq::describe(name, expected, got.empty() ? "nothing" : "'" + got + "'"));
  }

  void print_help() const {
    std::printf("%s: %s\n\n", program_.c_str(), about_.c_str());
    for (const Option& option : options_) {
      if (!option.section.empty()) std::printf("\n%s\n", option.section.c_str());
      std::printf("  %s %s\n      %s", option.name.c_str(), option.placeholder.c_str(),
                  option.help.c_str());
      if (!option.shown_default.empty()) std::printf(" [%s]", option.shown_default.c_str());
      std::printf("\n");
    }
    std::printf("  --help\n      this text\n");
  }

  std::string program_, about_, section_;
  std::vector<Option> options_;
};

/// Makes the folder --out and those above it; called before the work, so that none is lost. Throws
/// io_error.
inline void make_out_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error && std::filesystem::is_directory(path, error)) return;
  throw sgq::io_error(sgq::describe("--out", "a folder, or where one can be made",
                                    path + (error ? ": " + error.message() : ", a file")));
}

/// Runs the program, kind to others on the machine, and turns exceptions into messages on stderr
/// and exit codes.
template <class F>
int run_program(char** argv, const char* name, F&& program) {
  limit_spinning(argv);
  try {
    program();
    return 0;
  } catch (const usage_error& e) {
    std::fprintf(stderr, "%s: %s\n", name, e.what());
    return 2;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: out of memory\n", name);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", name, e.what());
  }
  return 1;
}

} // namespace examples
