// sgq/nn/layer_list.hpp -- the layers of a net: their wiring, their parameters, their edition.
//
// Value 0 is the input; layer i writes value i (layer 0 is the input layer, which copies or, in a
// quantised net, turns pixels into codes). A layer reads the value before it unless told otherwise,
// so a chain needs no wiring and a residual block names two values. The list is in an order in
// which it can be run, which is all that forward, backward and an exporter need.
#pragma once

#include "sgq/nn/input.hpp"
#include "sgq/nn/net_handle.hpp"
#include "sgq/ops/finite.hpp"

#include <concepts>
#include <map>

namespace sgq::nn {

/// A value of a net: the output of the layer with this number.
using ValueId = std::size_t;

/// What a net is, without its passes (nn/net.hpp).
template <class T>
class LayerList {
public:
  static constexpr std::size_t max_inputs = 4; ///< of a layer

  struct Node {
    std::string name;
    std::unique_ptr<Layer<T>> layer;
    std::vector<ValueId> inputs;
    Shape shape;                ///< of the output, batch 1
    Reads reads = Reads::plain; ///< what every reader of the output can take
    bool wants_moments = false; ///< a reader of the output normalises it
    bool needs_grad = false;    ///< parameters lie in it or before it
  };

  /// Appends a layer that reads the last value, or the given ones; returns the number of its
  /// output. Throws shape_error, naming the layer, if it cannot read them, and value_error on a
  /// name taken.
  template <std::derived_from<Layer<T>> L>
  ValueId add(const std::string& name, L layer, std::vector<ValueId> inputs = {}) {
    return add(name, std::unique_ptr<Layer<T>>(std::make_unique<L>(std::move(layer))),
               std::move(inputs));
  }
  ValueId add(const std::string& name, std::unique_ptr<Layer<T>> layer,
              std::vector<ValueId> inputs = {}) {
    for (const Node& node : nodes())
      if (node.name == name)
        throw value_error(describe("net", "a new layer name", "'" + name + "' a second time"));
    if (inputs.empty()) inputs = {last()};
    check_layer("layer '" + name + "'", layer.get(), inputs.size());
    std::vector<Shape> shapes;
    for (ValueId v : inputs) {
      if (v >= nodes_.size())
        throw value_error(describe("layer '" + name + "'",
                                   "values up to " + to_text(nodes_.size() - 1), to_text(v)));
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
    if (i < 1 || i > last())
      throw value_error(describe("replace", "a layer from 1 to " + to_text(last()), to_text(i)));
    check_layer("replacing layer '" + nodes_[i].name + "'", layer.get(), nodes_[i].inputs.size());
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
    check_not_moved();
    identity_->edition = detail::next_edition();
    ready_ = false;
    connect();
  }
  /// Rises with every change of what the net computes with: a write to a parameter, new codes.
  std::uint64_t version() const {
    check_not_moved();
    std::uint64_t sum = identity_->version;
    for (const Parameter<T>* p : own_parameters_) sum += p->version();
    return sum;
  }
  /// The net's edition, for tapes and optimisers.
  const std::shared_ptr<NetIdentity<T>>& identity() const {
    check_not_moved();
    return identity_;
  }

  /// Throws value_error if the net was moved from, as whatever uses it does.
  const std::vector<Node>& nodes() const {
    if (nodes_.empty()) throw value_error(describe("net", "layers", "a net that was moved from"));
    return nodes_;
  }
  void check_not_moved() const { nodes(); }
  ValueId last() const { return nodes().size() - 1; }
  Layer<T>& layer(ValueId i) {
    if (i > last())
      throw value_error(describe("net", "a layer from 0 to " + to_text(last()), to_text(i)));
    return *nodes_[i].layer;
  }
  Input<T>& input() { return static_cast<Input<T>&>(*nodes()[0].layer); }
  const Input<T>& input() const { return static_cast<const Input<T>&>(*nodes()[0].layer); }
  const Shape& input_shape() const { return nodes()[0].shape; }
  index_t classes() const { return nodes().back().shape.size(); }

  /// The layer of that name. Throws value_error if there is none.
  ValueId find(std::string_view name) const {
    for (ValueId i = 0; i <= last(); ++i)
      if (nodes_[i].name == name) return i;
    std::string names;
    for (const Node& node : nodes_) names += (names.empty() ? "" : ", ") + node.name;
    throw value_error(describe("net", "one of its layers " + names, "'" + std::string(name) + "'"));
  }

  /// Parameters, "layer.name", in the order of the layers; buffers are the running statistics.
  std::vector<NamedParameter<T>> parameters() { return all_parameters(); }
  std::vector<NamedBuffer<T>> buffers() { return all_buffers(); }

  index_t parameter_count() {
    index_t count = 0;
    for (const auto& p : parameters()) count += p.parameter->size();
    return count;
  }

  /// The integers each layer computes with, by the layers that do: {"relu1", "pact, 4 bits"}.
  std::map<std::string, std::string> precision() const {
    std::map<std::string, std::string> all;
    for (const Node& node : nodes())
      if (std::string text = node.layer->precision(); !text.empty())
        all[node.name] = std::move(text);
    return all;
  }

  /// Throws value_error, beginning with `what`, if weights or clips have no values yet. Training,
  /// measuring, explaining, saving and exporting need both.
  void check_initialized(std::string_view what) const {
    check_not_moved();
    const auto ready = [](const Parameter<T>* p) { return p->initialized(); };
    if (!std::all_of(own_parameters_.begin(), own_parameters_.end(), ready))
      throw_uninitialized(what, true);
  }
  /// The same for weights alone.
  void check_weights(std::string_view what) const { throw_uninitialized(what, false); }

  /// Throws value_error, beginning with `what`, on a parameter or a running statistic that is not
  /// finite. A quantised net does not show it: NaN becomes the code 0.
  void check_finite(std::string_view what) const {
    const auto check = [&](const std::string& name, View<const T> values) {
      if (const index_t bad = ops::find_nonfinite<T>(values); bad >= 0)
        throw value_error(describe(std::string(what) + ": '" + name + "'", "finite numbers",
                                   to_text(values[bad]) + " at element " + to_text(bad)));
    };
    for (const auto& [name, parameter] : all_parameters()) check(name, parameter->value());
    for (const auto& [name, tensor] : all_buffers()) check(name, tensor->view());
  }

  /// Derives weight codes and the like. Call it once after parameters have changed;
  /// Optimizer::step() does. Tapes recorded before cannot run backward any more.
  void quantize_weights() {
    check_not_moved();
    ++identity_->version;
    for (Node& node : nodes_) node.layer->parameters_changed(node.name);
  }

  void zero_grad() {
    check_not_moved();
    identity_->gradients = GradientState::cleared;
    for (Parameter<T>* p : own_parameters_) p->grad().fill(T{0});
  }

protected:
  explicit LayerList(const Shape& image) {
    Shape shape{1};
    if (image.rank() == 1) shape = {1, image[0]};
    if (image.rank() == 3) shape = {1, image[0], image[1], image[2]};
    if (shape.rank() == 1)
      throw shape_error(describe("net", "an image shape {C, H, W} or {F}", image.str()));
    nodes_.push_back({"input", std::make_unique<Input<T>>(), {}, shape});
    identity_ = std::make_shared<NetIdentity<T>>(
        NetIdentity<T>{static_cast<Net<T>*>(this), detail::next_edition(), 1});
  }
  LayerList(LayerList&& other) noexcept { *this = std::move(other); }
  LayerList& operator=(LayerList&& other) noexcept {
    if (this == &other) return *this;
    nodes_ = std::move(other.nodes_);
    own_parameters_ = std::move(other.own_parameters_);
    identity_ = std::move(other.identity_);
    ready_ = other.ready_;
    if (identity_) identity_->net = static_cast<Net<T>*>(this);
    return *this;
  }
  ~LayerList() = default;

  // Throws value_error if gradients would be added to those of the step before, or if parameters
  // have no chosen values yet.
  void check_gradients() {
    if (identity_->gradients == GradientState::used)
      throw value_error(describe("backward", "gradients that were set to 0 after the last step",
                                 "those of that step", "call net.zero_grad() first"));
    if (ready_) return;
    check_initialized("training");
    ready_ = true;
  }

  std::vector<Node> nodes_;

private:
  static void check_layer(const std::string& what, const Layer<T>* layer, std::size_t inputs) {
    if (!layer) throw value_error(describe(what, "a layer", "null"));
    if (layer->input_count() > max_inputs)
      throw value_error(describe(what, "at most 4 inputs", to_text(layer->input_count())));
    if (inputs != layer->input_count())
      throw shape_error(describe(what,
                                 "as many inputs as kind '" + std::string(layer->kind()) +
                                     "' reads, " + to_text(layer->input_count()),
                                 to_text(inputs),
                                 "a layer of several inputs overrides input_count()"));
  }

  // What the readers of each value can take, and where parameters are, whenever the list changes.
  void connect() {
    own_parameters_.clear();
    for (Node& node : nodes_) node.reads = Reads::residual, node.wants_moments = false;
    nodes_.back().reads = Reads::plain; // the output is for the caller
    for (Node& node : nodes_) {
      std::vector<NamedParameter<T>> own;
      node.layer->collect(own);
      for (const auto& p : own) own_parameters_.push_back(p.parameter);
      node.needs_grad = !own.empty();
      for (std::size_t j = 0; j < node.inputs.size(); ++j) {
        Node& source = nodes_[node.inputs[j]];
        source.reads = std::min(source.reads, node.layer->reads(j));
        source.wants_moments |= node.layer->normalizes();
        node.needs_grad |= source.needs_grad;
      }
    }
  }

  void throw_uninitialized(std::string_view what, bool clips) const {
    for (const auto& [name, parameter] : all_parameters()) {
      if (parameter->initialized()) continue;
      const std::string where = std::string(what) + ": '" + name + "'";
      if (parameter->group() == ParameterGroup::weight)
        throw value_error(describe(where, "initial weights", "only zeros",
                                   "call initialize(net, seed) or load weights; a layer that "
                                   "starts at 0 on purpose writes them through edit()"));
      if (clips)
        throw value_error(describe(
            where, "an initial value", "none",
            name.ends_with(".step")
                ? "quantize() after initialize(): LSQ's step comes from the weights"
                : "call calibrate(net, batch) after quantize(), or set QuantizeOptions::alpha"));
    }
  }

  template <class Named, class From>
  std::vector<Named> collect(From from) const {
    std::vector<Named> all, own;
    for (const Node& node : nodes()) {
      own.clear();
      from(*node.layer, own);
      for (Named& entry : own) {
        entry.name = node.name + "." + entry.name;
        all.push_back(entry);
      }
    }
    return all;
  }
  std::vector<NamedParameter<T>> all_parameters() const {
    return collect<NamedParameter<T>>([](Layer<T>& l, auto& own) { l.collect(own); });
  }
  std::vector<NamedBuffer<T>> all_buffers() const {
    return collect<NamedBuffer<T>>([](Layer<T>& l, auto& own) { l.collect_buffers(own); });
  }

  std::vector<Parameter<T>*> own_parameters_{}; // of all layers
  std::shared_ptr<NetIdentity<T>> identity_{};
  bool ready_ = false; // every parameter has an initial value
};

} // namespace sgq::nn
