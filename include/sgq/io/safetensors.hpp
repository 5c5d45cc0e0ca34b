// sgq/io/safetensors.hpp -- named tensors in one file, readable from any language and never a risk.
//
// The format (huggingface/safetensors, "Format"):
//
//     8 bytes     N, little endian
//     N bytes     JSON: {"__metadata__": {"key": "text", ..},
//                        "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ..}
//                 starts with '{', may end in spaces
//     the rest    the numbers, row-major, without holes; offsets count from here
//
// Reading trusts nothing: every size is checked against the file before memory is taken for it, and
// each fault is an io_error that names the file, the place, what was expected and what was found.
// Writing is a function of the contents: large element types first, then by name, so that every
// tensor is aligned and equal tensors give equal bytes.
#pragma once

#include "sgq/io/file.hpp"
#include "sgq/io/json.hpp"
#include "sgq/io/stored_tensors.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sgq::io {

namespace detail {

using NamedTensor = std::pair<const std::string, StoredTensor>;

/// Large element types first; of one size by name.
inline std::vector<const NamedTensor*> layout(const SafeTensors& file) {
  std::vector<const NamedTensor*> order;
  for (const NamedTensor& t : file.tensors()) order.push_back(&t);
  std::stable_sort(order.begin(), order.end(), [](const NamedTensor* a, const NamedTensor* b) {
    return info(a->second.dtype).bytes > info(b->second.dtype).bytes;
  });
  return order;
}

/// JSON, padded with spaces to a multiple of eight bytes.
inline std::string header_text(const SafeTensors& file,
                               const std::vector<const NamedTensor*>& order) {
  Json::Object header;
  if (!file.metadata.empty())
    header.emplace_back("__metadata__",
                        Json::from_members({file.metadata.begin(), file.metadata.end()}));
  std::size_t begin = 0;
  for (const auto* named : order) {
    const auto& [name, tensor] = *named;
    const std::size_t end = begin + tensor.bytes.size();
    header.emplace_back(name, Json::object({{"dtype", info(tensor.dtype).safetensors},
                                            {"shape", tensor.shape},
                                            {"data_offsets", Json::array({begin, end})}}));
    begin = end;
  }
  std::string text = to_string(Json::from_members(std::move(header)));
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

} // namespace detail

/// The bytes of a file with these contents: the same for the same contents. Throws value_error on a
/// name or metadata that is not UTF-8.
SGQ_COMPILE_ONCE std::string format_safetensors(const SafeTensors& file) {
  const auto order = detail::layout(file);
  const std::string header = detail::header_text(file, order);
  const std::uint64_t size = header.size();
  std::string bytes(reinterpret_cast<const char*>(&size), sizeof size);
  bytes += header;
  for (const auto* named : order) bytes += named->second.bytes;
  return bytes;
}

/// Writes the file as write_file_atomically() does.
inline void write_safetensors(const std::string& path, const SafeTensors& file) {
  write_file_atomically(path, format_safetensors(file));
}

namespace detail {

/// Turns untrusted bytes into a SafeTensors.
class SafeTensorsReader {
public:
  SafeTensorsReader(std::string_view bytes, const std::string& origin)
      : bytes_(bytes), origin_(origin) {}

  SafeTensors read() {
    SafeTensors file;
    file.origin = origin_;
    const std::string_view text = header();
    data_ = bytes_.substr(8 + text.size());
    const Json json = parse_json(text, {.name = origin_, .offset = 8});
    for (const auto& [name, value] : json.as_object())
      if (name == "__metadata__")
        file.metadata = metadata(value);
      else
        entries_.push_back(entry(name, value));
    check_layout();
    for (Entry& e : entries_) {
      e.tensor.bytes = data_.substr(e.begin, e.end - e.begin);
      file.add(std::move(e.name), std::move(e.tensor));
    }
    return file;
  }

private:
  static constexpr std::uint64_t max_header = 100'000'000; // the format's own limit

  struct Entry {
    std::string name;
    StoredTensor tensor;
    std::size_t begin = 0, end = 0; // in data_
  };

  std::string_view header() const {
    if (bytes_.size() < 8) fail(", byte 0", "8 bytes of header length", count(bytes_.size()));
    std::uint64_t size = 0;
    std::memcpy(&size, bytes_.data(), 8);
    if (size > max_header)
      fail(", byte 0", "a header of at most " + count(max_header), count(size));
    if (size > bytes_.size() - 8)
      fail(", byte 0", "a header within the " + count(bytes_.size()) + " of the file", count(size));
    const std::string_view text = bytes_.substr(8, static_cast<std::size_t>(size));
    if (text.empty() || text[0] != '{') fail(", byte 8", "'{'", "another character");
    return text;
  }

  std::map<std::string, std::string> metadata(const Json& json) const {
    std::map<std::string, std::string> result;
    if (!json.is_object()) fail(", __metadata__", "an object", json.kind());
    for (const auto& [key, value] : json.as_object()) {
      if (!value.is_string()) fail(", __metadata__ '" + clip(key) + "'", "a string", value.kind());
      result[key] = value.as_string();
    }
    return result;
  }

  Entry entry(const std::string& name, const Json& json) const {
    const std::string where = tensor(name);
    const Json *dtype = json.find("dtype"), *shape = json.find("shape"),
               *offsets = json.find("data_offsets");
    if (name.empty()) fail(where, "a name", "none");
    if (!dtype || !shape || !offsets || json.as_object().size() != 3)
      fail(where, "dtype, shape and data_offsets", "another description");

    Entry e;
    e.name = name;
    if (!dtype->is_string()) fail(where + " dtype", "a string", dtype->kind());
    const auto row = std::find_if(dtypes.begin(), dtypes.end(), [&](const DTypeInfo& i) {
      return i.safetensors == dtype->as_string();
    });
    if (row == dtypes.end())
      fail(where, "F64, F32, I64, I32, I16, I8, U8 or BOOL", "'" + clip(dtype->as_string()) + "'");
    e.tensor.dtype = row->dtype;
    e.tensor.shape = numbers(where + " shape", *shape);

    const Extents range = numbers(where + " data_offsets", *offsets);
    if (range.size() != 2 || range[0] > range[1] || range[1] > static_cast<index_t>(data_.size()))
      fail(where + " data_offsets", "begin and end within " + count(data_.size()), str(range));
    e.begin = static_cast<std::size_t>(range[0]);
    e.end = static_cast<std::size_t>(range[1]);

    const std::optional<std::size_t> size = byte_size(e.tensor.shape, e.tensor.dtype);
    if (size != e.end - e.begin)
      fail(where, size ? count(*size) + " for shape " + str(e.tensor.shape) : "a possible size",
           size ? count(e.end - e.begin) : "shape " + str(e.tensor.shape));
    return e;
  }

  Extents numbers(const std::string& where, const Json& json) const {
    if (!json.is_array()) fail(where, "an array", json.kind());
    Extents result;
    for (const Json& n : json.as_array()) {
      if (!n.is_int() || n.as_int() < 0)
        fail(where, "integers from 0 to 2^63 - 1", n.is_int() ? to_string(n) : n.kind());
      result.push_back(n.as_int());
    }
    return result;
  }

  /// Sorted by place, every tensor begins where the one before it ended.
  void check_layout() {
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
      return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
    });
    std::size_t used = 0;
    for (const Entry& e : entries_) {
      if (e.begin != used)
        fail(tensor(e.name), "data from offset " + to_text(used),
             std::string(e.begin < used ? "an overlap" : "a hole") + " (offset " +
                 to_text(e.begin) + ")");
      used = e.end;
    }
    if (used != data_.size()) fail(", data", count(used) + " in all tensors", count(data_.size()));
  }

  static std::string tensor(const std::string& name) { return ", tensor '" + clip(name) + "'"; }

  static std::string count(std::uint64_t n) { return to_text(n) + " bytes"; }

  [[noreturn]] void fail(const std::string& where, const std::string& expected,
                         const std::string& got) const {
    throw io_error(describe(origin_ + where, clip(expected), clip(got)));
  }

  std::string_view bytes_, data_;
  const std::string& origin_;
  std::vector<Entry> entries_;
};

} // namespace detail

/// Reads a file's bytes; `origin` names them in messages. Throws io_error.
SGQ_COMPILE_ONCE SafeTensors parse_safetensors(std::string_view bytes, const std::string& origin) {
  return detail::SafeTensorsReader(bytes, origin).read();
}

/// Reads a file. Throws io_error.
inline SafeTensors read_safetensors(const std::string& path) {
  return parse_safetensors(read_file(path), path);
}

} // namespace sgq::io
