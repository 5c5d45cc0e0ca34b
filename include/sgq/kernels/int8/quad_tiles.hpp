// sgq/kernels/int8/quad_tiles.hpp -- the tiles of kernels/int8/quad_product.hpp, and which of them
// a product of codes takes.
#pragma once

#include "sgq/kernels/int8/quad_4x16_avx2.hpp"
#include "sgq/kernels/int8/quad_neon.hpp"
#include "sgq/kernels/int8/quad_vnni.hpp"
#include "sgq/kernels/int8/quad_words.hpp"

namespace sgq::kernels {

#if SGQ_X86
template <class Y>
inline constexpr QuadTile<Y> vnni_quads{
    .mr = 8,
    .nr = 32,
    .lanes = 16,
    .narrow = false,
    .run = {quad_8x32_vnni<Y, 1>, quad_8x32_vnni<Y, 2>, nullptr}};
template <class Y>
inline constexpr QuadTile<Y> avx_vnni_quads{
    .mr = 4,
    .nr = 24,
    .lanes = 8,
    .narrow = false,
    .run = {quad_4x24_avx_vnni<Y, 1>, quad_4x24_avx_vnni<Y, 2>, quad_4x24_avx_vnni<Y, 3>}};
template <class Y>
inline constexpr QuadTile<Y> avx2_quads{
    .mr = 4,
    .nr = 16,
    .lanes = 8,
    .narrow = true,
    .run = {quad_4x16_avx2<Y, 1>, quad_4x16_avx2<Y, 2>, nullptr}};
#elif SGQ_ARM
template <class Y>
inline constexpr QuadTile<Y> dotprod_quads{
    .mr = 8,
    .nr = 12,
    .lanes = 4,
    .narrow = false,
    .run = {quad_8x12_dotprod<Y, 1>, quad_8x12_dotprod<Y, 2>, quad_8x12_dotprod<Y, 3>}};
template <class Y>
inline constexpr QuadTile<Y> i8mm_quads{
    .mr = 8,
    .nr = 12,
    .lanes = 4,
    .narrow = false,
    .run = {quad_8x12_i8mm<Y, 1>, quad_8x12_i8mm<Y, 2>, quad_8x12_i8mm<Y, 3>}};
#elif SGQ_WASM
template <class Y>
inline constexpr QuadTile<Y> words_quads{
    .mr = 4,
    .nr = 8,
    .lanes = 4,
    .narrow = false,
    .run = {quad_4x8_words<Y, 1>, quad_4x8_words<Y, 2>, nullptr}};
#endif

// The largest tile.
inline constexpr index_t max_quad_tile = 8 * 32;

/// The tile of the chosen instruction set for |x w + x' w'| <= pair_bound. Null where float
/// products serve better: there is none, or it adds such pairs in 16 bits, which do not hold them.
template <class Y>
const QuadTile<Y>* quad_tile(std::int32_t pair_bound) {
  const QuadTile<Y>* tile = nullptr;
#if SGQ_X86
  tile = has_vnni()              ? &vnni_quads<Y>
         : has_avx_vnni()        ? &avx_vnni_quads<Y>
         : isa() != Isa::generic ? &avx2_quads<Y>
                                 : nullptr;
#elif SGQ_ARM
  tile = isa() == Isa::neon_i8mm      ? &i8mm_quads<Y>
         : isa() == Isa::neon_dotprod ? &dotprod_quads<Y>
                                      : nullptr;
#elif SGQ_WASM
  if (isa() == Isa::simd128) tile = &words_quads<Y>;
#endif
  return tile && tile->narrow && pair_bound > INT16_MAX ? nullptr : tile;
}

} // namespace sgq::kernels
