// sgq/distributed/data_parallel.hpp -- training steps that ranks share, with the bits of one
// process.
//
//     DataParallel<float> parallel(ranks, net);
//     Batches<float> batches(set, grid, {.size = 128, .seed = 1, .share = parallel.share()});
//     GuidedStep<float> step(net, optimizer, {});
//     auto shared = parallel.shared(step);
//     fit<float>(batches, {.epochs = 5}, shared);
//
// Every rank has the whole net, and after each step the same weights. Its passes compute the images
// of its share; wherever a number depends on the whole batch, ops and layers exchange what it is
// made of (core/shared_batch.hpp) and add it up in the order of one process. So any number of ranks
// and threads trains the same bytes, and a checkpoint does not know how many there were. Quantisers
// and optimisers do not exchange anything: each rank makes the same update.
//
// Ranks compare after each step what they have trained on, and their weights. So another seed,
// order or data set on one rank is found, and a layer of your own that adds up its own images only.
#pragma once

#include "sgq/core/hash.hpp"
#include "sgq/distributed/agreement.hpp"
#include "sgq/distributed/traffic.hpp"
#include "sgq/train/evaluate.hpp"
#include "sgq/train/step.hpp"

#include <algorithm>
#include <cstring>

namespace sgq::distributed {

/// The batch of a step: carries its exchanges to the communicator, and counts them.
class CommunicatedBatch final : public SharedBatch {
public:
  explicit CommunicatedBatch(Communicator& ranks)
      : SharedBatch(ranks.rank(), ranks.size()), ranks_(ranks),
        to_(static_cast<std::size_t>(ranks.size())), from_(to_.size()) {}

  void begin(index_t images) { set_images(images); }
  const Traffic& traffic() const { return traffic_; }

  void all_gather(const std::byte* own, std::byte* all, Bytes from) override {
    receive(from);
    ranks_.all_gather(own, all, from_);
  }
  void all_to_all(const std::byte* own, Bytes to, std::byte* received, Bytes from) override {
    receive(from);
    for (std::size_t r = 0; r < to_.size(); ++r) to_[r] = to(static_cast<index_t>(r));
    ranks_.all_to_all(own, to_, received, from_);
  }

private:
  void receive(Bytes from) {
    ++traffic_.exchanges;
    for (std::size_t r = 0; r < from_.size(); ++r) {
      from_[r] = from(static_cast<index_t>(r));
      if (static_cast<index_t>(r) != rank()) traffic_.bytes += from_[r];
    }
  }

  Communicator& ranks_;
  std::vector<index_t> to_, from_; // bytes per rank, of the exchange under way
  Traffic traffic_;
};

template <class T>
class DataParallel {
public:
  /// One on every rank, with the same net. Both arguments must outlive it.
  DataParallel(Communicator& ranks, nn::Net<T>& net) : ranks_(ranks), net_(net), batch_(ranks) {}

  /// For BatchOptions: the images that this rank makes.
  data::Share share() const { return {ranks_.rank(), ranks_.size()}; }

  /// The step for fit(): `step` is any with its interface, and must outlive it. Throws what it
  /// throws; value_error where the batch is not this rank's share, and where ranks come to differ.
  template <class Step>
  auto shared(Step& step) {
    return [this, &step](const data::Batch<T>& batch, const train::StepContext& at) {
      begin(batch);
      source_ = source_of(batch, at);
      train::StepResult result;
      {
        const SharedBatch::Use use(&batch_);
        result = step(batch, at);
      }
      compare_weights();
      return result;
    };
  }

  /// train::evaluate(), each rank running some of the batches, which are whole ones.
  train::Meter evaluate(nn::Tape<T>& tape, data::Batches<T>& batches) {
    train::check_evaluation(net(), batches);
    const Part own = cut(batches.count(), ranks_.rank(), ranks_.size());
    std::vector<train::Meter> meters(static_cast<std::size_t>(batches.count()));
    for (index_t i = own.first; i < own.end; ++i)
      meters[static_cast<std::size_t>(i)] = train::evaluate_batch(net(), tape, batches.batch(i));
    const SharedBatch::Use use(&batch_);
    gather_parts(meters.data(), batches.count(), 1);
    train::Meter all;
    for (const train::Meter& meter : meters) all.add(meter);
    return all;
  }

  /// What this rank has received so far.
  const Traffic& traffic() const { return batch_.traffic(); }

private:
  nn::Net<T>& net() const { return net_.get_any_edition("data-parallel training"); }

  void begin(const data::Batch<T>& batch) {
    const index_t whole = batch.whole > 0 ? batch.whole : batch.size();
    const Part own = images_of_rank(whole, ranks_.rank(), ranks_.size());
    batch_.begin(whole);
    batch_.check(batch.size());
    if (own.size() > 0 && own.first != batch.first)
      throw value_error(describe("the first image of a rank's share", to_text(own.first),
                                 to_text(batch.first), "set BatchOptions::share"));
  }

  /// What must be the same on all ranks before a step.
  static std::uint64_t source_of(const data::Batch<T>& batch, const train::StepContext& at) {
    const std::uint64_t draw = at.random ? (*at.random)(-batch.first).bits(0) : 0; // of image 0
    const double said[] = {at.lr_factor, at.progress.value_or(-1)};
    return hash_of<double>({said, {2}}, batch.source ^ draw);
  }

  void compare_weights() {
    if (edition_ != net().identity()->edition) {
      edition_ = net().identity()->edition;
      parameters_ = net().parameters();
      hashes_.resize(static_cast<std::size_t>(ranks_.size()));
    }
    std::uint64_t own = source_;
    for (const auto& p : parameters_) own = hash_of<T>(p.parameter->value(), own);
    gather_hashes(&own, 1, hashes_);
    if (std::count(hashes_.begin(), hashes_.end(), hashes_[0]) != ranks_.size()) name_difference();
  }

  /// `count` hashes of each rank.
  void gather_hashes(const std::uint64_t* own, index_t count, std::vector<std::uint64_t>& all) {
    const auto bytes = [&](index_t) { return count * index_t{sizeof(std::uint64_t)}; };
    batch_.all_gather(reinterpret_cast<const std::byte*>(own),
                      reinterpret_cast<std::byte*>(all.data()), bytes);
  }

  [[noreturn]] void name_difference() {
    std::vector<std::uint64_t> own{source_};
    for (const auto& p : parameters_) own.push_back(hash_of<T>(p.parameter->value(), 0));
    std::vector<std::uint64_t> all(own.size() * hashes_.size());
    gather_hashes(own.data(), static_cast<index_t>(own.size()), all);
    std::size_t at = 0; // of the first rank and number that differ from rank 0
    while (at + 1 < all.size() && all[at] == all[at % own.size()]) ++at;
    const std::string rank = "rank " + to_text(at / own.size());
    if (at % own.size() == 0)
      throw value_error(describe(
          rank + ", a step", "the images, labels, seeds and schedule of rank 0", "different ones",
          "the same data set and options on every rank, BatchOptions::share "
          "aside; random numbers of a share begin at batch.first"));
    throw value_error(
        describe(rank + ", '" + parameters_[at % own.size() - 1].name + "' after the step",
                 "the weights of rank 0", "different ones",
                 "a layer of your own adds up its own images only: see core/shared_batch.hpp"));
  }

  Communicator& ranks_;
  nn::NetHandle<T> net_;
  CommunicatedBatch batch_;
  std::uint64_t edition_ = 0; // of the net that the parameters below are of
  std::vector<nn::NamedParameter<T>> parameters_;
  std::vector<std::uint64_t> hashes_; // per rank
  std::uint64_t source_ = 0;          // of the step under way
};

} // namespace sgq::distributed
