// sgq/train/progressive.hpp -- fewer bits stage by stage: a run whose net changes its policy.
//
//     parse_bit_stages("w8a8,w4a4", w2a2)     a third of the run each
//     parse_bit_stages("fp32:0.6", w2a2)      real numbers for the first 60 %
//
// Progressive quantisation: Zhuang et al., arXiv 1711.00205. A stage begins with the weights, the
// batch norm and the clips that the last one learned. An activation that had no clip gets one from
// the batch that the stage begins with (nn::calibrate); LSQ's steps start anew, because their size
// depends on the bits. quantize() makes new layers, so optimisers and averages start anew, too.
//
//     std::optional<Sgd<float>> optimizer;
//     std::size_t stage = stages.size(); // none yet
//     const auto step = [&](const data::Batch<float>& batch, const StepContext& at) {
//       if (const std::size_t now = stage_at(stages, *at.progress); now != stage) {
//         change_bits<float>(net, {.bits = stages[now].bits, .input = grid}, batch.x);
//         optimizer.emplace(net, SgdOptions{});
//         stage = now;
//       }
//       return train_step(net, tape, batch, *optimizer, at);
//     };
#pragma once

#include "sgq/nn/quantize.hpp"

#include <utility>

namespace sgq::train {

/// A policy of bits and the share of the run that is over when it begins.
struct BitStage {
  quant::BitPolicy bits{};
  double start = 0;
};

namespace detail {

/// Policies and the shares after their colons (0: none), not yet parsed.
inline std::vector<std::pair<std::string, double>> split_bit_stages(std::string_view text) {
  std::vector<std::pair<std::string, double>> stages;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    std::string_view item = text.substr(at, end - at);
    at = end + 1;
    const std::size_t colon = std::min(item.find(':'), item.size());
    double share = 0;
    if (colon < item.size() && !(read_number(item.substr(colon + 1), share) && share > 0))
      throw value_error(describe("bits of a stage", "a policy, or POLICY:SHARE of the run",
                                 "'" + std::string(item) + "'"));
    item = item.substr(0, colon);
    if (item.find('=') != item.npos && !stages.empty() && stages.back().second == 0) {
      stages.back().first.append(",").append(item); // another layer's bits
      stages.back().second = share;
    } else {
      stages.emplace_back(item, share);
    }
  }
  return stages;
}

} // namespace detail

/// The stages of a run that ends with the policy `last`. `text` lists the policies before it, each
/// with its share of the run after a colon; those without one, and the last, share equally what is
/// left. Empty text: one stage. Throws value_error on a bad policy, and on shares that leave the
/// last policy nothing.
SGQ_COMPILE_ONCE std::vector<BitStage> parse_bit_stages(std::string_view text,
                                                        const quant::BitPolicy& last) {
  if (text.empty()) return {{last, 0}};
  const auto items = detail::split_bit_stages(text);
  double rest = 1, sharing = 1;
  for (const auto& [policy, share] : items) rest -= share, sharing += share == 0 ? 1 : 0;
  if (!(rest > 1e-9)) // 1 - .7 - .3 is 5.6e-17
    throw value_error(describe("bits of the stages", "shares that add up to less than 1",
                               "'" + std::string(text) + "'"));
  std::vector<BitStage> stages;
  double start = 0;
  for (const auto& [policy, share] : items) {
    stages.push_back({quant::parse_bit_policy(policy, last.first_last), start});
    start += share > 0 ? share : rest / sharing;
  }
  stages.push_back({last, start});
  return stages;
}

/// The stage that a step belongs to, by the share of the run that is done (StepContext::progress).
/// Starts are sums of shares: .1 + .2 is a little more than .3.
inline std::size_t stage_at(const std::vector<BitStage>& stages, double progress) {
  std::size_t stage = 0;
  while (stage + 1 < stages.size() && stages[stage + 1].start <= progress + 1e-9) ++stage;
  return stage;
}

/// Gives the net other bits in the middle of a run, as above; x is a batch [N, C, H, W] of training
/// images. Where options.alpha is set, new clips start there, else at the quantile of their
/// layer's positive inputs. Returns the warnings of quantize(). Throws what it throws, and
/// value_error on an alpha or a quantile out of range, which leave the net as it was; and what
/// calibrate() throws on x, when the bits have changed.
template <class T>
std::vector<std::string> change_bits(nn::Net<T>& net, nn::QuantizeOptions options, ConstView<T> x,
                                     double quantile = 0.999) {
  const std::optional<double> alpha = std::exchange(options.alpha, std::nullopt);
  if (alpha) quant::check_alpha(static_cast<T>(*alpha));
  quant::check_quantile(quantile);
  std::vector<std::string> warnings = nn::quantize(net, options); // keeps the clips there are
  bool missing = false;
  for (const nn::ValueId i : nn::pact_layers(net)) {
    nn::Parameter<T>& clip = *net.layer(i).clip();
    if (clip.written()) continue;
    missing = true;
    if (alpha) clip.edit()[0] = static_cast<T>(*alpha);
  }
  if (missing && !alpha) nn::calibrate<T>(net, x, quantile, nn::Clips::missing);
  net.quantize_weights();
  return warnings;
}

} // namespace sgq::train
