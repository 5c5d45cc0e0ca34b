// own_step -- a training step of your own: label smoothing (Szegedy et al., arXiv 1512.00567).
//
//     L = -sum_c q_c log p_c,  q = (1 - epsilon) onehot(y) + epsilon / C
//       = CE(z, y) + epsilon (z_y - mean_c z_c)
//
// so the step adds the second term to the library's cross entropy, and its derivative to dL/dz.
#include "sgq/sgq.hpp"

#include <cstdio>
#include <numeric>

using namespace sgq;

namespace {

template <class T>
class SmoothedStep {
public:
  SmoothedStep(nn::Net<T>& net, train::Optimizer<T>& optimizer, T epsilon)
      : net_(&net), optimizer_(&optimizer), epsilon_(epsilon) {}

  train::StepResult operator()(const data::Batch<T>& batch, const train::StepContext& at) {
    const auto mode = nn::Mode::train(train::random_of(at, *optimizer_, batch));
    const View<const T> z = train::forward(*net_, batch, tape_, mode);
    dz_.resize(z.shape());
    const T loss = ops::cross_entropy<T>(z, batch.labels, dz_) + smooth(z, batch.labels);
    train::check_loss(loss, *net_, tape_);
    net_->zero_grad();
    net_->backward(dz_, tape_, nn::Want::params);
    optimizer_->step(tape_, at.lr_factor);
    train::note_grid(*net_, batch); // evaluation then refuses images on another grid
    return {.loss = static_cast<double>(loss),
            .correct = ops::count_correct<T>(z, batch.labels),
            .images = whole_batch(batch.size())};
  }

private:
  /// The second term, a mean over the batch; its derivative is added to dz_. Where ranks share the
  /// batch (docs/scaling.md), n counts the images of all.
  T smooth(View<const T> z, std::span<const std::uint8_t> labels) {
    const index_t images = z.shape()[0], classes = z.shape()[1], n = whole_batch(images);
    const T weight = epsilon_ / static_cast<T>(n), share = weight / static_cast<T>(classes);
    Arena::Scope scope(scratch());
    const double* const of_image = numbers_of_images(images, [&](index_t i) {
      const T *row = z.data() + i * classes, y = row[labels[static_cast<std::size_t>(i)]];
      return static_cast<double>(y - std::accumulate(row, row + classes, T(0)) / T(classes));
    });
    for (index_t i = 0; i < images; ++i) {
      for (index_t j = 0; j < classes; ++j) dz_(i, j) -= share;
      dz_(i, labels[static_cast<std::size_t>(i)]) += weight;
    }
    return weight * static_cast<T>(std::accumulate(of_image, of_image + n, 0.0));
  }

  nn::Net<T>* net_;
  train::Optimizer<T>* optimizer_;
  T epsilon_;
  nn::Tape<T> tape_;
  Tensor<T> dz_;
};

/// The mean probability of the class that is predicted.
double confidence(const nn::Net<float>& net, data::Batches<float>& batches) {
  nn::Tape<float> tape;
  double sum = 0;
  index_t images = 0;
  for (index_t i = 0; i < batches.count(); ++i) {
    const data::Batch<float> batch = batches.batch(i);
    const View<const float> z = train::forward(net, batch, tape, nn::Mode::eval());
    const index_t classes = z.shape()[1];
    for (index_t n = 0; n < z.shape()[0]; ++n, ++images) {
      const float* row = z.data() + n * classes;
      const index_t best = std::max_element(row, row + classes) - row;
      sum += math::exp(saliency::log_probability(row, classes, best));
    }
  }
  return sum / static_cast<double>(images);
}

} // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--help") return std::puts("own_step [--help]"), 0;
  if (argc > 1) return std::fprintf(stderr, "own_step: unknown option %s\n", argv[1]), 2;
  const data::Dataset set = data::synthetic(2000, 1, data::Split::train);
  const data::Dataset unseen = data::synthetic(500, 1, data::Split::test);
  const QuantParams grid = data::normalization("synthetic");
  data::Batches<float> batches(set, grid, {.size = 50, .seed = 1});
  data::Batches<float> test(unseen, grid, {.size = 250, .shuffle = false});
  for (const float epsilon : {0.0f, 0.1f}) {
    nn::Net<float> net = nn::lenet5<float>({.seed = 1});
    train::Adamw<float> optimizer(net, {.lr = 2e-3});
    SmoothedStep<float> step(net, optimizer, epsilon);
    train::fit(batches, {.epochs = 4}, step);
    std::printf("epsilon %.1f: test accuracy %.1f %%, confidence %.1f %%\n", double(epsilon),
                100 * train::evaluate(net, test).accuracy(), 100 * confidence(net, test));
  }
}
