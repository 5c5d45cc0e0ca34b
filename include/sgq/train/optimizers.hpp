// sgq/train/optimizers.hpp -- the optimisers by name.
#pragma once

#include "sgq/train/adadelta.hpp"
#include "sgq/train/adamw.hpp"
#include "sgq/train/sgd.hpp"

#include <memory>

namespace sgq::train {

inline constexpr std::string_view optimizer_names[] = {"sgd", "adamw", "adadelta"};

/// The settings that all of them share; the others keep their defaults.
struct CommonOptions {
  double lr = 0.1;
  ParameterGroups groups{};
};

/// Throws value_error on a name that is none of the above.
template <class T>
std::unique_ptr<Optimizer<T>> make_optimizer(std::string_view name, nn::Net<T>& net,
                                             const CommonOptions& o) {
  if (name == "sgd")
    return std::make_unique<Sgd<T>>(net, SgdOptions{.lr = o.lr, .groups = o.groups});
  if (name == "adamw")
    return std::make_unique<Adamw<T>>(net, AdamwOptions{.lr = o.lr, .groups = o.groups});
  if (name == "adadelta")
    return std::make_unique<Adadelta<T>>(net, AdadeltaOptions{.lr = o.lr, .groups = o.groups});
  throw value_error(describe("optimizer", "sgd, adamw or adadelta", "'" + std::string(name) + "'"));
}

} // namespace sgq::train
