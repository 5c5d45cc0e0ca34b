// sgq/nn/net_json.hpp -- what defines a net, its numbers apart, as JSON, and the net from it.
//
//     [{"name": "input", "kind": "input", "shape": [3, 24, 40], "scale": 0.01, "zero_point": [..]},
//      {"name": "conv1", "kind": "conv2d", "inputs": ["input"], "options": {"in": 3, ..},
//       "weights": {"quantizer": "sawb", "bits": 4}},
//      ..]
//
// An input that is not quantised has no scale, real weights have no "weights", and a layer without
// options has no "options". Reading trusts nothing: every number is checked, names must be known,
// and sizes are bounded.
#pragma once

#include "sgq/io/json.hpp"
#include "sgq/nn/initialize.hpp"
#include "sgq/nn/layer_kinds.hpp"
#include "sgq/nn/quantize.hpp"

#include <cmath>
#include <limits>
#include <set>

namespace sgq::nn {

/// Factories of layers and weight quantisers of your own, beside the library's:
///
///     load_model<float>(path, {.layers = {{"prelu", make_prelu}},
///                              .quantizers = {{"ternary", make_ternary}}});
///
/// A row's name is what kind() or name() says. A file stores a quantiser's name and bits, no
/// further settings: two settings need two names.
template <class T>
struct Factories {
  std::vector<LayerKind<T>> layers{};
  std::vector<quant::WeightScheme<T>> quantizers{};
};

namespace detail {

/// Takes values down as the members of an object.
class FieldWriter final : public Fields {
public:
  void operator()(std::string_view name, index_t& value) override { json[name] = value; }
  void operator()(std::string_view name, int& value) override { json[name] = value; }
  void operator()(std::string_view name, bool& value) override { json[name] = value; }
  void operator()(std::string_view name, double& value) override { json[name] = value; }
  void operator()(std::string_view name, std::string& value) override { json[name] = value; }

  io::Json json;
};

/// An integer of 31 bits, which no product of a few overflows unnoticed. Throws value_error.
inline index_t small_integer(std::string_view name, const io::Json& value) {
  constexpr index_t high = std::numeric_limits<std::int32_t>::max();
  if (!value.is_int() || value.as_int() < -high || value.as_int() > high)
    throw value_error(describe("'" + std::string(name) + "'", "an integer of at most 31 bits",
                               value.is_int() ? to_text(value.as_int()) : value.kind()));
  return value.as_int();
}

/// Puts the members of an object in their places. A field that the object lacks keeps its value: it
/// is younger than the file.
class FieldReader final : public Fields {
public:
  explicit FieldReader(const io::Json* object) : object_(object) {}

  void operator()(std::string_view name, index_t& value) override {
    if (const io::Json* json = take(name)) value = small_integer(name, *json);
  }
  void operator()(std::string_view name, int& value) override {
    if (const io::Json* json = take(name)) value = static_cast<int>(small_integer(name, *json));
  }
  void operator()(std::string_view name, bool& value) override {
    const io::Json* json = take(name);
    if (json && !json->is_bool()) fail(name, "true or false", *json);
    if (json) value = json->as_bool();
  }
  void operator()(std::string_view name, double& value) override {
    const io::Json* json = take(name);
    if (json && !(json->is_number() && std::isfinite(json->as_double())))
      fail(name, "a finite number", *json);
    if (json) value = json->as_double();
  }
  void operator()(std::string_view name, std::string& value) override {
    const io::Json* json = take(name);
    if (json && !json->is_string()) fail(name, "a string", *json);
    if (json) value = json->as_string();
  }

  /// Throws value_error on a member that nobody asked for.
  void check_all_taken() const {
    if (!object_) return;
    for (const io::Json::Member& member : object_->as_object())
      if (!taken_.count(member.first))
        throw value_error(describe("options", "only options that the layer has",
                                   "'" + member.first + "'", "a newer version wrote the file"));
  }

private:
  const io::Json* take(std::string_view name) {
    taken_.emplace(name);
    return object_ ? object_->find(name) : nullptr;
  }
  [[noreturn]] static void fail(std::string_view name, const char* expected, const io::Json& got) {
    throw value_error(describe("'" + std::string(name) + "'", expected, got.kind()));
  }

  const io::Json* object_; // null: no options at all
  std::set<std::string, std::less<>> taken_;
};

template <class T>
io::Json input_to_json(const Net<T>& net) {
  io::Json json = io::Json::object({{"name", net.nodes()[0].name}, {"kind", "input"}});
  const Shape& shape = net.input_shape();
  for (int i = 1; i < shape.rank(); ++i) json["shape"].push_back(shape[i]);
  if (const QuantParams& grid = net.input().grid()) {
    json["scale"] = grid.scale;
    json["zero_point"] = grid.zero_point;
  }
  return json;
}

/// The member of that name. Throws value_error where there is none.
inline const io::Json& member(const io::Json& layer, std::string_view name) {
  if (const io::Json* found = layer.find(name)) return *found;
  throw value_error(describe("a layer of the file", "a member '" + std::string(name) + "'",
                             layer.is_object() ? "none" : layer.kind()));
}

/// The empty net of the first entry, its grid apart.
template <class T>
Net<T> read_input(const io::Json& layer) {
  if (member(layer, "kind") != io::Json("input"))
    throw value_error(
        describe("the first layer", "\"input\"", io::to_string(member(layer, "kind"))));
  const io::Json::Array& extents = member(layer, "shape").as_array();
  std::vector<index_t> e;
  for (const io::Json& extent : extents) e.push_back(small_integer("shape", extent));
  for (index_t extent : e)
    if (extent < 1) throw value_error(describe("'shape'", "extents >= 1", to_text(extent)));
  if (e.size() == 1) return Net<T>({e[0]});
  if (e.size() == 3) return Net<T>({e[0], e[1], e[2]});
  throw value_error(describe("'shape'", "1 or 3 extents", to_text(e.size())));
}

template <class T>
void read_grid(const io::Json& layer, Net<T>& net) {
  const io::Json* scale = layer.find("scale");
  if (!scale) return;
  const double s = scale->as_double();
  if (!(s > 0 && s <= std::numeric_limits<float>::max()))
    throw value_error(describe("'scale'", "a positive number", to_text(s)));
  QuantParams grid{.scale = static_cast<float>(s)};
  for (const io::Json& zero : member(layer, "zero_point").as_array())
    grid.zero_point.push_back(static_cast<std::int32_t>(small_integer("zero_point", zero)));
  check_quant_params("net input", grid, net.input_shape()[1]);
  net.input().set_grid(std::move(grid));
}

/// Adds the layer to the net, without a weight quantiser.
template <class T>
void read_layer(const io::Json& layer, Net<T>& net, std::map<std::string, ValueId>& values,
                const Factories<T>& own) {
  const std::string& kind = member(layer, "kind").as_string();
  const LayerKind<T>* row = find_row(own.layers, kind);
  if (!row) row = find_row(layer_kinds<T>, kind);
  if (!row)
    throw value_error(describe("its kind", one_of(names_of(layer_kinds<T>)), "'" + kind + "'",
                               "give load_model a factory for it"));
  std::vector<ValueId> inputs;
  if (member(layer, "inputs").as_array().empty())
    throw value_error(describe("its inputs", "one or more", "none"));
  for (const io::Json& input : member(layer, "inputs").as_array()) {
    const auto found = values.find(input.as_string());
    if (found == values.end())
      throw value_error(describe("its input", "an earlier layer", "'" + input.as_string() + "'"));
    inputs.push_back(found->second);
  }
  FieldReader options(layer.find("options"));
  std::unique_ptr<Layer<T>> made = row->make(options);
  options.check_all_taken();
  const std::string& name = member(layer, "name").as_string();
  values[name] = net.add(name, std::move(made), std::move(inputs));
}

template <class T>
void read_quantizer(const io::Json& layer, Net<T>& net, ValueId i, const Factories<T>& own) {
  const io::Json* weights = layer.find("weights");
  if (!weights) return;
  weights->as_object();
  Weights<T>* const target = net.layer(i).weights();
  if (!target)
    throw value_error(
        describe("'weights'", "a layer with weights", io::to_string(member(layer, "kind"))));
  if (const io::Json* integer = weights->find("integer_bias"))
    target->set_integer_bias(integer->as_bool());
  if (!weights->find("quantizer")) return;
  const std::string& name = member(*weights, "quantizer").as_string();
  const quant::WeightScheme<T>* row = find_row(own.quantizers, name);
  if (!row) row = find_row(quant::weight_schemes<T>, name);
  if (!row)
    throw value_error(describe("its weight quantiser", one_of(names_of(quant::weight_schemes<T>)),
                               "'" + name + "'", "give load_model a factory for it"));
  auto made = row->make(static_cast<int>(small_integer("bits", member(*weights, "bits"))));
  if (!made) throw value_error(describe("factory '" + name + "'", "a weight quantiser", "null"));
  target->set_quantizer(
      std::move(made)); // which may have a step: layers_changed() comes at the end
}

} // namespace detail

/// What defines the net. Throws value_error, naming the layer, where one does not list its options.
template <class T>
io::Json to_json(const Net<T>& net) {
  io::Json layers = io::Json::array({detail::input_to_json(net)});
  for (ValueId i = 1; i <= net.last(); ++i) {
    const auto& node = net.nodes()[i];
    io::Json layer =
        io::Json::object({{"name", node.name}, {"kind", std::string(node.layer->kind())}});
    for (ValueId v : node.inputs) layer["inputs"].push_back(net.nodes()[v].name);
    detail::FieldWriter options;
    try {
      node.layer->save(options);
    } catch (const value_error& e) {
      throw value_error("layer '" + node.name + "': " + e.what());
    }
    if (!options.json.is_null()) layer["options"] = std::move(options.json);
    if (const Weights<T>* weights = node.layer->weights()) {
      if (weights->quantized()) {
        layer["weights"]["quantizer"] = weights->quantizer()->name();
        layer["weights"]["bits"] = weights->quantizer()->bits();
      }
      if (weights->integer_bias()) layer["weights"]["integer_bias"] = true;
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

/// The net that `layers` defines, with the initial weights of that seed. Throws value_error or
/// shape_error, naming the layer.
template <class T>
Net<T> net_from_json(const io::Json& layers, const Factories<T>& own = {}, std::uint64_t seed = 0) {
  constexpr std::size_t most_layers = 4096;
  constexpr index_t most_numbers = index_t{1} << 28;
  const io::Json::Array& all = layers.as_array();
  if (all.size() < 2 || all.size() > most_layers)
    throw value_error(
        describe("layers of the file", "2 to " + to_text(most_layers), to_text(all.size())));
  Net<T> net = detail::read_input<T>(all[0]);
  std::map<std::string, ValueId> values{{net.nodes()[0].name, 0}};
  index_t numbers = 0; // of one image, on its way through the net
  const auto count = [&](const Shape& shape) {
    if (shape.size() > most_numbers - numbers)
      throw value_error(describe("outputs of one image",
                                 "at most " + to_text(most_numbers) + " numbers", "more"));
    numbers += shape.size();
  };
  count(net.input_shape());
  const auto each = [&](auto&& read) {
    for (ValueId i = 1; i < all.size(); ++i) try {
        read(i);
      } catch (const error& e) {
        const io::Json* name = all[i].find("name");
        const std::string where =
            "layer " + (name && name->is_string() ? "'" + name->as_string() + "'" : to_text(i));
        const std::string text = e.what();
        throw value_error(text.starts_with(where) ? text : where + ": " + text);
      }
  };
  each([&](ValueId i) {
    detail::read_layer(all[i], net, values, own);
    count(net.nodes()[i].shape);
  });
  initialize(net, seed);
  detail::read_grid(all[0], net);
  each([&](ValueId i) { detail::read_quantizer(all[i], net, i, own); });
  net.layers_changed();
  net.quantize_weights();
  return net;
}

} // namespace sgq::nn
