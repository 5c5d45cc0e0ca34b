// The library's models as functions of the image and the number of classes, and model files that
// say both.
#include "sgq/nn/model_file.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace test_model_shapes {

using namespace sgq;
using namespace sgq::nn;

namespace {

/// The least height and width that a model can pool.
index_t least_of(std::string_view model) {
  return model == "lenet5" ? 12 : model == "mnist_cnn" ? 6 : model == "vgg_small" ? 8 : 1;
}

ModelSpec spec_of(std::string net, const Shape& image) {
  ModelSpec spec{.net = std::move(net)};
  spec.options = {.seed = 3, .classes = 7, .width = 6, .image = image};
  return spec;
}

} // namespace

TEST_CASE("every model takes images of any shape that it can pool", "[models]") {
  for (const std::string& name : names_of(models<float>)) {
    INFO(name);
    const index_t least = least_of(name);
    for (const Shape& image :
         {Shape{3, 24, 40}, Shape{1, 40, 24}, Shape{2, least, least + 5}, Shape{5, 33, least}}) {
      INFO(image.str());
      Net<float> net = make_model(name, {.classes = 7, .width = 6, .image = image});
      CHECK(net.input_shape() == Shape{1, image[0], image[1], image[2]});
      Tape<float> tape;
      CHECK(net.forward(Tensor<float>(net.input_shape().with_batch(2), 0.5f), tape).shape() ==
            Shape{2, 7});
    }
  }
}

TEST_CASE("a model of the published shape is the published model", "[models]") {
  for (const auto& model : models<float>) {
    Net<float> published = make_model(model.name, {.seed = 5, .width = 6}),
               given = make_model(model.name, {.seed = 5, .width = 6, .image = model.image});
    CHECK((to_json(published) == to_json(given)));
    const auto a = published.parameters(), b = given.parameters();
    for (std::size_t i = 0; i < a.size(); ++i)
      CHECK(std::equal(a[i].parameter->value().begin(), a[i].parameter->value().end(),
                       b[i].parameter->value().begin()));
  }
}

TEST_CASE("images that are too small for a model are refused by name", "[models][errors]") {
  for (const std::string& name : names_of(models<float>)) {
    const index_t least = least_of(name);
    const auto refusal = [&](const Shape& image) {
      return message_of<shape_error>([&] { make_model(name, {.width = 6, .image = image}); });
    };
    const std::string expected = name + ": expected images {C, H, W} of at least " +
                                 to_text(least) + " x " + to_text(least) + " pixels, got ";
    for (const Shape& image : {Shape{1, least - 1, 40}, Shape{1, 40, least - 1}, Shape{0, 40, 40},
                               Shape{40, 40}, Shape{1, 1, 40, 40}})
      CHECK(refusal(image) == expected + image.str());
  }
}

TEST_CASE("a model file says the image, the grid and the classes", "[models]") {
  const TempDir dir;
  const std::vector<std::string> names{"red", "green", "blue", "dark cyan", "5", "\xc3\xa4", "g"};
  for (const char* bits : {"fp32", "w4a4"}) {
    ModelSpec spec = spec_of("resnet20", {3, 9, 14});
    spec.quant.bits = quant::parse_bit_policy(bits);
    spec.quant.alpha = 6;
    spec.quant.input = {.scale = 0.02f, .zero_point = {100, 110, 120}};
    Net<float> net = build_model(spec);
    Metadata pairs = to_metadata(spec);
    CHECK(pairs.at("image_shape") == "3 9 14");
    pairs.merge(to_metadata(names));
    save_model(dir / "m.safetensors", net, pairs);

    const Model<float> model = load_model(dir / "m.safetensors");
    REQUIRE(model.spec);
    CHECK(*model.spec == spec);
    CHECK(model.spec->options.image == Shape{3, 9, 14});
    CHECK(model.input == spec.quant.input);
    CHECK(model.class_names == names);
    CHECK(model.net.input_shape() == Shape{1, 3, 9, 14});
  }
}

TEST_CASE("a file of the published shape says no more than it did", "[models]") {
  for (const auto& model : models<float>) {
    const ModelSpec published = spec_of(std::string(model.name), {}),
                    given = spec_of(std::string(model.name), model.image);
    CHECK(to_metadata(given).count("image_shape") == 0);
    CHECK(given == published);
    CHECK_FALSE(given == spec_of(std::string(model.name), {3, 48, 48}));
  }
  CHECK(load_model(io::parse_safetensors(
                       [] {
                         Net<float> net = build_model(spec_of("lenet5", {}));
                         io::SafeTensors file;
                         file.metadata = to_metadata(spec_of("lenet5", {}));
                         add_tensors(file, stored(net));
                         return io::format_safetensors(file);
                       }(),
                       "old"))
            .class_names.empty());
}

TEST_CASE("pairs about images and classes that make no sense", "[models][errors]") {
  Metadata pairs = to_metadata(spec_of("lenet5", {3, 24, 40}));
  const auto refusal = [&](const char* shape) {
    pairs["image_shape"] = shape;
    return message_of<error>([&] { build_model(spec_from_metadata(pairs)); });
  };
  CHECK(refusal("3 24 40").empty());
  CHECK(
      contains(refusal("3 24"),
               "'image_shape': expected three extents from 1 up, at most 2^28 numbers, got 3 24"));
  CHECK(contains(refusal("-1 5 5"), "'image_shape': expected three extents"));
  CHECK(contains(refusal("3 4611686018427387904 4"), "'image_shape': expected three extents"));
  CHECK(contains(refusal("3 x 40"), "'image_shape': expected a number, got 'x'"));
  CHECK(contains(refusal("3 -24 40"), "at most 2^28 numbers, got 3 -24 40"));
  CHECK(contains(refusal("3 24 4"), "at least 12 x 12"));
  CHECK(contains(refusal("1 65536 65536"), "at most 2^28 numbers"));

  const std::vector<std::string> names{"a", "b"}, broken{"a", "b\nc"};
  CHECK(class_names_from_metadata(to_metadata(names), 2) == names);
  CHECK(class_names_from_metadata(to_metadata(names), 3).empty()); // a pair of somebody else
  CHECK(class_names_from_metadata({}, 3).empty());
  CHECK(contains(message_of<value_error>([&] { to_metadata(broken); }), "name of class 1"));
}

} // namespace test_model_shapes
