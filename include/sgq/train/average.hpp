// sgq/train/average.hpp -- an exponential moving average of all that a net has learned.
//
// x_t being the numbers after step t and d the decay, the average weighs step i by d^(t-i):
//
//     a_t = (1 - d)/(1 - d^t) sum_i d^(t-i) x_i         i = 1 .. t
//         = a_(t-1) + c_t (x_t - a_(t-1)),              c_t = (1 - d)/(1 - d^t)
//
// This is the usual average with Adam's correction of its start (arXiv 1412.6980): a_1 = x_1, and
// the first weights are no part of it. Averages of weights: Polyak and Juditsky 1992; of the last
// steps, in deep nets: arXiv 1703.01780.
//
//     WeightAverage<float> average(net, 0.999);
//     fit(net, batches, optimizer, options, {}, &average);  // or average.update() after each step
//     const WeightAverage<float>::Use averaged(&average);   // the net has the averages for now
//     evaluate(net, test);  save_model(path, net);
//
// Everything is averaged: weights, biases, batch norm's gamma and beta, PACT's clips, LSQ's steps,
// and batch norm's running statistics. Clips and steps stay positive. Weight codes are not averaged
// but made of the averaged weights. The statistics of an average of nets are only nearly the
// average of their statistics; train/reestimate.hpp measures them.
#pragma once

#include "sgq/core/elementary.hpp"
#include "sgq/kernels/simd/fused.hpp"
#include "sgq/train/fit.hpp"

namespace sgq::train {

template <class T>
struct AverageRow {
  template <int Bytes>
  SGQ_INLINE static void run(const T* x, T* a, index_t n, T share) {
    SGQ_SIMD
    for (index_t i = 0; i < n; ++i) a[i] = kernels::multiply_add<Bytes>(share, x[i] - a[i], a[i]);
  }
};

template <class T>
class WeightAverage final : public Callbacks {
public:
  /// Follows a net as it is now. Throws value_error unless 0 <= decay < 1.
  WeightAverage(nn::Net<T>& net, double decay) : net_(net), decay_(decay) {
    if (!(decay >= 0 && decay < 1))
      throw value_error(describe("weight average: decay", "a number in [0, 1)", to_text(decay)));
    for (auto& p : net.parameters()) {
      entries_.push_back({p.name, p.parameter, nullptr, {}});
      began_empty_ = began_empty_ || !p.parameter->initialized();
    }
    for (auto& b : net.buffers()) entries_.push_back({b.name, nullptr, b.tensor, {}});
    for (Entry& e : entries_) {
      const View<const T> now = e.now();
      e.average.resize(now.shape());
      std::copy(now.begin(), now.end(), e.average.begin());
    }
  }
  WeightAverage(const WeightAverage&) = delete;
  WeightAverage& operator=(const WeightAverage&) = delete;

  /// Takes in the numbers of now. Throws value_error if the net is gone or has other layers, or if
  /// the net has the averages at the moment.
  void update() {
    net_.get("weight average").identity()->check_own_numbers("weight average");
    ++steps_;
    const double share = (1 - decay_) / (1 - math::power(decay_, steps_));
    for (Entry& e : entries_) {
      const T* x = e.now().data();
      T* a = e.average.data();
      parallel_blocks(e.average.size(), 1 << 14, [&](index_t begin, index_t end) {
        if (steps_ == 1)
          std::copy(x + begin, x + end, a + begin);
        else
          kernels::for_registers<AverageRow<T>>(x + begin, a + begin, end - begin,
                                                static_cast<T>(share));
      });
    }
  }
  bool after_step(const TrainState&, const StepResult&) override {
    update();
    return true;
  }

  /// Updates so far.
  index_t steps() const { return steps_; }
  void set_steps(index_t steps) {
    if (steps < 0)
      throw value_error(describe("weight average: steps", "0 or more", to_text(steps)));
    steps_ = steps;
    began_empty_ = false; // its numbers came with them
  }
  /// The averages, for a checkpoint, by the names of what they are averages of.
  std::vector<nn::NamedBuffer<T>> state() {
    std::vector<nn::NamedBuffer<T>> all;
    for (Entry& e : entries_) all.push_back({e.name, &e.average});
    return all;
  }

  /// As long as it lives, the net has the averages in the place of its own numbers, and codes made
  /// of them; optimisers, checkpoints, initialize() and load_weights() refuse it. Null: nothing
  /// happens. Throws value_error while another lives, where there is nothing but what a net had
  /// that had no values yet, and on averages that no codes stand for; the net then has its own
  /// numbers.
  class Use {
  public:
    explicit Use(WeightAverage* average) : average_(average) {
      if (!average_) return;
      average_->net_.get("weight average").identity()->check_own_numbers("weight average");
      if (average_->began_empty_ && average_->steps_ == 0)
        throw value_error(describe("weight average", "an update, or initial values from the start",
                                   "neither", "make it after initialize() and calibrate()"));
      try {
        average_->exchange();
      } catch (const value_error&) { // averages without codes: the net's own numbers come back
        average_->exchange();
        throw;
      }
    }
    ~Use() {
      try {
        if (average_) average_->exchange();
      } catch (const value_error&) { // the net is gone or has other layers: nothing to put back
      }
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

  private:
    WeightAverage* average_;
  };

private:
  struct Entry {
    std::string name;
    nn::Parameter<T>* parameter; ///< or null, and then
    Tensor<T>* buffer;
    Tensor<T> average;

    View<const T> now() const { return parameter ? parameter->value() : buffer->view(); }
  };

  void exchange() {
    nn::Net<T>& net = net_.get("weight average");
    for (Entry& e : entries_) {
      const View<T> own = e.parameter ? e.parameter->edit() : e.buffer->view();
      std::swap_ranges(own.begin(), own.end(), e.average.begin());
    }
    nn::NetIdentity<T>& identity = *net.identity();
    identity.averaged = identity.averaged == identity.edition ? 0 : identity.edition;
    net.quantize_weights();
  }

  nn::NetHandle<T> net_;
  double decay_;
  std::vector<Entry> entries_;
  index_t steps_ = 0;
  bool began_empty_ = false;
};

} // namespace sgq::train
