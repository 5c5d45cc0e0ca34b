#include "../../examples/experiment/evidence.hpp"

#include "support/catch.hpp"

#include <unistd.h>

namespace test_evidence {

using namespace examples;

namespace {

CellNumbers cell_named(const char* bits, bool guided, std::uint64_t seed) {
  return {.dataset = "mnist", .bits = bits, .guided = guided, .seed = seed};
}

} // namespace

TEST_CASE("what a cell is compared with", "[experiment]") {
  const CellNumbers fp32 = cell_named("fp32", true, 1), other = cell_named("fp32", true, 2),
                    plain = cell_named("fp32", false, 1), few = cell_named("w2a2", true, 1);
  CHECK(is_reference(fp32, few)); // the fp32 one of its seed and training
  CHECK_FALSE(is_reference(other, few));
  CHECK_FALSE(is_reference(plain, few));
  CHECK_FALSE(is_reference(few, fp32));
  CHECK(is_reference(other, fp32)); // an fp32 one: those of other seeds
  CHECK_FALSE(is_reference(fp32, fp32));
  CellNumbers variant = few;
  variant.variant = "share-25";
  CHECK_FALSE(is_reference(fp32, variant));
}

TEST_CASE("a course is thinned out and ends with what ships", "[experiment]") {
  const io::Json row =
      io::Json::object({{"alphas", io::Json::object({{"act1", 7.5}, {"act2", 8.5}})}});
  for (const index_t steps : {1, 2, 120, 121, 239, 5629}) {
    Tensor<float> course({steps, 2});
    for (index_t i = 0; i < steps; ++i)
      course[2 * i] = static_cast<float>(i), course[2 * i + 1] = 1;
    const Tensor<float> clips = detail::thin_clips(row, course);
    const index_t points = clips.shape()[0];
    INFO(steps);
    CHECK(clips.shape() == Shape{points, 3});
    CHECK(points <= 121);
    CHECK(points >= std::min<index_t>(steps, 60));
    for (index_t p = 0; p + 1 < points; ++p) CHECK(clips[3 * p] == clips[3 * p + 1]); // step, value
    CHECK(clips[3 * (points - 1)] == static_cast<float>(steps - 1));
    CHECK(clips[3 * (points - 1) + 1] == 7.5f);
    CHECK(clips[3 * (points - 1) + 2] == 8.5f);
  }
}

TEST_CASE("maps are kept as they are drawn", "[experiment]") {
  Tensor<float> maps({3, 8, 8});
  for (index_t i = 0; i < maps.size(); ++i)
    maps[i] = static_cast<float>((i * 37 % 101) * (i < 64 ? 0 : 1)) / 7; // the first is all zero
  const DrawnMaps drawn = detail::draw(maps, {2, 0});
  const Tensor<std::uint8_t> direct = saliency::colorize(maps);
  for (const index_t k : {0, 1}) {
    Tensor<float> level({1, 8, 8});
    for (index_t i = 0; i < 64; ++i) level[i] = static_cast<float>(drawn.levels[k * 64 + i]) / 255;
    const Tensor<std::uint8_t> colours = saliency::colorize(level, {.scale = 1});
    const index_t image = drawn.images[static_cast<std::size_t>(k)];
    CHECK(std::equal(colours.begin(), colours.end(), direct.begin() + image * 64 * 3));
  }
  CHECK(detail::lowest({.5, std::nan(""), .1, .3, .1}, 3) == std::vector<std::int32_t>{2, 4, 3});
}

TEST_CASE("evidence comes back whole, and only for its own sources", "[experiment]") {
  const std::string path =
      std::filesystem::temp_directory_path() / ("sgq-evidence-" + std::to_string(getpid()));
  const io::Json two = io::Json::object({{"count", 1}, {"excluded", 1}});
  io::Json row = io::Json::object({{"cell", "mnist/x"},
                                   {"test_images", 3},
                                   {"explained", 10},
                                   {"alphas", io::Json::object()},
                                   {"measures", io::Json::object({{"masked_accuracy", two}})}});
  CellNumbers cell = cell_named("w4a4", false, 1);
  cell.row = &row;
  cell.values["accuracy"] = {1, 0, 1};
  cell.values["masked_accuracy"] = {.25, std::nan("")};
  cell.maps = {{2}, Tensor<std::uint8_t>({1, 2, 2})};
  cell.maps.levels[3] = 200;
  detail::write_evidence(cell, "made of this", path);
  CellNumbers again = cell_named("w4a4", false, 1);
  again.row = &row;
  CHECK_FALSE(detail::read_evidence(again, "made of that", path));
  CHECK(again.values.empty());
  REQUIRE(detail::read_evidence(again, "made of this", path));
  CHECK(again.values["accuracy"] == std::vector<double>{1, 0, 1});
  CHECK(again.values["masked_accuracy"][0] == .25);
  CHECK(std::isnan(again.values["masked_accuracy"][1]));
  CHECK(again.maps.images == std::vector<std::int32_t>{2});
  CHECK(again.maps.levels[3] == 200);
  // Whatever does not fit the row is refused, though its checksums are right.
  const auto refused = [&](auto change) {
    CellNumbers other = cell;
    change(other);
    detail::write_evidence(other, "made of this", path);
    CellNumbers read = cell_named("w4a4", false, 1);
    read.row = &row;
    CHECK_THROWS_AS(detail::read_evidence(read, "made of this", path), sgq::io_error);
  };
  refused([](CellNumbers& c) { c.values["accuracy"].pop_back(); });
  refused([](CellNumbers& c) { c.values["accuracy"][0] = 7; });
  refused([](CellNumbers& c) { c.values["masked_accuracy"].push_back(0); });
  refused([](CellNumbers& c) { c.values["masked_accuracy"][0] = 1 / 0.0; });
  refused([](CellNumbers& c) { c.values["spearman"] = {.5}; });
  refused([](CellNumbers& c) { c.maps.images[0] = 3; });
  refused([](CellNumbers& c) { c.maps.images[0] = -1; });
  refused([](CellNumbers& c) { c.maps.levels = Tensor<std::uint8_t>({4}); });
  refused([](CellNumbers& c) { c.moved = {{1}, Tensor<std::uint8_t>({1, 2, 2})}; });
  refused([](CellNumbers& c) { c.clips = Tensor<float>({1, 2}); });
  detail::write_evidence(cell, "made of this", path);
  std::string bytes = io::read_file(path);
  bytes.back() ^= 1;
  io::write_file_atomically(path, bytes);
  CHECK_THROWS_AS(detail::read_evidence(again, "made of this", path), sgq::io_error);
  std::filesystem::remove(path);
  CHECK_FALSE(detail::read_evidence(again, "made of this", path));
}

} // namespace test_evidence
