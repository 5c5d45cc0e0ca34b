#include "sgq/io/dtype.hpp"
#include "support/catch.hpp"

namespace test_dtype {

using namespace sgq;
using namespace sgq::io;

TEST_CASE("Every element type has its row in the table", "[io]") {
  // As the formats' own texts have them: F64 and so on, and numpy's type strings.
  const char* const names[][2] = {{"F64", "<f8"}, {"F32", "<f4"}, {"I64", "<i8"}, {"I32", "<i4"},
                                  {"I16", "<i2"}, {"I8", "|i1"},  {"U8", "|u1"},  {"BOOL", "|b1"}};
  REQUIRE(std::size(names) == dtypes.size());
  for (std::size_t i = 0; i < dtypes.size(); ++i) {
    CHECK(static_cast<std::size_t>(dtypes[i].dtype) == i);
    CHECK(dtypes[i].safetensors == names[i][0]);
    CHECK(dtypes[i].npy == names[i][1]);
  }
  const auto size_of = [](auto value) { return info(dtype_of<decltype(value)>()).bytes; };
  CHECK(size_of(double{}) == sizeof(double));
  CHECK(size_of(float{}) == sizeof(float));
  CHECK(size_of(std::int64_t{}) == sizeof(std::int64_t));
  CHECK(size_of(std::int32_t{}) == sizeof(std::int32_t));
  CHECK(size_of(std::int16_t{}) == sizeof(std::int16_t));
  CHECK(size_of(std::int8_t{}) == sizeof(std::int8_t));
  CHECK(size_of(std::uint8_t{}) == sizeof(std::uint8_t));
  CHECK(size_of(bool{}) == sizeof(bool));
}

TEST_CASE("A size that cannot be is no size", "[io]") {
  constexpr index_t big = index_t{1} << 62;
  CHECK(byte_size({}, DType::f64) == 8u);
  CHECK(byte_size({2, 3, 4}, DType::f32) == 96u);
  CHECK(byte_size({5, 0, 7}, DType::f32) == 0u);
  CHECK(byte_size({big, 1}, DType::u8) == std::size_t{1} << 62);
  CHECK_FALSE(byte_size({big, 2}, DType::u8));
  CHECK_FALSE(byte_size({big}, DType::f32));
  CHECK_FALSE(byte_size({-1}, DType::u8));
  CHECK_FALSE(byte_size({-1, 0}, DType::u8));
  CHECK_FALSE(byte_size({big, big, 0}, DType::u8)); // empty, but a Shape of it would overflow
  CHECK_FALSE(byte_size({0, big, big}, DType::u8));
}

TEST_CASE("Extents become a Shape of at most four", "[io]") {
  CHECK(to_shape({}) == Shape{});
  CHECK(to_shape({1, 2, 3, 4}) == Shape{1, 2, 3, 4});
  CHECK_FALSE(to_shape({1, 1, 1, 1, 1}));
  CHECK(extents_of(Shape{2, 0, 5}) == Extents{2, 0, 5});
  CHECK(str(Extents{2, 0, 5}) == "[2, 0, 5]");
  CHECK(str(Extents{}) == "[]");
}

TEST_CASE("The bytes of a tensor are its numbers in order", "[io]") {
  Tensor<std::int16_t> tensor({2, 2}, {1, 2, 3, -1});
  CHECK(bytes_of(tensor) == std::string_view("\1\0\2\0\3\0\xff\xff", 8));
  CHECK(bytes_of(tensor.view().slice(1, 1)) == std::string_view("\3\0\xff\xff", 4));
  CHECK(bytes_of(Tensor<float>()).empty());
}

} // namespace test_dtype
