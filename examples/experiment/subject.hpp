// A trained network and the images it is explained and judged on.
#pragma once

#include "../tools/explaining.hpp"

#include "sgq/saliency/net_function.hpp"

namespace examples {

/// Which `count` images of N stand for a test set that is easier at one end than at the other, as
/// MNIST's is: i N / count, i = 0 .. count - 1. They are in an order in which the first `few` of
/// them are spread over the set, too.
inline std::vector<index_t> spread(index_t size, index_t count, index_t few) {
  count = std::min(count, size);
  const index_t step = std::max<index_t>(1, count / std::max<index_t>(1, few));
  std::vector<index_t> images;
  for (index_t first = 0; first < std::min(step, count); ++first)
    for (index_t i = first; i < count; i += step) images.push_back(i * size / count);
  return images;
}

/// The first images of a set, to be explained.
inline Images first_images(const data::Dataset& set, index_t count) {
  return images_of(set.name, data::slice(set, 0, std::min(count, set.size())));
}

/// What explaining and measuring needs of a network.
struct Subject {
  nn::Model<float> model;
  Images images;
  Tensor<float> x;

  Subject(nn::Model<float> trained, const data::Dataset& set,
          index_t explained = std::numeric_limits<index_t>::max())
      : model(std::move(trained)), images(first_images(set, explained)),
        x(images.input(model.input)) {}
};

/// The measure that decides beside masked accuracy; no pixel is hidden in it where the set says
/// which pixels matter.
inline const char* second_measure_of(const std::string& dataset) {
  if (!data::dataset_info(dataset).on_black) return "road";
  return dataset == "synthetic" ? "relevance_mass_on_evidence" : "relevance_mass_on_ink";
}

/// Maps of the images by a method of the library, of the true class's logit.
inline Tensor<float> maps_of(Subject& s, const saliency::MapMethod& method,
                             double* zero_share = nullptr) {
  saliency::Explainer explain(s.model.net, {.background = background_of(s.images, s.model)});
  const auto a = method.make(explain, s.x, s.images.labels, {});
  if (zero_share) *zero_share = a.zero_share;
  return saliency::to_maps(a, method.values);
}

/// |dS/dx|, [N,H,W].
inline Tensor<float> gradient_maps(Subject& s, double* zero_share = nullptr) {
  return maps_of(s, sgq::choose("map", saliency::map_methods, "gradient"), zero_share);
}

/// For every image of a set, not only the explained ones: 1 where |dS/dx| is exactly 0.
inline std::vector<std::uint8_t> blank_gradients(nn::Model<float>& model,
                                                 const data::Dataset& set) {
  saliency::Explainer explain(model.net);
  std::vector<std::uint8_t> blank;
  for (index_t first = 0; first < set.size(); first += 500) { // not all in memory at once
    const index_t count = std::min<index_t>(500, set.size() - first);
    const Images images = images_of(set.name, data::slice(set, first, count));
    const auto a = saliency::gradient(explain, images.input(model.input), images.labels);
    for (const double b : saliency::blank_maps(a.values)) blank.push_back(b != 0);
  }
  return blank;
}

/// What has to be measured of maps [N,H,W].
struct ToMeasure {
  View<const float> maps;
  saliency::Values rank_by = saliency::Values::magnitude;
  index_t disturbed = 0; ///< images of max-sensitivity
};

/// The measures that keep(metric) wants, each [N].
template <class Keep>
std::vector<saliency::MapMeasure> measure_subject(Subject& s, const ToMeasure& what, Keep keep) {
  nn::Net<float>& net = s.model.net;
  const Marked marked = marked_pixels(s.images);
  saliency::NetFunction f(net);
  const saliency::Classifier model(f, net.classes(),
                                   {.background = background_of(s.images, s.model)});
  const index_t few = std::min(what.disturbed, s.images.size());
  const std::span<const std::uint8_t> labels(s.images.labels.data(), static_cast<std::size_t>(few));
  saliency::Explainer explainer(net);
  auto magnitudes = [&](View<const float> x, View<float> out) {
    const Tensor<float> of_x =
        saliency::to_maps(saliency::gradient(explainer, x, labels), saliency::Values::magnitude);
    std::copy(of_x.begin(), of_x.end(), out.begin());
  };
  const saliency::Explain explain = magnitudes;
  return saliency::measure_maps({.maps = what.maps,
                                 .rank_by = what.rank_by,
                                 .mask = marked.masks,
                                 .mask_name = marked.what,
                                 .model = &model,
                                 .x = s.x,
                                 .labels = s.images.labels,
                                 .grid = s.model.input,
                                 .explain = few > 0 ? &explain : nullptr,
                                 .disturbed = few},
                                keep);
}

/// The second measure of |dS/dx|, the advantage of masked accuracy, and the share of blank maps.
inline io::Json measure_second(Subject& s, const std::string& dataset) {
  const Tensor<float> maps = gradient_maps(s);
  const std::string_view name = second_measure_of(dataset);
  const auto measures = measure_subject(s, {.maps = maps}, [&](const saliency::MapMetric& m) {
    return m.name == "blank_maps" || name.starts_with(m.name) || m.name == "masked_advantage";
  });
  io::Json row = io::Json::object({});
  for (const saliency::MapMeasure& m : measures)
    row[m.name == name ? "second_measure" : m.name] = to_json(m, measures[0].values);
  row["second_measure"]["name"] = std::string(name);
  return row;
}

} // namespace examples
