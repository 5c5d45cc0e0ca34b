// The end of the page, how it was made: recipe, choice, command, networks; and what the making says
// of claims.
#pragma once

#include "claims_table.hpp"
#include "network_tables.hpp"

#include <set>

namespace examples {

/// What the page says of the run, beside the rows.
struct Setting {
  std::string command{}, scale{};
  GuidedRecipe recipe{};
  std::string chosen_with{};      ///< the net that the recipe was chosen with; "": a default
  std::size_t missing = 0;        ///< networks of the plan that are not on the page
  std::vector<io::Json> choice{}; ///< rows of --scale choose
  std::string docs = "docs";      ///< the folder, as seen from the page
};

namespace detail {

/// Where clips start, bits by bits: "99.9 % in w4a4"; empty where all start at the same quantile.
inline std::string clips_text(const Study& study, const std::vector<std::string>& of_bits) {
  std::vector<std::string> found;
  std::set<double> quantiles;
  for (const std::string& bits : of_bits)
    for (const Network& n : study.networks) {
      if (n.bits != bits || bits == "fp32") continue;
      const io::Json* q = n.row->find("options");
      q = q ? q->find("alpha_quantile") : nullptr;
      if (!q) break;
      const double quantile = std::strtod(q->as_string().c_str(), nullptr);
      quantiles.insert(quantile);
      found.push_back(number_of(100 * quantile, 1) + " % in " + bits);
      break;
    }
  return quantiles.size() > 1 ? join(found, ", ") : "";
}

/// True if the recipe gained nothing of the second measure on validation images.
inline bool gained_nothing(const std::vector<io::Json>& choice) {
  const std::vector<Score> scores = stage_scores(choice, 2);
  return !scores.empty() && scores[0].gain <= 0;
}

/// The measures in which guided networks are not shown to be better than plain ones of those bits.
inline std::vector<std::string> measures_without_gain(const Study& study, const std::string& bits) {
  std::vector<std::string> titles;
  for (const std::string& measure :
       {std::string(second_measure_of(study.dataset)), std::string("masked_advantage")}) {
    const saliency::SeedEstimate gain = gain_of(study, {bits, how::guided}, measure);
    if (gain.seeds >= saliency::fewest_seeds && sign_of(gain) <= 0)
      titles.push_back(measure_title(measure));
  }
  return titles;
}

/// Those of the two whose maps are worse than a random ranking, by the interval of the advantage.
inline std::vector<std::string> worse_than_random(const Study& study, const Question& q) {
  std::vector<std::string> titles;
  for (const Arm& arm : {q.a, q.b})
    if (const auto l = level(study, arm, "masked_advantage"); l && l->seeds.high < 0)
      titles.push_back(arm_title(arm));
  return titles;
}

} // namespace detail

/// Adds to the claims what the making of their networks says of them.
inline void add_notes(std::vector<Claim>& claims, const Study& study,
                      const std::vector<io::Json>& choice) {
  for (Claim& c : claims) {
    Question& q = c.question;
    const std::string clips = detail::clips_text(study, {q.b.bits, q.a.bits});
    if (q.id[0] == 'A' && !clips.empty()) add_note(q, "clips start at other quantiles: " + clips);
    if (q.rule == Rule::maps)
      if (const auto titles = detail::worse_than_random(study, q); !titles.empty())
        add_note(q, "below 0 is the advantage of " + join(titles, " and of ") +
                        ": a random map would do better");
    if (q.id != "C1") continue;
    if (const auto titles = detail::measures_without_gain(study, q.a.bits); !titles.empty())
      add_note(q, "no gain over plain networks is shown in " + join(titles, " and "));
    if (detail::gained_nothing(choice))
      add_note(q, "on validation images the recipe gained nothing");
  }
}

namespace detail {

/// The recipe in words, and whether it was chosen; that no gain is shown, where none is.
inline std::string recipe_text(const Study& study, const Setting& setting) {
  const std::string recipe = "`" + setting.recipe.name() + "`, that is, " + setting.recipe.words();
  if (setting.chosen_with.empty())
    return "The recipe of guided training is the default of this program, " + recipe +
           ". It was not chosen for this set.";
  std::string text = "The recipe of guided training, the same for all precisions, was chosen on "
                     "validation images with `" +
                     setting.chosen_with + "`: " + recipe + ".";
  const std::string second = measure_title(second_measure_of(study.dataset));
  if (const std::vector<Score> scores = stage_scores(setting.choice, 2); !scores.empty())
    text += " There it gained " +
            (scores[0].gain > 0 ? number_of(scores[0].gain, 3) : std::string("nothing")) + " in " +
            second + ".";
  const auto titles = measures_without_gain(study, "fp32");
  if (std::find(titles.begin(), titles.end(), second) != titles.end())
    text += " On test images no gain in " + second + " is shown in fp32.";
  return text;
}

inline void add_making(Document& d, const Study& study, const Setting& setting) {
  d.blocks.push_back(Heading{"How this was made"});
  d.blocks.push_back(Text{recipe_text(study, setting)});
  if (const std::string clips = clips_text(study, bits_of(study)); !clips.empty())
    d.blocks.push_back(Text{"PACT's clips start at a quantile of what they get that was chosen on "
                            "validation images for two-bit activations: " +
                            clips + "."});
  add(d, choice_table(setting.choice, 2));
  add(d, choice_table(setting.choice, 1));
  d.blocks.push_back(
      Code{"build/release/examples/" + setting.command + " --out out/" + study.dataset});
  double seconds = 0;
  for (const Network& n : study.networks)
    seconds += n.row->at("run").at("training_seconds").as_double() +
               n.measured->at("run").at("measuring_seconds").as_double();
  d.blocks.push_back(
      Text{sgq::to_text(study.networks.size()) + " networks in " + duration_text(seconds) +
           " of training and measuring. The same command gives the same rows, bit for bit but for "
           "times and machine under `run`, on any number of threads, with AVX2 or AVX-512; with "
           "`--resume` it goes on after an interruption. Rows: `results.jsonl`, `measures.jsonl`, "
           "`drift.jsonl`; the numbers of every image: `evidence/`, `predictions/`."});
  add(d, cell_table(study));
}

} // namespace detail

} // namespace examples
