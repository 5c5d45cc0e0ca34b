// sgq/infer/float_engine.hpp -- a real-valued net for inference only.
//
//     FloatEngine<float> engine(net);
//     engine(x, logits);                       // [N, C, H, W] -> [N, classes]
//
// Training keeps every value for the backward pass; here nothing is kept. A convolution takes the
// batch norm behind it into its weights, and bias, residual and ReLU into its epilogue:
//
//     conv -> batch norm -> (+ r) -> ReLU   becomes   y = max(conv(x, w') + b' + r, 0)
//     w' = w gamma / sqrt(var + eps)        b' = (b - mean) gamma / sqrt(var + eps) + beta
//
// where y takes the place of an r that nobody else reads. A thread takes a few images through the
// net at a time, so that values stay in the second cache, in slots that later values use again.
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
  /// Reads the net as it is now; its layers must outlive the engine. Throws value_error on a
  /// quantised net.
  explicit FloatEngine(const nn::Net<T>& net) : net_(net), steps_(fuse(net)), slots_(plan(steps_)) {
    while (split_ < steps_.size() && !steps_[split_].linear) ++split_;
    if (split_ < steps_.size() && !only_border_crosses()) split_ = 0;
  }

  /// Throws shape_error.
  void operator()(View<const T> x, View<T> logits) const {
    const index_t n = x.shape().rank() > 0 ? x.shape()[0] : 0;
    if (n < 1 || x.shape().with_batch(1) != net_.input_shape())
      throw shape_error(
          describe("engine input", "[N, ...] of " + net_.input_shape().str(), x.shape().str()));
    check_shape("engine: logits", {n, net_.classes()}, logits.shape());
    const bool cut = split_ > 0 && split_ < steps_.size();
    const index_t image = cut ? net_.nodes()[border()].shape.size() : logits.shape().stride();
    Arena::Scope scope(scratch());
    T* const features = cut ? scratch().take<T>(n * image) : logits.data();
    if (split_ > 0)
      parallel_blocks(n, block, [&](index_t begin, index_t end) {
        Lease room(*this);
        run(x.slice(begin, end - begin), 0, split_, *room);
        const View<const T> y = room->values[cut ? border() : net_.last()]->view();
        std::copy(y.begin(), y.end(), features + begin * image);
      });
    if (split_ == steps_.size()) return;
    Lease room(*this);
    const Shape shape = cut ? net_.nodes()[border()].shape.with_batch(n) : x.shape();
    run(View<const T>(cut ? features : x.data(), shape), split_, steps_.size(), *room);
    const View<const T> y = room->values[net_.last()]->view();
    std::copy(y.begin(), y.end(), logits.begin());
  }

private:
  static constexpr index_t block = 4; ///< images that a thread takes at a time

  /// What one run needs: the slots, and where each value is.
  struct Room {
    std::vector<nn::Slot<T>> slots;
    std::vector<const Signal<T>*> values;
    Signal<T> given; ///< the input, or the value at the border
  };

  /// A room that nobody else uses meanwhile.
  class Lease {
  public:
    explicit Lease(const FloatEngine& engine) : engine_(engine) {
      const std::lock_guard lock(engine.mutex_);
      if (engine.free_.empty()) {
        room_ = std::make_unique<Room>();
        room_->slots.resize(engine.slots_);
        room_->values.resize(engine.net_.nodes().size());
        return;
      }
      room_ = std::move(engine.free_.back());
      engine.free_.pop_back();
    }
    ~Lease() {
      const std::lock_guard lock(engine_.mutex_);
      engine_.free_.push_back(std::move(room_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Room& operator*() const { return *room_; }
    Room* operator->() const { return room_.get(); }

  private:
    const FloatEngine& engine_;
    std::unique_ptr<Room> room_;
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

  void run(View<const T> x, std::size_t first, std::size_t end, Room& room) const {
    room.given = plain_signal(x);
    if (first > 0) room.values[border()] = &room.given;
    for (std::size_t s = first; s < end; ++s) {
      const FusedStep<T>& step = steps_[s];
      nn::Slot<T>& slot = room.slots[step.slot];
      if (step.conv) {
        run_conv(step, room, slot);
      } else {
        const Signal<T>* in[nn::Net<T>::max_inputs] = {&room.given}; // of the input layer
        for (std::size_t j = 0; j < step.inputs.size(); ++j) in[j] = room.values[step.inputs[j]];
        step.layer->forward({in, std::max<std::size_t>(step.inputs.size(), 1)}, slot,
                            nn::Mode::infer());
        net_.materialise_for_readers(net_.nodes()[step.value], slot);
      }
      room.values[step.value] = &slot.out;
    }
  }

  static void run_conv(const FusedStep<T>& step, const Room& room, nn::Slot<T>& slot) {
    const View<const T> x = room.values[step.inputs[0]]->view();
    const kernels::ConvGeometry g =
        nn::conv_geometry(x.shape(), step.weight.shape()[0], *step.conv);
    const Signal<T>* const r = step.joins() ? room.values[step.inputs[1]] : nullptr;
    const T* const residual = r ? r->real : nullptr; // plain() below may write over *r
    const View<T> y = slot.plain({g.batch, g.out_channels, g.out_h(), g.out_w()});
    if (residual && residual != y.data()) std::copy(residual, residual + y.size(), y.begin());
    kernels::conv2d_forward<T>(g, kernels::ConvInput<T>{x.data()}, step.weight.data(), y.data(),
                               {.beta = residual ? T{1} : T{0},
                                .row_bias = step.bias.empty() ? nullptr : step.bias.data(),
                                .relu = step.relu});
  }

  const nn::Net<T>& net_;
  std::vector<FusedStep<T>> steps_;
  std::size_t slots_;
  std::size_t split_ = 0; ///< the first step that takes the whole batch
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Room>> free_;
};

} // namespace sgq::infer
