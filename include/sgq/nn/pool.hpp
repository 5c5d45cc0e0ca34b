// sgq/nn/pool.hpp -- max pooling, average pooling, global average pooling; on numbers and on codes.
//
// Max pooling passes codes on. Where codes tie, the larger pre-activation gets the gradient
// (ops/pact_pool.hpp). Average pooling sums codes exactly and moves its divisor into the scale.
// Global average pooling also drops the plane: [N, C, H, W] -> [N, C].
#pragma once

#include "sgq/nn/layer.hpp"
#include "sgq/ops/pact_pool.hpp"

#include <limits>

namespace sgq::nn {

struct PoolOptions {
  index_t kernel = 2;
  index_t stride = 0; ///< 0: the kernel's size, windows side by side
};

inline void fields(PoolOptions& o, Fields& f) {
  f("kernel", o.kernel);
  f("stride", o.stride);
}

namespace detail {
inline ops::PoolGeometry pool_geometry(std::string_view what, const PoolOptions& o) {
  if (o.kernel < 1 || o.kernel > 15 || o.stride < 0)
    throw value_error(describe(what, "a kernel of 1 to 15 and a stride >= 0",
                               "kernel " + to_text(o.kernel) + ", stride " + to_text(o.stride)));
  return {o.kernel, o.stride == 0 ? o.kernel : o.stride};
}

inline Shape pool_shape(std::string_view what, const ops::PoolGeometry& g,
                        std::span<const Shape> in) {
  const Shape& x = in[0];
  if (x.rank() != 4 || x[2] < g.kernel || x[3] < g.kernel)
    throw shape_error(describe(what, "[N, C, H, W] with H, W >= " + to_text(g.kernel), x.str()));
  return {x[0], x[1], g.out(x[2]), g.out(x[3])};
}
} // namespace detail

template <class T>
class MaxPool final : public Layer<T> {
public:
  explicit MaxPool(const PoolOptions& o = {}) : geometry_(detail::pool_geometry("max pool", o)) {}

  std::string_view kind() const override { return "max_pool"; }
  void save(Fields& f) const override {
    save_options(PoolOptions{geometry_.kernel, geometry_.stride}, f);
  }
  const ops::PoolGeometry& geometry() const { return geometry_; }
  Gate gate() const override { return Gate::none; }
  Reads reads(std::size_t) const override { return Reads::materialised; }
  void lower(Lowering<T>& lowering) const override {
    lowering.max_pool({geometry_.kernel, geometry_.kernel, geometry_.stride});
  }

  Shape output_shape(std::span<const Shape> in) const override {
    return detail::pool_shape("max pool", geometry_, in);
  }

  void forward(Inputs<T> in, Slot<T>& slot, const Mode& mode) const override {
    const Signal<T>& x = *in[0];
    const Shape shape = output_shape({&x.shape, 1});
    View<std::uint8_t> where;
    if (mode.recording) slot.bytes.resize(shape), where = slot.bytes;
    if (mode.recording && x.preactivation && x.preactivation->shape == x.shape) {
      ops::max_preactivation(*x.preactivation, geometry_, where);
      where = {};
    }
    if (x.codes) {
      slot.codes.resize(shape);
      slot.out = x;
      slot.out.shape = shape;
      slot.out.codes = slot.codes.data();
      ops::max_pool_forward<std::uint8_t>({x.codes, x.shape}, geometry_, slot.codes, where);
    } else {
      const View<T> y = slot.plain(shape);
      slot.out.scale = x.scale;
      slot.out.max_code = x.max_code;
      ops::max_pool_forward<T>({x.real, x.shape}, geometry_, y, where);
    }
  }

  void backward(Inputs<T>, const Slot<T>& slot, View<T> dy, Gradients<T> dx, bool,
                const BackwardOptions&) override {
    if (!dx[0].empty()) ops::max_pool_backward<T>(dy, slot.bytes, geometry_, dx[0]);
  }

private:
  ops::PoolGeometry geometry_;
};

/// Sums windows of numbers or codes; the divisor is a scale.
template <class T>
class AvgPool final : public Layer<T> {
public:
  explicit AvgPool(const PoolOptions& o = {}) : geometry_(detail::pool_geometry("avg pool", o)) {}

  std::string_view kind() const override { return "avg_pool"; }
  void save(Fields& f) const override {
    save_options(PoolOptions{geometry_.kernel, geometry_.stride}, f);
  }
  Gate gate() const override { return Gate::none; }
  Reads reads(std::size_t) const override { return Reads::materialised; }
  void lower(Lowering<T>& lowering) const override {
    lowering.average_pool({geometry_.kernel, geometry_.kernel, geometry_.stride});
  }

  Shape output_shape(std::span<const Shape> in) const override {
    return detail::pool_shape("avg pool", geometry_, in);
  }

  void forward(Inputs<T> in, Slot<T>& slot, const Mode&) const override {
    const Signal<T>& x = *in[0];
    const View<T> y = slot.plain(output_shape({&x.shape, 1}));
    visit_storage(x, [&]<class X>(const X* u) {
      ops::sum_pool_forward<X, T>({u, x.shape}, geometry_, y);
    });
    finish(x, geometry_.kernel * geometry_.kernel, y, slot.out);
  }

  void backward(Inputs<T>, const Slot<T>&, View<T> dy, Gradients<T> dx, bool,
                const BackwardOptions&) override {
    const T share = T{1} / static_cast<T>(geometry_.kernel * geometry_.kernel);
    if (!dx[0].empty()) ops::sum_pool_backward<T>(dy, geometry_, share, dx[0]);
  }

  // Sums of codes keep their integers; sums of numbers are divided here and now. Throws value_error
  // where T would round a sum of codes.
  static void finish(const Signal<T>& x, index_t count, View<T> y, Signal<T>& out) {
    if (x.max_code > 0) {
      constexpr index_t exact = index_t{1} << std::numeric_limits<T>::digits;
      if (x.max_code > exact / count)
        throw value_error(describe("average of codes", "sums of at most " + to_text(exact),
                                   to_text(count) + " codes up to " + to_text(x.max_code),
                                   "fewer bits, or a smaller window"));
      out.scale = x.scale / static_cast<double>(count);
      out.max_code = x.max_code * count;
    } else {
      for (T& v : y) v /= static_cast<T>(count);
    }
  }

private:
  ops::PoolGeometry geometry_;
};

/// The mean of every channel plane: [N, C, H, W] -> [N, C].
template <class T>
class GlobalAvgPool final : public Layer<T> {
public:
  std::string_view kind() const override { return "global_avg_pool"; }
  void save(Fields&) const override {}
  Gate gate() const override { return Gate::none; }
  void lower(Lowering<T>& lowering) const override { lowering.global_average_pool(); }
  Reads reads(std::size_t) const override { return Reads::materialised; }

  Shape output_shape(std::span<const Shape> in) const override {
    if (in[0].rank() != 4)
      throw shape_error(describe("global avg pool", "[N, C, H, W]", in[0].str()));
    return {in[0][0], in[0][1]};
  }

  void forward(Inputs<T> in, Slot<T>& slot, const Mode&) const override {
    const Signal<T>& x = *in[0];
    const View<T> y = slot.plain({x.shape[0], x.shape[1]});
    visit_storage(x, [&]<class X>(const X* u) { ops::sum_planes_forward<X, T>({u, x.shape}, y); });
    AvgPool<T>::finish(x, x.shape.plane(), y, slot.out);
  }

  void backward(Inputs<T> in, const Slot<T>&, View<T> dy, Gradients<T> dx, bool,
                const BackwardOptions&) override {
    const T share = T{1} / static_cast<T>(in[0]->shape.plane());
    if (!dx[0].empty()) ops::sum_planes_backward<T>(dy, share, dx[0]);
  }
};

} // namespace sgq::nn
