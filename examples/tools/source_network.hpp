// The networks that a run of `mnist` or `cifar10` reads: --from-weights, which it starts from, and
// its --teacher.
#pragma once

#include "training_options.hpp"

#include <filesystem>

namespace examples {

inline std::string model_file(const TrainingOptions& o) {
  return o.out + "/model.safetensors";
}

/// The network at `path`. Throws usage_error where this run would replace it, or where it was
/// trained on images that this run tests on.
inline nn::Model<float> load_source(const TrainingOptions& o, const std::string& option,
                                    const std::string& path) {
  std::error_code ignored; // where there is no such file
  if (std::filesystem::equivalent(model_file(o), path, ignored))
    throw usage_error(
        describe(option, "a file that this run does not replace", path, "choose another --out"));
  nn::Model<float> model = nn::load_model(path);
  if (has_seen_held_out(o.dataset, o.data, model.metadata, path, o.protocol))
    throw usage_error(describe(
        option, std::string("a network that was not trained on the ") + tested_on(o.protocol),
        path + ", which may have been",
        std::string("train it with ") +
            (o.protocol == data::Protocol::holdout ? "--holdout" : "--validation") + ", too"));
  return model;
}

} // namespace examples
