// After its second step a training run asks for no memory, the smaller last batch included.
//
// Every operator new of this program is counted (OpenMP's own bookkeeping does not go through it).
#include "sgq/train/saliency_guided.hpp"
#include "small_run.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<long> allocations{0};

void* counted(std::size_t bytes, std::size_t alignment) {
  ++allocations;
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  if (void* p = std::aligned_alloc(alignment, rounded ? rounded : alignment)) return p;
  throw std::bad_alloc();
}
} // namespace

// Not inlined: GCC would see malloc's memory in one place and delete in another, and warn.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  return counted(bytes, alignof(std::max_align_t));
}
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  std::free(p);
}

using namespace sgq;
using namespace sgq::train;

namespace {

struct Counter : Callbacks {
  long after_second = 0;
  bool after_step(const TrainState& state, const StepResult&) override {
    if (state.step == 2) after_second = allocations;
    return true;
  }
};

/// Allocations after the second of eight steps, the fourth and eighth of which are smaller.
template <class Step>
long count(Step&& step) {
  auto batches = small_run::batches();
  Counter counter;
  allocations = 0;
  fit<float>(batches, {.epochs = 2}, step, {}, &counter);
  const long all = allocations;
  CHECK(counter.after_second > 0); // the counter counts
  return all - counter.after_second;
}

} // namespace

TEST_CASE("no allocation after the second step", "[train]") {
  const small_run::Threads scope(1);
  auto net = small_run::net();
  nn::Tape<float> tape;
  for (std::string_view name : optimizer_names) {
    const auto optimizer = make_optimizer<float>(name, net, {.lr = 1e-3, .roles = decayed(0.1)});
    CHECK(count([&](const data::Batch<float>& batch, const StepContext& at) {
            return train_step(net, tape, batch, *optimizer, at);
          }) == 0);
  }
}

TEST_CASE("no allocation after the second guided step", "[train]") {
  const small_run::Threads scope(1);
  auto net = small_run::net();
  Sgd<float> optimizer(net, {.lr = 1e-3});
  GuidedOptions options;
  options.mask.fill.grid = data::normalization("synthetic");
  GuidedStep<float> step(net, optimizer, options);
  CHECK(count(step) == 0);
}
