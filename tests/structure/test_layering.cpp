// Includes point down only. The table below is the whole architecture: which folder may see which.
#include "source.hpp"
#include "support/catch.hpp"

#include <map>
#include <set>

namespace test_layering {

using namespace structure;

namespace {

using Folders = std::set<std::string>;

// Every folder sees itself, and the two headers at the top that state facts: config.hpp and
// version.hpp.
const std::map<std::string, Folders> may_see = {
    {"core", {}},
    {"kernels", {"core"}},
    {"ops", {"core", "kernels", "quant"}},
    {"quant", {"core", "kernels"}},
    {"data", {"core", "io"}},
    {"io", {"core"}},
    {"nn", {"core", "kernels", "ops", "quant", "io"}},
    {"saliency", {"core", "kernels", "ops", "quant", "nn"}},
    {"train", {"core", "kernels", "ops", "quant", "nn", "saliency", "data", "io"}},
    {"distributed", {"core", "kernels", "ops", "quant", "nn", "data", "io", "train"}},
    {"infer", {"core", "kernels", "ops", "quant", "nn", "saliency", "data", "io"}},
};

// "sgq/ops/conv2d.hpp" -> "ops"; "" for a header at the top.
std::string folder_of(const std::string& path) {
  const std::size_t first = path.find('/') + 1, second = path.find('/', first);
  return second == std::string::npos ? "" : path.substr(first, second - first);
}

std::vector<std::string> layering_problems(const std::vector<Header>& headers) {
  std::vector<std::string> problems;
  std::set<std::string> known;
  for (const Header& h : headers) known.insert(h.path);
  for (const Header& h : headers) {
    const std::string from = folder_of(h.path);
    if (!from.empty() && !may_see.count(from)) {
      problems.push_back(h.path + ": the layer table has no folder " + from);
      continue;
    }
    for (const Include& include : includes_of(h.text)) {
      const std::string& target = include.target;
      if (include.angled && target.rfind("sgq/", 0) != 0) continue; // a standard header
      if (target == "sgq/compiled.inc") continue;                   // the end of sgq.hpp, no header
      const std::string to = folder_of(target), what = h.path + " includes " + target;
      if (include.angled || target.rfind("sgq/", 0) != 0)
        problems.push_back(what + ": write \"sgq/...\"");
      else if (!known.count(target))
        problems.push_back(what + ": no such file");
      else if (h.path == "sgq/sgq.hpp" || from == to)
        continue;
      else if (to.empty()) {
        if (target == "sgq/sgq.hpp") problems.push_back(what + ": the umbrella is for users");
      } else if (from.empty() || !may_see.at(from).count(to))
        problems.push_back(what + ": " + (from.empty() ? "the top" : from) + " may not see " + to);
    }
  }
  return problems;
}

// Headers that, through others, include themselves.
std::vector<std::string> cycles(const std::vector<Header>& headers) {
  std::map<std::string, std::set<std::string>> reach;
  for (const Header& h : headers)
    for (const Include& include : includes_of(h.text)) reach[h.path].insert(include.target);
  for (bool grown = true; grown;) { // transitive closure
    grown = false;
    for (auto& [path, seen] : reach) {
      std::set<std::string> more = seen;
      for (const std::string& target : seen)
        if (const auto it = reach.find(target); it != reach.end())
          more.insert(it->second.begin(), it->second.end());
      grown |= more.size() > seen.size();
      seen = std::move(more);
    }
  }
  std::vector<std::string> found;
  for (const auto& [path, seen] : reach)
    if (seen.count(path)) found.push_back(path);
  return found;
}

// Headers that see another before config.hpp, which refuses what cannot work. version.hpp holds
// nothing that a compiler could get wrong.
std::vector<std::string> config_not_first(const std::vector<Header>& headers) {
  std::map<std::string, std::string> first; // include of each header
  for (const Header& h : headers) {
    const auto includes = includes_of(h.text);
    first[h.path] = includes.empty() ? "" : includes[0].target;
  }
  std::vector<std::string> found;
  for (const Header& h : headers) {
    std::string at = h.path;
    for (std::size_t hops = 0; at != "sgq/config.hpp" && hops < headers.size(); ++hops)
      at = first.count(at) ? first.at(at) : "";
    if (at != "sgq/config.hpp" && h.path != "sgq/version.hpp") found.push_back(h.path);
  }
  return found;
}

} // namespace

TEST_CASE("every header includes config.hpp before any other", "[structure]") {
  const auto problems = config_not_first(all_headers());
  INFO(joined(problems));
  CHECK(problems.empty());
  CHECK(config_not_first({{"sgq/config.hpp", ""},
                          {"sgq/version.hpp", ""},
                          {"sgq/a.hpp", "#include \"sgq/config.hpp\"\n#include <cmath>\n"},
                          {"sgq/b.hpp", "#include \"sgq/a.hpp\"\n"},
                          {"sgq/c.hpp", "#include <cmath>\n#include \"sgq/config.hpp\"\n"},
                          {"sgq/d.hpp", "#include \"sgq/c.hpp\"\n#include \"sgq/a.hpp\"\n"},
                          {"sgq/e.hpp", ""}}) ==
        std::vector<std::string>{"sgq/c.hpp", "sgq/d.hpp", "sgq/e.hpp"});
}

TEST_CASE("includes point down only", "[structure]") {
  const auto headers = all_headers();
  const auto problems = layering_problems(headers);
  INFO(joined(problems));
  CHECK(problems.empty());
  const auto loops = cycles(headers);
  INFO(joined(loops));
  CHECK(loops.empty());
}

TEST_CASE("the layering test sees what it must not let pass", "[structure]") {
  const auto problem = [](const std::string& path, const std::string& include) {
    const auto found = layering_problems({{path, "#include " + include + "\n"},
                                          {"sgq/ops/a.hpp", ""},
                                          {"sgq/nn/a.hpp", ""},
                                          {"sgq/data/a.hpp", ""},
                                          {"sgq/io/a.hpp", ""},
                                          {"sgq/train/a.hpp", ""},
                                          {"sgq/config.hpp", ""},
                                          {"sgq/sgq.hpp", ""}});
    return found.empty() ? "" : found[0];
  };
  CHECK(problem("sgq/nn/x.hpp", "\"sgq/ops/a.hpp\"") == "");
  CHECK(problem("sgq/core/x.hpp", "\"sgq/config.hpp\"") == "");
  CHECK(problem("sgq/core/x.hpp", "<vector>") == "");
  CHECK(problem("sgq/nn/model_file.hpp", "\"sgq/io/a.hpp\"") == "");
  CHECK(problem("sgq/io/x.hpp", "\"sgq/nn/a.hpp\"") != "");
  CHECK(problem("sgq/ops/x.hpp", "\"sgq/nn/a.hpp\"") ==
        "sgq/ops/x.hpp includes sgq/nn/a.hpp: ops may not see nn");
  CHECK(problem("sgq/io/x.hpp", "\"sgq/data/a.hpp\"") != "");
  CHECK(problem("sgq/io/x.hpp", "\"sgq/train/a.hpp\"") != "");
  CHECK(problem("sgq/config.hpp", "\"sgq/ops/a.hpp\"") != "");
  CHECK(problem("sgq/train/x.hpp", "\"sgq/sgq.hpp\"") != "");
  CHECK(problem("sgq/train/x.hpp", "<sgq/ops/a.hpp>") != "");
  CHECK(problem("sgq/train/x.hpp", "\"a.hpp\"") != "");
  CHECK(problem("sgq/train/x.hpp", "\"sgq/ops/absent.hpp\"") != "");
  CHECK(problem("sgq/misc/x.hpp", "<vector>") != "");
  CHECK(cycles({{"sgq/a.hpp", "#include \"sgq/b.hpp\"\n"},
                {"sgq/b.hpp", "#include \"sgq/c.hpp\"\n"},
                {"sgq/c.hpp", "#include \"sgq/b.hpp\"\n"}}) ==
        std::vector<std::string>{"sgq/b.hpp", "sgq/c.hpp"});
}

} // namespace test_layering
