// The convolutions of the two networks, forward and both gradients, against oneDNN where it was
// found. One JSON object a line; `passes` names the product. "forward_codes" is the forward product
// of 4-bit codes: "sgq" by bytes, "sgq_float" by floats.
//
// Activations are plain NCHW and weights plain OIHW on both sides. oneDNN may choose blocked
// layouts inside: then reordering there and back is part of its time ("onednn"). What its
// convolution alone takes is printed beside ("onednn_blocked").
#include "bench_common.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/kernels/conv/conv2d.hpp"
#include "sgq/kernels/conv/conv2d_forward_codes.hpp"

#if defined(SGQ_BENCH_ONEDNN)
#include <dnnl.hpp>
#include <memory>
#include <omp.h>
#include <unordered_map>
#endif

using namespace sgq;
using kernels::ConvGeometry;

namespace {

struct Layer {
  const char* net;
  ConvGeometry g;
};

ConvGeometry conv3x3(index_t batch, index_t in, index_t size, index_t out, index_t stride,
                     index_t pad) {
  return {.batch = batch,
          .in_channels = in,
          .in_h = size,
          .in_w = size,
          .out_channels = out,
          .kernel_h = 3,
          .kernel_w = 3,
          .stride = stride,
          .pad = pad};
}

std::vector<Layer> layers() {
  return {
      {"mnist_cnn", conv3x3(64, 1, 28, 32, 1, 0)},  {"mnist_cnn", conv3x3(64, 32, 26, 64, 1, 0)},
      {"resnet20", conv3x3(128, 3, 32, 16, 1, 1)},  {"resnet20", conv3x3(128, 16, 32, 16, 1, 1)},
      {"resnet20", conv3x3(128, 16, 32, 32, 2, 1)}, {"resnet20", conv3x3(128, 32, 16, 32, 1, 1)},
      {"resnet20", conv3x3(128, 32, 16, 64, 2, 1)}, {"resnet20", conv3x3(128, 64, 8, 64, 1, 1)}};
}

struct Buffers {
  Tensor<float> x, w, y; ///< each product reads two of them and writes the third
  Tensor<std::uint8_t> codes;

  explicit Buffers(const ConvGeometry& g)
      : x({g.batch, g.in_channels, g.in_h, g.in_w}),
        w({g.out_channels, g.in_channels, g.kernel_h, g.kernel_w}),
        y({g.batch, g.out_channels, g.out_h(), g.out_w()}), codes(x.shape()) {
    for (index_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>(i % 16);
  }
};

#if defined(SGQ_BENCH_ONEDNN)

/// A tensor whose layout oneDNN may choose.
dnnl::memory::desc any(const dnnl::memory::dims& d) {
  return {d, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
}

/// One oneDNN convolution product with its reorders.
class Peer {
public:
  Peer(const ConvGeometry& g, const std::string& pass, Buffers& buffers)
      : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    using tag = dnnl::memory::format_tag;
    using namespace dnnl;
    const memory::dims xd{g.batch, g.in_channels, g.in_h, g.in_w},
        wd{g.out_channels, g.in_channels, g.kernel_h, g.kernel_w},
        yd{g.batch, g.out_channels, g.out_h(), g.out_w()}, stride{g.stride, g.stride},
        pad{g.pad, g.pad};
    const auto algorithm = algorithm::convolution_direct;
    const convolution_forward::primitive_desc forward(
        {prop_kind::forward_training, algorithm, any(xd), any(wd), any(yd), stride, pad, pad},
        engine_);
    const auto plain = [&](const memory::dims& d, tag t, float* p) {
      return memory({d, memory::data_type::f32, t}, engine_, p);
    };
    const memory x = plain(xd, tag::nchw, buffers.x.data()),
                 w = plain(wd, tag::oihw, buffers.w.data()),
                 y = plain(yd, tag::nchw, buffers.y.data());
    if (pass == "forward") {
      convolution_ = convolution_forward(forward);
      input(DNNL_ARG_SRC, x, forward.src_desc());
      input(DNNL_ARG_WEIGHTS, w, forward.weights_desc());
      output(DNNL_ARG_DST, y, forward.dst_desc());
    } else if (pass == "backward_input") {
      const convolution_backward_data::primitive_desc d(
          {algorithm, any(xd), any(wd), any(yd), stride, pad, pad}, engine_, forward);
      convolution_ = convolution_backward_data(d);
      input(DNNL_ARG_DIFF_DST, y, d.diff_dst_desc());
      input(DNNL_ARG_WEIGHTS, w, d.weights_desc());
      output(DNNL_ARG_DIFF_SRC, x, d.diff_src_desc());
    } else {
      const convolution_backward_weights::primitive_desc d(
          {algorithm, any(xd), any(wd), any(yd), stride, pad, pad}, engine_, forward);
      convolution_ = convolution_backward_weights(d);
      input(DNNL_ARG_DIFF_DST, y, d.diff_dst_desc());
      input(DNNL_ARG_SRC, x, d.src_desc());
      output(DNNL_ARG_DIFF_WEIGHTS, w, d.diff_weights_desc());
    }
  }

  void convolve() {
    convolution_.execute(stream_, arguments_);
    stream_.wait();
  }
  void convolve_plain() {
    for (Move& m : before_) m.reorder.execute(stream_, m.from, m.to);
    convolution_.execute(stream_, arguments_);
    for (Move& m : after_) m.reorder.execute(stream_, m.from, m.to);
    stream_.wait();
  }

private:
  struct Move {
    dnnl::reorder reorder;
    dnnl::memory from, to;
  };

  void input(int argument, dnnl::memory plain, const dnnl::memory::desc& wanted) {
    dnnl::memory inner = plain;
    if (plain.get_desc() != wanted) {
      inner = dnnl::memory(wanted, engine_);
      before_.push_back({dnnl::reorder(plain, inner), plain, inner});
    }
    arguments_.emplace(argument, inner);
  }
  void output(int argument, dnnl::memory plain, const dnnl::memory::desc& wanted) {
    dnnl::memory inner = plain;
    if (plain.get_desc() != wanted) {
      inner = dnnl::memory(wanted, engine_);
      after_.push_back({dnnl::reorder(inner, plain), inner, plain});
    }
    arguments_.emplace(argument, inner);
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::primitive convolution_;
  std::unordered_map<int, dnnl::memory> arguments_;
  std::vector<Move> before_, after_;
};
#endif

std::vector<bench::Contender> contenders(const ConvGeometry& g, const std::string& pass, Buffers& b,
                                         int threads) {
  float *const x = b.x.data(), *const w = b.w.data(), *const y = b.y.data();
  const std::uint8_t* const codes = b.codes.data();
  std::vector<bench::Contender> list;
  if (pass == "forward_codes") { // as a layer does
    const auto by_float = [=] { kernels::conv2d_forward<float>(g, codes, w, y); };
    return {{"sgq",
             [=] {
               if (!kernels::conv2d_forward_codes(g, codes, w, 2 * 15 * 15, y)) by_float();
             }},
            {"sgq_float", by_float}};
  }
  if (pass == "forward")
    list.push_back({"sgq", [=] { kernels::conv2d_forward(g, x, w, y); }});
  else if (pass == "backward_input")
    list.push_back({"sgq", [=] { kernels::conv2d_backward_input(g, y, w, x); }});
  else // dw is added to: with a scale of 0 it keeps its value, and stays finite
    list.push_back({"sgq", [=] { kernels::conv2d_backward_weight(g, y, x, w, 0.0f); }});
#if defined(SGQ_BENCH_ONEDNN)
  omp_set_num_threads(threads);
  const auto peer = std::make_shared<Peer>(g, pass, b);
  list.push_back({"onednn", [=] { peer->convolve_plain(); }});
  list.push_back({"onednn_blocked", [=] { peer->convolve(); }});
#endif
  (void)threads;
  return list;
}

constexpr std::string_view usage =
    "bench_conv: the three products of every convolution of the networks, one JSON object a line\n"
    "  --net NAME     mnist_cnn (batch 64) or resnet20 (batch 128); default: both\n"
    "  --threads N    default: all cores\n"
    "  --impl NAME    sgq, sgq_float, onednn (reorders counted) or onednn_blocked (not counted)\n"
    "  --rounds N     turns of each implementation, default 5\n"
    "  --help\n"
    "SGQ_ISA=generic|avx2|avx512 in the environment forces an instruction set of sgq.\n";

} // namespace

int main(int argc, char** argv) {
  const bench::Options options = bench::parse(argc, argv, usage, "--net --threads --impl --rounds");
  const int threads = num_threads();
  for (const Layer& layer : layers()) {
    if (!options.net.empty() && options.net != layer.net) continue;
    const ConvGeometry& g = layer.g;
    Buffers b(g);
    for (const std::string pass :
         {"forward", "forward_codes", "backward_input", "backward_weight"}) {
      for (Tensor<float>* t : {&b.x, &b.w, &b.y})
        for (index_t i = 0; i < t->size(); ++i)
          (*t)[i] = static_cast<float>(i % 13 - 6) / (pass == "forward_codes" ? 1 : 16);
      std::vector<bench::Contender> all = contenders(g, pass, b, threads);
      std::erase_if(all,
                    [&](const auto& c) { return !options.impl.empty() && c.impl != options.impl; });
      const double peak = bench::peak_gflops(threads);
      const std::vector<double> seconds = bench::race(all, options.rounds);
      for (std::size_t i = 0; i < all.size(); ++i) {
        const double gflops = 1e-9 * g.flops() / seconds[i];
        bench::Json()
            .add("bench", "conv")
            .add("impl", all[i].impl)
            .add("net", layer.net)
            .add("passes", pass)
            .add("m", g.out_channels)
            .add("k", g.filter_size())
            .add("n", g.batch * g.out_plane())
            .add("batch", g.batch)
            .add("threads", index_t{threads})
            .add("isa", kernels::name(kernels::isa()))
            .add("gflops", gflops)
            .add("peak_fraction", gflops / peak)
            .print();
      }
    }
  }
}
