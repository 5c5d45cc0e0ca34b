// Model files: the same net back, the same bytes from equal nets, and no half-read file.
#include "sgq/io/model.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

#include <limits>

namespace test_model {

using namespace sgq;
using namespace sgq::io;

namespace {

nn::ModelSpec narrow(const std::string& bits = "fp32") {
  nn::ModelSpec spec;
  spec.net = "lenet5";
  spec.options.width = 3;
  spec.options.seed = 4;
  spec.quant.bits = quant::parse_bit_policy(bits);
  spec.quant.input = {.scale = 0.01f, .zero = {33}};
  return spec;
}

/// All parameters and running statistics, as bytes.
std::string values(nn::Net<float>& net) {
  std::string all;
  for (auto& p : net.parameters()) all += bytes_of(p.parameter->value());
  for (auto& b : net.buffers()) all += bytes_of(*b.tensor);
  return all;
}

std::vector<float> logits(nn::Net<float>& net) {
  Tensor<float> x({2, 1, 28, 28});
  for (index_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 17) * 0.1f - 0.3f;
  nn::Tape<float> tape;
  const auto z = net.forward(x, tape);
  return {z.begin(), z.end()};
}

/// A net's file after `change`, loaded into a net with other weights; returns the message. If there
/// is one, the net must not have changed; it must run in any case.
template <class Change>
std::string message_after(Change&& change) {
  nn::Net<float> net = nn::build_model(narrow());
  SafeTensors file;
  file.origin = "some.safetensors";
  add_tensors(file, stored(net));
  nn::Net<float> other = nn::build_model([] {
    nn::ModelSpec spec = narrow();
    spec.options.seed = 77;
    return spec;
  }());
  const auto before = values(other);
  SafeTensors changed = change(file);
  changed.origin = file.origin;
  const std::string text = message_of<io_error>([&] { load_weights(changed, other); });
  CHECK((values(other) == before) == !text.empty());
  CHECK_NOTHROW(logits(other));
  return text;
}

/// All tensors but one.
SafeTensors without(const SafeTensors& file, const std::string& name) {
  SafeTensors rest;
  for (const auto& [n, tensor] : file.tensors())
    if (n != name) rest.add(n, tensor);
  return rest;
}

} // namespace

TEST_CASE("a saved model comes back with its spec, its metadata and its logits", "[io]") {
  const TempDir dir;
  for (const char* bits : {"fp32", "w4a4", "w2a4,conv2=w3a5"}) {
    const nn::ModelSpec spec = narrow(bits);
    nn::Net<float> net = nn::build_model(spec);
    for (auto& p : net.parameters()) // as if trained
      if (p.parameter->role() == nn::Role::clip) p.parameter->edit()[0] = 3.25f;
    net.prepare();
    nn::Metadata metadata = nn::to_metadata(spec);
    metadata["dataset"] = "mnist";
    save_model(dir / "m.safetensors", net, metadata);

    Model<float> model = load_model(dir / "m.safetensors");
    CHECK(model.spec == spec);
    CHECK(model.metadata.at("dataset") == "mnist");
    CHECK(model.metadata.at("version") == version);
    CHECK((values(model.net) == values(net)));
    CHECK(logits(model.net) == logits(net));
  }
}

TEST_CASE("running statistics are part of a model", "[io]") {
  const TempDir dir;
  nn::ModelSpec spec;
  spec.net = "resnet20";
  spec.options.width = 2;
  nn::Net<float> net = nn::build_model(spec);
  float value = 0.5f;
  for (auto& b : net.buffers()) b.tensor->fill(value += 0.125f);
  save_model(dir / "m.safetensors", net, nn::to_metadata(spec));
  Model<float> model = load_model(dir / "m.safetensors");
  CHECK((values(model.net) == values(net)));
}

TEST_CASE("equal nets give equal bytes", "[io]") {
  const TempDir dir;
  nn::Net<float> a = nn::build_model(narrow()), b = nn::build_model(narrow());
  save_model(dir / "a", a, nn::to_metadata(narrow()));
  save_model(dir / "b", b, nn::to_metadata(narrow()));
  CHECK((read_file(dir / "a") == read_file(dir / "b")));
}

TEST_CASE("a model file must hold exactly the tensors of the net", "[io]") {
  CHECK(message_after([](const SafeTensors& f) { return f; }).empty());
  const std::string missing =
      message_after([](const SafeTensors& f) { return without(f, "fc2.weight"); });
  CHECK(contains(missing, "some.safetensors"));
  CHECK(contains(missing, "'fc2.weight'"));
  CHECK(contains(message_after([](SafeTensors f) {
                   f.add("fc9.weight", Tensor<float>({2}));
                   return f;
                 }),
                 "'fc9.weight'"));
  const std::string shape = message_after([](const SafeTensors& f) {
    SafeTensors rest = without(f, "fc1.bias");
    rest.add("fc1.bias", Tensor<float>({1, 120}));
    return rest;
  });
  CHECK(contains(shape, "'fc1.bias': expected shape [120], got [1, 120]"));
  const std::string type = message_after([](const SafeTensors& f) {
    SafeTensors rest = without(f, "fc1.bias");
    rest.add("fc1.bias", Tensor<double>({120}));
    return rest;
  });
  CHECK(contains(type, "'fc1.bias': expected F32, got F64"));
}

TEST_CASE("numbers that are not finite are refused", "[io]") {
  for (float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    const std::string text = message_after([&](const SafeTensors& f) {
      SafeTensors rest = without(f, "conv2.bias");
      auto bias = f.tensor<float>("conv2.bias");
      bias[5] = bad;
      rest.add("conv2.bias", bias);
      return rest;
    });
    CHECK(contains(text, "'conv2.bias': expected finite numbers"));
    CHECK(contains(text, "at element 5"));
  }
}

TEST_CASE("a stored real-valued net becomes a quantised one with the same weights", "[io]") {
  const TempDir dir;
  const std::string path = dir / "m.safetensors";
  nn::Net<float> real = nn::build_model(narrow());
  save_model(path, real, nn::to_metadata(narrow()));
  Model<float> model = load_model(path);
  nn::QuantizeOptions quant = narrow("w4a4").quant;
  quant.weights = quant::WeightScheme::lsq;
  nn::quantize(model.net, quant);
  const SafeTensors file = read_safetensors(path);
  for (auto& p : model.net.parameters())
    if (p.parameter->role() != nn::Role::clip)
      CHECK(bytes_of(p.parameter->value()) == file.find(p.name)->bytes);
  CHECK_NOTHROW(logits(model.net)); // its codes are fresh
  // The steps that LSQ starts from are those of the stored weights, not of the random ones.
  nn::quantize(real, quant);
  for (const char* name : {"conv2", "fc1"})
    CHECK(nn::weights_of(model.net.layer(model.net.find(name)))->codes().scale ==
          nn::weights_of(real.layer(real.find(name)))->codes().scale);
}

TEST_CASE("a file that is no model of sgq, or was tampered with", "[io]") {
  const TempDir dir;
  const std::string path = dir / "m.safetensors";
  CHECK(contains(message_of<io_error>([&] { load_model(path); }), path));

  nn::Net<float> net = nn::build_model(narrow("w4a4"));
  const auto message = [&](const char* key, const char* value) {
    nn::Metadata metadata = nn::to_metadata(narrow("w4a4"));
    if (value)
      metadata[key] = value;
    else
      metadata.erase(key);
    save_model(path, net, metadata);
    const std::string text = message_of<io_error>([&] { load_model(path); });
    CHECK(contains(text, path));
    return text;
  };
  CHECK(contains(message("net", nullptr), "'net'"));
  CHECK(contains(message("net", "alexnet"), "alexnet"));
  CHECK(contains(message("net", "mnist_cnn"), "tensor"));
  CHECK(contains(message("bits", "w9a4"), "w9a4"));
  CHECK(contains(message("bits", "fp32"), "alpha"));
  CHECK(contains(message("width", "-1"), "width"));
  CHECK(contains(message("width", "4000000000000"), "width"));
  CHECK(contains(message("width", "x"), "'width'"));
  CHECK(contains(message("classes", "0"), "classes"));
  CHECK(contains(message("input_scale", "nan"), "scale"));
  CHECK(contains(message("input_zero", "300"), "zero points"));
  CHECK(contains(message("input_zero", "1 2"), "zero points"));
}

} // namespace test_model
