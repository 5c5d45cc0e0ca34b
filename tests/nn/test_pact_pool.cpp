// Ties in max pooling of codes, in nets: by the pre-activation where the codes are PACT's, by scan
// order where they are not.
#include "support/nets.hpp"

#include "support/catch.hpp"
#include "support/differences.hpp"

#include <vector>

namespace test_pact_pool_net {

using namespace sgq;
using namespace sgq::nn;

namespace {

constexpr double nudge = 1e-12; // of gradients summed in another order, as a share of the largest

struct Setting {
  PoolOptions pool{};
  quant::PactGradient gradient = quant::PactGradient::paper;
  bool residual = false;
  double gamma = 1, beta = 0; ///< of batch norm, for all channels; gamma 0 makes all v equal
};

/// conv, batch norm (+ a residual of codes), then PACT and max pooling in either order.
Net<double> tying_net(const Setting& s, bool pact_first) {
  using T = double;
  Net<T> net({2, 8, 9});
  net.add("conv0", Conv2d<T>({.in = 2, .out = 3, .kernel = 3, .pad = 1}));
  const ValueId r = net.add("pact0", Pact<T>({.bits = 2, .alpha = 1.5}));
  net.add("conv", Conv2d<T>({.in = 3, .out = 3, .kernel = 3, .pad = 1}));
  net.add("bn", BatchNorm<T>({.channels = 3}));
  if (s.residual) net.add("add", Add<T>(), {net.last(), r});
  const auto pact = [&] {
    net.add("pact", Pact<T>({.bits = 2, .alpha = 1, .gradient = s.gradient}));
  };
  if (pact_first) pact();
  net.add("pool", MaxPool<T>(s.pool));
  if (!pact_first) pact();
  initialize(net, 5);
  auto& norm = dynamic_cast<BatchNorm<T>&>(net.layer(net.find("bn")));
  norm.gamma().edit().fill(s.gamma);
  norm.beta().edit().fill(s.beta);
  net.quantize_weights();
  return net;
}

/// relative_difference(); 0 where both are 0 throughout.
template <class A, class B>
double difference(const A& a, const B& b) {
  return largest_difference(a, b) == 0 ? 0 : relative_difference(a, b);
}

/// Quantising before and after pooling: the same output and the same gradients.
void check_order_is_free(const Setting& s, const Mode& mode) {
  Net<double> codes = tying_net(s, true), numbers = tying_net(s, false);
  Tape<double> a, b;
  const Tensor<double> x = random_tensor<double>({3, 2, 8, 9}, 1);
  const View<const double> ya = codes.forward(x, a, mode), yb = numbers.forward(x, b, mode);
  CHECK(std::vector<double>(ya.begin(), ya.end()) == std::vector<double>(yb.begin(), yb.end()));
  const Tensor<double> dy = random_tensor<double>(ya.shape(), 2);
  codes.zero_grad();
  numbers.zero_grad();
  CHECK(difference(codes.backward(dy, a, Want::both), numbers.backward(dy, b, Want::both)) < nudge);
  const auto got = codes.parameters(), expected = numbers.parameters();
  for (const auto& p : got)
    for (const auto& q : expected) {
      if (p.name != q.name) continue;
      INFO(p.name);
      CHECK(difference(p.parameter->grad(), q.parameter->grad()) < nudge);
    }
  CHECK(difference(codes.input_gradient(dy, a), numbers.input_gradient(dy, b)) < nudge);
}

// ---- layers between PACT and the pool -----------------------------------------------------------

/// Copies its input's signal and then does as it likes with it.
class Between final : public Layer<float> {
public:
  enum Kind { nothing, other_codes, codes_elsewhere, doubled, fields };
  explicit Between(Kind kind) : kind_(kind) {}
  std::string_view kind() const override { return "between"; }
  Gate gate() const override { return Gate::none; }
  Reads reads(std::size_t) const override { return Reads::materialised; }
  Shape output_shape(std::span<const Shape> in) const override { return in[0]; }
  void forward(Inputs<float> in, Slot<float>& slot, const Mode&) const override {
    const Signal<float>& x = *in[0];
    if (kind_ != fields) slot.out = x;
    if (kind_ == doubled) slot.out.scale *= 2;
    if (kind_ == nothing || kind_ == doubled) return;
    Tensor<std::uint8_t>& room = kind_ == codes_elsewhere ? slot.bytes : slot.codes;
    room.resize(x.shape);
    for (index_t i = 0; i < room.size(); ++i) room[i] = x.codes[i] / 2;
    slot.out.codes = room.data();
    if (kind_ != fields) return;
    slot.out.shape = x.shape; // one by one, what else lies in `out` is let be
    slot.out.scale = x.scale;
    slot.out.max_code = x.max_code;
  }
  void backward(Inputs<float>, const Slot<float>&, View<float>, Gradients<float>, bool,
                const BackwardOptions&) override {}

private:
  Kind kind_;
};

struct Places {
  std::vector<int> noted, by_scan_order, by_preactivation;
};

/// What max pooling noted, and where the two rules would have the maximum of its input, whose codes
/// (or numbers) are read from the tape as the pre-activations are.
Places places_of(const Net<float>& net, const Tape<float>& tape, ValueId pact) {
  const ValueId pool = net.find("pool");
  const Signal<float>&x = tape[net.nodes()[pool].inputs[0]].out,
        &v = tape[net.nodes()[pact].inputs[0]].out;
  const ops::PoolGeometry g =
      dynamic_cast<const MaxPool<float>&>(*net.nodes()[pool].layer).geometry();
  Tensor<float> numbers(v.shape);
  ops::materialise(v, numbers.view());
  const Shape& out = tape[pool].out.shape;
  const auto value = [&](index_t i) {
    return x.codes ? static_cast<float>(x.codes[i]) : x.real[i];
  };
  Places places;
  for (index_t y = 0; y < out.size(); ++y) {
    const index_t j = y % out[3], i = y / out[3] % out[2], plane = y / out.plane();
    index_t first = -1, best = -1, first_at = 0, best_at = 0;
    for (index_t k = 0; k < g.kernel * g.kernel; ++k) {
      const index_t at = (plane * x.shape[2] + i * g.stride + k / g.kernel) * x.shape[3] +
                         j * g.stride + k % g.kernel;
      if (first < 0 || value(at) > value(first_at)) first = k, first_at = at;
      if (best < 0 || numbers[at] > numbers[best_at]) best = k, best_at = at;
    }
    REQUIRE(value(first_at) ==
            (x.codes ? static_cast<float>(tape[pool].codes[y]) : tape[pool].real[y]));
    places.noted.push_back(tape[pool].bytes[y]);
    places.by_scan_order.push_back(static_cast<int>(first));
    places.by_preactivation.push_back(static_cast<int>(best));
  }
  return places;
}

/// conv and PACT; what `between` adds; a max pool named "pool".
template <class AddBetween>
Net<float> net_with(AddBetween&& between) {
  Net<float> net({2, 9, 8});
  net.add("conv", Conv2d<float>({.in = 2, .out = 3, .kernel = 3, .pad = 1}));
  net.add("pact", Pact<float>({.bits = 2, .alpha = 1}));
  between(net);
  net.add("pool", MaxPool<float>());
  initialize(net, 2);
  return net;
}

Places run(const Net<float>& net, Tape<float>& tape, const Mode& mode) {
  net.forward(random_tensor<float>({3, 2, 9, 8}, 3), tape, mode);
  Places p = places_of(net, tape, net.find("pact"));
  CHECK(p.by_scan_order != p.by_preactivation);
  return p;
}

template <class AddBetween>
Places run(const Mode& mode, AddBetween&& between) {
  Tape<float> tape;
  return run(net_with(between), tape, mode);
}

} // namespace

TEST_CASE("quantising before or after max pooling: the same output, the same gradients", "[pool]") {
  for (const PoolOptions& pool : {PoolOptions{2}, PoolOptions{3, 1}, PoolOptions{3, 2}})
    for (auto gradient : {quant::PactGradient::paper, quant::PactGradient::plus})
      for (bool residual : {false, true})
        for (double gamma : {1.0, -1.0, 0.0})
          for (double beta : {0.0, -9.0, 9.0}) { // all v <= 0, all v >= alpha
            INFO("kernel " << pool.kernel << ", stride " << pool.stride << ", plus "
                           << (gradient == quant::PactGradient::plus) << ", residual " << residual
                           << ", gamma " << gamma << ", beta " << beta);
            const Setting s{pool, gradient, residual, gamma, beta};
            check_order_is_free(s, Mode::train(Random(0)));
            check_order_is_free(s, Mode::eval());
          }
}

TEST_CASE("codes that PACT made tie by the pre-activation, in training and in evaluation",
          "[pool]") {
  for (const Mode& mode : {Mode::train(Random(0)), Mode::eval()}) {
    const Places p = run(mode, [](auto&) {});
    CHECK(p.noted == p.by_preactivation);
  }
}

TEST_CASE("codes of PACT that were handed on untouched tie by the pre-activation", "[pool]") {
  const auto drop = [](auto& net) { net.add("dropout", Dropout<float>(0.4)); };
  const Places dropped = run(Mode::eval(), drop);
  CHECK(dropped.noted == dropped.by_preactivation);
  const Places handed =
      run(Mode::train(Random(0)), [](auto& net) { net.add("between", Between(Between::nothing)); });
  CHECK(handed.noted == handed.by_preactivation);
}

TEST_CASE("codes that a layer made of PACT's tie by scan order", "[pool]") {
  const auto drop = [](auto& net) { net.add("dropout", Dropout<float>(0.4)); };
  const Places dropped = run(Mode::train(Random(1)), drop);
  CHECK(dropped.noted == dropped.by_scan_order);
  for (auto kind :
       {Between::other_codes, Between::codes_elsewhere, Between::doubled, Between::fields})
    for (const Mode& mode : {Mode::train(Random(0)), Mode::eval()}) {
      INFO("kind " << static_cast<int>(kind));
      const Places p = run(mode, [&](auto& net) { net.add("between", Between(kind)); });
      CHECK(p.noted == p.by_scan_order);
    }
  const Places pooled = run(Mode::train(Random(0)),
                            [](auto& net) { net.add("first", MaxPool<float>({.kernel = 1})); });
  CHECK(pooled.noted == pooled.by_scan_order);
}

TEST_CASE("numbers that batch norm or an addition made of PACT's codes tie by themselves",
          "[pool]") {
  const auto norm = [](auto& net) { net.add("bn", BatchNorm<float>({.channels = 3})); };
  Net<float> net = net_with(norm);
  dynamic_cast<BatchNorm<float>&>(net.layer(net.find("bn"))).gamma().edit().fill(-1);
  Tape<float> tape;
  const Places normed = run(net, tape, Mode::train(Random(0)));
  CHECK(normed.noted == normed.by_scan_order);
  const Places added = run(Mode::train(Random(0)), [](auto& n) {
    const ValueId pact = n.last();
    n.add("other", Conv2d<float>({.in = 2, .out = 3, .kernel = 3, .pad = 1}), {0});
    n.add("add", Add<float>(), {pact, n.last()});
  });
  CHECK(added.noted == added.by_scan_order);
}

TEST_CASE("codes of PACT that another layer needs as numbers tie by the pre-activation", "[pool]") {
  const auto side = [](auto& net) {
    net.add("side", Swish<float>());
    net.add("between", Between(Between::nothing), {net.find("pact")});
  };
  Net<float> net = net_with(side);
  Tape<float> tape;
  const Places p = run(net, tape, Mode::train(Random(0)));
  REQUIRE(tape[net.find("pact")].out.is_plain());
  CHECK(p.noted == p.by_preactivation);
}

TEST_CASE("a layer in the place of PACT finds nothing of it on the tape", "[pool]") {
  Net<float> net =
      net_with([](auto& n) { n.add("between", Pact<float>({.bits = 1, .alpha = 1})); });
  Tape<float> tape;
  run(net, tape, Mode::train(Random(0)));
  net.replace(net.find("between"), std::make_unique<Between>(Between::fields));
  const Places p = run(net, tape, Mode::train(Random(0)));
  CHECK(p.noted == p.by_scan_order);
}

TEST_CASE("pooled codes and their gradients do not depend on the number of threads", "[pool]") {
  const Net<float> net = net_with([](auto&) {});
  CHECK(same_for_any_thread_count([&] {
    Tape<float> tape;
    return run(net, tape, Mode::train(Random(0))).noted;
  }));
}

} // namespace test_pact_pool_net
