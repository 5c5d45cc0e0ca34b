// The page's maps and courses: where networks look, how they learned, how clips moved.
#pragma once

#include "tables.hpp"

#include "../tools/explaining.hpp"

namespace examples {

/// The test images.
struct Shown {
  Tensor<std::uint8_t> rgb{}; ///< [N,H,W,3]
  std::vector<std::uint8_t> labels{};
  std::vector<std::string> class_names{};
};

namespace detail {

/// One image's maps through several networks, each divided by its sum: [networks, H, W].
inline Tensor<float> shares_of_maps(const std::vector<const Network*>& networks, index_t image) {
  const Shape& s = networks[0]->evidence.maps.shape();
  Tensor<float> maps({static_cast<index_t>(networks.size()), s[1], s[2]});
  float* out = maps.data();
  for (const Network* n : networks) {
    const float* from = n->evidence.maps.data() + image * s.stride();
    const double sum = std::accumulate(from, from + s.stride(), 0.0);
    out = std::transform(from, from + s.stride(), out, [&](float v) {
      return sum > 0 ? static_cast<float>(static_cast<double>(v) / sum) : 0.0f;
    });
  }
  return maps;
}

/// The tiles of one image: itself, then its maps on one scale.
inline std::vector<Tile> map_row(const std::vector<const Network*>& networks, const Shown& shown,
                                 std::size_t r) {
  const std::int32_t image = networks[0]->evidence.images[r];
  const Tensor<float> maps = shares_of_maps(networks, static_cast<index_t>(r));
  const std::span<const float> all(maps.data(), static_cast<std::size_t>(maps.size()));
  const double scale = saliency::color_scale(all, saliency::ColorOptions{}.percentile);
  const auto drawn = saliency::colorize(maps, {.scale = scale > 0 ? scale : 1});
  std::vector<Tile> tiles{tile_of(shown.rgb, image)};
  for (std::size_t c = 0; c < networks.size(); ++c) {
    const bool right =
        networks[c]->evidence.numbers.at("accuracy")[static_cast<std::size_t>(image)] > 0;
    const index_t d = maps.shape().stride(), n = static_cast<index_t>(c);
    const bool blank = saliency::is_blank(maps.data() + n * d, d);
    tiles.push_back(tile_of_map(
        drawn, maps, n, blank ? (right ? "blank" : "blank, wrong") : (right ? "" : "wrong")));
  }
  return tiles;
}

} // namespace detail

/// Rows: an image of each class. Columns: the image, then every main policy, plain and guided, of
/// the first seed.
inline MapTable map_table(const Study& study, const Shown& shown) {
  std::vector<const Network*> networks;
  MapTable t{.name = "maps", .groups = {{"", 1}}, .columns = {"image"}};
  for (const std::string& training : {how::plain, how::guided}) {
    t.groups.push_back({training, 0});
    for (const std::string& bits : main_bits) {
      const auto seeds = study.seeds_of({bits, training});
      if (seeds.empty()) continue;
      networks.push_back(study.find({bits, training}, seeds[0]));
      t.columns.push_back(bits);
      ++t.groups.back().second;
    }
  }
  std::erase_if(t.groups, [](const auto& group) { return group.second == 0; });
  if (networks.empty()) return t;
  const auto& images = networks[0]->evidence.images;
  for (std::size_t r = 0; r < images.size(); ++r) {
    t.rows.push_back(shown.class_names[shown.labels[static_cast<std::size_t>(images[r])]]);
    t.tiles.push_back(detail::map_row(networks, shown, r));
  }
  t.caption =
      "|gradient| of the true class's logit, seed " + sgq::to_text(networks[0]->seed) +
      ". Each map is divided by its sum, and a row has one scale: bright is a large share "
      "of the map. The first explained image of each class, not hand-picked; \"wrong\" where the "
      "network is wrong, \"blank\" where the map is exactly 0.";
  return t;
}

/// Accuracy while pixels are hidden, the mean over seeds, by the map and by chance.
inline LineChart masked_chart(const Study& study, const std::string& bits) {
  LineChart chart{.title = bits, .x_label = "hidden, % of the pixels", .y_label = "accuracy, %"};
  for (const std::string& training : trainings())
    for (const char* by : {"masked_accuracy", "masked_accuracy_of_random_ranking"}) {
      const auto seeds = study.seeds_of({bits, training});
      if (seeds.empty()) continue;
      const bool by_chance = std::string_view(by).ends_with("g");
      LineChart::Line line{
          .name = legend_of(training), .color = color_of(training), .dashed = by_chance};
      for (std::size_t t = 0; t < 10; ++t) {
        double sum = 0;
        for (const std::uint64_t seed : seeds)
          sum += study.find({bits, training}, seed)
                     ->measured->at("curves")
                     .at(by)
                     .as_array()[t]
                     .as_double();
        line.points.emplace_back(10.0 * static_cast<double>(t),
                                 100 * sum / static_cast<double>(seeds.size()));
      }
      chart.lines.push_back(std::move(line));
    }
  return chart;
}

/// The training loss of the first seed's networks.
inline LineChart training_chart(const Study& study, const std::string& training) {
  LineChart chart{.title = training, .x_label = "epoch", .y_label = "training loss"};
  for (const std::string& bits : main_bits) {
    const auto seeds = study.seeds_of({bits, training});
    if (seeds.empty()) continue;
    LineChart::Line line{.name = bits};
    double epoch = 0;
    for (const io::Json& e : study.find({bits, training}, seeds[0])->row->at("history").as_array())
      line.points.emplace_back(++epoch, e.at("loss").as_double());
    chart.lines.push_back(std::move(line));
  }
  return chart;
}

/// How the clips of an arm's first network moved.
inline LineChart clips_chart(const Study& study, const Arm& arm) {
  LineChart chart{.title = arm_title(arm), .x_label = "training step", .y_label = "alpha"};
  const auto seeds = study.seeds_of(arm);
  if (seeds.empty()) return chart;
  const io::Json& row = *study.find(arm, seeds[0])->row;
  std::size_t k = 1;
  for (const auto& [layer, alpha] : row.at("alphas").as_object()) {
    LineChart::Line line{.name = layer};
    for (const io::Json& point : row.at("clips").as_array())
      if (const io::Json& v = point.as_array()[k]; !v.is_null())
        line.points.emplace_back(point.as_array()[0].as_double(), v.as_double());
    ++k;
    if (!line.points.empty()) chart.lines.push_back(std::move(line));
  }
  return chart;
}

} // namespace examples
