// sgq/saliency/metrics/similarity.hpp -- how alike two maps of one image are.
//
//     a, b [N,H,W]  ->  [N], as they are or of |a| and |b|
//
//     spearman  Pearson correlation of the ranks, ties given their average rank
//     pearson   sum (a - mean a)(b - mean b) / sqrt(sum (a - mean a)^2 sum (b - mean b)^2)
//     cosine    sum a b / sqrt(sum a^2 sum b^2)
//     ssim      structural similarity of the two-dimensional maps (ssim.hpp)
//     top_iou   |A and B| / |A or B|, A and B the top share of positions, ties at random
//
// A constant map (all-zero included) has no ranking and no structure: all five are NaN there. A
// number alone says little. State two others beside it: the between-seed baseline, which is the
// similarity of two fp32 nets from different seeds, and the random-weights baseline.
#pragma once

#include "sgq/saliency/metrics/ranking.hpp"
#include "sgq/saliency/metrics/ssim.hpp"

namespace sgq::saliency {

namespace detail {

// f(image, a, b, d) for every pair in which neither map is constant; magnitudes are taken here.
template <class F>
Tensor<double> per_pair(std::string_view what, View<const float> a, View<const float> b,
                        Values values, F f) {
  check_map_pair(what, a, b);
  const index_t d = a.shape().stride();
  const auto read = [&](const float* map, double* out) {
    for (index_t i = 0; i < d; ++i) {
      const double v = static_cast<double>(map[i]);
      out[i] = values == Values::magnitude ? std::abs(v) : v;
    }
    return std::any_of(out, out + d, [&](double v) { return v != out[0]; });
  };
  return per_image(a.shape()[0], [&](index_t n) {
    Arena::Scope scope(scratch());
    double* p = scratch().take<double>(d);
    double* q = scratch().take<double>(d);
    const bool p_varies = read(a.data() + n * d, p), q_varies = read(b.data() + n * d, q);
    return p_varies && q_varies ? f(n, p, q, d) : undefined;
  });
}

inline double correlation(const double* a, const double* b, index_t d) {
  double mean_a = 0, mean_b = 0, aa = 0, bb = 0, ab = 0;
  for (index_t i = 0; i < d; ++i) {
    mean_a += a[i];
    mean_b += b[i];
  }
  mean_a /= static_cast<double>(d);
  mean_b /= static_cast<double>(d);
  for (index_t i = 0; i < d; ++i) {
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
    ab += (a[i] - mean_a) * (b[i] - mean_b);
  }
  return ab / (std::sqrt(aa) * std::sqrt(bb));
}

// Ranks 1..d; equal values share the mean of theirs.
inline void average_ranks(const double* values, index_t d, double* ranks) {
  Arena::Scope scope(scratch());
  std::int32_t* order = scratch().take<std::int32_t>(d);
  std::iota(order, order + d, 0);
  std::sort(order, order + d,
            [&](std::int32_t i, std::int32_t j) { return values[i] < values[j]; });
  for (index_t first = 0, last; first < d; first = last) {
    for (last = first + 1; last < d && values[order[last]] == values[order[first]];) ++last;
    const double rank = static_cast<double>(first + 1 + last) / 2;
    for (index_t k = first; k < last; ++k) ranks[order[k]] = rank;
  }
}

} // namespace detail

/// [N], in [-1, 1] up to rounding.
inline Tensor<double> pearson(View<const float> a, View<const float> b, Values values) {
  return detail::per_pair("pearson", a, b, values,
                          [](index_t, const double* p, const double* q, index_t d) {
                            return detail::correlation(p, q, d);
                          });
}

/// [N], in [-1, 1] up to rounding.
inline Tensor<double> spearman(View<const float> a, View<const float> b, Values values) {
  return detail::per_pair("spearman", a, b, values,
                          [](index_t, const double* p, const double* q, index_t d) {
                            Arena::Scope scope(scratch());
                            double* rank_p = scratch().take<double>(d);
                            double* rank_q = scratch().take<double>(d);
                            detail::average_ranks(p, d, rank_p);
                            detail::average_ranks(q, d, rank_q);
                            return detail::correlation(rank_p, rank_q, d);
                          });
}

/// [N], in [-1, 1] up to rounding.
inline Tensor<double> cosine(View<const float> a, View<const float> b, Values values) {
  return detail::per_pair("cosine", a, b, values,
                          [](index_t, const double* p, const double* q, index_t d) {
                            double pp = 0, qq = 0, pq = 0;
                            for (index_t i = 0; i < d; ++i) {
                              pp += p[i] * p[i];
                              qq += q[i] * q[i];
                              pq += p[i] * q[i];
                            }
                            return pq / (std::sqrt(pp) * std::sqrt(qq));
                          });
}

/// [N], in [-1, 1]. Maps are [N,H,W] or [N,1,H,W]; throws shape_error where they are smaller than
/// the window of 7 x 7.
inline Tensor<double> ssim(View<const float> a, View<const float> b, Values values) {
  const Shape& s = a.shape();
  const index_t height = s.rank() < 3 ? 0 : s[s.rank() - 2],
                width = s.rank() < 3 ? 0 : s[s.rank() - 1];
  if (height < ssim_window || width < ssim_window || (s[0] > 0 && s.stride() != height * width))
    throw shape_error(describe("ssim", "maps [N, H, W] of at least 7 x 7", s.str()));
  const double range = values == Values::magnitude ? 1 : 2;
  return detail::per_pair("ssim", a, b, values, [&](index_t, double* p, double* q, index_t d) {
    for (double* map : {p, q}) {
      double top = 0;
      for (index_t i = 0; i < d; ++i) top = std::max(top, std::abs(map[i]));
      for (index_t i = 0; i < d; ++i) map[i] /= top;
    }
    return structural_similarity(p, q, height, width, range);
  });
}

/// [N], in [0, 1]; each map breaks its ties by its own random words. NaN where the share is less
/// than one position.
inline Tensor<double> top_iou(View<const float> a, View<const float> b, Values values,
                              double share = 0.1, std::uint64_t seed = 0) {
  const index_t k = ops::share_count(share, a.shape().stride());
  const Random ties_a = tie_breaker(seed, 0), ties_b = tie_breaker(seed, 1);
  return detail::per_pair(
      "top_iou", a, b, values, [&](index_t n, const double* p, const double* q, index_t d) {
        Arena::Scope scope(scratch());
        const View<std::uint8_t> in_p(scratch().take<std::uint8_t>(d), {1, d});
        const View<std::uint8_t> in_q(scratch().take<std::uint8_t>(d), {1, d});
        ops::highest_k<double>({p, {1, d}}, k, {ties_a, n}, in_p);
        ops::highest_k<double>({q, {1, d}}, k, {ties_b, n}, in_q);
        index_t both = 0;
        for (index_t i = 0; i < d; ++i) both += in_p[i] != 0 && in_q[i] != 0;
        return k > 0 ? static_cast<double>(both) / static_cast<double>(2 * k - both) : undefined;
      });
}

/// All five at once, each [N].
struct Similarity {
  Tensor<double> spearman, pearson, cosine, ssim, top_iou;
};

/// One of them by its name.
struct SimilarityMeasure {
  std::string_view name, title; ///< of results; of columns
  Tensor<double> Similarity::*values;
};

inline constexpr SimilarityMeasure similarity_measures[] = {
    {"spearman", "Spearman", &Similarity::spearman},
    {"pearson", "Pearson", &Similarity::pearson},
    {"cosine", "cosine", &Similarity::cosine},
    {"ssim", "SSIM", &Similarity::ssim},
    {"top_10_iou", "top-10 % IoU", &Similarity::top_iou}};

/// `seed`: of the ties in top_iou.
SGQ_COMPILE_ONCE Similarity similarity(View<const float> a, View<const float> b, Values values,
                                       std::uint64_t seed = 0) {
  return {spearman(a, b, values), pearson(a, b, values), cosine(a, b, values), ssim(a, b, values),
          top_iou(a, b, values, 0.1, seed)};
}

} // namespace sgq::saliency
