// one_file -- the whole method in one file: digits, a net and its tape, training at few bits that
// is guided by saliency, maps, thresholds, and the integer net that ships. Read it from the top.
//
//     g++ -std=c++20 -O3 examples/learn/one_file.cpp -o one_file && ./one_file
//
// It includes nothing of the library and has no fast loop. For a model file that the library wrote
// (--model FILE) it gives the library's codes in every layer and its integer logits; a test
// compares them. Nets are chains of convolutions, rectifiers and poolings, such as LeNet. Left out:
// batch norm, residuals, batches as tensors, threads, and most checks of the input.
//
//     1 random numbers    2 digits     3 a net and its tape   4 one loop nest, four products
//     5 few bits          6 forward    7 backward             8 losses
//     9 learning         10 maps      11 integers            12 a model file   13 the program
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace one_file {

/// A vector that is indexed by int. Nothing here is long, and signed arithmetic has no traps.
template <class T>
struct Array : std::vector<T> {
  Array() = default;
  explicit Array(int n, T value = T()) : std::vector<T>(static_cast<std::size_t>(n), value) {}
  T& operator[](int i) { return this->data()[i]; }
  const T& operator[](int i) const { return this->data()[i]; }
  int count() const { return static_cast<int>(this->size()); }
};

// 1 ---- Random numbers -------------------------------------------------------------------------

/// Splitmix64: a counter, and a hash of it. Generators with other seeds are independent.
struct Random {
  std::uint64_t state;

  std::uint64_t next() {
    std::uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
  }
  double uniform(double least, double most) {
    return least + (most - least) * static_cast<double>(next() >> 11) * 0x1p-53;
  }
  int below(int n) { return static_cast<int>(uniform(0, n)); }
};

void shuffle(Array<int>& numbers, Random& random) {
  for (int i = numbers.count() - 1; i > 0; --i) std::swap(numbers[i], numbers[random.below(i + 1)]);
}

// 2 ---- Digits ---------------------------------------------------------------------------------
//
// An image is painted in layers: a dim ground, lines, pieces of digits (decoys), the digit, noise.
// Only the digit depends on the class, so its pixels are the evidence: the place where a map should
// point. The strokes are those of the library's built-in set; curves and noise are simpler here.

constexpr int side = 28, area = side * side;

/// Two letters are a point, x and y counted from 'a', in a box of 16 x 24; a space lifts the pen.
constexpr const char* glyphs[10] = {
    "iadebmduiynupmneia",      "dfja jajy",      "cgebjaoenkircy cypy",
    "cdhandmigl glnnpsmxgybv", "labq bqqq laly", "oaea eadk dkiinkpqmwhybv",
    "magfcmbsexjyounoimbs",    "bapa pajmgy",    "ildiddiandniil ilcpcviyovopil",
    "oglbgacedjimog ogoojy",
};

struct Digit {
  Array<int> pixels{}, evidence{}; ///< codes 0 to 255; 1 under the digit's ink
  int label = 0;
};

struct Point {
  double x, y;
};

/// A straight stroke with round ends and soft edges: `ink` becomes at least its cover, 0 to 1.
void ink_line(Array<double>& ink, Point a, Point b, double half_width) {
  const double dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy + 1e-9;
  for (int i = 0; i < area; ++i) {
    const double px = i % side + 0.5 - a.x, py = i / side + 0.5 - a.y;
    const double along = std::clamp((px * dx + py * dy) / length2, 0.0, 1.0);
    const double distance = std::hypot(px - along * dx, py - along * dy);
    ink[i] = std::max(ink[i], std::clamp(half_width + 0.5 - distance, 0.0, 1.0));
  }
}

/// A digit in some hand: moved, slanted, stretched.
Array<double> ink_digit(int label, Random& random) {
  Array<double> ink(area);
  const double xx = random.uniform(0.6, 0.85), xy = random.uniform(-0.2, 0.15);
  const double yy = random.uniform(0.62, 0.82), half_width = random.uniform(0.75, 1.4);
  const double dx = 14 + random.uniform(-3.5, 3.5), dy = 14 + random.uniform(-2.5, 2.5);
  Point last{};
  bool down = false;
  for (const char* c = glyphs[label]; *c; ++c) {
    if (*c == ' ') {
      down = false;
      continue;
    }
    const double x = c[0] - 'a' - 8, y = c[1] - 'a' - 12;
    const Point now{dx + xx * x + xy * y, dy + yy * y};
    if (down) ink_line(ink, last, now, half_width);
    last = now, down = true, ++c;
  }
  return ink;
}

void paint(Array<int>& pixels, const Array<double>& ink, double code) {
  for (int i = 0; i < area; ++i) pixels[i] += static_cast<int>((code - pixels[i]) * ink[i]);
}

/// Image `index` of the set that the seed names.
Digit draw_digit(std::uint64_t seed, int index) {
  Random random{seed << 32 | static_cast<std::uint64_t>(index) << 8};
  Digit digit{.label = index % 10};
  digit.pixels = Array<int>(area, random.below(41));
  const auto anywhere = [&] { return Point{random.uniform(0, side), random.uniform(0, side)}; };
  for (int k = 0; k < 5; ++k) { // two long dim lines; three decoys, short and bright as a digit
    Array<double> ink(area);
    const Point from = anywhere(), far = anywhere();
    const Point near{from.x + (far.x - from.x) / 4, from.y + (far.y - from.y) / 4};
    ink_line(ink, from, k < 2 ? far : near, k < 2 ? 0.5 : 1);
    paint(digit.pixels, ink, k < 2 ? random.uniform(50, 140) : random.uniform(150, 255));
  }
  const Array<double> ink = ink_digit(digit.label, random);
  paint(digit.pixels, ink, random.uniform(170, 255));
  const double noise = random.uniform(8, 44);
  for (int i = 0; i < area; ++i) {
    digit.evidence.push_back(ink[i] > 0.15);
    const auto added = static_cast<int>(random.uniform(-noise, noise));
    digit.pixels[i] = std::clamp(digit.pixels[i] + added, 0, 255);
  }
  return digit;
}

Array<Digit> draw_digits(std::uint64_t seed, int n) {
  Array<Digit> digits(n);
  for (int i = 0; i < n; ++i) digits[i] = draw_digit(seed, i);
  return digits;
}

// 3 ---- A net and its tape ---------------------------------------------------------------------
//
// Layers own parameters and nothing else. What a pass leaves behind for the pass back lies on a
// tape that the caller owns; so two images can be on their way through one net at a time, which is
// what saliency-guided training needs. There is no batch: without batch norm images do not meet,
// and gradients add up.

struct Shape {
  int c = 0, h = 0, w = 0;
  int plane() const { return h * w; }
  int size() const { return c * h * w; }
};

struct Parameter {
  Array<float> value, grad, mean, square; ///< the last two: Adam's
  void resize(int n, float first = 0) {
    value = Array<float>(n, first);
    grad = mean = square = Array<float>(n);
  }
};

/// A fully connected layer is a convolution whose kernel is the whole image.
enum class Kind { convolution, rectifier, max_pool };

constexpr int real_numbers = 32; ///< bits that mean: not quantised
constexpr auto top_code = [](int bits) { return (1 << bits) - 1; };

struct Layer {
  Kind kind{};
  std::string name{};
  Shape in{}, out{};
  int kernel_h = 1, kernel_w = 1, pad = 0; ///< of a convolution or pool
  int bits = real_numbers;                 ///< of the weights, or of a rectifier's codes
  bool symmetric = false;                  ///< weights over +-max|w| instead of SAWB's clip
  Parameter weight{}, bias{}, alpha{};
  Array<float> codes{}; ///< what products are made of: integers, or the weights themselves
  float scale = 1;      ///< weight = scale * code

  bool real() const { return bits == real_numbers; }
  bool has_zero() const { return symmetric || bits == 4 || bits > 5; } ///< among its weight codes
};

struct Net {
  Shape image{};
  float pixel_scale = 1; ///< input = pixel_scale * (pixel code - zero)
  int zero = 0;
  Array<Layer> layers{};

  Shape last_shape() const { return layers.empty() ? image : layers.back().out; }
};

/// What one layer made of one image. Its value is scale * u, and where it is a convolution, a bias
/// is still to be added.
struct Slot {
  Array<float> u{}; ///< sums of products, codes, or pixel codes less the zero point
  double scale = 1;
  Array<double> v{}; ///< of a rectifier, and of a pool behind it: what it rounded
  Array<int> from{}; ///< of a pool: which inputs were the largest
};
using Tape = Array<Slot>; ///< slot 0 is the image, slot i + 1 the output of layer i

// 4 ---- One loop nest, four products -----------------------------------------------------------
//
//     y[o][i][j] = sum over c, a, b of w[o][c][a][b] x[c][i + a - pad][j + b - pad]
//
// A convolution forward, its gradient of the input, its gradient of the weights, and its integer
// form are sums over the same triples (w, y, x). Here is the loop nest that visits them, a row of n
// neighbours at a time; what is done with a row is the caller's. Where a window leaves the image
// there is nothing to add: padding is the number 0.

template <class Row>
void each_row(const Layer& l, Row row) {
  int w = 0;
  for (int o = 0; o < l.out.c; ++o)
    for (int c = 0; c < l.in.c; ++c)
      for (int a = 0; a < l.kernel_h; ++a)
        for (int b = 0; b < l.kernel_w; ++b, ++w) {
          const int shift = b - l.pad; // column j of the output is column j + shift of the input
          const int first = std::max(0, -shift), n = std::min(l.out.w, l.in.w - shift) - first;
          for (int i = 0; i < l.out.h && n > 0; ++i)
            if (const int r = i + a - l.pad; r >= 0 && r < l.in.h)
              row(w, (o * l.out.h + i) * l.out.w + first, (c * l.in.h + r) * l.in.w + first + shift,
                  n);
        }
}

// 5 ---- Few bits -------------------------------------------------------------------------------
//
// Weights become integer codes c and one scale: w_q = scale c. The clip is SAWB's, a line in two
// moments that is fitted to the clip of least squared error, or max|w| where there is no fit
// (first layer, last layer, 8 bits). The grids of 2, 3 and 5 bits have no zero: odd codes -n .. n.

double weight_clip(const Layer& l) {
  double absolute = 0, square = 0, largest = 0;
  for (const double w : l.weight.value) {
    absolute += std::abs(w);
    square += w * w;
    largest = std::max(largest, std::abs(w));
  }
  constexpr int c1[] = {0, 0, 3120, 7509, 12035, 17740}, c2[] = {0, 0, 2064, 6892, 12030, 18640};
  double clip = 0;
  if (!l.symmetric && l.bits <= 5) { // moments as floats: the order of the sums is forgotten
    const auto rms = static_cast<float>(std::sqrt(square / l.weight.value.count()));
    const auto mean = static_cast<float>(absolute / l.weight.value.count());
    clip = (c1[l.bits] * static_cast<double>(rms) - c2[l.bits] * static_cast<double>(mean)) / 1000;
  }
  return clip > 0 ? clip : largest > 0 ? largest : 1;
}

/// Writes the codes of a layer's weights. After every step of the optimiser.
void quantize_weights(Layer& l) {
  l.codes = l.weight.value;
  if (l.real() || l.kind != Kind::convolution) return;
  const double clip = weight_clip(l);
  const int top = l.has_zero() ? top_code(l.bits - 1) : top_code(l.bits);
  const auto range = static_cast<float>(clip), high = static_cast<float>(top), half = high / 2;
  l.scale = static_cast<float>(clip / top);
  for (float& w : l.codes) {
    const float u = std::clamp(w / range, -1.0f, 1.0f);
    w = l.has_zero() ? std::rint(u * high) : 2 * (std::rint((u + 1) * half) - half);
  }
}

/// PACT: a rectifier that clips at alpha and rounds to the codes 0 .. n. In double, and rounded once
/// per operation, so that no machine can disagree about a code (section 11).
double pact_code(double v, double alpha, int bits) {
  const double inverse_step = top_code(bits) / alpha;
  return std::rint(std::clamp(v, 0.0, alpha) * inverse_step);
}

// 6 ---- Forward --------------------------------------------------------------------------------
//
// A convolution multiplies what is stored, codes by codes, and leaves scales outside: its sums are
// exact integers as long as they stay below 2^24. The rectifier behind it computes
//
//     v = m A + t        m = scale of the sums, t = bias of the channel
//
// and rounds once. Pooling takes the largest v: codes of few bits tie, and the gradient should go
// where the number before rounding was largest.

Slot convolve(const Layer& l, const Slot& x) {
  Slot y{.u = Array<float>(l.out.size()), .scale = x.scale * static_cast<double>(l.scale)};
  each_row(l, [&](int w, int to, int from, int n) {
    const float c = l.codes[w], *in = &x.u[from];
    float* const out = &y.u[to];
    for (int k = 0; k < n; ++k) out[k] += c * in[k];
  });
  return y;
}

Slot rectify(const Layer& l, const Slot& x, const Array<float>& bias) {
  Slot y{.u = Array<float>(l.out.size()), .v = Array<double>(l.out.size())};
  const double m = static_cast<float>(x.scale), alpha = l.alpha.value[0];
  for (int i = 0; i < l.out.size(); ++i) {
    const double u = x.u[i], t = bias[i / l.out.plane()], v = u * m + t;
    y.v[i] = v;
    y.u[i] = static_cast<float>(l.real() ? std::max(v, 0.0) : pact_code(v, alpha, l.bits));
  }
  if (!l.real()) y.scale = static_cast<float>(alpha / top_code(l.bits));
  return y;
}

/// Which number of each window is the largest.
template <class T>
Array<int> largest_of_windows(const Layer& l, const Array<T>& v) {
  Array<int> from(l.out.size());
  for (int i = 0; i < l.out.size(); ++i) {
    const int column = i % l.out.w, row = i / l.out.w % l.out.h, channel = i / l.out.plane();
    const int corner = (channel * l.in.h + row * l.kernel_h) * l.in.w + column * l.kernel_w;
    from[i] = corner;
    for (int k = 0; k < l.kernel_h * l.kernel_w; ++k)
      if (const int at = corner + k / l.kernel_w * l.in.w + k % l.kernel_w; v[at] > v[from[i]])
        from[i] = at;
  }
  return from;
}

Slot pool(const Layer& l, const Slot& x) {
  Slot y{.scale = x.scale, .from = largest_of_windows(l, x.v)};
  for (const int at : y.from) y.u.push_back(x.u[at]), y.v.push_back(x.v[at]);
  return y;
}

/// The last layer's bias is rounded to a multiple of its scale, so that the logits of a quantised
/// net are integers times one number.
Array<float> logits_of(const Layer& l, const Slot& y) {
  Array<float> z;
  const double m = static_cast<float>(y.scale);
  for (int k = 0; k < l.out.c; ++k) {
    const double b = l.bias.value[k], sum = y.u[k];
    z.push_back(static_cast<float>(l.real() ? sum * m + b : (sum + std::rint(b / y.scale)) * m));
  }
  return z;
}

/// x: pixel codes less the zero point (for maps also numbers between codes). Returns the logits.
Array<float> forward(const Net& net, const Array<float>& x, Tape& tape) {
  tape.clear();
  tape.push_back({.u = x, .scale = net.pixel_scale});
  for (int i = 0; i < net.layers.count(); ++i) {
    const Layer& l = net.layers[i];
    if (l.kind == Kind::convolution)
      tape.push_back(convolve(l, tape[i]));
    else if (l.kind == Kind::rectifier)
      tape.push_back(rectify(l, tape[i], net.layers[i - 1].bias.value));
    else
      tape.push_back(pool(l, tape[i]));
  }
  return logits_of(net.layers.back(), tape.back());
}

Array<float> input_of(const Net& net, const Digit& digit) {
  Array<float> x;
  for (const int p : digit.pixels) x.push_back(static_cast<float>(p - net.zero));
  return x;
}

// 7 ---- Backward -------------------------------------------------------------------------------
//
// The derivative of rounding is 0 almost everywhere, and nothing would learn. The straight-through
// estimator takes it for 1: gradients pass as if PACT only clipped, and as if weights were not
// rounded at all.
//
//     convolution   dx = w_q dy       dw = x dy       db = sum dy
//     PACT          dv = dy 1[0 < v < alpha]          dalpha = sum dy 1[v >= alpha]
//     pool          dy goes to the largest v

/// Adds the gradients of the parameters, unless only dx is wanted; returns dL/dx.
Array<float> convolve_backward(Layer& l, const Slot& x, const Array<float>& dy, bool learn) {
  Array<float> dx(l.in.size());
  const auto x_scale = static_cast<float>(x.scale);
  each_row(l, [&](int w, int to, int from, int n) {
    const float w_value = l.scale * l.codes[w], *d = &dy[to], *in = &x.u[from];
    float sum = 0, *const out = &dx[from];
    for (int k = 0; k < n; ++k) out[k] += w_value * d[k];
    for (int k = 0; k < n && learn; ++k) sum += d[k] * in[k];
    l.weight.grad[w] += x_scale * sum;
  });
  for (int i = 0; learn && i < l.out.size(); ++i) l.bias.grad[i / l.out.plane()] += dy[i];
  return dx;
}

Array<float> rectify_backward(Layer& l, const Slot& y, Array<float> d, bool learn) {
  const double alpha = l.alpha.value[0];
  for (int i = 0; i < d.count(); ++i) {
    if (learn && y.v[i] >= alpha) l.alpha.grad[0] += d[i];
    if (y.v[i] <= 0 || y.v[i] >= alpha) d[i] = 0;
  }
  return d;
}

/// d: dL/dlogits. Returns dL/dx.
Array<float> backward(Net& net, const Tape& tape, Array<float> d, bool learn) {
  for (int i = net.layers.count() - 1; i >= 0; --i) {
    Layer& l = net.layers[i];
    if (l.kind == Kind::convolution) {
      d = convolve_backward(l, tape[i], d, learn);
    } else if (l.kind == Kind::rectifier) {
      d = rectify_backward(l, tape[i + 1], std::move(d), learn);
    } else {
      Array<float> dx(l.in.size());
      for (int k = 0; k < d.count(); ++k) dx[tape[i + 1].from[k]] += d[k];
      d = std::move(dx);
    }
  }
  return d;
}

// 8 ---- Losses ---------------------------------------------------------------------------------
//
//     CE = -log p_y               dCE/dz_j = p_j - 1[j = y]
//     KL = sum p log(p / q)       dKL/dz~_j = q_j - p_j,   q the softmax of z~, p held fixed
//
// 1 - p_y cancels once a net is sure of itself, so it is summed from the other p_j.

Array<double> softmax(const Array<float>& z) {
  Array<double> p;
  const double largest = *std::max_element(z.begin(), z.end());
  for (const double x : z) p.push_back(std::exp(x - largest));
  const double total = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& x : p) x /= total;
  return p;
}

/// factor * dCE/dz.
Array<float> cross_entropy_gradient(const Array<double>& p, int label, double factor) {
  Array<float> d;
  double others = 0;
  for (int j = 0; j < p.count(); ++j) {
    if (j != label) others += p[j];
    d.push_back(static_cast<float>(factor * p[j]));
  }
  d[label] = static_cast<float>(-factor * others);
  return d;
}

// 9 ---- Learning -------------------------------------------------------------------------------
//
// The step of saliency-guided training (arXiv 2111.14338), for an image x of class y:
//
//     z  = f(x)                                    loss CE(z, y)
//     x~ = x, the half of its positions with the lowest d log p_y / dx replaced by noise
//     z~ = f(x~)                                   loss lambda KL(softmax z || softmax z~)
//
// One pass back from CE gives the gradients of the parameters and the saliency, -dCE/dx. The first
// pass's tape is still there when the second pass runs.

enum class Training { plain, guided, random_mask };

struct Options {
  int bits = 4, images = 2000, epochs = 4;
  Training training = Training::guided;
  double rate = 2e-3, lambda = 1, share = 0.5;
};

/// The image with a share of its positions replaced by random codes from its own range: those of
/// the lowest saliency, and of equal ones any.
Array<float> hide_lowest(const Array<float>& x, const Array<float>& saliency, double share,
                         Random& random) {
  Array<std::pair<float, std::pair<std::uint64_t, int>>> order;
  for (int i = 0; i < x.count(); ++i) order.push_back({saliency[i], {random.next(), i}});
  const int hidden = static_cast<int>(share * x.count());
  std::nth_element(order.begin(), order.begin() + hidden, order.end());
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  const int codes = static_cast<int>(*high - *low) + 1;
  Array<float> masked = x;
  for (int k = 0; k < hidden; ++k)
    masked[order[k].second.second] = *low + static_cast<float>(random.below(codes));
  return masked;
}

/// Adds the gradients of one image's loss; `part` is 1 over the size of the batch.
void learn_from(Net& net, const Digit& digit, double part, Random& random, const Options& o) {
  Tape clean, masked;
  const Array<float> x = input_of(net, digit);
  const Array<double> p = softmax(forward(net, x, clean));
  Array<float> dx = backward(net, clean, cross_entropy_gradient(p, digit.label, part), true);
  if (o.training == Training::plain) return;
  for (float& d : dx) d = o.training == Training::guided ? -d : 0;
  const Array<float> x_masked = hide_lowest(x, dx, o.share, random);
  const Array<double> q = softmax(forward(net, x_masked, masked));
  Array<float> d;
  for (int j = 0; j < q.count(); ++j)
    d.push_back(static_cast<float>(o.lambda * part * (q[j] - p[j])));
  backward(net, masked, std::move(d), true);
}

/// Adam, then new codes. Gradients start again at 0.
void update(Net& net, double rate, int step) {
  const double unbias = std::sqrt(1 - std::pow(0.999, step)) / (1 - std::pow(0.9, step));
  for (Layer& l : net.layers) {
    for (Parameter* p : {&l.weight, &l.bias, &l.alpha})
      for (int i = 0; i < p->value.count(); ++i) {
        float &m = p->mean[i], &v = p->square[i], &g = p->grad[i];
        m += 0.1f * (g - m);
        v += 0.001f * (g * g - v);
        p->value[i] -= static_cast<float>(rate * unbias) * m / (std::sqrt(v) + 1e-8f);
        g = 0;
      }
    for (float& alpha : l.alpha.value) alpha = std::max(alpha, 1e-3f);
    quantize_weights(l);
  }
}

/// alpha starts at the 99.9 % quantile of the positive v of some images, layer by layer, so that
/// each layer sees the codes of those before it.
void calibrate(Net& net, const Array<Digit>& digits, int images) {
  Tape tape;
  for (int i = 0; i < net.layers.count(); ++i) {
    if (net.layers[i].kind != Kind::rectifier) continue;
    Array<double> positive;
    for (int n = 0; n < images; ++n) {
      forward(net, input_of(net, digits[n]), tape);
      for (const double v : tape[i + 1].v)
        if (v > 0) positive.push_back(v);
    }
    std::sort(positive.begin(), positive.end());
    const int at = positive.count() * 999 / 1000;
    if (at > 0) net.layers[i].alpha.value[0] = static_cast<float>(positive[at]);
  }
}

/// Random weights whose sums keep the size of their inputs (He et al., arXiv 1502.01852).
void initialize(Net& net, std::uint64_t seed) {
  Random random{seed};
  for (int n = 0; n < net.layers.count(); ++n) {
    Layer& l = net.layers[n];
    const double inputs = l.in.c * l.kernel_h * l.kernel_w;
    const double range = std::sqrt((n + 1 == net.layers.count() ? 3 : 6) / inputs);
    for (float& w : l.weight.value) w = static_cast<float>(random.uniform(-range, range));
    quantize_weights(l);
  }
}

Layer& add(Net& net, Kind kind, std::string name, const Shape& out) {
  net.layers.push_back({.kind = kind, .name = std::move(name), .in = net.last_shape(), .out = out});
  return net.layers.back();
}

/// kernel 0: the whole image.
Layer& add_convolution(Net& net, std::string name, int out, int kernel = 0, int pad = 0) {
  const Shape in = net.last_shape();
  const int h = kernel ? kernel : in.h, w = kernel ? kernel : in.w;
  Layer& l = add(net, Kind::convolution, std::move(name),
                 {out, in.h + 2 * pad - h + 1, in.w + 2 * pad - w + 1});
  l.kernel_h = h, l.kernel_w = w, l.pad = pad;
  l.weight.resize(out * in.c * h * w);
  l.bias.resize(out);
  return l;
}

Parameter& add_rectifier(Net& net, std::string name, int bits) {
  Layer& l = add(net, Kind::rectifier, std::move(name), net.last_shape());
  l.bits = bits;
  l.alpha.resize(1, l.real() ? 1e30f : 10);
  return l.alpha;
}

void add_pool(Net& net, std::string name, int kernel) {
  const Shape in = net.last_shape();
  Layer& l = add(net, Kind::max_pool, std::move(name), {in.c, in.h / kernel, in.w / kernel});
  l.kernel_h = l.kernel_w = kernel;
}

/// LeNet, with weights and codes of that many bits; the first and the last weights have 8.
Net lenet(int bits) {
  Net net{.image = {1, side, side}, .pixel_scale = 0.015f, .zero = 58};
  add_convolution(net, "conv1", 6, 5, 2).symmetric = true;
  add_rectifier(net, "relu1", bits);
  add_pool(net, "pool1", 2);
  add_convolution(net, "conv2", 16, 5).bits = bits;
  add_rectifier(net, "relu2", bits);
  add_pool(net, "pool2", 2);
  add_convolution(net, "fc1", 84).bits = bits;
  add_rectifier(net, "relu3", bits);
  add_convolution(net, "fc2", 10).symmetric = true;
  for (Layer& l : net.layers)
    if (l.symmetric) l.bits = std::max(bits, 8);
  return net;
}

double accuracy(const Net& net, const Array<Digit>& digits) {
  Tape tape;
  double hits = 0;
  for (const Digit& digit : digits) {
    const Array<float> z = forward(net, input_of(net, digit), tape);
    hits += std::max_element(z.begin(), z.end()) - z.begin() == digit.label;
  }
  return hits / digits.count();
}

Net train(const Options& o, const Array<Digit>& test) {
  constexpr int batch = 20;
  Net net = lenet(o.bits);
  initialize(net, 1);
  Random random{1};
  const Array<Digit> digits = draw_digits(1, o.images);
  if (o.bits != real_numbers) calibrate(net, digits, batch);
  Array<int> order(o.images);
  std::iota(order.begin(), order.end(), 0);
  const int steps = o.epochs * (o.images / batch);
  for (int step = 0, epoch = 0; epoch < o.epochs; ++epoch) {
    shuffle(order, random);
    for (int first = 0; first + batch <= o.images; first += batch, ++step) {
      for (int k = 0; k < batch; ++k)
        learn_from(net, digits[order[first + k]], 1.0 / batch, random, o);
      update(net, o.rate * (1 - static_cast<double>(step) / steps), step + 1);
    }
    std::printf("epoch %d: test accuracy %.1f %%\n", epoch + 1, 100 * accuracy(net, test));
  }
  return net;
}

// 10 ---- Maps ----------------------------------------------------------------------------------
//
// What a pixel has to do with the logit S of a class. Through rounding these are straight-through
// gradients: the true derivative of a step function is 0.

Array<float> logit_gradient(Net& net, const Array<float>& x, int label, Tape& tape) {
  Array<float> seed(forward(net, x, tape).count());
  seed[label] = 1;
  return backward(net, tape, std::move(seed), false);
}

/// The mean gradient on the way from the black image to x, times the way. In a net of real numbers
/// the sum of the map tends to S(x) - S(black).
Array<float> integrated_gradients(Net& net, const Array<float>& x, int label, int steps) {
  const float black = static_cast<float>(-net.zero);
  Tape tape;
  Array<float> map(x.count()), point(x.count());
  for (int t = 0; t < steps; ++t) {
    const float share = (static_cast<float>(t) + 0.5f) / static_cast<float>(steps);
    for (int i = 0; i < x.count(); ++i) point[i] = black + share * (x[i] - black);
    const Array<float> g = logit_gradient(net, point, label, tape);
    for (int i = 0; i < x.count(); ++i)
      map[i] += (x[i] - black) * net.pixel_scale * g[i] / static_cast<float>(steps);
  }
  return map;
}

/// The share of |map| that lies on the evidence. A blank map counts as a uniform one.
double mass_on_evidence(const Array<float>& map, const Array<int>& evidence) {
  double inside = 0, all = 0, marked = 0;
  for (int i = 0; i < map.count(); ++i) {
    all += std::abs(map[i]);
    inside += std::abs(map[i]) * static_cast<float>(evidence[i]);
    marked += evidence[i];
  }
  return all > 0 ? inside / all : marked / map.count();
}

// 11 ---- Integers ------------------------------------------------------------------------------
//
// v = m A + t and PACT are monotone in the integer A, and their values are the codes 0 .. n. So n
// thresholds per channel say everything:  code = how many j have A >= T[j].  They are found by
// bisection, asking the very function of section 6, rounding included. It gives one answer on any
// machine: |A| < 2^29 and the 24 bits of m make 53, so the product is exact, and fusing it with the
// sum changes nothing. (With a batch norm behind the convolution m may be negative; then -A is
// compared.) What is left needs no real number.

struct IntegerLayer {
  Array<int> weights{};    ///< codes
  Array<int> bias{};       ///< of the logits
  Array<int> thresholds{}; ///< [channels, codes], where a rectifier follows
  int codes = 0;           ///< thresholds per channel; 0: the sums are the logits
  int bound = 0;           ///< |A| never exceeds it
};

/// The least A in -bound .. bound + 1 whose code is j or more.
int find_threshold(double m, double t, double alpha, int bits, int j, int bound) {
  int low = -bound, high = bound + 1;
  while (low < high) {
    const int middle = low + (high - low) / 2;
    if (pact_code(middle * m + t, alpha, bits) >= j)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

int accumulator_bound(const Layer& l, int largest_input) { // coarse: signs do not count
  Array<double> sums(l.out.c);
  for (int i = 0; i < l.codes.count(); ++i)
    sums[i / (l.codes.count() / l.out.c)] += std::abs(l.codes[i]);
  const double bound = largest_input * *std::max_element(sums.begin(), sums.end());
  if (bound >= 0x1p29) throw std::runtime_error("layer " + l.name + ": sums of 2^29 or more");
  return static_cast<int>(bound);
}

/// An entry per layer; those of rectifiers and pools stay empty.
Array<IntegerLayer> to_integers(const Net& net) {
  Array<IntegerLayer> integers(net.layers.count());
  double x_scale = net.pixel_scale;
  int largest = std::max(net.zero, 255 - net.zero);
  for (int i = 0; i < net.layers.count(); ++i) {
    const Layer& l = net.layers[i];
    if (l.kind != Kind::max_pool && l.real())
      throw std::runtime_error("layer " + l.name + " has real numbers");
    if (l.kind != Kind::convolution) continue;
    IntegerLayer& to = integers[i];
    for (const float c : l.codes) to.weights.push_back(static_cast<int>(c));
    to.bound = accumulator_bound(l, largest);
    const double scale = x_scale * static_cast<double>(l.scale), m = static_cast<float>(scale);
    if (i + 1 == net.layers.count()) {
      for (const double b : l.bias.value) to.bias.push_back(static_cast<int>(std::rint(b / scale)));
      break;
    }
    const Layer& pact = net.layers[i + 1];
    const double alpha = pact.alpha.value[0];
    to.codes = largest = top_code(pact.bits);
    for (const double t : l.bias.value)
      for (int j = 1; j <= to.codes; ++j)
        to.thresholds.push_back(find_threshold(m, t, alpha, pact.bits, j, to.bound));
    x_scale = static_cast<float>(alpha / to.codes);
  }
  return integers;
}

Array<int> run_layer(const Layer& l, const IntegerLayer& integers, const Array<int>& x) {
  Array<int> y(l.out.size());
  if (l.kind == Kind::max_pool) {
    const Array<int> from = largest_of_windows(l, x);
    for (int i = 0; i < y.count(); ++i) y[i] = x[from[i]];
    return y;
  }
  each_row(l, [&](int w, int to, int from, int n) {
    for (int k = 0; k < n; ++k) y[to + k] += integers.weights[w] * x[from + k];
  });
  for (int i = 0; i < y.count(); ++i) {
    const int* const t = integers.thresholds.data() + i / l.out.plane() * integers.codes;
    if (integers.codes == 0)
      y[i] += integers.bias[i];
    else
      y[i] = static_cast<int>(std::upper_bound(t, t + integers.codes, y[i]) - t);
  }
  return y;
}

/// The output of every layer; a convolution's stands for that of the rectifier behind it, too. The
/// last are the integer logits.
Array<Array<int>> run_integers(const Net& net, const Array<IntegerLayer>& integers,
                               const Array<int>& pixels) {
  Array<Array<int>> values;
  Array<int> x;
  for (const int p : pixels) x.push_back(p - net.zero);
  for (int i = 0; i < net.layers.count(); ++i) {
    if (net.layers[i].kind != Kind::rectifier) x = run_layer(net.layers[i], integers[i], x);
    values.push_back(x);
  }
  return values;
}

// 12 ---- A model file --------------------------------------------------------------------------
//
// safetensors: 8 bytes with the length of a JSON header, the header, the numbers. The header says
// where each tensor lies, and under "__metadata__" there is a text, JSON again, with the layers.

struct Json {
  std::string text{};                                  ///< of a string, a number, true, false
  std::vector<std::pair<std::string, Json>> members{}; ///< of an object, or an array without names

  const Json* find(const std::string& name) const {
    for (const auto& [key, value] : members)
      if (key == name) return &value;
    return nullptr;
  }
  const Json& at(const std::string& name) const {
    if (const Json* const found = find(name)) return *found;
    throw std::runtime_error("model file: no \"" + name + "\"");
  }
  const Json& at(std::size_t i) const { return members.at(i).second; }
  double number() const { return std::stod(text); }
  int integer() const { return std::stoi(text); }
};

/// Reads a value and moves s behind it. Commas and colons say nothing that the order does not.
Json parse(const char*& s) {
  constexpr const char* gaps = " \t\r\n,:";
  Json json;
  s += std::strspn(s, gaps);
  if (*s == '"') {
    for (++s; *s && *s != '"'; ++s) {
      if (*s == '\\' && s[1]) ++s; // of the escapes, \" and \\ stand in texts that are read here
      json.text += *s;
    }
    s += *s == '"';
  } else if (*s == '{' || *s == '[') {
    const char close = *s++ == '{' ? '}' : ']';
    while (s += std::strspn(s, gaps), *s && *s != close) {
      const std::string key = close == '}' ? parse(s).text : "";
      json.members.emplace_back(key, parse(s));
    }
    s += *s == close;
  } else {
    const std::size_t length = std::strcspn(s, " \t\r\n,:]}\"");
    if (length == 0) throw std::runtime_error("model file: the header is damaged");
    json.text.assign(s, length);
    s += length;
  }
  return json;
}

struct File {
  Json header{};
  std::string numbers{};

  explicit File(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error(path + ": cannot be read");
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    std::uint64_t length = 0;
    if (bytes.size() >= 8) std::memcpy(&length, bytes.data(), 8);
    if (bytes.size() < 8 || length > bytes.size() - 8)
      throw std::runtime_error(path + ": not a safetensors file");
    const char* s = bytes.c_str() + 8;
    header = parse(s);
    numbers = bytes.substr(8 + length);
  }

  /// Fills the numbers of a tensor of floats.
  void read(const std::string& name, Array<float>& to) const {
    const Json &tensor = header.at(name), &offsets = tensor.at("data_offsets");
    const double begin = offsets.at(0).number(), end = offsets.at(1).number();
    const std::size_t bytes = to.size() * sizeof(float);
    if (tensor.at("dtype").text != "F32" || end - begin != static_cast<double>(bytes) ||
        !(begin >= 0 && end <= static_cast<double>(numbers.size())))
      throw std::runtime_error("model file: tensor " + name + " has another type or size");
    std::memcpy(to.data(), numbers.data() + static_cast<std::size_t>(begin), bytes);
  }
};

void read_weights(Layer& l, const File& file, const Json& json) {
  file.read(l.name + ".weight", l.weight.value);
  if (json.at("options").at("bias").text == "true") file.read(l.name + ".bias", l.bias.value);
  if (const Json* const weights = json.find("weights")) {
    const std::string& rule = weights->at("quantizer").text;
    if (rule != "sawb" && rule != "symmetric")
      throw std::runtime_error("layer " + l.name + ": no weights by " + rule + " in this file");
    l.bits = weights->at("bits").integer();
    l.symmetric = rule == "symmetric";
  }
  quantize_weights(l);
}

void read_layer(Net& net, const File& file, const Json& json) {
  const std::string &kind = json.at("kind").text, &name = json.at("name").text;
  const Json none, *const given = json.find("options"), &options = given ? *given : none;
  if (kind == "conv2d" && options.at("stride").integer() == 1) {
    read_weights(add_convolution(net, name, options.at("out").integer(),
                                 options.at("kernel").integer(), options.at("pad").integer()),
                 file, json);
  } else if (kind == "linear") {
    read_weights(add_convolution(net, name, options.at("out").integer()), file, json);
  } else if (kind == "pact") {
    file.read(name + ".alpha", add_rectifier(net, name, options.at("bits").integer()).value);
  } else if (kind == "max_pool" && options.at("stride").text == options.at("kernel").text) {
    add_pool(net, name, options.at("kernel").integer());
  } else if (kind != "flatten" && kind != "dropout") { // these change nothing here
    throw std::runtime_error("layer " + name + ": no such " + kind + " in this file");
  }
}

/// A net that the library saved (nn::save_model), quantised in all its layers.
Net read_model(const std::string& path) {
  const File file(path);
  const char* text = file.header.at("__metadata__").at("layers").text.c_str();
  const Json layers = parse(text);
  const Json &input = layers.at(0), &shape = input.at("shape");
  Net net{.image = {shape.at(0).integer(), shape.at(1).integer(), shape.at(2).integer()}};
  net.pixel_scale = static_cast<float>(input.at("scale").number());
  net.zero = input.at("zero_point").at(0).integer();
  for (std::size_t i = 1; i < layers.members.size(); ++i) {
    const Json &layer = layers.at(i), &inputs = layer.at("inputs");
    if (inputs.members.size() != 1 || inputs.at(0).text != layers.at(i - 1).at("name").text)
      throw std::runtime_error("layer " + layer.at("name").text + ": the net is no chain");
    read_layer(net, file, layer);
  }
  return net;
}

// 13 ---- The program ---------------------------------------------------------------------------

/// An image beside its map, in characters, which are twice as high as wide.
void print_map(const Digit& digit, const Array<float>& map) {
  constexpr char ramp[] = " .:-=+*#%@";
  float largest = 1e-30f;
  for (const float x : map) largest = std::max(largest, std::abs(x));
  for (int y = 0; y < side; y += 2) {
    std::string left, right;
    for (int i = y * side; i < (y + 1) * side; ++i) {
      left += ramp[(digit.pixels[i] + digit.pixels[i + side]) * 9 / 510];
      const float both = (std::abs(map[i]) + std::abs(map[i + side])) / (2 * largest);
      right += ramp[static_cast<int>(std::sqrt(both) * 9)];
    }
    std::printf("%s    %s\n", left.c_str(), right.c_str());
  }
}

/// Maps of a net, and those of the same net with random weights: what a map has to beat.
void show_maps(Net& net, const Array<Digit>& digits) {
  Tape tape;
  std::printf("\na %d, and |gradient| of its logit:\n", digits[0].label);
  print_map(digits[0], logit_gradient(net, input_of(net, digits[0]), digits[0].label, tape));
  std::printf("\nshare of the maps on the digit    gradient  integrated  uniform\n");
  Net random = net;
  initialize(random, 99);
  for (Net* one : {&net, &random}) {
    double gradient = 0, integrated = 0, uniform = 0;
    for (const Digit& d : digits) {
      const Array<float> x = input_of(net, d);
      gradient += mass_on_evidence(logit_gradient(*one, x, d.label, tape), d.evidence);
      integrated += mass_on_evidence(integrated_gradients(*one, x, d.label, 8), d.evidence);
      uniform += mass_on_evidence(Array<float>(area), d.evidence);
    }
    const int n = digits.count();
    std::printf("%-31s %10.3f %11.3f %8.3f\n", one == &net ? "this net" : "random weights",
                gradient / n, integrated / n, uniform / n);
  }
}

/// Runs the integers beside the net that was trained; true if nothing differs.
bool show_integers(const Net& net, const Array<Digit>& digits) {
  const Array<IntegerLayer> integers = to_integers(net);
  int bound = 0, bits = 0, compared = 0, different = 0;
  for (int i = 0; i < net.layers.count(); ++i) {
    bound = std::max(bound, integers[i].bound);
    bits += integers[i].weights.count() * net.layers[i].bits;
  }
  Tape tape;
  for (const Digit& digit : digits) {
    const Array<float> z = forward(net, input_of(net, digit), tape);
    const Array<Array<int>> values = run_integers(net, integers, digit.pixels);
    for (int i = 0; i < values.count(); ++i) {
      const bool last = i + 1 == values.count();
      if (net.layers[i].kind == Kind::convolution && !last) continue;
      const double scale = last ? static_cast<float>(tape.back().scale) : 1;
      const Array<float>& trained = last ? z : tape[i + 1].u;
      for (int k = 0; k < trained.count(); ++k, ++compared)
        different += trained[k] != static_cast<float>(values[i][k] * scale);
    }
  }
  std::printf("\nintegers: %d codes and logits compared, %d different\n", compared, different);
  std::printf("weights take %d bytes; sums stay within %d\n", bits / 8, bound);
  return different == 0;
}

int run(int argc, char** argv) {
  constexpr const char* names[] = {"plain", "guided", "random"};
  Options o;
  std::string model;
  for (int i = 1; i < argc; i += 2) {
    const std::string option = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
    const int number = std::atoi(value.c_str());
    const auto named = std::find(names, names + 3, value);
    if (option == "--help")
      return std::puts("one_file [--bits 2..8|32] [--training plain|guided|random] [--images N]\n"
                       "         [--epochs N] [--model FILE] [--help]"),
             0;
    if (option == "--bits" && ((number >= 2 && number <= 8) || number == 32))
      o.bits = number;
    else if (option == "--images" && number >= 20)
      o.images = number;
    else if (option == "--epochs" && number >= 1)
      o.epochs = number;
    else if (option == "--training" && named != names + 3)
      o.training = static_cast<Training>(named - names);
    else if (option == "--model" && !value.empty())
      model = value;
    else
      return std::fprintf(stderr, "one_file: %s: see --help\n", argv[i]), 2;
  }
  Array<Digit> test = draw_digits(2, 500);
  Net net = model.empty() ? train(o, test) : read_model(model);
  if (!model.empty()) std::printf("test accuracy %.1f %%\n", 100 * accuracy(net, test));
  test.resize(50);
  show_maps(net, test);
  return net.layers.back().real() || show_integers(net, test) ? 0 : 1;
}

} // namespace one_file

int main(int argc, char** argv) try {
  return one_file::run(argc, argv);
} catch (const std::exception& e) {
  return std::fprintf(stderr, "one_file: %s\n", e.what()), 1;
}
