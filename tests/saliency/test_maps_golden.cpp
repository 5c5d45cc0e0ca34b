// Attribution maps against PyTorch: tests/golden/make_maps.py computed the numbers, in double.
#include "sgq/saliency/grad_cam.hpp"
#include "sgq/saliency/gradient.hpp"
#include "sgq/saliency/integrated_gradients.hpp"
#include "sgq/saliency/smoothgrad.hpp"

#include "golden/nets.hpp"

namespace test_maps_golden {

using namespace golden;
using namespace sgq::saliency;

namespace {

/// A net and the two images that its golden file explains.
struct Problem {
  Net<double> net;
  Batch<double> images;
  io::SafeTensors file;

  explicit Problem(const std::string& name)
      : net(golden_net<double>(name)), images(batch(net, 0, 2)), file(stored("maps/" + name)) {
    set_statistics(net);
  }

  /// Checks that a method's values are those stored, in one batch and image by image.
  template <class Method>
  Attribution<double> check(const char* stored_as, Method method, Target target = Target::logit) {
    Explainer<double> together(net, {.target = target}), apart(net, {.target = target, .batch = 1});
    Attribution<double> a = method(together, images.x.view(), images.labels);
    INFO(stored_as);
    const Tensor<double> expected = file.tensor<double>(stored_as);
    for (index_t n = 0; n < 2; ++n) { // each against its own largest value
      Tensor<double> one;
      one.copy_from(expected.view().slice(n, 1));
      CHECK(relative_error<double>(a.values.view().slice(n, 1), one) < 1e-10);
    }
    const Attribution<double> b = method(apart, images.x.view(), images.labels);
    CHECK(relative_error<double>(b.values, a.values) < 1e-12);
    CHECK(a.zero_share == b.zero_share);
    return a;
  }
};

const auto by_gradient = [](auto& explain, View<const double> x, auto& classes) {
  return gradient(explain, x, classes);
};
const auto by_guided_backprop = [](auto& explain, View<const double> x, auto& classes) {
  return guided_backprop(explain, x, classes);
};
const auto by_grad_cam = [](auto& explain, View<const double> x, auto& classes) {
  return grad_cam(explain, x, classes);
};
const auto by_integrated_gradients = [](auto& explain, View<const double> x, auto& classes) {
  return integrated_gradients(explain, x, classes, {.steps = 6, .background = {-0.75f}});
};
/// The given noise of make_maps.py in the place of normal numbers.
const auto by_smoothgrad = [](bool squared) {
  return [squared](auto& explain, View<const double> x, auto& classes) {
    const SmoothGradOptions options{.samples = 4, .fraction = 0.15, .squared = squared};
    const auto noise = [&](index_t sample, index_t image) {
      const index_t start = (sample * 2 + image) * x.shape().stride();
      return [start](index_t position) { return 4 * number("noise", start + position); };
    };
    return sgq::saliency::detail::smoothgrad(explain, x, classes, options, noise);
  };
};

} // namespace

TEST_CASE("maps of a net equal PyTorch's", "[golden][maps]") {
  Problem p("mnist_cnn");
  const auto a = p.check("gradient", by_gradient);
  CHECK(a.label == "gradient");
  CHECK(a.zero_share == Approx(p.file.tensor<double>("zero_share")[0]).epsilon(1e-12));
  p.check("gradient_log_probability", by_gradient, Target::log_probability);
  p.check("guided", by_guided_backprop);
  p.check("grad_cam", by_grad_cam);
  p.check("smoothgrad", by_smoothgrad(false));
  CHECK(p.check("smoothgrad_squared", by_smoothgrad(true)).label == "SmoothGrad^2");
  const auto ig = p.check("integrated", by_integrated_gradients);
  const Tensor<double> error = p.file.tensor<double>("completeness_error");
  REQUIRE(ig.completeness_error.size() == 2);
  for (index_t n = 0; n < 2; ++n)
    CHECK(ig.completeness_error[static_cast<std::size_t>(n)] == Approx(error[n]).epsilon(1e-9));
}

TEST_CASE("maps of a quantised net equal PyTorch's and say STE", "[golden][maps][quant]") {
  Problem p("mnist_cnn_w4a4");
  const auto a = p.check("gradient", by_gradient);
  CHECK(a.label == "gradient (STE)");
  CHECK(a.zero_share == Approx(p.file.tensor<double>("zero_share")[0]).epsilon(1e-12));
  CHECK(p.check("guided", by_guided_backprop).label == "guided backprop (STE)");
  CHECK(p.check("grad_cam", by_grad_cam).label == "Grad-CAM (STE)");
  const auto ig = p.check("integrated", by_integrated_gradients);
  const Tensor<double> error = p.file.tensor<double>("completeness_error");
  for (index_t n = 0; n < 2; ++n)
    CHECK(ig.completeness_error[static_cast<std::size_t>(n)] == Approx(error[n]).epsilon(1e-9));
}

TEST_CASE("maps of a residual net equal PyTorch's", "[golden][maps]") {
  Problem p("resnet20");
  p.check("gradient", by_gradient);
  p.check("guided", by_guided_backprop);
  p.check("grad_cam", by_grad_cam);
}

} // namespace test_maps_golden
