// sgq/io/protobuf.hpp -- messages in the wire format of Protocol Buffers, for writing.
//
//     ProtobufWriter m;
//     m.integer(1, 8);         // field 1
//     m.text(2, "sgq");        // field 2: a string, which has to be UTF-8
//     m.bytes(3, data);        // field 3: bytes, or those of another message
//     std::string file = m.bytes();
//
// A field is a key, number * 8 + wire type, and a value:
//
//     type 0   a varint: seven bits per byte, the lowest first; the top bit says that more follow.
//              A negative integer is its 64-bit two's complement, ten bytes.
//     type 2   a length as a varint, and so many bytes
//     type 5   four bytes, the lowest first: a float
//
// (protobuf.dev/programming-guides/encoding). What a field means is not known here.
#pragma once

#include "sgq/core/error.hpp"
#include "sgq/core/shape.hpp"
#include "sgq/io/utf8.hpp"

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace sgq::io {

class ProtobufWriter {
public:
  /// An int32, int64, bool or enum. Throws value_error on a field outside 1 .. 2^29 - 1, as all do.
  void integer(int field, std::int64_t value) {
    key(field, 0);
    varint(static_cast<std::uint64_t>(value));
  }

  /// A float.
  void real(int field, float value) {
    key(field, 5);
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    for (int shift = 0; shift < 32; shift += 8) bytes_ += static_cast<char>(bits >> shift & 0xff);
  }

  /// A string. Throws value_error where it is not UTF-8, and as bytes() does.
  void text(int field, std::string_view string) {
    for (std::string_view rest = string; !rest.empty();) {
      const std::size_t n = detail::utf8_length(rest);
      if (n == 0)
        throw value_error(describe("protobuf string", "UTF-8", "'" + std::string(string) + "'"));
      rest.remove_prefix(n);
    }
    bytes(field, string);
  }
  /// Bytes, or a message that was written before. Throws value_error where the message would grow
  /// beyond 2^31 - 1 bytes, which readers refuse.
  void bytes(int field, std::string_view content) {
    constexpr std::size_t most = 0x7fffffff;
    if (content.size() > most - 16 || bytes_.size() > most - 16 - content.size())
      throw value_error(describe("protobuf message", "less than 2^31 bytes",
                                 to_text(bytes_.size()) + " and " + to_text(content.size())));
    key(field, 2);
    varint(content.size());
    bytes_ += content;
  }
  void message(int field, const ProtobufWriter& m) { bytes(field, m.bytes_); }

  /// Repeated integers, packed into one field.
  void integers(int field, std::span<const index_t> values) {
    ProtobufWriter packed;
    for (index_t v : values) packed.varint(static_cast<std::uint64_t>(v));
    bytes(field, packed.bytes_);
  }

  const std::string& bytes() const { return bytes_; }

private:
  void key(int field, int wire_type) {
    if (field < 1 || field >= 1 << 29)
      throw value_error(describe("protobuf field", "1 to 2^29 - 1", to_text(field)));
    varint(static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(wire_type));
  }

  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>((value & 0x7f) | 0x80);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

} // namespace sgq::io
