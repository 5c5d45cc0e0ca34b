// sgq/infer/onnx/model.hpp -- an ONNX model: nodes, constants, inputs and outputs, as bytes.
//
//     onnx::Model m;
//     m.input("x", onnx::Type::float32, {onnx::batch, 3}, "three numbers per row");
//     const std::string two = m.constant("two", onnx::Type::float32, {}, bytes);
//     m.output(m.node("Mul", "y", {"x", two}), onnx::Type::float32, {onnx::batch, 3}, "twice");
//     std::string file = m.bytes({.name = "doubling"});
//
// The format is onnx.proto of github.com/onnx/onnx: messages of Protocol Buffers, whose field
// numbers stand in the functions below. A value is written once and has one name; nodes come in an
// order in which they can run.
#pragma once

#include "sgq/io/protobuf.hpp"
#include "sgq/version.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace sgq::infer::onnx {

/// Element types, by their numbers in TensorProto.
enum class Type {
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  int32 = 6,
  int64 = 7,
  float64 = 11,
  int4 = 22,
  int2 = 26,
};

/// The extent that a file leaves open, "N": the number of images.
inline constexpr index_t batch = -1;
using Extents = std::vector<index_t>;

/// A setting of a node, as the message AttributeProto.
class Attribute {
public:
  Attribute(const char* name, float value) : Attribute(name, 1) { message_.real(2, value); }
  Attribute(const char* name, index_t value) : Attribute(name, 2) { message_.integer(3, value); }
  Attribute(const char* name, const std::string& value) : Attribute(name, 3) {
    message_.text(4, value);
  }
  Attribute(const char* name, const Extents& values) : Attribute(name, 7) {
    for (const index_t v : values) message_.integer(8, v);
  }
  const io::ProtobufWriter& message() const { return message_; }

private:
  Attribute(const char* name, int type) {
    message_.text(1, name);
    message_.integer(20, type);
  }
  io::ProtobufWriter message_{};
};
using Attributes = std::vector<Attribute>;

/// What a reader is told about the model as a whole.
struct ModelInfo {
  std::string name = "net";
  std::string doc{};
  std::map<std::string, std::string> metadata{};
};

class Model {
public:
  /// A constant of the model; int4 and int2 are packed, the first in the lowest bits. Returns the
  /// name. Throws value_error on a name that is in use, as do all that make a value.
  std::string constant(const std::string& name, Type type, const Extents& extents,
                       std::string_view bytes) {
    claim(name);
    opset_ = std::max(opset_, type == Type::int2 ? 25 : type == Type::int4 ? 21 : 18);
    io::ProtobufWriter tensor;
    tensor.integers(1, extents); // dims; packed or not is the same to readers
    tensor.integer(2, static_cast<int>(type));
    tensor.text(8, name);
    tensor.bytes(9, bytes); // raw_data, little endian
    constants_.message(5, tensor);
    return name;
  }

  /// A node with one output, whose name it returns. An empty input is one that is left out.
  std::string node(std::string_view op, const std::string& output,
                   const std::vector<std::string>& inputs, const Attributes& attributes = {},
                   std::string_view doc = {}) {
    node(op, std::vector{output}, inputs, attributes, doc);
    return output;
  }
  /// The same with several outputs.
  void node(std::string_view op, const std::vector<std::string>& outputs,
            const std::vector<std::string>& inputs, const Attributes& attributes = {},
            std::string_view doc = {}) {
    io::ProtobufWriter n;
    for (const std::string& name : inputs) n.text(1, name);
    for (const std::string& name : outputs) claim(name), n.text(2, name);
    n.text(3, outputs[0]);
    n.text(4, op);
    for (const Attribute& a : attributes) n.message(5, a.message());
    if (!doc.empty()) n.text(6, doc);
    nodes_.message(1, n);
  }

  /// What the caller of the model passes in.
  std::string input(const std::string& name, Type type, const Extents& extents,
                    std::string_view doc) {
    claim(name);
    inputs_.message(11, value_info(name, type, extents, doc));
    return name;
  }
  /// Makes a value an output.
  void output(const std::string& name, Type type, const Extents& extents, std::string_view doc) {
    outputs_.message(12, value_info(name, type, extents, doc));
  }
  /// Tells readers the type and extents of a value inside.
  void describe_value(const std::string& name, Type type, const Extents& extents) {
    values_.message(13, value_info(name, type, extents, {}));
  }

  /// The operator set: 18, or the first that has the packed constants.
  int opset() const { return opset_; }

  /// The file. Throws value_error where it would have 2^31 bytes or more.
  std::string bytes(const ModelInfo& info) const {
    io::ProtobufWriter texts, model, operators;
    texts.text(2, info.name);
    if (!info.doc.empty()) texts.text(10, info.doc);
    operators.integer(2, opset_); // of ONNX itself, the domain without a name
    model.integer(1, ir_version());
    model.text(2, "sgq");
    model.text(3, version);
    model.bytes(7, texts.bytes() + nodes_.bytes() + constants_.bytes() + inputs_.bytes() +
                       outputs_.bytes() + values_.bytes());
    model.message(8, operators);
    for (const auto& [key, value] : info.metadata) {
      io::ProtobufWriter pair;
      pair.text(1, key);
      pair.text(2, value);
      model.message(14, pair);
    }
    return model.bytes();
  }

private:
  /// The version of the file format that came with an operator set.
  int ir_version() const { return opset_ >= 25 ? 13 : opset_ >= 21 ? 10 : 8; }

  void claim(const std::string& name) {
    if (name.empty() || !names_.insert(name).second)
      throw value_error(describe("ONNX model", "a name of its own for every value",
                                 "'" + name + "' twice",
                                 "'pixels', 'logits' and 'saliency' are taken; rename the layer"));
  }

  static io::ProtobufWriter value_info(const std::string& name, Type type, const Extents& extents,
                                       std::string_view doc) {
    io::ProtobufWriter shape, tensor, kind, info;
    for (index_t e : extents) {
      io::ProtobufWriter extent;
      if (e == batch)
        extent.text(2, "N");
      else
        extent.integer(1, e);
      shape.message(1, extent);
    }
    tensor.integer(1, static_cast<int>(type));
    tensor.message(2, shape);
    kind.message(1, tensor);
    info.text(1, name);
    info.message(2, kind);
    if (!doc.empty()) info.text(3, doc);
    return info;
  }

  io::ProtobufWriter nodes_, constants_, inputs_, outputs_, values_;
  std::set<std::string> names_;
  int opset_ = 18;
};

} // namespace sgq::infer::onnx
