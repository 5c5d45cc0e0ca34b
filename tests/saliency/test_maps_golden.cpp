// Attribution maps against PyTorch: tests/golden/make_maps.py computed the numbers, in double.
#include "sgq/saliency/cam.hpp"
#include "sgq/saliency/expected_gradients.hpp"
#include "sgq/saliency/gradient.hpp"
#include "sgq/saliency/integrated_gradients.hpp"
#include "sgq/saliency/net_function.hpp"
#include "sgq/saliency/score_cam.hpp"
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
  io::SafeTensors file, more;
  Tensor<float> baselines; ///< the three images after those two

  explicit Problem(const std::string& name)
      : net(golden_net<double>(name)), images(batch(net, 0, 2)), file(stored("maps/" + name)),
        more(stored("maps/" + name + "_more")) {
    set_statistics(net);
    const Batch<double> after = batch(net, 2, 3);
    baselines.resize(after.x.shape());
    for (index_t i = 0; i < baselines.size(); ++i) baselines[i] = static_cast<float>(after.x[i]);
  }

  /// Checks that a method's values are those stored, in one batch and image by image.
  template <class Method>
  Attribution<double> check(const char* stored_as, Method method, Target target = Target::logit) {
    ExplainerOptions options{.target = target, .baselines = baselines};
    Explainer<double> together(net, options);
    options.batch = 1;
    Explainer<double> apart(net, options);
    Attribution<double> a = method(together, images.x.view(), images.labels);
    INFO(stored_as);
    const Tensor<double> expected = (file.find(stored_as) ? file : more).tensor<double>(stored_as);
    for (index_t n = 0; n < 2; ++n) { // each against its own largest value
      Tensor<double> one;
      one.copy_from(expected.view().slice(n, 1));
      CHECK(relative_difference(a.values.view().slice(n, 1), one) < 1e-10);
    }
    const Attribution<double> b = method(apart, images.x.view(), images.labels);
    CHECK(relative_difference(b.values, a.values) < 1e-12);
    CHECK(a.zero_share == b.zero_share);
    const auto &one = b.completeness_error, &all = a.completeness_error;
    REQUIRE(one.size() == all.size());
    for (std::size_t n = 0; n < all.size(); ++n) CHECK(one[n] == Approx(all[n]).epsilon(1e-9));
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
const auto by_grad_cam_plus_plus = [](auto& explain, View<const double> x, auto& classes) {
  return grad_cam_plus_plus(explain, x, classes);
};
const auto by_layer_cam = [](auto& explain, View<const double> x, auto& classes) {
  return layer_cam(explain, x, classes);
};
const auto by_hires_cam = [](auto& explain, View<const double> x, auto& classes) {
  return hires_cam(explain, x, classes);
};
const auto by_integrated_gradients = [](auto& explain, View<const double> x, auto& classes) {
  return integrated_gradients(explain, x, classes, {.steps = 6, .background = {-0.75f}});
};
/// The given noise of make_maps.py in the place of normal numbers.
auto given_noise(index_t features) {
  return [features](index_t sample, index_t image) {
    const index_t start = (sample * 2 + image) * features;
    return [start](index_t position) { return 4 * number("noise", start + position); };
  };
}
const auto by_smoothgrad = [](bool squared) {
  return [squared](auto& explain, View<const double> x, auto& classes) {
    const SmoothGradOptions options{.samples = 4, .fraction = 0.15, .squared = squared};
    return sgq::saliency::detail::smoothgrad(explain, x, classes, options,
                                             given_noise(x.shape().stride()));
  };
};
const auto by_vargrad = [](auto& explain, View<const double> x, auto& classes) {
  return sgq::saliency::detail::vargrad(explain, x, classes, {.samples = 4, .fraction = 0.15},
                                        given_noise(x.shape().stride()));
};
/// The given draws of make_maps.py.
const auto by_expected_gradients = [](auto& explain, View<const double> x, auto& classes) {
  return sgq::saliency::detail::expected_gradients(
      explain, x, classes, 4, [](index_t sample, index_t image) {
        const index_t at = sample * 2 + image;
        return sgq::saliency::detail::BaselineDraw{mixed("baseline", at) % 3,
                                                   number("share", at) + 0.5};
      });
};

/// Score-CAM, which knows floats alone; `unit`: what a code of its layer stands for.
void check_score_cam(const std::string& name, double unit = 1) {
  Net<float> net = golden_net<float>(name);
  set_statistics(net);
  const Batch<float> images = batch(net, 0, 2);
  NetFunction f(net);
  NetFeatureMaps features(net);
  const auto a = score_cam(Classifier(f, net.classes(), {.background = {-0.75f}}), features,
                           images.x, images.labels);
  const Tensor<double> expected = stored("maps/" + name + "_more").tensor<double>("score_cam");
  for (index_t n = 0; n < 2; ++n) {
    Tensor<double> one, got;
    one.copy_from(expected.view().slice(n, 1));
    got.resize(one.shape());
    for (index_t i = 0; i < got.size(); ++i)
      got[i] = unit * static_cast<double>(a.values[n * got.size() + i]);
    CHECK(relative_difference(got.view(), one) < 1e-5);
  }
  CHECK(a.label == "Score-CAM");
}

} // namespace

TEST_CASE("maps of a net equal PyTorch's", "[golden][maps]") {
  Problem p("mnist_cnn");
  const auto a = p.check("gradient", by_gradient);
  CHECK(a.label == "gradient");
  CHECK(a.zero_share == Approx(p.file.tensor<double>("zero_share")[0]).epsilon(1e-12));
  p.check("gradient_log_probability", by_gradient, Target::log_probability);
  p.check("guided", by_guided_backprop);
  p.check("grad_cam", by_grad_cam);
  CHECK(p.check("grad_cam_plus_plus", by_grad_cam_plus_plus).label == "Grad-CAM++");
  p.check("layer_cam", by_layer_cam);
  p.check("hires_cam", by_hires_cam);
  p.check("smoothgrad", by_smoothgrad(false));
  CHECK(p.check("smoothgrad_squared", by_smoothgrad(true)).label == "SmoothGrad^2");
  CHECK(p.check("vargrad", by_vargrad).label == "VarGrad");
  CHECK(p.check("expected", by_expected_gradients).label == "expected gradients");
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
  CHECK(p.check("grad_cam_plus_plus", by_grad_cam_plus_plus).label == "Grad-CAM++ (STE)");
  CHECK(p.check("layer_cam", by_layer_cam).label == "LayerCAM (STE)");
  CHECK(p.check("hires_cam", by_hires_cam).label == "HiResCAM (STE)");
  CHECK(p.check("expected", by_expected_gradients).label == "expected gradients (STE)");
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
  p.check("grad_cam_plus_plus", by_grad_cam_plus_plus);
  p.check("layer_cam", by_layer_cam);
  p.check("hires_cam", by_hires_cam);
}

TEST_CASE("Score-CAM equals PyTorch's, in codes where the layer has codes", "[golden][maps]") {
  check_score_cam("mnist_cnn");
  check_score_cam("mnist_cnn_w4a4", 2.0 / 15); // alpha / n
  check_score_cam("resnet20");
}

} // namespace test_maps_golden
