#include "golden/io.hpp"
#include "io/mutate.hpp"
#include "sgq/io/safetensors.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

#include <cmath>

namespace test_safetensors {

using namespace sgq;
using namespace sgq::io;

namespace {

/// A file with this header, however wrong, and so many bytes of data.
std::string raw_file(const std::string& header, std::size_t data = 0) {
  std::string bytes;
  for (std::size_t shift = 0; shift < 64; shift += 8)
    bytes += static_cast<char>(header.size() >> shift & 0xff);
  return bytes + header + std::string(data, 'd');
}

std::string refusal(const std::string& bytes) {
  return message_of<io_error>([&] { parse_safetensors(bytes, "f"); });
}

/// The refusal of a file whose only tensor 'x' is described so.
std::string refusal_of(const std::string& description, std::size_t data) {
  return refusal(raw_file("{\"x\":{" + description + "}}", data));
}

SafeTensors mixed_file() {
  SafeTensors file;
  file.add("u8", Tensor<std::uint8_t>({3}, {1, 2, 255}));
  file.add("f32", Tensor<float>({2, 2}, {0.5f, -0.0f, 1e-42f, INFINITY}));
  file.add("f64", Tensor<double>(Shape{}, {0.1}));
  file.add("i64", Tensor<std::int64_t>({1}, {-5}));
  file.add("i32", Tensor<std::int32_t>({1, 1, 1, 2}, {1, -1}));
  file.add("i16", Tensor<std::int16_t>({1}, {-300}));
  file.add("i8", Tensor<std::int8_t>({2}, {-128, 127}));
  file.add("flags", Tensor<bool>({2}, {true, false}));
  file.add("none", Tensor<float>({0, 3}));
  file.add("deep", StoredTensor{DType::u8, {1, 1, 1, 1, 2}, "ab"});
  file.metadata["net"] = "lenet5";
  file.metadata["a"] = "line\nline";
  return file;
}

} // namespace

TEST_CASE("The bytes of a safetensors file are fixed by its contents", "[io]") {
  SafeTensors file;
  file.add("b", Tensor<std::uint8_t>({3}, {7, 8, 9}));
  file.add("a", Tensor<float>({1, 2}, {1.0f, -2.0f}));
  file.metadata["k"] = "v";
  const std::string header = R"({"__metadata__":{"k":"v"},)"
                             R"("a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
                             R"("b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}})"
                             "  ";
  REQUIRE(header.size() % 8 == 0);
  CHECK(format_safetensors(file) == std::string("\x88\0\0\0\0\0\0\0", 8) + header +
                                        std::string("\0\0\x80\x3f\0\0\0\xc0\x07\x08\x09", 11));

  SafeTensors other_order;
  other_order.metadata["k"] = "v";
  other_order.add("a", Tensor<float>({1, 2}, {1.0f, -2.0f}));
  other_order.add("b", Tensor<std::uint8_t>({3}, {7, 8, 9}));
  CHECK(format_safetensors(other_order) == format_safetensors(file));

  CHECK(format_safetensors(SafeTensors()) == raw_file("{}      "));
}

TEST_CASE("What was written to a safetensors file is read back", "[io]") {
  const TempDir dir;
  const SafeTensors file = mixed_file();
  write_safetensors(dir / "x.safetensors", file);
  const SafeTensors back = read_safetensors(dir / "x.safetensors");
  CHECK(back.origin == dir / "x.safetensors");
  CHECK(back.metadata == file.metadata);
  REQUIRE(back.tensors().size() == file.tensors().size());
  for (const auto& [name, tensor] : file.tensors()) {
    REQUIRE(back.find(name));
    CHECK(back.find(name)->dtype == tensor.dtype);
    CHECK(back.find(name)->shape == tensor.shape);
    CHECK(back.find(name)->bytes == tensor.bytes);
  }
  const Tensor<float> f32 = back.tensor<float>("f32");
  CHECK(f32.shape() == Shape{2, 2});
  CHECK(bytes_of(f32) == file.find("f32")->bytes);
  CHECK(back.tensor<double>("f64")[0] == 0.1);
  CHECK(back.tensor<double>("f64").shape() == Shape{});
  CHECK(back.tensor<std::int8_t>("i8")[0] == -128);
  CHECK(back.tensor<bool>("flags")[0]);
  CHECK(back.tensor<float>("none").shape() == Shape{0, 3});

  // Every tensor begins at a multiple of its element size, counted from the start of the file.
  const std::string bytes = format_safetensors(back);
  for (const auto& [name, tensor] : back.tensors())
    if (!tensor.bytes.empty() && name != "deep")
      CHECK(bytes.rfind(tensor.bytes) % info(tensor.dtype).bytes == 0);
}

TEST_CASE("A safetensors file of another writer is read", "[io]") {
  const SafeTensors file = parse_safetensors(golden::safetensors_foreign, "foreign");
  CHECK(file.tensors().size() == 6);
  CHECK(file.metadata.at("format") == "pt");
  CHECK(file.metadata.at("\xc3\xa9\xe4\xb8\x96\xf0\x9f\x98\x80") == "a\n\"b\"\\");
  const Tensor<float> f4 = file.tensor<float>("f4");
  CHECK(f4.shape() == Shape{2, 3});
  CHECK(f4[1] == -2.0f);
  CHECK(std::isnan(f4[2])); // NaN is for the next layer to judge
  CHECK(f4[4] == 1e-40f);
  CHECK(file.tensor<std::uint8_t>("odd")[4] == 240);
  CHECK(file.tensor<double>("scalar")[0] == 0.1);
  CHECK(file.tensor<bool>("flags")[2]);
  CHECK(file.find("deep")->shape == Extents{1, 3, 1, 1, 1});
  CHECK(message_of<io_error>([&] { file.tensor<std::int64_t>("deep"); }) ==
        "foreign, tensor 'deep': expected at most 4 extents, got [1, 3, 1, 1, 1]");
}

TEST_CASE("A tensor that is not what was asked for is an error that says why", "[io]") {
  const SafeTensors file = mixed_file();
  const auto says = [](auto&& f) { return message_of<io_error>(f); };
  CHECK(says([&] { file.tensor<float>("absent"); }) ==
        "safetensors, tensor 'absent': expected a tensor of this name, got none");
  CHECK(says([&] { file.tensor<float>("f64"); }) ==
        "safetensors, tensor 'f64': expected F32, got F64");
  Tensor<float> target(Shape{4}, 9.0f);
  CHECK(says([&] { file.load("f32", target); }) ==
        "safetensors, tensor 'f32': expected shape [4], got [2, 2]");
  CHECK(says([&] { file.load("f32", target.view().slice(0, 1)); }) ==
        "safetensors, tensor 'f32': expected shape [1], got [2, 2]");
  CHECK(target[0] == 9.0f); // nothing half-read
  file.load("f32", target.view().reshape({2, 2}));
  CHECK(target[0] == 0.5f);

  SafeTensors odd;
  odd.add("x", StoredTensor{DType::boolean, {2}, std::string("\1\2")});
  CHECK(says([&] { odd.tensor<bool>("x"); }) ==
        "safetensors, tensor 'x': expected bytes 0 and 1, got another");
  odd.add("fc.codes", Tensor<std::uint8_t>({1}));
  CHECK(contains(says([&] { odd.tensor<float>("fc.weight"); }), "got packed codes alone"));
}

TEST_CASE("What cannot be stored is refused when it is added or written", "[io]") {
  SafeTensors file;
  file.add("x", Tensor<float>({1}));
  for (const char* name : {"x", "", "__metadata__"})
    CHECK_SAYS(file.add(name, Tensor<float>({1})), value_error, "tensor name",
               "got '" + std::string(name) + "'");
  CHECK_SAYS(file.add("y", StoredTensor{DType::f32, {2}, "1234"}), value_error, "tensor 'y'",
             "shape [2]", "got 4");
  CHECK_SAYS(file.add("y", StoredTensor{DType::f32, {-1}, ""}), value_error, "tensor 'y'",
             "extents >= 0", "got [-1]");
  file.add("\xff", Tensor<float>({1}));
  CHECK_SAYS(format_safetensors(file), value_error, "UTF-8");
}

TEST_CASE("A malformed safetensors file is an error with place, expected and got", "[io]") {
  CHECK(refusal("") == "f, byte 0: expected 8 bytes of header length, got 0 bytes");
  CHECK(refusal("1234567") == "f, byte 0: expected 8 bytes of header length, got 7 bytes");
  CHECK(refusal(std::string("\x10\0\0\0\0\0\0\0{}", 10)) ==
        "f, byte 0: expected a header within the 10 bytes of the file, got 16 bytes");
  CHECK(refusal(std::string(16, '\xff')) == "f, byte 0: expected a header of at most 100000000 "
                                            "bytes, got 18446744073709551615 bytes");
  CHECK(refusal(raw_file("")) == "f, byte 8: expected '{', got another character");
  CHECK(refusal(raw_file(" {}")) == "f, byte 8: expected '{', got another character");
  CHECK(refusal(raw_file("[]")) == "f, byte 8: expected '{', got another character");
  CHECK(refusal(raw_file("{\"a\"}")) == "f, byte 12: expected ':', got '}'");
  CHECK(refusal(raw_file(R"({"__metadata__":{},"__metadata__":{}})")) ==
        "f, byte 27: expected different keys, got __metadata__ again");
  CHECK(refusal(raw_file(R"({"__metadata__":[]})")) ==
        "f, __metadata__: expected an object, got an array");
  CHECK(refusal(raw_file(R"({"__metadata__":{"k":1}})")) ==
        "f, __metadata__ 'k': expected a string, got an integer");
  CHECK(refusal(raw_file("{}", 3)) == "f, data: expected 0 bytes in all tensors, got 3 bytes");
}

TEST_CASE("A malformed description of a tensor is an error that names it", "[io]") {
  const std::string u8 = R"("dtype":"U8",)";
  CHECK(refusal(raw_file(R"({"x":1})")) ==
        "f, tensor 'x': expected dtype, shape and data_offsets, got another description");
  CHECK(contains(refusal_of(u8 + R"("shape":[1])", 1), "another description"));
  CHECK(contains(refusal_of(u8 + R"("shape":[1],"data_offsets":[0,1],"more":1)", 1),
                 "another description"));
  CHECK(refusal_of(R"("dtype":"BF16","shape":[1],"data_offsets":[0,2])", 2) ==
        "f, tensor 'x': expected F64, F32, I64, I32, I16, I8, U8 or BOOL, got 'BF16'");
  CHECK(refusal_of(R"("dtype":7,"shape":[1],"data_offsets":[0,2])", 2) ==
        "f, tensor 'x' dtype: expected a string, got an integer");
  CHECK(refusal_of(u8 + R"("shape":4,"data_offsets":[0,4])", 4) ==
        "f, tensor 'x' shape: expected an array, got an integer");
  for (const char* extent : {"-1", "1.0", "9223372036854775808", "\"1\"", "null"})
    CHECK(contains(refusal_of(u8 + "\"shape\":[" + extent + "],\"data_offsets\":[0,1]", 1),
                   "expected integers from 0 to 2^63 - 1"));
  CHECK(refusal_of(u8 + R"("shape":[3],"data_offsets":[0,3])", 2) ==
        "f, tensor 'x' data_offsets: expected begin and end within 2 bytes, got [0, 3]");
  for (const char* offsets : {"[]", "[0]", "[0,1,1]", "[1,0]", "[0,9223372036854775807]"})
    CHECK(contains(refusal_of(u8 + R"("shape":[1],"data_offsets":)" + offsets, 1),
                   "begin and end within 1 bytes"));
  CHECK(refusal_of(u8 + R"("shape":[2,2],"data_offsets":[0,3])", 3) ==
        "f, tensor 'x': expected 4 bytes for shape [2, 2], got 3 bytes");
  CHECK(refusal_of(u8 + R"("shape":[4294967296,4294967296],"data_offsets":[0,0])", 0) ==
        "f, tensor 'x': expected a possible size, got shape [4294967296, 4294967296]");
  CHECK(contains(refusal(raw_file(R"({"":{"dtype":"U8","shape":[],"data_offsets":[0,1]}})", 1)),
                 "expected a name"));
}

TEST_CASE("Tensors must fill the data without holes and without sharing", "[io]") {
  const auto two = [](const std::string& a, const std::string& b, std::size_t data) {
    return refusal(raw_file(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + a +
                                R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + b + "}}",
                            data));
  };
  CHECK(two("[0,2]", "[2,4]", 4) == "");
  CHECK(two("[2,4]", "[0,2]", 4) == "");
  CHECK(two("[0,2]", "[3,5]", 5) ==
        "f, tensor 'b': expected data from offset 2, got a hole (offset 3)");
  CHECK(two("[1,3]", "[0,2]", 3) ==
        "f, tensor 'a': expected data from offset 2, got an overlap (offset 1)");
  CHECK(two("[0,2]", "[0,2]", 2) ==
        "f, tensor 'b': expected data from offset 2, got an overlap (offset 0)");
  CHECK(two("[1,3]", "[3,5]", 5) ==
        "f, tensor 'a': expected data from offset 0, got a hole (offset 1)");
  CHECK(two("[0,2]", "[2,4]", 5) == "f, data: expected 4 bytes in all tensors, got 5 bytes");
}

TEST_CASE("A message quotes little of a hostile file", "[io]") {
  const std::string name(100'000, 'n');
  CHECK(refusal(raw_file("{\"" + name + "\":1}")).size() < 500);
  std::string shape = "1";
  for (int i = 0; i < 10'000; ++i) shape += ",1";
  CHECK(refusal_of(R"("dtype":"U8","shape":[)" + shape + R"(],"data_offsets":[0,2])", 2).size() <
        500);
}

TEST_CASE("A safetensors file damaged at random is refused or means something", "[io]") {
  int refused = 0, taken = 0;
  const std::string files[] = {format_safetensors(mixed_file()), golden::safetensors_foreign};
  for (std::uint64_t seed = 0; seed < 6000; ++seed) {
    const std::string bytes = mutate(files[seed % 2], seed);
    try {
      const SafeTensors file = parse_safetensors(bytes, "f");
      const std::string text = format_safetensors(file);
      CHECK(format_safetensors(parse_safetensors(text, "f")) == text);
      for (const auto& [name, tensor] : file.tensors())
        if (tensor.dtype == DType::f32 && tensor.shape.size() <= 4) file.tensor<float>(name);
      ++taken;
    } catch (const io_error&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
  CHECK(taken > 100);
}

} // namespace test_safetensors
