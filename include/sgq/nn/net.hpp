// sgq/nn/net.hpp -- a network: a list of layers, each reading the outputs of earlier ones.
//
//     Net<float> net({1, 28, 28});
//     net.add("conv1", Conv2d<float>({.in = 1, .out = 8, .kernel = 3}));
//     net.add("relu1", Relu<float>());
//     ...
//     Tape<float> tape;
//     View<const float> logits = net.forward(x, tape, Mode::train(random.split(step)));
//     net.zero_grad();
//     net.backward(dlogits, tape, Want::params);
//     optimizer.step(tape);
//
// The list itself is nn/layer_list.hpp; here are the passes through it.
#pragma once

#include "sgq/nn/layer_list.hpp"
#include "sgq/nn/tape.hpp"
#include "sgq/ops/reduce.hpp"

namespace sgq::nn {

template <class T>
class Net : public LayerList<T> {
  using List = LayerList<T>;
  using List::nodes_;

public:
  using List::identity, List::input_shape, List::last, List::max_inputs;
  using typename List::Node;

  /// A net that reads images of shape {C, H, W} or feature vectors {F}.
  explicit Net(const Shape& image) : List(image) {}

  /// Records a pass on the tape; returns the output (logits), valid until the tape records again.
  /// x is [N, C, H, W] (or [N, F]); N may differ from pass to pass.
  View<const T> forward(View<const T> x, Tape<T>& tape, const Mode& mode = Mode::eval()) const {
    return run(plain_signal(x), tape, mode);
  }

  /// The same for pixel codes [N, C, H, W], which a net whose input is quantised takes as they are:
  /// equal to forward() of the numbers they stand for. Throws value_error for a net that reads real
  /// numbers.
  View<const T> forward(View<const std::uint8_t> codes, Tape<T>& tape,
                        const Mode& mode = Mode::eval()) const {
    return run({.shape = codes.shape(), .codes = codes.data(), .max_code = 255}, tape, mode);
  }

  /// Begins a record and runs layer 0, for code that runs the layers one by one (calibration).
  void start(const Signal<T>& x, Tape<T>& tape, const Mode& mode) const {
    this->check_not_moved();
    check_batch("net input", input_shape(), x.shape);
    tape.slots().resize(nodes_.size());
    tape.begin(mode, *identity(), this->version());
    const Signal<T>* in[] = {&x};
    nodes_[0].layer->forward(in, tape.slots()[0], mode);
    materialise_for_readers(nodes_[0], tape.slots()[0]);
  }

  /// Runs layer i on a tape on which all earlier layers have run.
  void run_layer(ValueId i, Tape<T>& tape, const Mode& mode) const {
    const Node& node = nodes_[i];
    Slot<T>& slot = tape.slots()[i];
    const Signal<T>* in[max_inputs];
    Mode own = mode;
    own.random = mode.random.split(i);
    slot.wants_moments = node.wants_moments;
    const Inputs<T> inputs = gather(node, tape, in);
    slot.out = {};
    node.layer->forward(inputs, slot, own);
    if (slot.out.max_code > 0 && !(slot.out.scale > 0))
      throw value_error(describe("layer '" + node.name + "'", "codes with a positive scale",
                                 to_text(slot.out.scale)));
    if (slot.out.moments != slot.moments.data()) slot.out.moments = nullptr; // came with the input
    for (const Signal<T>* x : inputs) slot.out.drop_preactivation_of(*x);
    materialise_for_readers(node, slot);
  }

  /// Brings an output into a form that all its readers take; the computed numbers stay in
  /// slot.real. For code that runs layers one by one.
  static void materialise_for_readers(const Node& node, Slot<T>& slot) {
    const Signal<T>& s = slot.out;
    if (s.is_plain() || (node.reads >= Reads::materialised && s.is_materialised()) ||
        (node.reads >= Reads::affine && !s.residual) || node.reads == Reads::residual)
      return;
    slot.materialised.resize(slot.out.shape);
    ops::materialise(slot.out, slot.materialised.view());
    const Signal<T>* const rounded = slot.out.preactivation;
    slot.out = plain_signal<T>(View<const T>(slot.materialised.view()));
    slot.out.preactivation = rounded;
  }

  /// Adds to the gradients of the parameters (Want::params), computes the gradient of the input
  /// (Want::input), or both. dout is the gradient of the output. Returns the input's gradient,
  /// which is valid until the tape's next backward pass, or an empty view. Throws value_error on a
  /// tape without a recorded pass of this net as it is now, and where parameters are wanted that
  /// have no first values: weights without initialize(), clips without calibrate().
  View<const T> backward(View<const T> dout, const Tape<T>& tape, Want want,
                         const BackwardOptions& options = {}) {
    return run_backward(dout, tape, want, 0, options);
  }

  /// The gradient of the input alone; parameters' gradients are left as they are, and batch norm's
  /// batch statistics count as constants, so that images do not mix.
  View<const T> input_gradient(View<const T> dout, const Tape<T>& tape,
                               bool guided_backprop = false) {
    return run_backward(dout, tape, Want::input, 0,
                        {.constant_statistics = true, .guided_backprop = guided_backprop});
  }

  /// The same for value v in the middle of the net (Grad-CAM).
  View<const T> gradient_at(ValueId v, View<const T> dout, const Tape<T>& tape) {
    if (v > last()) throw value_error(describe("gradient_at", "a value of this net", to_text(v)));
    return run_backward(dout, tape, Want::input, v, {.constant_statistics = true});
  }

  /// Moves the running statistics of batch norm towards those of a recorded training pass: by a
  /// `share` in [0, 1] of the difference, or by the layers' own.
  void update_statistics(const Tape<T>& tape, std::optional<double> share = {}) {
    tape.check_pass("update_statistics", *identity());
    if (!tape.training())
      throw value_error(describe("update_statistics", "a training pass", "one in evaluation mode",
                                 "forward(x, tape, Mode::train(random)), in a step"));
    if (share && !(*share >= 0 && *share <= 1))
      throw value_error(describe("update_statistics", "a share in [0, 1]", to_text(*share)));
    ++identity()->statistics;
    for (ValueId i = 1; i < nodes_.size(); ++i) nodes_[i].layer->update_statistics(tape[i], share);
  }

private:
  View<const T> run(const Signal<T>& x, Tape<T>& tape, const Mode& mode) const {
    start(x, tape, mode);
    for (ValueId i = 1; i < nodes_.size(); ++i) run_layer(i, tape, mode);
    tape.complete();
    return tape[last()].out.view();
  }

  static Inputs<T> gather(const Node& node, const Tape<T>& tape, const Signal<T>** in) {
    for (std::size_t j = 0; j < node.inputs.size(); ++j) in[j] = &tape[node.inputs[j]].out;
    return {in, node.inputs.size()};
  }

  View<const T> run_backward(View<const T> dout, const Tape<T>& tape, Want want, ValueId stop,
                             const BackwardOptions& options) {
    tape.check_backward("backward", *identity(), this->version());
    if (want != Want::input) this->check_gradients();
    if (options.guided_backprop)
      for (ValueId i = stop + 1; i <= last(); ++i)
        if (want != Want::params || nodes_[i].needs_grad) check_gate(nodes_[i]);
    GradientPool<T>& pool = tape.workspace();
    pool.reset(nodes_.size());
    check_shape("gradient of the output", tape[last()].out.shape, dout.shape());
    std::copy(dout.begin(), dout.end(), pool.take(last(), dout.shape()).begin());
    for (ValueId i = last(); i > stop; --i)
      if (pool.has(i)) backward_layer(i, tape, pool, want, stop, options);
    if (want != Want::input) identity()->gradients = GradientState::made;
    return want == Want::params || !pool.has(stop) ? View<const T>() : pool.at(stop);
  }

  void backward_layer(ValueId i, const Tape<T>& tape, GradientPool<T>& pool, Want want,
                      ValueId stop, const BackwardOptions& options) {
    Node& node = nodes_[i];
    if (options.guided_backprop) apply_guided_rule(node, pool.at(i));
    const Signal<T>* in[max_inputs];
    View<T> dx[max_inputs];
    bool spare[max_inputs] = {};
    View<T> dy = pool.at(i);
    for (std::size_t j = node.inputs.size(); j-- > 0;) { // input 0 last: it may take dy's buffer
      const ValueId v = node.inputs[j];
      const Shape& shape = tape[v].out.shape;
      if (!(want == Want::params ? nodes_[v].needs_grad : v >= stop)) continue;
      if (pool.has(v))
        spare[j] = true, dx[j] = pool.take_spare(shape);
      else if (j == 0 && node.layer->backward_in_place())
        dx[j] = pool.move(i, v, shape);
      else
        dx[j] = pool.take(v, shape);
    }
    node.layer->backward(gather(node, tape, in), tape[i], dy, {dx, node.inputs.size()},
                         want != Want::input, options);
    for (std::size_t j = 0; j < node.inputs.size(); ++j) // the spare taken last comes first
      if (spare[j]) ops::add_to<T>(dx[j], pool.at(node.inputs[j])), pool.release_spare();
    if (pool.has(i)) pool.release(i);
  }

  static void check_gate(const Node& node) {
    if (node.layer->gate() == Gate::unknown)
      throw value_error(describe("guided backprop", "layers with a known rule",
                                 "'" + node.name + "' (" + std::string(node.layer->kind()) + ")",
                                 "override gate() in that layer"));
  }

  static void apply_guided_rule(const Node& node, View<T> dy) {
    if (node.layer->gate() == Gate::rectifier)
      for (T& g : dy) g = g > T{0} ? g : T{0};
  }
};

} // namespace sgq::nn
