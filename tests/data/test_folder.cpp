// A folder of NPY or IDX files as a data set, and each way in which it can be wrong.
#include "sgq/data/load.hpp"

#include "data/files.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>

namespace test_folder {

using namespace sgq;
using namespace sgq::data;
using namespace data_files;

namespace {

/// Codes that look random, as a tensor.
Tensor<std::uint8_t> codes(const Shape& shape, std::uint32_t seed) {
  Tensor<std::uint8_t> tensor(shape);
  const std::string bytes = pixels(static_cast<int>(shape.size()), seed);
  std::copy(bytes.begin(), bytes.end(), tensor.begin());
  return tensor;
}

/// n labels from `first` to `last` in turn.
Tensor<std::uint8_t> label_row(index_t n, int first, int last) {
  Tensor<std::uint8_t> labels({n});
  for (index_t i = 0; i < n; ++i)
    labels[i] = static_cast<std::uint8_t>(first + i % (last - first + 1));
  return labels;
}

void write_npy_set(const std::string& dir, int first, int last) {
  std::filesystem::create_directories(dir);
  io::write_npy(dir + "/train.npy", codes({20, 3, 4, 6}, 1));
  io::write_npy(dir + "/train_labels.npy", label_row(20, first, last));
  io::write_npy(dir + "/test.npy", codes({9, 3, 4, 6}, 2));
  io::write_npy(dir + "/test_labels.npy", label_row(9, first, last));
}

/// Labels from `first` to `last` in turn, as an IDX file.
std::string idx_label_row(int n, int first, int last) {
  std::string bytes = big_endian(0x801) + big_endian(static_cast<std::uint32_t>(n));
  for (int i = 0; i < n; ++i) bytes += static_cast<char>(first + i % (last - first + 1));
  return bytes;
}

/// Four IDX files: PREFIXtrain-imagesSidx3-ubyte and so on.
void write_idx_set(const std::string& dir, const std::string& prefix, const std::string& test,
                   const std::string& s, int first, int last) {
  std::filesystem::create_directories(dir);
  const std::string train_at = dir + "/" + prefix + "train-", test_at = dir + "/" + prefix + test;
  write(train_at + "images" + s + "idx3-ubyte", idx_images(30, 5, 8));
  write(train_at + "labels" + s + "idx1-ubyte", idx_label_row(30, first, last));
  write(test_at + "-images" + s + "idx3-ubyte", idx_images(12, 5, 8));
  write(test_at + "-labels" + s + "idx1-ubyte", idx_label_row(12, first, last));
}

std::string refusal(const std::string& dir, Split split = Split::train) {
  return message_of<io_error>([&] { load_folder(dir, split); });
}

} // namespace

TEST_CASE("a folder of NPY files is a data set", "[data]") {
  const TempDir dir;
  write_npy_set(dir / "birds", 0, 4);
  write(dir / "birds/classes.txt", "crow\nfinch\r\nblue tit\nowl\n\xc3\xa4, b\n\n");
  const Dataset train = load_folder(dir / "birds/", Split::train),
                test = load(dir / "birds", "/nowhere", Split::test);
  CHECK(train.name == "birds");
  CHECK(train.size() == 20);
  CHECK(test.images.shape() == Shape{9, 3, 4, 6});
  CHECK(test.classes == 5);
  CHECK(test.first_label == 0);
  CHECK(test.class_names ==
        std::vector<std::string>{"crow", "finch", "blue tit", "owl", "\xc3\xa4, b"});
  const Tensor<std::uint8_t> expected = codes({9, 3, 4, 6}, 2);
  CHECK(std::equal(expected.begin(), expected.end(), test.images.begin()));
  CHECK(test.labels == std::vector<std::uint8_t>{0, 1, 2, 3, 4, 0, 1, 2, 3});
  check(train);
  check(test);
}

TEST_CASE("a set's grid and background are those of its training files", "[data]") {
  const TempDir dir;
  write_npy_set(dir / "set", 0, 4);
  const Dataset train = load_folder(dir / "set", Split::train),
                test = load_folder(dir / "set", Split::test);
  CHECK(train.grid == measure(train));
  CHECK(test.grid == train.grid);
  CHECK_FALSE(test.grid == measure(test));
  CHECK_FALSE(test.on_black);
  CHECK(background_values(test, test.grid) == std::vector<float>{0, 0, 0});
  const std::vector<index_t> two{3, 5};
  CHECK(subset(test, two).grid == train.grid);

  Tensor<std::uint8_t> dark = codes({20, 3, 4, 6}, 1);
  for (index_t i = 0; i <= dark.size() / 2; ++i) dark[i] = 0; // one more than half of them
  io::write_npy(dir / "set/train.npy", dark);
  const Dataset drawn = load_folder(dir / "set", Split::test);
  CHECK(drawn.on_black);
  CHECK(slice(drawn, 2, 3).on_black);
  CHECK(background_values(drawn, drawn.grid)[1] == drawn.grid.value<float>(0, 1));
  dark[0] = 1; // half of them
  dark[1] = 1;
  io::write_npy(dir / "set/train.npy", dark);
  CHECK_FALSE(load_folder(dir / "set", Split::test).on_black);
}

TEST_CASE("IDX files may have dots, a prefix and labels from 1 up", "[data]") {
  const TempDir dir;
  write_idx_set(dir / "dashes", "", "t10k", "-", 0, 9);
  write_idx_set(dir / "dots", "", "t10k", ".", 0, 9);
  write_idx_set(dir / "letters", "emnist-letters-", "test", "-", 1, 26);
  for (const char* name : {"dashes", "dots"}) {
    const Dataset test = load_folder(dir / name, Split::test);
    CHECK(test.images.shape() == Shape{12, 1, 5, 8});
    CHECK(test.classes == 10);
    CHECK(test.class_names.at(9) == "9");
  }
  const Dataset letters = load_folder(dir / "letters", Split::train),
                test = load_folder(dir / "letters", Split::test);
  CHECK(letters.first_label == 1);
  CHECK(letters.classes == 26);
  CHECK(letters.labels.at(0) == 0);
  CHECK(letters.labels.at(25) == 25);
  CHECK(letters.class_names.front() == "1"); // what the files call it
  CHECK(letters.class_names.back() == "26");
  CHECK(test.labels.at(11) == 11); // shifted as in training, although it has no 26
  CHECK(test.first_label == 1);
}

TEST_CASE("labels from 1 up are not shifted where class 0 has a name", "[data]") {
  const TempDir dir;
  write_npy_set(dir / "set", 1, 3);
  CHECK(load_folder(dir / "set", Split::train).classes == 3);
  write(dir / "set/classes.txt", "a\nb\nc\n");
  Dataset set = load_folder(dir / "set", Split::train);
  CHECK(set.first_label == 1);
  CHECK(set.labels.at(0) == 0);
  write(dir / "set/classes.txt", "background\na\nb\nc\n");
  set = load_folder(dir / "set", Split::train);
  CHECK(set.first_label == 0);
  CHECK(set.classes == 4);
  CHECK(set.labels.at(0) == 1);
}

TEST_CASE("what NPY files of a set can get wrong", "[data][errors]") {
  const TempDir dir;
  const std::string set = dir / "set";
  const auto after = [&](const std::string& file, const auto& tensor, Split split = Split::train) {
    std::filesystem::remove_all(set);
    write_npy_set(set, 0, 4);
    io::write_npy(set + "/" + file, tensor);
    return refusal(set, split);
  };
  CHECK(after("train.npy", codes({20, 3, 4, 6}, 1)).empty());
  CHECK(after("train.npy", Tensor<float>({20, 3, 4, 6})) ==
        set + "/train.npy, byte 20: expected numbers of type |u1, got '<f4' (hint: astype() of "
              "numpy converts)");
  CHECK(after("train_labels.npy", Tensor<std::int64_t>({20})) ==
        set + "/train_labels.npy, byte 20: expected numbers of type |u1, got '<i8' (hint: "
              "astype() of numpy converts)");
  CHECK(after("train.npy", codes({20, 4, 6}, 1)) ==
        set + "/train.npy, byte 60: expected images [N, C, H, W], got [20, 4, 6] (hint: "
              "images[:, None] adds the channel of grey images)");
  CHECK(after("train.npy", codes({20, 24, 40, 3}, 1)) ==
        set + "/train.npy, byte 60: expected images [N, C, H, W], got [20, 24, 40, 3] (hint: "
              "np.moveaxis(images, -1, 1) puts channels first)");
  CHECK(after("train.npy", codes({20, 8, 16, 4}, 1)).empty()); // narrow, channels first
  CHECK(contains(after("train.npy", codes({0, 3, 4, 6}, 1)), "got [0, 3, 4, 6]"));
  CHECK(contains(after("train.npy", Tensor<std::uint8_t>({20, 3, 4, 6}, 1)),
                 "train.npy: expected pixel codes from 0 to 255, got nothing above 1"));
  CHECK(after("train_labels.npy", label_row(19, 0, 4)) ==
        set + "/train_labels.npy: at byte 60: expected 20 labels, one per image of " + set +
            "/train.npy, got 19");
  CHECK(contains(after("train_labels.npy", codes({20, 1}, 1)), "byte 60: expected labels [N]"));
  CHECK(after("train_labels.npy", label_row(20, 2, 2)) ==
        set + "/train_labels.npy: at byte 128: expected an image of each class from 0 to 2, got "
              "none with the label 0");
  CHECK(contains(after("train_labels.npy", label_row(20, 0, 0)),
                 "/train_labels.npy: at byte 128: expected labels of two classes or more, got 0"));

  Tensor<std::uint8_t> labels = label_row(9, 0, 4);
  labels[7] = 5;
  CHECK(after("test_labels.npy", labels, Split::train).empty());
  CHECK(after("test_labels.npy", labels, Split::test) ==
        set + "/test_labels.npy: at byte 135: expected a label from 0 to 4, as in training, got 5");
  CHECK(after("test.npy", codes({9, 3, 6, 4}, 1), Split::test) ==
        set + "/test.npy: at byte 60: expected [9, 3, 4, 6], images as in " + set +
            "/train.npy, got [9, 3, 6, 4]");

  after("train.npy", codes({20, 3, 4, 6}, 1));
  for (const char* file : {"train.npy", "train_labels.npy", "test.npy", "test_labels.npy"}) {
    const std::string path = set + "/" + file, bytes = io::read_file(path);
    std::filesystem::remove(path);
    CHECK(contains(refusal(set, Split::test), path));
    write(path, bytes.substr(0, bytes.size() - 1));
    CHECK(contains(refusal(set, Split::test), path + ", byte 128: expected as many bytes as"));
    write(path, bytes.substr(0, 50));
    CHECK(contains(refusal(set, Split::test), path + ", byte 8: expected a header within"));
    write(path, "");
    CHECK(contains(refusal(set, Split::test), path + ", byte 0: expected \\x93NUMPY"));
    write(path, bytes);
  }
  CHECK(refusal(set, Split::test).empty());
}

TEST_CASE("what classes.txt can get wrong", "[data][errors]") {
  const TempDir dir;
  const std::string set = dir / "set", names = set + "/classes.txt";
  write_npy_set(set, 0, 4);
  const auto after = [&](const std::string& text) {
    write(names, text);
    return refusal(set);
  };
  CHECK(after("a\nb\nc\nd\ne").empty());
  CHECK(after("a\nb\nc\nd\ne\nf\n") ==
        names + ": expected at most 5 names, one per class of " + set + "/train_labels.npy, got 6");
  CHECK(after("a\nb\nc\nd\n") == set +
                                     "/train_labels.npy: at byte 132: expected a label of one of "
                                     "the 4 classes in " +
                                     names + ", got 4");
  CHECK(after("a\n\nc\nd\ne\n") ==
        names + ": at byte 2: expected the name of a class on every line, in UTF-8, got an empty "
                "line");
  CHECK(contains(after("a\nbc\xff\nd\ne\n"), "at byte 4: expected the name of a class on every "
                                             "line, in UTF-8, got other bytes"));
  CHECK(contains(after("\n\n"), "at byte 0: expected names of classes, got none"));
  std::string many;
  for (int i = 0; i < 300; ++i) many += to_text(i) + "\n";
  CHECK(contains(after(many), "at most 256 names, as labels are bytes, got more"));
  CHECK(contains(after("a\n \t\nc\nd\ne\n"), "at byte 2: expected the name of a class"));
  CHECK(contains(after("a\nb\na\nd\ne\n"), "at byte 4: expected the name of a class"));
  CHECK(contains(after("a\nb\033[1m\nc\nd\ne\n"), "got a control character"));
  CHECK(after("\xef\xbb\xbf"
              "a\nb\nc\nd\ne\n")
            .empty());
  CHECK(load_folder(set, Split::train).class_names.front() == "a");
}

TEST_CASE("what a folder of IDX files can get wrong", "[data][errors]") {
  const TempDir dir;
  const std::string set = dir / "set";
  std::filesystem::create_directories(set);
  CHECK(refusal(dir / "nothing") == dir / "nothing" + ": expected a folder with a data set, got "
                                                      "none");
  CHECK(refusal(set) == set + ": expected train.npy, train_labels.npy, test.npy and "
                              "test_labels.npy, or train-images-idx3-ubyte and its three "
                              "companions, got none");
  write(set + "/train-images.idx3-ubyte.gz", "\x1f\x8b");
  CHECK(contains(refusal(set), "got only train-images.idx3-ubyte.gz, still packed"));
  write_idx_set(set, "", "t10k", ".", 1, 4);
  CHECK(refusal(set).empty());
  std::filesystem::remove(set + "/t10k-images.idx3-ubyte");
  CHECK(refusal(set).empty()); // until it is asked for
  CHECK(contains(refusal(set, Split::test), "or t10k-images-idx3-ubyte and its three companions"));
  std::filesystem::remove(set + "/train-labels.idx1-ubyte");
  CHECK(contains(refusal(set), set + "/train-labels.idx1-ubyte: at byte 0: expected a readable"));
  write_idx_set(set, "", "t10k", ".", 1, 4);
  write(set + "/t10k-labels.idx1-ubyte", idx_label_row(12, 0, 3));
  CHECK(contains(refusal(set, Split::test),
                 "t10k-labels.idx1-ubyte: at byte 8: expected a label from 1 to 4, as in training, "
                 "got 0"));
  write_idx_set(set, "other-", "t10k", "-", 1, 4);
  CHECK(contains(refusal(set), "expected the IDX files of one set, got "
                               "other-train-images-idx3-ubyte and train-images.idx3-ubyte"));
}

TEST_CASE("load() takes a name or the path of a folder", "[data][errors]") {
  const TempDir dir;
  write_npy_set(dir / "set", 0, 4);
  CHECK(load(dir / "set", "", Split::test).size() == 9);
  CHECK(contains(message_of<value_error>([&] { load(dir / "no", "", Split::test); }),
                 "or the path of a folder with a set of your own"));
  CHECK(contains(
      message_of<value_error>([&] { load(dir / "set", "", Split::test, Protocol::holdout); }),
      "held-out protocol: expected the set cifar-10"));
}

TEST_CASE("a folder of one's own is not the set of its name", "[data]") {
  const TempDir dir;
  write_npy_set(dir / "mnist", 0, 4);
  CHECK(load(dir / "mnist", "", Split::test).name == "mnist/");
}

TEST_CASE("validation images of a folder are drawn, whatever its order", "[data]") {
  const TempDir dir;
  write_npy_set(dir / "sorted", 0, 4);
  Tensor<std::uint8_t> images = codes({60, 3, 4, 6}, 1), labels({60});
  for (index_t i = 0; i < 60; ++i) labels[i] = static_cast<std::uint8_t>(i / 12); // by class
  io::write_npy(dir / "sorted/train.npy", images);
  io::write_npy(dir / "sorted/train_labels.npy", labels);
  const Dataset all = load(dir / "sorted", "", Split::train),
                train = load(dir / "sorted", "", Split::train, Protocol::validation),
                held = load(dir / "sorted", "", Split::test, Protocol::validation);
  CHECK(train.size() == 50);
  CHECK(held.size() == 10);
  CHECK(held.labels.front() != held.labels.back());
  CHECK(train.grid == all.grid);
  CHECK(held.grid == all.grid);
  std::vector<std::uint8_t> both = train.labels;
  both.insert(both.end(), held.labels.begin(), held.labels.end());
  std::sort(both.begin(), both.end());
  CHECK(both == all.labels); // a partition
}

} // namespace test_folder
