// Chapter 3: the steps beside the library, OpenBLAS where it is found, and the peak.
//
//     matmul              a table for one size, on one thread and on two
//     matmul --svg FILE   the same, and a graph over the sizes, on one thread
//
// The contenders take turns; a figure is the best of its turns. One thread is timed by the clock
// that runs only while the thread does, so that a busy machine disturbs it little.
#include "product.hpp"

#include "../../../bench/bench_common.hpp"
#include "../../tools/line_chart.hpp"

#include "sgq/sgq.hpp"

#include <cmath>
#include <cstring>
#include <ctime>
#include <dlfcn.h>
#include <fstream>

using namespace learn;

namespace {

struct Contender {
  std::string name;
  std::function<void(const Product&, int)> run; ///< the number of threads is set already
  index_t largest;                              ///< of the graph: what takes too long is left out
  bool threaded = false;
};

/// OpenBLAS, loaded at run time; null where there is none. One that is older than the machine falls
/// back to the code for the first x86-64: the environment gives it a better name.
std::function<void(const Product&, int)> find_openblas() {
  using sgq::kernels::Isa;
  const Isa isa = sgq::kernels::isa();
  if (isa != Isa::generic)
    setenv("OPENBLAS_CORETYPE", isa == Isa::avx512 ? "SkylakeX" : "Haswell", 0);
  void* const library = dlopen("libopenblas.so.0", RTLD_NOW);
  if (!library) return {};
  using Sgemm = void(int, int, int, int, int, int, float, const float*, int, const float*, int,
                     float, float*, int);
  const auto sgemm = reinterpret_cast<Sgemm*>(dlsym(library, "cblas_sgemm"));
  const auto threads = reinterpret_cast<void (*)(int)>(dlsym(library, "openblas_set_num_threads"));
  if (!sgemm || !threads) return {};
  return [=](const Product& x, int count) {
    const int m = int(x.m), n = int(x.n), k = int(x.k), row_major = 101, plain = 111;
    threads(count);
    sgemm(row_major, plain, plain, m, n, k, 1, x.a, k, x.b, n, 0, x.c, n);
  };
}

std::vector<Contender> contenders() {
  const auto step = [](void (*f)(const Product&)) { return [f](const Product& x, int) { f(x); }; };
  std::vector<Contender> all = {
      {"0 the definition", step(step0), 512}, {"1 order of loops", step(step1), 1024},
      {"2 registers", step(step2), 1024},     {"3 vectors", step(step3), 2048},
      {"4 blocks", step(step4), 2048},        {"5 packing", step(step5), 2048},
      {"6 threads", step(step6), 2048, true}, {"7 fetching ahead", step(step7), 2048, true}};
  const auto library = [](const Product& x, int) {
    sgq::kernels::gemm(sgq::kernels::Gemm<float>{.m = x.m,
                                                 .n = x.n,
                                                 .k = x.k,
                                                 .a = x.a,
                                                 .lda = x.k,
                                                 .b = x.b,
                                                 .ldb = x.n,
                                                 .c = x.c,
                                                 .ldc = x.n});
  };
  all.push_back({"the library", library, 2048, true});
  if (const auto openblas = find_openblas()) all.push_back({"OpenBLAS", openblas, 2048, true});
  return all;
}

/// Matrices of normal numbers, and a product of them in double.
struct Problem {
  explicit Problem(index_t size) : n(size), a({n, n}), b({n, n}), c({n, n}) {
    for (index_t i = 0; i < a.size(); ++i) {
      a[i] = sgq::Random(1).uniform(i) - 0.5f;
      b[i] = sgq::Random(2).uniform(i) - 0.5f;
    }
  }
  Product product() { return {n, n, n, a.data(), b.data(), c.data()}; }

  /// The largest error at 1000 places, in units of what rounding allows: k u sum of |a b|.
  double error() const {
    double worst = 0;
    for (index_t t = 0; t < 1000; ++t) {
      const index_t i = sgq::Random(3).below(2 * t, n), j = sgq::Random(3).below(2 * t + 1, n);
      double sum = 0, size = 0;
      for (index_t p = 0; p < n; ++p) {
        const double term = double(a(i, p)) * double(b(p, j));
        sum += term, size += std::abs(term);
      }
      worst = std::max(worst, std::abs(c(i, j) - sum) / (double(n) * 0x1p-24 * size));
    }
    return worst;
  }

  index_t n;
  sgq::Tensor<float> a, b, c;
};

/// Processor time of this thread, or, where others help, the time on the wall.
double seconds_now(int threads) {
  if (threads > 1) return bench::now();
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

/// GFLOP/s of each, 0 where left out: its best turn; each gets about `seconds` in all.
std::vector<double> race(const std::vector<Contender>& all, Problem& problem, int threads,
                         double seconds, index_t largest) {
  sgq::set_num_threads(threads);
  std::vector<std::vector<double>> times(all.size());
  std::vector<double> spent(all.size());
  for (int turn = 0; turn < 100; ++turn)
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (spent[i] > seconds || all[i].largest < largest || (threads > 1 && !all[i].threaded))
        continue;
      if (turn == 0) problem.c.fill(NAN);
      const double begin = seconds_now(threads);
      all[i].run(problem.product(), threads);
      const double time = seconds_now(threads) - begin;
      spent[i] += time;
      if (turn > 0 || time > seconds) times[i].push_back(time); // the first warms up
      if (turn == 0 && !(problem.error() <= 1)) {
        std::printf("%s is wrong\n", all[i].name.c_str());
        std::exit(1);
      }
    }
  std::vector<double> speed;
  for (const auto& t : times)
    speed.push_back(t.empty() ? 0
                              : 2e-9 * std::pow(double(problem.n), 3) /
                                    *std::min_element(t.begin(), t.end()));
  return speed;
}

void print_table(const std::vector<Contender>& all, index_t size) {
  Problem problem(size);
  const double peak = bench::peak_gflops(1);
  const std::vector<double> one = race(all, problem, 1, 0.4, 0),
                            two = race(all, problem, 2, 0.3, 0);
  std::printf("%d x %d x %d, GFLOP/s and share of the peak\n", int(size), int(size), int(size));
  std::printf("                       one thread    two threads\n");
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::printf("%-18s %8.1f  %3.0f %%", all[i].name.c_str(), one[i], 100 * one[i] / peak);
    if (two[i] > 0) std::printf(" %8.1f  %3.0f %%", two[i], 50 * two[i] / peak);
    std::printf("\n");
  }
  std::printf("%-18s %8.1f        %8.1f\n", "the peak", peak, 2 * peak);
}

std::string graph(const std::vector<Contender>& all) {
  examples::LineChart chart{
      .title = "C = A B, square matrices, one thread", .x_label = "size", .y_label = "GFLOP/s"};
  for (const Contender& c : all) chart.lines.push_back({c.name});
  chart.lines.push_back({"the peak"});
  for (index_t size = 128; size <= 1280; size += 128) {
    Problem problem(size);
    const std::vector<double> speed = race(all, problem, 1, 0.06, size);
    for (std::size_t i = 0; i < all.size(); ++i)
      if (speed[i] > 0 && i != 6) chart.lines[i].points.emplace_back(double(size), speed[i]);
    chart.lines.back().points.emplace_back(double(size), bench::peak_gflops(1));
  }
  return examples::to_svg(chart);
}

} // namespace

int main(int argc, char** argv) {
  examples::limit_spinning(argv);
  const std::vector<Contender> all = contenders();
  print_table(all, 1024);
  if (argc == 3 && std::strcmp(argv[1], "--svg") == 0) std::ofstream(argv[2]) << graph(all);
}
