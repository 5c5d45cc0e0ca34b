// Chapter 8: the gradient of a batch of 32 images, computed by 1, 2 and 4 processes. Each sums its
// own images and the sums are added, as an all-reduce does; or all sums of 8 images are added in
// order.
#include "sgq/sgq.hpp"

#include <cstdio>
#include <functional>
#include <numeric>

using namespace sgq;
using Gradient = std::vector<float>;
// Of all weights, for images [first, first + count) of 32.
Gradient gradient(nn::Net<float>& net, const data::Batch<float>& batch, index_t first,
                  index_t count) {
  nn::Tape<float> tape;
  Tensor<float> dz({count, 10});
  const auto z = net.forward(batch.x.slice(first, count), tape, nn::Mode::train(Random(0)));
  ops::cross_entropy<float>(z, batch.labels.subspan(std::size_t(first), std::size_t(count)), dz);
  for (float& v : dz) v *= float(count) / 32; // a power of two: exact
  net.zero_grad();
  net.backward(dz, tape, nn::Want::params);
  Gradient all;
  for (const auto& p : net.parameters())
    if (p.parameter->group() == nn::ParameterGroup::weight)
      all.insert(all.end(), p.parameter->grad().begin(), p.parameter->grad().end());
  return all;
}

Gradient sum_of(const std::vector<Gradient>& parts) {
  Gradient sum = parts[0];
  for (std::size_t p = 1; p < parts.size(); ++p)
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += parts[p][i];
  return sum;
}

std::size_t differences(const Gradient& a, const Gradient& b) {
  return a.size() - std::size_t(std::inner_product(a.begin(), a.end(), b.begin(), 0, std::plus<>(),
                                                   std::equal_to<>()));
}

int main() {
  const data::Dataset set = data::synthetic(32, 1, data::Split::train);
  data::Batches<float> batches(set, data::normalization("synthetic"), {.size = 32});
  nn::Net<float> net({1, 28, 28});
  net.add("conv1", nn::Conv2d<float>({.in = 1, .out = 8, .kernel = 5}));
  net.add("relu1", nn::Relu<float>());
  net.add("conv2", nn::Conv2d<float>({.in = 8, .out = 10, .kernel = 5}));
  net.add("mean", nn::GlobalAvgPool<float>());
  nn::initialize(net, 1);
  const Gradient alone = gradient(net, batches.batch(0), 0, 32);
  for (const index_t ranks : {1, 2, 4}) {
    std::vector<Gradient> of_rank, of_block;
    for (index_t r = 0; r < ranks; ++r)
      of_rank.push_back(gradient(net, batches.batch(0), r * 32 / ranks, 32 / ranks));
    for (index_t i = 0; i < 4; ++i) of_block.push_back(gradient(net, batches.batch(0), i * 8, 8));
    std::printf("%ld process%s %4zu of %zu differ by sums per process, %zu by blocks in order\n",
                long(ranks), ranks == 1 ? ":  " : "es:", differences(alone, sum_of(of_rank)),
                alone.size(), differences(alone, sum_of(of_block)));
  }
}
