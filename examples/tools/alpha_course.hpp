// How PACT's clips moved during training: every alpha after every step, as an array and a picture.
#pragma once

#include "line_chart.hpp"

#include "sgq/io/file.hpp"
#include "sgq/io/npy.hpp"
#include "sgq/nn/quantize.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace examples {

using sgq::index_t;
using sgq::Tensor;

class AlphaCourse {
public:
  /// Follows these layers of a net, which must outlive it. Row 0 is the course's start.
  AlphaCourse(sgq::nn::Net<float>& net, std::vector<sgq::nn::ValueId> layers)
      : net_(net), layers_(std::move(layers)) {
    record();
  }

  bool empty() const { return layers_.empty(); }

  /// Appends the alphas of now.
  void record() {
    for (const sgq::nn::ValueId i : layers_) values_.push_back(alpha(i));
  }

  /// NaN while the layer is no PACT: its bits may yet come (--progressive).
  float alpha(sgq::nn::ValueId i) const {
    const auto* pact = dynamic_cast<const sgq::nn::Pact<float>*>(&net_.layer(i));
    return pact ? pact->alpha() : std::numeric_limits<float>::quiet_NaN();
  }

  /// (layer, alpha) of now.
  std::vector<std::pair<std::string, float>> now() const {
    std::vector<std::pair<std::string, float>> all;
    for (const sgq::nn::ValueId i : layers_) all.emplace_back(net_.nodes()[i].name, alpha(i));
    return all;
  }

  /// float32 [1 + steps, layers].
  void save(const std::string& path) const {
    if (empty()) return;
    const auto columns = static_cast<index_t>(layers_.size());
    Tensor<float> table({static_cast<index_t>(values_.size()) / columns, columns});
    std::copy(values_.begin(), values_.end(), table.begin());
    sgq::io::write_npy(path, table);
  }

  /// The first 1 + steps rows of a file, for a run that goes on from there. A file that is shorter
  /// is of another run: throws io_error.
  void load(const std::string& path, index_t steps) {
    if (empty()) return;
    const Tensor<float> table = sgq::io::read_npy<float>(path);
    const auto columns = static_cast<index_t>(layers_.size());
    const index_t rows = 1 + steps;
    if (table.shape().rank() != 2 || table.shape()[1] != columns || table.shape()[0] < rows)
      throw sgq::io_error(sgq::describe(
          path, "[" + sgq::to_text(rows) + " or more, " + sgq::to_text(columns) + "]",
          table.shape().str(), "it belongs to another run: to train anew, remove the checkpoint"));
    values_.assign(table.begin(), table.begin() + rows * columns);
  }

  /// One line a layer, first layers dark, last ones light.
  void draw(const std::string& path, const std::string& title) const {
    if (empty()) return;
    const std::size_t columns = layers_.size(), rows = values_.size() / columns;
    const std::size_t stride = std::max<std::size_t>(1, rows / 400);
    LineChart chart{.title = title, .x_label = "training step", .y_label = "alpha"};
    for (std::size_t k = 0; k < columns; ++k) {
      LineChart::Line line{.name = net_.nodes()[layers_[k]].name};
      const auto point = [&](std::size_t r) {
        const float v = values_[r * columns + k];
        if (!std::isnan(v)) line.points.emplace_back(static_cast<double>(r), v);
      };
      for (std::size_t r = 0; r < rows; r += stride) point(r);
      point(rows - 1);
      chart.lines.push_back(std::move(line));
    }
    sgq::io::write_file_atomically(path, to_svg(chart));
  }

private:
  sgq::nn::Net<float>& net_;
  std::vector<sgq::nn::ValueId> layers_;
  std::vector<float> values_; // [1 + steps][layers]
};

} // namespace examples
