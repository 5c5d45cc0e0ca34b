// sgq/nn/fields.hpp -- the options of a layer, listed once for writing and for reading.
//
//     void fields(Conv2dOptions& o, Fields& f) {
//       f("in", o.in);
//       f("out", o.out);
//       ..
//     }
//
// A Fields that writes takes each value down under its name; one that reads puts the value of that
// name in its place. nn/net_json.hpp has both.
#pragma once

#include "sgq/core/shape.hpp"

#include <string>
#include <string_view>

namespace sgq::nn {

class Fields {
public:
  virtual ~Fields() = default;
  virtual void operator()(std::string_view name, index_t& value) = 0;
  virtual void operator()(std::string_view name, int& value) = 0;
  virtual void operator()(std::string_view name, bool& value) = 0;
  virtual void operator()(std::string_view name, double& value) = 0;
  virtual void operator()(std::string_view name, std::string& value) = 0;
};

/// Writes a layer's options down.
template <class Options>
void save_options(Options options, Fields& f) {
  fields(options, f);
}

} // namespace sgq::nn
