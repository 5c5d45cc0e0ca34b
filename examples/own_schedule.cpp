// own_schedule -- a learning-rate schedule of your own: a linear rise, then one over the square
// root (Vaswani et al., arXiv 1706.03762).
//
// The factor of a step depends on its index and on the length of the run only, so that a resumed
// run goes on where it stopped.
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;

namespace {

class InverseSquareRoot final : public train::ScheduleFunction {
public:
  explicit InverseSquareRoot(index_t warm_up) : warm_up_(static_cast<double>(warm_up)) {}

  double factor(index_t i, index_t) const override {
    const double step = static_cast<double>(i) + 1;
    return step < warm_up_ ? step / warm_up_ : std::sqrt(warm_up_ / step);
  }

private:
  double warm_up_;
};

} // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--help") return std::puts("own_schedule [--help]"), 0;
  if (argc > 1) return std::fprintf(stderr, "own_schedule: unknown option %s\n", argv[1]), 2;
  const data::Dataset set = data::synthetic(2000, 1, data::Split::train);
  data::Batches<float> batches(set, data::normalization("synthetic"), {.size = 50, .seed = 1});
  nn::Net<float> net = nn::lenet5<float>({.seed = 1});
  train::Adamw<float> optimizer(net, {.lr = 4e-3});

  const train::Schedule schedule{.own = std::make_shared<InverseSquareRoot>(20)};
  train::fit(net, batches, optimizer, {.epochs = 3, .schedule = schedule});
  std::printf("training accuracy %.1f %%; factors of steps 10, 20, 80: %.2f %.2f %.2f\n",
              100 * train::evaluate(net, batches).accuracy(), schedule(9, 120), schedule(19, 120),
              schedule(79, 120));
}
