// Every kind of file, written and read back where a size_t has 32 bits; test_32bit.sh compiles and
// runs it. Ends with 0, or says which check failed.
#include "sgq/sgq.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>

using namespace sgq;

static_assert(sizeof(std::size_t) == 4);

namespace {

void check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "32 bits: %s\n", what);
  std::exit(1);
}

template <class Exception, class F>
bool throws(F&& f) {
  try {
    f();
  } catch (const Exception&) {
    return true;
  }
  return false;
}

/// A size whose low 32 bits are few, as those of 2^32 are.
void check_sizes() {
  Tensor<float> tensor;
  check(throws<std::bad_alloc>([&] { tensor.resize({index_t{1} << 32}); }), "2^32 numbers");
  check(throws<std::bad_alloc>([&] { tensor.resize({(index_t{1} << 30) + 1}); }), "2^32 + 4 bytes");
  Arena arena;
  check(throws<std::bad_alloc>([&] { arena.take<double>(index_t{1} << 32); }), "an arena");
  check(!io::byte_size({(index_t{1} << 30) + 1}, io::DType::f32), "a tensor of 2^32 + 4 bytes");
  const std::string npy = io::format_npy(Tensor<float>({1}));
  std::string lies = npy;
  lies.replace(lies.find("(1,)"), 14, "(1073741825,) ");
  check(throws<io_error>([&] { io::parse_npy<float>(lies, "lies"); }), "an NPY file of 2^32 + 4");
  io::write_file_atomically("huge", io::format_npy(Tensor<float>({1})));
  check(::truncate("huge", (off_t{1} << 30) + 1) == 0, "a sparse file");
  check(throws<io_error>([] { io::read_file("huge"); }), "a file of more than a quarter");
  check(throws<io_error>([] { data::read_idx_images("huge"); }), "an IDX file of that size");
}

void check_files() {
  const std::string bytes(100'000, 'x');
  io::write_file_atomically("file", bytes);
  check(io::read_file("file") == bytes, "a file");
  io::append_line("file", "line");
  check(io::read_file("file") == bytes + "\nline\n", "a line");
  Tensor<double> numbers({2, 3}, {1, 2, 3, 4, 5, 1e300});
  io::write_npy("numbers.npy", numbers);
  check(io::read_npy<double>("numbers.npy")[5] == 1e300, "NPY");
  io::write_file_atomically("labels", std::string("\0\0\10\1\0\0\0\3\2\1\0", 11));
  check(data::read_idx_labels("labels", 3) == std::vector<std::uint8_t>{2, 1, 0}, "IDX");
  io::write_file_atomically("cifar", std::string(3073, '\3'));
  const std::string paths[] = {"cifar"};
  check(data::read_cifar10(paths).images[3071] == 3, "CIFAR-10");
}

void check_nets() {
  nn::ModelSpec spec{.net = "lenet5", .options = {.width = 6}};
  spec.quant = {.bits = quant::parse_bit_policy("w4a4"),
                .alpha = 6,
                .input = {.scale = 0.01f, .zero_point = {33}}};
  nn::Net<float> net = nn::build_model(spec);
  nn::save_model("model", net, nn::to_metadata(spec));
  nn::Model<float> model = nn::load_model("model");
  check(model.spec && *model.spec == spec, "a model");
  const infer::Graph graph = infer::export_integer(model.net);
  infer::save_integer("integer", graph);
  check(io::format_safetensors(infer::to_file(infer::load_integer("integer"))) ==
            io::read_file("integer"),
        "an integer net");
  train::Sgd<float> optimizer(net, {.lr = 0.1});
  train::save_checkpoint("checkpoint", net, optimizer, {.state = {.step = 7}});
  check(train::load_checkpoint("checkpoint", net, optimizer, {}).state.step == 7, "a checkpoint");

  spec.options.width = 4000;
  io::SafeTensors empty;
  empty.metadata = nn::to_metadata(spec);
  check(throws<io_error>([&] { nn::load_model<float>(empty); }), "a model without tensors");
}

/// Without integers of 128 bits, core/wide.hpp multiplies by halves: the bits are still the same.
void check_elementary() {
  struct Row {
    double x;
    std::uint64_t bits[7];
  };
  static constexpr Row rows[] = {
#include "../core/elementary_bits.inc"
  };
  double (*const functions[])(double) = {math::exp,  math::expm1, math::log,   math::log1p,
                                         math::tanh, math::atanh, math::cos_pi};
  for (const Row& row : rows)
    for (std::size_t i = 0; i < 7; ++i)
      check(__builtin_bit_cast(std::uint64_t, functions[i](row.x)) == row.bits[i],
            "an elementary function");
}

} // namespace

int main() {
  check_elementary();
  check_files();
  check_sizes();
  check_nets();
}
