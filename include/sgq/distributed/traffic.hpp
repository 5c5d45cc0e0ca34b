// sgq/distributed/traffic.hpp -- what a rank receives from the others in a step.
//
// With N images in the batch, n of them here, B blocks of 8 images, b of them here, and a slice or
// rows of W weights here, w of them:
//
//     batch norm, C channels       16 C (N - n)               forward, and again backward
//     convolution's weights        4 w (B - b) + 4 (W - w)    backward
//     linear layer, I to O         (I or 4 I, and 4 O) (N - n) + 4 (W - w)
//     biases of O outputs          8 O (N - n)                backward
//     PACT                         8 (N - n)                  backward
//     each loss; correct images    8 (N - n)
//     comparison of the weights    8 (ranks - 1)
//
// in bytes, for floats. A linear layer receives codes as bytes, other numbers as floats. A guided
// step makes each pass twice and has three losses; its pass for the saliency exchanges nothing.
#pragma once

#include "sgq/core/shared_batch.hpp"
#include "sgq/nn/net.hpp"
#include "sgq/nn/weights.hpp"

namespace sgq::distributed {

struct Traffic {
  index_t exchanges = 0; ///< one collective call each
  index_t bytes = 0;     ///< received from other ranks
  bool operator==(const Traffic&) const = default;
};

/// A rank's place in a step.
struct RankOfStep {
  index_t images; ///< of the whole batch
  index_t rank, ranks;
};

/// Counts what the passes of a net exchange, layer by layer.
template <class T>
class PassTraffic final : public nn::Lowering<T> {
public:
  explicit PassTraffic(const RankOfStep& at) : at_(at) {}

  Traffic forward{}, backward{};

  /// x is the layer's input on a tape.
  void count(const nn::Layer<T>& layer, const Signal<T>& x) {
    codes_ = x.codes != nullptr;
    layer.lower(*this);
  }

  void add_images(Traffic& to, index_t bytes_per_image) const {
    const Part own = images_of_rank(at_.images, at_.rank, at_.ranks);
    ++to.exchanges;
    to.bytes += (at_.images - own.size()) * bytes_per_image;
  }

private:
  void other() override {}
  void normalize(const nn::NormParams<T>& norm) override {
    for (Traffic* pass : {&forward, &backward}) add_images(*pass, 16 * norm.gamma.size());
  }
  void pact(T, int) override { add_images(backward, 8); }
  void convolve(const nn::Weights<T>& weights, const nn::Parameter<T>& bias,
                const nn::Window&) override {
    if (!bias.empty()) add_images(backward, 8 * bias.size());
    const index_t size = weights.shape().size(), blocks = blocks_of(at_.images, block_images);
    const index_t own_blocks = cut(blocks, at_.rank, at_.ranks).size();
    ++backward.exchanges;
    backward.bytes += (blocks - own_blocks) * own(size) * index_t{sizeof(T)};
    add_parts(size, 1);
  }
  void fully_connect(const nn::Weights<T>& weights, const nn::Parameter<T>& bias) override {
    if (!bias.empty()) add_images(backward, 8 * bias.size());
    const index_t outputs = weights.shape()[0], inputs = weights.shape()[1];
    add_images(backward, codes_ ? inputs : inputs * index_t{sizeof(T)});
    add_images(backward, outputs * index_t{sizeof(T)});
    add_parts(outputs, inputs);
  }

  index_t own(index_t n) const { return cut(n, at_.rank, at_.ranks).size(); }
  void add_parts(index_t n, index_t width) {
    ++backward.exchanges;
    backward.bytes += (n - own(n)) * width * index_t{sizeof(T)};
  }

  RankOfStep at_;
  bool codes_ = false;
};

/// The traffic of a plain or a guided step with default options, as in the table above. The tape
/// has a training pass of the net.
template <class T>
Traffic step_traffic(const nn::Net<T>& net, const nn::Tape<T>& tape, bool guided,
                     const RankOfStep& at) {
  PassTraffic<T> pass(at);
  for (nn::ValueId i = 1; i <= net.last(); ++i)
    pass.count(*net.nodes()[i].layer, tape[net.nodes()[i].inputs[0]].out);
  const index_t passes = guided ? 2 : 1;
  Traffic step{.exchanges = passes * (pass.forward.exchanges + pass.backward.exchanges) + 1,
               .bytes = passes * (pass.forward.bytes + pass.backward.bytes) + 8 * (at.ranks - 1)};
  for (index_t i = 0; i < (guided ? 4 : 2); ++i) pass.add_images(step, 8); // losses, correct ones
  return step;
}

} // namespace sgq::distributed
