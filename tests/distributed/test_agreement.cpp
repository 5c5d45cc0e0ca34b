// Ranks that differ do not begin to train: the error names the rank and the thing.
#include "sgq/distributed/agreement.hpp"
#include "sgq/distributed/thread_communicator.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "train/small_run.hpp"

namespace test_agreement {

using namespace sgq;
using namespace sgq::distributed;

namespace {

/// What check_agreement() says on each of four ranks where rank 2 has another value, or none (""),
/// of a fact.
std::string complaint(const std::string& name, const std::string& value) {
  std::vector<std::string> said(4);
  run_on_threads(4, [&](Communicator& ranks) {
    nn::Metadata facts = library_facts();
    facts["option lr"] = "0.1";
    facts["training data"] = digest(small_run::images());
    if (ranks.rank() == 2 && value.empty()) facts.erase(name);
    if (ranks.rank() == 2 && !value.empty()) facts[name] = value;
    said[std::size_t(ranks.rank())] =
        message_of<value_error>([&] { check_agreement(ranks, facts); });
    ranks.barrier(); // all have thrown, or none
  });
  CHECK(said == std::vector<std::string>(4, said[0]));
  return said[0];
}

} // namespace

TEST_CASE("ranks with the same facts agree", "[distributed]") {
  CHECK(complaint("option lr", "0.1").empty());
}

TEST_CASE("a rank that differs is named, and the thing", "[distributed]") {
  CHECK(contains(complaint("option lr", "0.2"),
                 "rank 2, option lr: expected 0.1, as on rank 0, got 0.2"));
  CHECK(contains(complaint("option lr", ""),
                 "rank 2, option lr: expected 0.1, as on rank 0, got none"));
  CHECK(contains(complaint("option ema", "0.9"),
                 "rank 2, option ema: expected none, as on rank 0, got 0.9"));
  CHECK(contains(complaint("numerics version", "2"), "rank 2, numerics version: expected 3"));
  CHECK(contains(complaint("version of sgq", "0.1.0"),
                 "rank 2, version of sgq: expected " + std::string(version)));
  CHECK(contains(complaint("arithmetic", "another"), "rank 2, arithmetic"));
  CHECK(contains(complaint("training data", digest(data::synthetic(50, 4, data::Split::train))),
                 "rank 2, training data: expected " + digest(small_run::images())));
}

TEST_CASE("a digest tells data and nets apart", "[distributed]") {
  data::Dataset set = data::synthetic(9, 1, data::Split::train);
  const std::string before = digest(set);
  set.labels[8] ^= 1;
  CHECK(digest(set) != before);
  set.labels[8] ^= 1;
  set.images[5] ^= 1;
  CHECK(digest(set) != before);
  auto net = small_run::net(), same = small_run::net(), other = small_run::net();
  CHECK(digest(net) == digest(same));
  (*net.buffers()[0].tensor)[0] += 1;
  CHECK(digest(net) != digest(same));
  other.parameters()[0].parameter->edit()[0] += 1;
  CHECK(digest(other) != digest(same));
}

} // namespace test_agreement
