// Writes small valid inputs, from which fuzzing starts: make_seeds FOLDER fills FOLDER/TARGET.
#include "sgq/infer/export.hpp"
#include "sgq/infer/file.hpp"
#include "sgq/io/npy.hpp"
#include "sgq/nn/model_file.hpp"

#include <cstdio>
#include <filesystem>

using namespace sgq;

namespace {

std::string folder;

void seed(const std::string& target, const std::string& name, std::string_view bytes) {
  std::filesystem::create_directories(folder + "/" + target);
  io::write_file_atomically(folder + "/" + target + "/" + name, bytes);
}

void write_texts() {
  seed("json", "all",
       R"({"a": [1, -2.5e3, true, false, null, "\u00e9\ud83d\ude00\n"], "b": {"": 0}})");
  seed("json", "number", "-0.0");
  int i = 0;
  for (const char* text : {"fp32", "8", "w4a2", "4/2", "layerwise-4-2", "w4a4,conv2=w3a5,fc=32"})
    seed("policy", to_text(++i), text);
  seed("command_line", "space", "--text\nx\n--choice\ntwo\n--integer\n-5\n--number\n1e-3\n--flag");
  seed("command_line", "equals", "--text=--x\n--choice=one\n--integer=100\n--perhaps=.5");
}

void write_tensors() {
  seed("npy", "f4", io::format_npy(Tensor<float>({2, 3}, {1, 2, 3, 4, 5, 6})));
  seed("npy", "i8", io::format_npy(Tensor<std::int64_t>(Shape{}, 7)));
  seed("npy", "u1", io::format_npy(Tensor<std::uint8_t>({1, 1, 2, 2})));
  seed("npy", "b1", io::format_npy(Tensor<bool>({3}, true)));
  io::SafeTensors file;
  file.metadata["key"] = "text";
  file.add("f", Tensor<float>({2, 2}, {1, 2, 3, 4}));
  file.add("b", Tensor<bool>({3}, true));
  file.add("none", Tensor<std::int64_t>({0, 5}));
  seed("safetensors", "three", io::format_safetensors(file));
}

void write_sets() {
  const auto big_endian = [](std::initializer_list<unsigned> numbers) {
    std::string bytes;
    for (unsigned n : numbers)
      for (unsigned shift : {24u, 16u, 8u, 0u}) bytes += static_cast<char>(n >> shift & 255);
    return bytes;
  };
  seed("idx", "images", big_endian({0x803, 3, 4, 2}) + std::string(24, '\x7f'));
  seed("idx", "labels", big_endian({0x801, 5}) + std::string("\0\1\2\3\x9", 5));
  seed("cifar", "ten", std::string(3073, '\2'));
  seed("cifar", "hundred", std::string(3074, '\2'));
  seed("classes", "lines",
       "\xef\xbb\xbf"
       "crow\r\nblue tit\n\xc3\xa4, b\n\n");
}

// Every kind of layer in a few bytes, told by its layers alone.
void write_own_net() {
  nn::Net<float> net({2, 6, 8});
  const nn::ValueId x =
      net.add("conv1", nn::Conv2d<float>({.in = 2, .out = 2, .kernel = 3, .pad = 1}));
  net.add("bn", nn::BatchNorm<float>({.channels = 2}));
  const nn::ValueId y = net.last();
  net.add("short", nn::Shortcut<float>({.in = 2, .out = 2, .stride = 1}), {x});
  net.add("add", nn::Add<float>(), {y, net.last()});
  net.add("relu1", nn::Relu<float>());
  net.add("conv2", nn::Conv2d<float>({.in = 2, .out = 3, .kernel = 3, .pad = 1}));
  net.add("relu2", nn::Relu<float>());
  net.add("max", nn::MaxPool<float>());
  net.add("avg", nn::AvgPool<float>({.kernel = 2, .stride = 1}));
  net.add("flatten", nn::Flatten<float>());
  net.add("drop", nn::Dropout<float>(0.5));
  net.add("fc", nn::Linear<float>({.in = 18, .out = 3}));
  nn::initialize(net, 1);
  for (const char* bits : {"fp32", "w4a4"})
    for (const std::string& weights : names_of(quant::weight_schemes<float>)) {
      nn::quantize(net, {.bits = quant::parse_bit_policy(bits),
                         .weights = weights,
                         .alpha = 1,
                         .input = {0.5f, {3, 4}}});
      io::SafeTensors file;
      file.metadata["layers"] = io::to_string(nn::to_json(net));
      nn::add_tensors(file, nn::stored(net));
      seed("model", std::string("own-") + bits + "-" + weights, io::format_safetensors(file));
    }
}

void write_nets() {
  for (const char* name : {"mnist_cnn", "resnet20"})
    for (const char* bits : {"fp32", "w2a2", "w4a4"}) {
      nn::ModelSpec spec{.net = name, .options = {.width = 1}};
      spec.quant.bits = quant::parse_bit_policy(bits);
      spec.quant.alpha = 6;
      spec.quant.input = {.scale = 1 / 64.0f, .zero_point = {100}};
      if (spec.net == "resnet20") spec.quant.input.zero_point = {100, 110, 120};
      nn::Net<float> net = nn::build_model(spec);
      io::SafeTensors file;
      file.metadata = nn::to_metadata(spec);
      nn::add_tensors(file, nn::stored(net));
      const std::string title = std::string(name) + "-" + bits;
      seed("model", title, io::format_safetensors(file)); // as sgq 0.1 wrote it
      file.metadata["layers"] = io::to_string(nn::to_json(net));
      seed("model", title + "-layers", io::format_safetensors(file));
      if (std::string(bits) != "fp32")
        seed("integer", title, io::format_safetensors(infer::to_file(infer::export_integer(net))));
    }
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_seeds FOLDER\n");
    return 2;
  }
  folder = argv[1];
  write_texts();
  write_tensors();
  write_sets();
  write_own_net();
  write_nets();
}
