// Model files: the same net back, the same bytes from equal nets, and no half-read file.
#include "sgq/nn/model_file.hpp"

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"
#include "train/small_run.hpp"

#include <limits>

namespace test_model_file {

using namespace sgq;
using namespace sgq::nn;
using io::SafeTensors, io::bytes_of, io::read_file, io::read_safetensors, io::write_safetensors;
using small_run::bytes;

namespace {

nn::ModelSpec narrow(const std::string& bits = "fp32") {
  nn::ModelSpec spec;
  spec.net = "lenet5";
  spec.options.width = 3;
  spec.options.seed = 4;
  spec.quant.bits = quant::parse_bit_policy(bits);
  spec.quant.alpha = 6;
  spec.quant.input = {.scale = 0.01f, .zero_point = {33}};
  return spec;
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
  const auto before = bytes(other);
  SafeTensors changed = change(file);
  changed.origin = file.origin;
  const std::string text = message_of<io_error>([&] { load_weights(changed, other); });
  CHECK((bytes(other) == before) == !text.empty());
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

TEST_CASE("a saved model comes back with its spec, its metadata and its logits", "[nn]") {
  const TempDir dir;
  for (const char* bits : {"fp32", "w4a4", "w2a4,conv2=w3a5"}) {
    const nn::ModelSpec spec = narrow(bits);
    nn::Net<float> net = nn::build_model(spec);
    for (auto& p : net.parameters()) // as if trained
      if (p.parameter->group() == nn::ParameterGroup::clip) p.parameter->edit()[0] = 3.25f;
    net.quantize_weights();
    nn::Metadata metadata = nn::to_metadata(spec);
    metadata["dataset"] = "mnist";
    save_model(dir / "m.safetensors", net, metadata);

    Model<float> model = load_model(dir / "m.safetensors");
    CHECK((model.spec && *model.spec == spec));
    CHECK(model.input == spec.quant.input);
    CHECK(model.metadata.at("dataset") == "mnist");
    CHECK(model.metadata.at("version") == version);
    CHECK((bytes(model.net) == bytes(net)));
    CHECK(logits(model.net) == logits(net));
  }
}

TEST_CASE("an LSQ step below its floor is raised to it, so that its file can be read", "[nn]") {
  const TempDir dir;
  nn::ModelSpec spec = narrow("w4a4");
  spec.quant.weights = "lsq";
  nn::Net<float> net = nn::build_model(spec);
  for (auto& p : net.parameters())
    if (p.parameter->group() == nn::ParameterGroup::clip)
      p.parameter->edit()[0] = contains(p.name, ".step") ? -0.01f : 3.25f; // as if trained
  net.quantize_weights();
  for (auto& p : net.parameters())
    if (contains(p.name, ".step")) CHECK(p.parameter->value()[0] == 1e-6f);
  save_model(dir / "m.safetensors", net, nn::to_metadata(spec));
  Model<float> model = load_model(dir / "m.safetensors");
  CHECK((bytes(model.net) == bytes(net)));
}

TEST_CASE("running statistics are part of a model", "[nn]") {
  const TempDir dir;
  nn::ModelSpec spec;
  spec.net = "resnet20";
  spec.options.width = 2;
  nn::Net<float> net = nn::build_model(spec);
  float value = 0.5f;
  for (auto& b : net.buffers()) b.tensor->fill(value += 0.125f);
  save_model(dir / "m.safetensors", net, nn::to_metadata(spec));
  Model<float> model = load_model(dir / "m.safetensors");
  CHECK((bytes(model.net) == bytes(net)));
}

TEST_CASE("equal nets give equal bytes", "[nn]") {
  const TempDir dir;
  nn::Net<float> a = nn::build_model(narrow()), b = nn::build_model(narrow());
  save_model(dir / "a", a, nn::to_metadata(narrow()));
  save_model(dir / "b", b, nn::to_metadata(narrow()));
  CHECK((read_file(dir / "a") == read_file(dir / "b")));
}

TEST_CASE("a model file must hold exactly the tensors of the net", "[nn]") {
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

TEST_CASE("numbers that are not finite are refused", "[nn]") {
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

TEST_CASE("a stored real-valued net becomes a quantised one with the same weights", "[nn]") {
  const TempDir dir;
  const std::string path = dir / "m.safetensors";
  nn::Net<float> real = nn::build_model(narrow());
  save_model(path, real, nn::to_metadata(narrow()));
  Model<float> model = load_model(path);
  nn::QuantizeOptions quant = narrow("w4a4").quant;
  quant.weights = "lsq";
  nn::quantize(model.net, quant);
  const SafeTensors file = read_safetensors(path);
  for (auto& p : model.net.parameters())
    if (p.parameter->group() != nn::ParameterGroup::clip)
      CHECK(bytes_of(p.parameter->value()) == file.find(p.name)->bytes);
  CHECK_NOTHROW(logits(model.net)); // its codes are fresh
  // The steps that LSQ starts from are those of the stored weights, not of the random ones.
  nn::quantize(real, quant);
  for (const char* name : {"conv2", "fc1"})
    CHECK(model.net.layer(model.net.find(name)).weights()->codes().scale ==
          real.layer(real.find(name)).weights()->codes().scale);
}

TEST_CASE("a file that is no model of sgq, or whose spec was tampered with", "[nn]") {
  const TempDir dir;
  const std::string path = dir / "m.safetensors";
  CHECK(contains(message_of<io_error>([&] { load_model(path); }), path));

  Net<float> net = build_model(narrow("w4a4"));
  save_model(path, net, to_metadata(narrow("w4a4")));
  const SafeTensors good = read_safetensors(path);
  const auto message = [&](const char* key, const char* value) {
    SafeTensors file = good;
    file.metadata.erase("layers"); // as sgq 0.1 wrote it
    file.metadata.erase(key);
    if (value) file.metadata[key] = value;
    const std::string text = message_of<io_error>([&] { load_model(file); });
    CHECK(contains(text, path));
    // The layers say what the net is: the same lie is no spec.
    file.metadata["layers"] = good.metadata.at("layers");
    CHECK_FALSE(load_model(file).spec);
    CHECK(load_model(file).input == narrow().quant.input);
    return text;
  };
  CHECK(contains(message("net", nullptr), "'net'"));
  CHECK(contains(message("net", "alexnet"), "alexnet"));
  CHECK(contains(message("net", "mnist_cnn"), "layer 'fc2': expected symmetric, 8 bits"));
  CHECK(contains(message("bits", "w9a4"), "w9a4"));
  CHECK(contains(message("bits", "fp32"), "expected real numbers, got symmetric, 8 bits"));
  CHECK(contains(message("width", "-1"), "a width of 0 to 4096"));
  CHECK(contains(message("width", "4000000000000"), "a width of 0 to 4096"));
  CHECK(contains(message("width", "x"), "'width'"));
  CHECK(contains(message("classes", "0"), "classes"));
  CHECK(contains(message("input_scale", "nan"), "scale"));
  CHECK(contains(message("input_zero", "300"), "zero points"));
  CHECK(contains(message("input_zero", "1 2"), "1 zero point, got 2"));
}

TEST_CASE("a model's metadata take no memory that its tensors do not justify", "[nn]") {
  const TempDir dir;
  const std::string path = dir / "m.safetensors";
  nn::ModelSpec spec;
  spec.net = "mnist_cnn";
  spec.options.width = 4096; // 2.4 GB
  SafeTensors file;
  file.metadata = nn::to_metadata(spec);
  write_safetensors(path, file);
  CHECK(read_file(path).size() < 300);
  for (const std::string& net : names_of(models<float>)) {
    file.metadata["net"] = net;
    write_safetensors(path, file);
    const std::size_t before = allocations::bytes_taken;
    const std::string text = message_of<io_error>([&] { load_model(path); });
    CHECK(contains(text, path));
    CHECK(contains(text, std::string("a net '") + net + "' of width 4096 with the file's tensors"));
    CHECK(contains(text, "bytes of memory, got"));
    CHECK(allocations::bytes_taken - before < 1 << 21);
  }
}

TEST_CASE("a model that its tensors justify is within the limit", "[nn]") {
  const TempDir dir;
  const std::string path = dir / "m.safetensors";
  struct Choice {
    const char* bits;
    const char* weights;
    index_t width;
  };
  // The fewest tensors and the most of a kind, in the narrowest net and in a wide one.
  const Choice choices[] = {{"fp32", "sawb", 2}, {"fp32", "sawb", 24}, {"w4a4", "sawb", 2},
                            {"w4a4", "lsq", 2},  {"w4a4", "lsq", 0},   {"w4a4", "lsq", 24}};
  for (const std::string& net : names_of(models<float>))
    for (const auto& [bits, weights, width] : choices) {
      nn::ModelSpec spec = narrow(bits);
      spec.net = net;
      spec.options.width = width;
      spec.quant.weights = weights;
      if (net != "lenet5" && net != "mnist_cnn")
        spec.quant.input = {.scale = 0.01f, .zero_point = {1, 2, 3}};
      nn::Net<float> saved = nn::build_model(spec);
      save_model(path, saved, nn::to_metadata(spec));
      CHECK_NOTHROW(load_model(path));
      if (width == 2) CHECK_NOTHROW(load_model<double>(path));
    }
}

TEST_CASE("a net of doubles takes F32, exactly; a net of floats takes no F64", "[nn]") {
  nn::Net<float> narrow_net = nn::build_model<float>(narrow());
  nn::Net<double> wide = nn::build_model<double>(narrow());
  SafeTensors file;
  add_tensors(file, stored(narrow_net));
  load_weights(file, wide);
  const auto from = narrow_net.parameters();
  const auto to = wide.parameters();
  for (std::size_t i = 0; i < from.size(); ++i)
    CHECK(std::equal(from[i].parameter->value().begin(), from[i].parameter->value().end(),
                     to[i].parameter->value().begin(),
                     [](float a, double b) { return static_cast<double>(a) == b; }));
  SafeTensors doubles;
  add_tensors(doubles, stored(wide));
  CHECK(contains(message_of<io_error>([&] { load_weights(doubles, narrow_net); }),
                 "expected F32, got F64"));

  auto bias = file.tensor<float>("fc3.bias");
  bias[1] = std::numeric_limits<float>::infinity();
  SafeTensors broken = without(file, "fc3.bias");
  broken.add("fc3.bias", bias);
  CHECK(contains(message_of<io_error>([&] { load_weights(broken, wide); }), "finite numbers"));
}

TEST_CASE("PyTorch's counters of batches are passed over", "[nn]") {
  nn::ModelSpec spec;
  spec.net = "resnet20";
  spec.options.width = 2;
  nn::Net<float> net = nn::build_model(spec);
  SafeTensors file;
  add_tensors(file, stored(net));
  const auto with = [&](const std::string& name, const auto& tensor) {
    SafeTensors more = file;
    more.add(name, tensor);
    return message_of<io_error>([&] { load_weights(more, net); });
  };
  const Tensor<std::int64_t> scalar(Shape{}, 7), one({1}, 7), two({2}, 7);
  CHECK(with("bn1.num_batches_tracked", scalar) == "");
  CHECK(with("layer1.0.bn2.num_batches_tracked", one) == "");
  CHECK(contains(with("bn1.num_batches_tracked", two), "'bn1.num_batches_tracked'"));
  CHECK(contains(with("bn1.num_batches_tracked", Tensor<float>({1})), "only tensors of this net"));
  CHECK(contains(with("bn1.num_batches", scalar), "only tensors of this net"));
  CHECK(contains(with("num_batches_tracked", scalar), "only tensors of this net"));
}

TEST_CASE("weights of another policy or grid are refused by the first layer that differs", "[nn]") {
  const TempDir dir;
  const std::string path = dir / "w4a4.safetensors";
  const auto quantised = [](const char* bits, const char* weights, float scale = 0.01f) {
    nn::Net<float> net({1, 6, 6}); // a net of one's own, which no spec describes
    net.add("conv1", nn::Conv2d<float>({.in = 1, .out = 2, .kernel = 3}));
    net.add("relu1", nn::Relu<float>());
    net.add("conv2", nn::Conv2d<float>({.in = 2, .out = 2, .kernel = 3}));
    net.add("relu2", nn::Relu<float>());
    net.add("flatten", nn::Flatten<float>());
    net.add("fc", nn::Linear<float>({.in = 8, .out = 3}));
    nn::initialize(net, 1);
    nn::quantize(net, {.bits = quant::parse_bit_policy(bits),
                       .weights = weights,
                       .alpha = 2,
                       .input = {scale, {33}}});
    return net;
  };
  nn::Net<float> saved = quantised("w4a4", "sawb");
  save_model(path, saved, {});
  const SafeTensors file = read_safetensors(path);
  const auto refusal = [&](nn::Net<float> net) {
    const std::string before = bytes(net);
    const std::string text = message_of<io_error>([&] { load_weights(file, net); });
    CHECK((text.empty() || bytes(net) == before));
    return text;
  };
  CHECK(refusal(quantised("w4a4", "sawb")) == "");
  CHECK(contains(refusal(quantised("w2a2", "sawb")),
                 "layer 'conv2': expected sawb, 2 bits, odd codes -3..3, got sawb, 4 bits, "
                 "codes -7..7"));
  CHECK(contains(refusal(quantised("w4a2", "sawb")),
                 "layer 'relu1': expected pact, 2 bits, got pact, 4 bits"));
  CHECK(contains(refusal(quantised("w4a4", "dorefa-rescaled")), "layer 'conv2'"));
  CHECK(contains(refusal(quantised("w4a4", "sawb", 0.02f)),
                 "layer 'input': expected pixel codes, scale 0.02, zero 33, got pixel codes, scale "
                 "0.01, zero 33"));
  CHECK(contains(refusal(quantised("fp32", "sawb")), "expected real numbers, got"));
}

TEST_CASE("files of sgq 0.1 say their precision by their spec", "[nn]") {
  const TempDir dir;
  const std::string path = dir / "old.safetensors";
  nn::Net<float> saved = nn::build_model(narrow("w4a4"));
  save_model(path, saved, nn::to_metadata(narrow("w4a4")));
  SafeTensors file = read_safetensors(path);
  file.metadata.erase("precision");
  file.metadata.erase("layers");
  nn::Net<float> same = nn::build_model(narrow("w4a4")), other = nn::build_model(narrow("w2a2"));
  CHECK_NOTHROW(load_weights(file, same));
  CHECK(contains(message_of<io_error>([&] { load_weights(file, other); }), "layer 'conv2'"));
  const auto spec = load_model(file).spec;
  CHECK((spec && *spec == narrow("w4a4")));
}

TEST_CASE("a model that sgq 0.1 wrote computes what it computed there", "[nn]") {
  Model<float> model = load_model("tests/golden/models/sgq-0.1.safetensors");
  CHECK(model.metadata.at("version") == "0.1.0");
  REQUIRE(model.spec);
  CHECK(model.spec->quant.weights == "lsq");
  CHECK(model.input == QuantParams{0.015f, {125, 123, 114}});
  Tensor<float> x({1, 3, 32, 32});
  for (index_t i = 0; i < x.size(); ++i) x[i] = 0.015f * static_cast<float>(i * i % 191 - 95);
  Tape<float> tape;
  std::string logits;
  for (float z : model.net.forward(x, tape)) logits += to_text(z) + " ";
  CHECK(logits == model.metadata.at("logits"));
}

TEST_CASE("clips and variances of a file must be in their range", "[nn]") {
  nn::Net<float> net({1, 4, 4});
  net.add("conv", nn::Conv2d<float>({.in = 1, .out = 2, .kernel = 3}));
  net.add("bn", nn::BatchNorm<float>({.channels = 2}));
  net.add("relu", nn::Pact<float>({.bits = 4, .alpha = 2}));
  nn::initialize(net, 1);
  const auto refusal = [&](const std::string& name, float value) {
    SafeTensors file;
    for (const auto& p : net.parameters()) {
      Tensor<float> copy(p.parameter->shape());
      std::copy(p.parameter->value().begin(), p.parameter->value().end(), copy.begin());
      if (p.name == name) copy[0] = value;
      file.add(p.name, copy);
    }
    for (const auto& b : net.buffers()) {
      Tensor<float> copy = *b.tensor;
      if (b.name == name) copy[0] = value;
      file.add(b.name, copy);
    }
    return message_of<io_error>([&] { load_weights(file, net); });
  };
  CHECK(refusal("bn.running_mean", -1) == "");
  CHECK(refusal("bn.running_var", 0) == "");
  CHECK(contains(refusal("bn.running_var", -1), "tensor 'bn.running_var': expected numbers >= 0"));
  CHECK(contains(refusal("relu.alpha", -5), "tensor 'relu.alpha': expected numbers > 0, got -5"));
}

TEST_CASE("a grid that was asked for comes back from the file", "[nn]") {
  const TempDir folder;
  nn::Net<float> net = nn::lenet5<float>({.seed = 1, .width = 3});
  using quant::Sawb;
  nn::quantize(net, {.bits = quant::parse_bit_policy("w4a4"), .alpha = 6, .input = {0.01f, {33}}},
               [](const std::string&, int bits) {
                 return std::make_shared<Sawb<float>>(bits, quant::SawbGradient::everywhere,
                                                      quant::SawbGrid::no_zero);
               });
  nn::save_model(folder / "net.safetensors", net);
  nn::Model<float> again = nn::load_model(folder / "net.safetensors");
  CHECK(again.net.precision() == net.precision());
  CHECK(logits(again.net) == logits(net));
}

TEST_CASE("a net's bits in words: a range where layers differ, inner layers alone", "[nn]") {
  const auto text = [](const char* bits) {
    nn::Net<float> net = nn::mnist_cnn<float>({.width = 2}); // conv1, conv2, fc1, fc2
    nn::quantize(net, {.bits = quant::parse_bit_policy(bits), .input = {0.01f, {33}}});
    return bits_text(net);
  };
  CHECK(text("w4a4,conv2=w2a3") == "w2..4a3..4");
  CHECK(text("w4a32") == "w4a32");
  CHECK(text("fp32") == "fp32");
}

TEST_CASE("the largest nets of the library, and nets on large images, are known again", "[nn]") {
  const TempDir folder;
  struct Choice {
    const char *net, *bits;
    Shape image;
    index_t width = 0; // the net's own
  };
  for (const auto& [name, bits, image, width] : {Choice{"vgg_small", "fp32", {3, 32, 32}},
                                                 {"vgg_small", "w4a4", {3, 32, 32}},
                                                 {"mnist_cnn", "w4a4", {1, 32, 32}},
                                                 {"resnet20", "w4a4", {3, 320, 320}, 4}}) {
    INFO(name << " " << bits);
    nn::ModelSpec spec;
    spec.net = name;
    spec.options.image = image;
    spec.options.width = width;
    spec.quant.bits = quant::parse_bit_policy(bits);
    spec.quant.alpha = 6;
    spec.quant.input = {.scale = 0.01f,
                        .zero_point = std::vector<std::int32_t>(std::size_t(image[0]), 33)};
    nn::Net<float> net = nn::build_model<float>(spec);
    nn::save_model(folder / "net.safetensors", net, nn::to_metadata(spec));
    const nn::Model<float> model = nn::load_model(folder / "net.safetensors");
    REQUIRE(model.spec);
    CHECK(*model.spec == spec);
  }
}

TEST_CASE("a net that no reader would take does not replace a file", "[nn]") {
  const TempDir folder;
  const std::string path = folder / "net.safetensors";
  nn::Net<float> net = nn::build_model(narrow());
  save_model(path, net);
  const std::string before = read_file(path);
  for (auto& p : net.parameters()) p.parameter->edit()[0] = std::numeric_limits<float>::quiet_NaN();
  CHECK(contains(message_of<value_error>([&] { save_model(path, net); }),
                 "save_model: 'conv1.weight': expected finite numbers, got nan"));
  CHECK(read_file(path) == before);
}

TEST_CASE("a file of an integer net is refused by its name", "[nn]") {
  const TempDir folder;
  SafeTensors file;
  file.metadata["format"] = "sgq integer net";
  file.add("x", Tensor<float>({1}));
  write_safetensors(folder / "net.safetensors", file);
  CHECK(contains(message_of<io_error>([&] { nn::load_model(folder / "net.safetensors"); }),
                 "infer::load_integer() reads integer nets"));
}

} // namespace test_model_file
