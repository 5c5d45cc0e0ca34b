// sgq/nn/net.hpp -- a network: a list of layers, each reading the outputs of earlier ones.
//
//     Net<float> net({1, 28, 28});
//     net.add("conv1", Conv2d<float>({.in = 1, .out = 8, .kernel = 3}));
//     net.add("relu1", Relu<float>());
//     ...
//     Tape<float> tape;
//     View<const float> logits = net.forward(x, tape, Mode::train());
//     net.backward(dlogits, tape, Want::params);
//
// Value 0 is the input; layer i writes value i (layer 0 is the input layer, which copies or, in a
// quantised net, turns pixels into codes). A layer reads the value before it unless told otherwise,
// so a chain needs no wiring and a residual block names two values. The list is in an order in
// which it can be run, which is all that forward, backward and an exporter need.
#pragma once

#include "sgq/nn/input.hpp"
#include "sgq/nn/tape.hpp"
#include "sgq/ops/reduce.hpp"

#include <map>

namespace sgq::nn {

/// A value of a net: the output of the layer with this number.
using ValueId = std::size_t;

template <class T>
class Net {
public:
  static constexpr std::size_t max_inputs = 4; ///< of a layer

  struct Node {
    std::string name;
    std::unique_ptr<Layer<T>> layer;
    std::vector<ValueId> inputs;
    Shape shape;                ///< of the output, batch 1
    Reads reads = Reads::plain; ///< what every reader of the output can take
    bool wants_moments = false; ///< a reader of the output asks for its moments
    bool needs_grad = false;    ///< parameters lie in it or before it
  };

  /// A net that reads images of shape {C, H, W} or feature vectors {F}.
  explicit Net(const Shape& image) {
    Shape shape{1};
    if (image.rank() == 1) shape = {1, image[0]};
    if (image.rank() == 3) shape = {1, image[0], image[1], image[2]};
    if (shape.rank() == 1)
      throw shape_error(describe("net", "an image shape {C, H, W} or {F}", image.str()));
    nodes_.push_back({"input", std::make_unique<Input<T>>(), {}, shape});
  }
  Net(Net&& other) noexcept
      : nodes_(std::move(other.nodes_)), own_(std::move(other.own_)),
        identity_(std::move(other.identity_)), ready_(other.ready_) {
    if (identity_) identity_->net = this;
  }
  Net& operator=(Net&& other) noexcept {
    nodes_ = std::move(other.nodes_);
    own_ = std::move(other.own_);
    identity_ = std::move(other.identity_);
    ready_ = other.ready_;
    if (identity_) identity_->net = this;
    return *this;
  }

  /// Appends a layer that reads the last value, or the given ones; returns the number of its
  /// output. Throws shape_error, naming the layer, if it cannot read them, and value_error on a
  /// name taken.
  template <class L>
  ValueId add(const std::string& name, L layer, std::vector<ValueId> inputs = {}) {
    return add(name, std::unique_ptr<Layer<T>>(std::make_unique<L>(std::move(layer))),
               std::move(inputs));
  }
  ValueId add(const std::string& name, std::unique_ptr<Layer<T>> layer,
              std::vector<ValueId> inputs = {}) {
    for (const Node& node : nodes_)
      if (node.name == name)
        throw value_error(describe("net", "a new layer name", "'" + name + "' a second time"));
    if (inputs.empty()) inputs = {last()};
    if (inputs.size() > max_inputs)
      throw value_error(
          describe("layer '" + name + "'", "at most 4 inputs", to_text(inputs.size())));
    std::vector<Shape> shapes;
    for (ValueId v : inputs) {
      if (v >= nodes_.size())
        throw value_error(describe("layer '" + name + "'", "an earlier value", to_text(v)));
      shapes.push_back(nodes_[v].shape);
    }
    try {
      const Shape shape = layer->output_shape(shapes);
      nodes_.push_back({name, std::move(layer), std::move(inputs), shape});
    } catch (const shape_error& e) {
      throw shape_error("layer '" + name + "': " + e.what());
    }
    layers_changed();
    return last();
  }

  /// Puts another layer in the place of layer i; shapes must stay as they are.
  void replace(ValueId i, std::unique_ptr<Layer<T>> layer) {
    std::vector<Shape> shapes;
    for (ValueId v : nodes_[i].inputs) shapes.push_back(nodes_[v].shape);
    check_shape("replacing layer '" + nodes_[i].name + "'", nodes_[i].shape,
                layer->output_shape(shapes));
    nodes_[i].layer = std::move(layer);
    layers_changed();
  }

  /// Gives the net a new edition: tapes and optimisers from before are refused from now on. add(),
  /// replace() and quantize() do so; call it after changing layers in another way.
  void layers_changed() {
    identity_->edition = detail::next_edition();
    ready_ = false;
    connect();
  }
  /// What tapes and optimisers know the net by.
  const std::shared_ptr<NetIdentity<T>>& identity() const { return identity_; }

  ValueId last() const { return nodes_.size() - 1; }
  const std::vector<Node>& nodes() const { return nodes_; }
  Layer<T>& layer(ValueId i) { return *nodes_.at(i).layer; }
  Input<T>& input() { return static_cast<Input<T>&>(*nodes_[0].layer); }
  const Input<T>& input() const { return static_cast<const Input<T>&>(*nodes_[0].layer); }
  const Shape& input_shape() const { return nodes_[0].shape; }
  index_t classes() const { return nodes_.back().shape.size(); }

  /// The layer of that name. Throws value_error if there is none.
  ValueId find(std::string_view name) const {
    for (ValueId i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].name == name) return i;
    throw value_error(describe("net", "one of its layers", "'" + std::string(name) + "'"));
  }

  /// Parameters, "layer.name", in the order of the layers; buffers are the running statistics.
  std::vector<NamedParameter<T>> parameters() {
    return collect<NamedParameter<T>>([](Layer<T>& l, auto& own) { l.collect(own); });
  }
  std::vector<NamedBuffer<T>> buffers() {
    return collect<NamedBuffer<T>>([](Layer<T>& l, auto& own) { l.collect_buffers(own); });
  }

  index_t parameter_count() {
    index_t count = 0;
    for (const auto& p : parameters()) count += p.parameter->size();
    return count;
  }

  /// The integers each layer computes with, by the layers that do: {"relu1", "pact, 4 bits"}.
  std::map<std::string, std::string> precision() const {
    std::map<std::string, std::string> all;
    for (const Node& node : nodes_)
      if (std::string text = node.layer->precision(); !text.empty())
        all[node.name] = std::move(text);
    return all;
  }

  /// Derives weight codes and the like; to be called once after the parameters have changed.
  /// Optimizer::step() does. Passes from before cannot be gone back through any more.
  void prepare() {
    ++identity_->version;
    for (Node& node : nodes_) node.layer->prepare(node.name);
  }

  void zero_grad() {
    for (Node& node : nodes_) { // not parameters(), whose names would be allocated at every step
      own_.clear();
      node.layer->collect(own_);
      for (auto& p : own_) p.parameter->grad().fill(T{0});
    }
  }

  /// Records a pass on the tape; returns the output (logits), valid until the tape records again.
  /// x is [N, C, H, W] (or [N, F]); N may differ from pass to pass.
  View<const T> forward(View<const T> x, Tape<T>& tape, const Mode& mode = Mode::eval()) const {
    start(x, tape, mode);
    for (ValueId i = 1; i < nodes_.size(); ++i) run_layer(i, tape, mode);
    tape.complete();
    return tape[last()].out.view();
  }

  /// The first half of forward, for those who go through the layers one by one (calibration).
  void start(View<const T> x, Tape<T>& tape, const Mode& mode) const {
    if (x.shape().rank() == 0 || x.shape()[0] < 1 || x.shape().with_batch(1) != input_shape())
      throw shape_error(
          describe("net input", "[N, ...] of " + input_shape().str(), x.shape().str()));
    tape.slots().resize(nodes_.size());
    tape.begin(mode, *identity_);
    const Signal<T> given = plain_signal(x);
    const Signal<T>* in[] = {&given};
    nodes_[0].layer->forward(in, tape.slots()[0], mode);
    settle_for_readers(nodes_[0], tape.slots()[0]);
  }

  /// Runs layer i on a tape on which all earlier layers have run.
  void run_layer(ValueId i, Tape<T>& tape, const Mode& mode) const {
    const Node& node = nodes_[i];
    Slot<T>& slot = tape.slots()[i];
    const Signal<T>* in[max_inputs];
    const Mode own{mode.training, mode.random.split(i), mode.recording};
    slot.wants_moments = node.wants_moments;
    const Inputs<T> inputs = gather(node, tape, in);
    slot.out = {};
    node.layer->forward(inputs, slot, own);
    if (slot.out.moments != slot.moments.data()) slot.out.moments = nullptr; // came with the input
    for (const Signal<T>* x : inputs) slot.out.drop_preactivation_of(*x);
    settle_for_readers(node, slot);
  }

  /// Brings an output into a form that all its readers take; what was computed stays in slot.real.
  /// For those who run layers themselves.
  static void settle_for_readers(const Node& node, Slot<T>& slot) {
    const Signal<T>& s = slot.out;
    if (s.is_plain() || (node.reads >= Reads::settled && s.is_settled()) ||
        (node.reads >= Reads::affine && !s.residual) || node.reads == Reads::residual)
      return;
    slot.settled.resize(slot.out.shape);
    ops::settle(slot.out, slot.settled.view());
    const Signal<T>* const rounded = slot.out.preactivation;
    slot.out = plain_signal<T>(View<const T>(slot.settled.view()));
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
  View<const T> input_gradient(View<const T> dout, const Tape<T>& tape, bool guided = false) {
    return run_backward(dout, tape, Want::input, 0,
                        {.constant_statistics = true, .guided = guided});
  }

  /// The same for value v in the middle of the net (Grad-CAM).
  View<const T> gradient_at(ValueId v, View<const T> dout, const Tape<T>& tape) {
    if (v > last()) throw value_error(describe("gradient_at", "a value of this net", to_text(v)));
    return run_backward(dout, tape, Want::input, v, {.constant_statistics = true});
  }

  /// Moves the running statistics of batch norm towards those of a recorded training pass.
  void update_statistics(const Tape<T>& tape) {
    tape.check_pass("update_statistics", *identity_);
    if (!tape.training())
      throw value_error(describe("update_statistics", "a training pass", "one in evaluation mode"));
    for (ValueId i = 1; i < nodes_.size(); ++i) nodes_[i].layer->update_statistics(tape[i]);
  }

private:
  // What the readers of each value can take, and where parameters lie, whenever the list changes.
  void connect() {
    for (Node& node : nodes_) node.reads = Reads::residual, node.wants_moments = false;
    nodes_.back().reads = Reads::plain; // the output is for the caller
    for (Node& node : nodes_) {
      std::vector<NamedParameter<T>> own;
      node.layer->collect(own);
      node.needs_grad = !own.empty();
      for (std::size_t j = 0; j < node.inputs.size(); ++j) {
        Node& source = nodes_[node.inputs[j]];
        source.reads = std::min(source.reads, node.layer->reads(j));
        source.wants_moments |= node.layer->wants_moments();
        node.needs_grad |= source.needs_grad;
      }
    }
  }

  template <class Named, class From>
  std::vector<Named> collect(From from) {
    std::vector<Named> all, own;
    for (Node& node : nodes_) {
      own.clear();
      from(*node.layer, own);
      for (Named& entry : own) {
        entry.name = node.name + "." + entry.name;
        all.push_back(entry);
      }
    }
    return all;
  }

  // Throws value_error where training would start from what a layer's constructor left.
  void check_first_values() {
    if (ready_) return;
    for (const auto& [name, parameter] : parameters()) {
      if (parameter->written()) continue;
      const View<const T> value = parameter->value();
      const bool zero = std::all_of(value.begin(), value.end(), [](T v) { return v == T{0}; });
      if (parameter->role() == Role::weight && zero)
        throw value_error(describe("training: '" + name + "'", "first weights", "none",
                                   "call initialize(net, seed), or load weights"));
      if (parameter->role() == Role::clip)
        throw value_error(describe("training: '" + name + "'", "a first value", "none",
                                   "call calibrate(net, batch) after quantize(), or set "
                                   "QuantizeOptions::alpha; LSQ's step needs first weights before "
                                   "quantize()"));
    }
    ready_ = true;
  }

  static Inputs<T> gather(const Node& node, const Tape<T>& tape, const Signal<T>** in) {
    for (std::size_t j = 0; j < node.inputs.size(); ++j) in[j] = &tape[node.inputs[j]].out;
    return {in, node.inputs.size()};
  }

  View<const T> run_backward(View<const T> dout, const Tape<T>& tape, Want want, ValueId stop,
                             const BackwardOptions& options) {
    tape.check_backward("backward", *identity_);
    if (want != Want::input) check_first_values();
    GradientPool<T>& pool = tape.workspace();
    pool.reset(nodes_.size());
    check_shape("gradient of the output", tape[last()].out.shape, dout.shape());
    std::copy(dout.begin(), dout.end(), pool.take(last(), dout.shape()).begin());
    for (ValueId i = last(); i > stop; --i)
      if (pool.has(i)) backward_layer(i, tape, pool, want, stop, options);
    return want == Want::params || !pool.has(stop) ? View<const T>() : pool.at(stop);
  }

  void backward_layer(ValueId i, const Tape<T>& tape, GradientPool<T>& pool, Want want,
                      ValueId stop, const BackwardOptions& options) {
    Node& node = nodes_[i];
    if (options.guided) apply_guided_rule(node, pool.at(i));
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

  static void apply_guided_rule(const Node& node, View<T> dy) {
    if (node.layer->gate() == Gate::unknown)
      throw value_error(describe("guided backpropagation", "layers with a known rule",
                                 "'" + node.name + "' (" + std::string(node.layer->kind()) + ")",
                                 "override gate() in that layer"));
    if (node.layer->gate() == Gate::rectifier)
      for (T& g : dy) g = g > T{0} ? g : T{0};
  }

  std::vector<Node> nodes_;
  std::vector<NamedParameter<T>> own_; // of one layer, in zero_grad
  std::shared_ptr<NetIdentity<T>> identity_ =
      std::make_shared<NetIdentity<T>>(NetIdentity<T>{this, detail::next_edition(), 1});
  bool ready_ = false; // check_first_values() has found nothing
};

} // namespace sgq::nn
