// sgq/kernels/int8/stairs_run.hpp -- stairs by the fastest path of the chosen instruction set.
#pragma once

#include "sgq/kernels/int8/stairs_avx2.hpp"
#include "sgq/kernels/int8/stairs_avx512.hpp"

namespace sgq::kernels {

/// Codes of a row of positions.
inline void stairs_row(const StairsRow& s) {
#if SGQ_X86
  if (isa() == Isa::avx512 && stairs_row_avx512(s)) return;
  if (isa() != Isa::generic && stairs_row_avx2(s)) return;
#endif
  for_isa<stairs_row_generic>(&s);
}

} // namespace sgq::kernels
