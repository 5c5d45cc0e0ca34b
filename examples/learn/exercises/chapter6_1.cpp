// Exercise 6.1, solved: the gradients of KL(softmax z || softmax z~), beside finite differences and
// beside the library.
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;

namespace {

constexpr index_t classes = 4;
using Row = std::array<double, classes>;

Row softmax(const Row& z) {
  Row p{};
  double total = 0;
  for (std::size_t j = 0; j < classes; ++j) total += p[j] = math::exp(z[j]);
  for (double& x : p) x /= total;
  return p;
}

double kl(const Row& z, const Row& zt) {
  const Row p = softmax(z), q = softmax(zt);
  double sum = 0;
  for (std::size_t j = 0; j < classes; ++j) sum += p[j] * (math::log(p[j]) - math::log(q[j]));
  return sum;
}

} // namespace

int main() {
  const Row z{0.3, -1.2, 2.0, 0.1}, zt{1.0, 0.2, -0.4, 0.6}, p = softmax(z), q = softmax(zt);
  const View<const double> a(z.data(), {1, classes}), b(zt.data(), {1, classes});
  Tensor<double> dz({1, classes}), dzt({1, classes});
  ops::kl_divergence<double>(a, b, 1, dz, dzt);
  double worst = 0;
  for (std::size_t j = 0; j < classes; ++j) {
    const double of_zt = q[j] - p[j];
    const double of_z = p[j] * (math::log(p[j]) - math::log(q[j]) - kl(z, zt));
    Row up = z, down = z, up_t = zt, down_t = zt;
    up[j] += 1e-5, down[j] -= 1e-5, up_t[j] += 1e-5, down_t[j] -= 1e-5;
    const auto i = static_cast<index_t>(j);
    for (const double error :
         {of_z - (kl(up, zt) - kl(down, zt)) / 2e-5, of_zt - (kl(z, up_t) - kl(z, down_t)) / 2e-5,
          of_z - dz[i], of_zt - dzt[i]})
      worst = std::max(worst, std::abs(error));
  }
  std::printf("largest difference %.1e\n", worst);
  return worst < 1e-9 ? 0 : 1;
}
