// sgq/nn/layer.hpp -- what a layer is, and how to write one.
//
// A layer owns parameters and nothing else. Its forward pass is const: it reads signals and fills
// the slot that the caller's tape keeps for it. Its backward pass reads the same slot, adds to the
// gradients of its parameters and overwrites those of its inputs. So one net serves any number of
// tapes at once, and two forward passes never disturb each other.
//
// To add a layer, derive from Layer<T> in a file of your own and override kind, output_shape,
// forward and backward, and input_count() if it reads several values; the rest has defaults.
// Override lower() too if engines and exporters are to take it. Values given by a constructor count
// as "not chosen": training and measuring refuse weights that are still 0, and clips that were
// never written through Parameter::edit(). A layer whose weights start at 0 on purpose calls it in
// its constructor.
#pragma once

#include "sgq/core/random.hpp"
#include "sgq/nn/fields.hpp"
#include "sgq/nn/lowering.hpp"
#include "sgq/nn/parameter.hpp"
#include "sgq/ops/signal.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sgq::nn {

/// How a forward pass is made.
struct Mode {
  bool training = false;
  ImageRandom random{Random(0)}; ///< of dropout
  bool recording = true;         ///< what only a backward pass needs is kept
  bool dropout = true;           ///< in training

  /// Batch norm uses the batch's statistics and dropout is on.
  /// `random` draws the dropout masks: give every step its own, random.split(step).
  static Mode train(const ImageRandom& random) { return {true, random}; }
  /// Batch norm uses its running statistics and dropout is off.
  static Mode eval() { return {}; }
  /// The same, and no backward pass will follow.
  static Mode infer() { return {.recording = false}; }
};

/// Which gradients a backward pass computes.
enum class Want { params, input, both };

/// How layers pass gradients back.
struct BackwardOptions {
  /// Batch norm treats the mean and variance of its batch as constants, so that the gradient of one
  /// image does not depend on the others.
  bool constant_statistics = false;
  /// Guided backprop (Springenberg et al., arXiv 1412.6806): negative gradients stop at
  /// every rectifier.
  bool guided_backprop = false;
};

/// What a layer is to guided backprop, which needs a rule for every non-linearity.
enum class Gate {
  none,      ///< linear, or picks among its inputs: gradients pass as they are
  rectifier, ///< passes only where its input is in the active window
  unknown,   ///< a non-linearity without a rule: guided backprop refuses it
};

/// How much of a deferred signal (see ops/signal.hpp) a layer can read.
enum class Reads {
  plain,        ///< plain numbers only: Signal::view()
  materialised, ///< also codes with one scale
  affine,       ///< also mul and add
  residual,     ///< also a second operand that is yet to be added: everything
};

/// A layer's room on a tape: the storage of its output and what its backward pass will need.
template <class T>
struct Slot {
  Signal<T> out;
  Tensor<T> real;             ///< out.real, as the layer made it
  Tensor<T> materialised;     ///< out.real, where a later layer needed plain numbers
  Tensor<std::int32_t> acc;   ///< out.acc
  Tensor<std::uint8_t> codes; ///< out.codes
  Tensor<T> channel;          ///< per-channel numbers, one row each
  Tensor<std::uint8_t> bytes; ///< one byte per element: dropout mask, place of a maximum
  Tensor<double> moments;     ///< out.moments
  bool wants_moments = false; ///< a reader of the output takes its moments
  bool training = false;      ///< the pass used batch moments (batch norm) or a mask (dropout)

  /// Makes `real` the output: plain numbers of that shape, yet to be written.
  View<T> plain(const Shape& shape) {
    real.resize(shape);
    out = plain_signal<T>(View<const T>(real.view()));
    return real.view();
  }
};

template <class T>
using Inputs = std::span<const Signal<T>* const>;
template <class T>
using Gradients = std::span<const View<T>>;

template <class T>
class Layer {
public:
  virtual ~Layer() = default;

  /// "conv2d", "relu", ...
  virtual std::string_view kind() const = 0;

  /// Lists the options that the layer was made with, so that a model file can hold them
  /// (nn/layer_kinds.hpp makes the layer again). Throws value_error unless overridden.
  virtual void save(Fields& options) const {
    static_cast<void>(options);
    throw value_error(describe("a layer of kind '" + std::string(kind()) + "'",
                               "one that a model file can hold", "none",
                               "override save() to list its options; a layer without any has an "
                               "empty save()"));
  }

  /// How many values the layer reads.
  virtual std::size_t input_count() const { return 1; }

  /// The shape of one image's output, {1, C, H, W} or {1, F}. Throws shape_error if the layer
  /// cannot take such inputs.
  virtual Shape output_shape(std::span<const Shape> inputs) const = 0;

  /// Fills slot.out, whose shape is output_shape with the batch's size.
  virtual void forward(Inputs<T> in, Slot<T>& slot, const Mode& mode) const = 0;

  /// dy is the gradient of the (materialised) output and may be overwritten. For each input j with
  /// a non-empty dx[j], overwrites dx[j]. If want_params, adds to the parameters' gradients.
  virtual void backward(Inputs<T> in, const Slot<T>& slot, View<T> dy, Gradients<T> dx,
                        bool want_params, const BackwardOptions& options) = 0;

  /// Parameters and other stored tensors, by their local names ("weight"). Their addresses must not
  /// change while the layer is in a net, unless Net::layers_changed() is called.
  virtual void collect(std::vector<NamedParameter<T>>&) {}
  virtual void collect_buffers(std::vector<NamedBuffer<T>>&) {}

  /// Called once after the parameters have changed: derives what forward needs, e.g. weight codes.
  virtual void parameters_changed(std::string_view name) { static_cast<void>(name); }

  /// Moves running statistics towards those of the recorded training pass, which count for `share`
  /// of the new ones; unset, for what the layer's options say.
  virtual void update_statistics(const Slot<T>& slot, std::optional<double> share) {
    static_cast<void>(slot), static_cast<void>(share);
  }

  /// The integers that the layer computes with, in words: "pact, 4 bits". Empty: real numbers. Two
  /// nets whose layers say the same turn the same parameters into the same function.
  virtual std::string precision() const { return {}; }

  virtual Gate gate() const { return Gate::unknown; }

  /// True if an image's output depends on the other images of a training batch. Unknown layers are
  /// assumed to.
  virtual bool mixes_images() const { return gate() == Gate::unknown; }

  /// Says what the layer computes in evaluation, for engines and exporters (nn/lowering.hpp).
  virtual void lower(Lowering<T>& lowering) const { lowering.other(); }

  /// The weight that quantize() gives a quantiser, or null.
  virtual Weights<T>* weights() { return nullptr; }
  const Weights<T>* weights() const { return const_cast<Layer*>(this)->weights(); }
  /// The learnable clip of the output that calibrate() sets, or null.
  virtual Parameter<T>* clip() { return nullptr; }
  /// True for an activation that quantize() replaces: by a ReLU or by a PACT, as the bits ask.
  virtual bool replaceable() const { return false; }

  /// What input j may be; anything beyond is materialised before the layer runs.
  virtual Reads reads(std::size_t input) const {
    static_cast<void>(input);
    return Reads::plain;
  }
  /// True if the layer normalises by mean and variance: a training pass then asks for the moments
  /// of its input's planes (Signal::moments), and the gain of the weights before it does not
  /// matter.
  virtual bool normalizes() const { return false; }
  /// True if backward works with dx[0] and dy in the same memory.
  virtual bool backward_in_place() const { return false; }
};

} // namespace sgq::nn
