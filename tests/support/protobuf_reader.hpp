// Reads messages of Protocol Buffers back, and ONNX models in them: what the writers wrote.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

struct ProtobufField {
  std::uint64_t integer = 0; ///< of wire types 0 and 5
  std::string bytes{};       ///< of wire type 2
};

/// The fields of a message by number, in their order. Throws std::runtime_error on bytes that are
/// no message.
class ProtobufMessage {
public:
  explicit ProtobufMessage(std::string_view bytes) : rest_(bytes) {
    while (!rest_.empty()) {
      const std::uint64_t key = varint();
      ProtobufField field;
      if ((key & 7) == 0)
        field.integer = varint();
      else if ((key & 7) == 5)
        for (int shift = 0; shift < 32; shift += 8)
          field.integer |= std::uint64_t{static_cast<std::uint8_t>(take(1)[0])} << shift;
      else if ((key & 7) == 2)
        field.bytes = take(varint());
      else
        throw std::runtime_error("wire type");
      fields_[static_cast<int>(key >> 3)].push_back(field);
    }
  }

  const std::vector<ProtobufField>& all(int number) const {
    static const std::vector<ProtobufField> none;
    const auto found = fields_.find(number);
    return found == fields_.end() ? none : found->second;
  }
  /// Of a field that is there once, or not at all.
  std::string text(int number) const { return all(number).empty() ? "" : all(number)[0].bytes; }
  std::int64_t integer(int number) const {
    return all(number).empty() ? 0 : static_cast<std::int64_t>(all(number)[0].integer);
  }
  float real(int number) const {
    const auto bits = static_cast<std::uint32_t>(all(number).at(0).integer);
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  ProtobufMessage message(int number) const { return ProtobufMessage(text(number)); }
  std::vector<std::string> texts(int number) const {
    std::vector<std::string> found;
    for (const ProtobufField& f : all(number)) found.push_back(f.bytes);
    return found;
  }
  /// Repeated integers that were packed.
  std::vector<std::int64_t> packed(int number) const {
    std::vector<std::int64_t> found;
    const std::string bytes = text(number);
    ProtobufMessage inner("");
    for (inner.rest_ = bytes; !inner.rest_.empty();)
      found.push_back(static_cast<std::int64_t>(inner.varint()));
    return found;
  }

private:
  std::string_view rest_;
  std::map<int, std::vector<ProtobufField>> fields_;

  std::string take(std::uint64_t count) {
    if (count > rest_.size()) throw std::runtime_error("cut off");
    const std::string bytes(rest_.substr(0, static_cast<std::size_t>(count)));
    rest_.remove_prefix(static_cast<std::size_t>(count));
    return bytes;
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(take(1)[0]);
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    throw std::runtime_error("varint");
  }
};

struct OnnxNode {
  std::string op, name, doc;
  std::vector<std::string> inputs, outputs;
  std::map<std::string, ProtobufMessage> attributes;
};
struct OnnxTensor {
  std::int64_t type;
  std::vector<std::int64_t> extents;
  std::string bytes;
};
/// Extents of -1 are open.
struct OnnxValue {
  std::string name;
  std::int64_t type;
  std::vector<std::int64_t> extents;
};

struct OnnxFile {
  std::int64_t ir_version, opset;
  std::string producer, producer_version, name, doc;
  std::map<std::string, std::string> metadata;
  std::vector<OnnxNode> nodes;
  std::map<std::string, OnnxTensor> constants;
  std::vector<OnnxValue> inputs, outputs, values;

  explicit OnnxFile(std::string_view bytes) {
    const ProtobufMessage model(bytes), graph = model.message(7);
    ir_version = model.integer(1), opset = model.message(8).integer(2);
    producer = model.text(2), producer_version = model.text(3);
    name = graph.text(2), doc = graph.text(10);
    for (const std::string& pair : model.texts(14))
      metadata[ProtobufMessage(pair).text(1)] = ProtobufMessage(pair).text(2);
    for (const std::string& text : graph.texts(1)) {
      const ProtobufMessage n(text);
      nodes.push_back({n.text(4), n.text(3), n.text(6), n.texts(1), n.texts(2), {}});
      for (const std::string& a : n.texts(5))
        nodes.back().attributes.emplace(ProtobufMessage(a).text(1), ProtobufMessage(a));
    }
    for (const std::string& text : graph.texts(5)) {
      const ProtobufMessage t(text);
      constants[t.text(8)] = {t.integer(2), t.packed(1), t.text(9)};
    }
    for (const auto& [field, list] : {std::pair{11, &inputs}, {12, &outputs}, {13, &values}})
      for (const std::string& text : graph.texts(field)) list->push_back(value(text));
  }

  /// How many nodes do this.
  int count(const std::string& op) const {
    int n = 0;
    for (const OnnxNode& node : nodes) n += node.op == op;
    return n;
  }
  /// The node that makes a value; null where none does.
  const OnnxNode* maker(const std::string& value) const {
    for (const OnnxNode& node : nodes)
      for (const std::string& output : node.outputs)
        if (output == value) return &node;
    return nullptr;
  }

private:
  static OnnxValue value(const std::string& text) {
    const ProtobufMessage info(text), tensor = info.message(2).message(1);
    OnnxValue v{info.text(1), tensor.integer(1), {}};
    for (const std::string& extent : tensor.message(2).texts(1)) {
      const ProtobufMessage e(extent);
      v.extents.push_back(e.text(2) == "N" ? -1 : e.integer(1));
    }
    return v;
  }
};
