// sgq/nn/models.hpp -- the networks of the experiments, as functions that return a Net.
//
//   name        input     parameters   source
//   lenet5      1x28x28       61,706   LeCun, Bottou, Bengio, Haffner 1998, with ReLU, max pooling
//   mnist_cnn   1x28x28    1,199,882   saliency-guided training's MNIST net (arXiv 2111.14338)
//   vgg_small   3x32x32    4,660,106   VGG-like, of the quantisation papers (arXiv 1807.10029)
//   resnet20    3x32x32      269,722   He et al. (arXiv 1512.03385): 6n + 2, n = 3, option A
//
// Each takes images of any C x H x W large enough for its pooling layers, and any number of
// classes; the parameters above are those of the published input and 10 classes. Linear layers grow
// with the image.
//
// Layers and parameters have the names that PyTorch users expect ("layer2.0.conv1.weight"). The
// nets come out real-valued; nn/quantize.hpp makes any of them a quantised one. To add one, write
// its function and a row of `models`.
#pragma once

#include "sgq/core/table.hpp"
#include "sgq/nn/activation.hpp"
#include "sgq/nn/batch_norm.hpp"
#include "sgq/nn/conv2d.hpp"
#include "sgq/nn/dropout.hpp"
#include "sgq/nn/initialize.hpp"
#include "sgq/nn/linear.hpp"
#include "sgq/nn/pool.hpp"
#include "sgq/nn/shape_layers.hpp"

namespace sgq::nn {

/// What may vary between nets of one family; the defaults are the published ones.
struct ModelOptions {
  std::uint64_t seed = 0; ///< of the initial weights
  index_t classes = 10;
  /// Channels of the first layer; the other layers follow in proportion (in lenet5 only
  /// convolutions). 0: as published.
  index_t width = 0;
  bool dropout = true;    ///< where the net has it
  Shape image{};          ///< {C, H, W}; of rank 0: as published
  bool initialize = true; ///< draw the first weights; needless where others are loaded next
};

namespace detail {

/// An empty net for the images of the options, else for those published. Throws shape_error where
/// they are less than `least` pixels high or wide.
template <class T>
Net<T> net_for(std::string_view model, const ModelOptions& o, const Shape& published,
               index_t least) {
  const Shape& image = o.image.rank() == 0 ? published : o.image;
  if (image.rank() != 3 || image[0] < 1 || image[1] < least || image[2] < least)
    throw shape_error(describe(model,
                               "images {C, H, W} of at least " + to_text(least) + " x " +
                                   to_text(least) + " pixels",
                               image.str()));
  return Net<T>(image);
}

/// How many numbers of an image the last layer hands on.
template <class T>
index_t features(const Net<T>& net) {
  return net.nodes()[net.last()].shape.stride();
}

} // namespace detail

template <class T = float>
Net<T> lenet5(const ModelOptions& o = {}) {
  const index_t w = o.width ? o.width : 6;
  Net<T> net = detail::net_for<T>("lenet5", o, {1, 28, 28}, 12);
  net.add("conv1", Conv2d<T>({.in = net.input_shape()[1], .out = w, .kernel = 5, .pad = 2}));
  net.add("relu1", Relu<T>());
  net.add("pool1", MaxPool<T>({.kernel = 2}));
  net.add("conv2", Conv2d<T>({.in = w, .out = 16 * w / 6, .kernel = 5}));
  net.add("relu2", Relu<T>());
  net.add("pool2", MaxPool<T>({.kernel = 2}));
  net.add("flatten", Flatten<T>());
  net.add("fc1", Linear<T>({.in = detail::features(net), .out = 120}));
  net.add("relu3", Relu<T>());
  net.add("fc2", Linear<T>({.in = 120, .out = 84}));
  net.add("relu4", Relu<T>());
  net.add("fc3", Linear<T>({.in = 84, .out = o.classes}));
  if (o.initialize) initialize(net, o.seed);
  return net;
}

template <class T = float>
Net<T> mnist_cnn(const ModelOptions& o = {}) {
  const index_t w = o.width ? o.width : 32;
  Net<T> net = detail::net_for<T>("mnist_cnn", o, {1, 28, 28}, 6);
  net.add("conv1", Conv2d<T>({.in = net.input_shape()[1], .out = w, .kernel = 3}));
  net.add("relu1", Relu<T>());
  net.add("conv2", Conv2d<T>({.in = w, .out = 2 * w, .kernel = 3}));
  net.add("relu2", Relu<T>());
  net.add("pool", MaxPool<T>({.kernel = 2}));
  if (o.dropout) net.add("dropout1", Dropout<T>(0.25));
  net.add("flatten", Flatten<T>());
  net.add("fc1", Linear<T>({.in = detail::features(net), .out = 4 * w}));
  net.add("relu3", Relu<T>());
  if (o.dropout) net.add("dropout2", Dropout<T>(0.5));
  net.add("fc2", Linear<T>({.in = 4 * w, .out = o.classes}));
  if (o.initialize) initialize(net, o.seed);
  return net;
}

namespace detail {
/// conv -> batch norm -> ReLU, named prefix + {"conv", "bn", "relu"} + number.
template <class T>
ValueId conv_bn_relu(Net<T>& net, const std::string& prefix, const std::string& number,
                     Conv2dOptions conv) {
  conv.bias = false;
  net.add(prefix + "conv" + number, Conv2d<T>(conv));
  net.add(prefix + "bn" + number, BatchNorm<T>({.channels = conv.out}));
  return net.add(prefix + "relu" + number, Relu<T>());
}

/// The basic block: relu(bn2(conv2(relu(bn1(conv1 x)))) + shortcut x).
template <class T>
void residual_block(Net<T>& net, const std::string& name, index_t in, index_t out, index_t stride) {
  const ValueId x = net.last();
  conv_bn_relu(net, name, "1", {.in = in, .out = out, .kernel = 3, .stride = stride, .pad = 1});
  net.add(name + "conv2", Conv2d<T>({.in = out, .out = out, .kernel = 3, .pad = 1, .bias = false}));
  const ValueId y = net.add(name + "bn2", BatchNorm<T>({.channels = out}));
  const ValueId r =
      in == out && stride == 1
          ? x
          : net.add(name + "shortcut", Shortcut<T>({.in = in, .out = out, .stride = stride}), {x});
  net.add(name + "add", Add<T>(), {y, r});
  net.add(name + "relu2", Relu<T>());
}
} // namespace detail

template <class T = float>
Net<T> vgg_small(const ModelOptions& o = {}) {
  const index_t w = o.width ? o.width : 128;
  Net<T> net = detail::net_for<T>("vgg_small", o, {3, 32, 32}, 8);
  index_t in = net.input_shape()[1];
  for (int i = 0; i < 6; ++i) {
    const index_t out = w << (i / 2);
    const std::string number = to_text(i + 1);
    detail::conv_bn_relu(net, "", number, {.in = in, .out = out, .kernel = 3, .pad = 1});
    if (i % 2 == 1) net.add("pool" + to_text(i / 2 + 1), MaxPool<T>({.kernel = 2}));
    in = out;
  }
  net.add("flatten", Flatten<T>());
  net.add("fc", Linear<T>({.in = detail::features(net), .out = o.classes}));
  if (o.initialize) initialize(net, o.seed);
  return net;
}

template <class T = float>
Net<T> resnet20(const ModelOptions& o = {}) {
  const index_t w = o.width ? o.width : 16;
  Net<T> net = detail::net_for<T>("resnet20", o, {3, 32, 32}, 1);
  detail::conv_bn_relu(net, "", "1", {.in = net.input_shape()[1], .out = w, .kernel = 3, .pad = 1});
  index_t in = w;
  for (int stage = 0; stage < 3; ++stage)
    for (int block = 0; block < 3; ++block) {
      const index_t out = w << stage;
      const std::string name = "layer" + to_text(stage + 1) + "." + to_text(block) + ".";
      detail::residual_block(net, name, in, out, in == out ? 1 : 2);
      in = out;
    }
  net.add("pool", GlobalAvgPool<T>());
  net.add("fc", Linear<T>({.in = in, .out = o.classes}));
  if (o.initialize) initialize(net, o.seed);
  return net;
}

template <class T>
struct ModelRow {
  std::string_view name;
  Net<T> (*make)(const ModelOptions& options);
  Shape image; ///< {C, H, W} of the publication
  std::string_view about;
};

template <class T>
inline constexpr ModelRow<T> models[] = {
    {"lenet5", lenet5<T>, {1, 28, 28}, "61,706 parameters"},
    {"mnist_cnn", mnist_cnn<T>, {1, 28, 28}, "1,199,882 parameters"},
    {"vgg_small", vgg_small<T>, {3, 32, 32}, "4,660,106 parameters"},
    {"resnet20", resnet20<T>, {3, 32, 32}, "269,722 parameters"},
};

/// The names of the models that were published for such images.
SGQ_COMPILE_ONCE std::vector<std::string> models_for(const Shape& image) {
  std::vector<std::string> names;
  for (const auto& model : models<float>)
    if (model.image == image) names.emplace_back(model.name);
  return names;
}

/// A net by its name. Throws value_error on any other.
template <class T = float>
Net<T> make_model(std::string_view name, const ModelOptions& options = {}) {
  return choose("net", models<T>, name).make(options);
}

} // namespace sgq::nn
