#include "sgq/infer/file.hpp"

#include "sgq/infer/reference.hpp"

#include "fuzz.hpp"

using namespace sgq;

namespace {

/// Products and copies for one image.
double work(const infer::Graph& graph) {
  double sum = 0;
  for (const infer::Step& s : graph.steps) {
    const double window = static_cast<double>(s.kernel_h) * static_cast<double>(s.kernel_w),
                 depth = s.op == infer::Op::convolve ? static_cast<double>(s.weights.shape[1]) : 1;
    sum += static_cast<double>(s.shape.size()) * window * depth;
  }
  return sum + static_cast<double>(graph.image.size());
}

} // namespace

// A graph that was accepted is written as it was read, and runs within its bounds.
void fuzz_one(std::string_view bytes) {
  infer::Graph graph;
  if (!fuzz::accepts([&] { graph = infer::from_file(io::parse_safetensors(bytes, "fuzz")); }))
    return;
  const std::string written = io::format_safetensors(infer::to_file(graph));
  const infer::Graph again = infer::from_file(io::parse_safetensors(written, "again"));
  fuzz::require(io::format_safetensors(infer::to_file(again)) == written);
  if (work(graph) > 1e6) return;
  Tensor<std::uint8_t> image(graph.image);
  for (index_t i = 0; i < image.size(); ++i) image[i] = static_cast<std::uint8_t>(37 * i);
  const auto values = infer::run_reference(graph, image.view());
  for (const std::int32_t logit : values.back())
    fuzz::require(std::abs(std::int64_t{logit}) <= graph.steps.back().bound);
}
