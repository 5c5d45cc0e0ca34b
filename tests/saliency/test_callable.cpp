#include "sgq/saliency/callable.hpp"

#include "linear_model.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <vector>

namespace test_callable {

using namespace sgq;
using namespace sgq::saliency;
using saliency_test::LinearModel;

TEST_CASE("scores of a row of logits", "[callable]") {
  const float row[] = {1, 3, 3, 2};
  CHECK(argmax(row, 4) == 1); // the lower of two equals
  CHECK(target_score(row, 4, 3, Target::logit) == 2);
  const double sum = std::exp(1.0) + 2 * std::exp(3.0) + std::exp(2.0);
  CHECK(target_score(row, 4, 3, Target::log_probability) ==
        Approx(2 - std::log(sum)).epsilon(1e-14));
  const float large[] = {3e38f, -3e38f}; // no overflow
  CHECK(log_probability(large, 2, 0) == 0);
}

TEST_CASE("a classifier runs batch by batch, in order", "[callable]") {
  LinearModel linear(3, 4, 1);
  Tensor<float> x({7, 1, 2, 2}), whole({7, 3});
  for (index_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(Random(2).normal(i));
  linear(x, whole);
  linear.calls = 0;
  const Classifier model(linear, 3, {.batch = 3});
  index_t next = 0;
  model.each(x, [&](index_t n, const float* logits) {
    REQUIRE(n == next++);
    for (index_t k = 0; k < 3; ++k) REQUIRE(logits[k] == whole(n, k));
  });
  CHECK(next == 7);
  CHECK(linear.calls == 3); // 3 + 3 + 1
}

TEST_CASE("a classifier's borders", "[callable]") {
  auto broken = [](View<const float> x, View<float> logits) {
    logits.fill(0);
    if (x.shape()[0] > 1) logits(1, 0) = std::numeric_limits<float>::infinity();
  };
  const Classifier model(broken, 2);
  const Tensor<float> one({1, 1, 1, 1}), two({2, 1, 1, 1});
  Tensor<float> logits({1, 2}), more({2, 2});
  CHECK_NOTHROW(model(one, logits));
  CHECK_SAYS(model(two, logits), shape_error, "classifier: logits", "got [1, 2]");
  CHECK(contains(message_of<value_error>([&] { model(two, more); }), "image 1"));
  CHECK_SAYS(Classifier(broken, 0), value_error, "at least one class", "got 0 and 128");
  CHECK_SAYS(Classifier(broken, 2, {.batch = 0}), value_error, "one image a batch", "got 2 and 0");
}

} // namespace test_callable
