// What a Net promises, whatever its layers: one test for each invariant.
#include "sgq/ops/loss.hpp"
#include "support/nets.hpp"

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <cstring>
#include <limits>
#include <thread>
#include <type_traits>
#include <vector>

namespace test_net {

using namespace sgq;
using namespace sgq::nn;

namespace {

using Numbers = std::vector<float>;

template <class T>
std::vector<T> values(View<const T> v) {
  return {v.begin(), v.end()};
}

Tensor<float> images(index_t n, std::uint64_t seed = 5) {
  return random_tensor<float>({n, 2, 8, 8}, seed);
}

Tensor<float> output_gradient(index_t n, std::uint64_t seed = 6) {
  return random_tensor<float>({n, 5}, seed);
}

template <class T>
std::vector<T> buffers(Net<T>& net) {
  std::vector<T> all;
  for (const auto& b : net.buffers()) all.insert(all.end(), b.tensor->begin(), b.tensor->end());
  return all;
}

/// Every byte of every slot, and where every signal points.
template <class T>
std::vector<unsigned char> record(const Tape<T>& tape) {
  std::vector<unsigned char> bytes;
  const auto append = [&](const void* p, std::size_t n) {
    const auto* from = static_cast<const unsigned char*>(p);
    bytes.insert(bytes.end(), from, from + n);
  };
  const auto append_tensor = [&](const auto& t) {
    append(t.data(), static_cast<std::size_t>(t.size()) * sizeof *t.data());
  };
  for (std::size_t i = 0; i < tape.size(); ++i) {
    const Slot<T>& s = tape[i];
    append_tensor(s.real), append_tensor(s.materialised), append_tensor(s.acc),
        append_tensor(s.codes);
    append_tensor(s.channel), append_tensor(s.bytes);
    const void* pointers[] = {s.out.real, s.out.acc, s.out.codes,
                              s.out.mul,  s.out.add, s.out.residual};
    append(pointers, sizeof pointers);
    append(&s.out.scale, sizeof s.out.scale);
  }
  return bytes;
}

/// Runs f(net) on each of the small nets.
template <class F>
void for_small_nets(F&& f) {
  for (const char* name : small_net_names) {
    INFO(name);
    Net<float> net = small_net<float>(name);
    f(net);
  }
}

} // namespace

// ---- forward ------------------------------------------------------------------------------------

TEST_CASE("forward is const and re-entrant: two threads, two tapes, one net", "[net]") {
  for_small_nets([](Net<float>& net) {
    const Net<float>& shared = net;
    const Tensor<float> x[] = {images(6, 1), images(5, 2)};
    const Mode mode = Mode::train(Random(3));
    Numbers alone[2], together[2];
    for (int i = 0; i < 2; ++i) {
      Tape<float> tape;
      alone[i] = values(shared.forward(x[i], tape, mode));
    }
    const auto work = [&](int i) {
      Tape<float> tape;
      for (int turn = 0; turn < 5; ++turn) together[i] = values(shared.forward(x[i], tape, mode));
    };
    std::thread other(work, 1);
    work(0);
    other.join();
    CHECK(together[0] == alone[0]);
    CHECK(together[1] == alone[1]);
  });
}

TEST_CASE("a second forward on another tape disturbs nothing of the first", "[net]") {
  for_small_nets([](Net<float>& net) {
    Tape<float> first, second;
    net.forward(images(4), first, Mode::train(Random(1)));
    const auto before = record(first);
    net.forward(images(7, 9), second, Mode::train(Random(2)));
    net.backward(output_gradient(7), second, Want::both);
    CHECK(record(first) == before);
  });
}

TEST_CASE("bits are the same for 1, 2 and 3 threads", "[net]") {
  for (const char* name : small_net_names) {
    INFO(name);
    CHECK(same_for_any_thread_count([&] {
      Net<float> net = small_net<float>(name);
      Tape<float> tape;
      Numbers all;
      const auto append = [&](const Numbers& more) {
        all.insert(all.end(), more.begin(), more.end());
      };
      for (std::uint64_t step = 0; step < 3; ++step) {
        append(values(net.forward(images(9, step), tape, Mode::train(Random(step)))));
        net.zero_grad();
        append(values(net.backward(output_gradient(9), tape, Want::both)));
        append(gradients(net));
        net.update_statistics(tape);
        append(buffers(net));
        for (const auto& p : net.parameters()) {
          const View<float> w = p.parameter->edit();
          for (index_t i = 0; i < w.size(); ++i) w[i] -= 0.01f * p.parameter->grad()[i];
        }
        net.quantize_weights();
      }
      append(values(net.forward(images(9), tape)));
      return all;
    }));
  }
}

TEST_CASE("an image's logits in evaluation do not depend on its batch", "[net]") {
  for (const char* name : small_net_names) {
    INFO(name);
    const double tolerance = contains(name, "fp32") ? 1e-5 : 0; // codes are exact
    const Net<float> net = small_net<float>(name);
    Tape<float> tape;
    const Tensor<float> x = images(7);
    const Numbers all = values(net.forward(x, tape));
    for (index_t first : {0, 3, 6}) // a last partial batch, after a full one on the same tape
      for (index_t count : {index_t{1}, 7 - first}) {
        const View<const float> part = net.forward(x.view().slice(first, count), tape);
        REQUIRE(part.size() == 5 * count);
        for (index_t i = 0; i < part.size(); ++i)
          CHECK(std::abs(part[i] - all[static_cast<std::size_t>(5 * first + i)]) <= tolerance);
      }
  }
}

TEST_CASE("a tape that grew and shrank gives what a new one gives", "[net]") {
  for_small_nets([](Net<float>& net) {
    Tape<float> used, fresh;
    const Mode mode = Mode::train(Random(4));
    for (index_t n : {4, 9, 3}) {
      net.zero_grad();
      Numbers a = values(net.forward(images(n), used, mode));
      const Numbers a_dx = values(net.backward(output_gradient(n), used, Want::both));
      const Numbers a_grad = gradients(net);
      fresh = Tape<float>();
      net.zero_grad();
      CHECK(values(net.forward(images(n), fresh, mode)) == a);
      CHECK(values(net.backward(output_gradient(n), fresh, Want::both)) == a_dx);
      CHECK(gradients(net) == a_grad);
    }
  });
}

TEST_CASE("dropout's mask lies on the tape and comes from the pass's generator", "[net]") {
  Net<float> net = small_net<float>("plain fp32");
  Tape<float> a, b;
  const Tensor<float> x = images(4);
  const Numbers first = values(net.forward(x, a, Mode::train(Random(1))));
  CHECK(values(net.forward(x, b, Mode::train(Random(1)))) == first);
  CHECK(values(net.forward(x, b, Mode::train(Random(2)))) != first);
  // Both dropout layers of a pass, and their gradients, use masks of their own.
  const auto& one = a[net.find("dropout1")].bytes;
  const auto& two = a[net.find("dropout2")].bytes;
  CHECK_FALSE(std::equal(two.begin(), two.end(), one.begin()));
  const View<const float> dx = net.gradient_at(net.find("relu3"), output_gradient(4), a);
  for (index_t i = 0; i < dx.size(); ++i) CHECK((dx[i] == 0) == (two[i] == 0));
  // Evaluation drops nothing and scales nothing.
  net.forward(x, a, Mode::eval());
  CHECK(a[net.find("dropout1")].out.real == a[net.find("pool")].out.real);
}

// ---- backward -----------------------------------------------------------------------------------

TEST_CASE("backward never writes the tape, so that it can be repeated", "[net]") {
  for_small_nets([](Net<float>& net) {
    for (const Mode& mode : {Mode::train(Random(1)), Mode::eval()}) {
      Tape<float> tape;
      net.forward(images(4), tape, mode);
      const auto before = record(tape);
      Numbers dx[2], dw[2];
      for (int turn = 0; turn < 2; ++turn) {
        net.zero_grad();
        dx[turn] = values(net.backward(output_gradient(4), tape, Want::both));
        dw[turn] = gradients(net);
        net.input_gradient(output_gradient(4), tape, true);
        net.gradient_at(2, output_gradient(4), tape);
        net.backward(output_gradient(4, 8), tape, Want::input);
        REQUIRE(record(tape) == before);
      }
      CHECK(dx[0] == dx[1]);
      CHECK(dw[0] == dw[1]);
    }
  });
}

TEST_CASE("Want::params and Want::both give the same gradients of parameters", "[net]") {
  for_small_nets([](Net<float>& net) {
    Tape<float> tape;
    net.forward(images(4), tape, Mode::train(Random(1)));
    net.zero_grad();
    CHECK(net.backward(output_gradient(4), tape, Want::params).empty());
    const Numbers params = gradients(net);
    net.zero_grad();
    CHECK(net.backward(output_gradient(4), tape, Want::both).size() == 4 * 2 * 64);
    CHECK(gradients(net) == params);
  });
}

TEST_CASE("Want::input leaves the parameters' gradients alone", "[net]") {
  for_small_nets([](Net<float>& net) {
    const bool norms = !net.buffers().empty();
    Tape<float> tape;
    net.forward(images(4), tape, Mode::train(Random(1)));
    net.zero_grad();
    const Numbers both = values(net.backward(output_gradient(4), tape, Want::both));
    for (const auto& p : net.parameters()) p.parameter->grad().fill(0.125f);
    const Numbers untouched = gradients(net);
    CHECK(values(net.backward(output_gradient(4), tape, Want::input)) == both);
    CHECK((values(net.input_gradient(output_gradient(4), tape)) == both) == !norms);
    net.gradient_at(3, output_gradient(4), tape);
    CHECK(gradients(net) == untouched);
  });
}

TEST_CASE("the input gradient does not mix images", "[net]") {
  for_small_nets([](Net<float>& net) {
    Tape<float> tape;
    net.forward(images(4), tape, Mode::train(Random(1)));
    Tensor<float> dz = output_gradient(4);
    const Numbers all = values(net.input_gradient(dz, tape));
    for (index_t i = 0; i < 20; ++i)
      if (i / 5 != 2) dz[i] = 0; // only image 2 has an opinion
    const Numbers one = values(net.input_gradient(dz, tape));
    double inside = 0, outside = 0;
    for (std::size_t i = 0; i < one.size(); ++i)
      (i / 128 == 2 ? inside : outside) += std::abs(one[i]);
    CHECK(inside > 0);
    CHECK(outside == 0);
    CHECK(std::equal(one.begin() + 256, one.begin() + 384, all.begin() + 256));
  });
}

TEST_CASE("the gradient at a value in the middle is the input gradient of the rest", "[net]") {
  // A net and its tail, whose input is what the head hands on.
  Net<float> net = small_net<float>("plain fp32");
  Net<float> tail({36});
  tail.add("fc1", Linear<float>({.in = 36, .out = 7}));
  tail.add("relu3", Relu<float>());
  tail.add("fc2", Linear<float>({.in = 7, .out = 5}));
  for (const char* name : {"fc1", "fc2"}) {
    auto& from = dynamic_cast<Linear<float>&>(net.layer(net.find(name)));
    auto& to = dynamic_cast<Linear<float>&>(tail.layer(tail.find(name)));
    std::copy(from.weights()->parameter().value().begin(),
              from.weights()->parameter().value().end(), to.weights()->parameter().edit().begin());
  }
  Tape<float> tape, tail_tape;
  net.forward(images(3), tape);
  const ValueId flat = net.find("flatten");
  const Numbers middle = values(net.gradient_at(flat, output_gradient(3), tape));
  tail.forward(tape[flat].out.view(), tail_tape);
  CHECK(values(tail.input_gradient(output_gradient(3), tail_tape)) == middle);
  CHECK(values(net.gradient_at(0, output_gradient(3), tape)) ==
        values(net.input_gradient(output_gradient(3), tape)));
  CHECK(values(net.gradient_at(net.last(), output_gradient(3), tape)) ==
        values<float>(output_gradient(3).view()));
  CHECK_SAYS(net.gradient_at(net.last() + 1, output_gradient(3), tape), value_error, "gradient_at",
             "got " + to_text(net.last() + 1));
}

TEST_CASE("the gradient at a value of two readers is the sum of both", "[net]") {
  Net<float> net({2, 6, 6});
  const ValueId v = net.add("v", Shortcut<float>({.in = 2, .out = 2, .stride = 1})); // the image
  net.add("conv", Conv2d<float>({.in = 2, .out = 2, .kernel = 3, .pad = 1}));
  net.add("add", Add<float>(), {net.last(), v});
  net.add("flatten", Flatten<float>());
  net.add("fc", Linear<float>({.in = 72, .out = 5}));
  initialize(net, 1);
  Tape<float> tape;
  net.forward(random_tensor<float>({3, 2, 6, 6}, 1), tape);
  const Numbers of_image = values(net.input_gradient(output_gradient(3), tape));
  CHECK(values(net.gradient_at(v, output_gradient(3), tape)) == of_image);
}

// ---- guided backpropagation ---------------------------------------------------------------------

TEST_CASE("guided backpropagation stops negative gradients at every rectifier", "[net]") {
  // x -> a x -> relu -> b relu: dy/dx = a b where a x > 0.
  Net<float> net({1});
  net.add("a", Linear<float>({.in = 1, .out = 1, .bias = false}));
  net.add("relu1", Relu<float>());
  net.add("b", Linear<float>({.in = 1, .out = 1, .bias = false}));
  net.add("relu2", Relu<float>());
  net.add("c", Linear<float>({.in = 1, .out = 1, .bias = false}));
  const auto run = [&](float a, float b, float c, bool guided) {
    const float w[] = {a, b, c};
    for (std::size_t i = 0; i < 3; ++i) net.parameters()[i].parameter->edit()[0] = w[i];
    Tape<float> tape;
    net.forward(Tensor<float>({1, 1}, 1.0f), tape);
    return net.input_gradient(Tensor<float>({1, 1}, 1.0f), tape, guided)[0];
  };
  CHECK(run(2, 3, 5, true) == 30);
  CHECK(run(2, 3, -5, false) == -30);
  CHECK(run(2, 3, -5, true) == 0); // negative at relu2
  CHECK(run(-2, 3, 5, true) == 0); // relu1 is closed
}

TEST_CASE("guided backpropagation refuses a non-linearity without a rule, by name", "[net]") {
  const auto make = [](Gate gate) {
    Net<float> net({2, 4, 4});
    net.add("conv", Conv2d<float>({.in = 2, .out = 3, .kernel = 3}));
    net.add("my swish", Swish<float>(gate));
    net.add("pool", GlobalAvgPool<float>());
    initialize(net, 1);
    return net;
  };
  const Tensor<float> x = random_tensor<float>({2, 2, 4, 4}, 1),
                      dz = random_tensor<float>({2, 3}, 2);
  Net<float> without = make(Gate::unknown), with = make(Gate::rectifier);
  Tape<float> tape;
  without.forward(x, tape);
  const Numbers plain = values(without.input_gradient(dz, tape));
  const std::string text = message_of<value_error>([&] { without.input_gradient(dz, tape, true); });
  CHECK(contains(text, "'my swish' (swish)"));
  CHECK(contains(text, "override gate()"));
  CHECK(values(without.input_gradient(dz, tape)) == plain); // the failure left nothing behind
  without.zero_grad();
  CHECK_SAYS(without.backward(dz, tape, Want::both, {.guided_backprop = true}), value_error,
             "my swish");
  for (auto& p : without.parameters())
    for (float g : p.parameter->grad()) CHECK(g == 0);
  with.forward(x, tape);
  const Numbers guided = values(with.input_gradient(dz, tape, true));
  CHECK(guided != plain);
}

TEST_CASE("a user's layer reads plain numbers, in a quantised net too", "[net]") {
  Net<float> net({2, 4, 4}); // its own layer behind the input, behind a PACT, and at the end
  net.add("first", Swish<float>());
  net.add("conv", Conv2d<float>({.in = 2, .out = 3, .kernel = 3}));
  net.add("relu", Relu<float>());
  net.add("second", Swish<float>());
  net.add("flatten", Flatten<float>());
  net.add("fc", Linear<float>({.in = 12, .out = 5}));
  net.add("third", Swish<float>());
  initialize(net, 1);
  const QuantParams grid{.scale = 1 / 64.0f, .zero_point = {100, 128}};
  quantize(net, {.bits = quant::parse_bit_policy("w4a4"), .alpha = 10, .input = grid});
  Tape<float> tape;
  net.forward(random_tensor<float>({2, 2, 4, 4}, 1), tape);
  const auto swish = [](float x) { return x / (1 + std::exp(-x)); };
  for (const char* name : {"first", "second", "third"}) {
    const ValueId i = net.find(name);
    const View<const float> in = tape[i - 1].out.view(), out = tape[i].out.view();
    for (index_t k = 0; k < in.size(); ++k) CHECK(out[k] == Approx(swish(in[k])).epsilon(1e-6));
  }
  const auto& pact = dynamic_cast<const Pact<float>&>(net.layer(net.find("relu")));
  const float step = quant::pact_scale(pact.alpha(), 4);
  for (float v : tape[net.find("relu")].out.view()) CHECK(v == std::rint(v / step) * step);
  CHECK_NOTHROW(net.backward(output_gradient(2), tape, Want::both));
}

// ---- statistics and stale codes -----------------------------------------------------------------

TEST_CASE("running statistics move when update_statistics says so, and only then", "[net]") {
  Net<float> net = small_net<float>("residual fp32");
  Tape<float> tape, other;
  const Numbers start = buffers(net);
  net.forward(images(4), tape, Mode::train(Random(0)));
  net.forward(images(4), other, Mode::train(Random(0)));
  net.backward(output_gradient(4), tape, Want::both);
  CHECK(buffers(net) == start);
  net.update_statistics(tape);
  const Numbers moved = buffers(net);
  CHECK(moved != start);
  // The same batch again: one more step of the same size towards the same moments.
  net.update_statistics(other);
  const Numbers twice = buffers(net);
  for (std::size_t i = 0; i < start.size(); ++i) {
    const float batch = start[i] + (moved[i] - start[i]) / 0.1f;
    CHECK(twice[i] == Approx(moved[i] + 0.1f * (batch - moved[i])).epsilon(1e-4).margin(1e-6));
  }
  net.forward(images(4), tape, Mode::eval());
  CHECK_SAYS(net.update_statistics(tape), value_error, "update_statistics", "evaluation mode");
  CHECK_SAYS(net.update_statistics(Tape<float>()), value_error, "update_statistics",
             "none or a failed one");
}

TEST_CASE("batch norm divides and moves as its options say", "[net]") {
  Net<float> net({1, 1, 2});
  net.add("bn", BatchNorm<float>({.channels = 1, .eps = 3, .momentum = 0.25}));
  Tape<float> tape;
  const Tensor<float> x({1, 1, 1, 2}, {1, 3}); // mean 2, variance 1, without bias 2
  CHECK(values(net.forward(x, tape, Mode::train(Random(0)))) == Numbers{-0.5f, 0.5f});
  net.update_statistics(tape);
  CHECK(buffers(net) == Numbers{0.25f * 2, 0.75f * 1 + 0.25f * 2});
}

TEST_CASE("stale weight codes are an error until quantize_weights() has run", "[net]") {
  Net<float> net = small_net<float>("plain w4a4", "lsq");
  Tape<float> tape;
  for (const auto& p : net.parameters()) {
    if (p.parameter->group() != ParameterGroup::weight && !p.name.ends_with(".step")) continue;
    INFO(p.name);
    net.forward(images(2), tape);
    p.parameter->edit()[0] += 0.01f;
    CHECK(contains(message_of<value_error>([&] { net.forward(images(2), tape); }),
                   "call net.quantize_weights()"));
    net.quantize_weights();
    CHECK_NOTHROW(net.forward(images(2), tape));
  }
}

TEST_CASE("a pass that failed leaves a tape that backward refuses", "[net]") {
  Net<float> net = small_net<float>("plain w4a4");
  Tape<float> tape;
  net.forward(images(6), tape, Mode::train(Random(0)));
  auto& fc2 = dynamic_cast<Linear<float>&>(net.layer(net.find("fc2"))).weights()->parameter();
  fc2.edit()[0] += 0.01f;
  CHECK_SAYS(net.forward(images(2), tape, Mode::train(Random(0))), value_error, "weight codes",
             "stale"); // half recorded
  net.quantize_weights();
  CHECK_SAYS(net.backward(output_gradient(6), tape, Want::params), error, "backward",
             "none or a failed one");
  CHECK_SAYS(net.backward(output_gradient(2), tape, Want::params), error, "backward",
             "none or a failed one");
  CHECK_SAYS(net.update_statistics(tape), error, "update_statistics", "none or a failed one");
  net.forward(images(2), tape, Mode::train(Random(0)));
  CHECK_NOTHROW(net.backward(output_gradient(2), tape, Want::params));
}

// ---- memory -------------------------------------------------------------------------------------

TEST_CASE("from the third step on nothing is allocated, whatever the bits and the batch", "[net]") {
  set_num_threads(1); // which thread packs what is left to chance, and each has its own scratch
  for (const char* name :
       {"plain fp32", "residual fp32", "plain w4a4", "residual w2a2", "plain 4/2", "residual w8a8"})
    for (const char* weights : {"sawb", "dorefa", "lsq"}) {
      INFO(name << ", " << weights);
      Net<float> net = small_net<float>(name, weights);
      const auto parameters = net.parameters();
      const Tensor<float> x = images(8), dz = output_gradient(8);
      Tape<float> clean, masked, evaluated;
      const auto step = [&](index_t n, std::uint64_t number) {
        const View<const float> batch = x.view().slice(0, n), d = dz.view().slice(0, n);
        net.forward(batch, clean, Mode::train(Random(number)));
        net.input_gradient(d, clean);
        net.forward(batch, masked, Mode::train(Random(number)));
        net.zero_grad();
        net.backward(d, clean, Want::params);
        net.backward(d, masked, Want::params);
        net.update_statistics(clean);
        for (const auto& p : parameters) {
          const View<float> w = p.parameter->edit();
          for (index_t i = 0; i < w.size(); ++i) w[i] -= 1e-3f * p.parameter->grad()[i];
        }
        net.quantize_weights();
        net.forward(batch, evaluated);
      };
      const long before = allocations::count;
      step(8, 0);
      CHECK(allocations::count > before); // the counter counts
      step(3, 1);
      const long after_second = allocations::count;
      for (index_t n : {8, 8, 3, 8, 1}) step(n, static_cast<std::uint64_t>(n));
      CHECK(allocations::count - after_second == 0);
    }
  set_num_threads(0);
}

// ---- errors -------------------------------------------------------------------------------------

TEST_CASE("a tape's signals point into it, so it moves but is not copied", "[net]") {
  CHECK_FALSE(std::is_copy_constructible_v<Tape<float>>);
  CHECK_FALSE(std::is_copy_assignable_v<Tape<float>>);
  Net<float> net = small_net<float>("residual fp32");
  Tape<float> tape;
  net.forward(images(3), tape, Mode::train(Random(0)));
  const Numbers dx = values(net.backward(output_gradient(3), tape, Want::input));
  const Tape<float> moved = std::move(tape);
  CHECK(values(net.backward(output_gradient(3), moved, Want::input)) == dx);
}

TEST_CASE("building a net: errors name the layer", "[net]") {
  Net<float> net({2, 8, 8});
  net.add("conv1", Conv2d<float>({.in = 2, .out = 3, .kernel = 3}));
  const auto text = [&](auto&& f) { return message_of<error>(f); };
  CHECK(contains(text([&] { net.add("conv1", Relu<float>()); }), "'conv1' a second time"));
  CHECK(contains(text([&] { net.add("input", Relu<float>()); }), "'input' a second time"));
  CHECK(contains(text([&] { net.add("late", Relu<float>(), {7}); }),
                 "layer 'late': expected values up to 1, got 7"));
  CHECK(contains(text([&] { net.add("many", Swish<float>(), {0, 1, 0, 1, 0}); }), "layer 'many'"));
  const auto fits = [&](const char* name, auto layer, std::vector<ValueId> in = {}) {
    const std::string message = text([&] { net.add(name, std::move(layer), in); });
    CHECK(contains(message, "layer '" + std::string(name) + "': "));
    return message;
  };
  CHECK(contains(fits("conv2", Conv2d<float>({.in = 2, .out = 3, .kernel = 3})),
                 "expected [N, 2, H, W], got [1, 3, 6, 6]"));
  fits("conv3", Conv2d<float>({.in = 3, .out = 3, .kernel = 7}));
  CHECK(contains(fits("fc", Linear<float>({.in = 108, .out = 3})), "put a Flatten layer before"));
  fits("bn", BatchNorm<float>({.channels = 2}));
  fits("pool", MaxPool<float>({.kernel = 7}));
  fits("average", AvgPool<float>({.kernel = 7}));
  fits("shortcut", Shortcut<float>({.in = 2, .out = 4}));
  fits("add", Add<float>(), {0, 1});
  fits("add", Add<float>(), {1});
  CHECK(net.last() == 1); // nothing of these was added
  CHECK_SAYS(net.find("conv2"), value_error, "input, conv1", "got 'conv2'");
  CHECK_SAYS(net.replace(1, std::make_unique<MaxPool<float>>()), shape_error,
             "replacing layer 'conv1'", "got [1, 2, 4, 4]");
  CHECK(net.nodes()[1].layer->kind() == "conv2d");
  CHECK_SAYS(Net<float>({8, 8}), shape_error, "image shape", "got [8, 8]");
  CHECK_SAYS(Net<float>(Shape{}), shape_error, "image shape", "got []");
}

TEST_CASE("add takes a layer or a pointer to one, and nothing else", "[net]") {
  Net<float> net({2, 8, 8});
  net.add("relu", std::make_unique<Relu<float>>());
  CHECK(net.nodes()[1].layer->kind() == "relu");
  const auto takes = [](auto arg) {
    return requires(Net<float> & to, decltype(arg) layer) {
      to.add("x", std::move(layer));
    };
  };
  CHECK(takes(Relu<float>()));
  CHECK(takes(std::unique_ptr<Layer<float>>()));
  CHECK_FALSE(takes(Relu<double>()));
  CHECK_FALSE(takes(std::make_unique<Relu<double>>()));
}

TEST_CASE("layers refuse impossible options", "[net]") {
  CHECK_SAYS(Conv2d<float>({.in = 0}), value_error, "conv2d", "got in 0");
  CHECK_SAYS(Conv2d<float>({.stride = 0}), value_error, "conv2d", "stride 0");
  CHECK_SAYS(Conv2d<float>({.pad = -1}), value_error, "conv2d", "pad -1");
  for (const index_t huge : {index_t{1} << 21, index_t{1} << 62}) {
    CHECK_SAYS(Conv2d<float>({.pad = huge}), value_error, "conv2d", "pad " + to_text(huge));
    CHECK_SAYS(Conv2d<float>({.stride = huge}), value_error, "conv2d", "stride " + to_text(huge));
    CHECK_SAYS(Conv2d<float>({.kernel = huge}), value_error, "conv2d", "kernel " + to_text(huge));
    CHECK_SAYS(Shortcut<float>({.stride = huge}), value_error, "shortcut", to_text(huge));
  }
  CHECK_SAYS(Linear<float>({.out = 0}), value_error, "linear", "out 0");
  CHECK_SAYS(MaxPool<float>({.kernel = 16}), value_error, "max pool", "got kernel 16");
  CHECK_SAYS(AvgPool<float>({.kernel = 0}), value_error, "avg pool", "got kernel 0");
  CHECK_SAYS(Dropout<float>(1.0), value_error, "dropout", "got 1");
  CHECK_SAYS(Dropout<float>(-0.1), value_error, "dropout", "got -0.1");
  for (double p : {0x1p-18, 1 - 0x1p-17, std::nan("")})
    CHECK_SAYS(Dropout<float>(p), value_error, "0, or a probability from 2^-17 to 1 - 2^-16");
  CHECK_NOTHROW(Dropout<float>(0x1p-17));
  CHECK_SAYS(Shortcut<float>({.in = 3, .out = 2}), value_error, "shortcut", "in 3, out 2");
  CHECK_SAYS(Pact<float>({.bits = 9}), value_error, "PACT: bits", "got 9");
  CHECK_SAYS(Pact<float>({.alpha = 0}), value_error, "PACT: alpha", "got 0");
  CHECK_SAYS(BatchNorm<float>({.channels = 0}), value_error, "batch norm", "channels 0");
  CHECK_SAYS(BatchNorm<float>({.momentum = 1.25}), value_error, "batch norm", "momentum 1.25");
  CHECK_SAYS(BatchNorm<float>({.momentum = -0.25}), value_error, "batch norm", "momentum -0.25");
}

TEST_CASE("running a net: errors say what does not fit", "[net]") {
  Net<float> net = small_net<float>("plain fp32");
  Tape<float> tape;
  const auto forward_text = [&](const Tensor<float>& x) {
    return message_of<error>([&] { net.forward(x, tape); });
  };
  CHECK(contains(forward_text(Tensor<float>({1, 2, 8, 7})), "got [1, 2, 8, 7]"));
  CHECK(contains(forward_text(Tensor<float>({0, 2, 8, 8})), "got [0, 2, 8, 8]"));
  CHECK(contains(forward_text(Tensor<float>({1, 128})), "got [1, 128]"));
  Tensor<float> x = images(3);
  x[128 + 70] = std::numeric_limits<float>::quiet_NaN();
  CHECK(contains(forward_text(x), "nan at element 70 of image 1"));
  x[128 + 70] = 0;
  x[2 * 128] = -std::numeric_limits<float>::infinity();
  CHECK(contains(forward_text(x), "-inf at element 0 of image 2"));

  Tape<float> empty;
  CHECK_SAYS(net.backward(output_gradient(3), empty, Want::params), value_error, "backward",
             "none or a failed one");
  net.forward(images(3), tape);
  CHECK_SAYS(net.backward(output_gradient(2), tape, Want::params), shape_error,
             "gradient of the output", "got [2, 5]");
  Net<float> other = small_net<float>("residual fp32");
  CHECK_SAYS(other.backward(output_gradient(3), tape, Want::params), value_error, "backward",
             "another net");
}

} // namespace test_net
