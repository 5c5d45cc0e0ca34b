// What the benchmarks share: options, timing, the machine's peak, one JSON object a line.
//
// The implementations of one case take turns, several times over, so that a machine that is busy or
// hot for a while slows them all; the figure is the median of all their calls.
#pragma once

#include "../examples/tools/limit_spinning.hpp"

#include "sgq/core/parallel.hpp"
#include "sgq/kernels/simd/dispatch.hpp"
#include "sgq/kernels/simd/microkernel.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace bench {

using sgq::index_t;

struct Options {
  std::string net, impl, engine; ///< empty: all
  std::string data;              ///< the folder of sets; empty: data/
  int bits = -1, guided = -1, threads = 0;
  int rounds = 5, steps = 0, batch = 0;
};

/// Reads --name value pairs. `accepted` lists the names this program takes, one space between.
/// --help prints `usage` and ends with 0, anything unknown is one line on stderr and ends with 2.
inline Options parse(int argc, char** argv, std::string_view usage, std::string_view accepted) {
  examples::limit_spinning(argv);
  Options o;
  const auto fail = [&](const std::string& message) {
    std::fprintf(stderr, "%s: %s\n", argv[0], message.c_str());
    std::exit(2);
  };
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--help") {
      std::printf("%.*s", static_cast<int>(usage.size()), usage.data());
      std::exit(0);
    }
    if (name.size() < 3 ||
        (" " + std::string(accepted) + " ").find(" " + name + " ") == std::string::npos)
      fail("unknown option " + name + " (see --help)");
    if (i + 1 == argc) fail(name + " needs a value");
    const std::string value = argv[++i];
    const auto set = [&](const char* option, int& to) {
      if (name != option) return;
      char* end = nullptr;
      const long n = std::strtol(value.c_str(), &end, 10);
      if (end == value.c_str() || *end || n < 0 || n > 4096)
        fail(name + ": expected a number from 0 to 4096, got " + value);
      to = static_cast<int>(n);
    };
    if (name == "--net") o.net = value;
    if (name == "--impl") o.impl = value;
    if (name == "--engine") o.engine = value;
    if (name == "--data") o.data = value;
    set("--bits", o.bits), set("--guided", o.guided), set("--threads", o.threads);
    set("--steps", o.steps), set("--batch", o.batch), set("--rounds", o.rounds);
  }
  o.rounds = std::max(1, o.rounds);
  sgq::set_num_threads(o.threads);
  return o;
}

/// Builds {"name": value, ...}.
class Json {
public:
  Json& add(std::string_view name, std::string_view value) {
    return raw(name, "\"" + std::string(value) + "\"");
  }
  Json& add(std::string_view name, index_t value) { return raw(name, sgq::to_text(value)); }
  Json& add(std::string_view name, double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value);
    return raw(name, text);
  }
  void print() const {
    std::printf("{%s}\n", text_.c_str());
    std::fflush(stdout);
  }

private:
  Json& raw(std::string_view name, const std::string& value) {
    if (!text_.empty()) text_ += ", ";
    text_.append("\"").append(name).append("\": ").append(value);
    return *this;
  }
  std::string text_;
};

inline double now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

inline double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  const std::size_t n = v.size();
  return n == 0 ? 0 : (v[(n - 1) / 2] + v[n / 2]) / 2;
}

struct Contender {
  std::string impl;
  std::function<void()> run;
};

/// Median seconds of one call of each contender. They take turns of about 30 ms; before each turn
/// there is a pause, in which the idle threads of the one before stop spinning.
inline std::vector<double> race(const std::vector<Contender>& contenders, int rounds) {
  std::vector<std::vector<double>> seconds(contenders.size());
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      contenders[i].run();
      const double begin = now();
      double last = begin;
      do {
        contenders[i].run();
        const double t = now();
        seconds[i].push_back(t - last);
        last = t;
      } while (last - begin < 0.03);
    }
  std::vector<double> result;
  for (const std::vector<double>& s : seconds) result.push_back(median(s));
  return result;
}

// Independent chains of multiply-adds on registers: the fastest that a core can do. The chains
// start from different numbers, or the compiler would compute only one of them.
#define SGQ_CHAINS(bytes, chains)                                                                  \
  using V = sgq::kernels::Simd<float, bytes>::type;                                                \
  V sum[chains], factor = V{} + 0.999f;                                                            \
  SGQ_UNROLL                                                                                       \
  for (int c = 0; c < chains; ++c) sum[c] = V{} + static_cast<float>(c);                           \
  for (index_t i = 0; i < turns; ++i) {                                                            \
    SGQ_UNROLL                                                                                     \
    for (int c = 0; c < chains; ++c) sum[c] = sum[c] * factor + factor;                            \
  }                                                                                                \
  for (int c = 1; c < chains; ++c) sum[0] += sum[c];                                               \
  *result = sum[0][0];                                                                             \
  return 2.0 * (bytes / 4) * chains * static_cast<double>(turns)

inline double chains_generic(index_t turns, volatile float* result) {
  SGQ_CHAINS(16, 12);
}
#if SGQ_X86
[[SGQ_TARGET_AVX2]] inline double chains_avx2(index_t turns, volatile float* result) {
  SGQ_CHAINS(32, 12);
}
[[SGQ_TARGET_AVX512]] inline double chains_avx512(index_t turns, volatile float* result) {
  SGQ_CHAINS(64, 20);
}
#endif
#undef SGQ_CHAINS

inline double chains(index_t turns, volatile float* result) {
#if SGQ_X86
  using sgq::kernels::Isa;
  if (sgq::kernels::isa() == Isa::avx512) return chains_avx512(turns, result);
  if (sgq::kernels::isa() == Isa::avx2) return chains_avx2(turns, result);
#endif
  return chains_generic(turns, result);
}

/// Measured GFLOP/s of `threads` threads that do nothing but multiply-adds: the best of many short
/// runs of one thread, times the threads.
inline double peak_gflops(int threads) {
  double best = 0;
  volatile float result = 0;
  for (int run = 0; run < 100; ++run) {
    const double begin = now(), flops = chains(20000, &result);
    best = std::max(best, flops / (now() - begin) * 1e-9);
  }
  return best * threads;
}

} // namespace bench
