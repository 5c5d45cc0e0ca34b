// sgq/nn/net_handle.hpp -- refers to a net in one edition.
//
// Tapes and optimisers point into the layers of a net. add(), replace() and quantize() put other
// layers there, so each of them gives the net a new edition: a number that was never used before. A
// tape or an optimiser with an older number throws instead of reading freed memory.
#pragma once

#include "sgq/core/quant_params.hpp"

#include <atomic>
#include <cstdint>
#include <memory>

namespace sgq::nn {

template <class T>
class Net;

/// Where the stored gradients of a net stand.
enum class GradientState {
  cleared, ///< zero_grad(), or a new net
  made,    ///< a backward pass has added to them
  used,    ///< an optimiser has moved the parameters by them
};

/// What a net shares with its tapes and optimisers: where it is, and its edition.
template <class T>
struct NetIdentity {
  Net<T>* net;           ///< follows the net when it is moved
  std::uint64_t edition; ///< of its list of layers; never 0
  std::uint64_t version; ///< counts calls of quantize_weights()
  GradientState gradients = GradientState::cleared;
  std::uint64_t statistics = 0; ///< counts calls of update_statistics()
  QuantParams trained_on{};     ///< of the images of training batches; empty where nobody knows
  std::uint64_t averaged = 0;   ///< the edition that has a weight average's numbers; 0: none

  /// Throws value_error, beginning with `who`, while train::WeightAverage::Use lives.
  void check_own_numbers(std::string_view who) const {
    if (averaged == edition)
      throw value_error(describe(who, "a net with its own weights", "one with their averages",
                                 "destroy the WeightAverage::Use first"));
  }

  /// Throws value_error, beginning with `who`, if `grid` is not that of the training images: every
  /// pixel would be shifted and scaled. One that is not known fits all.
  void check_grid(const std::string& who, const QuantParams& grid) const {
    if (trained_on && grid && trained_on != grid)
      throw value_error(describe(
          who + ": grid of the net's input", "that of its training images, " + to_text(trained_on),
          to_text(grid), "use that, or train it on images of the other first"));
  }
};

namespace detail {
/// A number that was never given before in this process.
inline std::uint64_t next_edition() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}
} // namespace detail

/// Refers to a net in the edition that it has now; follows it where it is moved.
template <class T>
class NetHandle {
public:
  explicit NetHandle(const Net<T>& net)
      : identity_(net.identity()), edition_(net.identity()->edition) {}

  /// The net. Throws value_error, beginning with `who`, if it is gone or has got other layers.
  Net<T>& get(std::string_view who) const {
    Net<T>& net = get_any_edition(who);
    if (net.identity()->edition != edition_)
      throw value_error(describe(who, "the net as it was when this was made",
                                 "one that quantize(), replace() or add() has changed since",
                                 "make it after the last change of the net's layers"));
    return net;
  }

  /// The net with the layers that it has now. Throws value_error if it is gone.
  Net<T>& get_any_edition(std::string_view who) const {
    const std::shared_ptr<const NetIdentity<T>> identity = identity_.lock();
    if (!identity)
      throw value_error(describe(who, "the net that it was made for", "one that is gone",
                                 "keep the net alive while anything made for it is in use"));
    return *identity->net;
  }

private:
  std::weak_ptr<const NetIdentity<T>> identity_;
  std::uint64_t edition_;
};

} // namespace sgq::nn
