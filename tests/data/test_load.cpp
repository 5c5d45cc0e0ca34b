#include "data/files.hpp"
#include "sgq/data/load.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>

namespace test_load {

using namespace sgq;
using namespace sgq::data;
using namespace data_files;

namespace {

void write_idx_set(const std::string& folder, int train, int test) {
  std::filesystem::create_directories(folder);
  write(folder + "/train-images-idx3-ubyte", idx_images(train));
  write(folder + "/train-labels-idx1-ubyte", idx_labels(train));
  write(folder + "/t10k-images-idx3-ubyte", idx_images(test));
  write(folder + "/t10k-labels-idx1-ubyte", idx_labels(test));
}

/// Batch i has i records; the test batch has 7.
void write_cifar_set(const std::string& folder) {
  std::filesystem::create_directories(folder);
  for (int i = 1; i <= 5; ++i)
    write(folder + "/data_batch_" + std::to_string(i) + ".bin", cifar(i));
  write(folder + "/test_batch.bin", cifar(7));
}

} // namespace

TEST_CASE("A set is found in DIR/SET and in DIR itself", "[data]") {
  TempDir dir;
  write_idx_set(dir / "mnist", 4, 3);
  write_idx_set(dir / "fashion-mnist", 6, 5);
  CHECK(load("mnist", dir / "", Split::train).size() == 4);
  CHECK(load("mnist", dir / "mnist", Split::test).size() == 3);
  CHECK(load("mnist", dir / "mnist/", Split::test).size() == 3);
  const Dataset fashion = load("fashion-mnist", dir / ".", Split::test);
  CHECK(fashion.size() == 5);
  CHECK(fashion.name == "fashion-mnist");
  CHECK(fashion.class_names.at(9) == "Ankle boot");
  write_idx_set(dir / "plain", 2, 1);
  CHECK(load("fashion-mnist", dir / "plain", Split::train).size() == 2);
}

TEST_CASE("A set that was asked for is never replaced by another", "[data]") {
  TempDir dir;
  write_idx_set(dir / "mnist", 4, 3);
  // The two sets' files bear the same names, so the folder's name counts.
  const std::string message =
      message_of<io_error>([&] { load("fashion-mnist", dir / "mnist", Split::train); });
  CHECK(contains(message, "fashion-mnist: expected train-images-idx3-ubyte in " +
                              (dir / "mnist/fashion-mnist") + ", got no such file"));
  CHECK(contains(message, "data/fetch.sh fashion-mnist"));
  CHECK_SAYS(load("fashion-mnist", dir / "mnist//", Split::train), io_error,
             "fashion-mnist: expected train-images", "got no such file");
  for (const char* folder : {"MNIST", "MNIST/raw", "mnist/raw/"}) { // torchvision's
    write_idx_set(dir / folder, 4, 3);
    CHECK_SAYS(load("fashion-mnist", dir / folder, Split::train), io_error,
               "fashion-mnist: expected train-images", "got no such file");
    CHECK(load("mnist", dir / folder, Split::train).size() == 4);
  }
  write_idx_set(dir / "Fashion_MNIST/raw", 4, 3);
  CHECK_SAYS(load("mnist", dir / "Fashion_MNIST/raw", Split::train), io_error, "no such file");
  CHECK(load("fashion-mnist", dir / "Fashion_MNIST/raw", Split::train).size() == 4);
  write_idx_set(dir / "raw", 4, 3); // says nothing
  CHECK(load("fashion-mnist", dir / "raw", Split::train).size() == 4);
  CHECK_SAYS(load("cifar-10", dir / "", Split::train), io_error,
             "cifar-10: expected data_batch_1.bin", "got no such file");
  CHECK_SAYS(load("mnist", "", Split::train), io_error, "in ./mnist or ., got no such file");
  CHECK(contains(message_of<value_error>([&] { load("emnist", dir / "", Split::train); }),
                 "expected mnist, fashion-mnist, cifar-10, cifar-100 or synthetic, got 'emnist'"));

  // Part of a set is not a set.
  std::filesystem::remove(dir / "mnist/train-labels-idx1-ubyte");
  CHECK(contains(message_of<io_error>([&] { load("mnist", dir / "", Split::train); }),
                 "train-labels-idx1-ubyte: at byte 0: expected a readable file"));
  CHECK(load("mnist", dir / "", Split::test).size() == 3);
}

TEST_CASE("A named pipe in the place of a set's file is an error at once", "[data]") {
  TempDir dir;
  std::filesystem::create_directories(dir / "mnist");
  std::filesystem::create_directories(dir / "cifar-10");
  alarm(20);
  for (const char* file : {"mnist/train-images-idx3-ubyte", "cifar-10/data_batch_1.bin"}) {
    REQUIRE(mkfifo((dir / file).c_str(), 0600) == 0);
    const std::string name = std::filesystem::path(file).parent_path();
    const std::string message = message_of<io_error>([&] { load(name, dir / "", Split::train); });
    CHECK(contains(message, file));
    CHECK(contains(message, "expected a regular file, got a named pipe"));
  }
  alarm(0);
}

TEST_CASE("Packed files are pointed out", "[data]") {
  TempDir dir;
  write(dir / "train-images-idx3-ubyte.gz", "\x1f\x8b");
  write(dir / "cifar-10-binary.tar.gz", "\x1f\x8b");
  for (const char* name : {"mnist", "cifar-10"})
    CHECK(contains(message_of<io_error>([&] { load(name, dir / "", Split::train); }),
                   "still packed"));
}

TEST_CASE("MNIST images are 28 x 28", "[data]") {
  TempDir dir;
  write_idx_set(dir / "mnist", 4, 3);
  write(dir / "mnist/train-images-idx3-ubyte", idx_images(4, 28, 27));
  CHECK(contains(message_of<io_error>([&] { load("mnist", dir / "", Split::train); }),
                 "at byte 8: expected images of 28 x 28 pixels, got 28 x 27"));
}

TEST_CASE("CIFAR-10 protocols choose the batches", "[data]") {
  TempDir dir;
  write_cifar_set(dir / "cifar-10/cifar-10-batches-bin");
  const auto size = [&](const std::string& in, Split split, Protocol protocol) {
    return load("cifar-10", in, split, protocol).size();
  };
  for (const std::string& in :
       {dir / "", dir / "cifar-10", dir / "cifar-10/cifar-10-batches-bin"}) {
    CHECK(size(in, Split::train, Protocol::standard) == 15);
    CHECK(size(in, Split::test, Protocol::standard) == 7);
    CHECK(size(in, Split::train, Protocol::holdout) == 10);
    CHECK(size(in, Split::test, Protocol::holdout) == 5);
    CHECK(size(in, Split::train, Protocol::validation) == 6);
    CHECK(size(in, Split::test, Protocol::validation) == 4);
  }
  CHECK(load("cifar-10", dir / "", Split::test).class_names.at(9) == "truck");
  write_idx_set(dir / "mnist", 2, 2);
  CHECK_SAYS(load("mnist", dir / "", Split::train, Protocol::holdout), value_error,
             "held-out protocol", "got mnist");
}

TEST_CASE("CIFAR-100 has one file for each split", "[data]") {
  TempDir dir;
  std::string record(3074, '\7');
  record[1] = 99;
  for (const std::string& folder :
       {dir / "a/cifar-100", dir / "b/cifar-100/cifar-100-binary", dir / "c"}) {
    std::filesystem::create_directories(folder);
    write(folder + "/train.bin", record + record);
    write(folder + "/test.bin", record);
  }
  for (const char* in : {"a", "b", "c"}) {
    CHECK(load("cifar-100", dir / in, Split::train).size() == 2);
    const Dataset test = load("cifar-100", dir / in, Split::test);
    CHECK(test.size() == 1);
    CHECK(test.classes == 100);
    CHECK(test.class_names.at(test.labels.at(0)) == "worm");
    CHECK(test.grid == normalization("cifar-100"));
    CHECK_FALSE(test.on_black);
  }
  CHECK_SAYS(load("cifar-100", dir / "c", Split::train, Protocol::holdout), value_error,
             "held-out protocol", "got cifar-100");
  write(dir / "cifar-100-binary.tar.gz", "\x1f\x8b");
  CHECK(contains(message_of<io_error>([&] { load("cifar-100", dir / "", Split::train); }),
                 "still packed"));
}

TEST_CASE("Validation sets the last sixth of the training images aside", "[data]") {
  TempDir dir;
  write_idx_set(dir / "mnist", 15, 3);
  const Dataset all = load("mnist", dir / "", Split::train);
  const Dataset train = load("mnist", dir / "", Split::train, Protocol::validation);
  const Dataset held = load("mnist", dir / "", Split::test, Protocol::validation);
  REQUIRE(train.size() == 13);
  REQUIRE(held.size() == 2);
  CHECK(held.name == "mnist");
  const auto image = [](const Dataset& set, index_t i) {
    const std::uint8_t* first = set.images.data() + i * set.images.shape().stride();
    return std::vector<std::uint8_t>(first, first + set.images.shape().stride());
  };
  for (index_t i = 0; i < 15; ++i) {
    const Dataset& part = i < 13 ? train : held;
    const index_t at = i < 13 ? i : i - 13;
    CHECK(image(part, at) == image(all, i));
    CHECK(part.labels[static_cast<std::size_t>(at)] == all.labels[static_cast<std::size_t>(i)]);
  }
  // No test image is touched: their files may be missing.
  std::filesystem::remove(dir / "mnist/t10k-images-idx3-ubyte");
  CHECK_NOTHROW(load("mnist", dir / "", Split::test, Protocol::validation));
  write_idx_set(dir / "fashion-mnist", 5, 3);
  CHECK(contains(message_of<value_error>(
                     [&] { load("fashion-mnist", dir / "", Split::test, Protocol::validation); }),
                 "validation split of fashion-mnist: expected 6 or more training images, got 5"));
}

TEST_CASE("The built-in set is validated on images of another seed", "[data]") {
  const auto part = [](Split split, Protocol protocol) {
    return load("synthetic", "", split, protocol);
  };
  const Dataset test = part(Split::test, Protocol::standard);
  const Dataset held = part(Split::test, Protocol::validation);
  CHECK(held.size() == 2000);
  CHECK(held.evidence.shape() == held.images.shape());
  const auto is_of_seed = [](const Dataset& set, std::uint64_t seed) {
    const Dataset right = synthetic(2000, seed, Split::test);
    return std::equal(set.images.begin(), set.images.end(), right.images.begin(),
                      right.images.end());
  };
  CHECK(is_of_seed(test, 1));
  CHECK(is_of_seed(held, 2));
  const Dataset a = part(Split::train, Protocol::standard);
  const Dataset b = part(Split::train, Protocol::validation);
  CHECK(std::equal(a.images.begin(), a.images.end(), b.images.begin(), b.images.end()));
}

TEST_CASE("The synthetic set needs no files", "[data]") {
  const Dataset set = load("synthetic", "/nowhere", Split::test);
  CHECK(set.size() == 2000);
  CHECK(set.evidence.shape() == set.images.shape());
  CHECK(set.grid == normalization("synthetic"));
  CHECK(set.on_black);
}

TEST_CASE("Every set of the table has a name, a grid, classes and a background", "[data]") {
  CHECK(one_of(names_of(datasets)) == "mnist, fashion-mnist, cifar-10, cifar-100 or synthetic");
  for (const DatasetInfo& info : datasets) {
    INFO(std::string(info.name));
    const QuantParams grid = normalization(info.name);
    REQUIRE(grid.channels() == info.channels);
    CHECK_FALSE((info.title.empty() || info.about.empty()));
    CHECK_FALSE(info.class_names.empty());
    for (const std::string_view name : info.class_names) CHECK_FALSE(name.empty());
    const std::vector<float> background = background_values(info.name, grid);
    REQUIRE(background.size() == static_cast<std::size_t>(info.channels));
    CHECK(background[0] == (info.on_black ? grid.value<float>(0, 0) : 0.0f));
  }
  CHECK(load("synthetic", "", Split::test).class_names == synthetic(1, 1, Split::test).class_names);
}

TEST_CASE("The classes of a set have their authors' names and order", "[data]") {
  const auto classes = [](const char* set) {
    const auto names = dataset_info(set).class_names;
    return one_of(std::vector<std::string>(names.begin(), names.end()));
  };
  CHECK(classes("mnist") == "0, 1, 2, 3, 4, 5, 6, 7, 8 or 9");
  CHECK(classes("fashion-mnist") == "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, "
                                    "Sneaker, Bag or Ankle boot");
  CHECK(classes("cifar-10") ==
        "airplane, automobile, bird, cat, deer, dog, frog, horse, ship or truck");
}

} // namespace test_load
