// sgq/saliency/metrics/randomization.hpp -- the sanity check that maps depend on what was learned.
//
//     cascading      re-initialise the last layer, then the one below as well, .. down to the first
//     independent    re-initialise one layer at a time, the others as trained
//
// After each step maps are made again and compared with those of the trained net: similarity.hpp,
// one row a step, the layer nearest the output first. A method whose maps stay similar although the
// weights are random does not explain the network. In a quantised net a layer's weights and its
// clip alpha are re-initialised together; say what batch norm does.
// Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018.
#pragma once

#include "sgq/saliency/callable.hpp"
#include "sgq/saliency/metrics/similarity.hpp"

#include <vector>

namespace sgq::saliency {

enum class Randomize { cascading, independent };

/// What the check asks of a net. Layers are numbered from the input.
struct RandomizableNet {
  index_t layers;
  function_ref<void(index_t layer)> reinitialize; ///< random weights in that layer
  function_ref<void()> restore;                   ///< the trained weights in every layer
  function_ref<void(View<float> maps)>
      explain; ///< maps of the chosen images, with the net as it is
};

struct RandomizationStep {
  index_t layer;
  Similarity similarity; ///< to the maps of the trained net
};

/// `maps` is the shape of the maps, [N,H,W]. Expects the trained net and leaves it trained, also
/// where a step throws.
SGQ_COMPILE_ONCE std::vector<RandomizationStep> parameter_randomization(const RandomizableNet& net,
                                                                        Randomize how,
                                                                        const Shape& maps,
                                                                        Values values) {
  if (net.layers < 1)
    throw value_error(
        describe("parameter randomisation", "at least one layer", to_text(net.layers)));
  Tensor<float> trained(maps), randomized(maps);
  net.explain(trained);
  std::vector<RandomizationStep> steps;
  try {
    for (index_t layer = net.layers - 1; layer >= 0; --layer) {
      if (how == Randomize::independent) net.restore();
      net.reinitialize(layer);
      net.explain(randomized);
      steps.push_back({layer, similarity(trained, randomized, values)});
    }
  } catch (...) {
    net.restore();
    throw;
  }
  net.restore();
  return steps;
}

} // namespace sgq::saliency
