// Matrix products of the sizes that the two networks need, against oneDNN and OpenBLAS where they
// were found. One JSON object a line.
#include "bench_common.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/kernels/gemm/gemm.hpp"

#if defined(SGQ_BENCH_ONEDNN)
#include <dnnl.hpp>
#include <omp.h>
#endif
#if defined(SGQ_BENCH_OPENBLAS)
#include <cblas.h>
#include <unistd.h>
extern "C" void openblas_set_num_threads(int);
extern "C" char* openblas_get_corename();
#endif

using namespace sgq;

namespace {

struct Case {
  const char* trans; ///< "nn", "nt" or "tn"
  index_t m, k, n;
};

// The forward products, and the two that backward makes of each: with C = A B, the gradients are
// dA = dC B^T (nt) and dB = A^T dC (tn).
constexpr index_t sizes[][3] = {{1024, 1024, 1024}, {64, 576, 50176},  {128, 1152, 8192},
                                {64, 288, 36864},   {16, 144, 131072}, {32, 9, 43264},
                                {64, 9216, 128}};

std::vector<Case> cases() {
  std::vector<Case> list;
  for (const auto& [m, k, n] : sizes) {
    list.push_back({"nn", m, k, n});
    list.push_back({"nt", m, n, k});
    list.push_back({"tn", k, m, n});
  }
  return list;
}

std::vector<bench::Contender> contenders(const Case& x, const float* a, const float* b, float* c,
                                         int threads) {
  const bool ta = x.trans[0] == 't', tb = x.trans[1] == 't';
  const index_t lda = ta ? x.m : x.k, ldb = tb ? x.k : x.n;
  std::vector<bench::Contender> list;
  list.push_back({"sgq", [=] {
                    kernels::gemm(kernels::Gemm<float>{.m = x.m,
                                                       .n = x.n,
                                                       .k = x.k,
                                                       .a = a,
                                                       .lda = lda,
                                                       .trans_a = ta,
                                                       .b = b,
                                                       .ldb = ldb,
                                                       .trans_b = tb,
                                                       .c = c,
                                                       .ldc = x.n});
                  }});
#if defined(SGQ_BENCH_ONEDNN)
  list.push_back({"onednn", [=] {
                    omp_set_num_threads(threads);
                    dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', x.m, x.n, x.k, 1.0f, a, lda, b, ldb,
                               0.0f, c, x.n);
                  }});
#endif
#if defined(SGQ_BENCH_OPENBLAS)
  list.push_back({"openblas", [=] {
                    openblas_set_num_threads(threads);
                    const auto i = [](index_t n) { return static_cast<blasint>(n); };
                    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans,
                                tb ? CblasTrans : CblasNoTrans, i(x.m), i(x.n), i(x.k), 1.0f, a,
                                i(lda), b, i(ldb), 0.0f, c, i(x.n));
                  }});
#endif
  (void)threads;
  return list;
}

/// An OpenBLAS older than the machine may not know it and fall back to SSE code for "Prescott". It
/// reads its environment before main(), so this program starts once more with a better name in it.
void use_best_openblas(char** argv) {
#if defined(SGQ_BENCH_OPENBLAS)
  if (std::string(openblas_get_corename()) != "Prescott" || std::getenv("OPENBLAS_CORETYPE"))
    return;
  if (!kernels::supported(kernels::Isa::avx2)) return;
  setenv("OPENBLAS_CORETYPE", kernels::supported(kernels::Isa::avx512) ? "SkylakeX" : "Haswell", 1);
  execv("/proc/self/exe", argv);
#endif
  (void)argv;
}

constexpr std::string_view usage =
    "bench_gemm: sgemm C[m][n] = op(A)[m][k] op(B)[k][n], one JSON object a line\n"
    "  --threads N    default: all cores\n"
    "  --impl NAME    sgq, onednn or openblas; default: all that were found\n"
    "  --rounds N     turns of each implementation, default 5\n"
    "  --help\n"
    "SGQ_ISA=generic|avx2|avx512 in the environment forces an instruction set of sgq.\n";

} // namespace

int main(int argc, char** argv) {
  const bench::Options options = bench::parse(argc, argv, usage, "--threads --impl --rounds");
  use_best_openblas(argv);
  const int threads = num_threads();
  for (const Case& x : cases()) {
    Tensor<float> a({x.m * x.k}), b({x.k * x.n}), c({x.m * x.n});
    for (index_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 13 - 6);
    for (index_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i % 11 - 5);
    std::vector<bench::Contender> all = contenders(x, a.data(), b.data(), c.data(), threads);
    std::erase_if(all,
                  [&](const auto& i) { return !options.impl.empty() && i.impl != options.impl; });
    const double peak = bench::peak_gflops(threads);
    const std::vector<double> seconds = bench::race(all, options.rounds);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const double gflops =
          2e-9 * static_cast<double>(x.m) * static_cast<double>(x.n * x.k) / seconds[i];
      bench::Json()
          .add("bench", "gemm")
          .add("impl", all[i].impl)
          .add("trans", x.trans)
          .add("m", x.m)
          .add("k", x.k)
          .add("n", x.n)
          .add("threads", index_t{threads})
          .add("isa", kernels::name(kernels::isa()))
          .add("gflops", gflops)
          .add("peak_fraction", gflops / peak)
          .print();
    }
  }
}
