// The two papers whose claims are tested, and the sets that they speak of.
//
// The built-in set is of neither: its evidence is known, which makes it a check beside both.
#pragma once

#include "sgq/data/load.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace examples {

struct Paper {
  char name;
  const char* arxiv;
  std::vector<std::string> sets;
};

inline const std::vector<Paper> papers = {{'A', "2411.05858", {"mnist", "fashion-mnist"}},
                                          {'B', "2412.03915", {"mnist", "cifar-10"}}};

/// False for the built-in set.
inline bool is_set_of(char paper, const std::string& dataset) {
  return std::any_of(papers.begin(), papers.end(), [&](const Paper& p) {
    return p.name == paper && std::find(p.sets.begin(), p.sets.end(), dataset) != p.sets.end();
  });
}

/// The sets of --paper: "a", "b", or "all", each with the built-in one; in the report's order.
inline std::vector<std::string> sets_of_paper(const std::string& which) {
  std::vector<std::string> sets;
  for (const std::string& set : sgq::names_of(sgq::data::datasets)) {
    bool wanted = set == "synthetic";
    for (const Paper& p : papers)
      if (which == "all" || which.front() == std::tolower(p.name))
        wanted = wanted || is_set_of(p.name, set);
    if (wanted) sets.push_back(set);
  }
  return sets;
}

/// As texts call it.
inline std::string set_title(const std::string& dataset) {
  const sgq::data::DatasetInfo* known = sgq::find_row(sgq::data::datasets, dataset);
  return known ? std::string(known->title) : dataset;
}

} // namespace examples
