// sgq/infer/float_engine.hpp -- a real-valued net for inference only.
//
//     FloatEngine<float> engine(net);
//     engine(x, logits);                       // [N, C, H, W] -> [N, classes]
//
// Training keeps every value for the backward pass; here nothing is kept. A convolution folds the
// batch norm after it into its weights, and takes bias, residual and ReLU into its epilogue:
//
//     conv -> batch norm -> (+ r) -> ReLU   becomes   y = max(conv(x, w') + b' + r, 0)
//     w' = w gamma / sqrt(var + eps)        b' = (b - mean) gamma / sqrt(var + eps) + beta
//
// where y takes the place of an r that nobody else reads. A thread takes a few images through the
// net at a time, so that values stay in the L2 cache, in slots that later values use again.
// From the first linear layer on, whose weights are large, the whole batch goes together.
//
// Every other layer runs as in training; one of the user's own works unchanged. Logits are those of
// evaluation up to rounding, and have the same bits for any number of threads.
#pragma once

#include "sgq/infer/fuse.hpp"
#include "sgq/nn/conv2d.hpp"

#include <mutex>

namespace sgq::infer {

template <class T>
class FloatEngine {
public:
  /// Takes the net as it is now, which must outlive the engine. Throws value_error on a quantised
  /// net, and on one whose weights were never set.
  explicit FloatEngine(const nn::Net<T>& net)
      : handle_(net), version_(net.version()), statistics_(net.identity()->statistics),
        steps_(fuse(net)), slots_(plan(steps_)) {
    net.check_weights("float engine");
    while (split_ < steps_.size() && !steps_[split_].linear) ++split_;
    if (split_ < steps_.size() && !only_border_crosses()) split_ = 0;
  }
  FloatEngine(const nn::Net<T>&& temporary) = delete;

  /// Throws shape_error, and value_error if the net is gone, or if its layers, its parameters or
  /// (by update_statistics()) its running statistics have been set since the engine was made, even
  /// to the same numbers. What is written through net.buffers() goes unnoticed, unless
  /// quantize_weights() follows: batch norm that is folded in keeps the numbers of before.
  void operator()(View<const T> x, View<T> logits) const {
    const nn::Net<T>& net = unchanged_net();
    check_batch("engine input", net.input_shape(), x.shape());
    const index_t n = x.shape()[0];
    check_shape("engine: logits", {n, net.classes()}, logits.shape());
    const bool cut = split_ > 0 && split_ < steps_.size();
    const nn::ValueId end = cut ? border() : net.last();
    const index_t image = net.nodes()[end].shape.size();
    Arena::Scope scope(scratch());
    T* const features = cut ? scratch().take<T>(n * image) : logits.data();
    if (split_ > 0)
      parallel_blocks(n, block, [&](index_t begin, index_t stop) {
        Lease workspace(*this, net);
        run(net, x.slice(begin, stop - begin), 0, split_, *workspace);
        const View<const T> y = plain_value(net, *workspace, end);
        std::copy(y.begin(), y.end(), features + begin * image);
      });
    if (split_ == steps_.size()) return;
    Lease workspace(*this, net);
    const Shape shape = cut ? net.nodes()[end].shape.with_batch(n) : x.shape();
    run(net, View<const T>(cut ? features : x.data(), shape), split_, steps_.size(), *workspace);
    const View<const T> y = plain_value(net, *workspace, net.last());
    std::copy(y.begin(), y.end(), logits.begin());
  }

private:
  static constexpr index_t block = 4; ///< images that a thread takes at a time

  /// What one run needs: the slots, and where each value is.
  struct Workspace {
    std::vector<nn::Slot<T>> slots;
    std::vector<const Signal<T>*> values;
    Signal<T> given; ///< the input, or the value at the border
  };

  /// A workspace that nobody else uses meanwhile.
  class Lease {
  public:
    Lease(const FloatEngine& engine, const nn::Net<T>& net) : engine_(engine) {
      const std::lock_guard lock(engine.mutex_);
      if (engine.free_.empty()) {
        workspace_ = std::make_unique<Workspace>();
        workspace_->slots.resize(engine.slots_);
        workspace_->values.resize(net.nodes().size());
        engine.free_.reserve(++engine.workspaces_); // so that giving it back cannot fail
        return;
      }
      workspace_ = std::move(engine.free_.back());
      engine.free_.pop_back();
    }
    ~Lease() {
      const std::lock_guard lock(engine_.mutex_);
      engine_.free_.push_back(std::move(workspace_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Workspace& operator*() const { return *workspace_; }
    Workspace* operator->() const { return workspace_.get(); }

  private:
    const FloatEngine& engine_;
    std::unique_ptr<Workspace> workspace_;
  };

  /// The value that steps from split_ on read.
  nn::ValueId border() const { return steps_[split_].inputs[0]; }

  /// True if the steps from split_ on read no other value from before them.
  bool only_border_crosses() const {
    for (std::size_t s = split_; s < steps_.size(); ++s)
      for (nn::ValueId v : steps_[s].inputs)
        if (v < steps_[split_].value && v != border()) return false;
    return true;
  }

  const nn::Net<T>& unchanged_net() const {
    const nn::Net<T>& net = handle_.get("float engine");
    if (net.version() != version_ || net.identity()->statistics != statistics_)
      throw value_error(describe("float engine", "the numbers that it was made of", "other ones",
                                 "make an engine after the last change of the net"));
    return net;
  }

  /// A value as numbers. Throws value_error where a layer hands on codes or sums.
  static View<const T> plain_value(const nn::Net<T>& net, const Workspace& workspace,
                                   nn::ValueId v) {
    const Signal<T>& s = *workspace.values[v];
    if (!s.is_plain())
      throw value_error(describe("float engine, layer '" + net.nodes()[v].name + "'",
                                 "an output of real numbers", "codes or sums"));
    return s.view();
  }

  void run(const nn::Net<T>& net, View<const T> x, std::size_t first, std::size_t end,
           Workspace& workspace) const {
    workspace.given = plain_signal(x);
    if (first > 0) workspace.values[border()] = &workspace.given;
    for (std::size_t s = first; s < end; ++s) {
      const FusedStep<T>& step = steps_[s];
      nn::Slot<T>& slot = workspace.slots[step.slot];
      if (step.conv) {
        run_conv(net, step, workspace, slot);
      } else {
        const Signal<T>* in[nn::Net<T>::max_inputs] = {&workspace.given}; // of the input layer
        for (std::size_t j = 0; j < step.inputs.size(); ++j)
          in[j] = workspace.values[step.inputs[j]];
        step.layer->forward({in, std::max<std::size_t>(step.inputs.size(), 1)}, slot,
                            nn::Mode::infer());
        net.materialise_for_readers(net.nodes()[step.value], slot);
      }
      workspace.values[step.value] = &slot.out;
    }
  }

  static void run_conv(const nn::Net<T>& net, const FusedStep<T>& step, const Workspace& workspace,
                       nn::Slot<T>& slot) {
    const View<const T> x = plain_value(net, workspace, step.inputs[0]);
    const kernels::ConvGeometry g =
        nn::conv_geometry(x.shape(), step.weight.shape()[0], *step.conv);
    const T* const residual = // plain() below may write over it
        step.joins() ? plain_value(net, workspace, step.inputs[1]).data() : nullptr;
    const View<T> y = slot.plain({g.batch, g.out_channels, g.out_h(), g.out_w()});
    if (residual && residual != y.data()) std::copy(residual, residual + y.size(), y.begin());
    kernels::conv2d_forward<T>(g, x.data(), step.weight.data(), y.data(),
                               {.beta = residual ? T{1} : T{0},
                                .row_bias = step.bias.empty() ? nullptr : step.bias.data(),
                                .relu = step.relu});
  }

  nn::NetHandle<T> handle_;
  std::uint64_t version_, statistics_; ///< of the net's parameters and running statistics
  std::vector<FusedStep<T>> steps_;
  std::size_t slots_;
  std::size_t split_ = 0; ///< the first step that takes the whole batch
  mutable std::mutex mutex_;
  mutable std::size_t workspaces_ = 0; ///< made so far
  mutable std::vector<std::unique_ptr<Workspace>> free_;
};

} // namespace sgq::infer
