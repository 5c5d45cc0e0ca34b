// sgq/nn/tape.hpp -- the record of one forward pass, owned by the caller.
//
// A tape holds a slot per layer: its output and what its backward pass will need. A net can be
// recorded on any number of tapes; saliency-guided training keeps two, of the clean and of the
// masked images. Recording again reuses the memory. Backward passes only read the record; their
// gradients live in the tape's workspace, whose buffers are handed from layer to layer.
//
// The record refers to the net: a bias that a signal has still to add is the parameter itself, not
// a copy. So outputs in the middle of the net are those of the pass until the parameters change.
#pragma once

#include "sgq/nn/layer.hpp"
#include "sgq/nn/net_handle.hpp"

#include <utility>

namespace sgq::nn {

/// Gradient buffers by value: each value of the net has at most one at a time, and a buffer that is
/// let go is taken by the next that needs one. The pattern repeats from step to step, so the
/// buffers stop growing after the first.
template <class T>
class GradientPool {
public:
  void reset(std::size_t values) {
    owner_.assign(values, none);
    free_.clear();
    spare_.clear(); // not empty after a pass that an exception ended
    for (std::size_t b = buffers_.size(); b-- > 0;) free_.push_back(b);
  }
  bool has(std::size_t value) const { return owner_[value] != none; }

  /// The buffer of a value, taken from the pool if it has none.
  View<T> take(std::size_t value, const Shape& shape) {
    if (owner_[value] == none) owner_[value] = acquire();
    Tensor<T>& buffer = buffers_[owner_[value]];
    buffer.resize(shape);
    return buffer;
  }
  View<T> at(std::size_t value) { return buffers_[owner_[value]]; }
  void release(std::size_t value) {
    free_.push_back(owner_[value]);
    owner_[value] = none;
  }
  /// Hands the buffer of one value to another, which has none.
  View<T> move(std::size_t from, std::size_t to, const Shape& shape) {
    std::swap(owner_[from], owner_[to]);
    return take(to, shape);
  }

  /// A buffer beside those of the values: the second of two gradients that are about to be added.
  View<T> take_spare(const Shape& shape) {
    spare_.push_back(acquire());
    Tensor<T>& buffer = buffers_[spare_.back()];
    buffer.resize(shape);
    return buffer;
  }
  void release_spare() {
    free_.push_back(spare_.back());
    spare_.pop_back();
  }

private:
  static constexpr std::size_t none = ~std::size_t{0};

  std::size_t acquire() {
    if (free_.empty()) {
      buffers_.emplace_back();
      return buffers_.size() - 1;
    }
    const std::size_t b = free_.back();
    free_.pop_back();
    return b;
  }

  std::vector<Tensor<T>> buffers_;
  std::vector<std::size_t> owner_, free_, spare_;
};

template <class T>
class Tape {
public:
  Tape() = default;
  // Its signals point into its own slots: it is never copied. One that was moved from is empty.
  Tape(Tape&& other) noexcept { *this = std::move(other); }
  Tape& operator=(Tape&& other) noexcept {
    slots_ = std::move(other.slots_);
    workspace_ = std::move(other.workspace_);
    training_ = other.training_, recording_ = other.recording_;
    version_ = other.version_;
    complete_ = std::exchange(other.complete_, false);
    edition_ = std::exchange(other.edition_, 0);
    return *this;
  }

  /// Images of the recorded batch; 0 before the first.
  index_t batch() const { return slots_.empty() ? 0 : slots_[0].out.shape[0]; }
  bool training() const { return training_; }

  /// What was recorded for value i of the net. Read it before the next Optimizer::step(): `out` may
  /// point to the layer's bias, as it then is. Throws value_error if nothing was.
  const Slot<T>& operator[](std::size_t i) const {
    if (i >= slots_.size())
      throw value_error(describe("tape", "a value below " + to_text(slots_.size()), to_text(i),
                                 "run net.forward() on it first"));
    return slots_[i];
  }
  std::size_t size() const { return slots_.size(); }

  // The rest is for Net.
  std::vector<Slot<T>>& slots() { return slots_; }
  void begin(const Mode& mode, const NetIdentity<T>& net, std::uint64_t version) {
    training_ = mode.training;
    recording_ = mode.recording;
    complete_ = false;
    edition_ = net.edition;
    version_ = version;
  }
  void complete() { complete_ = true; }

  /// Throws value_error unless the tape holds a complete pass through this edition of the net.
  void check_pass(std::string_view what, const NetIdentity<T>& net) const {
    if (edition_ == net.edition && complete_) return;
    throw value_error(describe(what, "a recorded pass of this net",
                               edition_ == 0 || edition_ == net.edition
                                   ? "none or a failed one"
                                   : "one of another net, or of this one before quantize(), "
                                     "replace() or add()"));
  }
  /// The same for a backward pass, which needs what forward has kept, and the same parameters.
  void check_backward(std::string_view what, const NetIdentity<T>& net,
                      std::uint64_t version) const {
    check_pass(what, net);
    if (!recording_)
      throw value_error(describe(what, "a recorded pass", "one in Mode::infer(), not recorded",
                                 "use Mode::eval() or Mode::train()"));
    if (version_ != version)
      throw value_error(describe(what, "a pass made with the current parameters",
                                 "one made before they changed", "run forward again"));
  }
  GradientPool<T>& workspace() const { return workspace_; }

private:
  std::vector<Slot<T>> slots_;
  bool training_ = false, recording_ = false, complete_ = false;
  std::uint64_t edition_ = 0, version_ = 0; // of the net at that pass
  mutable GradientPool<T> workspace_;
};

} // namespace sgq::nn
