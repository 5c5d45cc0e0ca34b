// What the page's JavaScript calls: C functions over the library, in one WebAssembly module.
//
// The caller writes bytes to page_room(n), or an image and its ink to page_image(), and reads the
// answer behind the returned pointer before the next call. A function that fails returns 0;
// page_error() says why, and is empty after one that did not.
#include "live_training.hpp"

#include "sgq/infer/float_engine.hpp"
#include "sgq/saliency/integrated_gradients.hpp"
#include "sgq/saliency/occlusion.hpp"

namespace {

using namespace page;
using sgq::Shape;
namespace infer = sgq::infer;
namespace saliency = sgq::saliency;

constexpr index_t pixels = 28 * 28, classes = 10;
const Shape image_shape{1, 1, 28, 28};

/// A network of the page and what explains it.
class Shown {
public:
  Shown(const io::SafeTensors& file, int number)
      : net_(load_net(file, number)), explain_(net_, {.background = background()}) {
    if (bits_of(number) == sgq::quant::fp32_bits)
      float_.emplace(net_);
    else
      integer_.emplace(infer::export_integer(net_));
  }
  Shown(const Shown&) = delete; // the explainer refers to the net
  Shown& operator=(const Shown&) = delete;

  /// By the engine: integers, where there are any.
  void operator()(View<const float> x, View<float> logits) const {
    if (integer_)
      (*integer_)(x, logits);
    else
      (*float_)(x, logits);
  }

  /// The engine alone, on pixel codes where it takes them.
  void run(View<const std::uint8_t> codes, View<const float> x) {
    float real[classes];
    std::int32_t sums[classes];
    if (integer_)
      integer_->run(codes, {sums, {1, classes}});
    else
      (*float_)(x, {real, {1, classes}});
  }

  /// [1, 28, 28]; of methods with a sign what speaks for the class.
  Tensor<float> map(int method, View<const float> x, std::uint8_t label) {
    const std::span<const std::uint8_t> of(&label, 1);
    if (method == 0) return to_maps(saliency::gradient<float>(explain_, x, of), magnitude);
    if (method == 2) return to_maps(saliency::guided_backprop<float>(explain_, x, of), magnitude);
    Tensor<float> signed_map;
    if (method == 1)
      signed_map = to_maps(saliency::integrated_gradients<float>(explain_, x, of), with_sign);
    else
      signed_map =
          to_maps(saliency::occlusion(saliency::Classifier(*this, classes, {background()}), x, of),
                  with_sign);
    for (float& v : signed_map) v = std::max(v, 0.0f);
    return signed_map;
  }

  /// Of the weights, packed; at 32 bits four bytes each.
  index_t bytes() {
    if (integer_) return infer::weight_bytes(integer_->graph());
    index_t count = 0;
    for (nn::ValueId i : nn::weight_layers(net_)) count += net_.layer(i).weights()->shape().size();
    return count * static_cast<index_t>(sizeof(float));
  }

private:
  static constexpr auto magnitude = saliency::Values::magnitude;
  static constexpr auto with_sign = saliency::Values::with_sign;

  nn::Net<float> net_;
  saliency::Explainer<float> explain_;
  std::optional<infer::Engine> integer_;
  std::optional<infer::FloatEngine<float>> float_;
};

void check_number(const char* what, int number, index_t count) {
  if (number < 0 || number >= count)
    throw sgq::value_error(
        sgq::describe(what, "0 to " + sgq::to_text(count - 1), sgq::to_text(number)));
}

/// All that lives between two calls.
struct Page {
  std::string room, error, text;
  std::uint8_t image[2 * pixels]{}; ///< pixel codes, then where the ink is
  io::SafeTensors file;
  std::unique_ptr<Shown> nets[net_count];
  std::optional<LiveTraining> training;
  std::vector<float> answer;
  std::vector<std::uint8_t> bytes;

  View<const std::uint8_t> codes() const { return {image, image_shape}; }
  Tensor<float> input() const {
    Tensor<float> x(image_shape);
    sgq::data::normalize<float>(codes(), grid(), x);
    return x;
  }
  /// Built when it is first asked for.
  Shown& net(int number) {
    check_number("net", number, net_count);
    auto& slot = nets[number];
    if (!slot) slot = std::make_unique<Shown>(file, number);
    return *slot;
  }
  LiveTraining& run() {
    if (!training) throw sgq::value_error(sgq::describe("training", "page_train first", "none"));
    return *training;
  }
};

Page& page_state() {
  static Page state;
  return state;
}

/// f(page), or 0 and an error.
template <class F>
auto answer(F f) -> decltype(f(page_state())) {
  Page& p = page_state();
  p.error.clear();
  try {
    return f(p);
  } catch (const std::exception& e) {
    p.error = e.what();
    return {};
  }
}

} // namespace

#define PAGE_API(name) extern "C" [[clang::export_name(#name)]]

PAGE_API(page_error) const char* page_error() {
  return page_state().error.c_str();
}

PAGE_API(page_room) char* page_room(int bytes) {
  return answer([&](Page& p) {
    p.room.resize(static_cast<std::size_t>(bytes));
    return p.room.data();
  });
}

/// 784 pixel codes, then 784 bytes that are not 0 where ink is.
PAGE_API(page_image) std::uint8_t* page_image() {
  return page_state().image;
}

/// Reads the networks from the room.
PAGE_API(page_open) int page_open() {
  return answer([](Page& p) {
    p.file = io::parse_safetensors(p.room, "networks");
    for (auto& net : p.nets) net.reset(); // those of an earlier file
    return 1;
  });
}

/// A pair of the networks' file: "accuracy.guided.4".
PAGE_API(page_fact) const char* page_fact(const char* key) {
  return answer([&](Page& p) {
    const auto found = p.file.metadata.find(key);
    p.text = found == p.file.metadata.end() ? "" : found->second;
    return p.text.c_str();
  });
}

/// `count` images of the built-in test set, their ink and their labels: (2 x 784 + 1) count bytes.
PAGE_API(page_samples) const std::uint8_t* page_samples(int count) {
  return answer([&](Page& p) -> const std::uint8_t* {
    const auto set = sgq::data::synthetic(count, 2, sgq::data::Split::test);
    p.bytes.assign(set.images.begin(), set.images.end());
    p.bytes.insert(p.bytes.end(), set.evidence.begin(), set.evidence.end());
    for (int i = 0; i < count; ++i) p.bytes.push_back(set.labels[static_cast<std::size_t>(i)]);
    return p.bytes.data();
  });
}

/// Ten probabilities.
PAGE_API(page_predict) const float* page_predict(int net) {
  return answer([&](Page& p) -> const float* {
    Tensor<float> logits({1, classes});
    p.net(net)(p.input(), logits.view());
    p.answer.clear();
    for (index_t c = 0; c < classes; ++c)
      p.answer.push_back(
          static_cast<float>(sgq::math::exp(saliency::log_probability(logits.data(), classes, c))));
    return p.answer.data();
  });
}

/// A map of 784 values for a class: 0 gradient, 1 integrated gradients, 2 guided backprop,
/// 3 occlusion. Then one more number: of as many of its largest values as there is ink, the share
/// on the ink (NaN without ink).
PAGE_API(page_map) const float* page_map(int net, int method, int label) {
  return answer([&](Page& p) -> const float* {
    check_number("map", method, 4);
    check_number("class", label, classes);
    const Tensor<float> map = p.net(net).map(method, p.input(), static_cast<std::uint8_t>(label));
    p.answer.assign(map.begin(), map.end());
    const View<const std::uint8_t> ink(p.image + pixels, {1, 28, 28});
    p.answer.push_back(static_cast<float>(saliency::relevance_rank(map, ink)[0]));
    return p.answer.data();
  });
}

PAGE_API(page_bytes) int page_bytes(int net) {
  return answer([&](Page& p) { return static_cast<int>(p.net(net).bytes()); });
}

/// Runs the engine of a net on the image so many times, for a clock.
PAGE_API(page_run) int page_run(int net, int times) {
  return answer([&](Page& p) {
    Shown& shown = p.net(net);
    const Tensor<float> x = p.input();
    for (int i = 0; i < times; ++i) shown.run(p.codes(), x);
    return 1;
  });
}

/// Begins a training run; returns the number of its steps.
PAGE_API(page_train) int page_train(int bits, int guided) {
  return answer([&](Page& p) {
    p.training.emplace(LiveOptions{.bits = bits, .guided = guided != 0});
    return static_cast<int>(p.run().last_step());
  });
}

/// One step: its number, the loss, and the share of the batch that was right.
PAGE_API(page_step) const float* page_step() {
  return answer([](Page& p) -> const float* {
    const auto result = p.run().step();
    p.answer = {static_cast<float>(p.run().steps()), static_cast<float>(result.loss),
                static_cast<float>(result.correct) / static_cast<float>(result.images)};
    return p.answer.data();
  });
}

/// Accuracy on the test set.
PAGE_API(page_accuracy) double page_accuracy() {
  return answer([](Page& p) { return p.run().accuracy(); });
}

/// How many clips there are, then their values.
PAGE_API(page_clips) const float* page_clips() {
  return answer([](Page& p) -> const float* {
    p.answer = p.run().clips();
    p.answer.insert(p.answer.begin(), static_cast<float>(p.answer.size()));
    return p.answer.data();
  });
}

/// The maps of twelve test images, then the mean share of their largest values on the digit.
PAGE_API(page_train_maps) const float* page_train_maps() {
  return answer([](Page& p) -> const float* {
    const Tensor<float> maps = p.run().maps();
    p.answer.assign(maps.begin(), maps.end());
    p.answer.push_back(static_cast<float>(p.run().on_evidence(maps)));
    return p.answer.data();
  });
}

/// Those images, then their ink.
PAGE_API(page_train_images) const std::uint8_t* page_train_images() {
  return answer([](Page& p) -> const std::uint8_t* {
    const auto& set = p.run().test_set();
    const auto n = LiveTraining::map_count * pixels;
    p.bytes.assign(set.images.begin(), set.images.begin() + n);
    p.bytes.insert(p.bytes.end(), set.evidence.begin(), set.evidence.begin() + n);
    return p.bytes.data();
  });
}

/// "separate 1f3a..": the arithmetic, and the digest of the run so far.
PAGE_API(page_digest) const char* page_digest() {
  return answer([](Page& p) {
    p.text = std::string(arithmetic()) + " " + p.run().digest();
    return p.text.c_str();
  });
}
