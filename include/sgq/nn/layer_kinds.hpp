// sgq/nn/layer_kinds.hpp -- the layers by kind, to be made again from the options in a model file.
//
// To add a layer, write its header, with a save() that lists its options, and a row here. A layer
// that only your program needs takes no row here: pass a row of your own to load_model().
#pragma once

#include "sgq/core/table.hpp"
#include "sgq/nn/activation.hpp"
#include "sgq/nn/batch_norm.hpp"
#include "sgq/nn/conv2d.hpp"
#include "sgq/nn/dropout.hpp"
#include "sgq/nn/linear.hpp"
#include "sgq/nn/pool.hpp"
#include "sgq/nn/shape_layers.hpp"

namespace sgq::nn {

template <class T>
struct LayerKind {
  std::string_view name; ///< what the layer's kind() says
  std::unique_ptr<Layer<T>> (*make)(Fields& options);
};

/// Makes a layer that has no options.
template <class T, class L>
std::unique_ptr<Layer<T>> make_layer(Fields&) {
  return std::make_unique<L>();
}

/// Makes a layer from its options struct, whose fields() it reads.
template <class T, class L, class Options>
std::unique_ptr<Layer<T>> make_layer(Fields& given) {
  Options options;
  fields(options, given);
  return std::make_unique<L>(options);
}

template <class T>
std::unique_ptr<Layer<T>> make_dropout(Fields& given) {
  double p = 0;
  given("p", p);
  return std::make_unique<Dropout<T>>(p);
}

template <class T>
inline constexpr LayerKind<T> layer_kinds[] = {
    {"conv2d", make_layer<T, Conv2d<T>, Conv2dOptions>},
    {"linear", make_layer<T, Linear<T>, LinearOptions>},
    {"batch_norm", make_layer<T, BatchNorm<T>, BatchNormOptions>},
    {"relu", make_layer<T, Relu<T>>},
    {"pact", make_layer<T, Pact<T>, PactOptions>},
    {"max_pool", make_layer<T, MaxPool<T>, PoolOptions>},
    {"avg_pool", make_layer<T, AvgPool<T>, PoolOptions>},
    {"global_avg_pool", make_layer<T, GlobalAvgPool<T>>},
    {"flatten", make_layer<T, Flatten<T>>},
    {"dropout", make_dropout<T>},
    {"add", make_layer<T, Add<T>>},
    {"shortcut", make_layer<T, Shortcut<T>, ShortcutOptions>},
};

} // namespace sgq::nn
