// sgq/infer/c_kernels.hpp -- the C99 functions that an exported net is made of, as text.
//
// Values are uint8_t codes (or int32_t sums) in channel planes [C][H][W]. Each text is put into the
// file only if the net has such a layer; X stands for the type of its input. Pixels outside the
// image add nothing: they equal the zero point that is subtracted, or are codes 0.
#pragma once

#include "sgq/config.hpp"

namespace sgq::infer::detail {

/// One layer's sizes and tables; how its weights are unpacked, and its sums become codes.
inline constexpr const char* c_layer = R"(
typedef struct {
  int32_t in_c, in_h, in_w, out_c, out_h, out_w, kernel_h, kernel_w, stride, pad;
  int32_t weight_bits, odd;     /* a code is s, or 2 s + 1, of packed numbers s */
  const uint8_t *weights;       /* [out_c][in_c][kernel_h][kernel_w], packed, first in low bits */
  const int32_t *bias;          /* [out_c] */
  const uint8_t *zero;          /* [in_c]: the code that means 0; null: 0 */
  int32_t max_code;             /* thresholds per output; 0: the sums are the result */
  const threshold_t *thresholds; /* [out_c][max_code], ascending */
  const uint8_t *falling;       /* [out_c]: compare minus the sum; null: nowhere */
  int32_t shift, residual_codes;
  const threshold_t *residual;  /* [out_c][residual_codes]; null: none joins */
} layer_t;

/* Unpacks the weights of output o. */
static void unpack_row(const layer_t *l, int32_t o) {
  const int32_t n = l->in_c * l->kernel_h * l->kernel_w;
  const int32_t sign = 1 << (l->weight_bits - 1);
  int32_t i;
  for (i = 0; i < n; ++i) {
    const int32_t at = (o * n + i) * l->weight_bits;
    const int32_t field = (l->weights[at >> 3] >> (at & 7)) & (2 * sign - 1);
    const int32_t s = (field ^ sign) - sign;
    row[i] = (weight_t)(l->odd ? 2 * s + 1 : s);
  }
}

/* The code of a sum: how many thresholds it has reached. */
static uint8_t code_of(const layer_t *l, int32_t o, int32_t sum, const uint8_t *r) {
  const threshold_t *t = l->thresholds + o * l->max_code;
  threshold_t z = l->falling && l->falling[o] ? -(threshold_t)sum : (threshold_t)sum;
  int32_t low = 0, high = l->max_code;
  if (l->residual) z = z * ((threshold_t)1 << l->shift) + l->residual[o * l->residual_codes + *r];
  while (low < high) {
    const int32_t middle = (low + high) / 2;
    if (z >= t[middle])
      low = middle + 1;
    else
      high = middle;
  }
  return (uint8_t)low;
}
)";

inline constexpr const char* c_convolve = R"(
/* x [in_c][in_h][in_w], r the residual codes or null, to codes y or to sums. */
static void convolve_X(const layer_t *l, const X_t *x, const uint8_t *r, uint8_t *y,
                       int32_t *sums) {
  int32_t o, i, j, c, a, b;
  for (o = 0; o < l->out_c; ++o) {
    unpack_row(l, o);
    for (i = 0; i < l->out_h; ++i)
      for (j = 0; j < l->out_w; ++j) {
        const int32_t at = (o * l->out_h + i) * l->out_w + j;
        const int32_t top = i * l->stride - l->pad, left = j * l->stride - l->pad;
        const weight_t *w = row;
        int32_t sum = l->bias[o];
        for (c = 0; c < l->in_c; ++c) {
          const int32_t zero = l->zero ? l->zero[c] : 0;
          for (a = 0; a < l->kernel_h; ++a, w += l->kernel_w) {
            const X_t *line;
            if (top + a < 0 || top + a >= l->in_h) continue;
            line = x + (c * l->in_h + top + a) * l->in_w;
            for (b = left < 0 ? -left : 0; b < l->kernel_w && left + b < l->in_w; ++b)
              sum += w[b] * ((int32_t)line[left + b] - zero);
          }
        }
        if (l->max_code)
          y[at] = code_of(l, o, sum, r ? r + at : 0);
        else
          sums[at] = sum;
      }
  }
}
)";

inline constexpr const char* c_max_pool = R"(
/* The largest code of each window. */
static void max_pool_X(const layer_t *l, const X_t *x, X_t *y) {
  int32_t c, i, j, a, b;
  for (c = 0; c < l->out_c; ++c)
    for (i = 0; i < l->out_h; ++i)
      for (j = 0; j < l->out_w; ++j) {
        X_t best = 0;
        for (a = 0; a < l->kernel_h; ++a)
          for (b = 0; b < l->kernel_w; ++b) {
            const X_t code =
                x[(c * l->in_h + i * l->stride + a) * l->in_w + j * l->stride + b];
            if (code > best) best = code;
          }
        *y++ = best;
      }
}
)";

inline constexpr const char* c_sum_pool = R"(
/* The sum of each window. */
static void sum_pool_X_Y(const layer_t *l, const X_t *x, Y_t *y) {
  int32_t c, i, j, a, b;
  for (c = 0; c < l->out_c; ++c)
    for (i = 0; i < l->out_h; ++i)
      for (j = 0; j < l->out_w; ++j) {
        Y_t sum = 0;
        for (a = 0; a < l->kernel_h; ++a)
          for (b = 0; b < l->kernel_w; ++b)
            sum = (Y_t)(sum + x[(c * l->in_h + i * l->stride + a) * l->in_w + j * l->stride + b]);
        *y++ = sum;
      }
}
)";

inline constexpr const char* c_shortcut = R"(
/* Every stride-th row and column; new channels are 0. */
static void shortcut_X(const layer_t *l, const X_t *x, X_t *y) {
  const int32_t before = (l->out_c - l->in_c) / 2;
  int32_t c, i, j;
  for (c = 0; c < l->out_c; ++c)
    for (i = 0; i < l->out_h; ++i)
      for (j = 0; j < l->out_w; ++j)
        *y++ = (X_t)(c < before || c >= before + l->in_c
                         ? 0
                         : x[((c - before) * l->in_h + i * l->stride) * l->in_w + j * l->stride]);
}
)";

} // namespace sgq::infer::detail
