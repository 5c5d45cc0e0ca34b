// The questions of the experiment, written down before the first row of this edition.
#pragma once

#include "choose.hpp"
#include "study.hpp"
#include "subject.hpp"

namespace examples {

enum class Rule { measure, kept, maps, drift, counted };

/// What is asked. `claimed` +1: a is better than b (of a measure: larger); -1: worse (smaller).
struct Question {
  std::string id{}, claim{};
  Rule rule = Rule::measure;
  Arm a{}, b{};
  int claimed = +1;
  std::string measure = "accuracy";
  std::string note{}; ///< what a reader must know to weigh the answer
};

/// Adds to what stands in brackets below a claim.
inline void add_note(Question& q, const std::string& note) {
  q.note =
      q.note.empty() ? "(" + note + ")" : q.note.substr(0, q.note.size() - 1) + "; " + note + ")";
}

/// Accuracy that may be lost and is "kept": a point, on MNIST a third of that.
inline double kept_margin(const std::string& dataset) {
  return dataset == "mnist" ? 0.003 : 0.01;
}

namespace detail {

/// The questions of both papers: about accuracy, size and maps.
inline std::vector<Question> questions_of_papers(const std::string& dataset) {
  const Arm plain{"fp32", how::plain}, real{"fp32", how::guided}, four{"w4a4", how::guided},
      two{"w2a2", how::guided};
  std::vector<Question> all;
  const auto each = [&](const char* id, const std::string& claim, Rule rule, const Arm& beside,
                        int claimed) {
    for (const Arm& few : {four, two})
      all.push_back({id, claim + ", " + few.bits, rule, few, beside, claimed});
  };
  each("B1", "accuracy is kept", Rule::kept, plain, +1);
  each("B2", "smaller, fewer operations", Rule::counted, plain, +1);
  each("B3", "more interpretable", Rule::maps, plain, +1);
  each("A1", "quantising costs accuracy", Rule::measure, real, -1);
  all.push_back({"A2", "two bits cost more accuracy than four", Rule::measure, two, four, -1});
  each("A3", "quantising costs interpretability", Rule::maps, real, -1);
  for (Question& q : all) {
    if (q.id == "A3")
      add_note(q, "by gradients, which in a quantised network are straight-through estimates");
    if (q.id == "B1" && allowed_loss > kept_margin(dataset))
      add_note(q, "the choice of the recipe allows a loss of " + sgq::to_text(100 * allowed_loss) +
                      " points, more than this margin");
    if (q.id == "B3" && std::string_view(second_measure_of(dataset)) == "road")
      add_note(q, "no ground truth: both measures perturb images, which training on masked pixels "
                  "may favour; C1 is the control, in fp32 only");
  }
  all.push_back({"A4", "two bits cost more interpretability than four", Rule::maps, two, four, -1});
  return all;
}

/// Those about controls and rivals of guided fp32 networks.
inline std::vector<Question> questions_of_rivals(const std::string& dataset) {
  const Arm real{"fp32", how::guided}, longer{"fp32", how::equal_compute};
  std::vector<Question> all;
  const auto add = [&](const char* id, const std::string& claim, const Arm& a, const Arm& b) {
    all.push_back({id, claim, Rule::maps, a, b, +1});
  };
  for (const std::string& bits : {main_bits[0], main_bits[1]})
    add("C1", "the gain comes from saliency, not from masking, " + bits, {bits, how::guided},
        {bits, how::random_mask});
  for (Question& q : all)
    add_note(q, "the recipe was chosen for guided training; the control uses it as it is");
  if (dataset == "fashion-mnist")
    add("C1", "the gain comes from saliency, not from longer training, fp32", real, longer);
  add("C2", "better than SmoothGrad of plain networks", real, {"fp32", how::plain, "smoothgrad."});
  add("C2", "better than integrated gradients of plain networks", real,
      {"fp32", how::plain, "integrated-gradients."});
  const std::string_view second = second_measure_of(dataset);
  if (second == "relevance_mass_on_ink")
    all.back().note = "(by construction their map, (x \u2212 0) g, is exactly 0 on black pixels, "
                      "which nearly decides mass on ink)";
  else if (second == "relevance_mass_on_evidence")
    all.back().note =
        "(their map, (x \u2212 0) g, is large where the image is bright, and the digit "
        "is brighter than most of the ground)";
  else if (second == "road")
    all.back().note =
        "(their maps have a sign, so pixels that speak against the class rank lowest; "
        "the gradient's have none)";
  return all;
}

inline std::vector<Question> questions_of_blank_maps() {
  std::vector<Question> all;
  const auto add = [&](const std::string& claim, const Arm& a, const Arm& b, int claimed) {
    // Maps other than gradients are made of the explained images alone.
    all.push_back({"E", claim, Rule::measure, a, b, claimed,
                   a.map.empty() ? "blank_gradients" : "blank_maps"});
  };
  for (const std::string& training : {how::plain, how::guided})
    for (const std::string& bits : {main_bits[1], main_bits[2]})
      add("quantising makes maps blank, " + training + " " + bits, {bits, training},
          {"fp32", training}, +1);
  add("integrated gradients leave fewer maps blank, guided w2a2",
      {"w2a2", how::guided, "integrated-gradients."}, {"w2a2", how::guided}, -1);
  add("a leaky gradient leaves fewer maps blank, guided w2a2", {"w2a2", how::guided, "leaky."},
      {"w2a2", how::guided}, -1);
  all.back().note =
      "(almost none can be blank, by construction; its deciding measures stand under Maps)";
  add("PACT+ leaves fewer maps blank, guided w2a2", {"w2a2", how::guided, "", cure::pact_plus},
      {"w2a2", how::guided}, -1);
  add("late clips leave fewer maps blank, guided w2a2", {"w2a2", how::guided, "", cure::late_clips},
      {"w2a2", how::guided}, -1);
  return all;
}

} // namespace detail

} // namespace examples
