// What may differ between equal runs, for a row's `run`: machine, threads, commit, time.
#pragma once

#include "sgq/io/json.hpp"
#include "sgq/kernels/simd/dispatch.hpp"
#include "sgq/kernels/simd/fused.hpp"
#include "sgq/version.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace examples {

/// The checked-out commit of the source tree, "-dirty" if files differ; "unknown" without git.
inline std::string commit() {
  const std::string source = std::filesystem::path(__FILE__).parent_path().string();
  if (source.find_first_of("'\\") != source.npos) return "unknown";
  std::string text;
  if (FILE* git = popen(("git -C '" + (source.empty() ? "." : source) +
                         "' describe --always --dirty --abbrev=12 --match ' ' 2>/dev/null")
                            .c_str(),
                        "r")) {
    char line[100] = "";
    if (std::fgets(line, sizeof line, git)) text = line;
    pclose(git);
  }
  text.erase(std::find(text.begin(), text.end(), '\n'), text.end());
  return text.empty() ? "unknown" : text;
}

/// "Some processor, 2 cores"
inline std::string machine() {
  std::ifstream info("/proc/cpuinfo");
  std::string model = "unknown processor";
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) {
      model = line.substr(std::min(line.find(": ") + 2, line.size()));
      break;
    }
  return model + ", " + sgq::to_text(std::thread::hardware_concurrency()) + " cores";
}

/// Adds all of it to a row's `run`; commit and machine are looked up once.
inline void add_run_facts(sgq::io::Json& run, const std::string& scale) {
  static const std::string source = commit(), where = machine();
  const std::time_t t = std::time(nullptr);
  char now[32];
  std::strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&t));
  run["threads"] = sgq::num_threads();
  run["isa"] = std::string(sgq::kernels::name(sgq::kernels::isa()));
  run["fused"] = sgq::kernels::fuses_here();
  run["machine"] = where;
  run["version"] = sgq::version;
  run["commit"] = source;
  run["scale"] = scale;
  run["finished"] = now;
}

} // namespace examples
