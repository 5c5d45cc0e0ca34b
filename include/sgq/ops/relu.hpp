// sgq/ops/relu.hpp -- y = max(v, 0), where v is a signal: with its batch norm and its residual.
//
//     backward:  dv = dy 1[y > 0]          (0 at v = 0)
//
// A NaN stays one, so that a net that has gone wrong shows it in its loss.
#pragma once

#include "sgq/kernels/simd/fused.hpp"
#include "sgq/ops/signal.hpp"

namespace sgq::ops {

template <class T>
struct ReluRow {
  template <int Bytes>
  SGQ_INLINE static void run(const T* u, const T* r, T m, T t, T s, index_t n, T* y) {
    using kernels::multiply_add;
    if (r) {
      SGQ_SIMD
      for (index_t i = 0; i < n; ++i) {
        const T v = multiply_add<Bytes>(u[i], m, multiply_add<Bytes>(r[i], s, t));
        y[i] = T{0} > v ? T{0} : v;
      }
    } else {
      SGQ_SIMD
      for (index_t i = 0; i < n; ++i) {
        const T v = multiply_add<Bytes>(u[i], m, t);
        y[i] = T{0} > v ? T{0} : v;
      }
    }
  }
};

/// y = max(v, 0). y may be the memory of u.
template <class T>
void relu_forward(const Signal<T>& v, View<T> y) {
  check_shape("relu", v.shape, y.shape());
  const index_t channels = v.channels(), plane = v.shape.plane();
  const T s = v.residual_scale();
  parallel_for(v.batch(), [&](index_t n) {
    Arena::Scope scope(scratch());
    T* const u_row = scratch().take<T>(plane);
    T* const r_row = scratch().take<T>(plane);
    for (index_t c = 0; c < channels; ++c) {
      const index_t at = (n * channels + c) * plane;
      kernels::for_registers<ReluRow<T>>(read_row(v, at, plane, u_row),
                                         v.residual ? read_row(*v.residual, at, plane, r_row)
                                                    : nullptr,
                                         v.mul_at(c), v.add_at(c), s, plane, y.data() + at);
    }
  });
}

template <class T>
SGQ_INLINE void relu_backward_row(const T* y, const T* dy, T* dx, index_t n) {
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i) dx[i] = y[i] > T{0} ? dy[i] : T{0};
}

/// dx = dy where the output y was positive, else 0. dx may be dy. Throws shape_error unless all
/// shapes agree.
template <class T>
void relu_backward(View<const T> y, View<const T> dy, View<T> dx) {
  check_shape("relu backward", y.shape(), dy.shape());
  check_shape("relu backward: dx", y.shape(), dx.shape());
  parallel_blocks(y.size(), 1 << 15, [&](index_t begin, index_t end) {
    kernels::for_isa<relu_backward_row<T>>(y.data() + begin, dy.data() + begin, dx.data() + begin,
                                           end - begin);
  });
}

} // namespace sgq::ops
