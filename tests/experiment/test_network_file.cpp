#include "../../examples/tools/network_file.hpp"

#include "sgq/infer/export.hpp"
#include "sgq/infer/file.hpp"
#include "sgq/saliency/gradient.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

namespace test_network_file {

using namespace examples;
using sgq::Shape;

TEST_CASE("codes of any grid survive packing", "[experiment]") {
  using quant::QuantRange;
  for (const auto& [grid, bits] : {std::pair(QuantRange::odd(2), 2),
                                   {QuantRange::zero_aligned(4), 4},
                                   {QuantRange::odd(3), 3},
                                   {QuantRange::zero_aligned(8), 8},
                                   {QuantRange::twos_complement(4), 4}}) {
    std::vector<float> all;
    for (int c = grid.quant_min; c <= grid.quant_max; c += grid.has_zero ? 1 : 2)
      all.push_back(static_cast<float>(c));
    REQUIRE(static_cast<int>(all.size()) == grid.levels);
    const View<const float> codes(all.data(), {static_cast<index_t>(all.size())});
    const auto packed = detail::pack_codes(codes, grid, bits);
    CHECK(packed.size() == (codes.size() * bits + 7) / 8);
    Tensor<float> again(codes.shape());
    detail::unpack_codes(packed, grid, bits, again.view());
    CHECK(std::equal(again.begin(), again.end(), codes.begin()));
  }
}

TEST_CASE("a kept network gives the logits, maps and integers of its model file", "[experiment]") {
  TempDir folder;
  const sgq::QuantParams grid = sgq::data::normalization("mnist");
  for (const char* bits : {"w4a4", "w2a2", "layerwise-4-2"}) {
    nn::ModelSpec spec{.net = "lenet5", .options = {.seed = 3}};
    spec.quant.bits = quant::parse_bit_policy(bits);
    spec.quant.input = grid;
    nn::Net<float> net = nn::build_model(spec);
    Tensor<float> x({5, 1, 28, 28});
    const sgq::Random random(1, 2);
    for (index_t i = 0; i < x.size(); ++i) x[i] = grid.value<float>(random.below(i, 256), 0);
    nn::calibrate(net, x.view());
    nn::save_model(folder / "model.safetensors", net, nn::to_metadata(spec));
    nn::Model<float> whole = nn::load_model(folder / "model.safetensors");
    save_network(folder / "kept.safetensors", whole.net, whole.metadata);
    nn::Model<float> kept = load_any_network(folder / "kept.safetensors");
    CHECK(load_any_network(folder / "model.safetensors").net.precision() == whole.net.precision());

    CHECK(kept.bits() == bits);
    CHECK(kept.input == whole.input);
    CHECK(io::read_file(folder / "kept.safetensors").size() <
          io::read_file(folder / "model.safetensors").size() / 4);
    const std::vector<std::uint8_t> classes = {0, 1, 2, 3, 4};
    const auto maps = [&](nn::Net<float>& of) {
      sgq::saliency::Explainer explain(of);
      return sgq::saliency::gradient(explain, x, classes).values;
    };
    const Tensor<float> a = maps(whole.net), b = maps(kept.net);
    CHECK(std::equal(a.begin(), a.end(), b.begin()));
    sgq::infer::save_integer(folder / "a", sgq::infer::export_integer(whole.net));
    sgq::infer::save_integer(folder / "b", sgq::infer::export_integer(kept.net));
    CHECK(io::read_file(folder / "a") == io::read_file(folder / "b"));
  }
}

} // namespace test_network_file
