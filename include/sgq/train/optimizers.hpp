// sgq/train/optimizers.hpp -- the optimisers by name. To add one, write its header and a row here.
#pragma once

#include "sgq/core/table.hpp"
#include "sgq/train/adadelta.hpp"
#include "sgq/train/adamw.hpp"
#include "sgq/train/sgd.hpp"

#include <memory>

namespace sgq::train {

/// The settings that all of them share; the others keep their defaults.
struct CommonOptions {
  double lr = 0.1;
  ParameterGroups groups{};
};

template <class T>
struct OptimizerRow {
  std::string_view name; ///< what the optimiser's name() says
  std::unique_ptr<Optimizer<T>> (*make)(nn::Net<T>& net, const CommonOptions& options);
  std::string_view about;
};

template <class T, class Kind, class Options>
std::unique_ptr<Optimizer<T>> make_with_options(nn::Net<T>& net, const CommonOptions& o) {
  return std::make_unique<Kind>(net, Options{.lr = o.lr, .groups = o.groups});
}

template <class T>
inline constexpr OptimizerRow<T> optimizers[] = {
    {"sgd", make_with_options<T, Sgd<T>, SgdOptions>, "stochastic gradient descent, momentum"},
    {"adamw", make_with_options<T, Adamw<T>, AdamwOptions>, "Adam with decoupled weight decay"},
    {"adadelta", make_with_options<T, Adadelta<T>, AdadeltaOptions>, "steps scaled by past steps"},
};

/// Throws value_error on a name that is none of the above.
template <class T>
std::unique_ptr<Optimizer<T>> make_optimizer(std::string_view name, nn::Net<T>& net,
                                             const CommonOptions& options) {
  return choose("optimizer", optimizers<T>, name).make(net, options);
}

} // namespace sgq::train
