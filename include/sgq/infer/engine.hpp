// sgq/infer/engine.hpp -- the integer graph, fast.
//
//     Engine engine(export_integer(net));
//     engine.run(pixels, logits);              // uint8 [N, C, H, W] -> int32 [N, classes]
//     saliency::Classifier model(engine, engine.graph().classes());   // or as float -> float
//
// What makes it fast: codes take a byte and stay codes from layer to layer; convolutions are byte
// products (kernels/int8/u8s8_dot.hpp) whose sums become pooled codes in the L1 cache; a thread
// takes a few images through the whole net at a time, in one block of memory that was planned
// beforehand, so that activations stay in the L2 cache and weights are read once for the few.
//
// Integers are exact, so results have the same bits on every instruction set, for every number of
// threads and for every way of cutting the batch.
#pragma once

#include "sgq/infer/check.hpp"
#include "sgq/infer/engine_pooling.hpp"
#include "sgq/infer/verify.hpp"
#include "sgq/kernels/simd/check_arithmetic.hpp"

namespace sgq::infer {

struct EngineOptions {
  /// Keep every value of the graph, so that values() can show them; slower.
  bool keep_values = false;
};

class Engine {
public:
  /// Throws value_error on a graph that is not in order (infer/check.hpp).
  SGQ_COMPILE_ONCE explicit Engine(Graph graph, const EngineOptions& options = {})
      : graph_(checked(std::move(graph))), options_(options), layouts_(make_layouts(graph_)) {
    kernels::check_rounding("integer engine");
    for (Value v = 1; v <= graph_.last(); ++v) add_step(v);
    plan();
  }
  Engine(const Engine&) = delete; // steps point into the graph
  Engine& operator=(const Engine&) = delete;

  const Graph& graph() const { return graph_; }
  /// Memory for the values of one image, and for the unpacked weights.
  index_t arena_bytes() const { return plan_.size; }
  index_t panel_bytes() const {
    index_t bytes = 0;
    for (const ReadyStep& r : steps_) bytes += r.panels.panels * panel_size(r.panels);
    return bytes;
  }

  /// Integer logits [N, classes] of pixel codes [N, C, H, W]. Throws shape_error.
  SGQ_COMPILE_ONCE void run(View<const std::uint8_t> pixels, View<std::int32_t> logits) const {
    const index_t n = graph_.count("integer net: pixels", pixels.shape());
    check_shape("integer net: logits", {n, graph_.classes()}, logits.shape());
    run_blocks(pixels, logits.data(), [](const ImageBlock&, index_t) {});
  }

  /// Float logits of network input, as the trained net gives them: what gradient-free maps and
  /// metrics take for a model. Throws shape_error, and value_error on input that is not finite or
  /// far outside of the pixel grid.
  void operator()(View<const float> x, View<float> logits) const {
    Arena::Scope scope(scratch());
    const View<std::uint8_t> pixels(scratch().take<std::uint8_t>(x.size()), x.shape());
    const View<std::int32_t> sums(scratch().take<std::int32_t>(logits.size()), logits.shape());
    pixel_codes(graph_, x, pixels);
    run(pixels, sums);
    for (index_t i = 0; i < sums.size(); ++i)
      logits[i] = static_cast<float>(static_cast<double>(sums[i]) *
                                     static_cast<double>(graph_.logit_scale));
  }

  /// Every value of the graph as [N, C, H, W]; needs keep_values.
  SGQ_COMPILE_ONCE std::vector<Tensor<std::int32_t>> values(View<const std::uint8_t> pixels) const {
    if (!options_.keep_values)
      throw value_error(describe("integer net: values", "an engine that keeps them", "another",
                                 "construct it with {.keep_values = true}"));
    const index_t n = graph_.count("integer net: pixels", pixels.shape());
    std::vector<Tensor<std::int32_t>> values(graph_.last() + 1);
    for (Value v = 0; v <= graph_.last(); ++v) values[v].resize(graph_.shape(v).with_batch(n));
    run_blocks(pixels, values.back().data(), [&](const ImageBlock& b, index_t first) {
      for (Value v = 0; v < graph_.last(); ++v)
        for (index_t i = 0; i < b.images; ++i) {
          std::int32_t* planes = values[v].data() + (first + i) * graph_.shape(v).size();
          if (layouts_[v].wide)
            to_planes(layouts_[v], reinterpret_cast<const std::int32_t*>(b.image(v, i)), planes);
          else
            to_planes(layouts_[v], b.image(v, i), planes);
        }
    });
    return values;
  }

private:
  static constexpr index_t task_images = 8; // what a thread takes through the net at a time

  static Graph checked(Graph graph) {
    check_graph(graph);
    return graph;
  }
  static index_t panel_size(const PackedWeights& p) { return p.rows * p.groups * byte_panel * 4; }

  bool read_once(Value v) const {
    int readers = 0;
    for (const Step& s : graph_.steps)
      readers += (s.input == v) + (s.thresholds.joins() && s.residual == v);
    return readers == 1;
  }

  void add_step(Value v) {
    const Step& s = graph_.steps[v - 1];
    if (s.op == Op::max_pool && !steps_.empty() && can_fuse(s)) {
      ReadyStep& before = steps_.back();
      layouts_[before.output].absent = true;
      before.pool = s.kernel_h;
      before.output = v;
      return;
    }
    steps_.push_back({.step = &s, .output = v, .last = v == graph_.last()});
    if (s.op == Op::convolve) unpack(steps_.back());
  }

  /// True where pooling s reads nothing but the step before it and its windows lie side by side.
  bool can_fuse(const Step& s) const {
    const ReadyStep& before = steps_.back();
    return !options_.keep_values && s.input == before.output && read_once(s.input) &&
           before.step->op == Op::convolve && before.pool == 1 &&
           !before.step->thresholds.joins() && s.kernel_h == s.kernel_w && s.stride == s.kernel_h &&
           before.step->shape.plane() > 1 && !layouts_[before.step->input].wide;
  }

  void unpack(ReadyStep& r) const {
    const Step& s = *r.step;
    const Layout& in = layouts_[s.input];
    const bool whole =
        s.pad == 0 && in.pad == 0 && s.kernel_h == in.height && s.kernel_w == in.width;
    if (in.wide) { // plain loops on the codes themselves; of the panels only the shape counts
      for (index_t i = 0; i < s.weights.size(); ++i) r.codes.push_back(s.weights.code(i));
      r.panels.outputs = s.weights.outputs();
      r.panels.panels = blocks_of(r.panels.outputs, byte_panel);
    } else {
      r.panels = pack_weights(s.weights, s.bias, graph_.max_code(s.input), whole);
    }
    if (!r.last) r.thresholds = pack_thresholds(s.thresholds, s.bound);
  }

  /// Places for all values: each lives from the step that writes it to the last that reads it.
  void plan() {
    std::vector<Lifetime> lives(layouts_.size());
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      const ReadyStep& r = steps_[i];
      lives[r.output] = {layouts_[r.output].bytes(), i + 1, i + 1};
      lives[r.step->input].last = i + 1;
      if (r.step->thresholds.joins()) lives[r.step->residual].last = i + 1;
      sums_ = std::max(sums_, r.step->op == Op::convolve ? sums_needed(r, task_images) : 0);
    }
    lives[0].size = layouts_[0].bytes();
    if (options_.keep_values)
      for (Lifetime& l : lives) l.first = 0, l.last = steps_.size();
    plan_ = plan_arena(lives, alignment);
    for (index_t c = 0; c < graph_.image[1]; ++c)
      zero_.push_back(static_cast<std::uint8_t>(padding(graph_, 0, c)));
  }

  /// Takes blocks of images through the net; see(block, first image) after each.
  template <class See>
  void run_blocks(View<const std::uint8_t> pixels, std::int32_t* logits, See see) const {
    const index_t n = pixels.shape()[0], size = graph_.image.size();
    const index_t share = blocks_of(n, num_threads());
    const index_t block = std::clamp<index_t>(share, 1, task_images);
    parallel_blocks(n, block, [&](index_t begin, index_t end) {
      kernels::check_rounding("integer engine"); // which infer/estimate.hpp relies on
      Arena::Scope scope(scratch());
      std::uint8_t* const arena = scratch().take<std::uint8_t>(plan_.size * block);
      std::int32_t* const sums = scratch().take<std::int32_t>(sums_);
      std::uint8_t** const places =
          scratch().take<std::uint8_t*>(static_cast<index_t>(layouts_.size()));
      for (std::size_t v = 0; v < layouts_.size(); ++v)
        places[v] = arena + plan_.offsets[v] * block;
      ImageBlock b{layouts_.data(), places, end - begin, logits + begin * graph_.classes()};
      for (index_t i = begin; i < end; ++i)
        to_channels_last(layouts_[0], pixels.data() + i * size, zero_.data(),
                         b.image(0, i - begin));
      for (const ReadyStep& r : steps_)
        if (r.step->op == Op::convolve)
          run_convolution(r, b, sums);
        else
          run_pool_or_shortcut(r, b);
      see(b, begin);
    });
  }

  Graph graph_;
  EngineOptions options_;
  std::vector<Layout> layouts_;
  std::vector<ReadyStep> steps_;
  ArenaPlan plan_;
  index_t sums_ = 0;
  std::vector<std::uint8_t> zero_; ///< pixel codes of padding
};

} // namespace sgq::infer
