// sgq/train/checkpoint.hpp -- all that an interrupted training run needs in order to go on as if
// nothing had happened, to the last bit.
//
// A safetensors file with the net ("net.conv1.weight"), the optimiser ("optimizer.momentum. .."),
// an average of the weights if there is one ("average.conv1.weight") and, as metadata, the place in
// the run and the run's options. It is replaced atomically, so a kill at any moment leaves the last
// checkpoint whole. A digest over tensors and metadata detects later damage. A checkpoint of a run
// with other options is refused: going on from it would be neither this run nor that one. So is one
// of other layers, of another precision, of an optimiser with other settings, of other numerics, or
// of the other arithmetic (with or without fused multiply-add). Options are what Run::options
// lists; what the caller leaves out of it is not compared.
#pragma once

#include "sgq/io/sha256.hpp"
#include "sgq/kernels/simd/fused.hpp"
#include "sgq/nn/model_file.hpp"
#include "sgq/train/average.hpp"

#include <algorithm>
#include <cmath>

namespace sgq::train {

/// What a checkpoint stores besides tensors.
struct Run {
  TrainState state{};
  nn::Metadata options{}; ///< whatever decides the run's results; must be equal to go on
  nn::Metadata notes{};   ///< anything else; stored, not compared
};

namespace detail {

template <class T>
nn::Stored<T> stored(nn::Net<T>& net, Optimizer<T>& optimizer, WeightAverage<T>* average) {
  nn::Stored<T> all = nn::stored(net);
  for (auto& p : all.parameters) p.name = "net." + p.name;
  for (auto& b : all.buffers) b.name = "net." + b.name;
  for (auto& s : optimizer.state()) all.buffers.push_back({"optimizer." + s.name, s.tensor});
  if (average)
    for (auto& s : average->state()) all.buffers.push_back({"average." + s.name, s.tensor});
  return all;
}

/// Over all metadata except the digest itself, and over every tensor.
inline std::string digest(const io::SafeTensors& file) {
  io::Sha256 sha;
  for (const auto& [key, value] : file.metadata)
    if (key != "digest") sha.update(key).update("=").update(value).update("\n");
  for (const auto& [name, tensor] : file.tensors())
    sha.update(name).update("\n").update(tensor.bytes);
  return sha.hex();
}

inline void put_state(nn::Metadata& pairs, const TrainState& s) {
  pairs["state.epoch"] = to_text(s.epoch);
  pairs["state.batch"] = to_text(s.batch);
  pairs["state.step"] = to_text(s.step);
  pairs["state.loss_sum"] = to_text(s.meter.loss_sum);
  pairs["state.correct"] = to_text(s.meter.correct);
  pairs["state.images"] = to_text(s.meter.images);
}

/// The pairs whose keys begin with the prefix, without it.
inline nn::Metadata with_prefix(const nn::Metadata& pairs, const std::string& prefix) {
  nn::Metadata found;
  for (const auto& [key, value] : pairs)
    if (key.compare(0, prefix.size(), prefix) == 0) found[key.substr(prefix.size())] = value;
  return found;
}

inline const std::string& text_at(const io::SafeTensors& file, const std::string& key) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end())
    throw io_error(describe(file.origin, "a checkpoint's entry '" + key + "'", "none"));
  return found->second;
}

template <class Number>
Number number_at(const io::SafeTensors& file, const std::string& key) {
  Number number{};
  const std::string& text = text_at(file, key);
  if (!read_number(text, number) || !std::isfinite(static_cast<double>(number)) ||
      (std::is_integral_v<Number> && number < 0))
    throw io_error(describe(file.origin + ", " + key,
                            std::is_integral_v<Number> ? "an integer >= 0" : "a number",
                            "'" + text + "'"));
  return number;
}

inline void expect(const io::SafeTensors& file, const std::string& key,
                   const std::string& expected) {
  if (const std::string& got = text_at(file, key); got != expected)
    throw io_error(describe(file.origin + ", " + key, expected, got));
}

/// A file that is a checkpoint, and whole.
inline io::SafeTensors read_checkpoint(const std::string& path) {
  io::SafeTensors file = io::read_safetensors(path);
  expect(file, "format", "sgq checkpoint 1");
  if (text_at(file, "digest") != digest(file))
    throw io_error(describe(path, "a checkpoint as it was written", "one whose digest differs",
                            "the file is damaged: train again, or use an older copy"));
  return file;
}

/// A layer's options; nothing where one of your own does not list any.
template <class T>
std::string options_text(const nn::Layer<T>& layer) {
  nn::detail::FieldWriter options;
  try {
    layer.save(options);
  } catch (const value_error&) {
    return {};
  }
  return options.json.is_null() ? "" : io::to_string(options.json);
}

/// A line for each layer: what it is, what it reads, what comes out of it, and its options.
template <class T>
std::string layers_text(const nn::Net<T>& net) {
  std::string text;
  for (const auto& node : net.nodes()) {
    text += node.name + ": " + std::string(node.layer->kind()) + " of";
    for (const nn::ValueId input : node.inputs) text += " " + net.nodes()[input].name;
    text += " -> " + node.shape.str() + " " + options_text(*node.layer) + "\n";
  }
  return text;
}

/// Throws io_error where the run that wrote the file had another line under this key. Files of
/// earlier versions say nothing of it.
inline void check_lines(const io::SafeTensors& file, const std::string& key,
                        const std::string& now) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end() || found->second == now) return;
  const std::string& then = found->second;
  const auto [mine, other] = std::mismatch(now.begin(), now.end(), then.begin(), then.end());
  // Where one line begins as the other, they differ at its end.
  const auto end = now.substr(0, static_cast<std::size_t>(mine - now.begin())).rfind('\n');
  const std::size_t line = end == now.npos ? 0 : end + 1;
  const auto of = [&](const std::string& text) {
    return line < text.size() ? text.substr(line, text.find('\n', line) - line) : "nothing more";
  };
  throw io_error(describe(file.origin + ", " + key, of(now), of(then),
                          "use those of the run that wrote the checkpoint"));
}

inline TrainState get_state(const io::SafeTensors& file) {
  return {.epoch = number_at<index_t>(file, "state.epoch"),
          .batch = number_at<index_t>(file, "state.batch"),
          .step = number_at<index_t>(file, "state.step"),
          .meter = {.loss_sum = number_at<double>(file, "state.loss_sum"),
                    .correct = number_at<index_t>(file, "state.correct"),
                    .images = number_at<index_t>(file, "state.images")}};
}

/// Throws io_error on a tensor of another type than the run's numbers: widened ones would go on as
/// another run.
template <class T>
void check_types(const io::SafeTensors& file) {
  for (const auto& [name, tensor] : file.tensors())
    if (tensor.dtype != io::dtype_of<T>())
      nn::detail::fail_tensor(file, name, std::string(io::info(io::dtype_of<T>()).safetensors),
                              std::string(io::info(tensor.dtype).safetensors));
}

/// Throws io_error on the first option that is not the same.
inline void check_options(const io::SafeTensors& file, nn::Metadata now) {
  nn::Metadata then = with_prefix(file.metadata, "option.");
  for (const auto& [key, value] : now) then.try_emplace(key, "no such option");
  for (const auto& [key, value] : then) {
    const std::string& mine = now.try_emplace(key, "no such option").first->second;
    if (mine != value)
      throw io_error(describe(file.origin, "a checkpoint of this run, " + key + " " + mine,
                              key + " " + value, "use the original options, or train again"));
  }
}

} // namespace detail

/// Writes a checkpoint, or replaces the old one. Throws io_error; the old one is then untouched.
/// Throws value_error while the net has the averages (WeightAverage::Use), and where a number of
/// the net is not finite or was never set: no run can go on from there.
template <class T>
void save_checkpoint(const std::string& path, nn::Net<T>& net, Optimizer<T>& optimizer,
                     const Run& run, std::type_identity_t<WeightAverage<T>*> average = nullptr) {
  check_same_net(net, optimizer);
  net.identity()->check_own_numbers("checkpoint");
  net.check_initialized("checkpoint"); // a file's numbers count as set
  net.check_finite("checkpoint");
  io::SafeTensors file;
  file.metadata = {{"format", "sgq checkpoint 1"},
                   {"numerics", to_text(numerics_version)},
                   {"arithmetic", kernels::arithmetic()},
                   {"layers", detail::layers_text(net)},
                   {"precision", nn::detail::precision_text(net.precision())},
                   {"optimizer", std::string(optimizer.name())},
                   {"optimizer settings", optimizer.settings()},
                   {"optimizer_steps", to_text(optimizer.steps())}};
  for (const auto& [key, value] : run.options) file.metadata["option." + key] = value;
  for (const auto& [key, value] : run.notes) file.metadata["note." + key] = value;
  detail::put_state(file.metadata, run.state);
  if (const QuantParams& images = net.identity()->trained_on)
    file.metadata.merge(nn::to_metadata(images));
  if (average) file.metadata["average_steps"] = to_text(average->steps());
  nn::add_tensors(file, detail::stored(net, optimizer, average));
  file.metadata["digest"] = detail::digest(file);
  io::write_safetensors(path, file);
}

/// Where the run of a checkpoint stands. A run whose net changes on the way (train/progressive.hpp)
/// reads it first, to make the net of that moment again before load_checkpoint(). Throws io_error.
inline TrainState read_state(const std::string& path) {
  return detail::get_state(detail::read_checkpoint(path));
}

/// Puts net, optimiser and average back to where they were and returns the run's state and notes.
/// Throws io_error, and changes nothing, on a file that is damaged, is no checkpoint, holds another
/// net or optimiser, or belongs to a run with other options. Throws value_error while the net has
/// the averages.
template <class T>
Run load_checkpoint(const std::string& path, nn::Net<T>& net, Optimizer<T>& optimizer,
                    const nn::Metadata& options,
                    std::type_identity_t<WeightAverage<T>*> average = nullptr) {
  check_same_net(net, optimizer);
  net.identity()->check_own_numbers("checkpoint");
  const io::SafeTensors file = detail::read_checkpoint(path);
  const auto numerics = file.metadata.find("numerics");
  const std::string then = numerics == file.metadata.end() ? "older ones" : numerics->second;
  if (then != to_text(numerics_version))
    throw io_error(describe(path + ", numerics", to_text(numerics_version), then,
                            "another version of sgq wrote it: train again"));
  const auto arithmetic = file.metadata.find("arithmetic"); // files of 0.2.0 do not say
  if (arithmetic != file.metadata.end() && arithmetic->second != kernels::arithmetic())
    throw io_error(describe(path + ", arithmetic", kernels::arithmetic(), arithmetic->second,
                            "resume with this arithmetic (SGQ_ISA), or train again"));
  detail::check_options(file, options);
  nn::detail::check_precision(file, net);
  detail::check_lines(file, "layers", detail::layers_text(net));
  detail::expect(file, "optimizer", std::string(optimizer.name()));
  detail::check_lines(file, "optimizer settings", optimizer.settings());
  detail::check_types<T>(file);
  const TrainState state = detail::get_state(file);
  const QuantParams trained_on = nn::input_from_metadata(file.metadata);
  const auto optimizer_steps = detail::number_at<index_t>(file, "optimizer_steps");
  const auto average_steps = average ? detail::number_at<index_t>(file, "average_steps") : 0;
  nn::detail::check_codes(file, net, "net.");
  nn::load_tensors(file, detail::stored(net, optimizer, average));
  optimizer.set_steps(optimizer_steps);
  if (average) average->set_steps(average_steps);
  net.quantize_weights();
  net.identity()->trained_on = trained_on;
  return {state, options, detail::with_prefix(file.metadata, "note.")};
}

} // namespace sgq::train
