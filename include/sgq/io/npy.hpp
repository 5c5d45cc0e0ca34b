// sgq/io/npy.hpp -- one tensor in a file that numpy.load() reads and numpy.save() writes.
//
// The format (numpy.lib.format, versions 1.0 and 2.0):
//
//     6 bytes     \x93 N U M P Y
//     2 bytes     version: 1 0 or 2 0
//     2 or 4      length of the header, little endian
//     header      {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, spaces, newline
//     the rest    the numbers, row-major
//
// Read strictly: element type as asked for, little endian, C order, at most four extents, and
// exactly as many bytes as the shape says.
#pragma once

#include "sgq/io/dtype.hpp"
#include "sgq/io/file.hpp"
#include "sgq/io/utf8.hpp"

#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace sgq::io {

/// The header of an NPY file, a Python dictionary of three known keys.
class NpyHeader {
public:
  std::string descr; ///< the element type, as numpy calls it: "<f4", "|u1"
  bool fortran_order = false;
  Extents shape;
  std::size_t size = 0;                                 ///< of everything before the numbers
  std::size_t descr_at = 0, order_at = 0, shape_at = 0; ///< where the file says these

  /// `origin` names the bytes in messages, and must live as long. Throws io_error.
  NpyHeader(std::string_view bytes, const std::string& origin) : origin_(origin) {
    static constexpr std::string_view magic = "\x93NUMPY";
    if (bytes.substr(0, 6) != magic)
      fail(0, "\\x93NUMPY, as an NPY file begins",
           bytes.substr(0, 2) == "PK" ? "an archive (.npz?): save each array by itself, np.save()"
                                      : "bytes of another kind of file");
    const unsigned major = byte(bytes, 6), minor = byte(bytes, 7);
    if ((major != 1 && major != 2) || minor != 0)
      fail(6, "version 1.0 or 2.0", to_text(major) + "." + to_text(minor));
    at_ = major == 1 ? 10 : 12;
    std::size_t length = 0;
    for (std::size_t i = at_; i-- > 8;) length = length << 8 | byte(bytes, i);
    if (bytes.size() < at_ || length > bytes.size() - at_)
      fail(8, "a header within the " + to_text(bytes.size()) + " bytes of the file",
           to_text(length) + " bytes");
    size = at_ + length;
    text_ = bytes.substr(0, size);
    dictionary();
  }

  /// Throws the io_error about byte `at`.
  [[noreturn]] void fail(std::size_t at, const std::string& expected, const std::string& got,
                         std::string_view hint = {}) const {
    throw io_error(describe(origin_ + ", byte " + to_text(at), expected, detail::clip(got), hint));
  }

private:
  static unsigned byte(std::string_view bytes, std::size_t i) {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u;
  }

  void dictionary() {
    bool seen[3] = {};
    expect("{");
    while (!take("}")) {
      const std::size_t begin = at_;
      const std::string key = string();
      const int i = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : -1;
      if (i < 0 || seen[i]) fail(begin, "each of descr, fortran_order and shape once", key);
      seen[i] = true;
      expect(":");
      skip_space();
      (i == 0 ? descr_at : i == 1 ? order_at : shape_at) = at_;
      if (i == 0)
        descr = string();
      else if (i == 1)
        fortran_order = boolean();
      else
        tuple();
      if (take("}")) break;
      expect(",");
    }
    if (!(seen[0] && seen[1] && seen[2])) fail(at_, "descr, fortran_order and shape", "fewer");
    skip_space();
    if (at_ != size) fail(at_, "the end of the header", "more");
  }

  std::string string() {
    expect("'");
    const std::size_t end = std::min(text_.find('\'', at_), text_.size());
    std::string result(text_.substr(at_, end - at_));
    at_ = end;
    expect("'");
    return result;
  }

  bool boolean() {
    if (take("True")) return true;
    expect("False");
    return false;
  }

  void tuple() {
    expect("(");
    while (!take(")")) {
      skip_space();
      index_t extent = -1;
      const char* first = text_.data() + at_;
      const auto [last, error] = std::from_chars(first, text_.data() + size, extent);
      if (error != std::errc{} || extent < 0) fail(at_, "an extent", "something else");
      at_ += static_cast<std::size_t>(last - first);
      shape.push_back(extent);
      if (take(")")) break;
      expect(",");
    }
  }

  void skip_space() {
    while (at_ < size && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }

  bool take(std::string_view token) {
    skip_space();
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }

  void expect(std::string_view token) {
    if (!take(token))
      fail(at_, std::string(token), at_ < size ? std::string(text_.substr(at_, 8)) : "the end");
  }

  std::string_view text_;
  const std::string& origin_;
  std::size_t at_ = 0;
};

/// The element type in the bytes of an NPY file, as numpy calls it: "<f4", "|u1". Throws io_error.
inline std::string npy_type(std::string_view bytes, const std::string& origin) {
  return NpyHeader(bytes, origin).descr;
}

/// The tensor in the bytes of an NPY file; `origin` names them in messages. T: double, float,
/// int64_t, int32_t, int16_t, int8_t, uint8_t or bool. Throws io_error.
template <class T>
Tensor<T> parse_npy(std::string_view bytes, const std::string& origin) {
  const NpyHeader header(bytes, origin);
  const std::string_view data = bytes.substr(header.size);
  const DTypeInfo& type = info(dtype_of<T>());
  if (header.descr != type.npy)
    header.fail(header.descr_at, "numbers of type " + std::string(type.npy),
                "'" + header.descr + "'", "astype() of numpy converts");
  if (header.fortran_order)
    header.fail(header.order_at, "C order", "Fortran order", "ascontiguousarray() converts");
  const std::optional<std::size_t> size = byte_size(header.shape, type.dtype);
  if (size != data.size())
    header.fail(header.size, "as many bytes as shape " + str(header.shape) + " needs",
                to_text(data.size()));
  const std::optional<Shape> shape = to_shape(header.shape);
  if (!shape) header.fail(header.shape_at, "at most 4 extents", str(header.shape));
  Tensor<T> tensor;
  tensor.resize(*shape);
  if (!copy_bytes(data, tensor.view()))
    header.fail(header.size, "bytes 0 and 1 for truth values", "another");
  return tensor;
}

/// Reads a file. Throws io_error.
template <class T>
Tensor<T> read_npy(const std::string& path) {
  return parse_npy<T>(read_file(path), path);
}

/// The bytes of an NPY file (version 1.0) with a Tensor or View of up to four extents.
template <class Values>
std::string format_npy(const Values& values) {
  const auto view = as_view(values);
  using T = std::remove_cvref_t<decltype(*view.data())>;
  std::string extents;
  for (int i = 0; i < view.shape().rank(); ++i)
    extents += (i ? ", " : "") + to_text(view.shape()[i]);
  if (view.shape().rank() == 1) extents += ",";
  std::string header = "{'descr': '" + std::string(info(dtype_of<T>()).npy) +
                       "', 'fortran_order': False, 'shape': (" + extents + "), }";
  header.resize((10 + header.size() + 64) / 64 * 64 - 11, ' ');
  header += '\n';

  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  return bytes + header + std::string(bytes_of(view));
}

/// Writes the file as write_file_atomically() does.
template <class Values>
void write_npy(const std::string& path, const Values& values) {
  write_file_atomically(path, format_npy(values));
}

} // namespace sgq::io
